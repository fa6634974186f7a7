"""The four-column score file of bob.bio.base: claimed_id real_id probe_label score, without a header.

As `bob.bio.base.score.load.four_column` reads it (https://gitlab.idiap.ch/bob/bob.bio.base): a comparison is
mated where the first two are the same. They are the subjects of reference and probe; the label is the id of
the probe image; all as `words` writes them.

Where a subject is not known, `is_mated` decides: a mated pair has the subject that is known twice, or else
`image:<reference_id>`; in any other pair an unknown subject is `reference:<id>` or `probe:<id>` of its image.
Where `is_mated` is not known either, the row is left out.

A failure to acquire has the score NaN, which is what `bob.measure.utils.get_fta` counts. There is no word for
other failures, and as NaN they would raise that rate: they are left out.
"""

import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.storage.exports.lines import (
    ACQUIRE,
    OTHER,
    SCORES,
    Tally,
    count,
    failed_to_acquire,
    joined,
    pairs_alone,
    text_of,
    words,
)

UNLABELLED = "rows whose subjects and is_mated are unknown"
OTHERWISE = "rows whose is_mated says otherwise than their subjects, which are what counts here"
_NAN = "nan"


class ScoreFile:
    """Writes a line for every score and every failure to acquire of a pair that is labelled."""

    columns = (
        "reference_id",
        "probe_id",
        "reference_subject_id",
        "probe_subject_id",
        "is_mated",
        "score",
        "failure_class",
    )

    def head(self, schema: pa.Schema) -> bytes:  # noqa: ARG002  there is none
        """Return nothing."""
        return b""

    def lines(self, block: pa.RecordBatch, tally: Tally) -> bytes:
        """Return a line for each row that the form can hold."""
        pairs = _acquired_or_not(pairs_alone(block, tally), tally)
        claimed, real = _identities(pairs)
        is_labelled = claimed.is_valid()
        tally.left_out[UNLABELLED] += len(pairs) - count(is_labelled)
        tally.notes[OTHERWISE] += count(pc.not_equal(pairs.column("is_mated"), pc.equal(claimed, real)))
        pairs = pairs.filter(is_labelled)
        tally.written[SCORES] += count(pairs.column("score").is_valid())
        tally.written[f"{ACQUIRE} (NaN)"] += pairs.column("score").null_count
        score = pc.fill_null(text_of(pairs, "score"), _NAN)
        labels = [claimed.filter(is_labelled), real.filter(is_labelled), text_of(pairs, "probe_id")]
        return joined([*map(words, labels), score], between=" ", end="\n")


def _acquired_or_not(pairs: pa.RecordBatch, tally: Tally) -> pa.RecordBatch:
    """Return the rows with a score or a failure to acquire, and count the others as left out."""
    kept = pairs.filter(pc.or_(pairs.column("score").is_valid(), failed_to_acquire(pairs)))
    tally.left_out[OTHER] += len(pairs) - len(kept)
    return kept


def _identities(pairs: pa.RecordBatch) -> tuple[pa.Array, pa.Array]:
    """Return claimed and real identity, both null where it is unknown whether they are one."""
    reference, probe = text_of(pairs, "reference_subject_id"), text_of(pairs, "probe_subject_id")
    is_mated = pairs.column("is_mated")
    one = pc.coalesce(reference, probe, _named("image:", pairs, "reference_id"))
    claimed = pc.coalesce(reference, _named("reference:", pairs, "reference_id"))
    real = pc.coalesce(probe, _named("probe:", pairs, "probe_id"))
    both_known = pc.and_(reference.is_valid(), probe.is_valid())
    return (
        pc.if_else(both_known, reference, pc.if_else(is_mated, one, claimed)),
        pc.if_else(both_known, probe, pc.if_else(is_mated, one, real)),
    )


def _named(kind: str, pairs: pa.RecordBatch, name: str) -> pa.Array:
    return pc.binary_join_element_wise(kind, text_of(pairs, name), "")
