import sys

import pytest

from maskmatch.core.errors import InputError, WrongSetting
from maskmatch.core.renamed import VARIABLES
from maskmatch.permits.opening import open_coordinator, permit_store_address, quota_key
from maskmatch.permits.stores.server_clock import ServerClock
from tests.fakes import FakeClock


def open_at(uri):
    return open_coordinator(uri, secret_id="a", calls_per_second=1, clock=FakeClock())


def test_the_quota_key_does_not_hold_the_secret_id():
    assert "AKID" not in quota_key("AKIDsecret")
    assert quota_key("a") != quota_key("b")


@pytest.mark.parametrize(
    "uri",
    ["", "sqlite://relative", "sqlite:///still/relative", "redis://", "redis:///0", "mysql://h/d", "redis://h:x/0",
     "redis://u:hunter2@h:70000/0", "postgresql://", "http://u:hunter2@h/",
     "redis://h/abc", "redis://h/0/1", "redis://u:hunter2@h/-1", "redis://h:0/0", "redis://h:/0", "redis://h..x/0",
     "redis://h!/0", "redis://[h/0", "redis://h/0 ", "redis://h\n/0", "redis://h/0/", "rediss://h:0/0",
     "postgresql://h:0/d", "postgresql://h/d/e", "postgresql://h/d e", "postgresql://u:hunter2@h..x/d",
     "sqlite:////", "sqlite:////tmp/%00x", "sqlite:////tmp/%0ax", "sqlite://h//f"],
)  # fmt: skip
def test_a_wrong_permit_store_address_is_refused_without_showing_a_password(uri):
    with pytest.raises(InputError, match="redis://host:port/number") as caught:
        open_at(uri)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("uri", ["sqlite:////f?x", "sqlite:////f#x", "sqlite:////f?mode=ro"])
def test_a_file_whose_name_is_cut_off_is_refused(uri):
    with pytest.raises(InputError, match=r"sqlite:////f holds . or #: in a path write %3F and %23"):
        open_at(uri)


@pytest.mark.parametrize("uri", ["redis://h/0#x", "postgresql://h/d#x"])
def test_what_stands_behind_a_hash_is_not_left_out(uri):
    with pytest.raises(InputError, match="holds a #: write @, /"):
        open_at(uri)


@pytest.mark.parametrize(
    "uri",
    ["redis://h", "redis://h/", "redis://h:1/15", "redis://[::1]:1/0", "postgresql://h", "postgresql://u@h:1/d",
     "postgresql://%2Fvar%2Frun/d", "sqlite:////tmp/a b%3F"],
)  # fmt: skip
def test_an_address_in_its_right_form_is_taken(uri):
    open_at(uri).close()


@pytest.mark.parametrize(
    ("uri", "option"),
    [
        ("redis://u:hunter2@host:6379/0?nonsense=1", "nonsense"),
        ("redis://host/0?password=hunter2&nonsense=1", "nonsense"),
        ("redis://u:hunter2@host/0?socket_timeout=soon", "socket_timeout"),
        ("redis://u:hunter2@host/0?decode_responses=true", "decode_responses"),
        ("redis://u:hunter2@host/0?ssl_cert_reqs=none", "ssl_cert_reqs"),
        ("rediss://u:hunter2@host/0?ssl_cert_reqs=perhaps", "ssl_cert_reqs"),
        ("postgresql://u:hunter2@host/d?nonsense=1", "nonsense"),
        ("postgres://host/d?password=hunter2&sslmodes=require", "sslmodes"),
    ],
)
def test_an_option_that_the_store_does_not_know_is_named_with_the_cure_and_no_password(uri, option):
    with pytest.raises(
        InputError, match=rf"host.* has an option \('{option}'\) .* or leave it out"
    ) as caught:
        open_at(uri)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    ["redis://h/0?hunter2", "redis://h/0?pass%3Dhunter2=1", "redis://u:1?hunter2@h/0", "redis://u:1/hunter2@h/0",
     "redis://u:1#hunter2@h/0", "postgresql://h/d?hunter2", "postgresql://u:1?hunter2@h/d"],
)  # fmt: skip
def test_what_may_be_a_part_of_a_password_is_not_taken_for_the_name_of_an_option(uri):
    with pytest.raises(InputError, match=r"not written as name=value|write @, /, \? and #") as caught:
        open_at(uri)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    ["redis://h/0?", "redis://h?db=2&client_name=night&socket_timeout=1.5", "rediss://h/0?ssl_cert_reqs=none",
     "postgresql://h/d?sslmode=require&application_name=a", "postgres://h/d?ssl=true"],
)  # fmt: skip
def test_options_that_the_store_knows_are_taken(uri):
    open_at(uri).close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return the home of a user who has set nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (*VARIABLES, *VARIABLES.values()):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".maskmatch").mkdir()
    return tmp_path


