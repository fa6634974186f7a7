import json
import re
import time
from decimal import Decimal

import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk import Connection

from maskmatch.core.errors import InputError, WrongSetting
from maskmatch.core.renamed import CONNECTION_FIELDS
from maskmatch.core.waits import Waits
from maskmatch.hooks.connected_run import compare_options, connected_run
from maskmatch.hooks.object_storage import ObjectStorageHook, connected_reach
from maskmatch.hooks.outside_tasks import find_connection
from maskmatch.hooks.tencent_iai import TencentIaiHook
from maskmatch.permits.steps.claims import Budget, Budgets
from maskmatch.settings.fields import Entered
from tests.account import local_account


@pytest.fixture
def connection(monkeypatch):
    """Return a function that defines the account's connection."""

    def define(**fields):
        extra = {"budget_calls_per_day": "none"} | fields.pop("extra", {})
        whole = {
            "conn_type": "tencent_iai",
            "login": "AKIDtest",
            "password": "a-key",
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
    extra["permit_store"] = "sqlite:////var/lib/b"
    account = connection(host="127.0.0.1", port=8390, extra=extra).get_account()
    assert (account.endpoint, account.protocol, account.region) == ("127.0.0.1:8390", "http", "ap-beijing")
    assert (account.calls_per_second, account.session_token) == (300.0, "t")
    assert compare_options(TencentIaiHook(), "unused").permit_store == "sqlite:////var/lib/b"
    assert compare_options(TencentIaiHook(), "unused").calls_in_flight is None


@pytest.mark.parametrize(
    ("permit_store", "whole"),
    [
        ("redis://cache:6379/0", "redis://:p%40ss%2F@cache:6379/0"),
        ("postgresql://mask@db/quota", "postgresql://mask:p%40ss%2F@db/quota"),
    ],
)
def test_the_password_of_the_permit_store_has_a_field_of_its_own_and_is_not_shown(
    connection, permit_store, whole
):
    connection(extra={"permit_store": permit_store, "permit_store_password": "p@ss/"})
    options = compare_options(TencentIaiHook(), "unused")
    assert options.permit_store == whole
    assert "p%40ss" not in repr(options)


def test_a_connection_of_another_type_is_told_with_the_right_one(connection):
    with pytest.raises(
        WrongSetting, match="tencent_iai_default: its type is 'maskmatch_store': make it tencent"
    ):
        connection(conn_type="maskmatch_store").get_settings()


@pytest.mark.parametrize(
    ("fields", "endpoint"),
    [
        ({"host": "h"}, "h"),
        ({"host": "h:81"}, "h:81"),
        ({"host": "h", "port": 81}, "h:81"),
        ({"host": "::1", "port": 81}, "[::1]:81"),
        ({"host": "[::1]", "port": 81}, "[::1]:81"),
        ({"host": "FE80::1"}, "[fe80::1]"),
        ({"host": "", "schema": ""}, "iai.tencentcloudapi.com"),
    ],
)
def test_host_and_port_of_a_connection_are_its_endpoint(connection, fields, endpoint):
    assert connection(**fields).get_account().endpoint == endpoint


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"host": "h", "port": 0}, "'h:0' has no valid port"),
        ({"port": 81}, "':81' names no host"),
        ({"schema": "p"}, "'/p' holds a path"),
        ({"host": "h", "schema": "p"}, "'h/p' holds a path"),
        ({"host": "h:81", "port": 82}, "'h:81:82' has no valid port"),
        ({"host": "u:hunter2@h", "port": 82}, "'...@h:82' holds a user or a password"),
    ],
)
def test_what_is_no_endpoint_in_a_connection_is_told_as_it_was_entered(monkeypatch, fields, told):
    class Given(TencentIaiHook):
        @classmethod
        def get_connection(cls, conn_id):
            return Connection(conn_id=conn_id, conn_type="tencent_iai", login="a", password="b", **fields)

    with pytest.raises(WrongSetting, match=rf"endpoint \(host\): .*{re.escape(told)}") as caught:
        Given().get_settings()
    assert "None" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "tencent-iai://a:hunter2@h:port/",
        '{"login": hunter2}',
        "a://b://c://hunter2",
        "tencent-iai://[hunter2",
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        lambda: TencentIaiHook("ours").get_settings(),
        lambda: TencentIaiHook("ours").get_settings(find=find_connection),
        lambda: ObjectStorageHook("ours").get_settings(),
        lambda: ObjectStorageHook("ours", find=find_connection).get_settings(),
        lambda: connected_reach("ours"),
    ],
)
def test_a_connection_that_cannot_be_read_is_told_as_that_without_its_content(monkeypatch, text, use):
    monkeypatch.setenv("AIRFLOW_CONN_OURS", text)
    with pytest.raises(
        WrongSetting, match=r"^connection ours: .* has it, but Airflow cannot read it: write"
    ) as told:
        use()
    assert "hunter2" not in str(told.value)


