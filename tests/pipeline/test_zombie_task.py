import re
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing

import httpx
import pytest

from devstack.loopback import TLS
from tests.account import local_account
from tests.commands import start, wait_for_calls
from tests.nights import night_in, outcomes_of, write_pairs
from tests.waiting import wait_until

pytestmark = pytest.mark.server


def calls_of(local):
    answer = httpx.get(f"{local.address}/meter", params={"calls": 1}, trust_env=False, verify=TLS).json()
    return sorted(answer["calls"], key=lambda call: call["at"])


def stop_between_steps(process, folder):
    """Stop a process while it does not hold the permit store, which nobody else could use then."""
    while True:
        process.send_signal(signal.SIGSTOP)
        try:
            with closing(sqlite3.connect(folder / "permits.sqlite3", timeout=0)) as store:
                store.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            process.send_signal(signal.SIGCONT)
            time.sleep(0.01)
        else:
            return


def test_a_try_that_wakes_up_after_another_has_taken_over_gets_no_permit(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 160)
    with local_account(latency_ms=20, calls_per_second=60) as local:
        first = start(local, tmp_path)
        wait_for_calls(local, 40)
        stop_between_steps(first, tmp_path)
        time.sleep(0.5)  # what was sent before has arrived by now
        before = len(calls_of(local))
        second = start(local, tmp_path)
        wait_until(lambda: len(calls_of(local)) >= before + 20, "20 calls of the second")
        first.send_signal(signal.SIGCONT)
        said, _ = first.communicate(timeout=30)
        output, _ = second.communicate(timeout=60)
        calls = calls_of(local)
    assert (first.returncode, second.returncode) == (1, 0), output
    assert re.search("has taken over .*this one stops", said), said  # by its permits, or by its journal
    since = Counter(call["pair"] for call in calls[before:])
    # The second calls all that is missing, so what the first sends now would be a double.
    assert max(since.values()) == 1
    assert len(outcomes_of(run)) == 160
