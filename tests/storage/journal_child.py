"""A process to be killed: it pays, records, closes and compacts, again and again.

    python -m tests.storage.journal_child STORE PAID DURABLE THREADS MOST_PENDING

It notes in the file PAID every name it has paid for, before it records it, and in DURABLE what it was told to
be durable; both by single writes that survive its end.
"""

import os
import random
import sys
import threading
import time
import uuid

from maskmatch.storage.journal import Origin, ShardJournal, compact, last_epoch
from maskmatch.storage.object_stores import open_store
from tests.storage.journals import PREFIX, record, record_durably, scored


def note_in(path: str):
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    return lambda name: os.write(descriptor, f"{name}\n".encode())


def main(uri: str, paid_path: str, durable_path: str, threads: int, most_pending: int) -> None:
    store = open_store(uri)
    paid, durable = note_in(paid_path), note_in(durable_path)

    def work(journal: ShardJournal, until: float) -> None:
        while time.monotonic() < until:
            name = uuid.uuid4().hex
            time.sleep(random.uniform(0, 0.004))  # a call takes its time
            paid(name)
            if random.random() < 0.2:
                record_durably(journal, scored(name))
                durable(name)
            else:
                record(journal, scored(name))

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        epoch = last_epoch(store, PREFIX) + 1
        until = time.monotonic() + random.uniform(0.02, 0.2)
        with ShardJournal(
            store, PREFIX, origin=Origin("r"), epoch=epoch, only_new=True, most_pending=most_pending
        ) as journal:
            workers = [threading.Thread(target=work, args=(journal, until)) for _ in range(threads)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        compact(store, PREFIX)


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:]))
