"""Published outcomes in the forms of other tools.

    whole.py    brings the tables of some dates, hands on their rows block by block, and puts the file
                where it belongs when it is whole
    nist.py     match log of the NIST FRVT 1:1 validation package
    bob.py      four-column score file of bob.bio.base
    sheet.py    csv, safe for spreadsheets
    lines.py    what these share: lines of text from columns

Decision: docs/adr/0026-exports-say-what-a-form-cannot-hold.md
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from maskmatch.storage.exports.bob import ScoreFile
from maskmatch.storage.exports.lines import Form, Tally
from maskmatch.storage.exports.nist import MatchLog
from maskmatch.storage.exports.sheet import ExcelSheet, Sheet
from maskmatch.storage.exports.whole import Tables, Target, check_path, is_there, write_whole

FORMS: Mapping[str, Callable[[], Form]] = MappingProxyType(
    {"nist": MatchLog, "bob": ScoreFile, "csv": Sheet, "excel": ExcelSheet}
)
"""By the word for each; `excel` is `csv` with the mark by which Excel knows UTF-8."""

__all__ = [
    "FORMS",
    "ExcelSheet",
    "Form",
    "Sheet",
    "Tables",
    "Tally",
    "Target",
    "check_path",
    "is_there",
    "write_whole",
]
