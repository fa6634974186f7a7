"""The table `outcomes`: one row per manifest row."""

import pyarrow as pa

from maskmatch.storage.schemas.columns import (
    ATTRIBUTES,
    DATE,
    FLAG,
    MONEY,
    TEXT,
    TIME,
    WORD,
    column,
    table_schema,
)
from maskmatch.storage.schemas.shared import LOGICAL_DATE, PUBLICATION, RUN_ID, SCHEMA_VERSION_COLUMN

OUTCOMES = table_schema(
    "One row per manifest row. row_id is the key within a publication; pair_id may stand twice.",
    [
        PUBLICATION,
        RUN_ID,
        column(
            "row_id",
            TEXT,
            "The key: one row of the manifests, whatever file, order or format it comes in; of a row that is "
            "no pair, its place.",
        ),
        column(
            "pair_id",
            TEXT,
            "The pair, from the manifest; may stand twice; null where the manifest has none.",
        ),
        column("logical_date", DATE, LOGICAL_DATE),
        column("manifest_file", WORD, "Manifest below the folder of its date."),
        column(
            "manifest_row",
            pa.int64(),
            "Line of the file (a csv header is line 1), row of the sheet; number from 1 in parquet, arrays.",
        ),
        column("manifest_column", WORD, "Column that made the row a bad row."),
        column("reference_id", TEXT, "Key or address of the reference image; null for bad rows."),
        column("probe_id", TEXT, "Key or address of the probe image; null for bad rows."),
        column(
            "reference_content",
            TEXT,
            "What the plan knew the image by: md5: and the tag of the store, or id: and its key or address.",
        ),
        column("probe_content", TEXT, "The same of the probe image."),
        column("reference_subject_id", TEXT, "Person on the reference image, from the manifest."),
        column("probe_subject_id", TEXT, "Person on the probe image, from the manifest."),
        column(
            "is_mated",
            FLAG,
            "Whether both images show one person, from the manifest; null where unknown.",
        ),
        column("outcome", WORD, "scored, failed or skipped."),
        column("score", pa.float32(), "Similarity, 0 to 100; kept whatever the threshold."),
        column("model_version", WORD, "Version of the vendor's face model."),
        column("quality_control", pa.int8(), "The vendor's quality check asked for, 0 (off) to 4 (strict)."),
        column("threshold", pa.float32(), "Lowest score that counts as a match."),
        column(
            "threshold_nominal_fmr",
            pa.float64(),
            "False match rate that the vendor names for this threshold.",
        ),
        column(
            "decision",
            WORD,
            "match or non-match; null without a score, or where the vendor names no threshold for the model.",
        ),
        column("failure_class", WORD, "biometric (failure to acquire), data or infrastructure."),
        column("failure_code", WORD, "Why there is no score; see below."),
        column("vendor_code", WORD, "The vendor's error code: what it answered, or would have."),
        column("failure_message", TEXT, "The reason in words, with the place or the image."),
        column(
            "failed_side", WORD, "reference or probe; null where it is not known: the vendor does not tell."
        ),
        column(
            "is_open",
            FLAG,
            "Whether the next run of the date tries the pair again: it was not for the bytes of an image.",
        ),
        column(
            "result_source",
            WORD,
            "api (a call of its own), preflight (settled before any call), verdict (an image failed in other "
            "pairs), dedup or swapped (another row with the same images, in the same order or the other) or "
            "reused (an earlier answer).",
        ),
        column(
            "canonical_pair_id", TEXT, "The other pair whose call settled this row; null: its own, or none."
        ),
        column("attempts", pa.int32(), "Calls sent for the pair, refused ones included."),
        column("billed_calls", pa.int32(), "Calls that the vendor certainly charges."),
        column(
            "maybe_billed_calls", pa.int32(), "Calls whose answer never came: they may have been charged."
        ),
        column("cost", MONEY, "CNY for billed_calls at the first monthly tier."),
        column(
            "billed_on",
            DATE,
            "Day of the last call in the time zone in which the account is billed; null where no call of the "
            "row is charged, or may be.",
        ),
        column("request_id", TEXT, "The vendor's id of the last call."),
        column(
            "answered_by",
            WORD,
            "Who answered the last call, or the one taken over: the service's own name, else that of the "
            "connection, else the endpoint's host; null where no answer came.",
        ),
        column("latency_ms", pa.float32(), "Milliseconds of the last call."),
        column("call_order", pa.int64(), "Place in the seeded random order of calls."),
        column("called_at", TIME, "When the last call was sent, UTC."),
        column(
            "attributes",
            ATTRIBUTES,
            "Columns attr_... of the manifest, by name, as text; those that are empty are left out.",
        ),
        SCHEMA_VERSION_COLUMN,
    ],
)
