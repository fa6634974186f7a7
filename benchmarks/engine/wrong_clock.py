"""A clock that is wrong, for one process and what it starts: a library that is loaded before all others."""

import shutil
import subprocess
from pathlib import Path

_CLOCK_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += %(seconds)d;
    return result;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *into) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (into) *into = exact.tv_sec;
    return exact.tv_sec;
}
"""


def clock_that_is_off(folder: Path, seconds: int) -> Path | None:
    """Return a library that puts the time of day of a process some seconds ahead; None: cannot be made."""
    if not (compiler := shutil.which("cc")):
        return None
    source, library = folder / "clock.c", folder / f"clock{seconds}.so"
    source.write_text(_CLOCK_SOURCE % {"seconds": seconds})
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library
