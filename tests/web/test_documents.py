"""The documents as pages: their links lead somewhere, and nothing else is served."""

import re

import pytest
from fastapi import HTTPException

from devstack.project import project_root
from maskmatch.web.documents import anchor, document, html_of, picture

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
