"""From an address to a coordinator."""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from maskmatch.core.clock import Clock
from maskmatch.core.endpoints import problem_of
from maskmatch.core.errors import InputError
from maskmatch.core.rate_by_hour import EVEN, RateByHour
from maskmatch.core.renamed import VARIABLES, refuse_renamed
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.steps.document import SharedDocument
from maskmatch.permits.stores.default_file import check_alone, check_former, claim, default_file, user_name
from maskmatch.permits.stores.sqlite import SqliteDocument

INTERFACE_GROUP = "face-comparison"
_FORMS = "sqlite:////absolute/path/of/a/file, redis://host:port/number or postgresql://user@host/database"
_NUMBER, _DATABASE = re.compile(r"(/[0-9]{0,5})?"), re.compile(r"(/[^/]*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPES = "@, /, ? and # in a password as %40, %2F, %3F and %23"


def quota_key(secret_id: str) -> str:
    """Return the name of the timeline of an account, known by its id or by its only SecretId.

    The vendor limits the whole group of interfaces.

    The SecretId itself is not kept. Source: https://cloud.tencent.com/document/product/867/50269
    """
    return f"{INTERFACE_GROUP}:{hashlib.sha256(secret_id.encode()).hexdigest()[:16]}"


def permit_store_variable() -> str | None:
    """Return what MASKMATCH_PERMIT_STORE holds, None for nothing and for blanks."""
    return os.environ.get("MASKMATCH_PERMIT_STORE", "").strip() or None


def permit_store_address(given: str | None) -> str:
    """Return the given address, else that in MASKMATCH_PERMIT_STORE, else a file of this user on this host.

    Raise InputError while a variable or a file still has its former name.
    """
    refuse_renamed(os.environ, VARIABLES, kind="variable")
    if named := given or permit_store_variable():
        return named.strip()
    check_former(default_file())
    return f"sqlite:///{default_file()}"


def is_default(uri: str) -> bool:
    """Return True for the address of the file that a user has who names none."""
    return uri == f"sqlite:///{default_file()}"


def claim_default(uri: str, *, secret_id: str) -> str:
    """Prove that an account is paid for through one default file of this host; return what it is shared by.

    Nothing is returned, nor proven, for an address that is not the default. Raise WrongSetting.
    """
    if not is_default(uri):
        return ""
    claim(default_file(), quota_key(secret_id))
    return f"permit store {uri}: shared only by processes of user {user_name()} on host {os.uname().nodename}"


def check_default(uri: str, *, secret_id: str) -> None:
    """Raise WrongSetting where `claim_default` would, and leave nothing behind."""
    if is_default(uri):
        check_alone(default_file(), quota_key(secret_id))


def open_coordinator(
    uri: str,
    *,
    secret_id: str,
    calls_per_second: float,
    clock: Clock,
    rate_by_hour: RateByHour = EVEN,
) -> PermitCoordinator:
    """Return a coordinator over the permit store at an address, without connecting; raise InputError."""
    document = _document(uri, quota_key(secret_id), clock)
    return PermitCoordinator(document, calls_per_second=calls_per_second, rate_by_hour=rate_by_hour)


def with_password(address: str, password: str) -> str:
    """Return the address with the password of its permit store; raise InputError if it can have no such."""
    parts = _split(address)
    if parts.scheme == "sqlite":
        raise InputError(f"the permit store {shown(parts)} is a file, which has no password: leave it empty")
    if parts.password or re.search(r"(^|&)password=", parts.query):
        raise InputError(
            f"the address of the permit store {shown(parts)} holds a password, too: take it out there"
        )
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:{quote(password, safe='')}@{host}"))


def _document(uri: str, key: str, clock: Clock) -> SharedDocument:
    parts = _split(uri)
    address = shown(parts)
    if parts.scheme == "sqlite":
        return SqliteDocument(_file(parts), quota_key=key, clock=clock)
    if "@" in f"{parts.path}{parts.query}{parts.fragment}":  # a part of the password may seem to be the host
        raise InputError(f"the permit store's address cannot be read: write {_ESCAPES}")
    if parts.scheme in ("redis", "rediss") and parts.hostname:
        from maskmatch.permits.stores.redis import RedisDocument  # noqa: PLC0415 - only who uses it needs it

        _check_server(uri, parts, _NUMBER)
        _check_options(parts, RedisDocument.takes_option)
        return RedisDocument(uri, address=address, quota_key=key, clock=clock)
    if parts.scheme in ("postgresql", "postgres") and parts.hostname:
        from maskmatch.permits.stores.postgres import PostgresDocument  # noqa: PLC0415 - the same

        _check_server(uri, parts, _DATABASE)
        _check_options(parts, PostgresDocument.takes_option)
        return PostgresDocument(uri, address=address, quota_key=key, clock=clock)
    raise InputError(f"{address!r} is not the address of a permit store: give {_FORMS}")


def _split(uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        _ = parts.port  # raises for an invalid port
    except ValueError:
        raise InputError(f"the permit store's address cannot be read: give {_FORMS}") from None
    return parts


def _file(parts: SplitResult) -> Path:
    """Return the absolute path of sqlite:////path, in which escapes are read; raise InputError."""
    address = shown(parts)
    if parts.query or parts.fragment:
        raise InputError(f"the permit store's address {address} holds ? or #: in a path write %3F and %23")
    path = unquote(parts.path[1:])
    if parts.netloc or not path.strip("/") or not path.startswith("/") or _CONTROL.search(path):
        raise InputError(f"{address!r} is not the address of a permit store: give {_FORMS}")
    return Path(path)


def _check_server(uri: str, parts: SplitResult, names: re.Pattern[str]) -> None:
    """Raise InputError for what the store's client would leave out, or read as another address."""
    address = shown(parts)
    if parts.fragment:
        raise InputError(f"the permit store's address {address} holds a #: write {_ESCAPES}")
    host_port = parts.netloc.rpartition("@")[2].lower()
    is_socket = host_port.startswith("%2f")  # the folder of a socket of Postgres
    problem = None if is_socket else problem_of(host_port)
    if not problem and re.search(r"\s", uri):
        problem = "holds a blank"
    if not problem and not names.fullmatch(parts.path):
        problem = f"holds {parts.path!r} after the host"
    if problem:
        raise InputError(f"the permit store's address {address} {problem}: give {_FORMS}")


def _check_options(parts: SplitResult, takes: Callable[[str, str], bool]) -> None:
    """Raise InputError for an option of the address with which the store's client can do nothing."""
    options = filter(None, parts.query.split("&"))
    unknown = next((option for option in options if not takes(parts.scheme, option)), None)
    if unknown is None:
        return
    name, equals, _ = unknown.partition("=")
    # Without = it may be anything, such as the rest of a password.
    named = repr(name) if equals and name.isidentifier() else "not written as name=value"
    raise InputError(
        f"the permit store's address {shown(parts)} has an option ({named}) that is unknown or whose value "
        "is not valid: correct it or leave it out"
    )


def shown(parts: SplitResult) -> str:
    """Return an address as it may be shown: without user, password and options, however it was typed."""
    _, _, place = f"{parts.netloc}{parts.path}".rpartition("@")
    return f"{parts.scheme}://{place}"
