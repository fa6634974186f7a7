"""Whatever a hostile or broken endpoint answers, in bytes that are made here one by one."""

import gzip
import json
import warnings
import zlib
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskmatch.core.codes import Action, Billed
from maskmatch.core.errors import CallFailed
from maskmatch.core.outcomes import Answer
from maskmatch.engine.model_versions import OnModelChange
from maskmatch.engine.work import RetryLimits
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.tencent import Account, TencentComparer
from maskmatch.tencent.answers import Response
from maskmatch.tencent.exchanges import Exchange
from tests.nights import complete, night_in, outcomes_of, write_pairs
from tests.tencent.answers import answering, reply

pytestmark = pytest.mark.server

JSON = {"Content-Type": "application/json"}
UNKNOWN = (Action.RETRY, Billed.UNKNOWN)
LONGEST = 303


class Answered:
    """Takes what was answered as if it had come."""

    def __init__(self, body, *, status=200, headers=JSON):
        self.call = Exchange.__new__(Exchange)
        content = body if isinstance(body, bytes) else body.encode()
        self.call.response, self.call.broken = Response(status, dict(headers), content), None
        self.account = Account(secret_id="i", secret_key="k", endpoint="http://127.0.0.1:9")

    def answer(self):
        with closing(TencentComparer(self.account, connections=1)) as comparer:
            return comparer.answer(self.call)

    def failure(self):
        with pytest.raises(CallFailed) as caught:
            self.answer()
        return caught.value

    def by(self):
        with closing(TencentComparer(self.account, connections=1)) as comparer:
            return comparer.answered_by(self.call)


DEPRECATED = [
    ('"DeprecatedWarning": "gone on 2027-01-01"', "gone on 2027-01-01"),
    ('"Deprecated\\u0057arning": "in escapes"', "in escapes"),
    ('"DeprecatedWarning": {"a": 1}', "a dict where a message is due"),
    ('"DeprecatedWarning": "see https://x.test/a?Signature=s3cret"', "https://x.test/a?..."),
]


@pytest.mark.parametrize(("said", "told"), DEPRECATED)
def test_that_the_call_is_deprecated_is_logged_once_and_the_score_counts(said, told, caplog):
    body = '{"Response": {"Score": 50, "FaceModelVersion": "3.0", "RequestId": "r", %s}}' % said  # noqa: UP031
    answered, filters = Answered(body), warnings.filters.copy()
    with closing(TencentComparer(answered.account, connections=1)) as comparer:
        assert {comparer.answer(answered.call) for _ in range(3)} == {Answer(50.0, "3.0", "r")}
    (line,) = [record for record in caplog.records if "deprecated" in record.getMessage()]
    assert (line.levelname, line.name) == ("WARNING", "maskmatch.tencent.client")
    assert line.getMessage().startswith("127.0.0.1:9 says")
    assert line.getMessage().endswith(told)
    assert warnings.filters == filters


def test_an_error_that_is_deprecated_too_is_an_error():
    failed = '"Error": {"Code": "FailedOperation.ServerError", "Message": "m"}'
    body = f'{{"Response": {{{failed}, "RequestId": "r", {DEPRECATED[0][0]}}}}}'
    assert Answered(body).failure().rule.code == "FailedOperation.ServerError"


def what_is_kept(body):
    """Return the texts that come of an answer."""
    try:
        answer = Answered(body).answer()
    except CallFailed as failure:
        return failure.message, failure.request_id, failure.rule.code
    assert 0 <= answer.score <= 100
    return answer.model_version, answer.request_id


def fits(text):
    """Return True for what every log, table and database takes."""
    return text is None or (text.isprintable() and len(text.encode()) <= 3 * LONGEST)


def scored(score):
    return '{"Response": {"Score": %s, "FaceModelVersion": "3.0", "RequestId": "r"}}' % score  # noqa: UP031


@pytest.mark.parametrize("score", ["0", "100", "0.0", "99.99999999999999", "1e1", "-0.0"])
def test_a_number_from_0_to_100_is_a_score(score):
    assert Answered(scored(score)).answer() == Answer(float(score), "3.0", "r")


