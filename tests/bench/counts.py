# SPDX-License-Identifier: MIT
"""The kinds of start whose instructions are counted, and of lookups on an open connection.

Each case of a start is an endpoint of its own, or what stands in its way; all are asked for one key
over a connection that the client closes after the reply.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.callgrind import Count, command_of, count, count_further, count_wake, prepare
from bench.machine import (
    CA_FILE,
    CACHEABLE,
    LOOKUP,
    NAMED_LOOKUP,
    NAMED_SECURE_LOOKUP,
    OUTLIVED,
    PROGRAMS,
    SECURE_CACHEABLE,
    SECURE_LOOKUP,
    second_down,
)
from integration.product import (
    CACHE,
    TCP,
    UNUSABLE_CONFIG,
    USER,
    ask,
    configure,
    endpoint,
    start,
    write_config,
)

from harness.container import Container

REQUEST, REPLY = b"get user@example.org\n", b"200 value\n"
OTHER_REQUEST = b"get other@example.org\n"
SILENT, UNUSABLE, WAKE = "silent", "unusable-config", "wake"
HIT, SECURE_HIT, STALE, MISS, FIRST = "hit", "https-hit", "stale", "miss", "first-miss"
ENDPOINTS = {
    "http": {"target": LOOKUP},
    "http-by-name": {"target": NAMED_LOOKUP},
    "https": {"target": SECURE_LOOKUP, "tls_ca_file": CA_FILE},
    "https-system-ca": {"target": NAMED_SECURE_LOOKUP},
    HIT: {"target": CACHEABLE},
    SECURE_HIT: {"target": SECURE_CACHEABLE, "tls_ca_file": CA_FILE},
    STALE: {"target": OUTLIVED},
    MISS: {"target": LOOKUP, "cache": {"max-age": 3600}},
    FIRST: {"target": LOOKUP, "cache": {"max-age": 3600}},
}
STORED = {HIT: REQUEST, SECURE_HIT: REQUEST, STALE: REQUEST, MISS: OTHER_REQUEST}
"""What these endpoints have been asked before."""
CASES = ("http", "https", SILENT, UNUSABLE, WAKE, HIT, SECURE_HIT, STALE, MISS, FIRST)
MORE_CASES = ("http-by-name", "https-system-ca")
"""What names and the system's CAs cost."""
WARM_CASES = ("http", HIT)
"""Endpoints that are asked again and again over one connection."""

_FIRST_PORT = 9001
_PORTS = {name: _FIRST_PORT + index for index, name in enumerate(ENDPOINTS)}


def count_all(container: Container, cases: Iterable[str] = CASES) -> dict[str, Count]:
    """Count each of CASES; two at a time, which changes no count."""
    command = _prepare(container)
    counts = {}
    if STALE in cases:
        with second_down(container):
            outage = ["/usr/bin/python3", "-I", f"{PROGRAMS}/outage.py", CACHE, OUTLIVED]
            container.run(*outage, user=USER)
            counts[STALE] = count(container, _PORTS[STALE], REQUEST, REPLY)
    questions = {name: (port, REQUEST, REPLY) for name, port in _PORTS.items() if name != STALE}
    questions[SILENT] = (_FIRST_PORT, b"", b"")
    with ThreadPoolExecutor(2) as pool:
        counting = {
            case: pool.submit(count, container, *questions[case])
            for case in cases
            if case in questions
        }
        counts |= {case: future.result() for case, future in counting.items()}
    # These two change what holds for all.
    if UNUSABLE in cases:
        write_config(container, "{")
        counts[UNUSABLE] = count(container, _FIRST_PORT, REQUEST, UNUSABLE_CONFIG)
    if WAKE in cases:
        _configure(container, hibernate_after=1)
        prepare(container, command, follow=True)
        counts[WAKE] = count_wake(container, _FIRST_PORT, REQUEST, REPLY)
    container.reset()
    return {case: counts[case] for case in cases}


def count_warm(container: Container, cases: Iterable[str] = WARM_CASES) -> dict[str, float]:
    """Instructions of one lookup on a connection that is open, for each of CASES."""
    _prepare(container)
    with ThreadPoolExecutor(2) as pool:
        counting = {
            case: pool.submit(count_further, container, _PORTS[case], REQUEST, REPLY)
            for case in cases
        }
        counts = {case: future.result() for case, future in counting.items()}
    container.reset()
    return counts


def _prepare(container: Container) -> str:
    """Have all endpoints listen, with what they have stored, for handlers that are counted.

    Returns the command of these.
    """
    container.run("find", CACHE, "-mindepth", "1", "-delete")
    _configure(container)
    start(container, TCP)
    for name, request in STORED.items():
        reply = ask(container, _PORTS[name], request)
        assert reply == REPLY, f"{reply!r} from {name}"
    command = command_of(container)
    prepare(container, command)
    return command


def _configure(container: Container, **keys: Any) -> None:
    # Under valgrind all takes fifty times as long.
    keys["request_timeout"] = 90_000
    endpoints = [
        endpoint(name, port=_PORTS[name], **its_keys, **keys)
        for name, its_keys in ENDPOINTS.items()
    ]
    configure(container, *endpoints)
