"""The table of what a store's refusal means, walked whole."""

import itertools

import pytest

from maskmatch.core.outcomes import FINAL_FAILURES
from maskmatch.core.store_troubles import (
    Kind,
    Proof,
    Step,
    Whose,
    failure_code,
    step_for,
    store_rule,
    store_rules,
)

OF_THE_OBJECT = {Kind.MISSING, Kind.ARCHIVED, Kind.INVALID_KEY}


@pytest.mark.parametrize("code", list(store_rules()))
@pytest.mark.parametrize(("whose", "proof"), list(itertools.product(Whose, Proof)))
def test_a_refusal_is_a_row_only_when_it_is_the_object_or_another_store(code, whose, proof):
    rule = store_rules()[code]
    step = step_for(rule.kind, whose, proof)
    is_its_own = rule.kind in OF_THE_OBJECT or proof is Proof.OBSTINATE
    is_its_own = is_its_own or (rule.kind is Kind.PERMISSION and proof is Proof.WELL)
    if whose is Whose.ELSEWHERE or is_its_own:
        assert step is Step.ROW
        assert failure_code(rule.kind) not in FINAL_FAILURES
    else:
        assert step is (Step.RENEW if rule.kind is Kind.CREDENTIAL else Step.WAIT)
    assert rule.meaning.endswith((".", ":"))


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("SomethingNew", 503, Kind.AWAY),
        ("SomethingNew", 599, Kind.AWAY),
        ("SomethingNew", 403, Kind.PERMISSION),
        ("SomethingNew", 404, Kind.MISSING),
        ("SomethingNew", 418, Kind.CREDENTIAL),
        ("", 502, Kind.AWAY),
        ("ExpiredToken", 400, Kind.CREDENTIAL),
        ("RequestTimeTooSkewed", 403, Kind.CLOCK),
    ],
)
def test_an_unknown_code_has_the_rule_of_its_status(code, status, kind):
    assert store_rule(code, status=status).kind is kind
