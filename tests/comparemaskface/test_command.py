"""The service as a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from comparemaskface.__main__ import main
from comparemaskface.command import SECRET_ID_VARIABLE, SECRET_KEY_VARIABLE
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from tests.comparemaskface.service import (
    SECRET_ID,
    SECRET_KEY,
    SETTINGS,
    accepted_calls,
    compare,
    sdk_client,
)
from tests.waiting import wait_until

COMMAND = [sys.executable, "-m", "comparemaskface"]
CREDENTIAL = {SECRET_ID_VARIABLE: SECRET_ID, SECRET_KEY_VARIABLE: SECRET_KEY}
NO_CREDENTIAL = {name: value for name, value in os.environ.items() if name not in CREDENTIAL}


@contextmanager
def service(*options: str, command: Sequence[str] = COMMAND) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the service on a free port; yield the process and the address it prints."""
    process = subprocess.Popen(
        [*command, "--port", "0", *options],
        env=NO_CREDENTIAL | CREDENTIAL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().split()[-1]
    finally:
        process.kill()
        process.communicate()


Refused = Callable[..., str]


@pytest.fixture
def refused(
    process_logging: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Refused:
    """Return what calls the command with options that it refuses before it sets up the process."""
    monkeypatch.setattr(os, "environ", NO_CREDENTIAL.copy())

    def call(*options: str, **environment: str) -> str:
        os.environ.update(environment)
        monkeypatch.setattr(sys, "argv", ["comparemaskface", *options])
        try:
            code: object = main()
        except SystemExit as end:
            code = end.code
        for name in environment:
            del os.environ[name]
        assert code == 2
        return capsys.readouterr().err

    return call


def does_not_start(*options: str, **environment: str) -> str:
    result = subprocess.run(
        [*COMMAND, *options],
        env=NO_CREDENTIAL | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_signal_to_stop_lets_the_call_under_way_be_answered() -> None:
    with (
        service("--scores", "hash", "--latency-ms", "700", "--meter") as (process, address),
        sdk_client(address) as client,
        ThreadPoolExecutor(1) as thread,
    ):
        call = thread.submit(compare, client)
        wait_until(lambda: accepted_calls(address), "the call is accepted")
        process.send_signal(signal.SIGTERM)
        assert call.result(timeout=20).Score is not None
        assert process.wait(timeout=20) == 0


def test_a_signal_that_comes_at_once_is_not_lost() -> None:
    with service("--scores", "hash") as (process, _):
        process.terminate()
        assert process.wait(timeout=20) == 0


def test_the_credential_shows_nowhere_in_the_output() -> None:
    with service("--scores", "hash") as (process, address):
        with sdk_client(address) as client:
            compare(client, UrlA="http://p.test/1?sign=SECRETSIGN", UrlB="http://p.test/2")
        process.terminate()
        output = "".join(process.communicate(timeout=20))
    assert "code=Scored" in output
    for secret in (SECRET_ID, SECRET_KEY, "SECRETSIGN"):
        assert secret not in output


def test_it_does_not_start_without_a_credential(refused: Refused) -> None:
    assert f"set {SECRET_ID_VARIABLE}" in refused("--scores", "hash")
    message = refused("--scores", "hash", "--secret-id", SECRET_ID)
    assert f"set {SECRET_KEY_VARIABLE}" in message
    assert f"set {SECRET_KEY_VARIABLE}" in refused(
        "--scores", "hash", **CREDENTIAL | {SECRET_KEY_VARIABLE: ""}
    )


def test_it_says_what_is_wrong_with_its_options(refused: Refused, tmp_path: Path) -> None:
    assert "a whole number from 0" in refused("--calls-per-second", "-1", **CREDENTIAL)
    assert "a whole number from 1" in refused("--workers", "0", **CREDENTIAL)
    assert "must be one of model, hash" in refused("--scores", "dice", **CREDENTIAL)
    assert "cannot start" in does_not_start("--scores", "hash", "--port", "99999", **CREDENTIAL)
    assert "cannot start" in does_not_start("--models", str(tmp_path), **CREDENTIAL)
    assert "a scope of region, uin, global, ip" in refused("--limit", "vpc=1", **CREDENTIAL)
    assert "a whole number from 0" in refused("--limit", "ip=-1", **CREDENTIAL)


def test_it_says_what_is_wrong_with_a_file_of_accounts(refused: Refused, tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    options = ("--scores", "hash", "--accounts", os.fspath(file))
    assert "No such file" in does_not_start(*options)
    file.write_text("[[account]]")
    assert "`name` is missing" in does_not_start(*options)
    for option in ("--secret-id", "--secret-key"):
        assert "takes the place of" in refused(*options, option, "x")


def test_it_serves_the_accounts_of_a_file_without_another_credential() -> None:
    example = Path(__file__).parents[2] / "docs" / "accounts.example.toml"
    with (
        service("--scores", "hash", "--accounts", os.fspath(example)) as (_, address),
        sdk_client(address, secret_id="AKIDtrial", secret_key="choose-a-third") as client,
    ):
        assert compare(client).Score is not None


def test_the_way_of_counting_and_further_limits_are_options() -> None:
    options = ("--counting", "bucket", "--burst", "2", "--calls-per-second", "1", "--limit", "ip=3")
    with service("--scores", "hash", "--meter", *options) as (_, address), sdk_client(address) as client:
        codes = []
        for _ in range(20):
            try:
                compare(client)
                codes.append("Scored")
            except TencentCloudSDKException as error:
                codes.append(error.get_code())
    assert codes[:2] == ["Scored", "Scored"]
    assert "RequestLimitExceeded" in codes


def test_hash_mode_starts_without_opencv_or_pillow() -> None:
    script = (
        "import sys; sys.modules['cv2'] = sys.modules['PIL'] = sys.modules['numpy'] = None;"
        "from comparemaskface.__main__ import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", script]
    with service("--scores", "hash", command=command) as (_, address), sdk_client(address) as client:
        assert compare(client).Score is not None


def test_help_names_every_option_and_shows_no_secret() -> None:
    result = subprocess.run(
        [*COMMAND, "--help"], env=NO_CREDENTIAL | CREDENTIAL, capture_output=True, text=True, check=True
    )
    for option in ("--calls-per-second", "--scores", "--latency-ms", "--meter", "--allow-private-urls"):
        assert option in result.stdout
    assert SECRET_KEY not in result.stdout


def test_settings_do_not_show_the_credential() -> None:
    shown = repr(SETTINGS)
    assert SECRET_ID not in shown
    assert SECRET_KEY not in shown
