"""What a run needs is looked at, nothing is billed, and each trouble is told with its cure."""

import argparse
import json
import shutil
import socket
import time
from contextlib import closing, contextmanager

import pytest

from maskmatch.cli import doctor
from maskmatch.cli.__main__ import main
from maskmatch.core.approval import DEFAULT_COST_LIMIT
from maskmatch.core.errors import InputError, MaskmatchError, StopRun, Unavailable, WrongSetting
from maskmatch.permits.opening import check_default, permit_store_address, quota_key
from maskmatch.permits.steps.claims import Budgets
from maskmatch.permits.stores import default_file
from maskmatch.permits.stores.default_file import claim
from maskmatch.pipeline import doctor_places
from maskmatch.pipeline.doctor import POINT_SECONDS, WHOLE_SECONDS, examine, look_at_service
from maskmatch.settings.account import AccountSettings
from maskmatch.storage.images import Transfer
from maskmatch.storage.object_stores import FileStore, StoreSettings, open_store
from tests.account import local_account
from tests.nights import DAY, night_in, write_pairs
from tests.tencent.answers import answering, error


@pytest.fixture
def variables(monkeypatch):
    """Return a function that sets the account and its service."""

    def define(local, **changed):
        found = {
            "TENCENTCLOUD_SECRET_ID": local.account.secret_id,
            "TENCENTCLOUD_SECRET_KEY": local.account.secret_key,
            "MASKMATCH_ENDPOINT": f"http://{local.account.endpoint}",
            "MASKMATCH_BUDGET_CALLS_PER_DAY": "1000",
            **changed,
        }
        for name, value in found.items():
            monkeypatch.setenv(name, value)

    return define


def looked(tmp_path, capsys, *more):
    places = [f"--{place}=file://{tmp_path}/{place}" for place in ("source", "warehouse")]
    status = main(["doctor", *places, f"--permit-store=sqlite:///{tmp_path}/permits.sqlite3", *more])
    lines = capsys.readouterr().out.splitlines()
    return status, {line[7:21].strip(): (line[:5].strip(), line[22:]) for line in lines[:-1]}, lines[-1]


@pytest.mark.server
def test_all_is_well_and_nothing_is_billed(tmp_path, capsys, variables):
    write_pairs(night_in(tmp_path).source, 3)
    with local_account() as local:
        variables(local)
        status, found, last = looked(tmp_path, capsys, f"--date={DAY}")
        assert local.meter()["billed"] == 0
    assert (status, last) == (0, "all that a run needs is there; nothing was billed")
    assert {well for well, _ in found.values()} == {"ok"}
    assert [*found] == [
        *("account", "budgets", "run", "permit store", "service", "source", "warehouse", "images"),
        *("image transfer", "temporary disk"),
    ]
    assert found["permit store"][1].endswith("nobody has used the account here")
    assert "its clock and this host's agree" in found["service"][1]
    assert found["images"][1] == "rows may name images of the source alone"
    assert "the first run makes it" in found["warehouse"][1]
    assert not (tmp_path / "warehouse").exists()
    assert "manifests of" in found["source"][1]
    assert local.account.secret_key not in str(found)


@pytest.mark.server
def test_each_trouble_is_told_with_its_cure_and_the_rest_is_looked_at(tmp_path, capsys, variables):
    (tmp_path / "source").mkdir()
    with local_account() as local:
        variables(local, TENCENTCLOUD_SECRET_KEY="another-key", MASKMATCH_BUDGET_CALLS_PER_DAY="")
        status, found, last = looked(tmp_path, capsys, f"--date={DAY}")
    assert (status, last) == (1, "3 to mend")
    assert found["account"][0] == found["permit store"][0] == found["warehouse"][0] == "ok"
    assert "set a budget for the day" in found["budgets"][1]
    assert "SecretKey" in found["service"][1]
    assert "put one there, such as pairs.csv" in found["source"][1]


