"""Airflow's page, led in a real browser: sign in, fill in its forms, answer what a task asks."""

from collections.abc import Mapping
from datetime import date
from urllib.parse import quote

from tests.comparemaskface.browser import Tab

_SECONDS = 90
"""A busy host renders late."""
_SUBMIT = "document.querySelector('[data-testid=trigger-dag-submit]')"
DIALOG = "document.querySelector('[data-scope=dialog][data-part=content][data-state=open]')"
"""The script of the dialog that is open."""


def sign_in(tab: Tab, url: str, password: str) -> None:
    """Sign in as admin."""
    tab.open(f"{url}/auth/login")
    for name, text in (("username", "admin"), ("password", password)):
        fill(tab, f"input[name={name}]", text)
    press(tab, "document.querySelector('button[type=submit]')")
    tab.wait("!location.href.includes('login')", seconds=_SECONDS)


def trigger(tab: Tab, url: str, dag_id: str, *, day: str = "", at: str = "", **params: object) -> None:
    """Trigger a Dag by its form, with all as it is preset but for the logical date and some Params."""
    _open_form(tab, url, dag_id)
    submit(tab, day=day, at=at, **params)


def submit(tab: Tab, *, day: str = "", at: str = "", **params: object) -> None:
    """Fill in the form of a single run, which is open, and send it off."""
    tab.wait(_SUBMIT, seconds=_SECONDS)
    if day:
        _enter_date(tab, 0, day, at)
    _enter(tab, params)
    press(tab, _SUBMIT)
    tab.wait(f"!{_SUBMIT}", seconds=_SECONDS)  # the form closes when Airflow has the run


def open_docs(tab: Tab, url: str, dag_id: str) -> str:
    """Open the documentation of a Dag on its page; return its words."""
    tab.open(f"{url}/dags/{dag_id}")
    press(tab, "document.querySelector('button[aria-label=\"Dag Docs\"]')")
    tab.wait(f"{DIALOG}?.innerText.includes('Dag Documentation')", seconds=_SECONDS)
    return str(tab.read(f"{DIALOG}.innerText"))


def open_clear(tab: Tab, url: str, dag_id: str, run_id: str, task: str) -> None:
    """Open the dialog that clears a task of a run, such as `publish` or `compare/mapped/0`."""
    tab.open(f"{url}/dags/{dag_id}/runs/{quote(run_id, safe='')}/tasks/{task}")
    press(tab, "document.querySelector('button[aria-label=\"Press shift+c to clear\"]')")
    tab.wait(f"/Affected Tasks: [1-9]/.test({DIALOG}?.innerText)", seconds=_SECONDS)


def confirm(tab: Tab) -> None:
    """Confirm a dialog, and wait until Airflow has taken it."""
    press(tab, button("Confirm"))
    tab.wait(f"!{DIALOG}", seconds=_SECONDS)


def backfill(
    tab: Tab,
    url: str,
    dag_id: str,
    day: str,
    *,
    runs: str,
    params: Mapping[str, object],
    with_tick: bool = True,
) -> None:
    """Run one date by the form of a backfill, with Params, for which it ticks what sends them.

    :param runs: which of its three choices, by its words, such as "All Runs"
    :param with_tick: False to enter Params and forget the tick
    """
    _open_form(tab, url, dag_id)
    press(tab, _labelled("Backfill"))
    for number in (0, 1):
        _enter_date(tab, number, day)
    press(tab, _labelled(runs))
    if with_tick:
        press(tab, _labelled("Override parameters on existing runs"))
    _enter(tab, params)
    run = button("Run Backfill")
    press(tab, run)
    tab.wait(f"!{run}", seconds=_SECONDS)


def open_question(tab: Tab, url: str, dag_id: str, run_id: str) -> None:
    """Open what the task `approve` of a run asks."""
    run = quote(run_id, safe="")
    tab.open(f"{url}/dags/{dag_id}/runs/{run}/tasks/approve/required_actions")
    tab.wait("document.querySelector('[data-testid^=hitl-option-]')", seconds=_SECONDS)


