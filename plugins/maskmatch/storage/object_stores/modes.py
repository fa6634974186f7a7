"""Who may read files on this host: plans and journals their user alone, tables as `table_mode` says."""

import re
import stat

from maskmatch.core.errors import InputError

PRIVATE_MODE = 0o600
TABLE_MODE = 0o640
"""Analysts read tables as members of the folder's group."""
_FORM = re.compile(r"0?[0-7]{3}")
_NEVER = stat.S_IWOTH | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def read_mode(text: str) -> int:
    """Return the mode of a file such as 0640; raise InputError for one that is wrong or too wide."""
    mode = int(text, 8) if _FORM.fullmatch(text) else 0
    if mode & PRIVATE_MODE != PRIVATE_MODE or mode & _NEVER:
        raise InputError(
            f"{text!r} is not the mode of a table: give an octal number from 0600 to 0664, such as 0640; "
            "its user reads and writes it, others never write it, and nobody executes it"
        )
    return mode


def folder_mode(mode: int) -> int:
    """Return the mode of a folder of such files: who may read them may also enter it."""
    return mode | (mode & 0o444) >> 2
