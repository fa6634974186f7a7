"""From the errors of boto3 to a rule of the table `core/store_codes.csv`."""

import socket

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ResponseStreamingError,
    SSLError,
)

from maskmatch.core.store_troubles import StoreRule, store_rule

_OF_BOTO = {
    NoCredentialsError: "no_credentials",
    PartialCredentialsError: "no_credentials",
    ParamValidationError: "invalid_address",
    IncompleteReadError: "broken_off",
    ResponseStreamingError: "broken_off",
}
_EXISTS = {"PreconditionFailed", "412", "FileAlreadyExists"}
_NO_CONDITIONS = {"NotImplemented", "MethodNotAllowed"}
_NO_CONDITIONS_STATUS = {405, 501}


def rule_of(error: BotoCoreError | ClientError) -> StoreRule:
    """Return what an error means."""
    if isinstance(error, ClientError):
        return store_rule(code_of(error), status=_status_of(error))
    if isinstance(error, SSLError):
        return store_rule(_tls_code(str(error)))
    if isinstance(error, EndpointConnectionError) and _is_unknown(error.kwargs.get("error")):
        return store_rule("unknown_host")
    return store_rule(
        next((code for kind, code in _OF_BOTO.items() if isinstance(error, kind)), "unreachable")
    )


def code_of(error: ClientError) -> str:
    """Return the code that the store gave, empty where it gave none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def says_it_exists(error: ClientError) -> bool:
    """Return True if a conditional write met an object that it was not to replace."""
    return code_of(error) in _EXISTS


def knows_no_conditions(error: ClientError) -> bool:
    """Return True if this answer to a create-only write means that the store has none."""
    return code_of(error) in _NO_CONDITIONS or _status_of(error) in _NO_CONDITIONS_STATUS


def _status_of(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)


def _tls_code(text: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "certificate"
    return "no_tls" if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text else "unreachable"


def _is_unknown(cause: object) -> bool:
    return isinstance(cause, Exception) and isinstance(cause.__cause__, socket.gaierror)
