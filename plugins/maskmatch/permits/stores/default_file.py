"""The permit store of those who name none: a file below the home folder, and notes that find a second one.

Every user has a file of their own, and so a rate and budgets of their own. Who pays with it leaves a note
where all users of the host see it; who then pays for the same account with another such file is refused.
"""

import hashlib
import os
import pwd
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from maskmatch.core.errors import InputError, WrongSetting
from maskmatch.permits.stores.sqlite import make_private

NOTES = Path("/var/tmp")  # noqa: S108 - a note is made anew or not at all, and a link is not followed
_KEPT_SECONDS = 40 * 86400.0
"""The permit store itself forgets after as long what was spent."""
_MOST_BYTES = 4096


def default_file() -> Path:
    """Return the file of who has this home."""
    return Path.home() / ".maskmatch" / "permits.sqlite3"


def check_former(file: Path) -> None:
    """Raise InputError while there is a file with its former name alone."""
    former = file.with_name("broker.sqlite3")
    if former.exists() and not file.exists():
        raise InputError(
            f"the permit store {former} is now called {file.name} and has another format: stop all runs and "
            f"remove {former.name} with its -wal and -shm files; budgets are counted from zero"
        )


def user_name() -> str:
    """Return the name of the user of this process, or the number of one without a name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container
        return f"{os.getuid()}"


def claim(file: Path, quota_key: str, notes: Path = NOTES) -> None:
    """Note that an account is paid for through a file; raise WrongSetting when it is through another, too.

    A folder in which nothing can be noted is no error: then others are not found.
    """
    check_alone(file, quota_key, notes)
    with suppress(OSError):  # which the store itself will tell
        make_private(file)  # a note of a file that is not there would not count
    note = _note(file, quota_key, notes)
    is_new = _leave(note, file)
    try:
        check_alone(file, quota_key, notes)
    except WrongSetting:  # both began at the same moment
        if is_new:
            note.unlink(missing_ok=True)
        raise


def check_alone(file: Path, quota_key: str, notes: Path = NOTES) -> None:
    """Raise WrongSetting when an account is paid for through another file, too."""
    if found := next(_others(file, quota_key, notes), None):
        note, other = found
        raise WrongSetting(
            f"two users of this host pay for one account, each through a permit store of their own, {other} "
            f"and {file}, and so with the whole rate and budget each. Name one for both with --permit-store, "
            "MASKMATCH_PERMIT_STORE or the field permit_store of the connection: a file that both may write, "
            f"such as sqlite:////var/lib/maskmatch/permits.sqlite3, or Redis or Postgres. If {other} is not "
            f"used any more, remove {note}"
        )


def _others(file: Path, quota_key: str, notes: Path) -> Iterator[tuple[Path, Path]]:
    """Yield other files that are in use, each with its note."""
    for note in notes.glob(_name("*", quota_key)):
        with suppress(OSError, UnicodeDecodeError):
            other = Path(_text(note))
            if other != file and note == _note(other, quota_key, notes) and not _is_gone(other):
                yield note, other


def _text(note: Path) -> str:
    """Return what a note says, nothing if it is old; raise OSError for what is no file."""
    number = os.open(note, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(number)
        is_good = stat.S_ISREG(found.st_mode) and time.time() - found.st_mtime < _KEPT_SECONDS
        return os.read(number, _MOST_BYTES).decode() if is_good else ""
    finally:
        os.close(number)


def _is_gone(file: Path) -> bool:
    """Return True if there is surely no such file; one in a home that we may not enter may be there."""
    try:
        file.stat()
    except PermissionError:
        return False
    except OSError:
        return True
    return False


def _leave(note: Path, file: Path) -> bool:
    """Leave a note, or renew it; return True if it is new."""
    with suppress(OSError):
        number = os.open(note, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY, 0o644)
        with os.fdopen(number, "w") as stream:
            os.fchmod(number, 0o644)
            stream.write(str(file))
        return True
    with suppress(OSError):
        os.utime(note, follow_symlinks=False)
    return False


def _note(file: Path, quota_key: str, notes: Path) -> Path:
    return notes / _name(hashlib.sha256(os.fsencode(file)).hexdigest()[:16], quota_key)


def _name(place: str, quota_key: str) -> str:
    return f"maskmatch-{quota_key.rpartition(':')[2]}-{place}"
