# SPDX-License-Identifier: MIT
"""How much time has passed: exactly, if the boot is known to be the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from unit.test_imports import PACKAGE, ROOT

from postfix_rest_inetd.cache.clock import VARIABLE, Moment, elapsed_sec, is_exact, now

A, B = b"a" * 32, b"b" * 32
BOOT_ID = Path("/proc/sys/kernel/random/boot_id").read_bytes().strip().replace(b"-", b"")


@pytest.mark.parametrize(
    "then, later, seconds, exact",
    [
        # The same boot: the wall clock does not matter.
        (Moment(1000, 10, A), Moment(1005, 15, A), 5, True),
        (Moment(1000, 10, A), Moment(1000, 10, A), 0, True),
        (Moment(1000, 10, A), Moment(10, 15, A), 5, True),
        (Moment(1000, 10, A), Moment(99999, 15, A), 5, True),
        # No clock goes backwards within a boot, unless it is another one (time_namespaces(7)).
        (Moment(1000, 15, A), Moment(1005, 10, A), None, False),
        # Another boot: an estimate, as long as it makes sense.
        (Moment(1000, 10, A), Moment(1100, 3, B), 100, False),
        (Moment(1000, 10, A), Moment(1100, 500, B), 100, False),
        (Moment(1000, 10, A), Moment(999, 500, B), None, False),
        # One is known and the other is not: the service was changed, or the machine was rebooted.
        (Moment(1000, 10, A), Moment(1100, 15, b""), 100, False),
        (Moment(1000, 10, b""), Moment(1100, 15, B), 100, False),
        # Neither is known: the larger of both.
        (Moment(1000, 10, b""), Moment(1005, 15, b""), 5, False),
        (Moment(1000, 10, b""), Moment(1001, 15, b""), 5, False),
        (Moment(1000, 10, b""), Moment(1100, 15, b""), 100, False),
        (Moment(1000, 10, b""), Moment(1100, 3, b""), 100, False),
        (Moment(1000, 10, b""), Moment(999, 15, b""), None, False),
    ],
)
def test_elapsed(then, later, seconds, exact):
    """Exact, an estimate, or unknown."""
    assert elapsed_sec(then, later) == seconds
    assert is_exact(then, later) is exact


def test_a_machine_whose_clock_begins_anew():
    """Without a battery-backed clock, both clocks may agree after a reboot that took days."""
    assert not is_exact(Moment(1000, 10, b""), Moment(1005, 15, b""))


def test_now():
    """The present moment has this boot's number, and goes on."""
    first, second = now(), now()
    assert first.boot_id == second.boot_id == BOOT_ID
    assert 0 <= elapsed_sec(first, second) < 60
    assert is_exact(first, second)


def boot_id_of(text: str | None) -> str:
    """What a process takes for its boot that has this in its environment."""
    environment = {k: v for k, v in os.environ.items() if k != VARIABLE}
    environment |= {} if text is None else {VARIABLE: text}
    program = f"from {PACKAGE}.cache.clock import now; print(now().boot_id.decode())"
    return subprocess.check_output(
        [sys.executable, "-c", program], env=environment, text=True, cwd=ROOT
    ).strip()


DASHED = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize(
    "text, boot_id",
    [
        (None, BOOT_ID.decode()),
        ("", BOOT_ID.decode()),
        (DASHED, DASHED.replace("-", "")),
        (DASHED.replace("-", "").upper(), DASHED.replace("-", "")),
        ("%b", ""),
        ("0" * 31, ""),
        ("0 " * 16, ""),
    ],
)
def test_boot_id(text, boot_id):
    """From the environment, as systemd writes it, or from the kernel; nothing else is one."""
    assert boot_id_of(text) == boot_id
