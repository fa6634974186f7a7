"""The options of the command line about lists of images, and the lists they stand for."""

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from maskmatch.cli.objects import opened, typed_place
from maskmatch.cli.options import source_store, store_of
from maskmatch.cli.pace import seldom
from maskmatch.core.addresses import ANYWHERE, SourcePlace
from maskmatch.core.errors import InputError
from maskmatch.core.limits import ShareLimit
from maskmatch.core.listed_images import IMAGE_ROW_COLUMNS
from maskmatch.core.manifest_options import ManifestOptions, parse_columns
from maskmatch.core.places import S3Place

if TYPE_CHECKING:
    from maskmatch.storage.image_lists import ImageList
    from maskmatch.storage.manifests import FileSummary

log = logging.getLogger(__name__)


def add_list_options(parser: argparse.ArgumentParser) -> None:
    """Add the lists and how they are read."""
    add = parser.add_argument
    add(
        "--images",
        required=True,
        metavar="LIST",
        help="a file with a column image_id, and subject_id and attr_... if you like: csv, JSON, parquet, "
        "xlsx, packed or not; or a folder whose objects are the images: a path, file:///path or s3://...",
    )
    add("--against", metavar="LIST", help="another list, whose images are the probes")
    add(
        "--subject-from-folder",
        action="store_true",
        help="where LIST is a folder: the first folder below it names the subject",
    )
    add(
        "--columns",
        default="",
        metavar="OURS=THEIRS,...",
        help="what columns are called in the lists, such as image_id=file,subject_id=person",
    )
    add("--encoding", default="", metavar="NAME", help="of the lists, such as gb18030 (default: found out)")
    add(
        "--max-bad-rows",
        type=_share,
        metavar="SHARE",
        help="leave out bad rows, at most such a share of a list, such as 1%% (default: none may be bad)",
    )
    add("--bad-rows", type=Path, metavar="FILE", help="write the bad rows to FILE.csv or FILE.parquet")


def source_place(args: argparse.Namespace) -> SourcePlace:
    """Return where images lie, unknown without --source."""
    if not (args.source and args.source.strip()):
        return ANYWHERE
    source = store_of(args, "source")
    return SourcePlace.of(source.uri, source.host)


def read_list(args: argparse.Namespace, text: str, source: SourcePlace) -> "ImageList":
    """Read a file or a folder; raise InputError for what is neither."""
    from maskmatch.storage.bad_row_files import check_form
    from maskmatch.storage.image_lists import read_list_file

    if args.bad_rows:
        check_form(args.bad_rows)
    if not text.strip():
        raise InputError("name a list of images, a file or a folder")
    options = ManifestOptions(columns=_columns_of(args), encoding=args.encoding.strip() or None)
    place = typed_place(text)
    if _is_folder(place):
        return _read_folder(args, place, source)
    if args.subject_from_folder:
        raise InputError(f"{text!r} is a file: --subject-from-folder needs a folder of images")
    if isinstance(place, Path) and not place.is_file():
        raise InputError(f"there is neither file nor folder {text!r}: name a list of images")
    store, key = opened(place, text)
    return read_list_file(store, key, options, source, seldom(_tell))


def _columns_of(args: argparse.Namespace) -> "dict[str, str]":
    try:
        return dict(parse_columns(args.columns, IMAGE_ROW_COLUMNS))
    except ValueError as error:
        raise InputError(
            f"--columns: {error}: write image_id=THEIRS,subject_id=THEIRS,attr_x=THEIRS, each once"
        ) from None


def _is_folder(place: Path | S3Place) -> bool:
    """Return True for a folder of this host, and for a prefix that is no object."""
    if isinstance(place, Path):
        return place.is_dir()
    if not place.key or place.key.endswith("/"):
        return True
    store, key = opened(place, place.key)
    return store.head(key) is None


def _read_folder(args: argparse.Namespace, place: Path | S3Place, source: SourcePlace) -> "ImageList":
    from maskmatch.storage.image_lists import read_folder
    from maskmatch.storage.object_stores import FileStore

    if isinstance(place, S3Place):
        store = source_store(f"s3://{place.bucket}/{place.key}")
        prefix = f"{store.uri}/"
        return read_folder(store, prefix, source, subject_from_folder=args.subject_from_folder)
    prefix = _key_of_folder(args, place)
    return read_folder(FileStore(place), prefix, source, subject_from_folder=args.subject_from_folder)


def _key_of_folder(args: argparse.Namespace, folder: Path) -> str:
    """Return the key of a folder of this host below the source; raise InputError for one outside it."""
    root = typed_place(args.source) if args.source and args.source.strip() else None
    if not isinstance(root, Path) or not folder.is_relative_to(root):
        raise InputError(
            f"images of {str(folder)!r} are named by their keys below the source: give --source "
            "file:///folder, which holds it"
        )
    return "" if folder == root else f"{folder.relative_to(root).as_posix()}/"


def _share(text: str) -> ShareLimit:
    try:
        limit = ShareLimit.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share such as 0.5, 50% or 50% of 100") from None
    return limit if "of" in text else replace(limit, rows=1)


def _tell(summary: "FileSummary") -> None:
    log.info("%s: %s rows so far", summary.file, f"{summary.rows:,}")
