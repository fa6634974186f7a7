"""A source in trouble while a night runs: no pair fails for it."""

import threading
import time
from dataclasses import replace

import boto3
import pytest
from botocore.client import Config

from devstack.s3_troubles import Troubles
from maskmatch.core.errors import StoreAway, StoreRefused
from maskmatch.pipeline.run import Run
from maskmatch.storage.images import Transfer
from maskmatch.storage.object_stores import FileStore, S3Store, StoreSettings, open_store
from maskmatch.storage.object_stores.s3_client import s3_config
from tests.account import local_account
from tests.nights import DAY, complete, options_for, outcomes_of, write_pairs

pytestmark = pytest.mark.server

PAIRS = 40
NOTICED_SECONDS = 40
"""Three attempts of 10 s of silence with the pauses between, and what a busy host takes."""
QUICK = Config(retries={"max_attempts": 1, "mode": "standard"}, read_timeout=2)


@pytest.fixture
def troubles(seaweed):
    with Troubles(seaweed.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def run(seaweed, troubles, tmp_path):
    source = S3Store(
        client_at(troubles.endpoint_url, seaweed), bucket="maskmatch", prefix=f"in/{tmp_path.name}"
    )
    write_pairs(source, PAIRS)
    return Run(source=source, warehouse=FileStore(tmp_path / "out"), day=DAY, run_id="test")


def client_at(endpoint_url, seaweed):
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        aws_access_key_id=seaweed.access_key,
        aws_secret_access_key=seaweed.secret_key,
        region_name="us-east-1",
        config=s3_config(addressing_style="path").merge(QUICK),
    )


def after(local, calls, then):
    """Do something as soon as the service was called so often."""

    def work():
        while local.meter()["accepted"] < calls:
            time.sleep(0.02)
        then()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("transfer", list(Transfer))
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ExpiredToken", 400),
        ("AccessDenied", 403),
        ("InvalidAccessKeyId", 403),
        ("RequestTimeTooSkewed", 403),
        ("ServiceUnavailable", 503),
        ("NoSuchBucket", 404),
        ("hung", 0),
        ("cut", 0),
        ("half", 0),
    ],
)
def test_a_trouble_that_passes_fails_no_pair_and_pays_nothing_twice(
    run, troubles, tmp_path, code, status, transfer
):
    with local_account(calls_per_second=20) as local:
        options = options_for(local, tmp_path, transfer=transfer)

        def trouble():
            troubles.begin(code, status)
            time.sleep(3)
            troubles.end()

        thread = after(local, 8, trouble)
        row = complete(run, options)
        thread.join()
        meter = local.meter()
    assert (row["scored"], row["failed"]) == (PAIRS, 0)
    assert troubles.refused > 0
    assert meter["billed"] == PAIRS


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("InvalidAccessKeyId", 403, StoreRefused),
        ("AccessDenied", 403, StoreRefused),
        ("ServiceUnavailable", 503, StoreAway),
        ("half", 0, StoreAway),
    ],
)
def test_what_does_not_pass_ends_the_task_with_the_cure_and_no_row(
    run, troubles, tmp_path, code, status, kind
):
    run = replace(run, store_patience=3.0)
    with local_account(calls_per_second=20) as local:
        thread = after(local, 8, lambda: troubles.begin(code, status))
        began = time.monotonic()
        with pytest.raises(kind, match="broken_off" if code == "half" else code):
            complete(run, options_for(local, tmp_path))
        assert time.monotonic() - began < 20
        thread.join()
        troubles.end()
        row = complete(run, options_for(local, tmp_path))
        assert local.meter()["billed"] == PAIRS
    assert (row["scored"], row["failed"]) == (PAIRS, 0)


def test_one_forbidden_image_is_an_open_row_and_found_when_it_may_be_read(run, troubles, tmp_path):
    troubles.begin("AccessDenied", 403, concerned=lambda method, path: path.endswith("/images/7.jpg"))
    with local_account(calls_per_second=50) as local:
        complete(run, options_for(local, tmp_path))
        failed = outcomes_of(run).query("outcome == 'failed'")
        assert set(failed["failure_code"]) == {"image_forbidden"}
        assert set(failed["is_open"]) == {True}
        troubles.end()
        row = complete(run, options_for(local, tmp_path), run_id="again")
        assert (row["scored"], row["failed"]) == (PAIRS, 0)
        assert local.meter()["billed"] == PAIRS


@pytest.mark.slow
def test_a_source_that_never_answers_is_noticed_and_ends_the_task_with_the_cure(
    seaweed, troubles, tmp_path, caplog
):
    settings = StoreSettings(
        endpoint_url=troubles.endpoint_url,
        access_key=seaweed.access_key,
        secret_key=seaweed.secret_key,
        region="us-east-1",
        addressing_style="path",
    )
    source = open_store(f"s3://maskmatch/in/{tmp_path.name}", settings=lambda: settings)
    write_pairs(source, PAIRS)
    run = Run(
        source=source, warehouse=FileStore(tmp_path / "out"), day=DAY, run_id="test", store_patience=40.0
    )
    hung_at = []

    def hang():
        hung_at.append(time.time())
        troubles.begin("hung", 0)

    with local_account(calls_per_second=20) as local:
        thread = after(local, 8, hang)
        with pytest.raises(StoreAway, match="cannot be reached: look at endpoint and network"):
            complete(run, options_for(local, tmp_path))
        ended_at = time.time()
        thread.join()
        noticed_at = next(each.created for each in caplog.records if "calls wait until" in each.message)
        paid = local.meter()["billed"]
        troubles.end()
        row = complete(run, options_for(local, tmp_path))
        assert local.meter()["billed"] == PAIRS
    assert noticed_at - hung_at[0] < NOTICED_SECONDS
    assert ended_at - hung_at[0] < NOTICED_SECONDS + run.store_patience
    assert paid < PAIRS
    assert (row["scored"], row["failed"]) == (PAIRS, 0)
