"""What people write first, for comparison: a thread pool over the vendor's SDK, with libraries for the rest.

tenacity tries again, pyrate-limiter keeps to the rate (in this process, or through Redis for several), and a
file of results, one JSON line each, tells a restart what is done. Images lie in a folder.
"""

import json
import resource
import threading
from base64 import b64encode
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from pyrate_limiter import GCRA, Duration, Limiter, Rate, RedisStateStore, StateBucket
from redis import Redis
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.iai.v20200303.iai_client import IaiClient
from tencentcloud.iai.v20200303.models import CompareMaskFaceRequest

from benchmarks.account import sdk_client
from benchmarks.dataset import NumberedPair, image_key
from maskmatch.tencent import Account

TRIES = 8


@dataclass(frozen=True, kw_only=True)
class PlainClient:
    """How the peer compares. `limiter_store`: the address of a Redis that several processes share."""

    account: Account
    images: Path
    results: Path
    threads: int
    limiter_store: str | None = None
    flushes: bool = True


def compare_rest(plain: PlainClient, pairs: Iterable[NumberedPair]) -> float:
    """Compare the pairs that have no result yet; return the processor seconds of this process."""
    done = {row["pair_id"] for row in read_results(plain.results)}
    caller = _Caller(plain)
    buffering = 1 if plain.flushes else -1
    with (
        ThreadPoolExecutor(plain.threads) as pool,
        plain.results.open("a", buffering=buffering) as results,
    ):
        calls = {pool.submit(caller.score, pair): pair for pair in pairs if pair.pair_id not in done}
        for call in as_completed(calls):
            row = {"pair_id": calls[call].pair_id, "score": None if call.exception() else call.result()}
            results.write(json.dumps(row) + "\n")
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def read_results(results: Path) -> list[dict[str, object]]:
    """Return the rows that can be read; a kill may have torn one."""
    rows = []
    for line in results.read_text().splitlines() if results.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


class _Caller:
    """Makes calls from many threads, each thread with its own client, as the SDK asks for."""

    def __init__(self, plain: PlainClient) -> None:
        self._plain = plain
        self._limiter = _limiter(plain)
        self._own = threading.local()

    def score(self, pair: NumberedPair) -> float:
        """Return the score; raise the SDK's error after the last try."""
        retrying = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=wait_random_exponential(multiplier=0.25, max=8),
            retry=retry_if_exception_type((TencentCloudSDKException, ValueError)),
            reraise=True,
        )
        return float(retrying(self._call, pair))

    def _call(self, pair: NumberedPair) -> float:
        request = CompareMaskFaceRequest()
        request.ImageA, request.ImageB = self._base64(pair.reference), self._base64(pair.probe)
        self._limiter.try_acquire("calls")
        score: float = self._client().CompareMaskFace(request).Score
        return score

    def _base64(self, number: int) -> str:
        return b64encode((self._plain.images / image_key(number)).read_bytes()).decode()

    def _client(self) -> IaiClient:
        if not hasattr(self._own, "client"):
            self._own.client = sdk_client(self._plain.account)
        client: IaiClient = self._own.client
        return client


def _limiter(plain: PlainClient) -> Limiter:
    quota = int(plain.account.calls_per_second)
    if plain.limiter_store is None:
        return Limiter(Rate(quota, Duration.SECOND))
    rate = Rate(quota, Duration.SECOND, burst=max(1, quota // 10))
    store = RedisStateStore(Redis.from_url(plain.limiter_store), "bench")
    return Limiter(StateBucket([rate], GCRA(), store), buffer_ms=2)
