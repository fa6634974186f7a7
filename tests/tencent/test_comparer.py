from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from maskmatch.core.codes import Action, Billed
from maskmatch.core.errors import CallFailed, StopRun, Unavailable
from maskmatch.core.image_rules import Picture
from maskmatch.tencent import Account, TencentComparer
from maskmatch.tencent.exchanges import Exchange
from tests.account import local_account
from tests.tencent.answers import ONE, OTHER, SCORED, answering, error, reply

pytestmark = pytest.mark.server


def failure_of(account: Account, reference=ONE, probe=OTHER) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        TencentComparer(account, connections=1).compare(reference, probe, quality_control=0)
    return caught.value


def test_bytes_and_urls_are_scored_and_the_request_id_kept():
    with local_account() as local:
        comparer = TencentComparer(local.account, connections=2)
        answer = comparer.compare(ONE, OTHER, quality_control=0)
        mixed = comparer.compare(ONE, Picture(url="http://pictures.test/a.jpg"), quality_control=2)
        assert 0 <= answer.score <= 100
        assert 0 <= mixed.score <= 100
        assert (answer.model_version, len(answer.request_id)) == ("3.0", 36)
        assert local.meter()["billed"] == 2


def call_ended(comparer: TencentComparer) -> Exchange:
    call = comparer.prepare(ONE, OTHER, quality_control=0)
    comparer.start(call)
    while not comparer.wait(1.0):
        pass
    return call


def test_the_local_service_says_who_answered():
    with local_account() as local, closing(TencentComparer(local.account, connections=1)) as comparer:
        call = call_ended(comparer)
        assert comparer.answered_by(call) == "comparemaskface/hash"
        assert call.bytes_sent > len(ONE.data) + len(OTHER.data)


def test_an_answer_that_names_nobody_is_that_of_the_account_and_no_answer_is_nobodys():
    answers = (
        lambda handler: reply(handler, 200, SCORED),
        lambda handler: setattr(handler, "close_connection", True),
    )
    found = []
    for answer in answers:
        with answering(answer) as account, closing(TencentComparer(account, connections=1)) as comparer:
            found.append(comparer.answered_by(call_ended(comparer)))
    assert found == ["127.0.0.1", None]
    assert replace(account, answered_by="ours").answered_by == "ours"


def test_the_rule_of_a_vendor_error_comes_with_its_message_and_request_id():
    with local_account() as local:
        failure = failure_of(local.account, probe=Picture(data=b""))
    assert failure.rule.failure_code == "image_empty"
    assert failure.request_id is not None


@pytest.mark.parametrize(
    ("change", "cure"),
    [({"secret_key": "wrong"}, "SecretKey"), ({"secret_id": "AKIDnobody"}, "SecretId does not exist")],
)
def test_a_wrong_key_is_found_by_a_check_that_costs_nothing(change, cure):
    with local_account() as local:
        TencentComparer(local.account, connections=1).check()
        with pytest.raises(StopRun, match=cure):
            TencentComparer(replace(local.account, **change), connections=1).check()
        assert local.meter()["billed"] == 0


@pytest.mark.parametrize("field", ["secret_id", "secret_key"])
def test_an_empty_key_stops_the_run_with_its_cure(field):
    account = Account(**{"secret_id": "id", "secret_key": "key"} | {field: ""})
    with pytest.raises(StopRun, match="should not be none or empty"):
        TencentComparer(account, connections=1)


def test_a_service_that_is_not_there_was_never_called_and_is_unavailable():
    account = Account(secret_id="a", secret_key="b", endpoint="127.0.0.1:9", protocol="http")
    failure = failure_of(account)
    assert (failure.never_sent, failure.rule.billed) == (True, Billed.NO)
    with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        TencentComparer(account, connections=1).check()


def test_a_service_that_speaks_no_tls_was_never_called():
    with local_account() as local:
        failure = failure_of(replace(local.account, protocol="https"))
    assert (failure.never_sent, failure.rule.billed) == (True, Billed.NO)
    assert "check protocol" in failure.rule.meaning


def test_a_connection_cut_in_the_answer_may_have_been_billed():
    def cut(handler):
        handler.close_connection = True
        handler.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        handler.wfile.flush()

    with answering(cut) as account:
        failure = failure_of(account)
    assert (failure.rule.action, failure.rule.billed) == (Action.RETRY, Billed.UNKNOWN)


def test_a_connection_closed_without_an_answer_may_have_been_billed():
    with answering(lambda handler: setattr(handler, "close_connection", True)) as account:
        failure = failure_of(account)
    assert (failure.rule.code, failure.rule.billed) == ("ClientNetworkError", Billed.UNKNOWN)


@pytest.mark.parametrize("body", [b"<html>captive portal</html>", b"{}", b'{"Response": {"RequestId": "r"}}'])
def test_an_answer_that_cannot_be_read_may_have_been_billed(body):
    with answering(lambda handler: reply(handler, 200, body)) as account:
        failure = failure_of(account)
    assert (failure.rule.action, failure.rule.billed) == (Action.RETRY, Billed.UNKNOWN)


