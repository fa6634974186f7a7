"""Finish what a publication has begun that was killed after it had replaced `outcomes`."""

import hashlib
import logging

import pyarrow.parquet as pq

from maskmatch.core.errors import ObjectMissing
from maskmatch.pipeline.publish.records import as_row
from maskmatch.pipeline.publish.replacing import FILES, add_runs, pointer
from maskmatch.storage.fetching import fetched
from maskmatch.storage.publications import Facts, Publisher
from maskmatch.storage.tables import history_key

log = logging.getLogger(__name__)


def repair(publisher: Publisher) -> None:
    """Bring all tables of a date, and their pointers, to the publication that its outcomes are of."""
    current = publisher.present("outcomes").facts
    if current is None:
        return
    for table in FILES[1:]:
        if publisher.present(table).run_seq < current.run_seq:
            _bring(publisher, table, current)
    add_runs(publisher, [as_row(current.runs)])
    for table in FILES:
        if publisher.pointed(table)[0] < current.run_seq:
            _point(publisher, table, current)
    runs = publisher.present("runs")
    if runs.facts and publisher.pointed("runs") < (runs.run_seq, runs.rows):
        _point(publisher, "runs", runs.facts)


def _bring(publisher: Publisher, table: str, facts: Facts) -> None:
    key = history_key(table, publisher.day, facts.publication)
    try:
        with fetched(publisher.store, key) as path:
            publisher.swap(table, str(path), facts)
    except ObjectMissing:
        log.warning("%s is not there: %s stays behind until the next publication", key, table)
    else:
        log.info("%s of %s is finished: %s", table, publisher.day, facts.publication)


def _point(publisher: Publisher, table: str, facts: Facts) -> None:
    key = history_key(table, publisher.day, facts.publication)
    try:
        with fetched(publisher.store, key) as path, path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            rows = pq.read_metadata(path).num_rows
    except ObjectMissing:
        log.warning("%s is not there: the pointer stays behind until the next publication", key)
        return
    publisher.point(table, pointer(publisher, table, facts, sha256=digest, rows=rows))
