"""Pairs whose images turn out to have the same contents as those of another: one is called for all of them.

    the first of a comparison    is called
    the next ones                wait until it has ended, and take over its answer
    no answer came of it         one of those that wait takes its place

What the plan knew to be the same is one pair already: only pairs whose images it could not know, or which
were replaced since, pass here. The loop owns it.

Decision: docs/adr/0021-answers-are-taken-over.md
"""

from collections import OrderedDict

from maskmatch.core.outcomes import Outcome
from maskmatch.engine.work import KnownAnswer, WorkItem, WorkQueue

MOST_ANSWERS = 200_000
"""Remembered at a time, some 100 MB: of an earlier one the same work is called again in this run."""


class SameWork:
    """Knows which comparisons are being called, who waits for their answers, and the newest answers."""

    def __init__(self, queue: WorkQueue, *, most_answers: int = MOST_ANSWERS) -> None:
        self._queue = queue
        self._most_answers = most_answers
        self._called: dict[bytes, WorkItem] = {}
        self._waiting: dict[bytes, list[WorkItem]] = {}
        self._answers: OrderedDict[bytes, KnownAnswer] = OrderedDict()

    def answer_to(self, item: WorkItem) -> KnownAnswer | None:
        """Return the answer to a pair of the same contents, if one has come."""
        return self._answers.get(item.comparison) if item.comparison else None

    def may_call(self, item: WorkItem) -> bool:
        """Return True if a pair is to be called; else it waits, and comes back by the queue."""
        if item.called_as != item.comparison:
            self._let_go(item)  # its images were replaced since it was tried
        if item.comparison is None:
            return True
        first = self._called.setdefault(item.comparison, item)
        if first is item:
            item.called_as = item.comparison
            return True
        self._waiting.setdefault(item.comparison, []).append(item)
        return False

    def ended(self, item: WorkItem, outcome: Outcome) -> None:
        """Remember the outcome of a pair if it is an answer, and let those go on that waited for it."""
        if item.called_as is None:
            return
        if outcome.is_answer and item.called_as == item.comparison:
            failed_side = outcome.reason.side if outcome.reason else None
            self._answers[item.called_as] = KnownAnswer(
                outcome, item.known_as.content(failed_side), item.known_as.reference
            )
            if len(self._answers) > self._most_answers:
                self._answers.popitem(last=False)
        self._let_go(item)

    def _let_go(self, item: WorkItem) -> None:
        if (name := item.called_as) is None:
            return
        item.called_as = None
        del self._called[name]
        for waiting in self._waiting.pop(name, ()):
            self._queue.put_back(waiting)
