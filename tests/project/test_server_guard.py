"""Which tests `make check` leaves out is no matter of memory."""

import socket
import subprocess
import sys
import threading

import pytest

from devstack.processes import ChildProcess, free_ports
from devstack.seaweed import Seaweed
from tests.account import local_account

FORGOTTEN = r"test_server_guard\.py::test_.* (opens a port|starts a server's process): mark it with"


def open_local_account(_):
    with local_account():
        pytest.fail("it was let through")


STARTS = {
    "a port": lambda _: socket.create_server(("127.0.0.1", 0)),
    "a free port": lambda _: free_ports(1),
    "a child process": lambda folder: ChildProcess(["true"], log=folder / "log").__enter__(),
    "a server of devstack": lambda folder: Seaweed(folder).__enter__(),
    "the local service here": open_local_account,
    "the local service's command": lambda _: subprocess.run(
        [sys.executable, "-m", "comparemaskface"], check=False
    ),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of the socket that was about to be bound
@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_without_the_mark_nothing_that_serves_is_started(start, tmp_path):
    with pytest.raises(RuntimeError, match=FORGOTTEN):
        start(tmp_path)


def test_another_thread_starts_nothing_either():
    caught = []

    def start():
        try:
            free_ports(1)
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "mark it with pytest.mark.server" in caught[0]


def test_without_the_mark_other_processes_and_local_sockets_are_allowed(tmp_path):
    assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "socket"))


@pytest.mark.server
def test_with_the_mark_all_are_allowed(tmp_path):
    assert free_ports(1)
    with ChildProcess(["true"], log=tmp_path / "log") as child:
        child.wait(seconds=10)


def test_a_fixture_that_starts_a_server_brings_the_mark(seaweed, request):
    assert request.node.get_closest_marker("server")
