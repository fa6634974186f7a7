"""docs/local-service.md agrees with the code: its options, defaults, numbers, tables, paths and commands."""

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import comparemaskface
import pytest
from comparemaskface.accounts.account import Account, Standing
from comparemaskface.accounts.authentication import CLOCK_TOLERANCE
from comparemaskface.accounts.billing import LOWEST_PRICE, TIERS
from comparemaskface.accounts.meter import Meter
from comparemaskface.accounts.rate_limits import VENDOR_ERRORS
from comparemaskface.command import SECRET_ID_VARIABLE, SECRET_KEY_VARIABLE, add_arguments
from comparemaskface.faults.decisions import LONGEST_DELAY, Faults
from comparemaskface.faults.named_faults import QUANTITIES, FaultName, FaultPlan, plan_of
from comparemaskface.vision.decoding import LONGEST_JPEG_EDGE, LONGEST_OTHER_EDGE, SHORTEST_EDGE
from comparemaskface.vision.fetching import LARGEST_IMAGE, MOST_AT_ONCE, MOST_REDIRECTS, TIME_LIMIT
from comparemaskface.vision.jpeg import MOST_SCANS, MOST_SEGMENTS
from comparemaskface.vision.model_scorer import FACES_REMEMBERED
from comparemaskface.vision.png import MOST_CHUNKS
from comparemaskface.vision.score_scale import COSINES, SCORES
from comparemaskface.vision.weights import PACKAGE
from comparemaskface.web.blocking_work import LONGEST_INLINE_WORK
from comparemaskface.web.body_memory import LARGEST_BODY_MEMORY
from comparemaskface.web.connection_limits import BODY_SECONDS, HEAD_SECONDS, LARGEST_HEAD, LARGEST_MESSAGE
from comparemaskface.web.running import GRACE_SECONDS, KEEP_ALIVE_SECONDS, MOST_FILES
from comparemaskface.wire.comparison import LARGEST_BASE64
from comparemaskface.wire.forms import LARGEST_QUERY, LARGEST_REQUEST, LARGEST_V1_REQUEST
from comparemaskface.wire.vendor_errors import VendorError

from tests.comparemaskface.conftest import StartService

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "local-service.md").read_text()
TEXT = " ".join(PAGE.split())
"""The page without its line breaks."""
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMANDS = [
    line
    for language, block in BLOCK.findall(PAGE.replace("\\\n", ""))
    for line in block.splitlines()
    if not language
]
PROSE = BLOCK.sub("", PAGE)
KIB, MIB = 2**10, 2**20


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    return parser


