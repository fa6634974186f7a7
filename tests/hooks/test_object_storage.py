"""The connection of a store: its fields, what is told of wrong ones, and what *Test* does."""

import json
import time

import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk import Connection

from devstack.s3_troubles import Troubles
from maskmatch.core.errors import MaskmatchError, WrongSetting
from maskmatch.core.reach import Reach
from maskmatch.core.waits import Waits
from maskmatch.get_provider_info import get_provider_info
from maskmatch.hooks.connected_run import connected_run
from maskmatch.hooks.object_storage import ObjectStorageHook, connected_store
from maskmatch.hooks.tencent_iai import TencentIaiHook
from maskmatch.settings.store_fields import EXTRA_FIELDS
from maskmatch.storage.object_stores import StoreSettings
from tests.s3 import client_of

COS = {"endpoint_url": "https://cos.ap-guangzhou.myqcloud.com", "region": "ap-guangzhou"}


@pytest.fixture
def connection(monkeypatch):
    """Return a function that defines the connection of the store."""

    def define(**fields):
        whole = {"conn_type": "maskmatch_store", "login": "id", "password": "key"} | fields
        monkeypatch.setenv("AIRFLOW_CONN_MASKMATCH_STORAGE", json.dumps(whole))
        return ObjectStorageHook()

    return define


def test_every_field_of_the_form_reaches_the_settings(connection):
    extra = {
        **COS,
        "session_token": "t",
        "addressing_style": "path",
        "server_side_encryption": "aws:kms",
        "sse_kms_key_id": "alias/faces",
    }
    assert connection(extra=extra).get_settings() == StoreSettings(access_key="id", secret_key="key", **extra)
    assert "key'" not in repr(connection(extra=extra).get_settings())


def test_a_connection_may_be_empty_and_boto3_then_finds_the_key(connection):
    assert connection(login=None, password=None).get_settings() == StoreSettings()


@pytest.mark.parametrize(
    ("port", "endpoint"),
    [(443, None), (443, "s3.test"), (80, "http://s3.test"), (9000, "http://s3.test:9000"), (0, "s3.test")],
)
def test_the_endpoints_port_may_be_entered_for_the_page(connection, port, endpoint):
    assert connection(port=port, extra={"endpoint_url": endpoint}).get_settings().access_key == "id"


