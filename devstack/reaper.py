"""Run one command so that nothing it starts outlives whoever asked for it.

    asker --starts--> reaper --starts--> command --starts--> anything, also in groups of its own

The reaper ends the command when it is asked to (SIGTERM), or when the asker is gone, however it ended.
Orphans of the command become children of the reaper, which kills them when the command has ended.
Run as a program of its own, without the rest of the package: it starts in some 30 ms, and forking from
its one thread is safe, which forking from a program with threads is not.
"""

import ctypes
import math
import os
import signal
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_CHILD_SUBREAPER = 36
_LOOK_AT_THE_ASKER_SECONDS = 0.25
_EVENTS = frozenset({signal.SIGCHLD, signal.SIGTERM, signal.SIGINT})


def hold(command: list[str], *, asker: int, report: int, patience_seconds: float) -> int:
    """Run the command to its end and return its exit code; its process id goes to `report` first."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _EVENTS)
    os.set_inheritable(report, False)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    pid = _start(command)
    os.write(report, b"%d\n" % pid)
    os.close(report)
    try:
        return _watch(pid, asker, patience_seconds)
    finally:
        _kill_the_rest()


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl refused")


def _start(command: list[str]) -> int:
    reaper = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _EVENTS)
        if os.getppid() == reaper:
            os.execvp(command[0], command)  # noqa: S606 - a command line given as a list needs no shell
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(127)


def _watch(pid: int, asker: int, patience_seconds: float) -> int:
    ask_at = kill_at = math.inf
    while True:
        event = signal.sigtimedwait(_EVENTS, _LOOK_AT_THE_ASKER_SECONDS)
        code = _exit_code(pid)
        if code is not None:
            return code
        now = time.monotonic()
        asked = event is not None and event.si_signo != signal.SIGCHLD
        if kill_at == math.inf and (asked or os.getppid() != asker):
            ask_at, kill_at = now, now + patience_seconds
        if now >= kill_at:
            os.kill(pid, signal.SIGKILL)
        elif now >= ask_at:
            # Asked again halfway: what a handler in Python raises is lost when it strikes a destructor.
            os.kill(pid, signal.SIGTERM)
            ask_at = now + patience_seconds / 2


def _exit_code(command: int) -> int | None:
    """Collect every child that has ended; return the command's exit code when it is among them."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == command:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if pid == 0:
            return None


def _kill_the_rest() -> None:
    """Kill until no child is left: the children of a killed one become ours."""
    own = Path(f"/proc/self/task/{os.getpid()}/children")
    while children := own.read_text().split():
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        os.waitpid(-1, 0)


if __name__ == "__main__":
    _asker, _report, _patience, *_words = sys.argv[1:]
    sys.exit(hold(_words, asker=int(_asker), report=int(_report), patience_seconds=float(_patience)))
