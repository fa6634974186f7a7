"""On a real store: equal bytes under two keys are one call; what came in parts is known by its tag."""

import uuid
from dataclasses import replace

import pytest

from maskmatch.core.errors import StoreAway, WrongSetting
from maskmatch.core.store_troubles import store_rule
from maskmatch.pipeline.plan import make_plan
from maskmatch.storage import plans
from maskmatch.storage.object_stores import S3Store
from maskmatch.storage.object_stores.s3_uploads import PART_BYTES
from tests.nights import night_in
from tests.pipeline.plan.dates import planned, write_rows
from tests.s3 import client_of

pytestmark = pytest.mark.server

PART = b"x" * PART_BYTES


@pytest.fixture
def source(seaweed):
    client = client_of(seaweed)
    store = S3Store(client, bucket="maskmatch", prefix=f"plan/{uuid.uuid4().hex}")
    for key, data in {"a.jpg": b"a", "b.jpg": b"b", "copy/b.jpg": b"b"}.items():
        store.put(key, data)
    with store.writing("parts.jpg") as stream:
        stream.write(PART * 2)
    yield store
    client.close()


def test_one_call_for_equal_bytes_and_one_plan_for_the_same_work(source, tmp_path):
    run = replace(night_in(tmp_path), source=source)
    rows = [("p", "a.jpg", "b.jpg"), ("q", "copy/b.jpg", "a.jpg"), ("r", "a.jpg", "parts.jpg")]
    write_rows(source, [dict(zip(("pair_id", "reference_id", "probe_id"), row, strict=True)) for row in rows])
    plan, found = planned(run)
    assert (plan.pairs, plan.dedup_rows) == (2, 1)
    (settled,) = [row for row in found if row["kind"] != "call"]
    assert (settled["kind"], {settled["pair_id"], settled["canonical_pair_id"]}) == ("swapped", {"p", "q"})
    contents = {row["probe_id"]: row["probe_content"] for row in found}
    assert contents["parts.jpg"].startswith("tag:")
    assert contents["b.jpg"].startswith("md5:")
    source.put("copy/b.jpg", b"another picture")
    assert planned(run)[0].pairs == 3
    source.put("copy/b.jpg", b"b")
    again, _ = planned(run)
    assert (again.digest, again.plan_id) == (plan.digest, plan.plan_id)


def test_images_of_other_buckets_are_known_by_their_tags_where_these_may_be_read(source, seaweed, tmp_path):
    run = replace(night_in(tmp_path), source=source)
    place = source.uri.removeprefix("s3://maskmatch/")
    client = client_of(seaweed)
    bucket = S3Store(client, bucket="maskmatch", prefix="")
    for key, data in {"a.jpg": b"a", "b.jpg": b"b"}.items():
        bucket.put(f"{place}-far/{key}", data)
    with bucket.writing(f"{place}-far/parts.jpg") as stream:
        stream.write(PART * 2)
    far = f"s3://maskmatch/{place}-far"
    rows = [
        ("p", "a.jpg", "b.jpg"),
        ("q", f"{far}/b.jpg", f"{far}/a.jpg"),
        ("r", "a.jpg", f"{far}/parts.jpg"),
    ]
    write_rows(source, [dict(zip(("pair_id", "reference_id", "probe_id"), row, strict=True)) for row in rows])
    asked = []

    def opened(address):
        asked.append(address)
        return bucket

    plan = make_plan(run, open_bucket=opened)
    assert (plan.pairs, plan.dedup_rows, asked) == (2, 1, ["s3://maskmatch"])
    bucket.put(f"{place}-far/a.jpg", b"another picture")
    assert make_plan(run, open_bucket=opened).pairs == 3
    bucket.put(f"{place}-far/a.jpg", b"a")
    with bucket.writing(f"{place}-far/parts.jpg") as stream:
        stream.write(PART * 3)
    again = make_plan(run, open_bucket=opened)
    assert (again.pairs, again.digest != plan.digest) == (2, True)
    client.close()


@pytest.mark.parametrize(
    "answer", [None, StoreAway("away", store_rule("unreachable")), WrongSetting("no key")]
)
def test_a_bucket_that_cannot_be_asked_leaves_its_images_to_be_known_when_they_are_read(
    source, tmp_path, answer
):
    run = replace(night_in(tmp_path), source=source)
    write_rows(source, [{"pair_id": "p", "reference_id": "a.jpg", "probe_id": "s3://elsewhere/b.jpg"}])

    def opened(_):
        if answer:
            raise answer

    plan = make_plan(run, open_bucket=opened)
    ((_, row),) = plans.read_shard(run.warehouse, plan.shards[0].key)
    assert (row.reference_content[:4], row.probe_content) == ("md5:", "id:s3://elsewhere/b.jpg")


def test_without_trust_in_tags_images_are_known_by_id_and_tag(source, tmp_path):
    run = replace(night_in(tmp_path), source=source)
    write_rows(source, [{"pair_id": "p", "reference_id": "a.jpg", "probe_id": "b.jpg"}])
    _, (row,) = planned(run, trust_tags=False)
    assert row["reference_content"].startswith("tag:")
    assert row["reference_content"] != row["probe_content"]
