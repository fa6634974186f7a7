"""How tables are replaced: the immutable history first, then what all read, then the pointer.

    claim     outcomes/_runs/ds=.../000042.json       a number that nobody else has; who, why
    history   <table>/_runs/ds=.../000042-1f9c...parquet
    swap      <table>/current/ds=.../data.parquet     only over an older publication
    point     <table>/_manifest/ds=.../....json       the same

Each file says in its metadata which publication it is of; so whoever is late, repeats a step or finishes what
another began, sees what is there.

Decision: docs/adr/0027-publication.md
"""

import io
import json
import logging
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from maskmatch.core.errors import ObjectExists, Superseded
from maskmatch.core.records import known
from maskmatch.storage.object_stores import Store, Tail
from maskmatch.storage.tables import current_key, history_key, history_prefix, pointer_key

log = logging.getLogger(__name__)

FACTS_KEY = "maskmatch.publication"
"""Of the metadata of a file: which publication it is of, as JSON."""
_NUMBER = re.compile(r"/(\d{6,})[-.]")
_TAIL_BYTES = 1 << 20
_FOOTER_END = 8
_POINTER_BYTES = 1 << 20

Lock = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a file says of its publication; `content` names all that its rows follow from.

    `runs` is the row of the publication in the table `runs`.
    """

    publication: str
    run_seq: int
    content: str
    runs: Mapping[str, Any]

    def metadata(self) -> dict[str, str]:
        """Return it as metadata of a file."""
        record = {name: getattr(self, name) for name in ("publication", "run_seq", "content", "runs")}
        return {FACTS_KEY: json.dumps(record)}


@dataclass(frozen=True, slots=True)
class Present:
    """What is there under the key of a table: its version, and which publication it is, if it says so."""

    version: str | None = None
    facts: Facts | None = None
    rows: int = 0

    @property
    def run_seq(self) -> int:
        """Return the number of the publication, 0 for what names no publication."""
        return self.facts.run_seq if self.facts else 0


@dataclass(frozen=True, slots=True)
class Publisher:
    """Replaces the tables of one date; `can_swap` says whether the store honours conditional writes.

    Where it does not, `lock` keeps others away meanwhile, by the name of an object.
    """

    store: Store
    day: date
    can_swap: bool
    lock: Lock = field(default=nullcontext)

    def claim(self, record: Mapping[str, Any]) -> int:
        """Return the next number of a publication of the date, which is nobody else's.

        It is above that of the current one, too: the history may have been removed, or be listed late.
        """
        number = max(self.last_number(), self.present("outcomes").run_seq)
        while True:
            number += 1
            key = f"{history_prefix('outcomes', self.day)}{number:06d}.json"
            try:
                with self._locked(key):
                    self._put_new(key, json.dumps(record, indent=2).encode())
            except ObjectExists:
                log.info("publication %s of %s is another's", number, self.day)
            else:
                return number

    def last_number(self) -> int:
        """Return the highest number that was ever claimed for the date."""
        keys = (found.key for found in self.store.list(history_prefix("outcomes", self.day)))
        return max((int(found[1]) for key in keys if (found := _NUMBER.search(key))), default=0)

    def keep(self, table: str, publication: str, path: str) -> None:
        """Put a file into the history, where it stays as it is."""
        key = history_key(table, self.day, publication)
        try:
            self._write(key, path, over=None)
        except ObjectExists:  # our own, whose answer was lost
            log.info("%s is there already", key)

    def present(self, table: str) -> Present:
        """Return what is there of a table."""
        return read_present(self.store, current_key(table, self.day))

    def swap(self, table: str, path: str, facts: Facts, *, base: str = "") -> Present:
        """Make a file what all read; return what it replaced.

        Raise Superseded when a newer publication is there, or with a `base` any but this one. It may be
        repeated.
        """
        key = current_key(table, self.day)
        replaced = Present()
        while True:
            with self._locked(key):
                there = read_present(self.store, key)
                if there.run_seq > facts.run_seq:
                    raise superseded(there, facts)
                if _is_of(there, facts):
                    return replaced
                if base and there.facts and there.facts.publication != base:
                    raise Superseded(
                        f"{self.day} was published anew meanwhile, as {there.facts.publication}, which stays "
                        "what is read: redrive again; what this one has paid for is taken over then"
                    )
                replaced = there
                try:
                    self._write(key, path, over=there.version)
                except ObjectExists:
                    continue
            return replaced

    def replace(self, table: str, path: str, there: Present, facts: Facts) -> None:
        """Replace just what was found there; raise ObjectExists when it has changed."""
        key = current_key(table, self.day)
        with self._locked(key):
            try:
                self._write(key, path, over=there.version)
            except ObjectExists:
                if not _is_of(read_present(self.store, key), facts):  # else our own, whose answer was lost
                    raise

    def point(self, table: str, pointer: Mapping[str, Any]) -> None:
        """Make the pointer of a table name a publication, unless it names a newer one.

        Of `runs`, to which late publications add their rows, also the file with more rows is newer.
        """
        key = pointer_key(table, self.day)
        with tempfile.NamedTemporaryFile() as file:
            file.write(json.dumps(pointer, indent=2, default=str).encode())
            file.flush()
            while True:
                with self._locked(key):
                    tail = self.store.tail(key, size=_POINTER_BYTES)
                    if _age_of(tail, key) >= (pointer["run_seq"], pointer["rows"]):
                        return
                    try:
                        self._write(key, file.name, over=tail.version if tail else None)
                    except ObjectExists:
                        continue
                return

    def pointed(self, table: str) -> tuple[int, int]:
        """Return the number of the publication that the pointer of a table names, and its rows."""
        key = pointer_key(table, self.day)
        return _age_of(self.store.tail(key, size=_POINTER_BYTES), key)

    def _locked(self, key: str) -> AbstractContextManager[object]:
        return nullcontext() if self.can_swap else self.lock(f"{self.store.uri}/{key}")

    def _write(self, key: str, path: str, *, over: str | None) -> None:
        if self.can_swap:
            self.store.swap(key, path, over=over)
            return
        there = self.store.tail(key, size=1)
        if (there.version if there else None) != over:
            raise ObjectExists(f"{key} is not what it was")
        self.store.put_file(key, path)

    def _put_new(self, key: str, data: bytes) -> None:
        if not self.can_swap and self.store.head(key):
            raise ObjectExists(f"{key} exists already")
        self.store.put(key, data, only_new=self.can_swap)


def superseded(there: Present, facts: Facts) -> Superseded:
    """Return what is raised for a publication that comes too late."""
    newer = there.facts.publication if there.facts else ""
    return Superseded(
        f"publication {newer} is newer than {facts.publication} and stays what is read; this one is in the "
        "history"
    )


def _is_of(there: Present, facts: Facts) -> bool:
    return there.facts is not None and there.facts.publication == facts.publication


def _age_of(pointer: Tail | None, key: str) -> tuple[int, int]:
    """Return what a pointer names; one that is not there, or cannot be read, is older than any."""
    try:
        named = json.loads(pointer.data) if pointer else {"run_seq": 0, "rows": 0}
        return int(named["run_seq"]), int(named["rows"])
    except (ValueError, KeyError, TypeError) as error:
        log.warning("%s cannot be read, and is replaced: %s", key, error)
        return 0, 0


def read_present(store: Store, key: str) -> Present:
    """Return what an object under the key of a table is."""
    size = _TAIL_BYTES
    while (tail := store.tail(key, size=size)) is not None:
        if (needed := _footer_bytes(tail.data)) <= size:
            return _present(tail.version, tail.data)
        size = needed
    return Present()


def read_facts(metadata: pq.FileMetaData) -> Facts | None:
    """Return which publication a file says that it is of."""
    text = (metadata.metadata or {}).get(FACTS_KEY.encode())
    return Facts(**known(Facts, json.loads(text))) if text else None


def _footer_bytes(data: bytes) -> int:
    return int.from_bytes(data[-_FOOTER_END:-4], "little") + _FOOTER_END


def _present(version: str, data: bytes) -> Present:
    """Read the footer of a file; one that cannot be read is older than any."""
    try:
        metadata = pq.read_metadata(io.BytesIO(data))
        return Present(version, read_facts(metadata), metadata.num_rows)
    except (pa.ArrowException, ValueError, KeyError, TypeError, OSError) as error:
        log.warning("what is there is no table of ours, and is replaced: %s", error)
        return Present(version)
