"""Columns of failure codes: which of them are final."""

import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.outcomes import FINAL_FAILURES


def are_final(codes: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return which codes belong to the bytes of an image; null does not."""
    return pc.is_in(codes.cast(pa.string()), value_set=pa.array(sorted(FINAL_FAILURES)))
