"""The table `images`: one row per content of an image."""

import pyarrow as pa

from maskmatch.storage.schemas.columns import DATE, TEXT, WORD, column, table_schema
from maskmatch.storage.schemas.shared import LOGICAL_DATE, PUBLICATION, SCHEMA_VERSION_COLUMN

IMAGES = table_schema(
    "One row per image of a date, known by its content: what became of the rows that name it.",
    [
        PUBLICATION,
        column("content", TEXT, "The key: reference_content or probe_content of outcomes."),
        column("image_id", TEXT, "Key or address of one object with this content: the first by name."),
        column("logical_date", DATE, LOGICAL_DATE),
        column("size", pa.int64(), "Bytes, where the image was read."),
        column("failure_class", WORD, "Class of the verdict on the image; null: it was not found at fault."),
        column("failure_code", WORD, "Why the image fails in every pair; null: it was not found at fault."),
        column("as_reference", pa.int64(), "Rows that name it as their reference image."),
        column("as_probe", pa.int64(), "Rows that name it as their probe image."),
        column("scored", pa.int64(), "Rows with a score."),
        column("failed", pa.int64(), "Rows with a reason, whichever image was at fault."),
        column("failed_by_it", pa.int64(), "Rows that failed for this image: failed_side names it."),
        column("failed_biometric", pa.int64(), "Rows that are failures to acquire."),
        column("mated_scored", pa.int64(), "Rows with a score that are mated."),
        column("mated_score_mean", pa.float64(), "Mean score of them, 0 to 100."),
        column("non_mated_scored", pa.int64(), "Rows with a score that are non-mated."),
        column("non_mated_score_mean", pa.float64(), "Mean score of them, 0 to 100."),
        SCHEMA_VERSION_COLUMN,
    ],
)
