"""What is known about single images: the vendor never says which of the two was at fault.

An image is known by its content, so what was learnt in an earlier run holds, and not for a picture that
replaced it under its key.

    a pair was scored                          both its images are good
    a pair failed, one image is good           the other is bad: its later pairs fail without a call
    a pair failed, neither is known            both are suspected, until one turns out good
    failed with 3 partners or more             bad, once no call with it is in flight

How many partners it takes depends on how common bad images are: so many that they are all bad themselves in
one of a thousand such cases. A verdict by count is put to the proof beside an image that is known to be good.

Bad and good hold for a level of quality_control where the code depends on it (low_quality): bad at one level
is bad at all stricter ones, good at one is good at all looser ones. All other codes hold at every level.

Decision: docs/adr/0008-one-retry-layer-behind-fresh-pairs.md
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from maskmatch.core.codes import Action, rule_for
from maskmatch.core.image_pairs import ImagePair
from maskmatch.core.outcomes import Outcome, Reason, Side, Source
from maskmatch.core.shown import plain

FEWEST_PARTNERS = 3
_CHANCE_OF_ERROR = 1e-3
_PRIOR_BAD, _PRIOR_IMAGES = 1, 33
"""What is believed before anything was seen: one in 33 is bad."""
_GRADED = "low_quality"


@dataclass(frozen=True, slots=True)
class _Fault:
    """A failure as far as it concerns one image, and the least level of quality_control it holds for."""

    reason: Reason
    level: int
    is_certain: bool = True


@dataclass(slots=True)
class _Image:
    good_level: int = -1
    fault: _Fault | None = None
    suspicions: dict[tuple[str, str], _Fault] = field(default_factory=dict)
    """By partner and failure code."""


class BadImageIndex:
    """Learns which images are good or bad, and remembers the newest."""

    def __init__(self, *, most_images: int = 200_000) -> None:
        self._most_images = most_images
        self._images: OrderedDict[str, _Image] = OrderedDict()
        self._in_flight: Counter[str] = Counter()
        self._scored = self._failed = 0
        self._knows_faults = False

    def seed(self, known: Iterable[tuple[ImagePair, Outcome]], *, scored: int = 0) -> None:
        """Learn from earlier outcomes, and that so many pairs were scored of which no more is to be known."""
        self._scored += scored
        for pair, outcome in known:
            reason = outcome.reason
            if reason is None:
                self.record_score(pair)
            elif (
                outcome.is_final
                and reason.vendor_code
                and rule_for(reason.vendor_code).action is Action.FAIL_IMAGE
            ):
                self._relearn(pair, reason, outcome.source)

    def forestall(self, pair: ImagePair) -> bool:
        """Return True if the pair is not to be called now: what is known of its images may settle it."""
        return self._knows_faults and (self.on(pair) is not None or self.are_pending(pair))

    def on(self, pair: ImagePair) -> Reason | None:
        """Return why the pair fails without a call; None when it is to be called."""
        if not self._knows_faults:
            return None
        for side, name in _sides(pair):
            fault = self._fault(name)
            if fault is None or fault.level > pair.level:
                continue
            if fault.is_certain or not self._has_good(pair, fault.level):
                message = f"{side} {plain(pair.id(side))} failed in other pairs: {fault.reason.message}"
                return replace(fault.reason, side=side, message=message)
        return None

    def are_pending(self, pair: ImagePair) -> bool:
        """Return True if an image of the pair is all but bad: calls with it in flight will tell."""
        if not self._knows_faults:
            return False
        ids = (name for _, name in _sides(pair))
        return any(self._in_flight[name] > 0 and self._counted(name) is not None for name in ids)

    def begin(self, pair: ImagePair) -> None:
        """Count a call with the images of a pair, until `end`."""
        for name in (pair.reference, pair.probe):
            self._in_flight[name] = self._in_flight.get(name, 0) + 1

    def end(self, pair: ImagePair) -> None:
        """Note that a call has ended and was learnt from."""
        for name in (pair.reference, pair.probe):
            if (left := self._in_flight[name] - 1) > 0:
                self._in_flight[name] = left
            else:
                del self._in_flight[name]

    def record_score(self, pair: ImagePair) -> None:
        """Learn that both images of a pair are good, and so which of their partners are bad."""
        self._scored += 1
        for _, name in _sides(pair):
            self._note_good(name, pair.level)

    def record_failure(self, pair: ImagePair, reason: Reason) -> Reason:
        """Learn from an answer that one of the images is bad; return the reason, with the side if known."""
        fault = _Fault(replace(reason, side=None), pair.level if reason.code == _GRADED else 0)
        self._failed += 1
        self._knows_faults = True
        if pair.reference == pair.probe:
            self._note_bad(pair.probe, fault)
            return replace(reason, side=Side.PROBE)
        suspects = [(side, name) for side, name in _sides(pair) if not self._is_good(name, fault.level)]
        known = [side for side, name in suspects if self._explains(name, fault)]
        if len(suspects) == 1:
            self._note_bad(suspects[0][1], fault)
            return replace(reason, side=suspects[0][0])
        if len(known) == 1:
            return replace(reason, side=known[0])
        if len(suspects) == 2 and not known:
            self._suspect(pair, fault)
        return reason

    def _relearn(self, pair: ImagePair, reason: Reason, source: Source) -> None:
        if reason.side is None and source is Source.API:
            self.record_failure(pair, reason)
        elif reason.side is not None:
            fault = _Fault(replace(reason, side=None), pair.level if reason.code == _GRADED else 0)
            self._note_bad(dict(_sides(pair))[reason.side], fault)

    def _of(self, name: str) -> _Image:
        image = self._images.setdefault(name, _Image())
        self._images.move_to_end(name)
        if len(self._images) > self._most_images:
            self._images.popitem(last=False)
        return image

    def _is_good(self, name: str, level: int) -> bool:
        image = self._images.get(name)
        return image is not None and image.good_level >= level

    def _has_good(self, pair: ImagePair, level: int) -> bool:
        """Return True if a call would tell which image is bad, since one is known to be good."""
        return any(self._is_good(name, level) for _, name in _sides(pair))

    def _explains(self, name: str, fault: _Fault) -> bool:
        """Return True if an image is known to be bad in just this way."""
        known = self._fault(name)
        return known is not None and known.reason.code == fault.reason.code and known.level <= fault.level

    def _fault(self, name: str) -> _Fault | None:
        """Return what is wrong with an image, certain or, when no call is in flight, by count."""
        if (image := self._images.get(name)) is None:
            return None
        self._images.move_to_end(name)
        if image.fault is None and not self._in_flight[name]:
            image.fault = self._counted(name)
        return image.fault

    def _counted(self, name: str) -> _Fault | None:
        """Return a fault that enough partners share which are not known to be bad themselves."""
        image = self._images.get(name)
        if image is None or len(image.suspicions) < FEWEST_PARTNERS:
            return None
        needed = self._partners_needed()
        faults: dict[str, list[_Fault]] = {}
        for (partner, code), fault in image.suspicions.items():
            other = self._images.get(partner)
            if other is None or other.fault is None:
                faults.setdefault(code, []).append(fault)
        shared = max(faults.values(), key=len, default=[])
        if len(shared) < needed:
            return None
        return replace(max(shared, key=lambda fault: fault.level), is_certain=False)

    def _partners_needed(self) -> int:
        bad_share = (self._failed + _PRIOR_BAD) / (2 * (self._scored + self._failed) + _PRIOR_IMAGES)
        return max(FEWEST_PARTNERS, 1 + math.ceil(math.log(_CHANCE_OF_ERROR) / math.log(bad_share)))

    def _suspect(self, pair: ImagePair, fault: _Fault) -> None:
        for mine, partner in ((pair.reference, pair.probe), (pair.probe, pair.reference)):
            self._of(mine).suspicions[partner, fault.reason.code] = fault

    def _note_good(self, name: str, level: int) -> None:
        image = self._of(name)
        if level <= image.good_level:
            return
        image.good_level = level
        if image.fault and image.fault.level <= level:
            image.fault = None
        settled = {key: fault for key, fault in image.suspicions.items() if fault.level <= level}
        for (partner, code), fault in settled.items():
            del image.suspicions[partner, code]
            self._note_bad(partner, fault)

    def _note_bad(self, name: str, fault: _Fault) -> None:
        """Settle that an image is bad; its partners are no longer suspected for its sake."""
        if self._is_good(name, fault.level):
            return
        self._knows_faults = True
        image = self._of(name)
        if image.fault is None or not image.fault.is_certain or fault.level < image.fault.level:
            image.fault = fault
        for partner, code in [key for key in image.suspicions if key[1] == fault.reason.code]:
            del image.suspicions[partner, code]
            if other := self._images.get(partner):
                other.suspicions.pop((name, code), None)


def _sides(pair: ImagePair) -> tuple[tuple[Side, str], tuple[Side, str]]:
    return (Side.REFERENCE, pair.reference), (Side.PROBE, pair.probe)
