"""The match log of the NIST validation package for FRVT (now FRTE) 1:1.

    enrollTempl verifTempl simScore returnCode
    images/anna-passport.jpg images/anna-gate.jpg 71.5 0

Columns, header and order are those that `11/src/testdriver/validate11.cpp` writes; codes and the score of a
failure are those of `common/src/include/frvt_structs.h` and `11/src/include/frvt11.h`
(https://github.com/usnistgov/frvt): "when either or both of the input templates are the result of a failed
template generation, the similarity score shall be -1 and the function return value shall be
VerifTemplateError". So a failure to acquire is -1 and 7; any other pair without a score is -1 and 1, the
package's catch-all. The two names are ids of images, as `words` writes them.
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

SUCCESS, UNKNOWN_ERROR, VERIF_TEMPLATE_ERROR = "0", "1", "7"
_NO_SCORE = "-1"


class MatchLog:
    """Writes a line for every pair."""

    columns = ("reference_id", "probe_id", "score", "failure_class")

    def head(self, schema: pa.Schema) -> bytes:  # noqa: ARG002  the same for all
        """Return the header."""
        return b"enrollTempl verifTempl simScore returnCode\n"

    def lines(self, block: pa.RecordBatch, tally: Tally) -> bytes:
        """Return a line for each pair."""
        pairs = pairs_alone(block, tally)
        has_score, not_acquired = pairs.column("score").is_valid(), failed_to_acquire(pairs)
        failure = pc.if_else(not_acquired, VERIF_TEMPLATE_ERROR, UNKNOWN_ERROR)
        code = pc.if_else(has_score, SUCCESS, failure)
        tally.written[SCORES] += count(has_score)
        tally.written[f"{ACQUIRE} (returnCode {VERIF_TEMPLATE_ERROR})"] += count(not_acquired)
        tally.written[f"{OTHER} (returnCode {UNKNOWN_ERROR})"] += count(pc.equal(code, UNKNOWN_ERROR))
        score = pc.fill_null(text_of(pairs, "score"), _NO_SCORE)
        ids = [words(text_of(pairs, name)) for name in ("reference_id", "probe_id")]
        return joined([*ids, score, code], between=" ", end="\n")
