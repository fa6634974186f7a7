"""The examples of docs/manifests.md are read, with the result that stands below each."""

import re

import pytest

from devstack.project import project_root
from tests.storage.manifests.reading import read

DOCUMENT = (project_root() / "docs" / "manifests.md").read_text()
EXAMPLES = re.findall(
    r"```(csv|jsonl)\n(.*?)```\n(\d+) pairs?, (\d+) bad rows?(?:: `([^`]*)`)?\n", DOCUMENT, re.DOTALL
)


def test_every_example_has_its_result():
    assert len(EXAMPLES) == len(re.findall(r"^```(?:csv|jsonl)$", DOCUMENT, re.MULTILINE)) >= 5


@pytest.mark.parametrize(("form", "text", "pairs", "bad", "why"), EXAMPLES)
def test_an_example_gives_what_it_says(tmp_path, form, text, pairs, bad, why):
    found = read(tmp_path, f"x.{form}", text)
    assert (len(found.rows), len(found.bad)) == (int(pairs), int(bad))
    assert not why or any(why in row.message for row in found.bad)