WRONG_SCORES = [
    *("true", "false", "null", '"87.5"', '"abc"', '"NaN"', '""', "[1]", "[]", "{}", '{"Score": 1}'),
    *("NaN", "Infinity", "-Infinity", "-1", "-1e-300", "100.5", "100.00000000000001", "1e999", "1e400"),
    *("101", "1" + "0" * 400, "1" + "0" * 5000, "-1" + "0" * 400, "0x10", "1_0", "01", "+1"),
]


@pytest.mark.parametrize("score", WRONG_SCORES)
def test_anything_else_is_not_taken_for_one_and_may_have_been_billed(score):
    rule = Answered(scored(score)).failure().rule
    assert (rule.action, rule.billed) == UNKNOWN


DEEP = "[" * 100_000
UNREADABLE = {
    "nothing": "",
    "null": "null",
    "a list": "[]",
    "a number": "87.5",
    "text": '"Score"',
    "no response": "{}",
    "a null response": '{"Response": null}',
    "a list as response": '{"Response": [87.5]}',
    "text as response": '{"Response": "Error"}',
    "null as error": '{"Response": {"Error": null, "RequestId": "r"}}',
    "text as error": '{"Response": {"Error": "no", "RequestId": "r"}}',
    "an error without code": '{"Response": {"Error": {"Message": "no"}, "RequestId": "r"}}',
    "an error without id": '{"Response": {"Error": {"Code": "InternalError", "Message": "no"}}}',
    "a list as code": '{"Response": {"Error": {"Code": ["a"], "Message": "no"}, "RequestId": "r"}}',
    "null as code": '{"Response": {"Error": {"Code": null, "Message": "no"}, "RequestId": "r"}}',
    "deep": DEEP,
    "deep and whole": DEEP + "]" * len(DEEP),
    "deep in an error": '{"Response": {"Error": ' + DEEP,
    "deep objects": '{"Score":' * 100_000,
    "a score twice": '{"Response": {"Score": 1, "Score": 99}}',
    "a score twice, once in disguise": '{"Response": {"Score": 1, "\\u0053core": 99}}',
    "a response twice": '{"Response": {"Score": 1}, "Response": {"Score": 99}}',
    "a response twice, once in disguise": '{"Response": {"Score": 1}, "\\u0052esponse": {"Score": 99}}',
    "no UTF-8": b'{"Response": {"Score": 1, "RequestId": "\xff\xfe"}}',
    "no UTF-8 in an error": b'{"Response": {"Error": {"Code": "a", "Message": "\xff"}, "RequestId": "r"}}',
    "two at once": scored(1) * 2,
    "cut": scored(1)[:-1],
    "a control character": '{"Response": {"Score": 1, "RequestId": "a\nb"}}',
    "a page": "<html>portal</html>",
    "gzip": gzip.compress(scored(1).encode()),
    "a bomb of gzip": gzip.compress(bytes(50_000_000)),
    "a bomb of deflate": zlib.compress(bytes(50_000_000)),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_may_have_been_billed(what):
    failure = Answered(UNREADABLE[what]).failure()
    assert (failure.rule.action, failure.rule.billed) == UNKNOWN
    assert fits(failure.message)


def test_a_name_may_stand_in_several_objects():
    body = '{"Response": {"Score": 7, "More": [{"Score": 1}, {"Score": 2}], "RequestId": "\\u0072"}}'
    assert Answered(body).answer() == Answer(7.0, None, "r")


def test_a_mark_of_byte_order_is_passed_over():
    assert Answered(b"\xef\xbb\xbf" + scored(7).encode()).answer().score == 7


ODD_TEXTS = ["\\ud800", "a\\udfffb", "\\u0000", "\\n\\t\\u001b[2J", "\\u202e", "x" * 1_000_000]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_text_beside_a_score_is_kept_so_that_all_can_take_it(text):
    body = scored(7).replace('"3.0"', f'"{text}"').replace('"r"', f'"{text}"')
    answer = Answered(body).answer()
    assert answer.score == 7
    assert fits(answer.model_version)
    assert fits(answer.request_id)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_text_in_an_error_is_kept_so_that_all_can_take_it(text):
    body = f'{{"Response": {{"Error": {{"Code": "{text}", "Message": "{text}"}}, "RequestId": "{text}"}}}}'
    failure = Answered(body).failure()
    assert failure.rule.action is Action.RETRY
    kept = (failure.rule.code, failure.rule.meaning, failure.message, failure.request_id)
    assert [fits(each) for each in kept] == [True] * 4


@pytest.mark.parametrize("value", [None, 7, [1], {"a": 1}, True])
def test_a_version_or_an_id_that_is_no_text_is_none(value):
    body = json.dumps({"Response": {"Score": 7, "FaceModelVersion": value, "RequestId": value}})
    assert Answered(body).answer() == Answer(7.0, None, None)


@pytest.mark.parametrize("value", ["null", "7", '{"a": 1}', "[" * 900 + "]" * 900])
def test_a_message_that_is_no_text_is_told_as_that(value):
    body = (
        f'{{"Response": {{"Error": {{"Code": "InternalError", "Message": {value}}}, "RequestId": {value}}}}}'
    )
    failure = Answered(body).failure()
    assert (failure.rule.code, failure.request_id) == ("InternalError", None)
    assert "where a message is due" in failure.message


@pytest.mark.parametrize(
    "date", ["Mon, 01 Jan 99999999999999 00:00:00 GMT", "\x00", "Mon, 01 Jan 0001 00:00:00 GMT"]
)
def test_a_strange_time_does_not_hide_the_error(date):
    body = (
        '{"Response": {"Error": {"Code": "AuthFailure.SignatureExpire", "Message": "x"}, "RequestId": "r"}}'
    )
    failure = Answered(body, headers=JSON | {"Date": date}).failure()
    assert failure.rule.code == "AuthFailure.SignatureExpire"


@pytest.mark.parametrize("body", [b"\xff" * 4_000_000, b" x" * 2_000_000, b"", DEEP.encode()])
def test_the_page_of_a_broken_gateway_is_cut_short(body):
    failure = Answered(body, status=502).failure()
    assert (failure.rule.code, failure.rule.billed) == ("ServerNetworkError", Billed.UNKNOWN)
    assert fits(failure.message)


@pytest.mark.parametrize("name", ["x" * 60_000, "\x01\x7f", "\xa0\xad"])
def test_a_service_names_itself_in_short_text(name):
    assert fits(Answered(scored(1), headers=JSON | {"X-Answered-By": name}).by())


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Response", "Score", "Error", "Code", "Message", "RequestId"]), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(JSON_VALUES)
def test_every_json_is_a_score_or_a_failure_that_can_be_kept(value):
    assert all(map(fits, what_is_kept(json.dumps({"Response": value}))))


QUICK = RetryLimits(seconds=2, first_pause=0.01, longest_pause=0.05)
HOSTILE = {
    "true": (scored("true"), "maybe_billed_calls"),
    "nan": (scored("NaN"), "maybe_billed_calls"),
    "deep": (DEEP, "maybe_billed_calls"),
    "odd text": (scored("7").replace('"r"', '"\\ud800"').replace("3.0", "\\udfff\\u0000"), "billed_calls"),
    "an odd error": (
        '{"Response": {"Error": {"Code": "\\ud800", "Message": "\\udfff\\u0000"}, "RequestId": "\\ud800"}}',
        "attempts",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_pair_answered_so_is_journaled_and_published(what, tmp_path, caplog):
    body, counted = HOSTILE[what]
    run, answered = night_in(tmp_path), {}
    write_pairs(run.source, 20)

    def answer(handler):
        image = json.loads(handler.body).get("ImageA")
        is_first = answered.setdefault("first", image) == image
        reply(handler, 200, body.encode() if is_first else scored(50).encode())

    with answering(answer) as account:
        permit_store = f"sqlite:///{tmp_path}/permits.sqlite3"
        options = CompareOptions(
            account=account, permit_store=permit_store, limits=QUICK, on_model_change=OnModelChange.GO_ON
        )
        row = complete(run, options)
    table = outcomes_of(run)
    assert row["scored"] + row["failed"] == len(table) == 20
    odd = table[table["score"] != 50]
    assert len(odd) == 1
    assert odd[counted].item() > 0
    for said in (caplog.text, json.dumps(row, default=str, ensure_ascii=False)):
        said.encode()  # or raise for a lone surrogate
