"""A whole date with two keys that may do what docs/permissions.md says, on a store that enforces it."""

import json
import re
from contextlib import ExitStack
from dataclasses import replace

import pytest

from devstack.project import project_root
from devstack.s3_troubles import Troubles
from devstack.seaweed import Seaweed
from maskmatch.core.errors import StopRun
from maskmatch.pipeline.run import Run
from maskmatch.storage.images import Transfer
from maskmatch.storage.object_stores import S3Store, StoreSettings, open_store
from maskmatch.storage.object_stores.trial import try_store
from tests.account import local_account
from tests.nights import DAY, complete, options_for, outcomes_of, write_pairs
from tests.s3 import client_of

pytestmark = pytest.mark.server

DOCUMENT = (project_root() / "docs" / "permissions.md").read_text(encoding="utf-8")
POLICIES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)]
SOURCE, WAREHOUSE, TIDYING = POLICIES[:3]
TIDY = {**WAREHOUSE, "Statement": [*WAREHOUSE["Statement"], *TIDYING["Statement"]]}
UNABLE_TO_LIST = {**SOURCE, "Statement": SOURCE["Statement"][:1]}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """Run a store whose keys may do no more than the documented policies say."""
    policies = {"reader": SOURCE, "writer": WAREHOUSE, "tidy": TIDY, "blind": UNABLE_TO_LIST}
    folder = tmp_path_factory.mktemp("guarded")
    with Seaweed(folder, buckets=("faces", "outcomes"), policies=policies) as store:
        yield store


@pytest.fixture
def asked(guarded):
    """Return the proxy before the store, which lists what is asked."""
    with Troubles(guarded.endpoint_url) as proxy:
        yield proxy


def store_as(guarded, access_key, uri, *, endpoint_url=None):
    settings = StoreSettings(
        endpoint_url=endpoint_url or guarded.endpoint_url,
        region="us-east-1",
        access_key=access_key,
        secret_key=guarded.secret_key,
        addressing_style="path",
    )
    return open_store(uri, settings=lambda: settings)


@pytest.fixture
def run(guarded, asked):
    """Return a run whose two stores have a key each; the owner of the source has written it."""
    with ExitStack() as closing:
        owner = client_of(guarded)
        closing.callback(owner.close)
        write_pairs(
            S3Store(owner, bucket="faces", prefix="source"), 8, extra_lines=["p9,images/0.jpg,no.jpg,,"]
        )
    source = store_as(guarded, "reader", "s3://faces/source", endpoint_url=asked.endpoint_url)
    warehouse = store_as(guarded, "writer", "s3://outcomes/warehouse", endpoint_url=asked.endpoint_url)
    return Run(source=source, warehouse=warehouse, day=DAY, run_id="test", store_patience=5.0)


@pytest.mark.parametrize("transfer", list(Transfer))
@pytest.mark.parametrize("writer", ["writer", "tidy"])
def test_a_date_and_its_rerun_need_the_documented_rights_and_no_others(
    guarded, run, asked, tmp_path, transfer, writer
):
    place = f"s3://outcomes/warehouse/work/{writer}-{transfer}"
    run = replace(run, warehouse=store_as(guarded, writer, place, endpoint_url=asked.endpoint_url))
    with local_account() as local:
        options = options_for(local, tmp_path, transfer=transfer)
        first = complete(run, options, run_id="first")
        again = complete(run, options, run_id="again")
        billed = local.meter()["billed"]
    assert (first["scored"], first["failed"], again["scored"], billed) == (8, 1, 8, 8)
    missing = outcomes_of(run).set_index("pair_id").loc["p9"]
    assert missing["failure_code"] == "image_missing"
    done = {operation(method, path) for method, path in asked.asked}
    assert done == {"GetObject", "HeadObject", "PutObject", "ListObjectsV2", "DeleteObject"}
    segments = [found.key for found in run.warehouse.list("work/") if "segment-" in found.key]
    assert bool(segments) == (writer == "writer")


def operation(method, path):
    """Return the operation of S3 that a request is; one of a bucket or of the service is named as such."""
    bucket, _, key = path.partition("?")[0].strip("/").partition("/")
    if method == "GET" and "list-type=2" in path:
        return "ListObjectsV2"
    if not bucket or not key:
        return f"{method} of {'a bucket' if bucket else 'the service'}"
    return {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}.get(
        method, f"{method} of an object"
    )


def test_the_test_of_a_connection_needs_no_other_rights(guarded):
    assert try_store(store_as(guarded, "reader", "s3://faces/source"), writes=False)
    assert try_store(store_as(guarded, "writer", "s3://outcomes/warehouse"), writes=True)


@pytest.mark.parametrize(
    ("access_key", "uri", "right"),
    [
        ("reader", "s3://outcomes/warehouse", "s3:ListBucket"),
        ("writer", "s3://faces/source", "s3:ListBucket"),
        ("blind", "s3://faces/source", "s3:ListBucket"),
        ("reader", "s3://faces/source", "s3:PutObject"),
    ],
)
def test_neither_key_may_do_what_the_other_is_for(guarded, run, access_key, uri, right):
    with pytest.raises(StopRun, match=f"it needs {right}"):
        try_store(store_as(guarded, access_key, uri), writes=True)


def test_neither_key_may_remove_anything(run):
    run.warehouse.put("x", b"data")
    for store, key in ((run.warehouse, "x"), (run.source, "images/0.jpg")):
        with pytest.raises(StopRun, match="AccessDenied"):
            store.delete(key)


def test_where_an_absent_image_is_answered_by_403_it_is_told_as_forbidden(run, asked, tmp_path):
    # As S3 does where the key may not list; this store says 404.
    asked.begin("AccessDenied", 403, concerned=lambda method, path: path.endswith("/no.jpg"))
    with local_account() as local:
        row = complete(run, options_for(local, tmp_path), repetition="forbidden")
    assert (row["scored"], row["failed"]) == (8, 1)
    missing = outcomes_of(run).set_index("pair_id").loc["p9"]
    assert (missing["failure_code"], bool(missing["is_open"])) == ("image_forbidden", True)
