"""What lies in the folder of a date: manifests, and what is passed over by its name or size and told.

Whether a file is a manifest is told by its content, when it is read. Passed over is only what tools leave
beside data; what might be a manifest and is not read would lose pairs unseen.

Decision: docs/adr/0018-one-reader-of-manifests.md
"""

from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase

from maskmatch.core.errors import InputError, ManifestMissing
from maskmatch.core.image_ids import place_of_secret
from maskmatch.core.planning import PassedOver
from maskmatch.core.shown import plain
from maskmatch.storage.object_stores import ObjectInfo, Store

_CRUMBS = {
    "~$*": "a lock of Excel",
    "thumbs.db": "a cache of Windows",
    "ehthumbs.db": "a cache of Windows",
    "desktop.ini": "settings of Windows",
    "icon\r": "a picture of macOS",
    "*.csv.metadata": "metadata of Athena",
    "*.txt.metadata": "metadata of Athena",
    "*_$folder$": "the marker of a folder",
}
"""What tools leave beside data, by patterns of names in small letters."""
_UNFINISHED = (
    *("*.part", "*.filepart", "*.partial", "*.crdownload", "*.download", "*.aria2", "*.inprogress"),
    *("*._copying_", "*.tmp", "*.temp", "*.swp", "*.swo", "*~", "#*#"),
)
_OLD = ("*.bak", "*.backup", "*.old", "*.orig", "*.save")
_TABLE_FORMATS = {"_delta_log": "a Delta table", ".hoodie": "a Hudi table"}
"""Formats that leave files of rows that were removed beside those of rows that are there."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Listing:
    """The keys of the manifests, sorted, and what else lies there."""

    keys: tuple[str, ...]
    passed_over: tuple[PassedOver, ...]


def folder_of(day: date) -> str:
    """Return the folder of the manifests of one date."""
    return f"manifests/ds={day.isoformat()}/"


def find_manifests(store: Store, day: date) -> Listing:
    """Return what lies in the folder of one date; raise ManifestMissing, or InputError for what hides one."""
    folder = folder_of(day)
    manifests: list[str] = []
    passed_over: list[PassedOver] = []
    for found in store.list(folder):
        refuse_secret(store, found.key)
        name = found.key.removeprefix(folder)
        if why := why_passed_over(name, found):
            passed_over.append(PassedOver(plain(name), why))
        elif cure := _what_hides(name):
            raise InputError(f"{store.uri}/{plain(found.key)} is no manifest: {cure}")
        else:
            manifests.append(found.key)
    for key, trouble in store.list_others(folder):
        refuse_secret(store, key)
        name = key.removeprefix(folder)
        if not _is_hidden(name):
            raise InputError(f"{store.uri}/{plain(key)} is {trouble}")
        passed_over.append(PassedOver(plain(name), "its name begins with _ or a dot"))
    _refuse_other_tables(store, folder, passed_over)
    if not manifests:
        raise ManifestMissing(_nothing(store, folder, passed_over))
    return Listing(tuple(sorted(manifests)), tuple(sorted(passed_over, key=lambda each: each.name)))


def refuse_secret(store: Store, key: str) -> None:
    """Raise InputError, which does not show it, for a name that may hold a key: names stand in tables."""
    if (place := place_of_secret(key)) is not None:
        raise InputError(
            f"below {store.uri}/{plain(key[:place])} is a name that is not shown: it looks like an address "
            "with a user or a query, which may hold a key; name it anew, and withdraw the key"
        )


def why_passed_over(name: str, found: ObjectInfo) -> str:
    """Return why an object is no data; nothing for one that may be a manifest."""
    if _is_hidden(name):
        return "its name, or that of a folder, begins with _ or a dot"
    if not name or name.endswith("/"):
        return "the marker of a folder"
    last = name.rpartition("/")[2].lower()
    if crumb := next((why for pattern, why in _CRUMBS.items() if fnmatchcase(last, pattern)), ""):
        return crumb
    return "" if found.size else "it is empty"


def _is_hidden(name: str) -> bool:
    return any(part.startswith(("_", ".")) for part in name.split("/"))


def _what_hides(name: str) -> str:
    """Return the cure for a file that can be neither read nor passed over; nothing for any other."""
    last = name.rpartition("/")[2].lower()
    if any(fnmatchcase(last, pattern) for pattern in _UNFINISHED):
        return "its name says that it is not whole: finish it, or remove it"
    if any(fnmatchcase(last, pattern) for pattern in _OLD):
        return "its name says that it is old: remove it, or let its name begin with _"
    return ""


def _refuse_other_tables(store: Store, folder: str, passed_over: list[PassedOver]) -> None:
    for each in passed_over:
        for part in each.name.split("/")[:-1]:
            if what := _TABLE_FORMATS.get(part):
                raise InputError(
                    f"{store.uri}/{folder}{each.name} belongs to {what}, whose files hold removed rows, too: "
                    "export its rows as parquet"
                )


def _nothing(store: Store, folder: str, passed_over: list[PassedOver]) -> str:
    there = ""
    if passed_over:
        some = ", ".join(f"{each.name} ({each.why})" for each in passed_over[:_SHOWN])
        there = f"; {len(passed_over):,} objects there are none: {some}"
    return f"no manifest at {store.uri}/{folder}: put one there, such as pairs.csv{there}"