def test_an_address_in_place_of_a_connections_name_is_not_shown_whole():
    with pytest.raises(WrongSetting, match=r"^connection tencent-iai://\.\.\.@h: Airflow") as told:
        find_connection("tencent-iai://a:hunter2@h")
    assert "hunter2" not in str(told.value)


def test_the_budgets_of_the_form_reach_the_options(connection):
    fields = {"budget_calls_per_run": 90, "budget_calls_per_day": 500_000, "budget_cny_per_month": "20000.5"}
    connection(extra={**fields, "time_zone": "UTC"})
    options = compare_options(TencentIaiHook(), "unused", budget_calls=Entered("7", "task compare"))
    month = Budget(cny=Decimal("20000.5"))
    day = Budget(calls=500_000)
    assert options.budgets == Budgets(run=Budget(calls=7), day=day, month=month, time_zone="UTC")
    assert compare_options(TencentIaiHook(), "unused").budgets.run == Budget(calls=90)


def test_a_run_may_only_ask_for_less(connection):
    connection(extra={"budget_calls_per_run": 90, "budget_calls_per_day": "none"})
    with pytest.raises(
        WrongSetting, match=r"task compare: 91 is more than budget_calls_per_run .* allows, 90"
    ):
        compare_options(TencentIaiHook(), "unused", budget_calls=Entered(91, "task compare"))


@pytest.mark.parametrize(
    ("of_account", "of_run", "limit"),
    [(None, None, 1000), (5000, None, 5000), (5000, "250.5", Decimal("250.5")), (5000, 5000, 5000)],
)
def test_a_run_may_ask_for_an_approval_of_less_than_its_account(connection, of_account, of_run, limit):
    connection(extra={"budget_calls_per_day": "none", "approval_cost_limit": of_account})
    asked = None if of_run is None else Entered(of_run, "task compare")
    options = compare_options(TencentIaiHook(), "unused", approval_cost_limit=asked)
    assert options.approval_cost_limit == limit


def test_a_run_cannot_lift_the_limit_above_which_its_account_wants_an_approval(connection):
    connection(extra={"budget_calls_per_day": "none", "approval_cost_limit": 500})
    with pytest.raises(
        WrongSetting, match=r"task approve: 501 is more than approval_cost_limit of the account allows, 500"
    ):
        compare_options(TencentIaiHook(), "unused", approval_cost_limit=Entered(501, "task approve"))


@pytest.mark.parametrize("unset", [None, "", " "])
def test_a_days_budget_must_be_set_or_waived(connection, unset):
    connection(extra={"budget_calls_per_day": unset, "budget_cny_per_day": None})
    with pytest.raises(WrongSetting, match=r"tencent_iai_default: set a budget for the day.*none for"):
        compare_options(TencentIaiHook(), "unused")
    connection(extra={"budget_calls_per_day": "none"})
    assert compare_options(TencentIaiHook(), "unused").budgets == Budgets(time_zone="Asia/Shanghai")
    connection(extra={"budget_calls_per_day": None, "budget_cny_per_day": 5})
    assert compare_options(TencentIaiHook(), "unused").budgets.day == Budget(cny=Decimal(5))