def test_a_connection_as_uri_has_the_same_fields(monkeypatch):
    uri = "maskmatch-store://id:k%2Fey@/?endpoint_url=https%3A%2F%2Fs3.test&addressing_style=virtual"
    monkeypatch.setenv("AIRFLOW_CONN_MASKMATCH_STORAGE", uri)
    settings = ObjectStorageHook().get_settings()
    assert (settings.access_key, settings.secret_key) == ("id", "k/ey")
    assert (settings.endpoint_url, settings.addressing_style) == ("https://s3.test", "virtual")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"conn_type": "aws"}, ": its type is 'aws': make it maskmatch_store"),
        ({"port": 80}, ", port: 80 is not that of endpoint_url: leave it empty, or enter 443"),
        ({"port": 443, "extra": {"endpoint_url": "http://s3.test"}}, ", port: 443 is not .* or enter 80"),
        ({"port": 443, "extra": {"endpoint_url": "s3.test:9000"}}, ", port: 443 is not .* or enter 9000"),
        ({"schema": "p"}, ", schema: it is not used, leave it empty"),
        ({"host": "s3.test"}, ", host: it is not used, leave it empty: see endpoint_url"),
        ({"extra": {"endpoint": "https://s3.test"}}, ", extra: 'endpoint' is not known"),
        ({"extra": {"endpointUrl": "x"}}, ", extra: 'endpointUrl' is not known: did you mean endpoint_url"),
        ({"extra": {"region_name": "x"}}, ", extra: 'region_name' is not known: did you mean region"),
        (
            {"extra": {"addressing_style": "virtuel"}},
            ", field addressing_style: 'virtuel' is not one of auto, path",
        ),
        ({"extra": {"role": "reader"}}, ", field role: 'reader' is not one of both, source, warehouse"),
        (
            {"extra": {"address": "https://b/p"}},
            ", field address: 'https://b/p' is not an address such as s3://",
        ),
        ({"extra": {"ca_bundle": "/no/such.pem"}}, r", field ca_bundle: .* \(No such file or directory\)"),
        (
            {"extra": {"address": "s3://[b/p"}},
            r", field address: 's3://\[b/p' is not an address .*name of a bucket",
        ),
        ({"extra": {"address": "s3://u:pw@b"}}, r", field address: 's3://...@b' is not an address"),
        ({"extra": {"endpoint_url": "http://h:0"}}, ", field endpoint_url: .*no valid port"),
        ({"password": ""}, r", secret access key \(password\) is empty: enter both halves"),
        ({"login": ""}, r", access key id \(login\) is empty: enter both halves"),
        (
            {"password": "key\n"},
            r", secret access key .*: what is entered is not .*\(it has a blank at its end",
        ),
        ({"extra": {"profile": "faces"}}, ", field profile: there is a key besides: enter one of the two"),
        (
            {"extra": {"sse_kms_key_id": "k"}},
            ", field sse_kms_key_id: a key needs .*server_side_encryption aws:kms",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_cure(connection, fields, message):
    with pytest.raises(WrongSetting, match=f"^connection maskmatch_storage{message}"):
        connection(**fields).get_settings()


@pytest.mark.parametrize("text", ["region=x", "[1]", '"x"'])
def test_an_extra_that_is_no_json_object_is_refused(monkeypatch, text):
    class Entered(ObjectStorageHook):
        @classmethod
        def get_connection(cls, conn_id):
            return Connection(conn_id=conn_id, conn_type="maskmatch_store", extra=text)

    with pytest.raises(WrongSetting, match="maskmatch_storage: its extra is not a JSON object"):
        Entered().get_settings()


def test_another_port_is_told_even_if_it_is_nought():
    def found(conn_id):
        return Connection(conn_id=conn_id, conn_type="maskmatch_store", port=0)

    with pytest.raises(WrongSetting, match=", port: 0 is not that of endpoint_url"):
        ObjectStorageHook(find=found).get_settings()


def test_where_boto3_finds_the_key_its_variables_must_hold_no_blanks(connection, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", " id")
    assert connection().get_settings().access_key == "id"
    with pytest.raises(WrongSetting, match="variable AWS_ACCESS_KEY_ID: it has a blank"):
        connection(login=None, password=None).get_settings()


def test_an_aws_profile_that_is_not_there_is_told_with_its_field(connection, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    hook = connection(login=None, password=None, extra={"profile": "faces"})
    with pytest.raises(
        WrongSetting, match=r"^connection maskmatch_storage, field profile: .* no profile 'faces'"
    ):
        hook.get_conn()


def test_the_connection_of_a_source_is_not_taken_for_the_warehouse(connection):
    connection(extra={"role": "source"})
    names = {
        "source_conn_id": "maskmatch_storage",
        "warehouse_conn_id": "maskmatch_storage",
        "waits": Waits(now=time.time),
    }
    with pytest.raises(WrongSetting, match="role is source, which is only read"):
        connected_run("s3://b/in", "s3://b/out", "2026-01-02", run_id="r", store_patience=1.0, **names)
    run = connected_run("s3://b/in", "file:///tmp", "2026-01-02", run_id="r", store_patience=1.0, **names)
    assert run.source.uri == "s3://b/in"


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({}, "https://faces-1250000000.cos.ap-guangzhou.myqcloud.com/in/a.jpg"),
        ({"addressing_style": "path"}, "https://cos.ap-guangzhou.myqcloud.com/faces-1250000000/in/a.jpg"),
        ({"endpoint_url": "https://s3.test"}, "https://s3.test/faces-1250000000/in/a.jpg"),
    ],
)
def test_cos_has_the_bucket_in_the_host_unless_the_connection_says_otherwise(connection, changes, address):
    connection(extra={**COS, **changes})
    url = connected_store("s3://faces-1250000000/in", conn_id="maskmatch_storage").signed_url(
        "a.jpg", seconds=60
    )
    assert url is not None
    assert url.partition("?")[0] == address


def test_the_form_of_the_connection_is_known_to_airflow():
    fields = ProvidersManager()._connection_form_widgets_from_metadata
    names = {name.rpartition("__")[2] for name in fields if name.startswith("extra__maskmatch_store__")}
    assert names == {field.name for field in EXTRA_FIELDS}


@pytest.fixture
def at_seaweed(connection, seaweed):
    """Return a function that defines the connection of the running store."""

    def define(*, endpoint_url=seaweed.endpoint_url, password=seaweed.secret_key, **extra):
        extra = {"endpoint_url": endpoint_url, "region": "us-east-1", "addressing_style": "path", **extra}
        return connection(login=seaweed.access_key, password=password, extra=extra)

    return define


def keys_of(seaweed, prefix):
    client = client_of(seaweed)
    found = client.list_objects_v2(Bucket="maskmatch", Prefix=prefix).get("Contents", [])
    client.close()
    return [each["Key"] for each in found]


def test_the_test_button_lists_reads_and_overwrites_one_object(at_seaweed, seaweed, tmp_path):
    hook = at_seaweed(address=f"s3://maskmatch/{tmp_path.name}/test-button")
    place = f"s3://maskmatch/{tmp_path.name}/test-button at {seaweed.endpoint_url.removeprefix('http://')}"
    with_key = f"With the key entered here: listed {place}"
    wrote = "wrote .maskmatch-test, which stays; rows may name images of the source alone."
    assert hook.test_connection() == (True, f"{with_key}, found no object to read, {wrote}")
    assert hook.test_connection() == (True, f"{with_key}, read .maskmatch-test, {wrote}")
    assert keys_of(seaweed, f"{tmp_path.name}/test-button") == [
        f"{tmp_path.name}/test-button/.maskmatch-test"
    ]


def test_the_test_of_a_source_writes_nothing(at_seaweed, seaweed, tmp_path):
    hook = at_seaweed(address=f"s3://maskmatch/{tmp_path.name}/source", role="source")
    good, text = hook.test_connection()
    assert (good, "found no object to read; rows" in text) == (True, True)
    assert keys_of(seaweed, f"{tmp_path.name}/source") == []


def test_without_a_key_the_test_says_which_one_boto3_found(connection, seaweed, monkeypatch):
    for name, value in seaweed.environment().items():
        monkeypatch.setenv(name, value)
    extra = {"addressing_style": "path", "address": "s3://maskmatch/nothing-here", "role": "source"}
    good, text = connection(login="", password="", extra=extra).test_connection()
    assert (good, text.partition(":")[0]) == (True, "With the key that boto3 finds on this host (env)")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"address": ""}, "Enter the address that Test may list and read"),
        ({"address": "s3://nowhere/x"}, "cannot list: .* There is no such bucket"),
        ({"password": "wrong"}, "cannot list: .*secret key is wrong"),
        ({"image_hosts": "https://a.test/x"}, "^field image_hosts: 'https://a.test/x' is not names of hosts"),
        ({"addressing_style": "odd"}, "^field addressing_style: 'odd' is not one of"),
        ({"endpoint_url": "http://nobody.invalid"}, "Nobody knows the endpoint's host"),
        ({"endpoint_url": "http://127.0.0.1:9"}, "The store cannot be reached"),
    ],
)
def test_the_test_button_says_what_is_missing(at_seaweed, changes, message):
    good, text = at_seaweed(**{"address": "s3://maskmatch/x", **changes}).test_connection()
    assert not good
    with pytest.raises(MaskmatchError, match=message):
        raise MaskmatchError(text)


