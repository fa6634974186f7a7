"""Manifests as people export them: from objects to batches of rows that are pairs, and bad rows with reasons.

    listing                 which objects are manifests of a date
    reader                  one manifest: what it is, batch by batch
    fetching, unpacking     to bounded local disk, and plain
    content, encodings      what the bytes are
    lines                   blocks of whole lines
    csv_*, json_*, parquet, xlsx
                            a format to columns of text, the odd records one by one
    columns                 what the columns of a file are to us
    doubts, checks          the rules of `core.pairs` over whole columns, doubtful records one by one
    rows                    columns of rows that are pairs, and the ids that name them
    whole                   all manifests of a date in memory

A row that cannot be read is a BadRow; a file that cannot be a manifest raises InputError, for then nothing of
it can be trusted.
"""

from maskmatch.storage.manifests.listing import find_manifests, folder_of
from maskmatch.storage.manifests.reader import FileSummary, Manifest, Portion
from maskmatch.storage.manifests.rows import ROWS, row_ids
from maskmatch.storage.manifests.whole import read_rows

__all__ = [
    "ROWS",
    "FileSummary",
    "Manifest",
    "Portion",
    "find_manifests",
    "folder_of",
    "read_rows",
    "row_ids",
]
