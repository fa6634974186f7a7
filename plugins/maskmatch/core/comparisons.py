"""What makes two comparisons the same work: the contents of both images, and the quality control asked for.

Decision: docs/adr/0019-the-same-work-is-known-by-its-content.md
"""

import hashlib
import re

COMPARISON_BYTES = 16
_MD5_TAG = re.compile(r'"?([0-9a-f]{32})"?', re.ASCII | re.IGNORECASE)


def md5_of_tag(tag: str | None) -> str | None:
    """Return the MD5 that a store's tag is, in lower case; None for one that is something else.

    An object that was uploaded in parts has a tag with a `-`. One that the store encrypts with a key of its
    own has a tag of the same shape that is no MD5: it equals that of no other object.
    """
    found = _MD5_TAG.fullmatch(tag or "")
    return found[1].lower() if found else None


def content_name(
    *, image_id: str, md5: str | None = None, sha256: str | None = None, tag: str | None = None
) -> str:
    """Return what an image is known by: its SHA-256, its MD5, or, while no content is known, its id.

    With a tag that is no MD5 the id is known in this state alone: a picture that replaces it has another.
    """
    if sha256:
        return f"sha256:{sha256}"
    if md5:
        return f"md5:{md5}"
    return f"tag:{state_of(image_id, tag).hex()}" if tag else f"id:{image_id}"


def state_of(image_id: str, tag: str) -> bytes:
    """Return what tells an image with one tag from the same with another, `COMPARISON_BYTES` long."""
    text = f"{image_id}\n{tag.strip(chr(34))}"
    return hashlib.sha256(text.encode()).digest()[:COMPARISON_BYTES]


def comparison_of(reference: str, probe: str, quality_control: int) -> bytes:
    """Return the name of a comparison, `COMPARISON_BYTES` long, from the content names of both images.

    It is the begin of the SHA-256 of both names in their order as text, and the level, a line each: the
    service answers alike whichever of the two images comes first.
    """
    first, second = sorted((reference, probe))
    text = f"{first}\n{second}\n{quality_control}"
    return hashlib.sha256(text.encode()).digest()[:COMPARISON_BYTES]
