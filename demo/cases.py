"""The rows of the demo's manifests: good pairs, pairs with an odd picture, and rows that are no pair."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from pathlib import Path

from demo.odd import PORTRAITS

MATED_A_DATE = 18
NON_MATED_A_DATE = 36
QUALITIES = (None, 0, 1, 2)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a manifest; its fields are the columns."""

    pair_id: str
    reference_id: str
    probe_id: str
    is_mated: bool | None
    reference_subject_id: str
    probe_subject_id: str | None
    quality_control: int | None = None
    attr_mask: str = "none"
    attr_case: str = "portraits"


@dataclass(frozen=True, kw_only=True)
class OddPair:
    """A pair of a portrait and an odd picture; without a failure code it is scored."""

    name: str
    portrait: str
    picture: str
    subject: str | None
    quality_control: int | None = None
    failure_code: str = ""
    reason: str = ""

    @property
    def row(self) -> Row:
        """Return the pair as a row; the portrait is the reference."""
        reference_subject = _subject(self.portrait)
        return Row(
            pair_id=f"odd_{self.name}",
            reference_id=f"images/portraits/{self.portrait}.jpg",
            probe_id=f"images/odd/{self.picture}",
            is_mated=None if self.subject is None else self.subject == reference_subject,
            reference_subject_id=reference_subject,
            probe_subject_id=self.subject,
            quality_control=self.quality_control,
            attr_case=f"odd: {self.name}",
        )


ODD_PAIRS = (
    OddPair(name="several_faces", portrait="ardern-2", picture="several_faces.jpg", subject="ardern"),
    OddPair(name="rotated_exif", portrait="obama-4", picture="rotated_exif.jpg", subject="obama"),
    OddPair(name="blurred", portrait="obama-1", picture="blurred.jpg", subject="obama", quality_control=0),
    OddPair(
        name="blurred_refused",
        portrait="obama-3",
        picture="blurred.jpg",
        subject="obama",
        quality_control=3,
        failure_code="low_quality",
        reason="the probe is too blurred for quality_control 3",
    ),
    OddPair(
        name="no_face",
        portrait="sunak-1",
        picture="no_face.jpg",
        subject=None,
        failure_code="no_face",
        reason="the probe shows a landscape without a face",
    ),
    OddPair(
        name="no_face_again",
        portrait="macron-2",
        picture="no_face.jpg",
        subject=None,
        failure_code="no_face",
        reason="the probe shows a landscape without a face",
    ),
    OddPair(
        name="animation",
        portrait="macron-2",
        picture="animation.gif",
        subject="macron",
        failure_code="image_undecodable",
        reason="the probe is a GIF",
    ),
    OddPair(
        name="truncated",
        portrait="ardern-1",
        picture="truncated.jpg",
        subject="ardern",
        failure_code="image_undecodable",
        reason="the file of the probe ends too early",
    ),
    OddPair(
        name="too_small",
        portrait="macron-2",
        picture="too_small.jpg",
        subject="macron",
        failure_code="image_too_few_pixels",
        reason="the short edge of the probe has less than 64 pixels",
    ),
    OddPair(
        name="too_large_pixels",
        portrait="macron-2",
        picture="too_large_pixels.png",
        subject="macron",
        failure_code="image_too_many_pixels",
        reason="the probe is a PNG with more than 2000 pixels on its long edge",
    ),
    OddPair(
        name="too_many_bytes",
        portrait="ardern-2",
        picture="too_many_bytes.bmp",
        subject="ardern",
        failure_code="image_too_many_bytes",
        reason="the probe exceeds 5 MiB as base64",
    ),
    OddPair(
        name="empty",
        portrait="biden-1",
        picture="empty.jpg",
        subject=None,
        failure_code="image_empty",
        reason="the file of the probe is empty",
    ),
    OddPair(
        name="missing",
        portrait="sunak-1",
        picture="missing.jpg",
        subject=None,
        failure_code="image_missing",
        reason="there is no such file as the probe's",
    ),
)


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """A line of the csv file that is no pair."""

    name: str
    fields: tuple[str, ...]
    failure_code: str
    reason: str


def good_rows(day: date) -> list[Row]:
    """Return the pairs of portraits for a date; every date has others."""
    rows = sorted(_all_pairs(), key=lambda row: digest(f"{day} {row.pair_id}"))
    mated = [row for row in rows if row.is_mated][:MATED_A_DATE]
    return mated + [row for row in rows if not row.is_mated][:NON_MATED_A_DATE]


def bad_rows() -> list[BadRow]:
    """Return one line for each mistake, and two for the one that needs two."""
    images = ("images/portraits/obama-1.jpg", "images/portraits/obama-2.jpg")
    subjects = ("obama", "obama")

    def line(name: str, *, pair_id: str = "", mated: str = "true", quality: str = "") -> tuple[str, ...]:
        return (pair_id or f"bad_{name}", *images, mated, *subjects, quality, "none", f"bad: {name}")

    whole = line("whole")
    return [
        BadRow(
            name="no_pair_id",
            failure_code="pair_id_missing",
            fields=("", *line("no_pair_id")[1:]),
            reason="pair_id is empty",
        ),
        BadRow(
            name="duplicate",
            failure_code="pair_id_repeated",
            fields=line("duplicate"),
            reason="another row with other images has this pair_id",
        ),
        BadRow(
            name="other_duplicate",
            failure_code="pair_id_repeated",
            fields=("bad_duplicate", *reversed(images), *line("other_duplicate")[3:]),
            reason="another row with other images has this pair_id",
        ),
        BadRow(
            name="quality_9",
            failure_code="value_invalid",
            fields=line("quality_9", quality="9"),
            reason="quality_control is not 0 to 4",
        ),
        BadRow(
            name="mated_maybe",
            failure_code="value_invalid",
            fields=line("mated_maybe", mated="maybe"),
            reason="is_mated is neither true nor false",
        ),
        BadRow(
            name="no_probe",
            failure_code="probe_id_missing",
            fields=("bad_no_probe", images[0], "", *line("no_probe")[3:]),
            reason="probe_id is empty",
        ),
        BadRow(
            name="too_few",
            failure_code="row_malformed",
            fields=("bad_too_few", *whole[1:5]),
            reason="the line has 5 fields instead of 9",
        ),
        BadRow(
            name="too_many",
            failure_code="row_malformed",
            fields=(*line("too_many"), "surplus"),
            reason="the line has 10 fields instead of 9",
        ),
    ]


def digest(text: str) -> str:
    """Return a hash by which to choose and to order."""
    return hashlib.sha256(text.encode()).hexdigest()


def _all_pairs() -> Iterator[Row]:
    names = sorted(portrait.stem for portrait in PORTRAITS.glob("*.jpg"))
    for reference, probe in combinations(names, 2):
        for mask in ("none", "probe", "both"):
            yield _pair(reference, probe, mask)


def _pair(reference: str, probe: str, mask: str) -> Row:
    pair_id = f"{reference}_{probe}_{mask}"
    reference_folder = "masked" if mask == "both" else "portraits"
    probe_folder = "portraits" if mask == "none" else "masked"
    return Row(
        pair_id=pair_id,
        reference_id=f"images/{reference_folder}/{reference}.jpg",
        probe_id=f"images/{probe_folder}/{probe}.jpg",
        is_mated=_subject(reference) == _subject(probe),
        reference_subject_id=_subject(reference),
        probe_subject_id=_subject(probe),
        quality_control=QUALITIES[int(digest(pair_id), 16) % len(QUALITIES)],
        attr_mask=mask,
    )


def _subject(name: str) -> str:
    return Path(name).stem.rpartition("-")[0]
