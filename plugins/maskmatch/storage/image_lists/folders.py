"""A list of images that is a folder of a store: each object in it whose name is that of an image."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from maskmatch.core.addresses import SourcePlace
from maskmatch.core.errors import InputError
from maskmatch.core.listed_images import NO_IMAGE, ListedImage, is_name_of_image, parse_image
from maskmatch.core.pairs import BadRow, Place, bad_row
from maskmatch.core.shown import plain, shown
from maskmatch.storage.image_lists.images import ImageList
from maskmatch.storage.manifests.listing import refuse_secret, why_passed_over
from maskmatch.storage.object_stores import Store

_SHOWN = 5


def read_folder(store: Store, prefix: str, source: SourcePlace, *, subject_from_folder: bool) -> ImageList:
    """Return the images of a whole store, sorted by key; with `prefix` before it a key names an image.

    With `subject_from_folder` the first folder of a key names the subject. What tools leave beside data is
    passed over and told, any other object that is no image is a bad row. Raise InputError where nothing is.
    """
    passed_over: list[str] = []
    keys = []
    for found in store.list(""):
        refuse_secret(store, found.key)
        if why := why_passed_over(found.key, found):
            passed_over.append(f"{plain(found.key)} ({why})")
        else:
            keys.append(found.key)
    others = dict(store.list_others(""))
    for key in others:
        refuse_secret(store, key)
    if not keys and not others:
        raise InputError(f"no image at {store.uri}/: name a list of images, or a folder that holds them")
    parsed = list(_parsed(sorted(keys), prefix, source, subject_from_folder=subject_from_folder))
    images = [
        (record, image) for record, image in enumerate(parsed, start=1) if isinstance(image, ListedImage)
    ]
    strange = [bad_row(_place(key, 0), code=NO_IMAGE, why=f"it is {why}") for key, why in others.items()]
    return ImageList(
        place=store.uri,
        file=store.uri,
        ids=pa.array([image.image_id for _, image in images], pa.large_string()),
        subjects=pa.array([image.subject_id for _, image in images], pa.large_string()),
        attributes={},
        records=np.array([record for record, _ in images], np.int64),
        lines=None,
        bad_rows=[*strange, *(row for row in parsed if isinstance(row, BadRow))],
        rows=len(parsed) + len(others),
        told=list(_told(store, len(images), passed_over)),
    )


def _parsed(
    keys: list[str], prefix: str, source: SourcePlace, *, subject_from_folder: bool
) -> Iterator[ListedImage | BadRow]:
    for record, key in enumerate(keys, start=1):
        folder, slash, _ = key.partition("/")
        fields = {"image_id": prefix + key, "subject_id": folder if slash and subject_from_folder else None}
        if is_name_of_image(key):
            yield parse_image(fields, _place(key, record), source)
        else:
            why = f"{shown(key.rpartition('/')[2])} is no name of a JPG, PNG or BMP image: move it away"
            yield bad_row(_place(key, record), code=NO_IMAGE, why=why)


def _place(key: str, record: int) -> Place:
    return Place(file=plain(key), record=record)


def _told(store: Store, images: int, passed_over: list[str]) -> Iterator[str]:
    yield f"{store.uri}: a folder, {images:,} images"
    if passed_over:
        more = f" and {len(passed_over) - _SHOWN:,} more" if len(passed_over) > _SHOWN else ""
        yield f"passed over: {', '.join(passed_over[:_SHOWN])}{more}"
