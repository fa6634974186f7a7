"""The tables that analysts read: names, types and meaning of their columns, in one place.

`docs/tables.md` is made from them, and each parquet file carries its own. Columns are only ever added; what a
manifest brings beside is one column `attributes`, so that all dates have the same columns.
"""

from maskmatch.storage.schemas.attempts import ATTEMPTS
from maskmatch.storage.schemas.columns import COLUMNS_KEY, days_of, description
from maskmatch.storage.schemas.images import IMAGES
from maskmatch.storage.schemas.outcomes import OUTCOMES
from maskmatch.storage.schemas.runs import RUNS
from maskmatch.storage.schemas.shared import SCHEMA_VERSION

TABLES = {"outcomes": OUTCOMES, "runs": RUNS, "attempts": ATTEMPTS, "images": IMAGES}

__all__ = [
    "ATTEMPTS",
    "COLUMNS_KEY",
    "IMAGES",
    "OUTCOMES",
    "RUNS",
    "SCHEMA_VERSION",
    "TABLES",
    "days_of",
    "description",
]
