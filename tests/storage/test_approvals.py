from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from maskmatch.core.approval import Approval
from maskmatch.core.errors import BooksError
from maskmatch.storage.approvals import read_approval, write_approval

AT = datetime(2026, 11, 22, 2, tzinfo=UTC)
FIRST = Approval(digest="abc", by="ada", through="terminal", at=AT, calls=5, cost_cny=Decimal("0.016"))


def test_the_first_approval_of_a_plan_stays(store):
    write_approval(store, "work/plan=1", FIRST, only_new=True)
    write_approval(store, "work/plan=1", replace(FIRST, by="bob"), only_new=True)
    assert read_approval(store, "work/plan=1", "abc") == FIRST
    assert read_approval(store, "work/plan=1", "abd") is None
    assert read_approval(store, "work/plan=2", "abc") is None


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"at": "now", "cost_cny": "1"}', b"\xff"])
def test_a_damaged_approval_approves_nothing_and_says_so(store, text):
    store.put("work/plan=3/approval-abc.json", text)
    with pytest.raises(BooksError, match=r"approval-abc.json is damaged .* remove it and approve again"):
        read_approval(store, "work/plan=3", "abc")


def test_an_approval_of_another_plan_under_a_plans_name_approves_nothing_and_says_so(store):
    write_approval(store, "work/plan=4", FIRST, only_new=True)
    store.put("work/plan=4/approval-abd.json", store.get("work/plan=4/approval-abc.json"))
    with pytest.raises(BooksError, match=r"approval-abd.json is damaged \(it names abc\): remove it"):
        read_approval(store, "work/plan=4", "abd")
