"""Dates to plan: random pairs over three million images, three rows in a hundred bad, one in five again.

What each row is follows from its number, so every size and format says the same of its first rows.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.parquet as pq

IMAGES = 3_000_000
NAMES = (
    "pair_id",
    "reference_id",
    "probe_id",
    "is_mated",
    "quality_control",
    "attr_site",
    "attr_mask",
    "attr_camera",
    "attr_batch",
    "attr_note",
)
FORMATS = ("csv", "jsonl", "parquet")
_SITES = ("north", "south", "广州南站", "Kärcher", "west")
_BAD_PLACES = (17, 50, 83)
"""Of each hundred rows."""
_ALL_BITS = (1 << 64) - 1
_AT_ONCE = 50_000

Fields = list[str]


def mixed(number: int) -> int:
    """Return 64 bits that tell nothing of those of another number: splitmix64."""
    word = (number * 0x9E3779B97F4A7C15) & _ALL_BITS
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _ALL_BITS
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _ALL_BITS
    return word ^ (word >> 31)


def image_key(number: int) -> str:
    """Return the key of an image; in the order of their numbers keys are in order."""
    return f"faces/{number // 10_000:03d}/{number:07d}-{mixed(number) >> 32:08x}.jpg"


def image_tag(number: int) -> str:
    """Return the tag: one in a hundred has the bytes of its neighbour, half were uploaded in parts."""
    content = number - 1 if number % 100 == 7 else number
    parts = "-3" if mixed(number // 2 + IMAGES) & 1 else ""
    return f'"{mixed(content):016x}{mixed(content + 1):016x}{parts}"'


def rows(count: int) -> Iterator[Fields]:
    """Yield the fields of each row: one in ten stands again, one in ten is swapped."""
    for number in range(count):
        if number % 100 in _BAD_PLACES:
            yield _bad(number)
        elif number % 10 == 4:
            yield _sound(number - 4)
        elif number % 10 == 9:
            fields = _sound(number - 8)
            fields[0], fields[1], fields[2] = f"swapped-{number:x}", fields[2], fields[1]
            yield fields
        else:
            yield _sound(number)


def _sound(number: int) -> Fields:
    word, other = mixed(number), mixed(number + (1 << 40))
    return [
        f"{word:016x}-{other:016x}",
        image_key(word % IMAGES),
        image_key(other % IMAGES),
        ("true", "false", "Y", "0", "")[number % 5],
        ("", "", "", "2")[number % 4],
        _SITES[word % 5],
        ("none", "surgical", "")[other % 3],
        f"camera-{word % 97}",
        f"batch-{number // 1000}",
        'Hall 2, "east"' if number % 5 == 0 else "",
    ]


def _bad(number: int) -> Fields:
    """Return a bad row: which of seven kinds follows from its place among the bad ones."""
    place = 3 * (number // 100) + _BAD_PLACES.index(number % 100)
    fields = _sound(number)
    kind = place % 7
    if kind == 6:  # two rows each have one id, and different images
        fields[0] = f"conflict-{place // 14}"
        return fields
    column, value = (
        (0, ""),
        (1, ""),
        (2, ""),
        (3, "maybe"),
        (4, "7"),
        (2, "https://x.example/a.jpg?X-Amz-Signature=abc"),
    )[kind]
    fields[column] = value
    return fields


def expected_bad_rows(count: int) -> Counter[str]:
    """Return how many rows are bad for which reason."""
    places = 3 * (count // 100) + sum(place < count % 100 for place in _BAD_PLACES)
    kinds = Counter(place % 7 for place in range(places))
    names = ("pair_id_missing", "reference_id_missing", "probe_id_missing")
    found = Counter({name: kinds[number] for number, name in enumerate(names)})
    found["value_invalid"] = kinds[3] + kinds[4]
    found["signed_url_refused"] = kinds[5]
    found["pair_id_repeated"] = kinds[6] // 2 * 2
    return +found


def write(folder: Path, form: str, count: int, *, files: int = 1) -> None:
    """Write the rows of a date in so many files of one format, some thousands into each in turn."""
    every, number = rows(count), 0
    with ExitStack() as closing:
        writers = [_open(closing, folder / f"{place}.{form}", form) for place in range(files)]
        while some := list(islice(every, _AT_ONCE)):
            writers[number % files](some)
            number += 1


def _open(closing: ExitStack, path: Path, form: str):  # type: ignore[no-untyped-def]
    if form == "parquet":
        schema = pa.schema([(name, pa.string()) for name in NAMES])
        writer = closing.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
        return lambda some: writer.write_table(
            pa.table([pa.array(column) for column in zip(*some, strict=True)], schema=schema)
        )
    file = closing.enter_context(path.open("w", encoding="utf-8"))
    if form == "csv":
        file.write(",".join(NAMES) + "\n")
        return lambda some: _write_csv(file, some)
    return lambda some: _write_json_lines(file, some)


def _write_csv(file: TextIO, some: list[Fields]) -> None:
    for fields in some:
        fields[9] = '"' + fields[9].replace('"', '""') + '"' if fields[9] else ""
        file.write(",".join(fields) + "\n")


def _write_json_lines(file: TextIO, some: list[Fields]) -> None:
    for fields in some:
        file.write(json.dumps(dict(zip(NAMES, fields, strict=True)), ensure_ascii=False) + "\n")
