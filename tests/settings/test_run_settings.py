from datetime import time
from decimal import Decimal

import pytest

from maskmatch.core.errors import WrongSetting
from maskmatch.core.limits import ShareLimit
from maskmatch.settings.fields import Entered
from maskmatch.settings.run_fields import RUN_FIELDS


@pytest.mark.parametrize(
    ("name", "value", "form"),
    [
        ("quality_control", "5", "a whole number from 0 to 4"),
        ("quality_control", "high", "a whole number from 0 to 4"),
        ("max_shards", "0", "a whole number from 1 to 32"),
        ("max_shards", 33, "a whole number from 1 to 32"),
        ("calls_in_flight", "1.5", "a whole number from 1 to 256"),
        ("nominal_fmr", "0.5", "a false match rate: one of 0.001, 0.0001, 1e-05"),
        ("image_transfer", "URL", "bytes or url"),
        ("call_timeout", 5, "a number of seconds above 5"),
        ("call_timeout", "10s", "a number of seconds above 5"),
        ("store_patience", "-1", "a number of seconds from 0 to 86400"),
        ("store_patience", "5 min", "a number of seconds from 0 to 86400"),
        ("max_bad_rows", "half", "a share such as 0.5, 50% or 50% of 100"),
        ("max_failed_share", 1.5, "a share such as 0.5"),
        ("max_missing_share", "150%", "a share such as 0.5"),
        ("allow_empty", "maybe", "true or false"),
        ("recompare", 2, "true or false"),
        ("trust_tags", "never", "true or false"),
        ("same_image", "leave", "call or skip"),
        ("strata_attribute", "site", "the name of a column attr_..."),
        ("budget_calls", "0", "a whole number from 1"),
        ("budget_cny", "free", "an amount from 0.01"),
        ("budget_cny", "1e-400", "an amount from 0.01"),
        ("approval_cost_limit", "0", "an amount from 0.01"),
        ("plan_only", "only", "true or false"),
        ("deadline", "8", "a time of day such as 08:00"),
        ("deadline", "24:00", "a time of day such as 08:00"),
        ("deadline", "08:00:30", "a time of day such as 08:00"),
        ("time_zone", "Shanghai", "the name of a time zone such as Asia/Shanghai"),
    ],
)
def test_a_wrong_value_is_told_with_its_place_and_its_form(name, value, form):
    with pytest.raises(WrongSetting) as error:
        RUN_FIELDS[name].value_of(Entered(value, f"task plan, {name}"))
    assert str(error.value).startswith(f"task plan, {name}: {value!r} is not {form}")


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("max_bad_rows", 0.25, ShareLimit(0.25)),
        ("max_bad_rows", "10% of 7", ShareLimit(0.1, 7)),
        ("max_bad_rows", "", ShareLimit(0.5, 100)),
        ("recompare", "True", True),
        ("recompare", False, False),
        ("allow_empty", "", False),
        ("trust_tags", "", True),
        ("same_image", "", "call"),
        ("strata_attribute", "", ""),
        ("strata_attribute", "attr_site", "attr_site"),
        ("nominal_fmr", "1e-05", 1e-5),
        ("calls_in_flight", "", None),
        ("max_shards", "8", 8),
        ("approval_cost_limit", "", None),
        ("approval_cost_limit", 250.5, Decimal("250.5")),
        ("plan_only", "True", True),
        ("deadline", "", None),
        ("deadline", "8:30", time(8, 30)),
        ("time_zone", "", "UTC"),
    ],
)
def test_a_value_as_params_templates_and_options_write_it(name, value, meant):
    assert RUN_FIELDS[name].value_of(Entered(value, name)) == meant
