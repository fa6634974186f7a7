from dataclasses import replace

from maskmatch.core.forecast import Unknown
from maskmatch.pipeline.approval import Question
from maskmatch.pipeline.plan_page import approval_request, plan_page
from tests.core.test_forecast import AROUND, made

QUESTION = Question(day="2026-11-22", folder="work/x", digest="abc", calls=1_000_000, only_new=True)


def test_the_page_compares_only_what_is_known():
    assert "<section >" in plan_page(made(1000))
    assert "<section hidden>" in plan_page(made(1000, replace(AROUND, rate=Unknown("x"))))


def test_a_request_names_date_calls_cost_and_digest():
    subject, body = approval_request(QUESTION, None, "s3://bucket/a_b/plan.html")
    assert subject == "2026-11-22: approve 1,000,000 calls for at most CNY 3,200.00?"
    assert "for plan `abc`" in body
    assert "`s3://bucket/a_b/plan.html`" in body


def test_what_others_call_themselves_is_no_markup_of_the_request():
    words = {"rate": "beside | **x** [y](http://z) <b> (nightly)", "cost": "CNY 1.00", "else": "left out"}
    _, body = approval_request(QUESTION, {"in_words": words}, "s3://bucket/plan.html")
    assert r"| rate | beside \| \*\*x\*\* \[y\](http://z) \<b\> (nightly) |" in body
    assert "| cost | CNY 1.00 |" in body
    assert "left out" not in body
