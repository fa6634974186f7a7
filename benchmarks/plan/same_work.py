"""The same work said in other ways, and what of it is paid again, by the meter of a real local service.

A date is run by the real command line over a real S3 store; then its manifest is renamed, packed, split and
so on, and it is run again. What must be paid for is: another service's answers, images sent in another form,
replaced pictures. Then a manifest of 10,000 pairs, of which a fifth repeat others and 3 % of the images are
bad: its calls beside the least possible, and the forecast beside the meter: calls, and the time from the
first billed call to the last at 100 calls a second. Which images are bad nobody knows before the first call;
an earlier date, with other images of which as many are bad, tells how many calls that saves. The forecast
without that, one call for each pair, is printed beside it.
"""

import json
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.plan.nightly import (
    IN_FLIGHT,
    OTHER_BUCKET,
    Line,
    Nights,
    as_csv,
    as_gzip,
    as_jsonl,
    as_parquet,
    image,
    lines,
)
from benchmarks.plan.relabelled import Relabelled
from benchmarks.report import main
from devstack.seaweed import Seaweed
from devstack.service import LocalService

IMAGES = 120
MOST_AFTER_KILL = IN_FLIGHT + 64
"""Calls in flight and one group of the journal."""
_PACE = 100
"""Calls a second of the run whose time is forecast: the service here answers 2,000."""
_BAD_ROW: Line = ("bad", "", "images/1.jpg", "true", "none")
GOALS = {
    "paid_again": ("<=", 0),
    "paid_again_after_kill": ("<=", MOST_AFTER_KILL),
    "wrongly_not_paid": ("<=", 0),
    "calls_over_least": ("<=", 1.005),
    "forecast_calls_error": ("<=", 0.01),
    "forecast_seconds_error": ("<=", 0.05),
}
Ways = Iterator[tuple[str, int]]


def run(quick: bool) -> dict[str, float]:
    """Run 3,500 pairs, enough for two shards, in each way, and the 10,000; quick: 150, and 2,000."""
    pairs, large = (150, 2000) if quick else (3500, 10_000)
    with _nights() as nights:
        paid_again = _told(_ways(nights, pairs), "paid again")
        not_paid = _told(_to_be_paid(nights, pairs), "not paid")
        return {
            "paid_again": sum(paid_again.values()),
            "wrongly_not_paid": sum(map(abs, not_paid.values())),
            "paid_again_after_kill": _killed(nights, pairs),
            **_large(nights, large),
        }


@contextmanager
def _nights() -> Iterator[Nights]:
    with (
        tempfile.TemporaryDirectory() as name,
        Seaweed(Path(name, "seaweed"), buckets=("maskmatch", OTHER_BUCKET)) as seaweed,
        LocalService(Path(name, "service"), scores="hash", calls_per_second=2000) as service,
    ):
        nights = Nights(Path(name), seaweed, service)
        for number in range(IMAGES):
            nights.put(f"images/{number}.jpg", image(number))
            nights.put(f"copies/{number}.jpg", image(number))
            nights.put(f"{number}.jpg", image(number), bucket=OTHER_BUCKET)
            nights.put_in_parts(f"parts/{number}.jpg", image(number))
        yield nights


def _told(found: Ways, what: str) -> dict[str, int]:
    figures: dict[str, int] = {}
    for way, calls in found:
        figures[way] = calls
        sys.stderr.write(f"{way:<34} {what} {calls}\n")
    return figures


def _ways(nights: Nights, count: int) -> Ways:
    """Yield each way to say the same work, and the calls beyond those for rows that are new."""
    rows = lines(count)
    nights.manifests(pairs_csv=as_csv([*rows, _BAD_ROW]))
    yield "first run", nights.run() - count
    yield "run again", nights.run()
    yield from _other_manifests(nights, rows)
    yield from _other_places(nights, count)
    yield from _other_runs(nights, rows)
    yield from _other_dates(nights, rows)


