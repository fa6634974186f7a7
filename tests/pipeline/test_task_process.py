import os
import signal
import subprocess
import sys
import threading

import psutil

from maskmatch.pipeline.task_process import ParentWatchdog

PROGRAM = """
import os, sys, time
from maskmatch.pipeline.task_process import die_with_parent
if os.fork() == 0:
    die_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(60)  # until it is killed
os.wait()
"""


def test_a_task_is_killed_with_its_supervisor():
    supervisor = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    task = psutil.Process(int(supervisor.stdout.readline()))
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.communicate()
    psutil.wait_procs([task], timeout=5)
    assert not task.is_running() or task.status() == psutil.STATUS_ZOMBIE


def test_where_the_kernel_does_not_a_thread_sees_that_the_supervisor_is_gone():
    stop = threading.Event()
    parents = iter([100, 100])
    with ParentWatchdog(stop, getppid=lambda: next(parents, 1)):
        assert stop.wait(5)


def test_a_supervisor_that_stays_lets_the_task_go_on():
    stop = threading.Event()
    looks = threading.Semaphore(0)

    def getppid():
        looks.release()
        return 100

    with ParentWatchdog(stop, getppid=getppid):
        for _ in range(3):
            assert looks.acquire(timeout=5)
    assert not stop.is_set()


def test_a_signal_handler_may_ask_even_while_its_thread_is_busy_with_the_event():
    stop = threading.Event()
    with ParentWatchdog(stop, getppid=None) as watchdog:
        before = signal.signal(signal.SIGUSR1, lambda *_: watchdog.request_stop())
        try:
            with stop._cond:  # as a thread holds it that waits for the event
                signal.raise_signal(signal.SIGUSR1)
            assert stop.wait(5)
        finally:
            signal.signal(signal.SIGUSR1, before)
