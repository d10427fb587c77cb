# SPDX-License-Identifier: MIT
"""A bug of ours loses no mail: temporary error to Postfix, a trace in the log, exit status 70."""

from __future__ import annotations

import pytest
from blackbox.broken_functions import PLACES, broken_function, without_module
from blackbox.support import INTERNAL_ERROR

from harness.modes import FOUND, FOUND_BODY, MODES, REQUEST, TCP
from harness.scripted_backend import answer

EX_SOFTWARE = 70


@pytest.mark.parametrize("module, path", PLACES, ids=[".".join(place) for place in PLACES])
def test_an_exception_anywhere(handler_for, backend, module, path):
    """Wherever an unexpected exception comes from, the request that met it is answered.

    An answer that is known already is given although it cannot be logged.
    """
    backend.default = answer(200, b'["value"]')
    handler = handler_for(TCP, launch_with={"code": broken_function(module, path)})
    handler.send(REQUEST[TCP])
    output, status, log = handler.result()
    expected = FOUND[TCP] if path == "of_request" else INTERNAL_ERROR[TCP]
    assert (output, status) == (expected, EX_SOFTWARE)
    assert "RuntimeError" in log
    assert path.rpartition(".")[2] in log or "broken" in log
    assert all(line.startswith("postfix-rest-inetd: ") for line in log.splitlines()), log


@pytest.mark.parametrize("mode", MODES)
def test_the_three_forms(handler_for, backend, mode):
    """The reply has the protocol's temporary form, and nothing follows it."""
    backend.default = answer(200, FOUND_BODY[mode])
    code = broken_function("verdict", "of_response")
    handler = handler_for(mode, launch_with={"code": code})
    handler.send(REQUEST[mode] * 2)
    assert handler.result()[:2] == (INTERNAL_ERROR[mode], EX_SOFTWARE)
    assert len(backend.requests) == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("missing", ["urllib3", "http.client"])
def test_a_library_that_cannot_be_imported(handler_for, mode, missing):
    """A broken installation is an internal error, not a connection that dies without a word."""
    handler = handler_for(mode, launch_with={"code": without_module(missing)})
    handler.send(REQUEST[mode])
    assert handler.result()[:2] == (INTERNAL_ERROR[mode], EX_SOFTWARE)
    handler.wait_for_log("ModuleNotFoundError")


def test_systemd_python_is_not_needed(handler_for, backend):
    """Without systemd-python, requests are answered and logged."""
    backend.script(answer(200, b'["value"]'))
    handler = handler_for(TCP, launch_with={"code": without_module("systemd")})
    assert handler.ask(TCP, REQUEST[TCP]) == b"200 value\n"
    assert "found" in handler.log_lines(1)[0]


def test_an_entry_without_a_socket(launch):
    """If nothing can be sent to journald, each request has its reply, and the log is on stderr."""
    code = without_module("_socket")
    handler = launch("--config", "/nowhere", "--mode", TCP, code=code)
    handler.send(REQUEST[TCP] * 3)
    output, status, log = handler.finish()
    assert (output.count(b"\n"), status) == (3, 0)
    assert len(log.splitlines()) == 2
    assert "(2 requests)" in log


def test_a_handler_without_its_log(handler_for):
    """A package without the module for entries is an internal error that stderr tells of."""
    code = without_module("postfix_rest_inetd.journal_socket")
    handler = handler_for(TCP, launch_with={"code": code})
    handler.send(REQUEST[TCP])
    output, status, log = handler.result()
    assert (output, status) == (b"", EX_SOFTWARE)
    assert log.startswith("postfix-rest-inetd: internal error")
