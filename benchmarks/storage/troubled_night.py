"""A night of pairs whose store is in trouble when one asks for it: no two pairs share an image."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pandas as pd
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import NoCredentialsError

from benchmarks.account import account_of
from benchmarks.dataset import DAY
from devstack.pictures import JPEG_HEAD
from devstack.s3_troubles import Troubles
from devstack.service import LocalService
from maskmatch.core.limits import ShareLimit
from maskmatch.core.planning import PlanOptions
from maskmatch.core.reach import Reach
from maskmatch.core.store_troubles import Kind, store_rules
from maskmatch.pipeline.compare import compare_shards
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.look_first import look_first
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.publish import PublishOptions, publish
from maskmatch.pipeline.run import Run
from maskmatch.storage.images import Transfer
from maskmatch.storage.object_stores import FileStore, S3Store, Store, StoreSettings
from maskmatch.storage.object_stores.s3_client import s3_client
from maskmatch.storage.tables import read_table

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PAIRS, CALLS_PER_SECOND = 300, 20
MANIFEST = f"manifests/ds={DAY}/pairs.csv"
_FIRST_PORT = 20_000
"""Below those that the system gives to connections, of which there are many here."""
_STATUS = {
    Kind.MISSING: 404,
    Kind.AWAY: 503,
    Kind.FULL: 507,
    Kind.SETTING: 400,
    Kind.INVALID_KEY: 400,
}
_AT_THE_PROXY = {"unreachable": "cut", "broken_off": "half"}
_DETOURS = ("unknown_host", "certificate", "no_tls", "no_credentials")
OF_THE_NETWORK = (*_AT_THE_PROXY, *_DETOURS, "hung")
Concerns = Callable[[str, str], bool]


def _all(*_: str) -> bool:
    return True


@dataclass(frozen=True)
class Place:
    """Where the store is and whose key it takes, a port with a certificate of its own, and a folder."""

    home: Path
    endpoint_url: str
    access_key: str
    secret_key: str
    tls_port: int

    def client(self, endpoint_url: str) -> "S3Client":
        """Return a client of the store, or of a proxy before it."""
        settings = StoreSettings(
            endpoint_url=endpoint_url,
            region="us-east-1",
            access_key=self.access_key,
            secret_key=self.secret_key,
            addressing_style="path",
        )
        return s3_client(settings)


class TroubledClient:
    """A client of the store behind a proxy; requests that are concerned (method, path) meet the trouble.

    `astray` counts those that did not get to the proxy for it.
    """

    def __init__(self, place: Place, troubles: Troubles) -> None:
        self.s3 = place.client(troubles.endpoint_url)
        self.s3.meta.events.register("before-sign.s3", self._have_no_key)
        self.s3.meta.events.register("before-send.s3", self._go_astray)
        self._troubles, self._tls_port = troubles, place.tls_port
        self._detour, self._concerned = "", _all
        self.astray = 0

    def begin(self, code: str, *, concerned: Concerns = _all) -> None:
        """Meet from now on the trouble of a code of our table."""
        if code in _DETOURS:
            self._concerned, self._detour = concerned, code
        else:
            self._troubles.begin(_AT_THE_PROXY.get(code, code), _status(code), concerned=concerned)

    def end(self) -> None:
        """Let all requests pass."""
        self._detour = ""
        self._troubles.end()

    def _have_no_key(self, request: AWSPreparedRequest, **_: object) -> None:
        if self._detour == "no_credentials" and self._meets(request):
            raise NoCredentialsError

    def _go_astray(self, request: AWSPreparedRequest, **_: object) -> None:
        others = {
            "unknown_host": "http://nobody.invalid",
            "certificate": f"https://localhost:{self._tls_port}",
            "no_tls": self._troubles.endpoint_url.replace("http:", "https:"),
        }
        if (other := others.get(self._detour)) and self._meets(request):
            request.url = other + _path(request)

    def _meets(self, request: AWSPreparedRequest) -> bool:
        is_concerned = self._concerned(str(request.method), _path(request))
        self.astray += is_concerned
        return is_concerned


@dataclass(frozen=True)
class Night:
    """A run with all that it needs, and the trouble that it may meet."""

    run: Run
    client: TroubledClient
    troubles: Troubles
    service: LocalService
    options: CompareOptions

    def complete(self, **changes: object) -> None:
        """Do what `maskmatch run` does."""
        run = replace(self.run, **changes)  # type: ignore[arg-type]
        plan = make_plan(run, PlanOptions(max_shards=1))
        look_first(run, plan, self.options, ShareLimit())
        compare_shards(run, plan, plan.shards, self.options)
        publish(run, plan, PublishOptions(nominal_fmr=1e-4))

    def outcomes(self) -> pd.DataFrame:
        """Return what is published, none where nothing is."""
        store = self.run.warehouse
        if store.head(f"outcomes/current/ds={DAY}/data.parquet") is None:
            return pd.DataFrame({"outcome": [], "is_open": [], "failure_code": []})
        return read_table(store, "outcomes", DAY).to_pandas()


@contextmanager
def night_in(
    place: Place,
    number: int,
    *,
    transfer: Transfer = Transfer.BYTES,
    is_one_store: bool = False,
    calls_per_second: int = CALLS_PER_SECOND,
    source: str = "in",
) -> Iterator[Night]:
    """Yield the night of a number, with a proxy and a service of its own."""
    name, port = f"night{number}", _FIRST_PORT + number
    home = place.home / name
    rate = calls_per_second
    with (
        Troubles(place.endpoint_url) as troubles,
        LocalService(home / "service", scores="hash", calls_per_second=rate, port=port) as service,
    ):
        client = TroubledClient(place, troubles)

        def opened(prefix: str, *, bucket: str = "maskmatch") -> S3Store:
            return S3Store(client.s3, bucket=bucket, prefix=prefix)

        warehouse = opened(f"{name}/out") if is_one_store else FileStore(home / "out")
        options = CompareOptions(
            account=account_of(service, calls_per_second=rate),
            permit_store=f"sqlite:///{home}/permits.sqlite3",
            transfer=transfer,
            reach=Reach(buckets=("maskmatch", "far-away-*")),
            open_store=lambda uri: opened("", bucket=uri.removeprefix("s3://")),
        )
        run = Run(source=opened(source), warehouse=warehouse, day=DAY, run_id="night")
        yield Night(run, client, troubles, service, options)


def write_night(store: Store, *, pairs: int = PAIRS, beside: str = "") -> None:
    """Write a manifest of so many pairs and other lines, and the images, two to each pair."""
    lines = [f"p{n},images/{n}a.jpg,images/{n}b.jpg\n" for n in range(pairs)]
    store.put(MANIFEST, ("pair_id,reference_id,probe_id\n" + "".join(lines) + beside).encode())
    for n in range(pairs):
        for side in "ab":
            store.put(f"images/{n}{side}.jpg", JPEG_HEAD + f"{n}{side}".encode())


def is_image(_: str, path: str) -> bool:
    """Return True for requests for images."""
    return "/images/" in path


def _path(request: AWSPreparedRequest) -> str:
    parts = urlsplit(str(request.url))
    return f"{parts.path}?{parts.query}"


def _status(code: str) -> int:
    if code.isdigit():
        return int(code)
    return _STATUS.get(store_rules()[code].kind, 403) if code in store_rules() else 0
