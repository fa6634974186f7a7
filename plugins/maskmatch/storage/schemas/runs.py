"""The table `runs`: one row per publication."""

import pyarrow as pa

from maskmatch.storage.schemas.columns import DATE, MONEY, TEXT, TIME, column, table_schema
from maskmatch.storage.schemas.shared import LOGICAL_DATE, PUBLICATION, RUN_ID, SCHEMA_VERSION_COLUMN

RUNS = table_schema(
    "One row per publication; the last one of a date is the one that outcomes hold.",
    [
        PUBLICATION,
        column("run_seq", pa.int64(), "Number of the publication among those of its date, from 1."),
        RUN_ID,
        column("reason", TEXT, "Why: run, redrive, republish, or rollback to an earlier one."),
        column("published_by", TEXT, "User and host, or Dag and task, that published it."),
        column("plan_id", TEXT, "Plan that was compared."),
        column("logical_date", DATE, LOGICAL_DATE),
        column("manifest_files", pa.int32(), "Number of manifests."),
        column("manifest_rows", pa.int64(), "Number of their rows: scored + failed + skipped."),
        column("scored", pa.int64(), "Rows with a score."),
        column(
            "undecided",
            pa.int64(),
            "Rows with a score and without a decision: the vendor names no threshold for their model.",
        ),
        column("failed", pa.int64(), "Rows with a reason."),
        column("skipped", pa.int64(), "Rows not compared on purpose."),
        column("failed_biometric", pa.int64(), "Failures to acquire: their share is of tried_to_acquire."),
        column(
            "tried_to_acquire",
            pa.int64(),
            "Rows whose two images were judged by the face service: scored + failed_biometric.",
        ),
        column("failed_data", pa.int64(), "Failures of images or rows."),
        column("failed_infrastructure", pa.int64(), "Failures of network, service or store."),
        column("open_failures", pa.int64(), "Failed rows that the next run of the date tries again."),
        column("attempts", pa.int64(), "Calls sent by this run, refused ones included, as journals tell."),
        column("billed_calls", pa.int64(), "Calls of this run that the vendor certainly charges."),
        column("maybe_billed_calls", pa.int64(), "Calls of this run whose answer never came."),
        column("cost", MONEY, "CNY for billed_calls at the first monthly tier."),
        column(
            "permits_used",
            pa.int64(),
            "Permits to send a call that this run took and did not give back: the upper bound of what it "
            "was charged; null where the permit store no longer knows, and for a redrive of several dates, "
            "whose permits are counted together.",
        ),
        column(
            "permits_without_record",
            pa.int64(),
            "Permits used, but for billed_calls and maybe_billed_calls: calls that were never sent, or that "
            "a kill cut off before the journal had them, charged or not.",
        ),
        column(
            "threshold_nominal_fmr",
            pa.float64(),
            "False match rate that the vendor names for this threshold.",
        ),
        column(
            "model_versions",
            TEXT,
            "Versions of the face model that gave the scores; two only where the run was told to go on.",
        ),
        column("answered_by", TEXT, "Who answered: the services' own names, else those of connections."),
        column("first_called_at", TIME, "First call of the run, UTC."),
        column("last_called_at", TIME, "Last call of the run, UTC."),
        column("published_at", TIME, "When the run published, UTC."),
        column("maskmatch_version", TEXT, "Version of this software."),
        SCHEMA_VERSION_COLUMN,
    ],
)
