"""Each wrong value is told as it was entered, with its place and its form, wherever it was entered."""

import argparse
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from maskmatch.cli.account_options import account_settings_of
from maskmatch.core.errors import WrongSetting
from maskmatch.hooks.tencent_iai import TencentIaiHook
from maskmatch.permits.opening import permit_store_address
from maskmatch.settings.account_fields import EXTRA, VARIABLES
from maskmatch.settings.sources import KNOWN_VARIABLES, OTHER_PROGRAMS

ROOT = Path(__file__).parents[2]

WRONG = [
    ("calls_per_second", "fifty", "'fifty' is not a number from 0.001 to 100,000, such as 50"),
    ("calls_per_second", "-5", "'-5' is not a number from 0.001"),
    ("calls_per_second", "0", "'0' is not a number from 0.001"),
    ("calls_per_second", "nan", "'nan' is not a number from 0.001"),
    ("calls_per_second", "1e-400", "'1e-400' is not a number from 0.001"),
    ("calls_per_second", "1e-320", "'1e-320' is not a number from 0.001"),
    ("calls_per_second", "0.0009", "'0.0009' is not a number from 0.001"),
    ("budget_cny_per_day", "1e-400", "'1e-400' is not an amount from 0.01"),
    ("calls_per_second", "inf", "'inf' is not a number from 0.001"),
    ("calls_per_second", "1e9", "'1e9' is not a number from 0.001"),
    ("calls_per_second", "５０", "'５０' is not a number from 0.001"),
    ("calls_per_second", "5_0", "'5_0' is not a number from 0.001"),
    ("calls_per_second", "50/s", "'50/s' is not a number from 0.001"),
    (
        "budget_calls_per_day",
        "many",
        "'many' is not a whole number from 1 to 1,000,000,000,000 such as 500000",
    ),
    ("budget_calls_per_day", "12.5", "'12.5' is not a whole number"),
    ("budget_calls_per_day", "-1", "'-1' is not a whole number"),
    ("budget_calls_per_day", "0", "'0' is not a whole number"),
    ("budget_calls_per_run", "none", "'none' is not a whole number"),
    ("budget_calls_per_month", "1,000", "'1,000' is not a whole number"),
    ("budget_cny_per_day", "a lot", "'a lot' is not an amount from 0.01 such as 1500.5"),
    ("budget_cny_per_run", "-0.1", "'-0.1' is not an amount from 0.01"),
    ("budget_cny_per_month", "￥100", "'￥100' is not an amount from 0.01"),
    ("time_zone", "Shanghai", "'Shanghai' is not the name of a time zone such as Asia/Shanghai"),
    ("time_zone", "../etc/passwd", "is not the name of a time zone"),
    ("time_zone", "UTC+8", "'UTC+8' is not the name of a time zone"),
    ("protocol", "ftp", "'ftp' is not https or http"),
    ("protocol", "HTTPS", "'HTTPS' is not https or http"),
    ("region", "ap guangzhou", "'ap guangzhou' is not one word without blanks"),
    ("permit_store", "mysql://h/d", "'mysql://h/d' is not the address of a permit store: give sqlite:////"),
    ("permit_store", "redis://", "is not the address of a permit store"),
    ("permit_store", "sqlite:///relative", "is not the address of a permit store"),
    ("permit_store", "redis://h/abc", "redis://h/abc holds '/abc' after the host: give sqlite:////"),
    ("permit_store", "redis://h:0/0", "redis://h:0/0 has no valid port: give sqlite:////"),
    ("permit_store", "sqlite:////f?x", "sqlite:////f holds ? or #: in a path write %3F and %23"),
    ("permit_store", "sqlite:////tmp/%00x", "is not the address of a permit store"),
    ("permit_store_password", "pass-word", "is a file, which has no password: leave it empty"),
    ("endpoint", "https://iai.tencentcloudapi.com/v3", "iai.tencentcloudapi.com"),
    ("endpoint", "user:pass-word@iai.tencentcloudapi.com", "is not a host such as iai.tencentcloudapi.com"),
    ("secret_id", "AKID test", "it has a blank"),
    ("secret_key", "key-of-mine ", "it has a blank at its end: enter it again"),
    ("secret_key", "\nkey-of-mine", "it has a blank at its beginning: enter it again"),
    ("session_token", "token\twith", "inside: enter it again"),
]
SECRETS = ("key-of-mine", "AKID test", "token\twith", "pass-word")


@pytest.fixture
def variables(monkeypatch):
    """Return a function that sets the variables of some fields beside a good key."""

    def define(**fields):
        good = {"secret_id": "AKIDtest", "secret_key": "a-key", "budget_calls_per_day": "none"}
        for name, value in {**good, **fields}.items():
            monkeypatch.setenv(VARIABLES[name], value)
        return account_settings_of(argparse.Namespace(connection=None))

    return define


