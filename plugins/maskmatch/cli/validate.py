"""The command that looks at manifests: it needs no account, and pays nothing."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from maskmatch.cli.objects import existing_object
from maskmatch.cli.options import (
    add_place,
    add_reading_options,
    day_of,
    plan_options_of,
    store_of,
)
from maskmatch.cli.pace import seldom
from maskmatch.core.errors import InputError

if TYPE_CHECKING:
    from maskmatch.core.addresses import SourcePlace
    from maskmatch.core.planning import PassedOver
    from maskmatch.storage.manifests import FileSummary
    from maskmatch.storage.object_stores import Store

log = logging.getLogger(__name__)


def add_validate_options(parser: argparse.ArgumentParser) -> None:
    """Add what is read, how, and what is told."""
    parser.description = (
        "Read all manifests of a date, or a single one, as a run does, and say what is in them; nothing is "
        "called and nothing paid. The exit status is 0 if a run would go on, else 1."
    )
    add = parser.add_argument
    add(
        "manifest",
        nargs="?",
        help="one manifest: a path, file:///path or s3://bucket/key, in place of --date",
    )
    add("--date", type=day_of, help="the date whose manifests are read, as YYYY-MM-DD")
    add_place(parser, "source", "manifests and images")
    add_reading_options(parser)
    add("--bad-rows", type=Path, metavar="FILE", help="write the bad rows to FILE.csv or FILE.parquet")
    add("--json", action="store_true", help="print the findings as JSON")


def validate(args: argparse.Namespace) -> int:
    """Read the manifests and show what they hold; return 1 if a run would not go on."""
    from maskmatch.pipeline.plan.reading import RowReader
    from maskmatch.pipeline.validate import Findings, validate
    from maskmatch.storage.bad_row_files import writing_bad_rows

    options = plan_options_of(args)
    store, keys, passed_over, source = _what_to_read(args)
    place = f"{store.uri}: {len(keys):,} manifests" if args.date else f"{store.uri}/{keys[0]}"
    reader = RowReader(store, options.manifests, quality_control=options.quality_control, source=source)
    with writing_bad_rows(args.bad_rows) as hand_on:
        findings = Findings(place, hand_on, passed_over=passed_over)
        validate(reader, keys, options, findings, seldom(_tell))
    if args.json:
        sys.stdout.write(json.dumps(findings.to_record(), indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(findings.lines()) + "\n")
    return 1 if findings.why_not else 0


def _what_to_read(
    args: argparse.Namespace,
) -> "tuple[Store, Sequence[str], Sequence[PassedOver], SourcePlace | None]":
    """Return a store, keys in it, what is passed over there, and where images lie if that is elsewhere."""
    from maskmatch.storage.manifests import find_manifests

    if bool(args.date) == bool(args.manifest):
        raise InputError("give either --date with --source, or one manifest")
    if args.date:
        store = store_of(args, "source")
        listing = find_manifests(store, args.date)
        return store, listing.keys, listing.passed_over, None
    store, key = existing_object(args.manifest)
    return store, [key], (), _source_of(args, store)


def _source_of(args: argparse.Namespace, store: "Store") -> "SourcePlace | None":
    """Return where the images of a single manifest lie: what --source says, else unknown for a local file."""
    from maskmatch.core.addresses import ANYWHERE, SourcePlace

    if args.source and args.source.strip():
        source = store_of(args, "source")
        return SourcePlace.of(source.uri, source.host)
    return ANYWHERE if store.uri.startswith("file:") else None


def _tell(summary: "FileSummary") -> None:
    log.info("%s: %s rows so far, %s of them bad", summary.file, f"{summary.rows:,}", f"{summary.bad_rows:,}")
