import errno
import os
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.session
import pytest
from botocore.client import Config
from botocore.credentials import RefreshableCredentials

from devstack.netfaults import Relay
from maskmatch.core.errors import InputError, ObjectExists, ObjectMissing, StopRun, StoreAway, Unavailable
from maskmatch.storage.object_stores import (
    FileStore,
    S3Store,
    StoreSettings,
    open_store,
    probe_conditional_writes,
    probe_swaps,
)
from maskmatch.storage.object_stores.copying import copy_object
from maskmatch.storage.object_stores.s3_client import s3_client, s3_config
from maskmatch.storage.object_stores.s3_uploads import PART_BYTES
from tests.s3 import client_of

pytestmark = pytest.mark.server


def test_what_is_put_can_be_got_whole_in_part_and_as_a_stream(store):
    store.put("a/b.bin", b"0123456789")
    assert store.get("a/b.bin") == b"0123456789"
    assert store.get("a/b.bin", limit=4) == b"0123"
    with store.open("a/b.bin") as stream:
        assert stream.read(3) == b"012"


def test_a_file_is_put_and_an_object_replaced_whole(store, tmp_path):
    path = tmp_path / "local"
    path.write_bytes(b"new")
    store.put("x", b"old and longer")
    store.put_file("x", str(path))
    assert store.get("x") == b"new"


@pytest.mark.parametrize("size", [0, 10, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 5])
def test_what_is_written_piece_by_piece_is_there_when_it_is_whole(store, size):
    data = os.urandom(size)
    with store.writing("a/b.bin") as stream:
        for start in range(0, size, 3_000_000):
            assert stream.write(data[start : start + 3_000_000]) == len(data[start : start + 3_000_000])
            assert store.head("a/b.bin") is None
    assert store.get("a/b.bin") == data


@pytest.mark.parametrize("size", [10, PART_BYTES + 1])
def test_what_breaks_off_while_it_is_written_leaves_nothing_new(store, size):
    store.put("x", b"old")

    def broken_off() -> None:
        with store.writing("x") as stream:
            stream.write(bytes(size))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert store.get("x") == b"old"
    assert [found.key for found in store.list("")] == ["x"]


def test_parts_of_an_upload_that_broke_off_are_removed(s3_store, seaweed):
    client = client_of(seaweed)

    def broken_off() -> None:
        with s3_store.writing("x") as stream:
            stream.write(bytes(PART_BYTES + 1))
            assert client.list_multipart_uploads(Bucket="maskmatch")["Uploads"]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    prefix = s3_store.uri.removeprefix("s3://maskmatch/")
    left = client.list_multipart_uploads(Bucket="maskmatch").get("Uploads", [])
    assert not [upload for upload in left if upload["Key"].startswith(prefix)]


def test_an_object_that_is_not_there_is_missing(store):
    assert store.head("nothing") is None
    store.delete("nothing")
    for read in (store.get, store.open):
        with pytest.raises(ObjectMissing, match="nothing does not exist"):
            read("nothing")


def test_the_head_tells_the_size_and_the_fingerprint_changes_with_the_content(store):
    store.put("x", b"one")
    first = store.fingerprint("x")
    assert store.fingerprint("x") == first
    store.put("x", b"two")
    assert (store.head("x").key, store.head("x").size) == ("x", 3)
    assert store.fingerprint("x") != first


def test_the_list_holds_all_keys_below_a_prefix_and_no_others(store):
    keys = [f"p/{number}.bin" for number in range(12)] + ["p/q/deep.bin", "other/1.bin", "p2.bin"]
    for key in keys:
        store.put(key, b"x")
    assert sorted(found.key for found in store.list("p/")) == sorted(k for k in keys if k.startswith("p/"))
    assert list(store.list("nothing/")) == []


def test_a_create_only_write_meets_what_is_there(store):
    store.put("x", b"first", only_new=True)
    with pytest.raises(ObjectExists):
        store.put("x", b"second", only_new=True)
    assert store.get("x") == b"first"