def rows(first_head: str) -> Iterator[list[str]]:
    """Yield the cells of the rows of the table whose first head this is."""
    (table,) = re.findall(rf"^\| {re.escape(first_head)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    for line in table.splitlines():
        yield [cell.strip() for cell in line.strip("|").split("|")]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_table_of_options_is_the_commands_own() -> None:
    options = [action.option_strings[0] for action in parser()._actions]
    assert [words(name)[0] for name, *_ in rows("option")] == options


def test_each_default_is_the_commands_own() -> None:
    meant = {
        f"`${SECRET_ID_VARIABLE}`": None,
        f"`${SECRET_KEY_VARIABLE}`": None,
        f"package `{PACKAGE}`": None,
        "one per processor": os.cpu_count(),
        "off": False,
    }
    actions = {action.option_strings[0]: action for action in parser()._actions}
    for name, shown, _ in rows("option"):
        default = actions[words(name)[0]].default
        if shown == "none":
            assert not default, name
        elif shown in meant:
            assert default == meant[shown], name
        else:
            assert str(default) == shown, name


def test_the_choices_named_are_the_commands_own() -> None:
    meanings = {words(name)[0]: meaning for name, _, meaning in rows("option")}
    for action in parser()._actions:
        for choice in action.choices or ():
            option = action.option_strings[0]
            assert f"`{choice}`" in meanings[option] or choice == action.default, option


@pytest.mark.parametrize(
    "claim",
    [
        f"one that takes more than {GRACE_SECONDS} s longer",
        f"slow ones have {GRACE_SECONDS} seconds left",
        f"the last {FACES_REMEMBERED} pictures",
        f"among the last {FACES_REMEMBERED},",
        f"`AuthFailure.SignatureExpire` beyond {CLOCK_TOLERANCE.total_seconds():.0f}",
        f"with the vendor's text for a form over {LARGEST_V1_REQUEST // MIB} MiB",
        f"base64 text up to {LARGEST_BASE64 // MIB} MiB",
        f"TC3-HMAC-SHA256 in `Authorization` | {LARGEST_REQUEST // MIB} MiB |",
        f"| query | the same | {LARGEST_QUERY // KIB} KiB |",
        f"| body, the common ones too | v1 | {LARGEST_V1_REQUEST // MIB} MiB |",
        f"base64 above {LARGEST_BASE64 // MIB} MiB",
        f"long edge above {LONGEST_JPEG_EDGE} pixels (JPEG) or {LONGEST_OTHER_EDGE} (others)",
        f"short edge below {SHORTEST_EDGE} pixels",
        f"Bounds: {MOST_SCANS} scans, {MOST_SEGMENTS:,} segments, {MOST_CHUNKS:,} chunks",
        f"A URL is fetched within {TIME_LIMIT.total_seconds():.0f} s in all, ",
        f"over at most {['no', 'one', 'two', 'three'][MOST_REDIRECTS]} redirects, {MOST_AT_ONCE} at a time",
        f"over {TIME_LIMIT.total_seconds():.0f} s |",
        f"a body of more than {LARGEST_IMAGE / MIB:g} MiB |",
        f"or a pause between requests | {KEEP_ALIVE_SECONDS} s |",
        f"| headers of a request | {HEAD_SECONDS} s; {LARGEST_HEAD // KIB} KiB, ",
        f"| its body | {BODY_SECONDS} s; {LARGEST_MESSAGE // MIB} MiB |",
        f"hold at most {LARGEST_BODY_MEMORY // MIB} MiB: one above {LONGEST_INLINE_WORK // KIB} KiB waits",
        f"up to {MOST_FILES:,} open files",
        f"CNY {TIERS[0][1]} each up to {TIERS[0][0] // 1_000_000} million, ",
        f"{TIERS[1][1]} up to {TIERS[1][0] // 1_000_000} million, {LOWEST_PRICE} above",
        "40, 50 and 60 lie at {:.2f}, {:.2f} and {:.2f},".format(
            *(COSINES[SCORES.index(score)] for score in (40, 50, 60))
        ),
        f"a lognormal delay of at most {LONGEST_DELAY:.0f} s",
    ],
)
def test_the_numbers_are_those_of_the_code(claim: str) -> None:
    assert claim in TEXT


def test_the_counts_are_those_of_the_meter() -> None:
    shown = {word for name, _ in rows("count") for word in words(name)}
    assert shown == set(Meter(enabled=True).totals())


def test_the_counts_of_an_account_are_those_of_the_meter() -> None:
    meter = Meter(enabled=True)
    meter.list_accounts([Account(name="one", keys=())])
    (meaning,) = (meaning for name, meaning in rows("count") if name == "`accounts`")
    assert set(words(meaning)) == set(meter.totals()["accounts"]["one"])


def test_each_standing_has_its_code() -> None:
    shown = {
        standing: code
        for names, codes in rows("standing")
        for standing, code in zip(words(names), words(codes) or [None], strict=True)
    }
    assert shown == {
        standing.name.lower(): standing.value.code if standing.value else None for standing in Standing
    }


def test_each_scope_has_its_code() -> None:
    for scope, error in VENDOR_ERRORS.items():
        assert f"`{error.code}`" in TEXT
        assert scope.value == "api" or f"`{scope}`" in TEXT


def test_each_fault_has_the_defaults_of_the_code() -> None:
    shown = {words(name)[0]: value for name, value, *_ in rows("name")}
    assert list(shown) == list(FaultName)
    for name in FaultName:
        numbers = re.findall(r"\(([\d.]+)\)", shown[name])
        assert [float(number) for number in numbers] == [
            quantity.default for quantity in QUANTITIES.get(name, ())
        ]


def test_the_state_of_the_faults_has_the_keys_named() -> None:
    faults = Faults(FaultPlan(), clock=lambda: 0.0)
    for key in faults.state():
        assert f"`{key}`" in TEXT or f'"{key}"' in TEXT


def test_each_fault_in_an_example_is_one_the_service_takes() -> None:
    asked = re.findall(r"--fault (\S+)", " ".join(COMMANDS))
    assert len(plan_of(asked).faults) == len(asked) > 3


def test_each_example_of_the_command_has_options_it_takes() -> None:
    examples = [line for line in COMMANDS if "-m comparemaskface " in line]
    assert len(examples) > 1
    for line in examples:
        parser().parse_args(shlex.split(line.partition("-m comparemaskface ")[2]))


def test_each_module_named_can_be_run() -> None:
    modules = sorted(set(re.findall(r"python -m ([a-z][\w.]*)", PAGE)))
    assert "comparemaskface" in modules
    for module in modules:
        assert find_spec(module), module


def test_each_path_named_exists() -> None:
    paths = [
        word for word in words(PROSE) if re.fullmatch(r"(tests|benchmarks|docs|services)/[\w./-]*", word)
    ]
    paths += re.findall(r"(?<= )((?:tests|docs|services|\./services)/[\w./-]+)", " ".join(COMMANDS))
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE)
    assert len(paths) > 2
    assert all((ROOT / path).exists() for path in paths), paths
    assert all((ROOT / "docs" / link).exists() for link in links), links


def test_the_map_of_the_package_names_each_module() -> None:
    (folder,) = comparemaskface.__path__
    modules = {path.stem for path in Path(folder).rglob("*.py")} - {"__init__"}
    listed = {
        word for word in re.findall(r"\w+", comparemaskface.__doc__ or "") if "_" in word or word in modules
    }
    assert listed - {"comparemaskface"} == modules


def test_each_target_of_make_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z0-9-]+)`", PAGE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_example_prints_a_score(start_service: StartService) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    address = start_service(secret_id="AKIDlocal", secret_key="choose-one")
    example = example.replace("127.0.0.1:8390", address.removeprefix("http://"))
    result = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=True)
    assert 0 <= float(result.stdout) <= 100


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z][A-Za-z]+(?:\.[A-Z][A-Za-z]+)+)`", PAGE))))
def test_every_code_on_the_page_is_one_the_service_knows(name: str) -> None:
    assert name in {error.code for error in VendorError}
