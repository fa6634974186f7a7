"""The pages as a person sees them: in Airflow's frame, light and dark, on a desk and on a phone."""

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.comparemaskface.browser import CHROMIUM, chromium
from tests.web.conftest import DAG, DONE, FAILED, UNDER_WAY

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium"),
]
SLOW_SECONDS = 120  # Airflow's own page takes long to load on a busy machine
FRAME = "document.querySelector('iframe')?.contentDocument"
GROUNDS = {"Dark Mode": "rgb(22, 29, 45)", "Light Mode": "rgb(255, 255, 255)"}
LEAST_CONTRAST = 4.5  # https://www.w3.org/TR/WCAG22/#contrast-minimum
CONTRASTS = """(() => {
  const channel = (part) => {
    const c = part / 255;
    return c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  };
  const light = (text) => { const [r, g, b] = text.match(/[\\d.]+/g).map(Number);
    return .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b); };
  const ground = (node) => { for (; node; node = node.parentElement) {
    const colour = getComputedStyle(node).backgroundColor;
    if (!/rgba\\(.*, 0\\)|transparent/.test(colour)) return colour; } return "rgb(255,255,255)"; };
  const poor = [];
  for (const node of document.querySelectorAll("main *")) {
    if (![...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(ground(node))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < LEAST) poor.push(node.tagName + ": " + node.textContent.trim().slice(0, 40));
  }
  return poor;
})()""".replace("LEAST", str(LEAST_CONTRAST))


@pytest.fixture
def tab(tmp_path):
    with chromium(tmp_path) as tab:
        tab.do("Network.enable")
        tab.size(1280, 900)
        yield tab


def sign_in(tab, site, user):
    tab.do("Network.setCookie", name="_token", value=site.token(user), url=site.airflow.url)


def go(tab, site, path):
    tab.do("Page.navigate", url=site.airflow.url + path)


def wait_for_frame(tab, text, *, seconds=SLOW_SECONDS):
    tab.wait(f"{FRAME}?.body?.innerText.includes({text!r})", seconds=seconds)


def errors(tab):
    return [event for event in tab.events if event["method"] == "Runtime.exceptionThrown"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_readable_and_none_scrolls_sideways(tab, site, theme):
    sign_in(tab, site, "op")
    pages = [
        "/maskmatch/",
        "/maskmatch/docs/operations.md",
        f"/maskmatch/runs?dag_id={DAG}",
        *map(site.run_page, (DONE, UNDER_WAY, FAILED)),
    ]
    tab.open(f"{site.airflow.url}/maskmatch/")
    tab.read(f"localStorage.setItem('theme', {theme!r})")
    for width, height in ((1280, 900), (390, 844), (320, 640)):
        tab.size(width, height, dark=theme == "light")  # the system's choice is the other one
        for path in pages:
            tab.open(site.airflow.url + path)
            tab.wait("document.styleSheets.length && document.querySelector('h1')")
            assert tab.read("document.documentElement.scrollWidth <= innerWidth"), (path, width)
            assert tab.read(CONTRASTS) == [], path
            ground = tab.read("getComputedStyle(document.body).backgroundColor")
            assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 29, 45)"}[theme]
    assert errors(tab) == []


def test_every_control_has_a_name_and_every_table_its_headings(tab, site):
    sign_in(tab, site, "op")
    for path in ("/maskmatch/", "/maskmatch/docs/operations.md", site.run_page(UNDER_WAY)):
        tab.open(site.airflow.url + path)
        nameless = tab.read(
            "[...document.querySelectorAll('button, input:not([type=hidden]), select, progress, a')].filter("
            "(each) => !(each.textContent.trim() || each.ariaLabel || each.labels?.length)).length"
        )
        assert nameless == 0
        assert tab.read(
            "[...document.querySelectorAll('table')].every((each) => each.querySelector('th[scope]'))"
        )


def test_the_page_is_in_airflows_bar_and_an_order_is_given_there(tab, site):
    sign_in(tab, site, "op")
    go(tab, site, "/")
    tab.wait("document.querySelector('a[href$=\"/plugin/maskmatch\"]')", seconds=SLOW_SECONDS)
    tab.read("document.querySelector('a[href$=\"/plugin/maskmatch\"]').click()")
    wait_for_frame(tab, "What this server needs")
    press = f"[...{FRAME}.querySelectorAll('button')].find((each) => each.textContent.trim() === %r).click()"
    tab.read(press % "Pause all runs")
    wait_for_frame(tab, "by op in Airflow at")
    tab.read(press % "Resume all runs")
    tab.wait(f"!{FRAME}.body.innerText.includes('Paused: all runs by')", seconds=SLOW_SECONDS)
    assert errors(tab) == []