@pytest.mark.server
def test_a_task_is_looked_at_through_its_connections(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TENCENTCLOUD_SECRET_ID", raising=False)
    monkeypatch.setenv("AIRFLOW__MASKMATCH__BACKFILL_POOL", "default_pool")
    with local_account() as local:
        account = local.connection(budget_calls_per_day=9, answeredby="x")
        monkeypatch.setenv("AIRFLOW_CONN_OURS", json.dumps(account))
        _, found, _ = looked(tmp_path, capsys, "--connection=ours")
        assert "did you mean answered_by" in found["account"][1]
        assert "set AIRFLOW__MASKMATCH__AD_HOC_POOL=maskmatch_ad_hoc" in found["slots"][1]
        monkeypatch.setenv("AIRFLOW__MASKMATCH__AD_HOC_POOL", "default_pool")
        account["extra"].pop("answeredby")
        monkeypatch.setenv("AIRFLOW_CONN_OURS", json.dumps(account))
        _, found, _ = looked(tmp_path, capsys, "--connection=ours")
    assert {well for name, (well, _) in found.items() if name != "source"} == {"ok"}


def test_a_form_of_files_that_has_no_connection_names_the_source_alone(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "i")
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "k")
    _, found, _ = looked(tmp_path, capsys, "--endpoint=http://127.0.0.1:9", "--source-connection=nobody")
    assert found["images"] == ("ok", "rows may name images of the source alone")


@pytest.mark.parametrize(
    ("variables_", "told"),
    [
        ({"MASKMATCH_IMAGE_BUCKETS": "faces-* more"}, "source, images of the buckets faces-*, more"),
        ({"MASKMATCH_IMAGE_HOSTS": "*.a.test"}, "source, https:// addresses of the hosts *.a.test"),
        (
            {"MASKMATCH_IMAGE_HOSTS": "https://a.test/x"},
            "variable MASKMATCH_IMAGE_HOSTS: 'https://a.test/x' is not",
        ),
        ({"MASKMATCH_IMAGE_BUCKETS": "s3://faces"}, "variable MASKMATCH_IMAGE_BUCKETS: 's3://faces' is not"),
        ({"MASKMATCH_IMAGE_BUCKETS": "faces-[ab"}, "'faces-[ab' is not"),
        ({"MASKMATCH_IMAGE_HOSTS": "a].test"}, "'a].test' is not"),
    ],
)
def test_what_rows_may_name_is_shown_and_a_wrong_pattern_told(
    variables_, told, tmp_path, capsys, monkeypatch
):
    for name, value in variables_.items():
        monkeypatch.setenv(name, value)
    _, found, _ = looked(tmp_path, capsys, "--endpoint=http://127.0.0.1:9")
    assert told in found["images"][1]
    assert found["images"][0] == ("WRONG" if "is not" in told else "ok")


def test_what_rows_may_name_is_read_from_the_connection_of_the_source(tmp_path, capsys, monkeypatch):
    ours = {"conn_type": "maskmatch_store", "extra": {"image_hosts": ["a.test", "b c"], "image_buckets": []}}
    monkeypatch.setenv("AIRFLOW_CONN_OURS", json.dumps(ours))
    _, found, _ = looked(tmp_path, capsys, "--endpoint=http://127.0.0.1:9", "--source-connection=ours")
    assert found["images"] == (
        "ok",
        "rows may name images of the source, https:// addresses of the hosts a.test, b, c",
    )


@pytest.mark.parametrize(
    ("option", "point", "told"),
    [
        ("--call-timeout=3", "run", "option --call-timeout: '3' is not a number of seconds above 5"),
        ("--calls-in-flight=x", "run", "option --calls-in-flight: 'x' is not a whole number"),
        ("--image-transfer=mail", "image transfer", "option --image-transfer: 'mail' is not bytes or url"),
        ("--image-transfer=url", "image transfer", "cannot sign URLs: use image_transfer bytes"),
    ],
)
def test_a_wrong_setting_of_a_run_is_told(option, point, told, tmp_path, capsys):
    (tmp_path / "source").mkdir()
    _, found, _ = looked(tmp_path, capsys, "--endpoint=http://127.0.0.1:9", option)
    assert found[point][0] == "WRONG"
    assert told in found[point][1]


def test_a_source_that_is_not_there_or_has_no_manifests_is_wrong(tmp_path):
    with pytest.raises(InputError, match=r"/gone is no folder: make it, or name another with --source"):
        doctor_places.look_at_source(FileStore(tmp_path / "gone"), None)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="/file is no folder"):
        doctor_places.look_at_source(FileStore(tmp_path / "file"), None)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").touch()
    with pytest.raises(InputError, match=r"nothing at .*/manifests/ds=\.\.\.: put the manifests of a date"):
        doctor_places.look_at_source(FileStore(tmp_path), None)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "images"]