@pytest.fixture
def connection(monkeypatch):
    """Return a function that reads a connection as it comes by form, API or JSON."""

    def define(**fields):
        whole = {"conn_type": "tencent_iai", "login": "AKIDtest", "password": "a-key"}
        for name, part in (("secret_id", "login"), ("secret_key", "password"), ("endpoint", "host")):
            if name in fields:
                whole[part] = fields.pop(name)
        whole["extra"] = {"budget_calls_per_day": "none", **fields}
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_IAI_DEFAULT", json.dumps(whole))
        return TencentIaiHook().get_settings()

    return define


@pytest.mark.parametrize(("field", "value", "told"), WRONG)
def test_a_wrong_value_is_told_as_it_was_entered(variables, connection, field, value, told):
    with pytest.raises(WrongSetting) as in_variable:
        variables(**{field: value})
    assert told in str(in_variable.value)
    assert str(in_variable.value).startswith(f"variable {VARIABLES[field]}: ")
    with pytest.raises(WrongSetting) as in_connection:
        connection(**{field: value})
    assert told in str(in_connection.value)
    assert str(in_connection.value).startswith("connection tencent_iai_default, ")
    assert not [secret for secret in SECRETS if secret in f"{in_variable.value}{in_connection.value}"]


@pytest.mark.parametrize("value", [True, ["50"], {"a": 1}, "true"])
def test_what_json_may_hold_and_no_number_is_is_refused(connection, value):
    with pytest.raises(WrongSetting, match=r"calls_per_second: .* is not a number from 0.001"):
        connection(calls_per_second=value)


@pytest.mark.parametrize("value", [300, 300.0, "300", " 300 ", "3e2"])
def test_a_number_may_be_written_in_several_ways(connection, value):
    assert connection(calls_per_second=value).account.calls_per_second == 300.0


@pytest.mark.parametrize(
    ("misspelt", "right"),
    [
        ("callsPerSecond", "calls_per_second"),
        ("calls_per_sec", "calls_per_second"),
        ("budget_call_per_day", "budget_calls_per_day"),
        ("permitstore", "permit_store"),
        ("extra__tencent_iai__time_zone", "time_zone"),
        ("timezone", "time_zone"),
        ("answered-by", "answered_by"),
    ],
)
def test_a_misspelt_field_is_told_with_the_nearest(connection, misspelt, right):
    with pytest.raises(WrongSetting, match=f"extra: '{misspelt}' is not known: (did you mean {right}|known)"):
        connection(**{misspelt: "1"})


def test_a_misspelt_variable_is_told_with_the_nearest(variables, monkeypatch):
    monkeypatch.setenv("MASKMATCH_CALL_PER_SECOND", "20")
    with pytest.raises(WrongSetting, match="did you mean MASKMATCH_CALLS_PER_SECOND"):
        variables()


@pytest.mark.parametrize(
    "name", ["MASKMATCH_OUR_TEAM", "MASKMATCH_X", "MASKMATCH_", "MASKMATCH_permit_store"]
)
def test_a_variable_that_is_named_as_ours_are_and_that_nobody_reads_is_told(variables, monkeypatch, name):
    monkeypatch.setenv(name, "faces")
    with pytest.raises(WrongSetting, match=f"^the environment: '{name}' is not known: "):
        variables()


@pytest.mark.parametrize(
    "name",
    [
        "MASKMATCH_SERVICE_SECRET_ID",
        "MASKMATCH_REAL_ENDPOINT",
        "MASKMATCH_STATE",
        "MASKMATCH_SERVICE_HOST",
        "MASKMATCH_SERVICE_PORT",
        "MASKMATCH_SERVICE_PORT_HTTPS",
        "MASKMATCH_PORT",
        "MASKMATCH_PORT_443_TCP",
        "MASKMATCH_REDIS_PORT_6379_TCP_ADDR",
        "MASKMATCHES_OURS",
        "TENCENTCLOUD_PROTOCOL",
        "TENCENTCLOUD_ROLE_ARN",
        "TENCENTCLOUD_TRACE",
    ],
)
def test_a_variable_of_other_programs_is_left_alone(variables, monkeypatch, name):
    monkeypatch.setenv(name, "faces")
    assert variables().account.secret_id == "AKIDtest"


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("TENCENTCLOUD_REGOIN", "TENCENTCLOUD_REGION"),
        ("TENCENTCLOUD_TOKENS", "TENCENTCLOUD_TOKEN"),
        ("TENCENTCLOUD_SESSION_TOKEN", "TENCENTCLOUD_TOKEN"),
        ("TENCENTCLOUD_ENDPOINT", "MASKMATCH_ENDPOINT"),
        ("TENCENTCLOUD_CALLS_PER_SECOND", "MASKMATCH_CALLS_PER_SECOND"),
        ("TENCENTCLOUD_ACCOUNTID", "TENCENTCLOUD_ACCOUNT_ID"),
    ],
)
def test_a_variable_of_the_vendors_that_is_nearly_ours_is_told(variables, monkeypatch, name, right):
    monkeypatch.delenv(right, raising=False)
    monkeypatch.setenv(name, "x")
    with pytest.raises(WrongSetting, match=f"{name} is not read: did you mean {right}"):
        variables()


