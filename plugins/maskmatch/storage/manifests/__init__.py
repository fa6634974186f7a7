"""Manifests as people export them: from objects to batches of rows that are pairs, and bad rows with reasons.

    listing                 what lies in the folder of a date
    reader                  one manifest, batch by batch
    record_file, summaries  one file of rows of any kind: what it is, its records and how they are told
    unpacking               plain, from the local copy of `storage.fetching`
    content, encodings      what the bytes are
    lines                   blocks of whole lines
    csv_*, json_*, parquet*, xlsx*
                            a format to columns of text, the odd records one by one
    own_attributes          the map `attributes` of our own tables, which is columns again
    absent_keys             rows that lack a key which each must have
    columns, folder_columns what the columns of a file, and of its folders, are to us
    doubts, checks          the rules of `core.pairs` over whole columns, doubtful records one by one
    rows                    columns of rows that are pairs, and their fingerprints

A row that cannot be read is a BadRow; a file that cannot be a manifest raises InputError, for then nothing of
it can be trusted.

Decision: docs/adr/0018-one-reader-of-manifests.md
"""

from maskmatch.storage.manifests.listing import Listing, find_manifests, folder_of
from maskmatch.storage.manifests.reader import Manifest, Portion
from maskmatch.storage.manifests.rows import ROWS
from maskmatch.storage.manifests.summaries import FileSummary, describe_file

__all__ = [
    "ROWS",
    "FileSummary",
    "Listing",
    "Manifest",
    "Portion",
    "describe_file",
    "find_manifests",
    "folder_of",
]
