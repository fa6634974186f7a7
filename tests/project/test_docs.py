"""The documents say what is true: generated ones are fresh, commands and links exist."""

import re
from pathlib import Path

import pytest

from devstack.project import project_root
from maskmatch.get_provider_info import get_provider_info
from maskmatch.settings.dictionary import settings_dictionary
from maskmatch.settings.sources import KNOWN_VARIABLES, OTHER_PROGRAMS
from maskmatch.storage.data_dictionary import data_dictionary
from maskmatch.storage.ddl import ddl

ROOT = project_root()
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_data_dictionary_is_that_of_the_schemas():
    assert (ROOT / "docs" / "tables.md").read_text() == data_dictionary(), "run make docs"


def test_the_statements_for_spark_and_trino_are_those_of_the_schemas():
    assert (ROOT / "docs" / "ddl.md").read_text() == ddl(), "run make docs"


def test_the_document_of_the_settings_is_that_of_their_tables():
    assert (ROOT / "docs" / "settings.md").read_text() == settings_dictionary(), "run make docs"


def test_the_settings_have_each_option_of_airflows_configuration():
    [(section, told)] = get_provider_info()["config"].items()
    part = settings_dictionary().partition("## Airflow\n")[2]
    assert f"section `{section}`" in part
    assert not [name for name in told["options"] if f"| `{name}` |" not in part]


def test_the_settings_have_each_variable_that_the_source_names():
    source = "".join(path.read_text() for path in (ROOT / "plugins").rglob("*.py"))
    named = set(re.findall(r"MASKMATCH_[A-Z_]*[A-Z]", source.replace("AIRFLOW__MASKMATCH", "")))
    ours = {name for name in KNOWN_VARIABLES if name.startswith("MASKMATCH_")}
    assert len(named & ours) > 10
    assert not [name for name in (named | ours) - OTHER_PROGRAMS if name not in settings_dictionary()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_and_every_make_command_of_a_document_exists(document: Path):
    text = document.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert (document.parent / link).exists(), link
    for target in re.findall(r"(?:`|^\s*)make ([a-z]+)", text, re.MULTILINE):
        assert target in targets, target


def test_the_readme_starts_with_the_two_commands():
    commands = re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert commands[:2] == ["demo", "test"]


def test_every_failure_code_in_the_source_is_in_the_dictionary():
    source = "".join(path.read_text() for path in (ROOT / "plugins" / "maskmatch").rglob("*.py"))
    used = set(
        re.findall(r"(?:ImageUnusable\(|_unusable\(|code=|BadField\(|Kind\.[A-Z_]+:)\s*\"([a-z_]+)\"", source)
    )
    assert len(used) > 8
    assert not [code for code in used if f"| {code} |" not in data_dictionary()]


@pytest.mark.parametrize("record", sorted((ROOT / "docs" / "adr").glob("*.md")), ids=lambda path: path.stem)
def test_every_module_that_a_decision_names_names_the_decision(record: Path):
    named = re.findall(
        r"`(?:plugins/maskmatch/)?((?:core|engine|permits|storage|tencent|pipeline)/[\w/]+\.py)`",
        record.read_text(),
    )
    modules = [ROOT / "plugins" / "maskmatch" / name for name in named]
    assert not [str(path) for path in modules if path.exists() and record.name not in path.read_text()]
