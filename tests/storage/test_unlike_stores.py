"""Stores unlike the one that we test with: what they want, do not tell, or cannot."""

import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest

from devstack.s3_troubles import Troubles
from devstack.tls_host import tls_host
from maskmatch.core.errors import ConditionUnsupported, StopRun, StoreAway, StoreRefused, Unavailable
from maskmatch.storage.object_stores import PatientStore, StoreSettings, open_store, probe_conditional_writes

pytestmark = pytest.mark.server

ENCRYPTED = "x-amz-server-side-encryption"
KMS_KEY = "x-amz-server-side-encryption-aws-kms-key-id"


def store_at(endpoint_url, seaweed, **changes):
    settings = StoreSettings(
        endpoint_url=endpoint_url,
        region="us-east-1",
        access_key=seaweed.access_key,
        secret_key=seaweed.secret_key,
        addressing_style="path",
        **changes,
    )
    return open_store(f"s3://maskmatch/tests/{uuid4().hex}", settings=lambda: settings)


def writes_of(store, tmp_path):
    path = tmp_path / "local"
    path.write_bytes(b"data")
    return [
        lambda: store.put("x", b"data"),
        lambda: store.put("new", b"data", only_new=True),
        lambda: store.put_file("x", str(path)),
    ]


def test_a_bucket_that_wants_encryption_takes_every_write_that_says_it(seaweed, tmp_path):
    with Troubles(seaweed.endpoint_url, wants=[ENCRYPTED]) as bucket:
        for write in writes_of(store_at(bucket.endpoint_url, seaweed), tmp_path):
            with pytest.raises(StoreRefused, match="AccessDenied"):
                write()
        store = store_at(bucket.endpoint_url, seaweed, server_side_encryption="AES256")
        for write in writes_of(store, tmp_path):
            write()
        assert store.get("x") == store.get("new") == b"data"


def test_a_store_that_redirects_every_request_is_told_after_a_few(seaweed):
    asked = []
    with Troubles(seaweed.endpoint_url) as troubles:
        troubles.begin("PermanentRedirect", 301, concerned=lambda *request: not asked.append(request))
        with pytest.raises(StoreRefused, match="The bucket is at another endpoint"):
            store_at(troubles.endpoint_url, seaweed).get("x")
    assert len(asked) < 20


def test_a_store_that_sends_no_part_of_an_object_is_not_taken_for_one_whose_object_is_empty(seaweed):
    with Troubles(seaweed.endpoint_url) as troubles:
        store = store_at(troubles.endpoint_url, seaweed)
        store.put("x", b"data")
        troubles.begin("InvalidRange", 400, concerned=lambda method, _: method == "GET")
        with pytest.raises(StoreRefused, match="cannot send this part"):
            store.peek("x", size=10)


def test_an_object_that_breaks_off_is_told_with_its_address(seaweed):
    with Troubles(seaweed.endpoint_url) as troubles:
        store = store_at(troubles.endpoint_url, seaweed)
        store.put("x", b"data")
        troubles.begin("half", 0)
        with pytest.raises(StoreAway, match=r"s3://maskmatch/.*x at .* broke off .*broken_off"):
            store.get("x")


def test_the_key_of_the_encryption_is_said_too(seaweed, tmp_path):
    said = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            said.append((self.headers[ENCRYPTED], self.headers[KMS_KEY]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    changes = {"server_side_encryption": "aws:kms", "sse_kms_key_id": "alias/faces"}
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for write in writes_of(
            store_at(f"http://127.0.0.1:{server.server_port}", seaweed, **changes), tmp_path
        ):
            write()
        server.shutdown()
        thread.join()
    assert said == [("aws:kms", "alias/faces")] * 3


@pytest.mark.parametrize(
    ("code", "status"),
    [("NotImplemented", 501), ("NotImplemented", 400), ("MethodNotAllowed", 405), ("", 501), ("Odd", 405)],
)
def test_a_store_that_refuses_the_condition_has_none(seaweed, code, status):
    with Troubles(seaweed.endpoint_url) as troubles:
        store = store_at(troubles.endpoint_url, seaweed)
        store.put("x", b"old")
        puts = itertools.count()
        # Of a probe's two PUTs the second has the condition.
        troubles.begin(code, status, concerned=lambda method, path: method == "PUT" and next(puts) % 2 == 1)
        assert not probe_conditional_writes(store)
        patient = PatientStore(store, patience_seconds=60, say=print)
        assert not probe_conditional_writes(patient)
        next(puts)
        with pytest.raises(ConditionUnsupported, match="knows no create-only writes"):
            patient.put("y", b"", only_new=True)
        next(puts)
        with pytest.raises(StoreRefused):
            store.put("y", b"")


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "OperationAborted"])
def test_a_store_that_is_busy_with_the_object_is_asked_again(seaweed, code):
    said = []
    with Troubles(seaweed.endpoint_url) as troubles:
        store = store_at(troubles.endpoint_url, seaweed)
        troubles.begin(code, 409)
        with pytest.raises(Unavailable, match=code):
            store.put("x", b"data", only_new=True)

        def say(text):
            said.append(text)
            troubles.end()

        PatientStore(store, patience_seconds=60, say=say).put("x", b"data", only_new=True)
        assert probe_conditional_writes(store)
    assert code in said[0]
    assert store_at(seaweed.endpoint_url, seaweed).head("x") is None


