"""The command that makes manifests of pairs from lists of images: it needs no account, and pays nothing."""

import argparse
import logging
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from maskmatch.cli.image_lists import add_list_options, read_list, source_place
from maskmatch.cli.objects import opened, typed_place
from maskmatch.cli.options import add_place, day_of, store_of
from maskmatch.cli.pace import seldom
from maskmatch.core.errors import InputError
from maskmatch.core.pairing import MOST_UNASKED, NonMated, PairingOptions, Way

if TYPE_CHECKING:
    from maskmatch.storage.image_lists import ImageList
    from maskmatch.storage.object_stores import Store

log = logging.getLogger(__name__)

_NAME = "pairs.parquet"
_EXAMPLES = """\
examples:
  every image of a list against every other:
    maskmatch pairs --images images.csv --to pairs.parquet
  all mated pairs of each subject, and ten non-mated ones for each, into the manifests of a date:
    maskmatch pairs --images images.csv --by-subject --non-mated 10x --seed 7 --source s3://faces/source \\
      --date 2026-11-22
  probes against a gallery:
    maskmatch pairs --images gallery.xlsx --against probes.csv --columns image_id=file --to pairs.parquet
  the images of a folder whose folders are subjects:
    maskmatch pairs --images s3://faces/source/images/ --subject-from-folder --by-subject \\
      --source s3://faces/source --to s3://faces/source/manifests/ds=2026-11-22/pairs.parquet
"""


def add_pairs_options(parser: argparse.ArgumentParser) -> None:
    """Add the lists, which pairs of them are wanted, and where they are written."""
    parser.description = (
        "Make a manifest of pairs from a list of images: all against all, by subject, or one list against "
        "another. Tells first how many pairs, calls, CNY and hours it will be; calls and pays nothing. The "
        "same lists, options and seed give the same file."
    )
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_list_options(parser)
    _add_choices(parser)
    add = parser.add_argument
    add("--to", metavar="FILE", help="the manifest: a path, file:///path or s3://bucket/key, all .parquet")
    add("--date", type=day_of, help=f"write manifests/ds=DATE/{_NAME} of the source in place of --to")
    add_place(parser, "source", "images (and the manifest, with --date), below which images are keys")
    add("--replace", action="store_true", help="replace a file that is there")
    add("--yes", action="store_true", help=f"write more than {MOST_UNASKED:,} pairs")


def _add_choices(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--by-subject", action="store_true", help="mated pairs of each subject, and a sample of others")
    add("--mated-per-subject", type=_whole, metavar="N", help="at most so many, sampled (default: all)")
    add(
        "--non-mated",
        type=_non_mated,
        metavar="N|Rx|all",
        help="non-mated pairs: so many, R for each mated one, or all (default 1x)",
    )
    add(
        "--without-equal",
        action="store_true",
        help="with --against: leave out pairs of an image with itself",
    )
    add("--limit", type=_whole, metavar="N", help="a uniform sample of N pairs where there are more")
    add("--seed", default="0", help="any text; another one gives other samples (default 0)")
    add(
        "--attributes",
        action="store_true",
        help="write attr_x of both images as attr_reference_x and attr_probe_x",
    )


def pairs(args: argparse.Namespace) -> int:
    """Read the lists, tell what it will be, and write the manifest."""
    from maskmatch.pipeline.check_lists import check_bad_rows, with_subjects
    from maskmatch.pipeline.generate_pairs import pair_up, write_pairs

    options = _options_of(args)
    source = source_place(args)
    store, key = _target(args)
    lists = [read_list(args, text, source) for text in (args.images, args.against) if text is not None]
    if options.way is Way.SUBJECTS:
        lists[0] = with_subjects(lists[0])
    _tell(args, lists)
    for each in lists:
        check_bad_rows(each, args.max_bad_rows)
    pairing = pair_up(lists[0], lists[1] if len(lists) > 1 else None, options)
    sys.stdout.write("\n".join(pairing.lines()) + "\n")
    sys.stdout.flush()
    kinds = write_pairs(pairing, store, key, seldom(partial(_tell_progress, time.monotonic())))
    sys.stdout.write(f"wrote {store.uri}/{key}: {kinds}\n")
    return 0


def _options_of(args: argparse.Namespace) -> PairingOptions:
    _refuse_lonely(args)
    way = Way.AGAINST if args.against is not None else Way.SUBJECTS if args.by_subject else Way.ALL
    return PairingOptions(
        way=way,
        seed=args.seed,
        mated_per_subject=args.mated_per_subject,
        **({} if args.non_mated is None else {"non_mated": args.non_mated}),
        without_equal=args.without_equal,
        limit=args.limit,
        with_attributes=args.attributes,
        is_sure=args.yes,
    )


def _refuse_lonely(args: argparse.Namespace) -> None:
    """Raise InputError for options that would do nothing."""
    if args.by_subject and args.against:
        raise InputError("give either --by-subject or --against")
    if not args.by_subject and (args.non_mated is not None or args.mated_per_subject is not None):
        raise InputError("--non-mated and --mated-per-subject belong to --by-subject: add it")
    if args.by_subject and args.limit is not None:
        raise InputError("with --by-subject give --non-mated and --mated-per-subject in place of --limit")
    if args.without_equal and not args.against:
        raise InputError("--without-equal belongs to --against: in one list no image is paired with itself")


def _target(args: argparse.Namespace) -> "tuple[Store, str]":
    """Return where the manifest is written; raise InputError for a place that is taken, or no file."""
    if bool(args.to) == bool(args.date):
        raise InputError("give either --to FILE, or --date with --source")
    if args.date:
        from maskmatch.storage.manifests import folder_of

        store, key = store_of(args, "source"), folder_of(args.date) + _NAME
    else:
        place = typed_place(args.to)
        if isinstance(place, Path) and place.is_dir():
            raise InputError(f"{args.to!r} is a folder: name a file in it, such as {_NAME}")
        store, key = opened(place, args.to)
    if not key.endswith(".parquet"):
        raise InputError(f"{key!r} is to be parquet: let the name end with .parquet")
    if not args.replace and store.head(key):
        raise InputError(f"{store.uri}/{key} is there already: name another file, or add --replace")
    return store, key


def _tell(args: argparse.Namespace, lists: "list[ImageList]") -> None:
    """Show what the lists are, and their bad rows; all of these go into the file that is asked for."""
    from maskmatch.pipeline.check_lists import bad_row_lines
    from maskmatch.storage.bad_row_files import write_bad_row_file

    for each in lists:
        sys.stdout.write("".join(f"{line}\n" for line in (*each.told, *bad_row_lines(each))))
    if args.bad_rows:
        write_bad_row_file(args.bad_rows, [row for each in lists for row in each.bad_rows])


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _non_mated(text: str) -> NonMated:
    try:
        return NonMated.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no such number: write 10000, 2.5x or all") from None


def _tell_progress(begun: float, written: int, count: int) -> None:
    left = (time.monotonic() - begun) / written * (count - written)
    log.info("%s of %s pairs, %.0f s left", f"{written:,}", f"{count:,}", left)
