# SPDX-License-Identifier: MIT
"""One endpoint of config.json has a problem: its requests alone meet it."""

from __future__ import annotations

import pytest
from blackbox.support import UNUSABLE_CONFIG

from harness.handler_process import endpoint, write_config
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, TCP
from harness.scripted_backend import answer

SCHEME = "a target begins with http:// or https://"
FAULTS = {
    "a number": ({"request-timeout": 0}, "request-timeout: must be a whole number"),
    # Targets are parsed when they are needed.
    "a target": ({"target": "ftp://h/"}, f"target: {SCHEME}"),
    "the second target": ({"target": ["http://127.0.0.1:9/", "ftp://h/"]}, f"target[1]: {SCHEME}"),
    "a list of targets": ({"target": []}, "target: has 0 URLs, and may have 1 to 8"),
}
OF_LOOKUPS = {
    "a member of cache": ({"cache": {"max_age": 1}}, "cache.max_age: is not a known key"),
}
OF_MODES = [
    pytest.param(mode, *fault, id=f"{mode}-{name}")
    for mode in MODES
    for name, fault in {**FAULTS, **({} if mode == POLICY else OF_LOOKUPS)}.items()
]


@pytest.mark.parametrize("mode, fault, told", OF_MODES)
def test_others_are_served(launch, backend, tmp_path, mode, fault, told):
    """The good one answers without a word of it; the faulty one gives temporary errors, and why."""
    backend.script(answer(200, FOUND_BODY[mode]))
    good = endpoint(mode, backend.url(), name="good")
    faulty = {**endpoint(mode, backend.url(), name="faulty"), **fault}
    config = write_config(tmp_path, faulty, good)
    handler = launch("--config", config, "--endpoint", "good")
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    assert "$.endpoints" not in handler.finish().log
    handler = launch("--config", config, "--mode", mode, "--endpoint", "faulty")
    assert handler.ask(mode, REQUEST[mode]) == UNUSABLE_CONFIG[mode]
    assert f"{config}: $.endpoints[0].{told}" in handler.finish().log
    assert len(backend.requests) == 1


@pytest.mark.parametrize("mode, fault, _told", OF_MODES)
def test_an_open_connection(launch, backend, tmp_path, mode, fault, _told):
    """A change is in force beside a faulty endpoint, which goes on as it was."""
    backend.script(*[answer(200, FOUND_BODY[mode])] * 4)
    first, second = (endpoint(mode, backend.url(), name=name) for name in ("first", "second"))
    config = write_config(tmp_path, first, second)
    handlers = [launch("--config", config, "--endpoint", name) for name in ("first", "second")]
    for handler in handlers:
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    write_config(tmp_path, {**first, "auth-token": "new"}, {**second, "auth-token": "new", **fault})
    for handler in handlers:
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    sent = [request.header(b"x-auth-token") for request in backend.requests]
    assert sent == [b"test-token", b"test-token", b"new", b"test-token"]


@pytest.mark.parametrize(("status", "reply"), [(200, FOUND[POLICY]), (500, None)])
def test_failure_action(launch, backend, tmp_path, status, reply):
    """A wrong failure-action is as none: the backend's answers pass, its failures are temporary."""
    backend.script(answer(status, FOUND_BODY[POLICY]))
    faulty = endpoint(POLICY, backend.url(), failure_action="REJECT 5.7.1")
    handler = launch("--config", write_config(tmp_path, faulty), "--endpoint", POLICY)
    expected = reply or b"action=451 REST server had an internal error!\n\n"
    assert handler.ask(POLICY, REQUEST[POLICY]) == expected


def test_everything_is_still_refused(launch, tmp_path):
    """A problem that may be about an address is everybody's."""
    good = endpoint(TCP, "http://127.0.0.1:9/", name="good")
    config = write_config(tmp_path, good, endpoint(TCP, "http://127.0.0.1:9/", bind_adress="::1"))
    handler = launch("--config", config, "--mode", TCP, "--endpoint", "good")
    assert handler.ask(TCP, REQUEST[TCP]) == UNUSABLE_CONFIG[TCP]
