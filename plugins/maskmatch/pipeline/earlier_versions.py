"""Which versions of the face model gave the scores of the date before, as its publication tells.

Decision: docs/adr/0021-answers-are-taken-over.md
"""

import re
from datetime import date

from maskmatch.storage.object_stores import Store
from maskmatch.storage.publications import read_present
from maskmatch.storage.tables import current_key, pointer_key

_DAY = re.compile(r"/ds=(\d{4}-\d{2}-\d{2})\.json$")
_BETWEEN = ", "


def versions_before(warehouse: Store, day: date, *, answered_by: str) -> frozenset[str]:
    """Return the versions of the newest earlier date that is published; none if another has answered it."""
    if (latest := _published_before(warehouse, day)) is None:
        return frozenset()
    facts = read_present(warehouse, current_key("outcomes", latest)).facts
    row = facts.runs if facts else {}
    if answered_by not in _parts(row.get("answered_by")):
        return frozenset()
    return _parts(row.get("model_versions"))


def _published_before(warehouse: Store, day: date) -> date | None:
    folder = pointer_key("outcomes", day).rpartition("/")[0]
    keys = (found.key for found in warehouse.list(f"{folder}/"))
    days = (date.fromisoformat(found[1]) for key in keys if (found := _DAY.search(key)))
    return max((each for each in days if each < day), default=None)


def _parts(text: str | None) -> frozenset[str]:
    return frozenset(text.split(_BETWEEN)) if text else frozenset()