@pytest.mark.parametrize(
    "hides", [["Content-Length"], ["ETag"], ["Content-Length", "ETag"], ["Content-Length", "Content-Range"]]
)
def test_answers_without_length_or_tag_are_read_as_any_other(seaweed, tmp_path, hides):
    with Troubles(seaweed.endpoint_url, hides=hides) as troubles:
        store = store_at(troubles.endpoint_url, seaweed)
        for write in writes_of(store, tmp_path):
            write()
        store.put("long", b"0123456789" * 1000)
        store.put("empty", b"")
        assert (store.get("x"), store.get("empty"), len(store.get("long"))) == (b"data", b"", 10_000)
        assert store.get("long", limit=4) == b"0123"
        with store.open("long") as stream:
            assert len(stream.read()) == 10_000
        assert [store.head(key).size for key in ("x", "empty", "long")] == [4, 0, 10_000]
        assert store.head("nothing") is None
        for key, size in (("x", 4), ("empty", 0), ("long", 10_000)):
            data, found = store.peek(key, size=10)
            assert (len(data), found.size) == (min(size, 10), size)
        assert sorted((found.key, found.size) for found in store.list("")) == [
            ("empty", 0), ("long", 10_000), ("new", 4), ("x", 4),
        ]  # fmt: skip
        assert store.fingerprint("x") == store.fingerprint("x") != store.fingerprint("long")


def test_a_store_that_tells_no_sign_of_the_content_says_so(seaweed):
    with Troubles(seaweed.endpoint_url, hides=["ETag", "Last-Modified"]) as troubles:
        store = store_at(troubles.endpoint_url, seaweed)
        store.put("x", b"data")
        with pytest.raises(StopRun, match="tells neither ETag nor Last-Modified"):
            store.fingerprint("x")


def test_a_body_in_chunks_whose_end_did_not_come_is_not_taken_for_a_whole_one(seaweed):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"4\r\ndata\r\n")
            self.close_connection = True

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        store = store_at(f"http://127.0.0.1:{server.server_port}", seaweed)
        with pytest.raises(Unavailable):
            store.get("x")
        server.shutdown()
        thread.join()


def test_a_certificate_that_is_not_trusted_stops_the_run_and_names_the_cure(seaweed, tmp_path):
    with tls_host(tmp_path) as port:
        address = f"https://localhost:{port}"
        with pytest.raises(StoreRefused, match=r"name its CA in ca_bundle .* \(certificate\)"):
            store_at(address, seaweed).get("x")
        trusting = store_at(address, seaweed, ca_bundle=str(tmp_path / "certificate.pem"))
        with pytest.raises(StoreRefused, match="501"):  # it answers, and is no store
            trusting.get("x")


def test_an_endpoint_without_tls_stops_the_run_and_says_so(seaweed):
    with pytest.raises(StoreRefused, match="does not speak TLS"):
        store_at(seaweed.endpoint_url.replace("http", "https"), seaweed).get("x")


def test_a_host_that_nobody_knows_is_told_as_such(seaweed):
    with pytest.raises(Unavailable, match="Nobody knows the endpoint's host: look at the spelling"):
        store_at("http://s3.nobody.invalid", seaweed).get("x")