def test_the_manifests_of_a_date_are_named_and_what_is_none_is_told(tmp_path):
    store = FileStore(tmp_path)
    store.put(f"manifests/ds={DAY}/a.csv", b"pair_id,img1\n")
    told = doctor_places.look_at_source(store, DAY)
    assert told.endswith(f"manifests of {DAY}: manifests/ds={DAY}/a.csv; maskmatch validate reads them")
    store.put(f"manifests/ds={DAY}/a.csv.part", b"pair_id,img1\n")
    with pytest.raises(InputError, match="its name says that it is not whole"):
        doctor_places.look_at_source(store, DAY)


def test_a_warehouse_that_is_not_there_is_not_made_and_told_when_it_cannot_be(tmp_path):
    told = doctor_places.look_at_warehouse(FileStore(tmp_path / "a" / "b"))
    assert told.endswith(f"is not there: the first run makes it below {tmp_path}; check the name")
    (tmp_path / "file").touch()
    with pytest.raises(StopRun, match="may not be written: make it, or grant it"):
        doctor_places.look_at_warehouse(FileStore(tmp_path / "file" / "b"))
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_local_disk_that_is_full_or_cannot_be_written_is_told(monkeypatch):
    assert "GB free" in doctor_places.look_at_disk()
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(doctor_places.shutil, "disk_usage", lambda _: usage._replace(free=10**6))
    with pytest.raises(StopRun, match="has only 1 MB free"):
        doctor_places.look_at_disk()
    monkeypatch.setattr(doctor_places.tempfile, "tempdir", "/nowhere/at/all")
    with pytest.raises(StopRun, match=r"no temporary file can be written .*TMPDIR"):
        doctor_places.look_at_disk()


@pytest.fixture
def bucket(seaweed, tmp_path):
    """Return a function that opens a source in S3 with an object, or with none."""

    def opened(*, secret_key=seaweed.secret_key, objects=1, endpoint=seaweed.endpoint_url):
        settings = StoreSettings(
            endpoint_url=endpoint,
            region="us-east-1",
            access_key=seaweed.access_key,
            secret_key=secret_key,
            addressing_style="path",
        )
        store = open_store(f"s3://maskmatch/{tmp_path.name}", settings=lambda: settings)
        for number in range(objects):
            store.put(f"images/{number}.jpg", b"\xff\xd8\xff")
        return store

    return opened


def test_a_signed_url_is_fetched_and_not_shown(bucket):
    told = doctor_places.look_at_transfer(bucket(), Transfer.URL)
    assert told.startswith("url: a signed URL of s3://maskmatch/")
    assert "brings its bytes; the vendor must reach that host, too" in told
    assert "X-Amz" not in told


def test_a_source_without_an_object_cannot_try_a_signed_url(bucket):
    with pytest.raises(InputError, match="holds no object whose signed URL could be tried"):
        doctor_places.look_at_transfer(bucket(objects=0), Transfer.URL)


class SignsWrong:
    """A store that lists well, and signs for another place."""

    def __init__(self, store, url):
        self._store, self._url = store, url
        self.uri, self.host, self.list = store.uri, store.host, store.list

    def signed_url(self, key, *, seconds):
        return self._url(self._store.signed_url(key, seconds=seconds))


@pytest.mark.parametrize(
    ("url", "kind", "told"),
    [
        (lambda url: url.replace("Signature=", "Signature=0"), StopRun, "is refused (403): check the clock"),
        (lambda url: "http://127.0.0.1:9/" + url.rpartition("/")[2], Unavailable, "(ConnectionRefusedError)"),
        (lambda url: url.replace("http://", "https://"), Unavailable, "only a public authority is known"),
        (lambda url: url.replace("127.0.0.1", "nobody.invalid"), Unavailable, "(gaierror)"),
    ],
)
def test_a_signed_url_that_cannot_be_fetched_says_why_and_is_not_shown(bucket, url, kind, told):
    with pytest.raises(kind) as caught:
        doctor_places.look_at_transfer(SignsWrong(bucket(), url), Transfer.URL)
    assert told in str(caught.value)
    assert "X-Amz" not in str(caught.value)
    assert caught.value.__suppress_context__


ASK_OTHERS = ("permit store", "service", "source", "warehouse", "image transfer")


