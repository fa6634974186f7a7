"""The options of the command line about dates, places and plans, and the objects they stand for."""

import argparse
import os
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from maskmatch.core.errors import InputError
from maskmatch.settings.sources import in_variable

if TYPE_CHECKING:
    from maskmatch.core.forecast import Deadline
    from maskmatch.core.planning import PlanOptions
    from maskmatch.pipeline.run import Run
    from maskmatch.storage.object_stores import Store, StoreSettings

Command = Callable[[argparse.Namespace], int]

EPILOG = """\
Storage is reached as boto3 does it: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_DEFAULT_REGION, AWS_CA_BUNDLE. MASKMATCH_SOURCE and MASKMATCH_WAREHOUSE say where, for the options of
these names; MASKMATCH_SOURCE_PROFILE and MASKMATCH_WAREHOUSE_PROFILE name an AWS profile for each, with a key
of its own. MASKMATCH_ADDRESSING_STYLE is auto, path or virtual (default for COS).
MASKMATCH_SERVER_SIDE_ENCRYPTION (AES256, aws:kms, aws:kms:dsse, cos/kms) and MASKMATCH_SSE_KMS_KEY_ID are
said with every write, for buckets that want them.
The account's key comes from TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY and, for temporary credentials,
TENCENTCLOUD_TOKEN; its region from TENCENTCLOUD_REGION. TENCENTCLOUD_ACCOUNT_ID (APPID or UIN) makes several
keys of one account share its rate and budgets. Keys of the vendor's account are never given as options:
those can be seen by every user of the host. MASKMATCH_ANSWERED_BY is how outcomes name who answered (default:
the endpoint's host; a service that names itself is believed).

exit status: 0 done; 1 an error; 2 a wrong option or value; 3 an order reaches nobody: no run has ever used
the account at this permit store; 4 an order names a run that the permit store does not know; 75 a budget is
spent; 130 stopped or drained
"""


def add_warehouse(parser: argparse.ArgumentParser) -> None:
    """Add the date and where plans, journals and tables lie."""
    parser.add_argument("--date", type=day_of, required=True, help="the date, as YYYY-MM-DD")
    add_place(parser, "warehouse", "plans, journals and tables")
    parser.add_argument(
        "--store-patience",
        metavar="SECONDS",
        help="how long a trouble of a store may last before the command ends with the cure; no pair fails "
        "for it (default 300)",
    )


def add_plan_options(parser: argparse.ArgumentParser) -> None:
    """Add what a plan depends on."""
    add_warehouse(parser)
    add_place(parser, "source", "manifests and images")
    add_reading_options(parser)
    add = parser.add_argument
    add(
        "--recompare",
        metavar="NAME",
        default="",
        help="call every pair again and pay again; the same name goes on with the same repetition",
    )
    add(
        "--reuse-days",
        metavar="0..365",
        help="take over answers of so many days before the date, too; those of the date itself always are "
        "(default 0)",
    )
    add(
        "--trust-tags",
        metavar="true|false",
        help="know images by the MD5 that the store has as their tag; false: by their ids, until they are "
        "read (default true)",
    )
    add(
        "--same-image",
        metavar="call|skip",
        help="what becomes of pairs whose two images have the same content (default call)",
    )
    add(
        "--strata-attribute",
        metavar="attr_NAME",
        help="each part of the calls has its share of every value of this attribute, as it has of mated and "
        "non-mated pairs",
    )
    add(
        "--max-shards",
        metavar="1..32",
        help="portions of the date, compared as one here (default 4)",
    )


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add how manifests are read, and how many of their rows may be bad."""
    add = parser.add_argument
    add(
        "--quality-control",
        metavar="0..4",
        help="0 (off) to 4 (strict), for rows without a value of their own (default 0)",
    )
    add(
        "--max-bad-rows",
        metavar="SHARE",
        help="rows that may be no pairs, such as 0.5, 50%% or 50%% of 100 (rows at least); above it nothing "
        "is called and nothing replaced (default: 50%% of 100)",
    )
    add(
        "--manifest-columns",
        metavar="OURS=THEIRS,...",
        help="what columns are called in the manifests, such as reference_id=img1,probe_id=img2",
    )
    add(
        "--manifest-encoding",
        metavar="NAME",
        help="encoding of the manifests, such as gb18030 (default: it is found out)",
    )


def add_deadline(parser: argparse.ArgumentParser) -> None:
    """Add when a run should have ended, and the time zone, which budgets have, too."""
    add = parser.add_argument
    add(
        "--deadline",
        metavar="HH:MM",
        help="time of day at which the run should have ended; the forecast says whether it will",
    )
    add(
        "--time-zone",
        metavar="NAME",
        help="of the deadline (default UTC), and of the days and months of budgets (default Asia/Shanghai; "
        "or set MASKMATCH_TIME_ZONE)",
    )


def deadline_of(args: argparse.Namespace) -> "Deadline":
    """Return when a run should have ended; raise WrongSetting."""
    from maskmatch.core.forecast import Deadline

    return Deadline(setting(args, "deadline"), setting(args, "time_zone"))


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add how much may fail."""
    for name, text in _LIMITS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="SHARE", help=text)
    parser.add_argument(
        "--allow-empty",
        action="store_true",
        help="replace the table of the date also when not one call was answered",
    )


