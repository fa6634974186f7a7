"""What the operating system says about processes, for tests of their beginning and end."""

from collections.abc import Iterable
from contextlib import suppress

import psutil


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(*pids: int) -> list[int]:
    """Return the processes and all their descendants."""
    parents = [psutil.Process(pid) for pid in pids]
    children = [child for parent in parents for child in parent.children(recursive=True)]
    return [process.pid for process in [*parents, *children]]


def listening_addresses(pids: Iterable[int]) -> set[str]:
    """Return the addresses on which the processes take connections; some may have ended meanwhile."""
    addresses = set()
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            connections = psutil.Process(pid).net_connections("inet")
            addresses |= {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}
    return addresses
