"""Airflow's page, led in a real browser: sign in, fill in its forms, answer what a task asks."""

from collections.abc import Mapping
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


def trigger(tab: Tab, url: str, dag_id: str, **params: object) -> None:
    """Trigger a Dag by its form, with all as it is preset but for some Params."""
    _open_form(tab, url, dag_id)
    _enter(tab, params)
    press(tab, _SUBMIT)
    tab.wait(f"!{_SUBMIT}", seconds=_SECONDS)  # the form closes when Airflow has the run


def open_docs(tab: Tab, url: str, dag_id: str) -> str:
    """Open the documentation of a Dag on its page; return its words."""
    tab.open(f"{url}/dags/{dag_id}")
    press(tab, "document.querySelector('button[aria-label=\"Dag Docs\"]')")
    tab.wait(f"{DIALOG}?.innerText.includes('Dag Documentation')", seconds=_SECONDS)
    return str(tab.read(f"{DIALOG}.innerText"))


def backfill(tab: Tab, url: str, dag_id: str, day: str, *, runs: str, params: Mapping[str, object]) -> None:
    """Run one date by the form of a backfill, with Params, for which it ticks what sends them.

    :param runs: which of its three choices, by its words, such as "All Runs"
    """
    _open_form(tab, url, dag_id)
    press(tab, _labelled("Backfill"))
    for number in (0, 1):
        _enter_date(tab, number, day)
    press(tab, _labelled(runs))
    press(tab, _labelled("Override parameters on existing runs"))
    _enter(tab, params)
    run = button("Run Backfill")
    press(tab, run)
    tab.wait(f"!{run}", seconds=_SECONDS)


def answer(tab: Tab, url: str, dag_id: str, run_id: str, option: str) -> None:
    """Answer what the task `approve` of a run asks, in its form."""
    run = quote(run_id, safe="")
    tab.open(f"{url}/dags/{dag_id}/runs/{run}/tasks/approve/required_actions")
    choice = f"document.querySelector('[data-testid=hitl-option-{option}]')"
    press(tab, choice)
    tab.wait(f"!{choice} || {choice}.disabled", seconds=_SECONDS)


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
        fill(tab, f"[name=element_{name}]", str(value))


def _enter_date(tab: Tab, number: int, day: str) -> None:
    """Choose a day in one of the two dates of the form, whose field opens a calendar."""
    press(tab, f"document.querySelectorAll('[data-testid=datetime-input]')[{number}]")
    fill(tab, "[role=dialog] input[placeholder='YYYY/MM/DD']", day.replace("-", "/"))
    tab.press("Enter", code=13, text="\r")
    tab.press("Escape", code=27)


def button(text: str) -> str:
    """Return the script of the button with a text."""
    return f"[...document.querySelectorAll('button')].find(each => each.innerText.trim() === {text!r})"


def _labelled(text: str) -> str:
    """Return the script of the label, of a radio or a tick, whose first line is a text."""
    first = "each.innerText.trim().split('\\n')[0]"
    return f"[...document.querySelectorAll('label')].find(each => {first} === {text!r})"
