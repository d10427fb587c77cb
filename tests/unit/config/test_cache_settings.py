# SPDX-License-Identifier: MIT
"""The field `cache`: its members, their problems, and the endpoints that may have it."""

from __future__ import annotations

import json

import pytest

from harness.endpoints import endpoint, raw_endpoint
from harness.modes import POLICY, SOCKETMAP, TCP
from harness.wire import table
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.config.cache_settings import CacheSettings
from postfix_rest_inetd.config.fields import CACHE_MEMBERS
from postfix_rest_inetd.errors import ConfigError

HERE = "$.endpoints[0].cache"
SECONDS = "must be a whole number from 0 to 31536000"
ENTRIES = "must be a whole number from 256 to 1000000"
BYTES = "must be a whole number from 1048576 to 1073741824"


def problems(cache: object, mode: str = TCP) -> list[tuple[str, str]]:
    """What is wrong with an endpoint that has this value, in strict loading."""
    content = json.dumps({"endpoints": [raw_endpoint(mode=mode, cache=cache)]}).encode()
    with pytest.raises(ConfigError) as raised:
        loading.parse(content, "config.json")
    return raised.value.problems


def test_defaults() -> None:
    """The defaults of the members in the table are those of the class; without them, nothing."""
    members = {name: field.default for name, field in CACHE_MEMBERS.items()}
    assert endpoint(cache=members).cache == CacheSettings() == endpoint().cache
    assert CacheSettings().max_age == CacheSettings().stale_if_error == 0


BAD: dict[str, tuple[dict[str, object], list[tuple[str, str]]]] = {
    "below the lowest": ({"max-age": -1}, [(".max-age", SECONDS)]),
    "above the highest": ({"not-found-max-age": 31_536_001}, [(".not-found-max-age", SECONDS)]),
    "a string": ({"stale-if-error": "60"}, [(".stale-if-error", f"{SECONDS}, without quotes")]),
    "a fraction": ({"stale-if-error": 0.5}, [(".stale-if-error", SECONDS)]),
    "a boolean": ({"max-age": True}, [(".max-age", SECONDS)]),
    "few entries": ({"max-entries": 255}, [(".max-entries", ENTRIES)]),
    "many entries": ({"max-entries": 1_000_001}, [(".max-entries", ENTRIES)]),
    "few bytes": ({"max-bytes": 1024 * 1024 - 1}, [(".max-bytes", BYTES)]),
    "many bytes": ({"max-bytes": 1024**3 + 1}, [(".max-bytes", BYTES)]),
    "a misspelt member": (
        {"max_age": 60},
        [(".max_age", "is not a known key; did you mean max-age?")],
    ),
    "a directive of Cache-Control": (
        {"stale_if_errors": 60},
        [(".stale_if_errors", "is not a known key; did you mean stale-if-error?")],
    ),
    "a member like no other": ({"": None}, [('[""]', "is not a known key")]),
    "several": (
        {"max-age": -1, "x y": 1, "max-bytes": 0, "max-entries": 300},
        [(".max-age", SECONDS), ('["x y"]', "is not a known key"), (".max-bytes", BYTES)],
    ),
}


@pytest.mark.parametrize("cache, found", table(BAD))
def test_bad_members(cache: dict[str, object], found: list[tuple[str, str]]) -> None:
    """Each wrong member is reported at its own place; an unknown one names the nearest."""
    assert problems(cache) == [(HERE + part, text) for part, text in found]


@pytest.mark.parametrize("value", [False, {}, {"max-age": 1}])
def test_policy(value: object) -> None:
    """It is an error for policy endpoints, whose requests are never answered from the store."""
    assert problems(value, POLICY) == [(HERE, "has a meaning only for the modes of lookups")]


@pytest.mark.parametrize("mode", [TCP, SOCKETMAP])
def test_null(mode: str) -> None:
    """A null counts as not given: it is not false."""
    assert endpoint(mode, cache=None).cache == CacheSettings()
    assert endpoint(mode, cache=False).cache is None


@pytest.mark.parametrize("cache", [{"max_age": 1}, {"max-age": -1}, True, {"x": {}}])
def test_of_one_endpoint(cache: object) -> None:
    """In tolerant loading, a wrong value affects its endpoint only, unknown members included."""
    entries = [raw_endpoint(cache=cache), raw_endpoint(name="good", bind_port=9001)]
    content = json.dumps({"endpoints": entries}).encode()
    bad, good = loading.parse(content, "config.json", tolerant=True).endpoints
    assert bad.problems == problems(cache)
    assert good.problems == []


def test_a_name_twice() -> None:
    """A member that appears twice is a problem of the file, as everywhere."""
    content = json.dumps({"endpoints": [raw_endpoint(cache={"max-age": 1, "X": 2})]})
    with pytest.raises(ConfigError) as raised:
        loading.parse(content.replace("X", "max-age").encode(), "config.json", tolerant=True)
    assert raised.value.problems == [(f"{HERE}.max-age", "appears here more than once")]


def test_many_unknown_members() -> None:
    """The cost of a problem does not grow: names are compared for the first few only."""
    found = problems({f"max-ag{number}": 1 for number in range(100_000)})
    assert len(found) == 51
    assert found[0] == (f"{HERE}.max-ag0", "is not a known key; did you mean max-age?")
    assert found[-1] == ("", "and 99950 more problems")


def test_equality() -> None:
    """Settings are equal when all of their values are."""
    one, same, other = CacheSettings(max_age=1), CacheSettings(max_age=1), CacheSettings(max_age=2)
    assert one == same
    assert hash(one) == hash(same)
    assert one not in (other, CacheSettings(), None)
