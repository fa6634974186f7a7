"""What the two images of a pair are known by: their contents where these are known, else their ids.

Decision: docs/adr/0019-the-same-work-is-known-by-its-content.md
"""

from dataclasses import dataclass
from typing import Self

from maskmatch.core.comparisons import comparison_of, content_name, md5_of_tag
from maskmatch.core.image_rules import ImageFacts
from maskmatch.core.outcomes import Images, Side
from maskmatch.core.pairs import Pair


@dataclass(frozen=True, slots=True)
class ImagePair:
    """The content names of both images, and the level of quality control (0 to 4); ids for people."""

    reference: str
    probe: str
    level: int = 0
    reference_id: str = ""
    probe_id: str = ""

    @classmethod
    def planned(cls, pair: Pair) -> Self:
        """Return what the plan knew of the images."""
        return cls(
            pair.reference_content or content_name(image_id=pair.reference_id),
            pair.probe_content or content_name(image_id=pair.probe_id),
            pair.quality_control or 0,
            pair.reference_id,
            pair.probe_id,
        )

    @classmethod
    def seen(cls, pair: Pair, images: Images, *, trust_tags: bool) -> Self:
        """Return what the images turned out to be when they were looked at."""
        return cls(
            content_of(pair.reference_id, images.reference, trust_tags=trust_tags),
            content_of(pair.probe_id, images.probe, trust_tags=trust_tags),
            pair.quality_control or 0,
            pair.reference_id,
            pair.probe_id,
        )

    @classmethod
    def by_ids(cls, pair: Pair) -> Self:
        """Return what the images are known by when they are gone: their ids."""
        reference, probe = (content_name(image_id=each) for each in (pair.reference_id, pair.probe_id))
        return cls(reference, probe, pair.quality_control or 0, pair.reference_id, pair.probe_id)

    @property
    def comparison(self) -> bytes:
        """Return the name of the comparison."""
        return comparison_of(self.reference, self.probe, self.level)

    def content(self, side: Side | None) -> str | None:
        """Return what the image on a side is known by."""
        match side:
            case Side.REFERENCE:
                return self.reference
            case Side.PROBE:
                return self.probe
        return None

    def id(self, side: Side) -> str:
        """Return what people know the image on a side by."""
        return (
            (self.reference_id or self.reference) if side is Side.REFERENCE else (self.probe_id or self.probe)
        )

    def side(self, content: str | None) -> Side | None:
        """Return the side on which an image is; None when it is on neither."""
        return Side.PROBE if content == self.probe else Side.REFERENCE if content == self.reference else None


def is_replaced(planned: str, facts: ImageFacts | None) -> bool:
    """Return True for a picture that is another than the one that a plan knew by its content.

    A tag that only looks like an MD5 still tells that nothing has changed.
    """
    if facts is None or not planned.startswith("md5:"):
        return False
    return planned.removeprefix("md5:") not in {facts.md5, md5_of_tag(facts.tag)}


def content_of(image_id: str, facts: ImageFacts | None, *, trust_tags: bool) -> str:
    """Return what an image is known by: its MD5 or a tag that is one, without trust its SHA-256 alone."""
    if facts is None:
        return content_name(image_id=image_id)
    md5 = (facts.md5 or md5_of_tag(facts.tag)) if trust_tags else None
    sha256 = None if trust_tags else facts.sha256
    return content_name(image_id=image_id, md5=md5, sha256=sha256, tag=facts.tag)
