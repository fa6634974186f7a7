"""The form refuses what the task would refuse: each Param against the setting that reads it."""

import pytest
from airflow.sdk.exceptions import ParamValidationError

from maskmatch.core.errors import WrongSetting
from maskmatch.dags import nightly_comparison, redrive_failures, republish
from maskmatch.settings.fields import Entered
from maskmatch.settings.run_fields import RUN_FIELDS

PLACES = {"source": "s3://in", "warehouse": "s3://out"}
FIELD_OF = {"execution_timeout": "execution_timeout_hours"}
PARAMS = {
    f"{dag.dag_id} {name}": (dag.params.get_param(name), RUN_FIELDS[FIELD_OF.get(name, name)])
    for dag in (make(**PLACES) for make in (nightly_comparison, redrive_failures, republish))
    for name in dag.params
    if FIELD_OF.get(name, name) in RUN_FIELDS
}
READ_BY_THE_TASK_ALONE = {"time_zone", "manifest_encoding"}
"""Names that only a worker knows; a form has no list of them."""
NUMBERS = [0, 1, -1, 0.001, 0.005, 0.01, 0.015, 0.0001, 0.00001, 1.5, 4.0, 5, 1e9, 1e12, 1e15, True, False]
WORDS = [
    "bytes", "URL", "url", "stop", "go on", "go_on", "call", "skip", "attr_", "attr_site", "site",
    "29:75", "24:00", "23:59", "8:00", "08:60", "8", "08:00:30", ":00",
    "0.5", ".5", "0", "1", "1.", "1.0", "1.01", "2",
    "50%", "50 %", "100%", "100.0%", "100.5%", "150%", "-1%", "half",
    "50% of 100", "0.5 of 7", "50% of", "50% of many", "of 100", "%",
    "reference_id=img1, probe_id=img2",
    "reference_id=", "image=img1", "reference_id", "attr_city=city", "attr_=x",
]  # fmt: skip


def bounds_of(schema):
    """Yield each bound of a schema, and what is just beyond and just within it."""
    for name in ("minimum", "maximum", "exclusiveMinimum"):
        if name in schema:
            yield from (schema[name] + step for step in (0, -1, 1, -0.001, 0.001))


def is_taken_by_the_form(param, value):
    try:
        param.resolve(value)
    except ParamValidationError:
        return False
    return True


def is_taken_by_the_task(field, value):
    try:
        field.value_of(Entered(value, "here"))
    except WrongSetting:
        return False
    return True


@pytest.mark.parametrize(("param", "field"), PARAMS.values(), ids=list(PARAMS))
def test_the_form_takes_nothing_that_the_task_refuses(param, field):
    values = [*NUMBERS, *WORDS, *bounds_of(param.schema), *param.schema.get("enum", ())]
    taken = [value for value in values if is_taken_by_the_form(param, value)]
    assert taken
    assert len(taken) < len(values)
    if field.name not in READ_BY_THE_TASK_ALONE:
        assert [value for value in taken if not is_taken_by_the_task(field, value)] == []


@pytest.mark.parametrize(("param", "field"), PARAMS.values(), ids=list(PARAMS))
def test_the_form_takes_each_bound_of_its_own_the_default_and_what_stands_in_the_help(param, field):
    bounds = [param.schema[name] for name in ("minimum", "maximum") if name in param.schema]
    for value in [*bounds, *param.schema.get("enum", ())]:
        assert is_taken_by_the_form(param, value)
        assert is_taken_by_the_task(field, value)
    default = param.value
    assert default is None or is_taken_by_the_form(param, default)


@pytest.mark.parametrize(
    "share", ["0.5", ".5", "0", "1", "50%", "7.5 %", "100%", "50% of 100", "0.5 of 7", ""]
)
@pytest.mark.parametrize("name", ["max_bad_rows", "max_missing_share", "max_failed_share"])
def test_a_share_may_be_written_in_each_of_its_ways(name, share):
    param, field = PARAMS[f"nightly_comparison {name}"]
    assert is_taken_by_the_form(param, share)
    assert is_taken_by_the_task(field, share)


@pytest.mark.parametrize(
    "piece",
    ["attr_a=x, ", "attr_a =  x, ", "attr_a  b = x ,", "attr_ ", "reference_id = a,", " ", "1", "0. ", "9%"],
)
@pytest.mark.parametrize("name", ["manifest_columns", "max_bad_rows", "deadline"])
def test_a_long_text_that_is_wrong_is_refused_at_once_and_not_tried_in_all_ways(name, piece):
    assert not is_taken_by_the_form(PARAMS[f"nightly_comparison {name}"][0], 400 * piece + "!,=")


def test_each_setting_of_a_run_that_has_a_param_is_walked():
    assert len(PARAMS) > 30
    assert {field.name for _, field in PARAMS.values()} == RUN_FIELDS.keys()
