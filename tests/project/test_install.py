"""docs/install.md by its words: an Airflow that is there, the wheel, its Dag file, a run of three pairs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from devstack.project import loopback_without_proxy, project_root
from tests.account import local_account
from tests.nights import night_in, write_pairs
from tests.project.test_wheels import wheel_of

pytestmark = pytest.mark.server
ROOT = project_root()
UV = Path(sys.prefix, "bin", "uv")
OLDER = ["boto3==1.40.0", "numpy==2.2.6", "rich==14.0.0"]
"""What a site may have: none of it is in our lock."""


class Site:
    """An environment with an Airflow, outside of the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "env" / "bin" / "python"
        self.run(UV, "venv", "--quiet", "--python", sys.executable, folder / "env")

    def install(self, *what: str | Path) -> None:
        self.run(UV, "pip", "install", "--quiet", "--python", self.python, *what)

    def versions(self) -> dict[str, str]:
        found = self.run(UV, "pip", "list", "--python", self.python, "--format=json")
        return {each["name"]: each["version"] for each in json.loads(found)}

    def airflow(self, *words: str, **connections: object) -> str:
        named = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(it) for name, it in connections.items()}
        return self.run(self.python.parent / "airflow", *words, **named)

    def run(self, *words: object, **more: str) -> str:
        foreign = ("AIRFLOW_", "PYTHON", "VIRTUAL_ENV", "TENCENTCLOUD_", "MASKMATCH_")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            **more,
        }
        done = subprocess.run(
            [*map(str, words)],
            cwd=self.folder,
            env=loopback_without_proxy(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return an Airflow into which the wheel was installed, and the versions that were there before."""
    folder = tmp_path_factory.mktemp("site")
    site = Site(folder)
    (airflow,) = re.findall(r"(?m)^apache-airflow==[\d.]+", (ROOT / "requirements.txt").read_text())
    site.install(airflow, *OLDER)
    before = site.versions()
    (folder / "dist").mkdir()
    wheel_of(ROOT, folder / "dist")
    site.install(*(folder / "dist").glob("*.whl"))
    return site, before


@pytest.fixture(scope="module")
def dag_file(site):
    """Write the Dag file of the document, for folders on this machine."""
    there, _ = site
    text = (ROOT / "docs" / "install.md").read_text()
    (code,) = re.findall(r"(?s)```python\n(.*?maskmatch\.dags.*?)```", text)
    for name in ("source", "warehouse"):
        code = code.replace(f"s3://faces-1250000000/{name}", f"file://{there.folder}/{name}")
    (there.folder / "airflow" / "dags").mkdir(parents=True)
    (there.folder / "airflow" / "dags" / "faces.py").write_text(code)
    there.airflow("db", "migrate")
    there.airflow("dags", "reserialize")


def test_packages_that_were_there_keep_their_versions(site):
    there, before = site
    after = there.versions()
    assert {name: after.get(name) for name in before} == before
    assert "maskmatch" in after


def test_airflow_lists_the_provider_and_its_connection_types(site):
    there, _ = site
    assert "maskmatch" in there.airflow("providers", "list")
    hooks = there.airflow("providers", "hooks")
    assert {"tencent_iai", "maskmatch_store"} <= set(re.findall(r"\w+", hooks))


def test_three_pairs_run_through_the_dag_of_the_document(site, dag_file):
    there, _ = site
    assert "No data found" in there.airflow("dags", "list-import-errors")
    write_pairs(night_in(there.folder).source, 3)
    with local_account() as local:
        store = f"sqlite:///{there.folder}/permits.sqlite3"
        account = local.connection(budget_calls_per_day=10, permit_store=store)
        told = there.airflow("dags", "test", "faces_nightly", "2026-01-02", tencent_iai_default=account)
        assert local.meter()["billed"] == 3, told[-2000:]
    table = pq.read_table(there.folder / "warehouse/outcomes/current/ds=2026-01-02/data.parquet")
    assert table["outcome"].to_pylist() == ["scored"] * 3


def test_nothing_of_the_checkout_is_on_its_path(site):
    there, _ = site
    found = there.run(there.python, "-c", "import maskmatch; print(maskmatch.__file__)")
    assert found.startswith(str(there.folder))