def test_a_run_under_way_moves_on_by_itself_in_a_tab_one_click_from_the_grid(tab, site):
    sign_in(tab, site, "view")
    go(tab, site, site.airflow_run(UNDER_WAY))
    route = "/plugin/maskmatch-run"
    tab.wait(f"document.querySelector('a[href$=\"{route}\"]')", seconds=SLOW_SECONDS)
    tab.read(f"document.querySelector('a[href$=\"{route}\"]').click()")
    wait_for_frame(tab, "of 1,701 pairs")
    before = tab.read(f"{FRAME}.querySelector('#now').innerText")
    tab.wait(f"{FRAME}.querySelector('#now').innerText !== {before!r}", seconds=SLOW_SECONDS)
    assert tab.read(f"{FRAME}.querySelectorAll('form').length") == 0
    go(tab, site, f"{site.airflow_run(UNDER_WAY)}/tasks/compare/mapped/0/plugin/maskmatch-task-instance")
    wait_for_frame(tab, "task compare")
    assert tab.read(f"{FRAME}.body.innerText.includes('(this one)')")


def test_the_buttons_of_a_task_lead_to_the_parts_of_the_page_of_its_run(tab, site):
    sign_in(tab, site, "view")
    for name in ("Plan", "Table", "Failures"):
        go(tab, site, f"{site.airflow_run(DONE)}/tasks/compare/mapped/0/details")
        link = f"[...document.querySelectorAll('a')].find(each => each.innerText.trim() === {name!r})"
        tab.wait(link, seconds=SLOW_SECONDS)
        tab.read(f"{link}.click()")
        tab.wait(f"location.href.endsWith({site.run_page(DONE) + '#' + name.lower()!r})", seconds=60)
        tab.wait(f"document.querySelector(location.hash)?.innerText.startsWith({name!r})")


def test_a_link_to_a_run_leads_airflows_own_page_there_out_of_the_frame(tab, site):
    sign_in(tab, site, "view")
    go(tab, site, f"/dags/{DAG}/tasks/compare/plugin/maskmatch-task")
    wait_for_frame(tab, f"Runs of {DAG}")
    tab.read(f"{FRAME}.querySelector('tbody a').click()")
    wait_for_frame(tab, "Tasks that compare")
    tab.read(f"{FRAME}.querySelector('a[data-airflow]').click()")
    tab.wait(f"decodeURIComponent(location.pathname) === decodeURIComponent({expected(site)!r})", seconds=60)


def expected(site):
    return f"/dags/{DAG}/runs/{quote(site.runs[UNDER_WAY], safe='')}"


def test_the_tab_of_a_run_follows_airflows_own_switch_and_fits_a_phone(tab, site):
    sign_in(tab, site, "op")
    go(tab, site, f"{site.airflow_run(UNDER_WAY)}/plugin/maskmatch-run")
    wait_for_frame(tab, "of 1,701 pairs")
    for mode, ground in GROUNDS.items():
        choose_theme(tab, mode)
        tab.wait(f"{FRAME}?.body && getComputedStyle({FRAME}.body).backgroundColor === {ground!r}")
        wait_for_frame(tab, "of 1,701 pairs")
    for width in (390, 320):
        tab.size(width, 844)
        assert tab.read(f"{FRAME}.documentElement.scrollWidth <= {FRAME}.documentElement.clientWidth"), width
    assert errors(tab) == []


def choose_theme(tab, mode):
    """Choose light or dark in Airflow's menu, by the keyboard."""
    tab.read(
        "[...document.querySelectorAll('button')].find((each) => each.innerText.trim() === 'User').focus()"
    )
    tab.press("Enter", code=13, text="\r")
    wait_for_entry(tab, "Select Language")
    tab.press("ArrowDown", code=40)
    wait_for_entry(tab, "Appearance")
    tab.press("ArrowRight", code=39)
    entries = "[...document.querySelectorAll('[role^=menuitem]')]"
    item = f"{entries}.find((each) => each.innerText.trim() === {mode!r})"
    tab.wait(item)
    tab.read(f"{item}.click()")


def wait_for_entry(tab, text):
    tab.wait(f"document.querySelector('[role=menuitem][data-highlighted]')?.innerText.trim() === {text!r}")


def test_who_is_signed_out_while_looking_is_told(tab, site):
    sign_in(tab, site, "view")
    tab.open(site.airflow.url + site.run_page(DONE))
    tab.do("Network.clearBrowserCookies")
    tab.wait("document.getElementById('status').textContent.includes('You are signed out')", seconds=60)


def test_pictures_of_the_docs_are_small():
    pictures = list((Path(__file__).parents[2] / "docs" / "pictures").glob("*.png"))
    assert pictures
    assert all(picture.stat().st_size < 200_000 for picture in pictures)
