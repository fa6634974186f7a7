"""The documents of `docs/` as pages: the runbook of the installed version, wherever Airflow runs."""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse, Response
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from maskmatch.web.rendering import render

router = APIRouter()
_HERE = re.compile(r"https://|#|[\w-]+\.md(#|$)|pictures/")
"""What a document may lead to; sources and decisions are not installed."""


@router.get("/docs/{name}.md", response_class=HTMLResponse)
def document(name: str) -> str:
    """Show a document."""
    text = _find(_documents(), f"{name}.md").read_text(encoding="utf-8")
    return render("document.html", title=text.partition("\n")[0].lstrip("# "), text=html_of(text))


@router.get("/docs/pictures/{name}.png")
def picture(name: str) -> Response:
    """Return a picture of a document."""
    content = _find(_documents().joinpath("pictures"), f"{name}.png").read_bytes()
    return Response(content, media_type="image/png")


def html_of(text: str) -> Markup:
    """Return a document as HTML: headings can be linked to as on GitHub, and HTML in it is text."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and after:
            token.attrSet("id", anchor(after.content))
        elif token.type == "th_open":
            token.attrSet("scope", "col")
        _unlink_others(token.children or [])
    html = str(parser.renderer.render(tokens, parser.options, {}))
    return Markup(  # noqa: S704  the parser escapes all text
        html.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    )


def anchor(heading: str) -> str:
    """Return the name by which a heading is linked to."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _unlink_others(tokens: list[Token]) -> None:
    """Leave the words alone of a link that leads nowhere from here."""
    leads_here = True
    for token in tokens:
        if token.type == "link_open":
            leads_here = bool(_HERE.match(str(token.attrGet("href"))))
        if token.type in ("link_open", "link_close") and not leads_here:
            token.tag, token.attrs = "span", {}


def _documents() -> Traversable:
    return files(__package__).joinpath("docs")


def _find(folder: Traversable, name: str) -> Traversable:
    """Return the file of this very name; raise 404 if the folder has none."""
    for each in folder.iterdir():
        if each.name == name:
            return each
    raise HTTPException(404, "There is no such document.")