def test_of_many_create_only_writers_one_wins(store):
    won, barrier = [], threading.Barrier(8)

    def write(number):
        barrier.wait()
        try:
            store.put("x", b"%d" % number, only_new=True)
            won.append(number)
        except ObjectExists:
            pass

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [b"%d" % number for number in won] == [store.get("x")]


def test_the_probe_finds_conditional_writes_again_and_again_and_leaves_one_object(store):
    assert probe_conditional_writes(store)
    assert probe_conditional_writes(store)
    assert [found.key for found in store.list("_probe")] == ["_probe/conditional-write"]


def test_the_probe_is_not_fooled_by_a_store_that_ignores_the_condition(tmp_path):
    class Careless(FileStore):
        def put(self, key, data, *, only_new=False):
            super().put(key, data)

    assert not probe_conditional_writes(Careless(tmp_path))


def test_a_signed_url_can_be_fetched_by_anybody_until_it_is_tampered_with(s3_store):
    s3_store.put("x y.jpg", b"picture")
    url = s3_store.signed_url("x y.jpg", seconds=60)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"picture"
    with pytest.raises(HTTPError, match="403") as caught:
        urllib.request.urlopen(url.replace("Expires=60", "Expires=61"))
    caught.value.close()


def test_a_folder_has_no_signed_urls(tmp_path):
    assert FileStore(tmp_path).signed_url("x", seconds=60) is None


def test_a_missing_bucket_says_which_and_what_to_do(seaweed):
    client = client_of(seaweed)
    with pytest.raises(
        StopRun, match=r"s3://nowhere/x at .*: There is no such bucket: create it .*\(NoSuchBucket\)"
    ):
        S3Store(client, bucket="nowhere").get("x")
    client.close()


def test_a_wrong_secret_says_which_connection_to_mend(seaweed):
    client = client_of(seaweed, secret_key="wrong")
    with pytest.raises(StopRun, match="storage connection"):
        S3Store(client, bucket="maskmatch").put("x", b"")
    client.close()


