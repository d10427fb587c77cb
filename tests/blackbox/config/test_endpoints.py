# SPDX-License-Identifier: MIT
"""Which endpoint answers: the connection's own local address decides, or `--endpoint`.

The connections are real ones, accepted from real listeners, because what getsockname(2) says of
them is the point. Each endpoint has a target path of its own; the path of the HTTP request tells
which one was chosen.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest
from blackbox.support import UNUSABLE_CONFIG, reason_told_once

from harness.handler_process import accepted, endpoint, pipes, write_config
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import ScriptedBackend, answer


@contextlib.contextmanager
def _listener(address: str, *, dual_stack: bool = False) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if family == socket.AF_INET6 and not _has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    with socket.create_server((address, 0), family=family, dualstack_ipv6=dual_stack) as listener:
        yield listener


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def _chosen(backend: ScriptedBackend) -> str:
    (request,) = backend.requests
    return request.target.partition(b"?")[0].decode().lstrip("/")


# listener, does it take IPv4 too, where the client connects, bind-addresses in the order of the
# file, the one that must be chosen
SELECTION = [
    ("IPv4", "127.0.0.1", False, "127.0.0.1", ["127.0.0.1"], "127.0.0.1"),
    ("IPv6", "::1", False, "::1", ["::1"], "::1"),
    ("IPv6, written differently", "::1", False, "::1", ["0:0:0:0:0:0:0:1"], "0:0:0:0:0:0:0:1"),
    ("localhost", "127.0.0.1", False, "127.0.0.1", ["localhost"], "localhost"),
    (
        "exact before wildcard",
        "127.0.0.1",
        False,
        "127.0.0.1",
        ["0.0.0.0", "127.0.0.1"],
        "127.0.0.1",
    ),
    ("exact before wildcard, IPv6", "::1", False, "::1", ["::", "::1"], "::1"),
    ("another address of the machine", "127.0.0.2", False, "127.0.0.2", ["127.0.0.1", "127.0.0.2"],
     "127.0.0.2"),
    ("wildcard listener", "0.0.0.0", False, "127.0.0.1", ["0.0.0.0"], "0.0.0.0"),
    ("wildcard listener, exact endpoint", "0.0.0.0", False, "127.0.0.3",
     ["0.0.0.0", "127.0.0.3"], "127.0.0.3"),
    ("wildcard listener, IPv6", "::", False, "::1", ["::"], "::"),
    ("IPv4-mapped is IPv4", "::", True, "127.0.0.1", ["127.0.0.1"], "127.0.0.1"),
    ("IPv4-mapped, IPv4 wildcard", "::", True, "127.0.0.1", ["0.0.0.0"], "0.0.0.0"),
    ("IPv4-mapped, dual-stack wildcard", "::", True, "127.0.0.1", ["::"], "::"),
    ("IPv4-mapped in the file", "127.0.0.1", False, "127.0.0.1", ["::ffff:127.0.0.1"],
     "::ffff:127.0.0.1"),
]  # fmt: skip


@pytest.mark.parametrize(
    "listen, dual_stack, connect, binds, expected",
    [c[1:] for c in SELECTION],
    ids=[c[0] for c in SELECTION],
)
def test_by_address(tmp_path, backend, launch, listen, dual_stack, connect, binds, expected):
    """The exact address is chosen before a wildcard; an IPv4-mapped address is IPv4."""
    backend.script(answer(200, b'["value"]'))
    with _listener(listen, dual_stack=dual_stack) as listener:
        port = listener.getsockname()[1]
        config = write_config(
            tmp_path,
            *[
                endpoint(TCP, backend.url("/" + bind), name=bind, bind_address=bind, bind_port=port)
                for bind in binds
            ],
        )
        handler = launch("--config", config, ends=accepted(listener, (connect, port)))
    assert handler.ask(TCP, REQUEST[TCP]) == b"200 value\n"
    assert _chosen(backend) == expected


def test_by_unix_path(tmp_path, backend, launch):
    """A unix socket is known by its path."""
    backend.script(answer(200, b'["value"]'))
    path = tmp_path / "asked"
    config = write_config(
        tmp_path,
        endpoint(TCP, backend.url("/other"), name="other", bind_path=str(tmp_path / "other")),
        endpoint(TCP, backend.url("/asked"), name="asked", bind_path=str(path)),
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        handler = launch("--config", config, ends=accepted(listener, str(path)))
    assert handler.ask(TCP, REQUEST[TCP]) == b"200 value\n"
    assert _chosen(backend) == "asked"


@pytest.mark.parametrize("mode", MODES)
def test_on_pipes_by_name(tmp_path, backend, launch, mode):
    """Where fd 0 is no socket, `--endpoint` tells."""
    backend.script(answer(200, FOUND_BODY[mode]))
    config = write_config(tmp_path, *[endpoint(m, backend.url("/" + m)) for m in MODES])
    handler = launch("--config", config, "--endpoint", mode, ends=pipes())
    handler.send(REQUEST[mode])
    assert handler.finish()[:2] == (FOUND[mode], 0)
    assert _chosen(backend) == mode


def test_name_overrides_address(tmp_path, backend, launch):
    """`--endpoint` is chosen although the connection belongs to another one."""
    backend.script(answer(200, b'["value"]'))
    with _listener("127.0.0.1") as listener:
        port = listener.getsockname()[1]
        config = write_config(
            tmp_path,
            endpoint(TCP, backend.url("/here"), name="here", bind_port=port),
            endpoint(TCP, backend.url("/named"), name="named", bind_address="127.0.0.9"),
        )
        handler = launch("--config", config, "--endpoint", "named", ends=accepted(listener))
    assert handler.ask(TCP, REQUEST[TCP]) == b"200 value\n"
    assert _chosen(backend) == "named"


@pytest.mark.parametrize("mode", MODES)
def test_mode_picks_among_equal_names(tmp_path, backend, launch, mode):
    """Names need not be unique: with `--mode` the endpoint of that mode is meant."""
    backend.script(answer(200, FOUND_BODY[mode]))
    config = write_config(
        tmp_path, *[endpoint(m, backend.url("/" + m), name="same") for m in MODES]
    )
    handler = launch("--config", config, "--mode", mode, "--endpoint", "same")
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    assert _chosen(backend) == mode


def test_mode_picks_the_wildcard_over_an_exact_address_of_another_mode(tmp_path, backend, launch):
    """An endpoint of another mode is no candidate, however well its address fits."""
    backend.script(answer(200, b"DUNNO"))
    with _listener("0.0.0.0") as listener:
        port = listener.getsockname()[1]
        config = write_config(
            tmp_path,
            endpoint(TCP, backend.url("/tcp"), bind_address="127.0.0.1", bind_port=port),
            endpoint(POLICY, backend.url("/policy"), bind_address="0.0.0.0", bind_port=port),
        )
        ends = accepted(listener, ("127.0.0.1", port))
        handler = launch("--config", config, "--mode", POLICY, ends=ends)
    assert handler.ask(POLICY, REQUEST[POLICY]) == b"action=DUNNO\n\n"
    assert _chosen(backend) == "policy"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("with_mode", [True, False], ids=["--mode given", "mode guessed"])
def test_no_endpoint_of_this_name(tmp_path, backend, launch, mode, with_mode):
    """An unknown name is a temporary error for every request; the reason is logged once."""
    config = write_config(tmp_path, endpoint(mode, backend.url()))
    options = ("--mode", mode) if with_mode else ()
    handler = launch("--config", config, "--endpoint", "nobody", *options)
    for _ in range(3):
        assert handler.ask(mode, REQUEST[mode]) == UNUSABLE_CONFIG[mode]
    output, status, log = handler.finish()
    assert (output, status) == (b"", 0)
    assert "nobody" in reason_told_once(log, 3)
    assert backend.connections == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("with_mode", [True, False], ids=["--mode given", "mode guessed"])
def test_no_endpoint_at_this_address(tmp_path, backend, launch, mode, with_mode):
    """A connection nobody is configured for is no silent close: Postfix would retry ten times."""
    config = write_config(tmp_path, endpoint(mode, backend.url(), bind_address="127.0.0.99"))
    options = ("--mode", mode) if with_mode else ()
    with _listener("127.0.0.1") as listener:
        port = listener.getsockname()[1]
        handler = launch("--config", config, *options, ends=accepted(listener))
    for _ in range(3):
        assert handler.ask(mode, REQUEST[mode]) == UNUSABLE_CONFIG[mode]
    output, status, log = handler.finish()
    assert (output, status) == (b"", 0)
    assert f"127.0.0.1:{port}" in reason_told_once(log, 3)
    assert backend.connections == []


def test_only_an_endpoint_of_another_mode_at_this_address(tmp_path, backend, launch):
    """A tcp endpoint does not answer what came through a policy socket."""
    with _listener("127.0.0.1") as listener:
        config = write_config(
            tmp_path, endpoint(TCP, backend.url(), bind_port=listener.getsockname()[1])
        )
        handler = launch("--config", config, "--mode", POLICY, ends=accepted(listener))
    assert handler.ask(POLICY, REQUEST[POLICY]) == UNUSABLE_CONFIG[POLICY]
    assert backend.connections == []


def test_neither_name_nor_address(tmp_path, backend, launch):
    """A socket without a name belongs to no endpoint: a temporary error, not silence."""
    config = write_config(tmp_path, endpoint(SOCKETMAP, backend.url()))
    handler = launch("--config", config)
    handler.send(REQUEST[SOCKETMAP])
    output, status, log = handler.finish()
    assert (output, status) == (UNUSABLE_CONFIG[SOCKETMAP], 0)
    assert "unnamed unix socket" in log


UNUSABLE_FILES = [
    ("missing", None),
    ("empty", ""),
    ("no JSON", "{"),
    ("no object", "[]"),
    ("no endpoints", "{}"),
    ("an unknown key", '{"endpoints": [], "user-agnet": "x"}'),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("with_mode", [True, False], ids=["--mode given", "mode guessed"])
@pytest.mark.parametrize(
    "content", [c[1] for c in UNUSABLE_FILES], ids=[c[0] for c in UNUSABLE_FILES]
)
def test_unusable_file(tmp_path, launch, mode, with_mode, content):
    """A file that cannot be used loses no mail: a temporary error each time, the reason once."""
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    options = ("--mode", mode) if with_mode else ()
    handler = launch("--config", path, *options)
    handler.send(REQUEST[mode] * 3)
    output, status, log = handler.finish()
    assert (output, status) == (UNUSABLE_CONFIG[mode] * 3, 0)
    assert str(path) in reason_told_once(log, 3)
