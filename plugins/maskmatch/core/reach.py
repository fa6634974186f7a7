"""What a manifest may name: else its author could send any object that we can read to the vendor."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from maskmatch.core.image_ids import what_is_wrong
from maskmatch.core.shown import shown

_ADDRESS = re.compile(
    r"https://(?P<host>[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\.?)(:(?P<port>[0-9]{1,5}))?"
    r"(/[!\"$-\[\]-~]*)?",
    re.ASCII,
)
"""No user, no blank, no backslash, no escape in the host, and no fragment, which no server gets."""
IMAGE_NOT_ALLOWED = "image_not_allowed"


@dataclass(frozen=True, slots=True)
class Reach:
    """Buckets and hosts of images beside the source: names, or patterns such as faces-* and *.example.com."""

    buckets: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return in words what rows may name."""
        buckets = f", images of the buckets {', '.join(self.buckets)}" if self.buckets else ""
        hosts = f", https:// addresses of the hosts {', '.join(self.hosts)}" if self.hosts else ""
        rest = "" if buckets or hosts else " alone"
        return f"rows may name images of the source{rest}{buckets}{hosts}"

    def what_is_wrong(self, image_id: str, *, source: str) -> str | None:
        """Return why an image must not be sent, with the cure; None for one of the source or one allowed."""
        scheme, separator, rest = image_id.partition("://")
        if separator and scheme != "s3":
            return _refusal("host", _host(image_id), self.hosts)
        if wrong := what_is_wrong(image_id):
            return wrong
        if not is_elsewhere(image_id, source=source):
            return None
        return _refusal("bucket", rest.partition("/")[0], self.buckets)


def is_elsewhere(image_id: str, *, source: str) -> bool:
    """Return True for an image in a bucket that is not the source's, which may be a folder."""
    return image_id.startswith("s3://") and _bucket(image_id) != _bucket(source)


def _bucket(address: str) -> str | None:
    return address.removeprefix("s3://").partition("/")[0] if address.startswith("s3://") else None


def _host(address: str) -> str:
    """Return the host of an https address; nothing where some reader may see another host in it."""
    found = _ADDRESS.fullmatch(address)
    is_sound = found and (found["port"] is None or 0 < int(found["port"]) < 65536)
    return found["host"].rstrip(".").lower() if found and is_sound else ""


def _refusal(kind: str, name: str, allowed: tuple[str, ...]) -> str | None:
    if name and any(fnmatchcase(name, pattern) for pattern in allowed):
        return None
    if not name:
        return "an address is https://host/path, in which every reader sees the same host"
    return (
        f"{kind} {shown(name)} is not one that manifests may name: add it to image_{kind}s if it may be sent"
    )