def test_a_store_that_is_away_is_unavailable(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    client = s3_client(StoreSettings())
    with pytest.raises(Unavailable, match=r"s3://maskmatch/x at 127\.0\.0\.1:9: .*cannot be reached"):
        S3Store(client, bucket="maskmatch").get("x")
    client.close()


@contextmanager
def cutting_store(body, length) -> Iterator[S3Store]:
    """Serve one object whose answers break off after a part of it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with served(Handler, tries=5) as store:
        yield store


@pytest.mark.parametrize("limit", [None, 1000])
def test_an_object_that_breaks_off_is_never_taken_for_a_whole_one(limit):
    with cutting_store(b"x" * 500, 1000) as store, pytest.raises(Unavailable):
        store.get("x", limit=limit)


def test_a_stream_that_breaks_off_raises_instead_of_ending():
    with cutting_store(b"line\n" * 100, 1000) as store:
        stream = store.open("x")
        with pytest.raises(Unavailable):
            list(stream)
        stream.close()


def test_a_copy_that_breaks_off_is_begun_anew_and_ends_after_three_times(tmp_path):
    lengths = iter([1000, 500])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(next(lengths)))
            self.end_headers()
            self.wfile.write(b"x" * 500)

        def log_message(self, *args):
            pass

    with served(Handler, tries=5) as store, (tmp_path / "x").open("w+b") as file:
        copy_object(store, "x", file)
    assert (tmp_path / "x").read_bytes() == b"x" * 500
    with (
        cutting_store(b"x" * 500, 1000) as store,
        (tmp_path / "y").open("w+b") as file,
        pytest.raises(StoreAway),
    ):
        copy_object(store, "x", file)


def test_a_bucket_name_that_cannot_be_is_no_outage(seaweed):
    client = client_of(seaweed)
    with pytest.raises(StopRun, match="not a valid address"):
        S3Store(client, bucket="Bad Bucket").get("x")
    client.close()


@pytest.mark.parametrize("key", ["/etc/passwd", "../outside", "x" * 300])
def test_a_key_never_leaves_the_folder(tmp_path, key):
    (tmp_path / "outside").write_bytes(b"secret")
    store = FileStore(tmp_path / "store")
    with pytest.raises(ObjectMissing):
        store.get(key)


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be written"):
        FileStore(tmp_path).put("file/x", b"")


def test_an_aborted_write_leaves_neither_object_nor_rubbish(tmp_path):
    store = FileStore(tmp_path)
    with pytest.raises(TypeError):
        store.put("x", "text is not bytes")
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("uri", ["", "/tmp/x", "s3://[b/p", "file:///tmp/%00", "s3://u:hunter2@b/p"])
def test_what_is_no_storage_address_is_refused(uri):
    with pytest.raises(InputError, match="not a storage address") as told:
        open_store(uri)
    assert "hunter2" not in str(told.value)


def test_an_address_opens_its_store(tmp_path):
    assert open_store(f"file://{tmp_path}/a%20b").uri == f"file://{tmp_path}/a%20b"
    assert open_store("s3://bucket/some/prefix/").uri == "s3://bucket/some/prefix"
    assert [open_store(f"s3://b/w#{number}").uri for number in (1, 2)] == ["s3://b/w#1", "s3://b/w#2"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(507, "InsufficientStorage"), (403, "QuotaExceeded"), (507, "Something"), (503, "XMinioStorageFull")],
)
def test_a_store_that_is_full_is_unavailable_until_somebody_makes_room(status, code):
    body = f"<Error><Code>{code}</Code><Message>full</Message></Error>".encode()
    with (
        answering_store(status, body) as store,
        pytest.raises(Unavailable, match=rf"full: free space .*\({code}\)"),
    ):
        store.put("x", b"data")


@contextmanager
def answering_store(status, body) -> Iterator[S3Store]:
    """Answer every PUT like this."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with served(Handler) as store:
        yield store


@contextmanager
def served(handler, *, tries=1) -> Iterator[S3Store]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        client = local_client(server.server_port, tries=tries)
        yield S3Store(client, bucket="maskmatch")
        client.close()
        server.shutdown()
        thread.join()


def local_client(port, *, access_key="a", secret_key="b", tries=1):
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="us-east-1",
        config=s3_config(addressing_style="path").merge(Config(retries={"total_max_attempts": tries})),
    )


@pytest.mark.parametrize("only_new", [True, False])
def test_a_write_that_breaks_off_leaves_no_part_of_an_object(seaweed, tmp_path, only_new):
    with Relay(int(seaweed.endpoint_url.rpartition(":")[2])) as link:
        client = local_client(link.port, access_key=seaweed.access_key, secret_key=seaweed.secret_key)
        store = S3Store(client, bucket="maskmatch", prefix=f"tests/{tmp_path.name}")
        path = tmp_path / "local"
        path.write_bytes(b"x" * 1000)
        link.requests_to_tear = 2
        for write in (
            lambda: store.put("x", b"data", only_new=only_new),
            lambda: store.put_file("x", str(path)),
        ):
            with pytest.raises(Unavailable, match="cannot be reached"):
                write()
            assert store.head("x") is None
        assert link.requests_torn == 2
        store.put("x", b"data", only_new=only_new)
        assert store.get("x") == b"data"
        client.close()


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (errno.ENOSPC, Unavailable, "No space left on device: free space below file://"),
        (errno.EDQUOT, Unavailable, "free space"),
        (errno.EROFS, StopRun, r"may not be written by this user \(Read-only file system\)"),
        (errno.EACCES, StopRun, "grant it"),
        (errno.EIO, Unavailable, "Input/output error"),
    ],
)
def test_a_folder_that_fails_says_what_to_do(tmp_path, code, kind, message):
    class Failing(FileStore):
        def _move(self, temporary, path, check):
            raise OSError(code, os.strerror(code))

    with pytest.raises(kind, match=message):
        Failing(tmp_path).put("x", b"data")
    assert list(tmp_path.rglob("*")) == []


