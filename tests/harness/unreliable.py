# SPDX-License-Identifier: MIT
"""Handlers in a container whose clocks jump, and which die at the worst moment.

A shared object (LD_PRELOAD) adds numbers to what clock_gettime(2), gettimeofday(2) and time(2)
tell: one to CLOCK_REALTIME, as if somebody had set the clock, and one to CLOCK_BOOTTIME, as if the
machine had been suspended. By chance it kills its process (SIGKILL) just before a file is renamed,
or just before or after it is linked: then there is a temporary file. All numbers are in a file that
each process maps. So they change for all processes at once, in the midst of whatever these do.

What this does not cover: the time stamps of files and those of the journal, which the kernel and
journald make, timers of the kernel, and other processes than the handlers. The real clock is the
host's: it cannot be set for a container alone, and must not be set for the host.

The compiler is the host's. What it makes runs with the C library of the container if that is not
older than the host's.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.container import Container
from harness.programs import program

LIBRARY = "/usr/local/lib/unreliable.so"
_NUMBERS = "/run/unreliable"

_SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct numbers { int64_t wall, boot, deaths; };
static const struct numbers none;
static const volatile struct numbers *numbers = &none;

__attribute__((constructor)) static void begin(void)
{
    int file = open("@", O_RDONLY | O_CLOEXEC);
    void *map = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    if (map != MAP_FAILED)
        numbers = map;
    close(file);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int status = syscall(SYS_clock_gettime, id, now);
    int64_t more = id == CLOCK_REALTIME ? numbers->wall : id == CLOCK_BOOTTIME ? numbers->boot : 0;
    if (status == 0 && more) {
        int64_t sum = now->tv_sec * 1000000000LL + now->tv_nsec + more;
        now->tv_sec = sum / 1000000000;
        now->tv_nsec = sum % 1000000000;
    }
    return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise))
        return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now)
        *now = precise.tv_sec;
    return precise.tv_sec;
}

static void perhaps_die(void)
{
    struct timespec precise;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &precise);
    if (precise.tv_nsec / 100 % 1000 < numbers->deaths)
        kill(getpid(), SIGKILL);
}

int renameat(int from, const char *old, int to, const char *new)
{
    perhaps_die();
    return syscall(SYS_renameat2, from, old, to, new, 0);
}

int linkat(int from, const char *old, int to, const char *new, int flags)
{
    perhaps_die();
    int status = syscall(SYS_linkat, from, old, to, new, flags);
    perhaps_die();
    return status;
}
"""


class Unreliable:
    """Processes in CONTAINER with `LD_PRELOAD=LIBRARY`; all is well at first."""

    def __init__(self, container: Container) -> None:
        self.wall_sec = 0.0
        """By so much is the wall clock ahead."""
        self.boot_sec = 0.0
        """For so long was the machine suspended."""
        self.deaths = 0
        """So many of a thousand attempts to rename or link a file are a process' last."""
        self._container = container
        self._build()
        self._container.write(_NUMBERS, bytes(24))

    def _build(self) -> None:
        with TemporaryDirectory() as directory:
            source, library = Path(directory, "unreliable.c"), Path(directory, "unreliable.so")
            source.write_text(_SOURCE.replace("@", _NUMBERS), encoding="utf-8")
            command = [program("gcc"), "-Wall", "-Wextra", "-Werror", "-O2", "-fPIC", "-shared"]
            subprocess.run([*command, "-o", library, source], check=True, timeout=60)
            self._container.copy_in(library, LIBRARY)

    def apply(self) -> None:
        """Put the attributes into force."""
        nanoseconds = int(self.wall_sec * 1e9), int(self.boot_sec * 1e9)
        numbers = struct.pack("=qqq", *nanoseconds, self.deaths)
        # In place: it is mapped.
        self._container.run("dd", f"of={_NUMBERS}", "conv=notrunc", "status=none", input=numbers)
