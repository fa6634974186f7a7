"""An earlier publication of a date again, as a new one with its rows; and the publications that there are."""

import logging
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from importlib.metadata import version

import pyarrow as pa
import pyarrow.parquet as pq

from maskmatch.core.errors import InputError, ObjectMissing
from maskmatch.pipeline.publish.publishing import PublishOptions, claimed, publish, publisher_of
from maskmatch.pipeline.publish.records import Row, as_record, as_row
from maskmatch.pipeline.publish.repairing import repair
from maskmatch.pipeline.publish.replacing import FILES, read_runs, replace_tables, salt_of
from maskmatch.pipeline.publish.stamp import constant
from maskmatch.pipeline.run import Run
from maskmatch.storage.fetching import fetched
from maskmatch.storage.plans import newest_plan
from maskmatch.storage.publications import Facts, Publisher, read_facts
from maskmatch.storage.schemas import TABLES
from maskmatch.storage.table_files import LOOKED_UP, TableWriter
from maskmatch.storage.tables import PUBLICATION_NAME, current_key, history_key

log = logging.getLogger(__name__)


def publications(run: Run) -> tuple[list[Row], str | None]:
    """Return the rows of `runs` of a date, oldest first, and the name of the current publication."""
    publisher = Publisher(run.patient_warehouse(), run.day, can_swap=True)
    current = publisher.present("outcomes").facts
    return read_runs(publisher), current.publication if current else None


def publish_again(run: Run, publication: str, options: PublishOptions) -> Row:
    """Publish the newest plan of a date, or an earlier publication if one is named; nothing is called."""
    if publication:
        return roll_back(run, publication, options)
    if (plan := newest_plan(run.patient_warehouse(), run.day)) is None:
        raise InputError(f"{run.warehouse.uri} has no plan for {run.day}: there is nothing to publish")
    return publish(run, plan, options)


def roll_back(run: Run, publication: str, options: PublishOptions) -> Row:
    """Publish the rows of an earlier publication again; return the row of the new one in `runs`.

    Nothing is called and no journal is read. `attempts` keep all calls that they have: these were paid,
    whatever is read now. Raise InputError when the history has no such publication, or not all of it,
    Superseded when a newer one was faster.
    """
    run = run.patient()
    publisher = publisher_of(run, options.lock)
    repair(publisher)
    earlier = _facts(publisher, publication)
    reason = f"rollback to {publication}"
    number, name = claimed(publisher, run, reason=reason, by=options.by)
    row = {
        **as_row(earlier.runs),
        **_no_calls(),
        "publication": name,
        "run_seq": number,
        "run_id": run.run_id,
        "reason": reason,
        "published_by": options.by or None,
        "published_at": datetime.now(UTC),
        "maskmatch_version": version("maskmatch"),
    }
    facts = Facts(publication=name, run_seq=number, content=earlier.content, runs=as_record(row))
    with ExitStack() as room:
        files = {table: _rewritten(publisher, table, publication, facts) for table in FILES}
        for file in files.values():
            room.callback(file.close)
        replace_tables(publisher, files, facts)
    log.info("%s of %s has the rows of %s", name, run.day, publication)
    return row


def _facts(publisher: Publisher, publication: str) -> Facts:
    found = None
    with suppress(ObjectMissing):
        if PUBLICATION_NAME.fullmatch(publication):
            with fetched(publisher.store, history_key("outcomes", publisher.day, publication)) as path:
                found = read_facts(pq.read_metadata(path))
    if found is None:
        known = ", ".join(str(row["publication"]) for row in read_runs(publisher)[-5:])
        raise InputError(
            f"{publisher.day} has no publication {publication!r} in its history: `maskmatch publish --list` "
            f"shows them, the last are {known or 'none'}"
        )
    return found


def _no_calls() -> Row:
    """Return the calls of a run that made none; those of the earlier publication stand in its own row."""
    counts = dict.fromkeys(("attempts", "billed_calls", "maybe_billed_calls"), 0)
    unknown = ("permits_used", "permits_without_record", "first_called_at", "last_called_at")
    return {**counts, "cost": 0.0, **dict.fromkeys(unknown)}


def _rewritten(publisher: Publisher, table: str, publication: str, facts: Facts) -> TableWriter:
    """Return a table of an earlier publication under the name of the new one."""
    file = TableWriter(TABLES[table], salt=salt_of(facts.run_seq), looked_up=LOOKED_UP[table])
    try:
        with fetched(publisher.store, _key_of(publisher, table, publication)) as path:
            found = pq.ParquetFile(path, pre_buffer=False)
            for group in range(found.num_row_groups):
                file.add(_renamed(found.read_row_group(group, use_threads=False), file.schema, facts))
    except ObjectMissing as error:
        file.close()
        raise InputError(
            f"the history has no {table} of {publication} any more ({error}): go back to another one"
        ) from error
    file.finish(facts.metadata())
    return file


def _key_of(publisher: Publisher, table: str, publication: str) -> str:
    if table == "attempts" and publisher.present(table).facts:
        return current_key(table, publisher.day)
    return history_key(table, publisher.day, publication)


def _renamed(rows: pa.Table, schema: pa.Schema, facts: Facts) -> pa.Table:
    """Return rows under the name of a publication; columns that came later are null."""
    columns = {name: rows[name] for name in rows.column_names}
    columns["publication"] = constant(facts.publication, schema.field("publication").type, len(rows))
    return pa.table(
        [columns.get(each.name, pa.nulls(len(rows), each.type)) for each in schema], schema=schema
    )
