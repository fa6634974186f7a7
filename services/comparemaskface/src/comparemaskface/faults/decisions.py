"""Which faults apply to which call: drawn from a seed, so that the same calls get the same faults again."""

import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from comparemaskface.clock import Clock
from comparemaskface.faults.named_faults import STATES, Fault, FaultBy, FaultName, FaultPlan

REFUSING = frozenset({FaultName.KEY_REVOKED, FaultName.THROTTLE, FaultName.ARREARS})
"""No other fault applies to such a call; one with a revoked key, or throttled, is not even accepted."""
LONGEST_DELAY = 300.0
"""Seconds; a lognormal has no longest."""


@dataclass(frozen=True, slots=True)
class FaultDecision:
    """The faults applied to one call. `fault`, one of them, decides its answer; `delay`, `hang`: seconds."""

    applied: tuple[FaultName, ...] = ()
    fault: FaultName | None = None
    delay: float = 0.0
    hang: float = 0.0
    model_version: str | None = None

    def __str__(self) -> str:
        """Name the faults applied, for the log; `-` when there are none."""
        return "+".join(self.applied) if self.applied else "-"


NO_FAULT = FaultDecision()


class Faults:
    """Decide which faults apply to each call, by the plan in force, which may be replaced at any time."""

    def __init__(self, plan: FaultPlan, *, clock: Clock) -> None:
        self._true_clock = clock
        self.configure(plan)

    def configure(self, plan: FaultPlan) -> None:
        """Replace the plan, and count calls, faults and seconds from 0 again."""
        self._plan = plan
        self._by_name = {fault.name: fault for fault in plan.faults}
        self._drawn = [fault for fault in plan.faults if fault.name not in STATES]
        self._skew = self._value(FaultName.CLOCK_SKEW) or 0.0
        self._requests = self._accepted = 0
        self._throttling_began: float | None = None
        self._applied: Counter[FaultName] = Counter()
        self._of_pair: Counter[bytes] = Counter()

    @property
    def is_active(self) -> bool:
        """Return True if any fault is planned."""
        return bool(self._by_name)

    @property
    def needs_pair(self) -> bool:
        """Return True if the decision depends on the pair of a call."""
        return self._plan.by is FaultBy.PAIR or self._plan.per_pair > 0

    def clock(self) -> float:
        """Return the time this server believes it is."""
        return self._true_clock() + self._skew

    def decide(self, pair: bytes | None) -> FaultDecision:
        """Decide about the next call; `pair` is None when it cannot be read from the request."""
        self._requests += 1
        decision = self._draw(pair)
        self._applied.update(decision.applied)
        if not decision.fault or decision.fault not in REFUSING:
            self._accepted += 1
        if pair is not None and self._plan.per_pair and not STATES.issuperset(decision.applied):
            self._of_pair[pair] += 1
        return decision

    def state(self) -> dict[str, Any]:
        """Return the plan in force and how often each fault was applied since, ready for JSON."""
        return {
            "faults": [str(fault) for fault in self._plan.faults],
            "seed": self._plan.seed,
            "by": self._plan.by,
            "per_pair": self._plan.per_pair,
            "calls": self._requests,
            "applied": {name: self._applied[name] for name in self._by_name},
        }

    def _draw(self, pair: bytes | None) -> FaultDecision:
        for state in (FaultName.KEY_REVOKED, FaultName.ARREARS):
            if self._is_from(state):
                return FaultDecision((state,), fault=state)
        drawn = {fault.name: fault for fault in self._drawn if self._applies(fault, pair)}
        slow = drawn.pop(FaultName.SLOW, None)
        decisive = next(iter(drawn.values()), None)
        if decisive and decisive.name in REFUSING:
            return FaultDecision((decisive.name,), fault=decisive.name)
        version = self._model_version()
        applied = {
            FaultName.SLOW: slow,
            FaultName.MODEL_VERSION: version,
            **({decisive.name: decisive} if decisive else {}),
        }
        return FaultDecision(
            applied=tuple(name for name, it in applied.items() if it),
            fault=decisive.name if decisive else None,
            delay=self._delay(slow, pair) if slow else 0.0,
            hang=decisive.values[0] if decisive and decisive.name is FaultName.HANG else 0.0,
            model_version=version,
        )

    def _applies(self, fault: Fault, pair: bytes | None) -> bool:
        most = self._plan.per_pair
        if most and pair is not None and self._of_pair[pair] >= most:
            return False
        if fault.name is FaultName.THROTTLE and not self._is_throttling(fault.values[0]):
            return False
        return fault.share >= 1 or self._chance(fault.name, pair) < fault.share

    def _is_throttling(self, seconds: float) -> bool:
        """Return True if the throttling, which begins with the first call, still lasts."""
        now = self._true_clock()
        if self._throttling_began is None:
            self._throttling_began = now
        return now < self._throttling_began + seconds

    def _delay(self, fault: Fault, pair: bytes | None) -> float:
        median, sigma = fault.values
        chance = self._chance("delay", pair)
        return min(LONGEST_DELAY, median * math.exp(sigma * NormalDist().inv_cdf(chance)))

    def _chance(self, purpose: str, pair: bytes | None) -> float:
        """Return a number between 0 and 1, exclusive, that seed, purpose and call or pair determine."""
        by_pair = self._plan.by is FaultBy.PAIR and pair is not None
        subject = pair if by_pair and pair else str(self._requests).encode()
        text = b"%d:%s:%s" % (self._plan.seed, purpose.encode(), subject)
        drawn = int.from_bytes(hashlib.blake2b(text, digest_size=6).digest())
        return (drawn + 0.5) / 2**48

    def _model_version(self) -> str | None:
        if not self._is_from(FaultName.MODEL_VERSION):
            return None
        return f"{self._by_name[FaultName.MODEL_VERSION].values[1]:.1f}"

    def _is_from(self, name: FaultName) -> bool:
        """Return True if the next call is at or past the one from which the state holds."""
        first = self._value(name)
        return first is not None and self._accepted + 1 >= first

    def _value(self, name: FaultName) -> float | None:
        fault = self._by_name.get(name)
        return fault.values[0] if fault else None
