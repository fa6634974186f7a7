"""Every module has a room, and tests and benchmarks are two houses."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.project import project_root

ROOT = project_root()


def lint_imports(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Check the contracts of pyproject.toml over the package in a folder."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "plugins")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("room", ["maskmatch", "maskmatch/permits"])
def test_a_module_without_a_room_is_named(room, tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "plugins" / "maskmatch", tmp_path / "plugins" / "maskmatch", ignore=ignored)
    (tmp_path / "plugins" / room / "stray.py").write_text('"""A module in nobody\'s room."""\n')
    checked = lint_imports(tmp_path)
    assert checked.returncode != 0
    assert f"{room.replace('/', '.')}.stray" in checked.stdout + checked.stderr


@pytest.mark.parametrize(("house", "other"), [("tests", "benchmarks"), ("benchmarks", "tests")])
def test_tests_and_benchmarks_do_not_import_each_other(house, other):
    files = list((ROOT / house).rglob("*.py"))
    assert len(files) > 10
    assert not [f"{file}: {name}" for file in files for name in imported(file) if name.split(".")[0] == other]


def imported(file: Path) -> list[str]:
    """Return the modules that a file imports, at its top or later."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return names + [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
