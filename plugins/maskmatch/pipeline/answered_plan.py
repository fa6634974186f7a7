"""A plan that takes over the answers which stand in the warehouse: the opening call tells whose count.

Decision: docs/adr/0021-answers-are-taken-over.md
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from maskmatch.core.planning import Plan, PlanOptions
from maskmatch.core.reach import Reach
from maskmatch.pipeline.answers_at_hand import AnswersAtHand, Dates
from maskmatch.pipeline.calling import check_account
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.plan import OpenBucket, make_plan
from maskmatch.pipeline.run import Run
from maskmatch.storage.journal.answers import Wanted
from maskmatch.storage.object_stores import Store

log = logging.getLogger(__name__)


def asked(options: PlanOptions, compare: CompareOptions) -> PlanOptions:
    """Return the choices of a plan with who answers, and how images are sent; raise as `check_account`."""
    return replace(options, answered_by=check_account(compare), image_policy=compare.transfer.policy)


def bucket_opener(run: Run, open_store: Callable[[str], Store], reach: Reach) -> OpenBucket:
    """Return what opens the buckets beside the source of which rows may name images."""

    def opened(address: str) -> Store | None:
        is_allowed = reach.what_is_wrong(f"{address}/image", source=run.source.uri) is None
        return open_store(address) if is_allowed else None

    return opened


def make_answered_plan(run: Run, options: PlanOptions, open_bucket: OpenBucket = lambda _: None) -> Plan:
    """Make a plan as `make_plan` does, which takes over what the one who answers has answered before."""
    if options.repetition or not options.answered_by:
        return make_plan(run, options, open_bucket=open_bucket)
    wanted = Wanted(
        answered_by=options.answered_by,
        image_policy=options.image_policy,
        trust_tags=options.trust_tags,
    )
    dates = Dates(day=run.day, reuse_days=options.reuse_days)
    answers = AnswersAtHand(run.patient_warehouse(), dates, wanted)
    if len(answers):
        log.info("%s comparisons have answers that may be taken over", f"{len(answers):,}")
    return make_plan(run, options, answers, open_bucket)
