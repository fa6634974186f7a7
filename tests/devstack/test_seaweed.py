import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from devstack.seaweed import Seaweed, weed
from tests.devstack.processes_seen import is_running, listening_addresses
from tests.s3 import client_of

pytestmark = pytest.mark.server

PANDAS = """
import pandas as pd
frame = pd.DataFrame({"score": [1.5, 2.5]})
frame.to_parquet("s3://maskmatch/pandas/ds=2026-01-01/data.parquet")
print(pd.read_parquet("s3://maskmatch/pandas")["score"].sum())
"""


@pytest.fixture
def s3(seaweed: Seaweed) -> Iterator:
    with closing(client_of(seaweed)) as client:
        yield client


def status(error: pytest.ExceptionInfo[ClientError]) -> int:
    return error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_an_object_is_read_back_as_it_was_put(s3):
    s3.put_object(Bucket="maskmatch", Key="embedded/one", Body=b"1", Metadata={"run-seq": "7"})
    answer = s3.get_object(Bucket="maskmatch", Key="embedded/one")
    assert (answer["Body"].read(), answer["Metadata"]) == (b"1", {"run-seq": "7"})


def test_a_second_create_only_put_is_refused(s3):
    s3.put_object(Bucket="maskmatch", Key="embedded/created", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="maskmatch", Key="embedded/created", Body=b"2", IfNoneMatch="*")
    assert status(caught) == 412


def test_a_put_over_another_version_than_the_one_read_is_refused(s3):
    first = s3.put_object(Bucket="maskmatch", Key="embedded/swapped", Body=b"1")["ETag"]
    s3.put_object(Bucket="maskmatch", Key="embedded/swapped", Body=b"2", IfMatch=first)
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="maskmatch", Key="embedded/swapped", Body=b"3", IfMatch=first)
    assert status(caught) == 412


def test_a_wrong_secret_is_refused(seaweed):
    with closing(client_of(seaweed, secret_key="wrong")) as client, pytest.raises(ClientError) as caught:
        client.list_objects_v2(Bucket="maskmatch")
    assert status(caught) == 403


def test_a_stranger_without_any_secret_is_refused(seaweed):
    answer = httpx.get(f"{seaweed.endpoint_url}/maskmatch/embedded/one", trust_env=False)
    assert answer.status_code == 403


def test_a_bucket_is_not_made_by_writing_to_it(s3):
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="nowhere", Key="one", Body=b"1")
    assert caught.value.response["Error"]["Code"] == "NoSuchBucket"


def test_the_start_leaves_no_object_in_the_bucket(tmp_path):
    with Seaweed(tmp_path, buckets=("one", "two")) as store, closing(client_of(store)) as client:
        assert {bucket["Name"] for bucket in client.list_buckets()["Buckets"]} >= {"one", "two"}
        assert client.list_objects_v2(Bucket="two")["KeyCount"] == 0


def test_its_environment_is_all_that_pandas_needs(seaweed):
    environment = {**os.environ, **seaweed.environment()}
    printed = subprocess.check_output([sys.executable, "-c", PANDAS], env=environment, text=True)
    assert printed == "4.0\n"


def test_it_listens_on_loopback_only(seaweed):
    assert listening_addresses([seaweed.pid]) == {"127.0.0.1"}


def test_a_restart_keeps_the_objects_and_the_secret(tmp_path):
    with Seaweed(tmp_path) as store, closing(client_of(store)) as client:
        secret = store.secret_key
        client.put_object(Bucket="maskmatch", Key="kept", Body=b"1" * 100_000)
    with Seaweed(tmp_path) as store, closing(client_of(store, secret_key=secret)) as client:
        assert client.get_object(Bucket="maskmatch", Key="kept")["Body"].read() == b"1" * 100_000


def test_a_killed_store_has_the_same_address_secret_and_objects_when_started_again(tmp_path):
    with Seaweed(tmp_path) as store, closing(client_of(store)) as client:
        client.put_object(Bucket="maskmatch", Key="kept", Body=b"1" * 100_000)
        killed = store.pid
        store.kill()
        assert not is_running(killed)
        store.start()
        assert store.pid != killed
        assert client.get_object(Bucket="maskmatch", Key="kept")["Body"].read() == b"1" * 100_000


def test_stopping_leaves_nothing_running_and_the_secret_in_one_private_file(tmp_path):
    with Seaweed(tmp_path) as store:
        assert is_running(store.pid)
    assert not is_running(store.pid)
    with pytest.raises(httpx.ConnectError):
        httpx.get(store.endpoint_url, trust_env=False)
    secret = store.secret_key.encode()
    holders = [path for path in tmp_path.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert holders == [tmp_path / "secret"]
    assert holders[0].stat().st_mode & 0o777 == 0o600


def test_another_binary_can_be_named(monkeypatch):
    monkeypatch.setenv("MASKMATCH_WEED", "/opt/weed")
    assert weed() == Path("/opt/weed")
