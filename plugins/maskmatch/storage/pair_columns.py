"""The columns of a pair, once for whoever reads manifests, writes plans or reads shards."""

import pyarrow as pa

PAIR_COLUMNS = pa.schema(
    [
        pa.field("pair_id", pa.string(), nullable=False),
        pa.field("reference_id", pa.string(), nullable=False),
        pa.field("probe_id", pa.string(), nullable=False),
        ("is_mated", pa.bool_()),
        ("reference_subject_id", pa.string()),
        ("probe_subject_id", pa.string()),
        ("quality_control", pa.int8()),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("row_id", pa.string()),
        ("manifest_row", pa.int64()),
        ("manifest_record", pa.int64()),
        ("manifest_line", pa.int64()),
    ]
)
"""What a row of a manifest says of a pair, and where in its file it stands."""
FINGERPRINT_BYTES = 16
FINGERPRINT = pa.field("fingerprint", pa.binary(FINGERPRINT_BYTES), nullable=False)
"""A hash of pair id, both images and quality control as the row has them."""
PLANNED_COLUMNS = pa.schema(
    [
        pa.field("call_order", pa.int64()),
        *PAIR_COLUMNS,
        ("manifest_file", pa.string()),
        ("reference_content", pa.string()),
        ("probe_content", pa.string()),
    ]
)
"""The same in the shard of a plan, with what both images are known by."""
