"""What is built for users holds what they need, and nothing of ours."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from devstack.project import project_root

ROOT = project_root()


def wheel_of(project: Path, folder: Path) -> set[str]:
    """Build a project's wheel from a copy, for building leaves files beside the sources; return its names."""
    kept = shutil.ignore_patterns("__pycache__", ".[!a]*", "build", "*.egg-info")
    copied = folder / "copy"
    copied.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        if (project / name).exists():
            shutil.copy(project / name, copied)
    for name in ("plugins", "src", "devstack", "tests", "services", "demo", "benchmarks", "dags"):
        if (project / name).is_dir():
            shutil.copytree(project / name, copied / name, ignore=kept)
    command = "import sys, setuptools.build_meta as build; build.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", command, str(folder)], cwd=copied, capture_output=True, check=True)
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_of_maskmatch_holds_all_of_its_package_and_nothing_else(tmp_path):
    names = wheel_of(ROOT, tmp_path)
    sources = {path.relative_to(ROOT / "plugins").as_posix() for path in (ROOT / "plugins").rglob("*.py")}
    assert (
        sources
        | {
            "maskmatch/.airflowignore",
            "maskmatch/py.typed",
            "maskmatch/core/codes.csv",
            "maskmatch/core/store_codes.csv",
            "maskmatch/web/docs/operations.md",
            "maskmatch/web/docs/pictures/runbook-plan-log.png",
        }
        <= names
    )
    assert {name.split("/")[0].split("-")[0] for name in names} == {"maskmatch"}


def test_the_wheel_of_the_local_service_holds_its_page_and_its_types(tmp_path):
    names = wheel_of(ROOT / "services" / "comparemaskface", tmp_path)
    assert {"comparemaskface/web/page.html", "comparemaskface/py.typed"} <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"comparemaskface"}