def test_an_error_that_the_sdk_overlooks_is_not_taken_for_a_score():
    body, content_type = error("AuthFailure"), "application/json; charset=utf-8"
    with answering(lambda handler: reply(handler, 200, body, content_type)) as account:
        assert failure_of(account).message == "the answer holds no score from 0 to 100"


def test_a_bad_gateway_may_have_been_billed_and_its_page_is_cut_short():
    with answering(lambda handler: reply(handler, 502, b"x" * 10_000, "text/html")) as account:
        failure = failure_of(account)
    assert (failure.rule.code, failure.rule.billed) == ("ServerNetworkError", Billed.UNKNOWN)
    assert len(failure.message) <= 303


def test_a_signed_url_that_the_vendor_repeats_is_cut_out_of_the_message():
    text = "cannot fetch https://bucket/a.jpg?X-Amz-Signature=s3cret now"
    body = error("FailedOperation.ImageDownloadError", text)
    with answering(lambda handler: reply(handler, 200, body)) as account:
        assert failure_of(account).message == "cannot fetch https://bucket/a.jpg?... now"


def test_a_host_whose_clock_is_wrong_signs_with_the_vendors_time_from_the_second_call_on(caplog):
    ahead = timedelta(hours=2)
    stamps = []

    def answer(handler):
        stamps.append(int(handler.headers["X-TC-Timestamp"]))
        theirs = datetime.now(UTC) + ahead
        late = abs(stamps[-1] - theirs.timestamp()) > 300
        handler.date_time_string = lambda: theirs.strftime("%a, %d %b %Y %H:%M:%S GMT")
        reply(handler, 200, error("AuthFailure.SignatureExpire") if late else SCORED)

    with answering(answer) as account:
        comparer = TencentComparer(account, connections=1)
        with pytest.raises(CallFailed) as caught:
            comparer.compare(ONE, OTHER, quality_control=0)
        assert caught.value.rule.action is Action.REFRESH_CREDENTIAL
        assert comparer.compare(ONE, OTHER, quality_control=0).score == 1
        TencentComparer(account, connections=1).check()
    assert stamps[1] - stamps[0] == pytest.approx(7200, abs=3)
    assert "set it (NTP)" in caplog.text


@pytest.mark.parametrize("date", ["", "soon", "Mon, 99 Foo"])
def test_a_wrong_time_is_not_learnt(date):
    stamps = []

    def answer(handler):
        stamps.append(int(handler.headers["X-TC-Timestamp"]))
        handler.date_time_string = lambda: date
        reply(handler, 200, error("AuthFailure.SignatureExpire"))

    with answering(answer) as account, pytest.raises(StopRun, match="start NTP"):
        TencentComparer(account, connections=1).check()
    assert stamps[1] - stamps[0] <= 1


def asks_for_token(wanted):
    def answer(handler):
        is_new = handler.headers["X-TC-Token"] == wanted
        reply(handler, 200, SCORED if is_new else error("AuthFailure.TokenFailure"))

    return answer


def test_a_newer_credential_signs_what_is_prepared_from_then_on():
    with answering(asks_for_token("new")) as account:
        old, new = replace(account, session_token="old"), replace(account, session_token="new")
        comparer = TencentComparer(old, connections=4, renew=lambda: new)
        signed_before = [comparer.prepare(ONE, OTHER, quality_control=0) for _ in range(4)]
        assert comparer.refresh() is True
        assert comparer.refresh() is False
        for call in signed_before:
            comparer.start(call)
        while signed_before:
            for call in comparer.wait(0.05):
                with pytest.raises(CallFailed, match="TokenFailure"):
                    comparer.answer(call)
                signed_before.remove(call)
        assert comparer.compare(ONE, OTHER, quality_control=0).score == 1


def test_a_newer_credential_that_is_malformed_stops_the_run_and_is_not_taken():
    with answering(asks_for_token("old")) as local:
        account = replace(local, session_token="old")
        comparer = TencentComparer(account, connections=1, renew=lambda: replace(account, secret_key=""))
        for _ in range(2):
            with pytest.raises(StopRun, match="should not be none or empty"):
                comparer.refresh()
        assert comparer.compare(ONE, OTHER, quality_control=0).score == 1


def test_without_a_newer_credential_a_check_stops_with_the_cure():
    with answering(asks_for_token("new")) as account:
        comparer = TencentComparer(account, connections=1, renew=lambda: replace(account))
        assert comparer.refresh() is False
        with pytest.raises(StopRun, match="renew session_token"):
            comparer.check()
        assert TencentComparer(account, connections=1).refresh() is False


def test_a_check_renews_an_expired_credential():
    with answering(asks_for_token("new")) as account:
        TencentComparer(account, connections=1, renew=lambda: replace(account, session_token="new")).check()
