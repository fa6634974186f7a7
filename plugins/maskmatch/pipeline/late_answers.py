"""The answers at hand while pairs are compared: gathered when the first is looked for.

A plan has looked for all images that it could know: only for others, as those of `file://` or uploaded in
parts, anything is looked for here.

Decision: docs/adr/0021-answers-are-taken-over.md
"""

import logging
import threading
from dataclasses import replace

from maskmatch.core.planning import Plan
from maskmatch.engine.work import KnownAnswer
from maskmatch.pipeline.answers_at_hand import AnswersAtHand, Dates
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.run import Run
from maskmatch.storage.journal.answers import Wanted

log = logging.getLogger(__name__)


class LateAnswers:
    """Finds answers for the pairs of a plan; for several threads, of which the first waits and gathers.

    A plan that calls all pairs again takes over those of its own journals alone; a redrive also scores that
    other plans of the date have paid for.
    """

    def __init__(self, run: Run, plan: Plan, options: CompareOptions) -> None:
        self.dates = Dates(
            day=run.day,
            reuse_days=plan.reuse_days,
            folder=plan.folder if plan.repetition else None,
        )
        self.wanted = Wanted(
            answered_by=plan.answered_by,
            image_policy=options.transfer.policy,
            trust_tags=plan.trust_tags,
        )
        self._run = run
        self._options = options
        self._is_redrive = plan.is_redrive
        self._answers: AnswersAtHand | None = None
        self._of_others: AnswersAtHand | None = None
        self._by_id: AnswersAtHand | None = None
        self._lock = threading.Lock()

    def find(self, comparison: bytes) -> KnownAnswer | None:
        """Return the answer to one comparison, if there is one."""
        with self._lock:
            if self._answers is None:
                self._answers = self._gathered(self.dates, self.wanted)
        found = self._answers.find(comparison)
        return self._score_of_others(comparison) if found is None and self._is_redrive else found

    def find_gone(self, comparison: bytes) -> KnownAnswer | None:
        """Return the answer that the date has to a comparison of ids: their images are no longer there."""
        with self._lock:
            if self._by_id is None:
                self._by_id = self._gathered(
                    replace(self.dates, reuse_days=0), replace(self.wanted, by_id=True)
                )
        return self._by_id.find(comparison)

    def _score_of_others(self, comparison: bytes) -> KnownAnswer | None:
        with self._lock:
            if self._of_others is None:
                self._of_others = self._gathered(replace(self.dates, folder=None), self.wanted)
        found = self._of_others.find(comparison)
        return found if found and found.outcome.score is not None else None

    def _gathered(self, dates: Dates, wanted: Wanted) -> AnswersAtHand:
        warehouse = self._run.patient_warehouse(self._options.stop)
        answers = AnswersAtHand(warehouse, dates, wanted)
        log.info("%s comparisons have answers that may be taken over", f"{len(answers):,}")
        return answers
