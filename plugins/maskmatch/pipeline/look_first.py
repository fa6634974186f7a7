"""Look at the images of the first pairs before anything is paid: it may be the wrong folder."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice

from maskmatch.core.errors import ImageUnusable, InputError, Interrupted, SourceWaits
from maskmatch.core.image_pairs import ImagePair
from maskmatch.core.limits import ShareLimit
from maskmatch.core.pairs import Pair
from maskmatch.core.planning import Plan
from maskmatch.core.shown import shown
from maskmatch.core.store_troubles import IMAGE_MISSING
from maskmatch.core.workers import Workers
from maskmatch.pipeline.compare import images_of
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.late_answers import LateAnswers
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.images import StoreImages
from maskmatch.storage.journal import list_newest

_PAIRS = 100
_LOADERS = 16
"""Requests at a time: a store answers each in some dozen milliseconds."""
_PAUSE_SECONDS = 2.0


def look_first(run: Run, plan: Plan, options: CompareOptions, limit: ShareLimit) -> None:
    """Load both images of the first 100 pairs; raise InputError, unpaid, when too many cannot be sent.

    A plan that has scores was looked at before, and is to be published whatever became of its images.
    """
    if _has_scores(run, plan):
        return
    pairs = list(islice(pairs_in_order(run, plan), _PAIRS))
    if len(pairs) < limit.rows:
        return
    images = images_of(run, plan, options)
    names = {name for pair in pairs for name in (pair.reference_id, pair.probe_id)}
    with Workers("look-first", most=_LOADERS) as workers:
        looked = zip(names, workers.map(lambda name: _trouble(images, name, options), names), strict=True)
        troubles = {name: trouble for name, trouble in looked if trouble}
    answers = LateAnswers(run, plan, options)
    bad = [
        name
        for pair in pairs
        if (name := _bad_image(pair, troubles))
        and not (
            troubles[name].code == IMAGE_MISSING and answers.find_gone(ImagePair.by_ids(pair).comparison)
        )
    ]
    if limit.is_passed(len(bad), of=len(pairs)):
        codes = Counter(troubles[name].code for name in bad)
        counts = ", ".join(f"{count} {code}" for code, count in codes.items())
        raise InputError(
            f"of the first {len(pairs)} pairs {len(bad)} have an image that cannot be sent ({counts}; the "
            f"first: {shown(bad[0])}, {troubles[bad[0]].message}), more than max_missing_share {limit}: "
            "nothing was called; fix the source, or raise max_missing_share"
        )


def _bad_image(pair: Pair, troubles: Mapping[str, ImageUnusable]) -> str:
    """Return the image that keeps a pair from being sent, nothing if none does."""
    return next((name for name in (pair.reference_id, pair.probe_id) if name in troubles), "")


def _has_scores(run: Run, plan: Plan) -> bool:
    warehouse = run.patient_warehouse()
    return any(
        list_newest(warehouse, plans.journal_prefix(each.key)).counts.scored for each in plan.to_compare
    )


def pairs_in_order(run: Run, plan: Plan) -> Iterable[Pair]:
    """Yield the pairs of a plan, shard by shard in call order."""
    warehouse = run.patient_warehouse()
    for shard in plan.to_compare:
        for _, pair in plans.read_shard(warehouse, shard.key):
            yield pair


def _trouble(images: StoreImages, name: str, options: CompareOptions) -> ImageUnusable | None:
    while True:
        try:
            images.load(name)
        except ImageUnusable as error:
            return error
        except SourceWaits:
            if options.stop.wait(_PAUSE_SECONDS):
                raise Interrupted("stopped while the source was in trouble") from None
        else:
            return None
