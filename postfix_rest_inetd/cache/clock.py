# SPDX-License-Identifier: MIT
"""How much time has passed since an answer was stored, whatever happened to the clock meanwhile.

The wall clock may be set, and may be anything after a reboot. CLOCK_BOOTTIME goes on evenly from
boot to boot, suspension included (clock_gettime(2)), so it is exact as long as the machine was not
rebooted: the kernel has a random number for each boot (boot_id, random(4)). So:

- Both moments have the same known boot_id: the difference of CLOCK_BOOTTIME is exact.
- Otherwise the wall clock is all there is. Its difference is an estimate, which permits no answer
  to be used as fresh, but lets one be used in an outage. If it is negative, the time is unknown.
- If neither boot_id is known, the machine may or may not have been rebooted: the larger of both
  differences counts, as an estimate. That both agree proves nothing, because a machine without a
  battery-backed clock may begin each boot at the same time of day.

A service with ProcSubset=pid cannot read /proc/sys. So systemd passes boot_id in the environment
(`Environment=POSTFIX_REST_INETD_BOOT_ID=%b`), which counts first. A container has a boot_id
of its own.
"""

from __future__ import annotations

import os
from time import CLOCK_BOOTTIME, clock_gettime, time

VARIABLE = "POSTFIX_REST_INETD_BOOT_ID"

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_BOOT_ID_DIGITS = 32
_known: bytes | None = None


class Moment:
    """A moment by both clocks.

    Attributes:
        wall: seconds since 1970 by the wall clock.
        boot: seconds since boot, suspension included.
        boot_id: 32 hexadecimal digits that no other boot has; empty if unknown.
    """

    __slots__ = ("boot", "boot_id", "wall")

    def __init__(self, wall: float, boot: float, boot_id: bytes) -> None:
        """All three belong to the same instant."""
        self.wall = wall
        self.boot = boot
        self.boot_id = boot_id


def now() -> Moment:
    """The present moment."""
    global _known  # noqa: PLW0603 - a process lives in one boot
    if _known is None:
        _known = _boot_id()
    return Moment(time(), clock_gettime(CLOCK_BOOTTIME), _known)


def is_exact(then: Moment, now: Moment) -> bool:
    """Is the time between two moments known exactly? Only then is an answer fresh."""
    return then.boot_id == now.boot_id != b"" and then.boot <= now.boot


def elapsed_sec(then: Moment, now: Moment) -> float | None:
    """The seconds between two moments, exact or estimated; None if they are unknown."""
    boot, wall = now.boot - then.boot, now.wall - then.wall
    if then.boot_id != now.boot_id:
        seconds = wall
    elif now.boot_id:
        seconds = boot
    else:
        seconds = wall if wall < 0 else max(boot, wall)
    return None if seconds < 0 else seconds


def _boot_id() -> bytes:
    """What distinguishes this boot from others; empty if it cannot be found out."""
    text = os.environ.get(VARIABLE, "").encode("utf-8", "replace")
    if not text:
        try:
            descriptor = os.open(_BOOT_ID, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            text = os.read(descriptor, 64)
        except OSError:
            return b""
        finally:
            os.close(descriptor)
    digits = text.strip().replace(b"-", b"").lower()
    is_known = len(digits) == _BOOT_ID_DIGITS and not digits.strip(b"0123456789abcdef")
    return digits if is_known else b""
