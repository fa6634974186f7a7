"""Who calls: clock, SecretId, token and signature, in this order.

The vendor does not document the order of its checks; this one fits the answers that its users report.
"""

from datetime import timedelta

from comparemaskface.accounts.account import Account, Accounts, Key
from comparemaskface.wire.common_parameters import CommonParameters
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a timestamp may be off (https://cloud.tencent.com/document/api/867/44976)."""


def authenticate(parameters: CommonParameters, accounts: Accounts, *, now: float) -> Account:
    """Return the account whose key signed the request; refuse an unsigned or outdated one."""
    account, key = identify(parameters, accounts, now=now)
    if not parameters.is_signed_with(key.secret_key):
        raise ServiceError(VendorError.WRONG_SIGNATURE)
    return account


def identify(parameters: CommonParameters, accounts: Accounts, *, now: float) -> tuple[Account, Key]:
    """Return the account and the key that the request names, before its signature is verified."""
    if abs(now - int(parameters.timestamp)) > CLOCK_TOLERANCE.total_seconds():
        raise ServiceError(VendorError.EXPIRED)
    account, key = accounts.find(parameters.secret_id)
    key.check_kind()
    key.check_token(parameters.token, now=now)
    return account, key
