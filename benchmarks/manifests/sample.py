"""A manifest to read: one row in five quoted, three in a hundred bad, in seven ways."""

import gzip
import json
import shutil
from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

NAMES = (
    "pair_id",
    "reference_id",
    "probe_id",
    "is_mated",
    "reference_subject_id",
    "probe_subject_id",
    "quality_control",
    "attr_site",
    "attr_mask",
)
_SITES = ("north", "south", "广州南站", "Kärcher", "west")
_QUOTED = 'Hall 2, "east"'
_AT_ONCE = 50_000

Fields = list[str]


def rows(count: int) -> Iterator[Fields]:
    """Yield the fields of each row."""
    for number in range(count):
        digest = blake2b(number.to_bytes(8), digest_size=16).hexdigest()
        other = blake2b((number // 2).to_bytes(8), digest_size=16).hexdigest()
        fields = [
            f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}",
            f"faces/{digest[:2]}/{digest}.jpg",
            f"faces/{other[:2]}/{other}-p.jpg",
            ("true", "false", "Y", "0", "")[number % 5],
            f"S{number // 10:07d}",
            f"S{number // 7:07d}",
            ("", "", "", "2")[number % 4],
            _QUOTED if number % 5 == 0 else _SITES[number % len(_SITES)],
            ("none", "surgical", "")[number % 3],
        ]
        yield _spoilt(fields, number) if number % 100 in {17, 50, 83} else fields


def _spoilt(fields: Fields, number: int) -> Fields:
    """Return a bad row: which of seven kinds follows from its number."""
    kind = number // 3 % 7
    if kind == 6:
        return fields[:5]
    place, value = (
        (2, ""),
        (3, "maybe"),
        (6, "7"),
        (2, "https://x.example/a.jpg?X-Amz-Signature=abc"),
        (7, "a\x01b"),
        (8, "x" * 1100),
    )[kind]
    return [*fields[:place], value, *fields[place + 1 :]]


def write_csv(path: Path, count: int, *, quote_all: bool = False) -> None:
    """Write the rows as csv."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(NAMES) + "\n")
        for fields in rows(count):
            file.write(",".join(_quoted(each, always=quote_all) for each in fields) + "\n")


def _quoted(text: str, *, always: bool) -> str:
    if always or "," in text or '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def write_json_lines(path: Path, count: int, *, escape_all: bool = False) -> None:
    """Write the rows as JSON lines; `escape_all` writes some character of each value as an escape."""
    with path.open("w", encoding="utf-8") as file:
        for fields in rows(count):
            line = json.dumps(dict(zip(NAMES, fields, strict=False)), ensure_ascii=escape_all)
            if escape_all:
                line = line.replace("/", "\\/").replace("-", "\\u002d").replace('": "S', '": "\\u0053')
            file.write((line if len(fields) == len(NAMES) else line[:100]) + "\n")


def write_parquet(path: Path, count: int) -> None:
    """Write the rows as parquet; of short ones only the pair id is there."""
    schema = pa.schema([(name, pa.string()) for name in NAMES])
    every = rows(count)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while some := list(islice(every, _AT_ONCE)):
            columns = [
                [fields[place] if place == 0 or len(fields) == len(NAMES) else None for fields in some]
                for place in range(len(NAMES))
            ]
            writer.write_table(pa.table(columns, schema=schema))


def pack(path: Path, packed: Path) -> None:
    """Pack a file with gzip."""
    with path.open("rb") as plain, gzip.open(packed, "wb", compresslevel=6) as file:
        shutil.copyfileobj(plain, file, 1 << 20)