def _other_manifests(nights: Nights, rows: list[Line]) -> Ways:
    half, count = len(rows) // 2, len(rows)
    nights.manifests(tonight_csv=as_csv([*rows, _BAD_ROW]))
    yield "renamed", nights.run()
    nights.manifests(pairs_csv_gz=as_gzip([*rows, _BAD_ROW]))
    yield "compressed", nights.run()
    nights.manifests(one_csv=as_csv(rows[:half]), two_csv=as_csv(rows[half:]))
    yield "split in two", nights.run()
    nights.manifests(pairs_csv=as_csv(rows))
    yield "merged", nights.run()
    nights.manifests(pairs_csv=as_csv(rows[::-1]))
    yield "reordered", nights.run()
    nights.manifests(pairs_jsonl=as_jsonl(rows))
    yield "as JSON lines", nights.run()
    nights.manifests(pairs_parquet=as_parquet(rows))
    yield "as parquet", nights.run()
    (mended,) = lines(1, first=count)
    nights.manifests(pairs_csv=as_csv([*rows, mended]))
    yield "one row mended", nights.run() - 1
    added = lines(10, first=count + 1)
    nights.manifests(pairs_csv=as_csv([*rows, mended, *added]))
    yield "ten rows added", nights.run() - 10
    nights.manifests(pairs_csv=as_csv([(*row[:4], "blue") for row in rows]))
    yield "attributes corrected", nights.run()
    nights.manifests(pairs_csv=as_csv([(f"x{row[0]}", *row[1:]) for row in rows]))
    yield "other pair ids", nights.run()
    nights.manifests(pairs_csv=as_csv([(row[0], row[2], row[1], *row[3:]) for row in rows]))
    yield "sides swapped", nights.run()


def _other_places(nights: Nights, count: int) -> Ways:
    nights.manifests(pairs_csv=as_csv(lines(count, folder="copies/")))
    yield "images under another prefix", nights.run()
    nights.manifests(pairs_csv=as_csv(lines(count, folder=f"s3://{OTHER_BUCKET}/")))
    yield "images in another bucket", nights.run()
    nights.manifests(pairs_csv=as_csv(lines(count, folder="parts/")))
    yield "images uploaded in parts", nights.run()


def _other_runs(nights: Nights, rows: list[Line]) -> Ways:
    nights.manifests(pairs_csv=as_csv(rows))
    yield "other number of shards", nights.run("--max-shards=1")
    store = f"sqlite:///{nights.folder}/other.sqlite3"
    yield "other permit store and rate", nights.run(f"--permit-store={store}", "--calls-per-second=500")
    for number, name in enumerate(("one", "two")):
        nights.manifests(pairs_csv=as_csv(rows[number:]))
        connection = _connection(nights)
        yield (
            f"connection {name}",
            nights.run(f"--connection={name}", **{f"AIRFLOW_CONN_{name.upper()}": connection}),
        )


def _connection(nights: Nights) -> str:
    host, _, port = nights.service.endpoint.partition(":")
    store = f"sqlite:///{nights.folder}/permits.sqlite3"
    extra = {"protocol": "http", "budget_calls_per_day": "none", "permit_store": store}
    account = {"login": nights.service.secret_id, "password": nights.service.secret_key}
    return json.dumps(
        {"conn_type": "tencent_iai", "host": host, "port": int(port), **account, "extra": extra}
    )


def _other_dates(nights: Nights, rows: list[Line]) -> Ways:
    nights.next_day()
    nights.manifests(pairs_csv=as_csv(rows))
    yield "ten days later, --reuse-days 10", nights.run("--reuse-days=10")
    nights.next_day()
    yield from _files_first(nights, lines(30, folder="fresh/"))


def _files_first(nights: Nights, rows: list[Line]) -> Ways:
    folder = nights.folder / "source"
    for number in range(IMAGES):
        data = image(1000 + number)
        nights.put(f"fresh/{number}.jpg", data)
        path = folder / f"fresh/{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    manifest = folder / f"manifests/ds={nights.day}/pairs.csv"
    manifest.parent.mkdir(parents=True)
    manifest.write_bytes(as_csv(rows))
    nights.manifests(pairs_csv=as_csv(rows))
    yield "from files at first", nights.run(source=f"file://{folder}") - len(rows)
    yield "then from S3", nights.run()


