import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from devstack.airflow import AirflowStack
from devstack.connections import connections
from devstack.postgres import Postgres
from devstack.project import project_root
from devstack.seaweed import Seaweed
from devstack.service import LocalService
from maskmatch.storage.object_stores import S3Store
from tests.comparemaskface.browser import Tab, chromium
from tests.demo.page import sign_in
from tests.nights import write_pairs
from tests.s3 import client_of
from tests.waiting import wait_until

DAG, ACCOUNT = "nightly_comparison", "tencent_iai_default"
SMALL_DAY = "small_day"
"""A Dag, and the connection of its account."""
USERS = {"admin": "admin", "op": "op", "user": "user", "view": "viewer"}
DONE, UNDER_WAY, FAILED = (date(2026, 6, number) for number in (1, 2, 3))


@dataclass(frozen=True)
class Site:
    """A running Airflow with a user of each role and three runs: one done, one under way, one failed."""

    airflow: AirflowStack
    service: LocalService
    passwords: dict[str, str]
    runs: dict[date, str]

    def token(self, user: str) -> str:
        """Sign a user in and return the token."""
        body = {"username": user, "password": self.passwords[user]}
        answer = httpx.post(f"{self.airflow.url}/auth/token", json=body, trust_env=False, timeout=60)
        return str(answer.json()["access_token"])

    def client(self, user: str | None = None) -> httpx.Client:
        """Return a browser's worth of requests by a user: the cookie, and the origin of Airflow's page."""
        cookies = {"_token": self.token(user)} if user else {}
        own = {"Origin": self.airflow.url, "Sec-Fetch-Site": "same-origin"}
        return httpx.Client(
            base_url=self.airflow.url, cookies=cookies, headers=own, trust_env=False, timeout=60
        )

    def order(self, what: str, run_id: str) -> httpx.Response:
        """Give an order on the page; one to a run that has ended is refused."""
        body = {"account": ACCOUNT, "order": what, "run": run_id}
        with self.client("admin") as admin:
            return admin.post("/maskmatch/orders", json=body)

    @contextmanager
    def nobody_else(self) -> Iterator[None]:
        """Keep the run under way from taking the rate."""
        self.order("pause", self.runs[UNDER_WAY])
        try:
            yield
        finally:
            self.order("resume", self.runs[UNDER_WAY])

    def run_page(self, day: date) -> str:
        """Return the path of our page of a run."""
        return f"/maskmatch/run?dag_id={DAG}&run_id={quote(self.runs[day], safe='')}"

    def airflow_run(self, day: date) -> str:
        """Return the path of a run in Airflow's own page."""
        return f"/dags/{DAG}/runs/{quote(self.runs[day], safe='')}"


@pytest.fixture(scope="package")
def site(seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("site")
    service = LocalService(home / "service", scores="hash", latency_ms=20, calls_per_second=200, admin=True)
    passwords = {user: f"{user} signs in" for user in USERS}
    (home / "passwords.json").write_text(json.dumps(passwords))
    roles = ",".join(f"{user}:{role}" for user, role in USERS.items())
    database = Postgres(home / "postgres")  # on SQLite a backfill fails now and then while tasks run
    airflow = AirflowStack(
        home / "airflow",
        database=database,
        dags=_dags(home / "dags"),
        connections=connections(
            seaweed,
            service,
            permit_store=home / "permits.sqlite3",
            calls_per_second=6,
            budget_calls_per_day=50_000,
        ),
        follows_schedules=False,
        settings={
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": roles,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        },
    )
    airflow.sign_in_as("admin", passwords["admin"])
    client = client_of(seaweed)
    source, warehouse = (S3Store(client, bucket="maskmatch", prefix=f"site/{name}") for name in ("in", "out"))
    with database, ExitStack() as running, ThreadPoolExecutor() as pool:
        for started in [pool.submit(running.enter_context, part) for part in (service, airflow)]:
            started.result()
        airflow.wait_for_dag(DAG)
        airflow.unpause(DAG)
        write_pairs(source, 12, day=DONE, extra_lines=lines_without_image(4))
        write_pairs(source, 1700, day=UNDER_WAY, extra_lines=lines_without_image(1))
        runs = {day: _start(airflow, day, source, warehouse) for day in (DONE, FAILED)}
        for run_id, state in zip(runs.values(), ("success", "failed"), strict=True):
            assert airflow.wait(DAG, run_id, seconds=300) == state
        runs[UNDER_WAY] = _start(airflow, UNDER_WAY, source, warehouse)
        site = Site(airflow, service, passwords, runs)
        with site.client("admin") as admin:
            page = site.run_page(UNDER_WAY)
            at_work = f"{UNDER_WAY} shard 1 of 1: 1,701 pairs"  # named once the task has told how far it is
            wait_until(lambda: at_work in admin.get(page).text, "progress on the page", seconds=300)
        yield site
    client.close()


@pytest.fixture
def admin_tab(site: Site, tmp_path: Path) -> Iterator[Tab]:
    """A browser in which the admin has signed in."""
    with chromium(tmp_path) as tab:
        tab.size(1280, 900)
        sign_in(tab, site.airflow.url, site.passwords["admin"])
        yield tab


@pytest.fixture(scope="package")
def stores(site: Site, seaweed: Seaweed) -> Iterator[tuple[S3Store, S3Store]]:
    """Source and warehouse, where the forms have them by themselves."""
    client = client_of(seaweed)
    yield tuple(S3Store(client, bucket="maskmatch", prefix=name) for name in ("source", "warehouse"))
    client.close()


@pytest.fixture
def pairs(site: Site, stores: tuple[S3Store, S3Store]) -> Iterator[Callable[[date, int], None]]:
    """Return a function that writes a date where the forms look; no other run takes the rate."""
    with site.nobody_else():
        yield lambda day, count: write_pairs(stores[0], count, day=day)


@pytest.fixture
def small_account(site: Site, seaweed: Seaweed, tmp_path: Path) -> Callable[..., None]:
    """Return a function that sets the connection of the other Dag: an account with its own permit store."""

    def change(*, password: str | None = None, **extra: object) -> None:
        fields = connections(seaweed, site.service, permit_store=tmp_path / "permits.sqlite3")[ACCOUNT]
        extra |= {"account_id": tmp_path.name}  # what others have spent does not count
        fields |= {"password": password or fields["password"], "extra": fields["extra"] | extra}
        site.airflow.set_connection(SMALL_DAY, fields, anew=True)
        site.airflow.wait_for_dag(SMALL_DAY)
        site.airflow.unpause(SMALL_DAY)

    return change


def lines_without_image(count: int) -> Sequence[str]:
    """Return rows whose reference image is not there."""
    return [f"x{number},images/gone-{number}.jpg,images/1.jpg,true,none" for number in range(count)]


def _dags(folder: Path) -> Path:
    """Return a folder with the Dags of the project, and one that pays with a connection of its own."""
    shutil.copytree(project_root() / "dags", folder)
    nightly = (folder / "nightly_comparison.py").read_text()
    own = f'nightly_comparison("{SMALL_DAY}", schedule=None, tencent_iai_conn_id="{SMALL_DAY}", '
    (folder / "small_day.py").write_text(nightly.replace("nightly_comparison(", own))
    return folder


def _start(airflow: AirflowStack, day: date, source: S3Store, warehouse: S3Store) -> str:
    at = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
    return airflow.trigger(DAG, at, {"source": source.uri, "warehouse": warehouse.uri})
