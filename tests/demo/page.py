"""Airflow's page, led in a real browser: sign in, and trigger a Dag with all as it is preset."""

from tests.comparemaskface.browser import Tab

_SECONDS = 90
"""A busy host renders late."""


def sign_in(tab: Tab, url: str, password: str) -> None:
    """Sign in as admin."""
    tab.open(f"{url}/auth/login")
    for name, text in (("username", "admin"), ("password", password)):
        field = f"document.querySelector('input[name={name}]')"
        tab.wait(field, seconds=_SECONDS)
        tab.read(f"{field}.focus()")
        tab.do("Input.insertText", text=text)
    press(tab, "document.querySelector('button[type=submit]')")
    tab.wait("!location.href.includes('login')", seconds=_SECONDS)


def trigger(tab: Tab, url: str, dag_id: str) -> None:
    """Open the page of a Dag, press Trigger, and in the form Trigger again."""
    tab.open(f"{url}/dags/{dag_id}")
    press(tab, "[...document.querySelectorAll('button')].find(each => each.innerText.trim() === 'Trigger')")
    submit = "document.querySelector('[data-testid=trigger-dag-submit]')"
    press(tab, submit)
    tab.wait(f"!{submit}", seconds=_SECONDS)  # the form closes when Airflow has the run


def press(tab: Tab, button: str) -> None:
    """Press a button, named by a script, once it is there and enabled."""
    tab.wait(f"{button} && !{button}.disabled", seconds=_SECONDS)
    tab.read(f"{button}.click()")
