"""Bugs planted into the engine one by one: the simulation must find each by an invariant.

python -m tests.engine.planted                              prints what found which, after how many schedules
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.project import project_root

PLANTED = {
    "a permit is given back twice": (
        "failures.py",
        "            failed.permit.refund()\n",
        "            failed.permit.refund()\n            self._context.permits.unbilled()\n",
    ),
    "a wake-up is lost": (
        "dispatcher.py",
        "        if self._wanted > 0:\n            self._demand.set()\n",
        "",
    ),
    "one call too many is in flight": (
        "dispatcher.py",
        "if self.in_flight < self.allowed else None",
        "if self.in_flight <= self.allowed else None",
    ),
    "the room that a service was found to have is passed over": (
        "dispatcher.py",
        "min(self._memory.in_flight, self._capacity.allowed_calls)",
        "self._memory.in_flight",
    ),
    "calls are sent after a stop": (
        "dispatcher.py",
        "        while self._in_hand and not self._stop.is_set():\n",
        "        while self._in_hand:\n",
    ),
    "a try comes ahead of its time": (
        "work.py",
        "self._clock.now() + seconds, next",
        "self._clock.now() + seconds / 2, next",
    ),
    "a pair is called again before its last call is durable": (
        "compare.py",
        "        if item.must_be_durable:\n",
        "        if item.must_be_durable and not item.sent:\n",
    ),
    "the first of two suspects is taken for bad": (
        "bad_images.py",
        "            self._suspect(pair, fault)\n",
        "            self._note_bad(pair.reference, fault)\n",
    ),
    "an outcome is entered twice": (
        "recording.py",
        "        self._journal.enter(outcome)\n        self._progress.add(outcome)\n",
        "        self._journal.enter(outcome)\n        self._journal.enter(outcome)\n",
    ),
    "a pair whose call was not sent is forgotten": (
        "compare.py",
        "        if paid is None:\n            return self._queue.put_back(item)\n",
        "        if paid is None:\n            return None\n",
    ),
    "who waits for the answer to another pair is forgotten": (
        "same_work.py",
        "            self._queue.put_back(waiting)\n",
        "            pass\n",
    ),
    "an answer to the same contents is not taken over": (
        "same_work.py",
        "self._answers.get(item.comparison) if",
        "None if",
    ),
    "permits in hand at the end are lost": (
        "dispatcher.py",
        "            self._in_hand.popleft().release()\n        while self._ready",
        "            self._in_hand.popleft()\n        while self._ready",
    ),
    "what unfinished pairs have cost is not entered": (
        "run.py",
        "        self._keep([*(paid.item for paid in out), *self._queue.unfinished()])\n",
        "        self._keep([])\n",
    ),
    "what ends in the last moment of a drain is not recorded": (
        "run.py",
        "        await asyncio.sleep(0)  # what has just ended",
        "        # what has just ended",
    ),
    "a call without an answer is entered as not billed": (
        "work.py",
        "            maybe_billed=int(billed is Billed.UNKNOWN),\n",
        "            maybe_billed=0,\n",
    ),
}
"""What is wrong: the file, the text in it, and what stands there instead."""


@contextmanager
def package_with(file: str, text: str, instead: str) -> Iterator[dict[str, str]]:
    """Change one file of the engine in a copy of the package; yield an environment that imports the copy."""
    with tempfile.TemporaryDirectory() as folder:
        package = shutil.copytree(project_root() / "plugins" / "maskmatch", Path(folder) / "maskmatch")
        source = package / "engine" / file
        content = source.read_text()
        if content.count(text) != 1:
            raise ValueError(f"{file} does not hold {text!r} once")
        source.write_text(content.replace(text, instead))
        yield os.environ | {"PYTHONPATH": folder}


def found(name: str, *, schedules: int = 300) -> str:
    """Plant one bug; return what the simulation prints, its sum as the last line."""
    with package_with(*PLANTED[name]) as environment:
        done = subprocess.run(
            [sys.executable, "-m", "tests.engine.simulation", f"--schedules={schedules}", "--until-broken"],
            capture_output=True,
            text=True,
            check=False,
            cwd=project_root(),
            env=environment,
        )
    return done.stdout or done.stderr


def main() -> int:
    """Plant all of them, one after the other."""
    missed = []
    for name in PLANTED:
        lines = found(name).splitlines()
        is_found = len(lines) == 2 and lines[0].startswith("seed ")
        missed += [] if is_found else [name]
        sys.stdout.write(f"{name}: {lines[0] if is_found else 'NOT FOUND: ' + ' '.join(lines[-3:])}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(PLANTED) - len(missed)} of {len(PLANTED)} found\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