def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one(tmp_path):
    store = FileStore(tmp_path)
    store.put("a/x", b"")
    (tmp_path / "a").chmod(0)
    with as_ordinary_user(), pytest.raises(StopRun, match="may not be read by this user: grant it"):
        list(store.list("a/"))
    (tmp_path / "a").chmod(0o700)


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_file_that_goes_while_a_folder_is_listed_is_left_out(tmp_path):
    store = FileStore(tmp_path)
    for name in ("a", "b", "c"):
        store.put(name, b"")
    listing = store.list("")
    assert next(listing).key == "a"
    store.delete("b")
    assert [found.key for found in listing] == ["c"]


def store_with_a_key_for(seconds, renewed_for=None):
    """Return a store whose key boto3 knows to end so soon, and how often it was renewed."""
    renewals = []

    def metadata(seconds):
        ends = datetime.now(UTC) + timedelta(seconds=seconds)
        return {"access_key": "a", "secret_key": "b", "token": "t", "expiry_time": ends.isoformat()}

    def renew():
        renewals.append(1)
        return metadata(renewed_for or seconds)

    session = botocore.session.Session()
    session._credentials = RefreshableCredentials.create_from_metadata(metadata(seconds), renew, "test")
    client = boto3.Session(botocore_session=session).client(
        "s3", region_name="us-east-1", endpoint_url="http://s3.test", config=s3_config()
    )
    return S3Store(client, bucket="b"), renewals


def seconds_of(url):
    return int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0])


@pytest.mark.parametrize(("key_seconds", "url_seconds"), [(3600, 300), (301, 300), (120, 120), (5, 5)])
def test_a_signed_address_lives_no_longer_than_the_key_that_signs_it(key_seconds, url_seconds):
    store, _ = store_with_a_key_for(key_seconds)
    assert url_seconds - 3 <= seconds_of(store.signed_url("a.jpg", seconds=300)) <= url_seconds


def test_a_key_that_is_about_to_end_is_renewed_before_it_signs():
    store, renewals = store_with_a_key_for(60, renewed_for=3600)
    assert seconds_of(store.signed_url("a.jpg", seconds=300)) == 300
    assert renewals


def test_an_object_is_swapped_over_just_the_version_that_was_seen(store, tmp_path):
    assert store.tail("x", size=3) is None
    (tmp_path / "new").write_bytes(b"first")
    store.swap("x", str(tmp_path / "new"), over=None)
    with pytest.raises(ObjectExists):
        store.swap("x", str(tmp_path / "new"), over=None)
    seen = store.tail("x", size=3)
    assert seen.data == b"rst"
    (tmp_path / "new").write_bytes(b"second")
    store.swap("x", str(tmp_path / "new"), over=seen.version)
    (tmp_path / "late").write_bytes(b"late")
    with pytest.raises(ObjectExists):
        store.swap("x", str(tmp_path / "late"), over=seen.version)
    assert store.tail("x", size=100).data == b"second"
    store.delete("x")
    with pytest.raises(ObjectExists):
        store.swap("x", str(tmp_path / "late"), over=seen.version)


def test_an_object_in_parts_is_swapped_under_the_same_condition(store, tmp_path):
    (tmp_path / "large").write_bytes(b"x" * (17 << 20))
    store.swap("x", str(tmp_path / "large"), over=None)
    for wrong in (None, "0" * 32):
        with pytest.raises(ObjectExists):
            store.swap("x", str(tmp_path / "large"), over=wrong)
    store.swap("x", str(tmp_path / "large"), over=store.tail("x", size=1).version)
    assert store.head("x").size == 17 << 20


def test_a_store_that_swaps_is_known_by_a_trial(store):
    assert probe_swaps(store)
