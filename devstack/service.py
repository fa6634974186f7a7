"""The local CompareMaskFace service as a process of its own, on loopback."""

import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import httpx

from devstack.loopback import TLS, HttpServer

_SECRET_ID = "AKIDmaskmatch"  # noqa: S105 - a name, as the vendor calls it; the secret is drawn at random
_REPEATED = frozenset({"faults", "limits"})


class ServiceOptions(TypedDict, total=False):
    """The options that `python -m comparemaskface --help` explains, with its defaults but for two.

    `meter` and `allow_private_urls` are true unless said otherwise. `faults` and `limits` stand for several
    `--fault` and `--limit`: ["internal@0.01", "slow=0.4,0.5"] and {"uin": 40}.
    """

    scores: Literal["model", "hash"]
    workers: int | None
    models: Path | None
    latency_ms: int
    calls_per_second: int
    limits: Mapping[str, int]
    counting: Literal["calendar", "sliding", "bucket"]
    burst: int
    accounts: Path | None
    meter: bool
    allow_private_urls: bool
    strict_region: bool
    no_page: bool
    faults: Sequence[str]
    fault_seed: int
    fault_by: Literal["call", "pair"]
    faults_per_pair: int
    capacity: str | None
    admin: bool


class LocalService(HttpServer):
    """The service, which runs while the `with` block runs; `directory` keeps its secret and its log.

    Each start begins with an empty meter and with the faults of the options. Addresses of pictures may be
    on loopback, where the local store is.
    """

    def __init__(
        self, directory: Path, *, port: int | None = None, **options: Unpack[ServiceOptions]
    ) -> None:
        super().__init__(directory, port=port, name="service", health="/health")
        accounts = options.get("accounts")
        self._accounts = accounts.absolute() if accounts else None
        self._arguments = _arguments({"meter": True, "allow_private_urls": True, **options})

    @property
    def endpoint(self) -> str:
        """Return host and port, as the vendor's SDK wants them; the protocol is http."""
        return self.url.removeprefix("http://")

    @property
    def secret_id(self) -> str:
        """Return the SecretId that callers sign with; of a file of accounts, the first."""
        return _first_key(self._accounts)["secret_id"] if self._accounts else _SECRET_ID

    @property
    def secret_key(self) -> str:
        """Return its SecretKey."""
        return _first_key(self._accounts)["secret_key"] if self._accounts else super().secret_key

    def meter(self, *, with_calls: bool = False) -> dict[str, Any]:
        """Return what was accepted, billed and paid twice; on request also each call."""
        return self._ask("GET", "/meter", params={"calls": 1} if with_calls else {})

    def reset_meter(self) -> None:
        """Set all counts to nothing, and give back money that accounts have spent."""
        self._ask("DELETE", "/meter")

    def faults(self) -> dict[str, Any]:
        """Return the plan in force and to how many calls each fault was applied since; needs `admin`."""
        return self._ask("GET", "/faults")

    def set_faults(
        self,
        faults: Sequence[str],
        *,
        seed: int = 0,
        by: Literal["call", "pair"] = "call",
        per_pair: int = 0,
    ) -> None:
        """Replace the whole plan of faults until the next start; needs `admin`.

        Raises ValueError for a plan that the service refuses.
        """
        plan = {"faults": list(faults), "seed": seed, "by": by, "per_pair": per_pair}
        self._ask("POST", "/faults", json=plan)

    def set_capacity(self, capacity: str | None) -> None:
        """Let it manage so much from now on, None for no limit; needs `admin`."""
        self._ask("POST", "/capacity", json={"capacity": capacity})

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        response = httpx.request(
            method, f"{self.url}{path}", trust_env=False, timeout=60, verify=TLS, **request
        )
        if response.status_code == httpx.codes.BAD_REQUEST:
            raise ValueError(response.json()["error"])
        answer: dict[str, Any] = response.raise_for_status().json()
        return answer

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "comparemaskface", f"--port={self._port}", *self._arguments]

    def _variables(self) -> dict[str, str]:
        if self._accounts:
            return {}
        return {
            "MASKMATCH_SERVICE_SECRET_ID": self.secret_id,
            "MASKMATCH_SERVICE_SECRET_KEY": self.secret_key,
        }


def _first_key(accounts: Path) -> dict[str, str]:
    key: dict[str, str] = tomllib.loads(accounts.read_text())["account"][0]["key"][0]
    return key


def _arguments(options: ServiceOptions) -> list[str]:
    """Return the options as words of the command line."""
    faults = [f"--fault={fault}" for fault in options.get("faults", ())]
    limits = [f"--limit={scope}={calls}" for scope, calls in options.get("limits", {}).items()]
    others = [_argument(name, value) for name, value in options.items() if name not in _REPEATED]
    return [*faults, *limits, *filter(None, others)]


def _argument(name: str, value: object) -> str | None:
    """Return one option, None when there is nothing to say."""
    option = f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return None
    if value is True:
        return option
    return f"{option}={value.absolute() if isinstance(value, Path) else value}"