@pytest.mark.parametrize("field", ["login", "password"])
def test_a_connection_without_a_key_names_the_fields_to_fill(connection, field):
    hook = connection(**{field: ""})
    with pytest.raises(WrongSetting, match=rf"tencent_iai_default, Secret.* \({field}\): enter it"):
        hook.get_account()


def test_an_account_id_names_the_account_in_place_of_its_secret_id(connection):
    assert connection(login="AKIDone").get_account().owner == "AKIDone"
    temporary = connection(login="AKIDtmp", extra={"session_token": "t", "account_id": "1250000000"})
    assert temporary.get_account().owner == "1250000000"


@pytest.mark.server
def test_the_test_button_makes_a_call_that_costs_nothing(connection):
    with local_account() as local:
        host, _, port = local.account.endpoint.partition(":")
        good = connection(
            host=host, port=int(port), password=local.account.secret_key, extra={"protocol": "http"}
        )
        accepted, text = good.test_connection()
        assert (accepted, text.partition(".")[0]) == (True, "The service answers and accepts the key")
        assert "50 calls/s" in text
        wrong = connection(host=host, port=int(port), extra={"protocol": "http"})
        accepted, text = wrong.test_connection()
        assert (accepted, "SecretKey" in text) == (False, True)
        assert local.meter()["billed"] == 0


def test_the_form_of_the_connection_is_known_to_airflow():
    fields = ProvidersManager()._connection_form_widgets_from_metadata
    names = {name.rpartition("__")[2] for name in fields if name.startswith("extra__tencent_iai__")}
    assert names == {
        "approval_cost_limit",
        "region",
        "protocol",
        "calls_per_second",
        "permit_store",
        "permit_store_password",
        "budget_calls_per_run",
        "budget_cny_per_run",
        "budget_calls_per_day",
        "budget_cny_per_day",
        "budget_calls_per_month",
        "budget_cny_per_month",
        "time_zone",
        "session_token",
        "account_id",
        "answered_by",
        "rate_by_hour",
    }


def test_a_run_without_a_logical_date_says_what_to_do():
    with pytest.raises(InputError, match="trigger the run with a logical date"):
        connected_run(
            "file:///a",
            "file:///b",
            "",
            run_id="r",
            waits=Waits(now=time.time),
            source_conn_id="none",
            warehouse_conn_id="none",
            store_patience=300.0,
        )


@pytest.mark.parametrize(("former", "today"), CONNECTION_FIELDS.items())
def test_a_field_with_its_former_name_is_refused_with_the_name_of_today(connection, former, today):
    hook = connection(extra={former: "sqlite:////var/lib/b"})
    with pytest.raises(InputError, match=rf"{former} is now called {today}:"):
        hook.get_account()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"budget_calls_per_day": "many"}, "field budget_calls_per_day: 'many' is not a whole number"),
        ({"budget_calls_per_day": 12.5}, "field budget_calls_per_day: 12.5 is not a whole number"),
        ({"budget_calls_per_month": -1}, "field budget_calls_per_month: -1 is not a whole number"),
        ({"budget_calls_per_day": None}, "set a budget for the day"),
        ({"time_zone": "Shanghai"}, "field time_zone: 'Shanghai' is not the name of a time zone"),
        ({"permit_store": "mysql://h/d"}, "field permit_store: 'mysql://h/d' is not the address of"),
        ({"permit_store": "sqlite:////proc/none/permits.sqlite3"}, "/proc/none/permits.sqlite3"),
        ({"permit_store": "redis://127.0.0.1:9/0"}, "redis://127.0.0.1:9/0"),
        ({"callsPerSecond": 20}, "did you mean calls_per_second"),
    ],
)
def test_the_test_button_says_what_is_wrong_before_it_calls_anybody(connection, fields, told):
    hook = connection(host="127.0.0.1", port=9, extra=fields)
    accepted, text = hook.test_connection()
    assert not accepted
    assert told in text
    assert not text.startswith("connection")