_LIMITS = {
    "max_missing_share": "of the first 100 pairs, those that may lack an image; above it nothing is called "
    "(default: 50%% of 100)",
    "max_failed_share": "rows that may fail; above it the exit status is 1, after they were published "
    "(default: 50%% of 100)",
}


def add_threshold(parser: argparse.ArgumentParser, *, default: str = "0.0001") -> None:
    """Add what turns scores into decisions; `default` is what the help says of it."""
    parser.add_argument(
        "--nominal-fmr",
        metavar="{0.001,0.0001,0.00001}",
        help=f"false match rate that the vendor names for the threshold of a match (default {default})",
    )


def run_of(args: argparse.Namespace, *, source: str) -> "Run":
    """Return the stores and the date."""
    from maskmatch.pipeline.run import Run

    warehouse = store_of(args, "warehouse")
    return Run(
        source=warehouse if source == "warehouse" else store_of(args, source),
        warehouse=warehouse,
        day=args.date,
        run_id="cli",
        store_patience=setting(args, "store_patience"),
    )


def source_store(uri: str) -> "Store":
    """Return another store that images are read from, with the key of the source."""
    from maskmatch.storage.object_stores import open_store

    return open_store(uri, settings=partial(_settings, "source"))


def store_of(args: argparse.Namespace, place: str) -> "Store":
    """Return the source or the warehouse."""
    from maskmatch.settings.store import table_mode_from_variables
    from maskmatch.storage.object_stores import open_store

    return open_store(
        place_of(args, place),
        settings=partial(_settings, place),
        table_mode=table_mode_from_variables(os.environ),
    )


def _settings(place: str) -> "StoreSettings":
    from maskmatch.settings.store import settings_from_variables

    return settings_from_variables(os.environ, place=place)


def plan_options_of(args: argparse.Namespace) -> "PlanOptions":
    """Return the choices of a plan, or of a command that reads manifests as a plan does."""
    from maskmatch.core.manifest_options import ManifestOptions
    from maskmatch.core.planning import PlanOptions, SameImage

    return PlanOptions(
        quality_control=setting(args, "quality_control"),
        max_shards=setting(args, "max_shards"),
        repetition=getattr(args, "recompare", ""),
        reuse_days=setting(args, "reuse_days"),
        max_bad_rows=setting(args, "max_bad_rows"),
        manifests=ManifestOptions(
            columns=setting(args, "manifest_columns"), encoding=setting(args, "manifest_encoding")
        ),
        trust_tags=setting(args, "trust_tags"),
        same_image=SameImage(setting(args, "same_image")),
        strata_attribute=setting(args, "strata_attribute"),
    )


def setting(args: argparse.Namespace, name: str) -> Any:
    """Return what an option is set to, its default if it was not given; raise WrongSetting."""
    from maskmatch.settings.run_fields import RUN_FIELDS
    from maskmatch.settings.sources import in_options

    return RUN_FIELDS[name].value_of(in_options([name], vars(args)).get(name))


def add_place(parser: argparse.ArgumentParser, name: str, holds: str) -> None:
    """Add where source or warehouse is."""
    variable = f"MASKMATCH_{name.upper()}"
    parser.add_argument(
        f"--{name}",
        default=in_variable(variable),
        help=f"s3://bucket/prefix or file:///folder with {holds}; or set {variable}",
    )


def place_of(args: argparse.Namespace, name: str) -> str:
    """Return where source or warehouse is."""
    uri: str = getattr(args, name) or ""
    if not uri.strip():
        raise InputError(f"give --{name} or set MASKMATCH_{name.upper()}")
    return uri


def day_of(text: str) -> date:
    """Return a date from its text, for argparse."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date: give YYYY-MM-DD") from None
