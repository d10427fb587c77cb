# SPDX-License-Identifier: MIT
"""Any file gives a Config or a ConfigError, in a number of steps that its size limits."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import FrameType

from postfix_rest_inetd.config import loading
from postfix_rest_inetd.config.loading import Config
from postfix_rest_inetd.errors import ConfigError

MODULES = (
    "config.loading",
    *("config.entries", "config.fields", "config.values", "config.target", "config.targets"),
    *("config.problems", "config.repeated", "config.address", "config.endpoint"),
    *("config.cache_settings", "json_reader", "action", "restrictions", "url_parser"),
)

MODES = ("tcp-lookup", "socketmap-lookup", "policy")
_MOST_CALLS, _MOST_CALLS_PER_BYTE = 1000_000, 1000


def run(data: bytes) -> None:
    """DATA is the content of the file."""
    strict = bounded(lambda: outcome(data), len(data))
    tolerant = outcome(data, tolerant=True)
    listening = outcome(data, for_listening=True, tolerant=True)
    for found in (strict, tolerant, listening):
        check(found)
    if isinstance(strict, Config):
        assert isinstance(tolerant, Config)
        assert tolerant.problem is None
    if isinstance(tolerant, ConfigError):
        assert isinstance(strict, ConfigError)
        assert isinstance(listening, ConfigError)
    elif isinstance(listening, Config):
        assert [str(e.address) for e in listening.endpoints] == [
            str(e.address) for e in tolerant.endpoints
        ]


def outcome(content: bytes, **options: bool) -> Config | ConfigError:
    """A configuration or its problems."""
    try:
        return loading.parse(content, "config.json", **options)
    except ConfigError as error:
        return error


def bounded(function: Callable[[], object], size: int) -> object:
    """The result of a function that calls few others; those written in C count as well."""
    calls = 0
    most = _MOST_CALLS + _MOST_CALLS_PER_BYTE * size

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event.endswith("call")

    sys.setprofile(count)
    try:
        result = function()
    finally:
        sys.setprofile(None)
    assert calls <= most, f"{calls} calls for {size} bytes"
    return result


def check(found: Config | ConfigError) -> None:
    """Problems can be shown, and endpoints can be used."""
    problems = found.problems if isinstance(found, ConfigError) else []
    endpoints = [] if isinstance(found, ConfigError) else found.endpoints
    if isinstance(found, Config) and found.problem is not None:
        problems = found.problem.problems
    else:
        assert bool(problems) == isinstance(found, ConfigError)
    assert len(problems) <= 51
    for path, text in problems:
        assert path == "" or path.startswith("$")
        assert (path + text).isprintable()
        assert 0 < len(text) <= 301
        assert len(path) <= 301
    for endpoint in endpoints:
        assert endpoint.mode in MODES
        assert endpoint.name
        str(endpoint.address).encode()
        if not endpoint.problems:
            check_endpoint(endpoint)
    assert len({str(endpoint.address) for endpoint in endpoints}) == len(endpoints)


def check_endpoint(endpoint: object) -> None:
    """An endpoint without problems has usable values."""
    assert 1 <= endpoint.request_timeout <= 90_000
    assert (endpoint.auth_token is None) != (endpoint.auth_token_file is None)
    for value in (endpoint.auth_token or "", *endpoint.headers.values()):
        assert not re.search(r"[\x00-\x1f\x7f]", value)
    assert "\0" not in endpoint.list_separator
    assert 1 <= len(endpoint.targets.urls) == len(set(endpoint.targets.urls)) <= 8
