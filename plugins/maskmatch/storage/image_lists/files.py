"""A list of images in a file of any kind that a manifest may be."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from maskmatch.core.addresses import SourcePlace
from maskmatch.core.listed_images import IMAGE_ROW_COLUMNS
from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.core.pairs import ATTRIBUTE_PREFIX, BadRow
from maskmatch.core.shown import plain
from maskmatch.storage.image_lists.images import ImageList, Numbers
from maskmatch.storage.image_lists.rows import Portion, without_repeated
from maskmatch.storage.manifests.columns import Vocabulary
from maskmatch.storage.manifests.reader import MOST_BAD_ROWS
from maskmatch.storage.manifests.record_file import RecordFile
from maskmatch.storage.manifests.summaries import FileSummary
from maskmatch.storage.object_stores import Store

IMAGE_ROWS = Vocabulary(
    IMAGE_ROW_COLUMNS,
    ("image_id",),
    "--columns",
    "--encoding",
    "if it is no list of images, name another file",
)


def read_list_file(
    store: Store,
    key: str,
    options: ManifestOptions,
    source: SourcePlace,
    progress: Callable[[FileSummary], None] = lambda _: None,
) -> ImageList:
    """Read a list, telling `progress` every some thousand rows; raise InputError for another file."""
    file = RecordFile(store, key, options, IMAGE_ROWS)
    file.summary.file = plain(key.rpartition("/")[2])
    portions, bad_rows = [], []
    for records in file:
        portion = Portion(records, file.summary.file, source, is_by_line=file.is_by_line)
        portions.append(portion)
        bad_rows += portion.bad_rows
        file.summary.rows += len(portion.records) + len(portion.bad_rows)
        file.summary.bad_rows = len(bad_rows)
        if len(bad_rows) > MOST_BAD_ROWS:
            raise file.unreadable(
                f"more than {MOST_BAD_ROWS:,} of its rows are no images; the last: {bad_rows[-1].message}"
            )
        progress(file.summary)
    images = without_repeated(_whole(f"{store.uri}/{plain(key)}", file.summary, portions, bad_rows))
    file.summary.bad_rows = len(images.bad_rows)
    return replace(images, told=[str(file.summary)])


def _whole(
    place: str, summary: FileSummary, portions: Sequence[Portion], bad_rows: Sequence[BadRow]
) -> ImageList:
    names = {
        name: None for portion in portions for name in portion.columns if name.startswith(ATTRIBUTE_PREFIX)
    }
    has_lines = bool(portions) and portions[0].lines is not None
    return ImageList(
        place=place,
        file=summary.file,
        ids=_column("image_id", portions),
        subjects=_column("subject_id", portions),
        attributes={name: _column(name, portions) for name in names},
        records=_joined([portion.records for portion in portions]),
        lines=_joined([p.lines for p in portions if p.lines is not None]) if has_lines else None,
        bad_rows=bad_rows,
        rows=summary.rows,
    )


def _column(name: str, portions: Sequence[Portion]) -> pa.LargeStringArray:
    parts = [portion.columns.get(name, pa.nulls(len(portion.records), pa.string())) for portion in portions]
    return pa.chunked_array(parts, pa.string()).cast(pa.large_string()).combine_chunks()


def _joined(parts: Sequence[Numbers]) -> Numbers:
    return np.concatenate([np.zeros(0, np.int64), *parts])