def test_the_test_says_which_right_is_missing_after_what_was_done(at_seaweed, seaweed, tmp_path):
    with Troubles(seaweed.endpoint_url) as troubles:
        troubles.begin("AccessDenied", 403, concerned=lambda method, path: method == "PUT")
        hook = at_seaweed(endpoint_url=troubles.endpoint_url, address=f"s3://maskmatch/{tmp_path.name}/x")
        good, text = hook.test_connection()
    assert not good
    assert text.startswith(f"listed s3://maskmatch/{tmp_path.name}/x at")
    assert "found no object to read; cannot write (it needs s3:PutObject): " in text
    assert "may not do this: grant it" in text


@pytest.mark.parametrize("kind", ["maskmatch_store", "tencent_iai"])
def test_a_form_in_which_nothing_was_entered_is_saved_as_what_can_be_read(kind, connection, monkeypatch):
    (form,) = (each for each in get_provider_info()["connection-types"] if each["connection-type"] == kind)
    fields = form["conn-fields"]
    saved = {name: field["schema"]["default"] for name, field in fields.items()}  # as the page does
    assert all(value is None or isinstance(value, str | int | float) for value in saved.values())
    assert all(field["label"] and field["description"] for field in fields.values())
    if kind == "maskmatch_store":
        hook = connection(extra=saved)
        assert hook.get_settings() == StoreSettings(access_key="id", secret_key="key")
        assert hook.get_reach() == Reach()
    else:
        ours = {"conn_type": kind, "login": "id", "password": "key", "extra": saved}
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_IAI_DEFAULT", json.dumps(ours))
        assert TencentIaiHook().get_account().region == "ap-guangzhou"


def test_a_choice_that_may_be_empty_says_in_words_what_that_means():
    for kind in get_provider_info()["connection-types"]:
        for name, field in kind["conn-fields"].items():
            schema = field["schema"]
            if None in schema.get("enum", ()):
                assert schema["values_display"]["null"], name