@contextmanager
def silent():
    """Take connections and never answer; yield host:port."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.server
def test_whoever_never_answers_is_given_up_and_the_rest_is_looked_at(tmp_path, monkeypatch):
    with silent() as nobody:
        for name, value in {
            "TENCENTCLOUD_SECRET_ID": "i",
            "TENCENTCLOUD_SECRET_KEY": "k",
            "MASKMATCH_BUDGET_CALLS_PER_DAY": "9",
            "AWS_ENDPOINT_URL": f"http://{nobody}",
            "AWS_ACCESS_KEY_ID": "i",
            "AWS_SECRET_ACCESS_KEY": "k",
        }.items():
            monkeypatch.setenv(name, value)
        parser = argparse.ArgumentParser()
        doctor.add_doctor_options(parser)
        args = parser.parse_args(
            [
                *("--source=s3://faces/x", "--warehouse=s3://faces/y", f"--permit-store=redis://{nobody}/0"),
                *("--image-transfer=url", f"--endpoint=http://{nobody}"),
            ]
        )
        checks = doctor._checks(args)
        checks["account"]()  # what is imported for it is not what is timed
        asking = {name: checks[name] for name in (*ASK_OTHERS, "images")}
        began = time.monotonic()
        found = {each.subject: each for each in examine(asking, point_seconds=0.3, whole_seconds=1.0)}
        assert (
            time.monotonic() - began < 30
        )  # five seconds without a load, more than a minute without a limit
    wrong = {subject for subject, each in found.items() if not each.is_well}
    assert wrong == {*ASK_OTHERS}
    assert all(": check its address" in found[subject].text for subject in wrong)


@pytest.mark.server
def test_a_point_that_takes_too_long_says_so_and_each_later_one_has_its_second():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def waits():
            with socket.create_connection(listener.getsockname()) as sock:
                return str(sock.recv(1))

        found = [*examine({"a": waits, "b": waits, "c": lambda: "well"}, point_seconds=0.1, whole_seconds=0)]
    assert [each.is_well for each in found] == [False, False, True]
    assert found[0].text.startswith("no answer within 1 s, and it is looked at no longer")
    assert found[1].text == found[0].text


def test_the_limits_end_the_whole_within_a_minute():
    assert POINT_SECONDS < WHOLE_SECONDS
    assert WHOLE_SECONDS + 10 <= 60


@pytest.mark.parametrize(
    ("raised", "text"),
    [
        (MaskmatchError("no"), "no"),
        (ModuleNotFoundError("No module named 'redis'"), "extra airflow .* or cluster"),
    ],
)
def test_what_a_check_raises_is_its_finding(raised, text):
    def check():
        raise raised

    (found,) = examine({"a": check})
    assert not found.is_well
    with pytest.raises(MaskmatchError, match=text):
        raise MaskmatchError(found.text)


@pytest.mark.server
@pytest.mark.parametrize(
    ("date", "told"),
    [
        ("Thu, 01 Jan 2026 00:00:00 GMT", "s ahead of its clock: set it"),
        ("Fri, 01 Jan 2100 00:00:00 GMT", "s behind its clock: set it"),
        ("nonsense", "it tells no time"),
    ],
)
def test_a_clock_that_is_wrong_is_told(date, told, tmp_path):
    def answer(handler):
        handler.send_response_only(200)
        data = json.dumps(error("MissingParameter")).encode()
        for name, value in {
            "Date": date,
            "Content-Length": len(data),
            "Content-Type": "application/json",
        }.items():
            handler.send_header(name, str(value))
        handler.end_headers()
        handler.wfile.write(data)

    with answering(answer) as account:
        (found,) = examine({"service": lambda: look_at_service(settings_of(account))})
    assert told in found.text


def settings_of(account):
    return AccountSettings(
        account=account,
        permit_store="unused",
        budgets=Budgets(),
        approval_cost_limit=DEFAULT_COST_LIMIT,
        has_day_budget=True,
        place="a test",
    )


def test_an_account_that_another_user_pays_for_through_a_file_of_their_own_is_told(tmp_path, monkeypatch):
    notes = tmp_path / "notes"
    notes.mkdir()
    other = tmp_path / "other.sqlite3"
    other.touch()
    claim(other, quota_key("i"), notes)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(default_file.check_alone, "__defaults__", (notes,))
    with pytest.raises(WrongSetting, match="two users of this host pay for one account"):
        check_default(permit_store_address(None), secret_id="i")
    check_default(permit_store_address(None), secret_id="another")
    assert [each.name for each in notes.iterdir()] == [next(notes.iterdir()).name]
    assert not (tmp_path / "home").exists()
