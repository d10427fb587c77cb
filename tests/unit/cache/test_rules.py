# SPDX-License-Identifier: MIT
"""From a response to what becomes of its answer."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.wire import table
from postfix_rest_inetd.cache.control import grant, state

NONE = SimpleNamespace(max_age=0, not_found_max_age=0, stale_if_error=0)


def granted(cache_control, settings=NONE, **fields):
    """The grant for a response that came at once."""
    fields = {name.encode(): value for name, value in fields.items()}
    if cache_control is not None:
        fields[b"cache-control"] = cache_control
    return grant(fields, is_found=True, settings=settings, requested_wall=1e9, delay_sec=0.0)


ROWS = {
    "no permission": (None, None),
    "max-age": (b"max-age=60", (60, 0)),
    "stale-if-error": (b"max-age=60, stale-if-error=86400", (60, 86400)),
    "no-store": (b"max-age=60, no-store", None),
}


@pytest.mark.parametrize("cache_control, expected", table(ROWS))
def test_grant(cache_control, expected):
    """What the backend says counts."""
    found = granted(cache_control)
    assert expected == (found and (found.lifetime_sec, found.stale_sec))


def test_state_of_a_grant():
    """Fresh, then stale, then gone."""
    found = granted(b"max-age=60, stale-if-error=40")
    assert [state(found, sec) for sec in (59, 60, 99, 100)] == ["fresh", "stale", "stale", None]