def _to_be_paid(nights: Nights, count: int) -> Ways:
    """Yield what is no answer to the same work, and the calls that are missing or too many."""
    nights.next_day()
    rows = lines(count)
    nights.manifests(pairs_csv=as_csv(rows))
    yield "another date", nights.run() - count
    with Relabelled(nights.service.endpoint) as other:
        yield "another answerer", nights.run(f"--endpoint={other.endpoint}") - count
    yield "images as URLs", nights.run("--image-transfer=url") - count
    replaced = {f"images/{number}.jpg" for number in range(3)}
    for number in range(3):
        nights.put(f"images/{number}.jpg", image(2000 + number))
    concerned = sum(bool(replaced & {row[1], row[2]}) for row in rows)
    yield "three pictures replaced", nights.run() - concerned
    for number in range(3):
        nights.put(f"images/{number}.jpg", image(number))
    yield "and brought back", nights.run()
    yield "called again on purpose", nights.run("--recompare=once") - count


def _killed(nights: Nights, count: int) -> int:
    """Kill a run in the middle, and run the same pairs in another order of rows."""
    nights.next_day()
    rows = lines(count, folder="parts/")
    nights.manifests(pairs_csv=as_csv(rows))
    paid = nights.run_killed(after=count // 2)
    nights.manifests(pairs_csv=as_csv(rows[::-1]))
    again = paid + nights.run() - count
    sys.stderr.write(f"{'first run killed (-9)':<34} paid again {again}\n")
    return again


def _large(nights: Nights, count: int) -> dict[str, float]:
    """Return the calls over the least possible of a manifest with repeated pairs and bad images.

    And by how much they and their time were forecast wrongly.
    """
    nights.next_day()
    rows, _ = _repeating(nights, count, seed=8, folder="before/")
    nights.manifests(pairs_csv=as_csv(rows))
    nights.run("--calls-in-flight=16")
    nights.next_day()
    rows, least = _repeating(nights, count, seed=7, folder="large/")
    nights.manifests(pairs_csv=as_csv(rows))
    paced = (f"--permit-store=sqlite:///{nights.folder}/paced.sqlite3", f"--calls-per-second={_PACE}")
    told = nights.forecast(*paced)
    calls, seconds = nights.run_timed("--calls-in-flight=16", *paced)
    again = nights.run()
    sys.stderr.write(
        f"{count:,} rows: {calls:,} calls, at least {least:,} are needed; run again {again}; forecast "
        f"{told['calls_expected']:,}, at most {told['calls']:,}; {seconds:.2f} s, "
        f"forecast {told['seconds']:.2f}\n"
    )
    return {
        "calls_over_least": round((calls + again) / least, 4),
        "forecast_calls_error": round(abs(told["calls_expected"] / calls - 1), 4),
        "forecast_at_most_over_meter": round(told["calls"] / calls, 4),
        "forecast_seconds_error": round(abs(told["seconds"] / seconds - 1), 4),
    }


def _repeating(nights: Nights, count: int, *, seed: int, folder: str) -> tuple[list[Line], int]:
    """Return rows of which a fifth repeat others, and the least calls: each good pair and each bad image."""
    draw, images = random.Random(seed), count // 25  # noqa: S311  each is in some 50 pairs
    bad = set(draw.sample(range(images), round(0.03 * images)))
    for number in range(images):
        data = image(5000 * seed + number) + (b" no face" if number in bad else b"")
        nights.put(f"{folder}{number}.jpg", data)
        nights.put(f"{folder}same-{number}.jpg", data)
    pairs = {tuple(sorted(draw.sample(range(images), 2))) for _ in range(count * 8 // 10)}
    chosen = [*pairs, *draw.choices(sorted(pairs), k=count - len(pairs))]
    rows = [_row(number, *pair, folder, draw) for number, pair in enumerate(chosen)]
    least = sum(not bad & set(pair) for pair in pairs) + len(bad)
    draw.shuffle(rows)
    return rows, least


def _row(number: int, reference: int, probe: int, folder: str, draw: random.Random) -> Line:
    sides = draw.sample([reference, probe], 2)
    names = [f"{folder}{draw.choice(('', 'same-'))}{side}.jpg" for side in sides]
    return f"l{number:06d}", names[0], names[1], "true", "none"


if __name__ == "__main__":
    sys.exit(main("same_work", __doc__ or "", run, GOALS))
