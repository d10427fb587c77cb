# SPDX-License-Identifier: MIT
"""The overview of `cache`: its lines, in 80 columns, and the same as JSON."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.modes import SOCKETMAP, TCP
from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry
from postfix_rest_inetd.admin.stored import json_report, screen, summary
from postfix_rest_inetd.admin.stored.down import Down
from postfix_rest_inetd.admin.stored.entries import DAMAGED, FOREIGN, FRESH, STALE, UNUSABLE
from postfix_rest_inetd.admin.stored.summary import Summary
from postfix_rest_inetd.admin.ui.draw import moment
from postfix_rest_inetd.config.cache_settings import CacheSettings
from postfix_rest_inetd.log_entry import STORED

SINCE = 1_795_600_000.0


def summaries() -> list[Summary]:
    """One of each kind, with numbers and names as large as they may be."""
    used = Summary("tcp-lookup.domains", "domains", TCP)
    used.settings = CacheSettings()
    used.uses = Counter({FRESH: 10, STALE: 5, UNUSABLE: 3, FOREIGN: 2, DAMAGED: 1})
    used.size = 21 * 4096
    large = Summary("socketmap-lookup.x", "m" * 100, SOCKETMAP)
    large.settings = CacheSettings(max_entries=1_000_000, max_bytes=1024**3)
    large.uses = Counter({FRESH: 999_999, STALE: 1_000_000})
    large.size = 1024**3
    off = Summary("tcp-lookup.off", "off", TCP)
    left = Summary("tcp-lookup." + "g" * 80)
    left.uses = Counter({FRESH: 1})
    return [used, large, off, left]


ASKED = {
    ("domains", TCP): Counter({"backend": 30, "stored": 60, "stale": 10}),
    ("m" * 100, SOCKETMAP): Counter({"stored": 1_000_000}),
    ("off", TCP): Counter(),
}


def test_overview() -> None:
    """Each number is in its column; what is of no use is one number."""
    lines = list(screen.overview(summaries(), ASKED, SINCE))
    assert [line for line in lines if len(line) > 80] == []
    assert lines[1].split() == ["domains", "21", "84", "KiB", "10", "5", "6", "60.0", "%"]
    assert lines[3] == "  10 stale answers were used"
    assert lines[4].endswith(" 1999999  1.0 GiB   999999  1000000        0  100.0 %")
    assert lines[6].split() == ["off", "0", "0", "B", "0", "0", "0", "-"]
    assert "of no endpoint in the configuration" in lines[9]
    assert lines[-1].endswith(f"since {moment(SINCE)}.")


@pytest.mark.parametrize(
    "wait_sec, words", [(0.0, "the next attempt is due"), (12.6, "the next attempt in 13 s")]
)
def test_backends(wait_sec: float, words: str) -> None:
    """A backend that is down is named, with the endpoints that ask it, and since when."""
    down = Down("https://backend.example:8443", SINCE, wait_sec)
    down.endpoints = ["domains", "maps" * 30]
    title, *lines = screen.backends([down])
    assert title == "backends that are known to be down"
    assert [line for line in lines if len(line) > 80 and "mapsmaps" not in line] == []
    text = " ".join(" ".join(lines).split())
    assert text.startswith(f"https://backend.example:8443: since {moment(SINCE)} (")
    assert words in text
    assert "; domains, maps" in text
    assert list(screen.backends([])) == []


def test_json() -> None:
    """Programs get the same numbers; keys that they rely on stay."""
    down = Down("https://backend.example:8443", SINCE, 3.5)
    document = json_report.overview("/cache", summaries(), ASKED, [down], SINCE)
    assert set(document) == {"directory", "since", "endpoints", "down"}
    used, _, off, left = document["endpoints"]
    assert used == {
        "name": "domains",
        "mode": TCP,
        "directory": "tcp-lookup.domains",
        "entries": 21,
        "bytes": 86_016,
        "fresh": 10,
        "stale": 5,
        "unusable": 3,
        "foreign": 2,
        "damaged": 1,
        "max_entries": 10_000,
        "max_bytes": 67_108_864,
        "answers": {"backend": 30, "stored": 60, "stale": 10},
    }
    assert (off["max_entries"], off["answers"]["stored"]) == (None, 0)
    assert (left["name"], left["mode"], left["fresh"]) == (None, None, 1)
    assert document["down"] == [
        {"target": down.origin, "since": SINCE, "next_sec": 3.5, "endpoints": []}
    ]


def test_names_in_the_journal() -> None:
    """An entry has a long name in short; requests of other endpoints and modes do not count."""
    long = Summary("tcp-lookup.x", "m" * 300, TCP)
    base = JournalEntry(1, "m" * 100 + "…", TCP, "found", True, 1, 1, 200, "", ())  # noqa: FBT003
    found = [
        base,
        base._replace(source=STORED),
        base._replace(mode=SOCKETMAP),
        base._replace(endpoint="m"),
        base._replace(is_request=False),
    ]
    counts = summary.asked(found, [long, Summary("left")])
    assert counts == {("m" * 300, TCP): Counter({"backend": 1, "stored": 1})}
