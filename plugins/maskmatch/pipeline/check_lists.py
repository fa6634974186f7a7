"""Bad rows of lists of images: how they are told, and when they end the work."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from maskmatch.core.errors import InputError
from maskmatch.core.limits import ShareLimit
from maskmatch.core.listed_images import NO_SUBJECT
from maskmatch.core.pairs import bad_row
from maskmatch.storage.image_lists import ImageList

_FIRST = 3
"""Bad rows of each reason that are shown."""
_REASONS = 10


def check_bad_rows(images: ImageList, limit: ShareLimit | None) -> None:
    """Raise InputError when more rows of a list are bad than may be; without a limit none may."""
    bad = images.bad_rows
    if not bad or (limit and not limit.is_passed(len(bad), of=images.rows)):
        return
    codes = Counter(row.code for row in bad)
    counts = ", ".join(f"{count:,} {code}" for code, count in codes.most_common(_REASONS))
    raise InputError(
        f"{len(bad):,} of {images.rows:,} rows of {images.place} are bad ({counts}): correct them, or leave "
        "them out by --max-bad-rows"
    )


def bad_row_lines(images: ImageList) -> Iterator[str]:
    """Yield the first bad rows of each reason."""
    counts: Counter[str] = Counter()
    for row in images.bad_rows:
        counts[row.code] += 1
        if counts[row.code] <= _FIRST:
            yield f"bad row: {row.message}"
    more = sum(count - _FIRST for count in counts.values() if count > _FIRST)
    if more:
        yield f"and {more:,} more bad rows"


def with_subjects(images: ImageList) -> ImageList:
    """Return a list in which an image without a subject is a bad row."""
    lacking = np.flatnonzero(images.subjects.is_null().to_numpy(zero_copy_only=False)).tolist()
    why = "pairs by subject need one for each image: add it, or leave the image out"
    return images.without(
        {
            image: bad_row(images.place_of(image), code=NO_SUBJECT, why=why, column="subject_id")
            for image in lacking
        }
    )
