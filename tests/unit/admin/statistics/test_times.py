# SPDX-License-Identifier: MIT
"""Points in time: what systemd takes for one is the same one here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time

import pytest

from postfix_rest_inetd.admin.statistics import times
from postfix_rest_inetd.admin.ui import draw

NOW = 1_795_600_000.0  # 2026-11-25 09:46:40 UTC

TIMES = [
    *("2026-11-24 10:00", "2026-11-24 10:00:30", "2026-11-24 10:00:30.25", "2026-11-24"),
    *("2026-11-24T10:00:00Z", "2026-11-24 10:00 UTC", "2026-03-29 03:30", "2026-10-25 12:00"),
    *("2026-11-24T10:00:00+01:00", "2026-11-24T10:00:00-05:30", "@1795600000", "@1795600000.5"),
]
RELATIVE = [
    *("now", "today", "yesterday", "tomorrow", "-1h", "+5min", "2h ago", "-1h30min", "-1h 30min"),
    *("-90", "-1.5h", "-2days", "3 weeks ago", "-1month", "-1y", "-1M", "-500ms", "- 1 h"),
    *("10:00", "10:00:30", "9:05"),
]
ZONES = ("Europe/Berlin", "America/St_Johns")


@pytest.fixture(params=ZONES)
def zone(request, monkeypatch):
    """A local time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def systemd_says(text: str, zone: str) -> float:
    """The time as systemd-analyze(1) has it."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        [program, "timestamp", "--", text],
        env={**os.environ, "TZ": zone, "LC_ALL": "C", "SYSTEMD_LOG_LEVEL": "err"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"this systemd does not know the form: {done.stderr.strip()}")
    return float(re.search(r"UNIX seconds: @([0-9.]+)", done.stdout)[1])


@pytest.mark.parametrize("text", TIMES)
def test_as_systemd_has_it(text, zone):
    """Absolute times are what systemd says, in each time zone."""
    assert times.parse(text, NOW) == pytest.approx(systemd_says(text, zone), abs=1e-5)


@pytest.mark.parametrize("text", RELATIVE)
def test_relative_as_systemd_has_it(text, zone):
    """Times that depend on now are what systemd says, but for the moment in between."""
    before = times.parse(text, time.time())
    said = systemd_says(text, zone)
    after = times.parse(text, time.time())
    assert before - 0.01 <= said <= after + 0.01 or before > after  # midnight


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("now", 0),
        ("-1h", -3600),
        ("+5min", 300),
        ("2h ago", -7200),
        ("-1h30min", -5400),
        ("-1.5h 3s", -5403),
        ("-90", -90),
        ("-1w", -604800),
    ],
)
def test_distances(text, seconds):
    """A distance counts from now."""
    assert times.parse(text, NOW) == NOW + seconds


@pytest.mark.usefixtures("zone")
def test_iso():
    """An ISO time with an offset is the same in each time zone."""
    assert times.parse("2026-11-25T10:46:40+01:00", 0) == NOW
    assert times.parse("2026-11-25T09:46:40Z", 0) == NOW


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "-",
            "ago",
            " ago",
            "soon",
            "-1 fortnight",
            "25:00",
            "10:60",
            "2026-13-01",
        ),
        *("2026-02-30", "2026-11-24 10", "@", "@x", "24.11.2026", "1h", "-9999999y"),
        *("@253402300800", f"@{'9' * 400}", "+9999y"),
    ],
)
def test_no_times(text):
    """Anything else is an error that shows which forms there are."""
    with pytest.raises(ValueError, match="is not a time; known forms are -1h, 2h ago"):
        times.parse(text, NOW)


# Zones of POSIX, which need no database: the easternmost, and the westernmost.
@pytest.mark.parametrize("zone", ["E-14", "UTC0", "W12"], indirect=True)
def test_the_last_time(zone):
    """What is taken for a time can be shown, in every time zone."""
    last = times.parse("@253402127999", NOW)
    assert draw.moment(last).startswith(("9999-12-29 ", "9999-12-30 ")), zone
    with pytest.raises(ValueError, match="is not a time"):
        times.parse("@253402128001", NOW)
