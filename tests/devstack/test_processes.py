import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from devstack.processes import ChildFailedError, ChildProcess, PortTakenError, free_ports, own_port
from tests.devstack.processes_seen import family, is_running
from tests.waiting import wait_until

pytestmark = pytest.mark.server

# A process in a session of its own, whose parent waits for it, and tells its id in the log.
FAMILY = ["sh", "-c", "setsid sleep 600 & echo $!; wait"]
ASKER = """
import sys, time
from pathlib import Path
from devstack.processes import ChildProcess
with ChildProcess(sys.argv[2:], log=Path(sys.argv[1])) as child:
    print(child.pid, flush=True)
    time.sleep(600)  # until it is killed
"""


def grandchild(log: Path) -> int:
    wait_until(lambda: log.read_text().endswith("\n"), f"a line in {log}", seconds=10)
    return int(log.read_text())


def test_the_output_of_a_child_is_in_its_log(tmp_path):
    with ChildProcess(["sh", "-c", "echo out; echo err >&2"], log=tmp_path / "logs" / "it.log") as child:
        child.wait(seconds=10)
    assert child.log.read_text() == "out\nerr\n"


def test_a_child_gets_the_environment_and_the_folder_it_is_given(tmp_path):
    environment = {"PATH": os.environ["PATH"], "COLOUR": "green"}
    command = ["sh", "-c", "echo $COLOUR; pwd"]
    with ChildProcess(command, log=tmp_path / "log", environment=environment, directory=tmp_path) as child:
        child.wait(seconds=10)
    assert child.log.read_text() == f"green\n{tmp_path}\n"


def test_a_child_that_fails_is_reported_at_once_with_the_end_of_its_log(tmp_path):
    before = time.monotonic()
    with (
        ChildProcess(["sh", "-c", "seq 1 100; exit 3"], log=tmp_path / "it.log") as child,
        pytest.raises(ChildFailedError) as caught,
    ):
        child.wait_until(lambda: False, seconds=60)
    assert time.monotonic() - before < 10  # at once, not after its 60 s
    assert f"it ended with exit code 3; the end of {tmp_path / 'it.log'}" in str(caught.value)
    assert str(caught.value).splitlines()[1:] == [f"  {number}" for number in range(86, 101)]


def test_a_child_that_is_never_ready_is_given_up_and_stopped(tmp_path):
    with (
        pytest.raises(ChildFailedError, match=r"not ready after 0\.2 s"),
        ChildProcess(["sleep", "600"], log=tmp_path / "log") as child,
    ):
        child.wait_until(lambda: False, seconds=0.2)
    assert not is_running(child.pid)


def test_a_command_that_does_not_exist_is_named(tmp_path):
    with (
        ChildProcess(["/no/such/program"], log=tmp_path / "log") as child,
        pytest.raises(ChildFailedError, match=r"exit code 127.*\n.*cannot start /no/such/program"),
    ):
        child.wait(seconds=10)


def test_a_command_that_takes_too_long_is_given_up(tmp_path):
    with (
        ChildProcess(["sleep", "600"], log=tmp_path / "log") as child,
        pytest.raises(ChildFailedError, match=r"not finished after 0\.2 s"),
    ):
        child.wait(seconds=0.2)


def test_stopping_ends_descendants_in_sessions_of_their_own(tmp_path):
    with ChildProcess(FAMILY, log=tmp_path / "log") as child:
        far = grandchild(child.log)
        assert is_running(far)
    assert child.exit_code == 128 + signal.SIGTERM
    assert not is_running(child.pid)
    assert not is_running(far)


def test_a_child_that_ignores_sigterm_is_killed(tmp_path):
    deaf = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"]
    with ChildProcess(deaf, log=tmp_path / "log", patience_seconds=0.3) as child:
        child.wait_until(lambda: child.log.read_text() == "deaf\n", seconds=10)
    assert child.exit_code == 128 + signal.SIGKILL


def test_a_child_that_loses_a_sigterm_is_asked_again_before_it_is_killed(tmp_path):
    forgetful = ["sh", "-c", "trap 'trap - TERM' TERM; echo set; while :; do sleep 0.05; done"]
    with ChildProcess(forgetful, log=tmp_path / "log", patience_seconds=4) as child:
        child.wait_until(lambda: child.log.read_text() == "set\n", seconds=10)
    assert child.exit_code == 128 + signal.SIGTERM


def test_a_killed_child_takes_its_descendants_with_it(tmp_path):
    with ChildProcess(FAMILY, log=tmp_path / "log") as child:
        far = grandchild(child.log)
        child.kill()
        assert child.exit_code == 128 + signal.SIGKILL
        assert not is_running(far)


def test_nothing_is_there_to_kill_before_the_start_and_after_the_end(tmp_path):
    child = ChildProcess(["true"], log=tmp_path / "log")
    child.kill()
    with child:
        child.wait(seconds=10)
        child.kill()
    assert child.exit_code == 0


def test_a_child_can_be_started_again(tmp_path):
    child = ChildProcess(["sleep", "600"], log=tmp_path / "log")
    with child:
        first = child.pid
        child.kill()
    with child:
        assert child.exit_code is None
        assert is_running(child.pid)
        assert child.pid != first


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_all_descendants_die_with_the_asker(tmp_path, end):
    log = tmp_path / "log"
    command = [sys.executable, "-c", ASKER, str(log), *FAMILY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as asker:
        child = int(asker.stdout.readline())
        everyone = {*family(asker.pid), child, grandchild(log)}
        asker.send_signal(end)
        assert asker.wait(timeout=20) != 0
    assert len(everyone) == 4
    wait_until(lambda: not any(map(is_running, everyone)), "the end of all four", seconds=10)


def test_the_command_dies_with_its_reaper(tmp_path):
    with ChildProcess(["sleep", "600"], log=tmp_path / "log") as child:
        os.kill(psutil.Process(child.pid).ppid(), signal.SIGKILL)
        wait_until(lambda: not is_running(child.pid), "the end of the command", seconds=10)


def test_a_child_outlives_the_thread_that_started_it(tmp_path):
    child = ChildProcess(["sleep", "600"], log=tmp_path / "log")
    with ExitStack() as running:
        thread = threading.Thread(target=running.enter_context, args=(child,))
        thread.start()
        thread.join()
        with pytest.raises(ChildFailedError, match="is not finished after 1 s"):
            child.wait(seconds=1)  # no event says that it goes on


def test_free_ports_are_all_different():
    assert len(set(free_ports(20))) == 20


def test_a_port_on_which_another_listens_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} of 127.0.0.1: Address already in use"):
            own_port(port)
    assert own_port(port) == port


def test_a_port_that_served_a_moment_ago_is_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            pass
    assert own_port(port) == port
