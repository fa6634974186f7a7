"""The table `attempts`: one row per call, as the journals have it."""

import pyarrow as pa

from maskmatch.storage.schemas.columns import DATE, MONEY, TEXT, TIME, WORD, column, table_schema
from maskmatch.storage.schemas.shared import LOGICAL_DATE, PUBLICATION, SCHEMA_VERSION_COLUMN

ATTEMPTS = table_schema(
    "One row per call that was sent for a date by any of its runs, refused and unanswered ones included.",
    [
        PUBLICATION,
        column("run_id", WORD, "Run that sent the call."),
        column("plan_id", WORD, "Plan that the call belongs to."),
        column("shard", pa.int32(), "Number of the shard in the plan, from 0."),
        column("shard_try", pa.int32(), "Which try of the shard sent it."),
        column("pair_id", TEXT, "The pair; canonical_pair_id of rows in outcomes that the call settled."),
        column("attempt", pa.int32(), "Number of the call among those of the pair in this try, from 1."),
        column("call_order", pa.int64(), "Place of the pair in the seeded random order of calls."),
        column("logical_date", DATE, LOGICAL_DATE),
        column("account", WORD, "Key of the account and interface group whose rate limit was used."),
        column("image_policy", WORD, "How images were sent."),
        column("quality_control", pa.int8(), "The vendor's quality check asked for, 0 (off) to 4 (strict)."),
        column("called_at", TIME, "When the call was sent, UTC."),
        column("answered_at", TIME, "When its answer was there, UTC; null where none came."),
        column("latency_ms", pa.float32(), "Milliseconds from sending to the answer, or to giving up."),
        column("bytes_sent", pa.int64(), "Bytes of the request that left."),
        column("billed", WORD, "yes, no, or perhaps: the answer never came."),
        column(
            "billed_on",
            DATE,
            "Day of the call in the time zone in which the account is billed; null where it is not billed.",
        ),
        column("cost", MONEY, "CNY at the first monthly tier where billed is yes, else 0."),
        column("request_id", TEXT, "The vendor's id of the call."),
        column("answered_by", WORD, "Who answered: see outcomes."),
        column("score", pa.float32(), "Similarity, 0 to 100."),
        column("model_version", WORD, "Version of the vendor's face model."),
        column("failure_class", WORD, "biometric, data or infrastructure; null for a score."),
        column("failure_code", WORD, "Why there is no score."),
        column("vendor_code", WORD, "The vendor's error code."),
        column("failure_message", TEXT, "The reason in words."),
        column("failed_side", WORD, "reference or probe; null where it is not known."),
        column("reference_size", pa.int64(), "Bytes of the reference image, where it was read."),
        column("probe_size", pa.int64(), "Bytes of the probe image, where it was read."),
        column("reference_load_ms", pa.float32(), "Milliseconds to load the reference image."),
        column("probe_load_ms", pa.float32(), "Milliseconds to load the probe image."),
        SCHEMA_VERSION_COLUMN,
    ],
)
