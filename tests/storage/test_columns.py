"""No field of a pair is dropped in silence for want of a column."""

from dataclasses import fields

from maskmatch.core.pairs import Pair
from maskmatch.storage.pair_columns import PLANNED_COLUMNS


def test_every_field_of_a_pair_reaches_its_shard():
    assert {field.name for field in fields(Pair)} == set(PLANNED_COLUMNS.names) - {"call_order"}