def answer(tab: Tab, option: str) -> None:
    """Answer the question that is open."""
    choice = f"document.querySelector('[data-testid=hitl-option-{option}]')"
    press(tab, choice)
    tab.wait(f"!{choice} || {choice}.disabled", seconds=_SECONDS)


def edit_connection(tab: Tab, url: str, conn_id: str, *, name: str, text: str) -> None:
    """Put a text into a standard field of a connection, such as its password, and save it."""
    tab.open(f"{url}/connections")
    row = f"[...document.querySelectorAll('tr')].find(each => each.innerText.includes({conn_id!r}))"
    press(tab, f"{row}?.querySelector('button[aria-label=\"Edit Connection\"]')")
    fill(tab, f"[name={name}]", text)
    press(tab, button("Save"))
    tab.wait(f"!{DIALOG}", seconds=_SECONDS)


def press(tab: Tab, button: str) -> None:
    """Press a button, named by a script, once it is there and enabled."""
    tab.wait(f"{button} && !{button}.disabled", seconds=_SECONDS)
    tab.read(f"{button}.click()")


def fill(tab: Tab, selector: str, text: str) -> None:
    """Put a text into a field in place of what it holds, as keys would."""
    field = f"document.querySelector({selector!r})"
    tab.wait(field, seconds=_SECONDS)
    tab.read(f"{field}.focus(); {field}.select()")
    tab.do("Input.insertText", text=text)


def _open_form(tab: Tab, url: str, dag_id: str) -> None:
    tab.open(f"{url}/dags/{dag_id}")
    press(tab, button("Trigger"))
    tab.wait(_SUBMIT, seconds=_SECONDS)


def _enter(tab: Tab, params: Mapping[str, object]) -> None:
    for name, value in params.items():
        field = f"document.querySelector('[name=element_{name}]')"
        tab.wait(field, seconds=_SECONDS)
        if isinstance(value, bool):
            _switch(tab, name, on=value)
        elif tab.read(f"{field}.type") == "hidden":
            _choose(tab, name, str(value))
        elif isinstance(value, date):
            tab.read(f"{field}.focus()")
            _type(tab, f"{value:%m%d%Y}")
        else:
            fill(tab, f"[name=element_{name}]", str(value))


def _switch(tab: Tab, name: str, *, on: bool) -> None:
    if tab.read(f"document.querySelector('[name=element_{name}]').checked") is not on:
        press(tab, f"document.getElementById('switch:element_{name}')")


def _choose(tab: Tab, name: str, option: str) -> None:
    """Choose one of the values that a Param may have, by the keyboard."""
    tab.read(f"document.querySelector('#element_{name} input').focus()")
    tab.press("ArrowDown", code=40)
    options = "[...document.querySelectorAll('[id^=react-select][role=option]')]"
    press(tab, f"{options}.find(each => each.innerText.trim() === {option!r})")


def _type(tab: Tab, text: str) -> None:
    for character in text:
        tab.press(character, code=ord(character), text=character)


def _enter_date(tab: Tab, number: int, day: str, at: str = "") -> None:
    """Choose a day in one of the dates of the form, whose field opens a calendar, and a time of it."""
    press(tab, f"document.querySelectorAll('[data-testid=datetime-input]')[{number}]")
    fill(tab, "[role=dialog] input[placeholder='YYYY/MM/DD']", day.replace("-", "/"))
    tab.press("Enter", code=13, text="\r")
    if at:
        fill(tab, "[role=dialog] input[placeholder='HH:mm']", at)
        tab.press("Enter", code=13, text="\r")
    tab.press("Escape", code=27)


def button(text: str) -> str:
    """Return the script of the button with a text."""
    return f"[...document.querySelectorAll('button')].find(each => each.innerText.trim() === {text!r})"


def _labelled(text: str) -> str:
    """Return the script of the label, of a radio or a tick, whose first line is a text."""
    first = "each.innerText.trim().split('\\n')[0]"
    return f"[...document.querySelectorAll('label')].find(each => {first} === {text!r})"
