import json

import pytest
from airflow.providers_manager import ProvidersManager

from maskmatch.core.errors import InputError, StopRun
from maskmatch.hooks import TencentIaiHook, compare_options, connected_job, connected_store
from tests.account import local_account


@pytest.fixture
def connection(monkeypatch):
    """Return a function that defines the account's connection."""

    def define(**fields):
        extra = fields.pop("extra", {})
        whole = {
            "conn_type": "tencent_iai",
            "login": "AKIDtest",
            "password": "a key",
            "extra": extra,
        } | fields
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_IAI_DEFAULT", json.dumps(whole))
        return TencentIaiHook()

    return define


def test_a_connection_with_a_key_alone_is_the_vendor_with_its_defaults(connection):
    account = connection().get_account()
    assert (account.endpoint, account.protocol) == ("iai.tencentcloudapi.com", "https")
    assert (account.region, account.calls_per_second) == ("ap-guangzhou", 50.0)


def test_every_field_of_the_form_reaches_the_account(connection):
    extra = {"protocol": "http", "region": "ap-beijing", "calls_per_second": 300, "session_token": "t"}
    extra["broker"] = "sqlite:////var/lib/b"
    account = connection(host="127.0.0.1", port=8390, extra=extra).get_account()
    assert (account.endpoint, account.protocol, account.region) == ("127.0.0.1:8390", "http", "ap-beijing")
    assert (account.calls_per_second, account.session_token) == (300.0, "t")
    assert compare_options("tencent_iai_default", "unused").broker == "sqlite:////var/lib/b"
    assert compare_options("tencent_iai_default", "unused").threads == 128


@pytest.mark.parametrize("field", ["login", "password"])
def test_a_connection_without_a_key_names_the_fields_to_fill(connection, field):
    hook = connection(**{field: ""})
    with pytest.raises(StopRun, match=r"tencent_iai_default: enter SecretId \(login\) and SecretKey"):
        hook.get_account()


@pytest.mark.parametrize("rate", [0, -1, "fast", "nan"])
def test_a_rate_that_is_none_names_the_connection(connection, rate):
    hook = connection(extra={"calls_per_second": rate})
    with pytest.raises(StopRun, match="tencent_iai_default: calls_per_second must be"):
        hook.get_account()


def test_the_test_button_makes_a_call_that_costs_nothing(connection):
    with local_account() as local:
        host, _, port = local.account.endpoint.partition(":")
        good = connection(
            host=host, port=int(port), password=local.account.secret_key, extra={"protocol": "http"}
        )
        assert good.test_connection() == (True, "The service answers and accepts the key.")
        wrong = connection(host=host, port=int(port), extra={"protocol": "http"})
        accepted, text = wrong.test_connection()
        assert (accepted, "SecretKey" in text) == (False, True)
        assert local.meter()["billed"] == 0


def test_the_form_of_the_connection_is_known_to_airflow():
    fields = ProvidersManager()._connection_form_widgets_from_metadata
    names = {name.rpartition("__")[2] for name in fields if name.startswith("extra__tencent_iai__")}
    assert names == {"region", "protocol", "calls_per_second", "broker", "session_token"}


def test_a_run_without_a_logical_date_says_what_to_do():
    with pytest.raises(InputError, match="trigger the run with a logical date"):
        connected_job("file:///a", "file:///b", "", run_id="r", conn_id="none")


def test_cos_needs_nothing_but_its_connection(monkeypatch):
    fields = {
        "conn_type": "aws",
        "login": "id",
        "password": "key",
        "extra": {
            "endpoint_url": "https://cos.ap-guangzhou.myqcloud.com",
            "region_name": "ap-guangzhou",
            "config_kwargs": {"s3": {"addressing_style": "virtual"}},
        },
    }
    monkeypatch.setenv("AIRFLOW_CONN_COS", json.dumps(fields))
    url = connected_store("s3://faces-1250000000/in", conn_id="cos").signed_url("a.jpg", seconds=60)
    assert url is not None
    assert url.startswith(
        "https://faces-1250000000.cos.ap-guangzhou.myqcloud.com/in/a.jpg?X-Amz-Algorithm=AWS4"
    )
