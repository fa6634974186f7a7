"""Words that have another name now, or say nothing, do not come back into what users read."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from devstack.project import project_root

ROOT = project_root()
WORDS = {
    "[Nn]one of ours": "say whose it is",
    "[Bb]e told": "say who tells whom what",
    "is none": "say what is wrong with it",
    "[Ss]ay whether": "Return True if ...",
    "[Uu]nder way": "in flight",
    "[Bb]roker": "permit store, or the coordinator",
}
HISTORY = ("CHANGELOG.md", "docs/adr/", "plugins/maskmatch/core/renamed.py")
"""What may name the former names."""
FORMER_NAMES = re.compile(
    r"broker\.sqlite3|--broker\b|MASKMATCH_BROKER|`broker(_password)?`|celery\S*\W+broker", re.IGNORECASE
)
"""What refuses them, and what other people call so."""

TEXTS = [
    *(
        path
        for folder in ("plugins", "services", "devstack", "dags")
        for path in (ROOT / folder).rglob("*.py")
    ),
    *(path for folder in ("docs", "services") for path in (ROOT / folder).rglob("*.md")),
    ROOT / "README.md",
]


@cache
def texts_of(path: Path) -> list[tuple[int, str]]:
    """Return what a reader or a user sees, with its line: docstrings and messages, or a document."""
    if path.suffix != ".py":
        return [(1, path.read_text())]
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
    return [(node.lineno, node.value) for node in nodes if isinstance(node.value, str)]


def found_in(path: Path, word: str) -> Iterator[str]:
    """Yield each place where a word stands."""
    words = r"\s+".join(word.split())  # which may stand on two lines
    pattern = re.compile(rf"(?<!\w)(?<!there ){words}s?(?!\w)")
    for line, text in texts_of(path):
        for hit in pattern.finditer(FORMER_NAMES.sub("", text)):
            at = line + text.count("\n", 0, hit.start())
            yield f"{path.relative_to(ROOT)}:{at}: {hit.group()}"


@pytest.mark.parametrize("word", WORDS, ids=lambda word: re.sub(r"\[\w(\w)\]", r"\1", word))
def test_a_word_that_has_gone_stays_away(word):
    read = [path for path in TEXTS if not path.relative_to(ROOT).as_posix().startswith(HISTORY)]
    assert len(read) > 100
    found = [hit for path in read for hit in found_in(path, word)]
    assert not found, f"{WORDS[word]}:\n" + "\n".join(found)
