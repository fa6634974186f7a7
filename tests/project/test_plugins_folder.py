"""A copy of the package in Airflow's plugins folder, where Airflow executes whatever file it sees."""

import shutil
import subprocess
import sys
from textwrap import dedent

import pytest

from devstack.project import project_root

LOAD = """
    import sys

    from airflow._shared.plugins_manager.plugins_manager import _load_plugins_from_plugin_directory

    sys.argv = ["airflow", "version"]
    before = set(sys.modules)
    folder, syntax = sys.orig_argv[-2:]
    plugins, errors = _load_plugins_from_plugin_directory(folder, ignore_file_syntax=syntax)
    print(len(plugins), sorted(errors), sorted(name for name in set(sys.modules) - before if "." not in name))
"""


def load(folder, syntax):
    command = [sys.executable, "-c", dedent(LOAD), str(folder), syntax]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def copied(tmp_path):
    source = project_root() / "plugins" / "maskmatch"
    return shutil.copytree(source, tmp_path / "maskmatch", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.mark.parametrize("syntax", ["glob", "regexp"])
def test_airflow_executes_no_file_of_a_copy(copied, syntax):
    done = load(copied.parent, syntax)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0 [] []"
    assert "Ignoring invalid" not in done.stderr + done.stdout


@pytest.mark.slow
def test_a_copy_that_has_lost_its_ignore_file_does_not_end_airflow(copied):
    (copied / ".airflowignore").unlink()
    done = load(copied.parent, "glob")
    assert done.returncode == 0, done.stderr
    assert "usage: " not in done.stdout + done.stderr


def test_no_file_that_airflow_would_execute_lies_outside_the_package():
    plugins = project_root() / "plugins"
    ignored = (plugins / ".airflowignore").read_text().split()
    assert all(f"{folder.name}/" in ignored for folder in plugins.iterdir() if folder.is_dir())
    assert not list(plugins.glob("*.py"))
