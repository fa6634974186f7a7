"""The documents as pages: their links lead somewhere, and a Dag's page leads to the runbook in a browser."""

import re

import pytest
from fastapi import HTTPException

from devstack.project import project_root
from maskmatch.web.documents import anchor, document, html_of, picture
from tests.comparemaskface.browser import CHROMIUM
from tests.demo.page import DIALOG, open_docs, press
from tests.waiting import wait_until
from tests.web.conftest import DAG
from tests.web.test_in_browser import FRAME, go, wait_for_frame

DOCS = project_root() / "docs"
DOCUMENTS = sorted(path.name for path in DOCS.glob("*.md"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_of_a_document_leads_to_a_heading_or_picture_that_is_installed(name):
    links = re.findall(r'(?:href|src)="(?!https:)([^"]*)"', html_of((DOCS / name).read_text()))
    for address, _, heading in (link.partition("#") for link in links):
        if address.startswith("pictures/"):
            assert picture(address.removeprefix("pictures/").removesuffix(".png")).body
        else:
            page = document((address or name).removesuffix(".md"))
            assert f'id="{heading}"' in page or not heading, (address, heading)


def test_the_runbook_is_whole_and_its_words_are_no_html():
    page = document("operations")
    assert page.count("<table>") == page.count("</table></div>") > 10
    assert "ds=&lt;date&gt;" in page
    assert "nightly.py" in page
    assert "../" not in page


def test_headings_are_named_as_on_github():
    assert anchor("Airflow's database was lost, or `x_y`-z") == "airflows-database-was-lost-or-x_y-z"


@pytest.mark.parametrize("name", ["../operations", "none", "adr/0001-dependencies", ""])
def test_nothing_else_is_served(name):
    for serve in (document, picture):
        with pytest.raises(HTTPException):
            serve(name)


@pytest.mark.server
@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium")
def test_the_documentation_of_each_dag_leads_to_the_runbook_with_its_pictures(admin_tab, site):
    tab, address = admin_tab, f"{site.airflow.url}/maskmatch/docs/operations.md"
    for dag_id in (DAG, "republish", "redrive_failures"):
        open_docs(tab, site.airflow.url, dag_id)
        assert tab.read(f"{DIALOG}.querySelector('a').href") == address
    press(tab, f"{DIALOG}.querySelector('a')")

    def opened():
        return [each["url"] for each in tab.do("Target.getTargets")["targetInfos"] if each["url"] == address]

    wait_until(opened, "the new tab", seconds=60)
    tab.open(address)
    tab.wait("document.querySelector('h1')?.innerText === 'Operations'")
    tab.wait("document.images.length && [...document.images].every(each => each.naturalWidth > 0)")


@pytest.mark.server
@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium")
def test_our_page_leads_to_the_runbook_within_airflows_frame(admin_tab, site):
    go(admin_tab, site, "/plugin/maskmatch")
    wait_for_frame(admin_tab, "Runbook")
    admin_tab.read(f"[...{FRAME}.querySelectorAll('a')].find(each => each.innerText === 'Runbook').click()")
    wait_for_frame(admin_tab, "Running dates again")
