"""States of an account: rights, addresses, standing, balance, rate limits."""

from collections.abc import Iterator
from functools import partial

from comparemaskface.accounts.account import Standing

from tests.comparemaskface.contract.by_hand import SCORED, Answer
from tests.comparemaskface.contract.by_sdk import by_sdk
from tests.comparemaskface.contract.case import Case
from tests.comparemaskface.contract.world import World

STANDINGS = {
    "arrears": "ResourceUnavailable.InArrears",
    "low_balance": "ResourceUnavailable.LowBalance",
    "frozen": "ResourceUnavailable.Freeze",
    "not_activated": "ResourceUnavailable.NotExist",
    "not_ready": "ResourceUnavailable.NotReady",
    "stopped": "ResourceUnavailable.StopUsing",
    "delivering": "ResourceUnavailable.Delivering",
    "reclaimed": "ResourceUnavailable.Recover",
    "unknown": "ResourceUnavailable.UnknownStatus",
    "no_auth_info": "ResourceUnavailable.GetAuthInfoError",
    "charge_exception": "ResourceUnavailable.ChargeStatusException",
    "charge_sold_out": "ResourcesSoldOut.ChargeStatusException",
    "active": SCORED,
}
TIMES = "Your current request times equals to `{}` in a second, which exceeds the frequency limit `{}`"


def account_cases() -> Iterator[Case]:
    yield from _right_cases()
    for standing in Standing:
        name = standing.name.lower()
        yield Case(f"account {name}", STANDINGS[name], partial(_call, name))
    yield from _balance_cases()
    yield from _limit_cases()


def _call(
    name: str, w: World, *, times: int = 1, region: str = "ap-guangzhou", language: str = "en-US"
) -> Answer:
    """Call so often with the SDK, and return the last answer."""
    answers = [by_sdk(w.plain, w.credential(name), region=region, language=language) for _ in range(times)]
    return answers[-1]


def _right_cases() -> Iterator[Case]:
    no_right = (
        "[request id:{request_id}]you are not authorized to perform operation (iai:CompareMaskFace)\n"
        "resource (qcs::iai:ap-guangzhou:uin/%s:*) has no permission\n"
    )
    yield Case(
        "account without permission",
        "UnauthorizedOperation",
        partial(_call, "denied"),
        no_right % "100000000001",
    )
    yield Case(
        "key without permission",
        "AuthFailure.UnauthorizedOperation",
        partial(_call, "deniedkey"),
        no_right % "100000000042",
    )
    yield Case("blocked address", "IpInBlacklist", partial(_call, "blocked"))
    yield Case("address not on the list", "IpNotInWhitelist", partial(_call, "unlisted"))
    yield Case("address on the list", SCORED, partial(_call, "listed"))


def _balance_cases() -> Iterator[Case]:
    for name, calls in (("twocalls", 2), ("twofen", 2), ("freefirst", 3)):
        yield Case(f"{name}: the last call paid for", SCORED, partial(_call, name, times=calls))
        act = partial(_call, f"{name}-again", times=calls + 1)
        yield Case(f"{name}: the next one", "ResourceUnavailable.InArrears", act)


def _limit_cases() -> Iterator[Case]:
    for counting in ("calendar", "sliding", "bucket"):
        yield Case(f"{counting}: within the limit", SCORED, partial(_call, counting, times=2))
        says = TIMES.format(3, 2)
        act = partial(_call, f"{counting}-again", times=3)
        yield Case(f"{counting}: above it", "RequestLimitExceeded", act, says)
        chinese = "您当前每秒请求 `4` 次，超过了每秒频率上限 `2`，请稍后重试。"
        act = partial(_call, f"{counting}-chinese", times=4, language="zh-CN")
        yield Case(f"{counting}: above it, in Chinese", "RequestLimitExceeded", act, chinese)
    for scope, code in (
        ("region", "RequestLimitExceeded"),
        ("uin", "RequestLimitExceeded.UinLimitExceeded"),
        ("global", "RequestLimitExceeded.GlobalRegionUinLimitExceeded"),
        ("ip", "RequestLimitExceeded.IPLimitExceeded"),
    ):
        yield Case(f"limit per {scope}", code, partial(_call, f"per{scope}", times=2), TIMES.format(2, 1))
    yield Case("limit per region, the next region", SCORED, partial(_call_elsewhere, "perregion-again"))
    code = "RequestLimitExceeded.GlobalRegionUinLimitExceeded"
    yield Case("limit over all regions, the next region", code, partial(_call_elsewhere, "perglobal-again"))


def _call_elsewhere(name: str, w: World) -> Answer:
    _call(name, w)
    return _call(name, w, region="ap-beijing")
