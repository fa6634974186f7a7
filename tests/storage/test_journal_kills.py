"""kill -9 of a real process, somewhere between paying, recording and compacting."""

import os
import random
import subprocess
import sys
import time
from collections import Counter

import pytest
from hypothesis import settings

from maskmatch.storage.journal import compact
from tests.storage.journals import PREFIX, keys_in, names_in

THREADS, MOST_PENDING = 6, 20
KILLS = max(2, settings().max_examples // 20)  # 5, and 2 in `make check`


def lines_of(path):
    return path.read_text().split() if path.exists() else []


def run_and_kill(store, environment, paid, durable):
    arguments = [store.uri, str(paid), str(durable), str(THREADS), str(MOST_PENDING)]
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.journal_child", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout.readline() == b"ready\n"
        time.sleep(random.uniform(0.0, 0.6))  # killed anywhere, which no event can choose
        child.kill()


@pytest.fixture
def environment(request, store):
    """Return the variables by which a child finds the store."""
    variables = dict(os.environ, PYTHONWARNINGS="default")
    if store.uri.startswith("s3:"):
        seaweed = request.getfixturevalue("seaweed")
        variables |= {
            "AWS_ENDPOINT_URL": seaweed.endpoint_url,
            "AWS_ACCESS_KEY_ID": seaweed.access_key,
            "AWS_SECRET_ACCESS_KEY": seaweed.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    return variables


def test_a_killed_process_loses_at_most_its_calls_in_flight_and_one_group(store, environment, tmp_path):
    paid, durable = tmp_path / "paid", tmp_path / "durable"
    lost = 0
    for kill in range(KILLS):
        run_and_kill(store, environment, paid, durable)
        names = Counter(names_in(store))
        assert set(names.values()) <= {1}
        assert set(lines_of(durable)) <= set(names)
        assert set(names) <= set(lines_of(paid))
        lost_before, lost = lost, len(set(lines_of(paid)) - set(names))
        assert lost - lost_before <= THREADS + MOST_PENDING, f"kill {kill}"
    before = names_in(store)
    compact(store, PREFIX)
    assert names_in(store) == before
    assert sum("compact" in key for key in keys_in(store)) == 1
    assert len(before) > KILLS
