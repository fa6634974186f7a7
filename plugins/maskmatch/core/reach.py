"""What a manifest may name: else its author could send any object that we can read to the vendor."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

IMAGE_NOT_ALLOWED = "image_not_allowed"


@dataclass(frozen=True, slots=True)
class Reach:
    """Buckets and hosts of images beside the source: names, or patterns such as faces-* and *.example.com."""

    buckets: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def what_is_wrong(self, image_id: str, *, source: str) -> str | None:
        """Return why an image must not be sent, with the cure; None for one of the source or one allowed."""
        scheme, separator, rest = image_id.partition("://")
        if not separator:
            return None
        if scheme == "s3":
            bucket = rest.partition("/")[0]
            is_ours = source.startswith("s3://") and bucket == source.removeprefix("s3://").partition("/")[0]
            return None if is_ours else _refusal("bucket", bucket, self.buckets)
        return _refusal("host", _host(image_id), self.hosts)


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def _refusal(kind: str, name: str, allowed: tuple[str, ...]) -> str | None:
    if name and any(fnmatchcase(name, pattern) for pattern in allowed):
        return None
    return f"{kind} {name!r} is not one that manifests may name: add it to image_{kind}s if it may be sent"
