"""Say where the project lies, and where its local servers keep their state and secrets."""

import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

STATE_VARIABLE = "MASKMATCH_STATE"


def project_root() -> Path:
    """Return the folder that holds pyproject.toml, dags/ and plugins/."""
    return Path(__file__).resolve().parents[1]


def state_directory() -> Path:
    """Return where demo and `make up` keep data, logs and secrets; the environment may name another."""
    return Path(os.environ.get(STATE_VARIABLE) or project_root() / ".state").absolute()


def kept_secret(file: Path, draw: Callable[[], str] = lambda: secrets.token_hex(32)) -> str:
    """Return the secret in the file, drawn at random the first time; only the file's owner can read it."""
    if not file.exists():
        keep_private(file, draw())
    return file.read_text().strip()


def keep_private(file: Path, text: str) -> None:
    """Write a file that its owner alone can read, unless it exists: whoever comes first decides."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # A temporary file has mode 600 from the start, and a link appears with its content or not at all.
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}.") as temporary:
        temporary.write(text)
        temporary.flush()
        with suppress(FileExistsError):
            file.hardlink_to(temporary.name)


def loopback_without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with loopback exempt from any proxy it names."""
    names = [environment.get("no_proxy") or environment.get("NO_PROXY", ""), "127.0.0.1", "localhost"]
    exempt = ",".join(name for name in names if name)
    return {**environment, "no_proxy": exempt, "NO_PROXY": exempt}
