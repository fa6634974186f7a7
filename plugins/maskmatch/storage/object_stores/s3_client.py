"""From settings to a boto3 client, safe for AWS S3, Tencent COS and SeaweedFS alike."""

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.client import Config
from botocore.exceptions import ProfileNotFound

from maskmatch.core.errors import WrongSetting
from maskmatch.core.shown import shown_value
from maskmatch.storage.object_stores.store_settings import AddressingStyle, StoreSettings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_ATTEMPTS = 3
"""Whoever can wait longer, as a run, begins anew until its patience ends."""
_SILENCE_SECONDS = 10
_MOST_CONNECTIONS = 64
"""Of one client: threads that load images share it."""
_COS = ".myqcloud.com"
"""COS takes path-style addresses only for buckets made before 2024:
https://www.tencentcloud.com/document/product/436/6224"""


def s3_config(*, addressing_style: AddressingStyle | None = None) -> Config:
    """Return client settings that COS accepts too.

    COS refuses the streaming checksums that boto3 adds since 1.36. SigV4 is asked for, or presigned URLs
    would be SigV2.
    """
    return Config(
        signature_version="s3v4",
        user_agent="maskmatch",  # boto3 puts its own together anew for each request, at a tenth of the cost
        s3={"addressing_style": addressing_style} if addressing_style else None,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        max_pool_connections=_MOST_CONNECTIONS,
        connect_timeout=5,
        read_timeout=_SILENCE_SECONDS,
    )


def s3_client(settings: StoreSettings) -> "S3Client":
    """Return a client; COS gets the bucket in the host, unless settings or an AWS profile say otherwise."""
    style = settings.addressing_style
    client = _client(settings, style)
    if "@" in client.meta.endpoint_url:  # one of the settings is refused before
        client.close()
        raise WrongSetting(
            "the endpoint in the files of AWS holds a user or a password: take them out, keys have lines of "
            "their own"
        )
    if style or _style_of_profile(settings) or not is_cos(client.meta.endpoint_url):
        return client
    client.close()  # only a client knows the endpoint that a profile names
    return _client(settings, "virtual")


def key_origin(settings: StoreSettings) -> str:
    """Return in words whose key the client uses."""
    if settings.access_key:
        return "the key entered here"
    if settings.profile:
        return f"the key of profile {settings.profile}"
    found = _session(settings).get_credentials()
    return f"the key that boto3 finds on this host ({found.method if found else 'none'})"


def is_cos(endpoint_url: str) -> bool:
    """Return True for an endpoint of Tencent COS."""
    return (urlsplit(endpoint_url).hostname or "").endswith(_COS)


def _client(settings: StoreSettings, style: AddressingStyle | None) -> "S3Client":
    client: S3Client = boto3.Session(botocore_session=_session(settings)).client(
        "s3",
        endpoint_url=settings.endpoint_url,
        region_name=settings.region,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        aws_session_token=settings.session_token,
        verify=settings.ca_bundle,
        config=s3_config(addressing_style=style),
    )
    client.meta.events.register("before-call.s3.HeadBucket", _as_redirected)
    return client


def _as_redirected(params: dict[str, Any], **_: object) -> None:
    """Keep boto3 from asking for a bucket's region in order to ask for a bucket's region, without an end.

    It does so where a store answers every request with a redirect that names no region.
    """
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def _session(settings: StoreSettings) -> botocore.session.Session:
    """Return a new session: one keeps the key that it found first; raise WrongSetting without its profile."""
    session = botocore.session.Session(profile=settings.profile)
    try:
        session.get_scoped_config()
    except ProfileNotFound:
        place = settings.profile_place if settings.profile else _variable_of_profile()
        raise WrongSetting(
            f"{place}: the files of AWS on this host have no profile {shown_value(session.profile)}: write "
            "one of theirs, or add it to them"
        ) from None
    return session


def _variable_of_profile() -> str:
    """Return where boto3 has found a profile by itself; it looks at two variables in this order."""
    names = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
    return f"variable {next((name for name in names if name in os.environ), names[-1])}"


def _style_of_profile(settings: StoreSettings) -> str | None:
    style: str | None = (_session(settings).get_scoped_config().get("s3") or {}).get("addressing_style")
    return style
