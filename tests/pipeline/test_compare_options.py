"""What a run may be asked to do."""

import math

import pytest

from maskmatch.core.errors import InputError
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.tencent import Account

ACCOUNT = Account(secret_id="an-id", secret_key="a-key")


@pytest.mark.parametrize("seconds", [5.1, 10, 60])
def test_a_time_limit_within_the_range_is_taken(seconds):
    assert CompareOptions(account=ACCOUNT, permit_store="", call_timeout=seconds).call_timeout == seconds


@pytest.mark.parametrize("seconds", [-1, 0, 5, 60.1, math.inf, math.nan])
def test_a_time_limit_out_of_range_is_refused_by_its_name(seconds):
    with pytest.raises(InputError, match=r"call_timeout must be more than 5 s, .*, and at most 60 s, not"):
        CompareOptions(account=ACCOUNT, permit_store="", call_timeout=seconds)


@pytest.mark.parametrize("calls", [0, -3])
def test_fewer_than_one_call_in_flight_is_refused_by_its_name(calls):
    with pytest.raises(InputError, match="calls_in_flight must be 1 or more"):
        CompareOptions(account=ACCOUNT, permit_store="", calls_in_flight=calls)