def test_an_address_is_taken_from_the_caller_then_from_the_variable_then_from_the_home(home, monkeypatch):
    assert permit_store_address(None) == f"sqlite:///{home}/.maskmatch/permits.sqlite3"
    monkeypatch.setenv("MASKMATCH_PERMIT_STORE", "redis://cache/0")
    assert permit_store_address(None) == "redis://cache/0"
    assert permit_store_address("redis://other/0") == "redis://other/0"


@pytest.mark.parametrize("given", [None, "redis://cache/0"])
@pytest.mark.parametrize(("former", "today"), VARIABLES.items())
def test_a_variable_with_its_former_name_is_refused_with_the_name_of_today(
    home, monkeypatch, given, former, today
):
    monkeypatch.setenv(former, "redis://cache/0")
    with pytest.raises(InputError, match=f"the variable {former} is now called {today}: rename it"):
        permit_store_address(given)


def test_a_file_with_its_former_name_is_refused_until_there_is_one_with_the_name_of_today(home):
    (home / ".maskmatch" / "broker.sqlite3").touch()
    with pytest.raises(
        InputError, match=r"broker\.sqlite3 is now called permits\.sqlite3 and has another format"
    ):
        permit_store_address(None)
    assert permit_store_address("redis://cache/0") == "redis://cache/0"
    (home / ".maskmatch" / "permits.sqlite3").touch()
    assert permit_store_address(None) == f"sqlite:///{home}/.maskmatch/permits.sqlite3"


def test_nothing_is_connected_before_the_first_step():
    for uri in ("redis://127.0.0.1:1/0", "rediss://u:p@127.0.0.1:1/0", "postgresql://u:p@127.0.0.1:1/d"):
        open_at(uri).close()


def clock_with(*answers):
    clock = ServerClock(lambda: 100.0)
    for server_time, sent_at, received_at in answers:
        clock.note(server_time, sent_at=sent_at, received_at=received_at)
    return clock.now()


def test_a_servers_clock_is_taken_from_the_middle_of_the_trip():
    assert clock_with((5000.0, 99.0, 101.0)) == 5000.0


def test_a_slow_answer_does_not_spoil_what_a_quick_one_told():
    assert clock_with((5000.0, 99.99, 100.01), (5000.4, 99.5, 100.5)) == 5000.0


def test_a_slow_answer_that_contradicts_means_that_the_clock_has_jumped():
    assert clock_with((5000.0, 99.99, 100.01), (1400.0, 99.5, 100.5)) == 1400.0


def test_after_a_while_a_somewhat_slower_answer_is_believed_for_the_clocks_drift():
    assert clock_with((5000.0, 0.0, 0.001), (5000.02, 99.98, 100.0)) == pytest.approx(5000.03)


@pytest.mark.parametrize(
    ("address", "package"), [("redis://127.0.0.1:1/0", "redis"), ("postgresql://a@127.0.0.1/b", "psycopg2")]
)
def test_a_store_whose_client_is_not_installed_is_told_with_the_line_of_pip(monkeypatch, address, package):
    monkeypatch.setitem(sys.modules, package, None)
    for module in ("redis", "postgres"):
        monkeypatch.delitem(sys.modules, f"maskmatch.permits.stores.{module}", raising=False)
    with pytest.raises(
        WrongSetting, match=rf"needs the package {package}, .* pip install 'maskmatch\[cluster\]'"
    ):
        open_at(address)
