"""The account that may call the local service, and the vendor's client for it."""

from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.iai.v20200303.iai_client import IaiClient

from devstack.service import LocalService
from maskmatch.tencent import Account


def account_of(service: LocalService, *, calls_per_second: float) -> Account:
    """Return the account of a service, with the rate that its callers keep to."""
    return Account(
        secret_id=service.secret_id,
        secret_key=service.secret_key,
        endpoint=service.endpoint,
        protocol="http",
        calls_per_second=calls_per_second,
    )


def sdk_client(account: Account) -> IaiClient:
    """Return a client as the vendor's examples make it; each thread needs its own."""
    http = HttpProfile(protocol=account.protocol, endpoint=account.endpoint)
    credential = Credential(account.secret_id, account.secret_key)
    return IaiClient(credential, account.region, ClientProfile(httpProfile=http))
