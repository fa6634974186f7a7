"""The rows of a journal: one for each call, in columns that tell all of it."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.project import project_root
from maskmatch.core.image_rules import ImageFacts
from maskmatch.core.outcomes import Calls, FailureClass, Images, Outcome, Reason, Side, Source
from maskmatch.storage.journal import Origin, ShardJournal, compact, scan_tables
from maskmatch.storage.journal.records import SCHEMA, lines_of, outcomes_of, table_of, to_lines
from maskmatch.storage.object_stores import FileStore
from tests.storage.journals import PREFIX, record_durably, unknown

ORIGIN = Origin("r", "key-1", "bytes-1")
AT = datetime(2026, 1, 1, tzinfo=UTC)
IMAGE = ImageFacts(
    store_host="s3.test:8333",
    image_id="https://s3.test:8333/a.jpg",
    tag="abc",
    md5="5" * 32,
    sha256="6" * 64,
    size=9,
    load_ms=1.5,
)
CALL = Calls(
    attempts=1,
    billed=1,
    attempt=3,
    called_at=AT,
    answered_at=AT + timedelta(seconds=0.25),
    latency_ms=250.0,
    bytes_sent=12_345,
    request_id="r-1",
    answered_by="iai.tencentcloudapi.com",
)
SCORED = Outcome(
    pair_id="p",
    score=55.5,
    model_version="3.0",
    calls=CALL,
    call_order=7,
    manifest_row=2,
    quality_control=4,
    canonical_pair_id="q",
    images=Images(IMAGE, replace(IMAGE, image_id=None, tag=None, load_ms=None)),
)

text = st.none() | st.text(max_size=20)
reasons = st.builds(
    Reason,
    failure_class=st.sampled_from(FailureClass),
    code=st.text(min_size=1),
    message=st.text(),
    vendor_code=text,
    side=st.none() | st.sampled_from(Side),
)
times = st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
last_call = {
    "called_at": times,
    "answered_at": times,
    "latency_ms": st.none() | st.floats(0, 1e6),
    "bytes_sent": st.none() | st.integers(0, 10**8),
    "request_id": text,
}
calls = (
    st.just(Calls())
    | st.builds(
        Calls,
        attempts=st.just(1),
        billed=st.integers(0, 1),
        attempt=st.integers(1, 99),
        answered_by=text,
        **last_call,
    )
    | st.builds(Calls, answered_by=st.text(), **last_call)
)
places = {
    "call_order": st.none() | st.integers(0, 10**9),
    "manifest_row": st.none() | st.integers(1, 10**9),
    "quality_control": st.none() | st.integers(0, 4),
    "canonical_pair_id": text,
}
failed = st.builds(
    Outcome, pair_id=st.text(), reason=reasons, source=st.sampled_from(Source), calls=calls, **places
)
scored = st.builds(
    Outcome, pair_id=st.text(), score=st.floats(0, 100), model_version=text, calls=calls, **places
)


def rows_of(*outcomes):
    return table_of([lines_of("a segment", to_lines(outcomes, ORIGIN, shard_try=2))])


@given(st.lists(failed | scored, min_size=1, max_size=5))
@settings(deadline=None)
def test_what_is_known_of_a_pair_comes_back_as_it_was(outcomes):
    found = outcomes_of(rows_of(*outcomes))
    assert list(found) == [("r", outcome) for outcome in outcomes]


def test_a_row_tells_all_of_its_call_and_of_both_images():
    (row,) = rows_of(SCORED).to_pylist()
    assert {name: value for name, value in row.items() if value is not None} == {
        "run_id": "r",
        "account": "key-1",
        "image_policy": "bytes-1",
        "shard_try": 2,
        "call_order": 7,
        "manifest_row": 2,
        "pair_id": "p",
        "quality_control": 4,
        "attempt": 3,
        "billed": "yes",
        "called_at": AT,
        "answered_at": AT + timedelta(seconds=0.25),
        "latency_ms": 250.0,
        "bytes_sent": 12_345,
        "request_id": "r-1",
        "answered_by": "iai.tencentcloudapi.com",
        "score": 55.5,
        "model_version": "3.0",
        "result_source": "api",
        "canonical_pair_id": "q",
        "reference_store_host": "s3.test:8333",
        "reference_image_id": "https://s3.test:8333/a.jpg",
        "reference_tag": "abc",
        "reference_md5": "5" * 32,
        "reference_sha256": "6" * 64,
        "reference_size": 9,
        "reference_load_ms": 1.5,
        "probe_store_host": "s3.test:8333",
        "probe_md5": "5" * 32,
        "probe_sha256": "6" * 64,
        "probe_size": 9,
    }


@pytest.mark.parametrize(
    ("made", "billed"),
    [
        (Calls(attempts=1, billed=1), "yes"),
        (Calls(attempts=1, maybe_billed=1), "perhaps"),
        (Calls(attempts=1), "no"),
        (Calls(), None),
    ],
)
def test_a_call_is_billed_or_not_or_perhaps_and_no_call_is_neither(made, billed):
    (row,) = rows_of(replace(SCORED, calls=made)).to_pylist()
    assert row["billed"] == billed


def test_half_a_character_in_an_answer_is_replaced():
    reason = Reason(failure_class=FailureClass.DATA, code="c", message="cut \ud83d")
    (row,) = rows_of(replace(SCORED, score=None, reason=reason)).to_pylist()
    assert row["failure_message"] == "cut ?"


def test_an_answer_with_numbers_where_texts_belong_can_be_read_back():
    odd = replace(CALL, request_id=123)
    (row,) = rows_of(replace(SCORED, calls=odd, model_version=3.0)).to_pylist()
    assert (row["request_id"], row["model_version"]) == ("123", "3.0")


def test_writing_and_reading_outcomes_imports_no_pandas():
    code = """if True:
        import sys
        from tests.storage.test_journal_records import SCORED, outcomes_of, rows_of
        list(outcomes_of(rows_of(SCORED)))
        sys.exit("pandas" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", code], cwd=project_root(), check=False).returncode == 0


def test_several_calls_are_no_row():
    with pytest.raises(ValueError, match="a row is one call, not 2"):
        rows_of(replace(SCORED, calls=Calls(attempts=2)))


def test_the_same_rows_give_the_same_bytes():
    once, again = (to_lines([SCORED] * 3, ORIGIN, shard_try=1) for _ in range(2))
    assert once == again


def test_segments_and_the_compact_object_hold_the_same_columns(tmp_path):
    store = FileStore(tmp_path)
    with ShardJournal(store, PREFIX, origin=ORIGIN, epoch=1, only_new=True) as journal:
        record_durably(journal, SCORED)
        record_durably(journal, unknown("q"))
    before = [table.to_pylist() for table in scan_tables(store, PREFIX)]
    compact(store, PREFIX)
    (key,) = [found.key for found in store.list(f"{PREFIX}/compact-")]
    table = pq.read_table(tmp_path / key)
    assert table.schema.names == SCHEMA.names
    assert table.to_pylist() == [row for rows in before for row in rows]
    (one,) = scan_tables(store, PREFIX, columns=["pair_id", "probe_sha256"])
    assert one.to_pylist() == [
        {"pair_id": "p", "probe_sha256": "6" * 64},
        {"pair_id": "q", "probe_sha256": None},
    ]
