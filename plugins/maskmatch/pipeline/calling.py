"""What a process needs to call the service: the coordinator, permits, a client; and the opening call.

The opening call proves, before anything is planned or paid, that the account works, and tells who answers.
"""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager

from maskmatch.core.errors import Unavailable
from maskmatch.engine.breaker import SERVICE
from maskmatch.permits.client.pacing import Pacer
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.opening import claim_default, open_coordinator
from maskmatch.permits.steps.claims import CHECK_RUN, Claim
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.tencent import TencentComparer

log = logging.getLogger(__name__)

_CHECK_PAUSES = (0.25, 1.0, 2.0, 4.0, None)
"""Seconds between the opening calls, for what passes; the last has none after it."""


def check_account(options: CompareOptions) -> str:
    """Prove, with one call that is not billed, that the service can be reached and the account may use it.

    Return who answered.
    """
    claim_default(options.permit_store, secret_id=options.account.owner)
    claim = Claim(run_id=CHECK_RUN, priority=options.priority)
    with (
        closing(coordinator_of(options)) as coordinator,
        pacer_of(coordinator, claim, options) as pacer,
        closing(TencentComparer(options.account, connections=1)) as comparer,
    ):
        for pause in _CHECK_PAUSES:
            pacer.wait_for_permit(options.stop)
            try:
                return comparer.check().answered_by
            except Unavailable as error:
                if options.waits:
                    options.waits.goes_on(SERVICE, str(error))
                if pause is None:
                    raise
                log.warning("the opening call is made again: %s", error)
                options.clock.wait(options.stop, pause)
            finally:
                pacer.unbilled()
    raise Unavailable("no opening call was made")


def coordinator_of(options: CompareOptions) -> PermitCoordinator:
    """Return the coordinator of the account."""
    return open_coordinator(
        options.permit_store,
        secret_id=options.account.owner,
        calls_per_second=options.account.calls_per_second,
        clock=options.clock,
        rate_by_hour=options.account.rate_by_hour,
    )


def comparer_of(options: CompareOptions) -> TencentComparer:
    """Return a client for as many calls as may be in flight."""
    return TencentComparer(
        options.account,
        connections=options.most_calls_in_flight,
        call_timeout=options.call_timeout,
        renew=options.renew,
        now=options.clock.now,
    )


@contextmanager
def pacer_of(coordinator: PermitCoordinator, claim: Claim, options: CompareOptions) -> Iterator[Pacer]:
    """Give what books permits for a claim."""
    pacer = Pacer(
        coordinator,
        claim,
        calls_per_second=options.account.calls_per_second,
        clock=options.clock,
        say=log.warning,
        waits=options.waits,
    )
    with closing(pacer):
        yield pacer