def test_a_secret_id_under_another_name_is_told_unless_ours_is_set(variables, monkeypatch):
    monkeypatch.setenv("TENCENTCLOUD_SECRETID", "AKIDtest")
    assert variables().account.secret_id == "AKIDtest"
    monkeypatch.delenv("TENCENTCLOUD_SECRET_ID")
    with pytest.raises(WrongSetting, match="SECRETID is not read: did you mean TENCENTCLOUD_SECRET_ID"):
        account_settings_of(argparse.Namespace(connection=None))


def test_every_variable_that_the_tree_names_is_in_a_table():
    named = set()
    for path in subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0"):
        is_text = (ROOT / path).is_file() and not path.endswith((".jpg", ".png"))
        if is_text and not path.startswith("tests/"):
            named |= set(
                re.findall(r"\bMASKMATCH_[A-Z0-9_]*[A-Z0-9]\b", (ROOT / path).read_text("utf-8", "ignore"))
            )
    assert named - KNOWN_VARIABLES - OTHER_PROGRAMS == set()


def test_a_blank_variable_of_the_permit_store_is_none(variables, monkeypatch):
    monkeypatch.setenv("MASKMATCH_PERMIT_STORE", "  ")
    settings = variables()
    assert settings.permit_store == permit_store_address(None)
    assert settings.permit_store.startswith("sqlite:///")


@pytest.mark.parametrize("value", [True, ["pw"], {"a": "pw"}, 12.5, 5])
def test_a_password_is_text(connection, value):
    with pytest.raises(WrongSetting, match=r"permit_store_password: .* \(it is not text: put it in quotes\)"):
        connection(permit_store="redis://h/0", permit_store_password=value)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("redis://:hunter2@h/0", "holds a password, too"),
        ("redis://h/0?password=hunter2", "holds a password, too"),
        ("postgresql://u:hunter2@h/d", "holds a password, too"),
        ("postgresql://u@h/d?sslmode=require&password=hunter2", "holds a password, too"),
        ("sqlite:////tmp/permits", "is a file, which has no password"),
        (None, "is a file, which has no password"),
    ],
)
def test_a_password_for_an_address_that_can_take_none_is_refused(connection, monkeypatch, address, told):
    monkeypatch.delenv("MASKMATCH_PERMIT_STORE", raising=False)
    with pytest.raises(WrongSetting, match=rf"field permit_store_password: .*{told}") as error:
        connection(permit_store=address, permit_store_password="of-mine")
    assert "hunter2" not in str(error.value)
    assert "of-mine" not in str(error.value)


@pytest.mark.parametrize("extra", ["{", "[1]", '"text"', "calls_per_second=50"])
def test_an_extra_that_is_no_object_is_told(monkeypatch, extra):
    whole = {"conn_type": "tencent_iai", "login": "AKIDtest", "password": "a-key", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_IAI_DEFAULT", json.dumps(whole))
    with pytest.raises(WrongSetting, match="tencent_iai_default: its extra is not a JSON object"):
        TencentIaiHook().get_settings()


def test_a_uri_is_read_by_the_same_table(monkeypatch):
    uri = "tencent-iai://AKIDtest:a-key@127.0.0.1:8390/?protocol=http&calls_per_second=fifty"
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_IAI_DEFAULT", uri)
    with pytest.raises(WrongSetting, match="field calls_per_second: 'fifty' is not a number"):
        TencentIaiHook().get_settings()
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_IAI_DEFAULT", uri.replace("fifty", "20"))
    settings = TencentIaiHook().get_settings()
    assert (settings.account.endpoint, settings.account.calls_per_second) == ("127.0.0.1:8390", 20.0)


def test_an_endpoint_typed_with_its_protocol_is_mended(connection):
    settings = connection(endpoint="https://iai.tencentcloudapi.com/")
    assert (settings.account.endpoint, settings.account.protocol) == ("iai.tencentcloudapi.com", "https")
    assert connection(endpoint=" http://localhost:8390 ").account.protocol == "http"
    with pytest.raises(WrongSetting, match="begins with https, but the protocol is http"):
        connection(endpoint="https://localhost:8390", protocol="http")


def test_an_option_wins_over_its_variable_and_names_itself(variables, monkeypatch):
    monkeypatch.setenv("MASKMATCH_CALLS_PER_SECOND", "20")
    variables()
    assert (
        account_settings_of(
            argparse.Namespace(connection=None, calls_per_second="7")
        ).account.calls_per_second
        == 7
    )
    with pytest.raises(WrongSetting, match="option --calls-per-second: 'x' is not a number"):
        account_settings_of(argparse.Namespace(connection=None, calls_per_second="x"))


def test_what_holds_is_said_in_one_line_without_secrets(connection):
    settings = connection(
        permit_store="redis://user@cache/0", permit_store_password="hidden", budget_calls_per_month=9000
    )
    assert "50 calls/s" in str(settings)
    assert "month: 9,000 calls" in str(settings)
    assert not [
        secret for secret in ("hidden", "AKIDtest", "a-key", "user") if secret in f"{settings}{settings!r}"
    ]


def test_every_field_has_a_form_and_is_in_the_form_of_the_connection():
    assert all(field.form and field.label and field.schema for field in EXTRA)
    assert len({*VARIABLES.values()} - {*os.environ}) > len(EXTRA)
