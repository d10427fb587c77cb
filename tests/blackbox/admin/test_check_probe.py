# SPDX-License-Identifier: MIT
"""`check --probe` asks real backends over the network, TLS included, and judges what they say."""

from __future__ import annotations

import contextlib
import email.utils
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.activation import package_parent
from harness.certificates import Authority
from harness.endpoints import raw_endpoint
from harness.modes import MODES, POLICY, SOCKETMAP, TCP
from harness.scripted_backend import (
    Connection,
    ScriptedBackend,
    answer,
    hang_up,
    silence,
    unused_port,
)
from harness.wire import table
from postfix_rest_inetd.admin.checks import probe as probe_checks
from postfix_rest_inetd.config import loading

if TYPE_CHECKING:
    from collections.abc import Iterator

ABSENT = {TCP: b"[]", SOCKETMAP: b"[]", POLICY: b"DUNNO"}


def probe(target: str, mode: str = TCP, map_name: str = "", **keys: object) -> list[list[str]]:
    """What is found for an endpoint with this target: severity, what, advice."""
    document = {"endpoints": [raw_endpoint(mode=mode, target=target, name="e", **keys)]}
    loaded = loading.parse(json.dumps(document).encode(), "config.json")
    names = {loaded.endpoints[0]: map_name.split()} if map_name else {}
    found = list(probe_checks.findings(loaded.endpoints[0], loaded, "config.json", names))
    assert {finding.where for finding in found} <= {"e: backend", "e: cache"}
    return [[finding.severity, finding.what, finding.advice] for finding in found]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that the operator trusts."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.mark.parametrize("mode", MODES)
def test_good(mode: str) -> None:
    """One request with the token, for what cannot exist; each step is told."""
    with ScriptedBackend(answer(200, ABSENT[mode])) as backend:
        ((severity, what, _),) = probe(backend.url("/x?a=b"), mode, auth_token="t0ken")
        (request,) = backend.requests
    assert severity == "ok"
    assert what.startswith("connected to 127.0.0.1 (")
    assert "status 200 (" in what
    assert request.header(b"x-auth-token") == b"t0ken"
    assert b".invalid" in request.raw
    assert "t0ken" not in what


def test_map_name() -> None:
    """A socketmap is asked for the maps that Postfix asks for, or for one that is made up."""
    with ScriptedBackend(answer(404), answer(404), answer(404)) as backend:
        probe(backend.url(), SOCKETMAP, "aliases boxes")
        probe(backend.url(), SOCKETMAP)
        asked = [request.target for request in backend.requests]
    assert [target.partition(b"&")[0] for target in asked] == [
        b"/lookup?name=aliases",
        b"/lookup?name=boxes",
        b"/lookup?name=check",
    ]


@pytest.mark.parametrize("status, severity", [(400, "note"), (401, "error"), (500, "error")])
def test_a_map_that_nobody_uses(status: int, severity: str) -> None:
    """A backend need not know the map that is made up; the token and its health are its own."""
    with ScriptedBackend(answer(status), answer(status)) as backend:
        ((made_up, _, _),) = probe(backend.url(), SOCKETMAP)
        ((used, _, _),) = probe(backend.url(), SOCKETMAP, "aliases")
    assert (made_up, used) == (severity, "error")


def test_name(authority: Authority) -> None:
    """Name, TLS and certificate are told."""
    step = answer(404)
    with ScriptedBackend(step, tls=authority.server("localhost", days=60.5)) as backend:
        target = backend.url().replace("127.0.0.1", "localhost")
        ((severity, what, _),) = probe(target, tls_ca_file=str(authority.ca_file))
    assert severity == "ok"
    assert what.startswith("localhost is ")
    assert "TLSv1.3, certificate until 20" in what
    assert ", 60 days (" in what
    assert what.endswith(": not found, for the key postfix-rest-inetd.invalid")


ANSWERS = {
    "a value": (answer(200, b'["x"]'), TCP, "warning", "which cannot exist", "accepts mail for"),
    "401": (answer(401), TCP, "error", "status 401", "auth-token"),
    "404 for a policy": (answer(404), POLICY, "error", "status 404", "target"),
    "500": (answer(500), TCP, "error", "status 500", "X-Request-Id"),
    "a redirect": (answer(302), POLICY, "error", "status 302", "redirects are not followed"),
    "no JSON": (
        answer(200, b"x"),
        TCP,
        "error",
        "is not JSON",
        "    postfix-rest-inetd query e ",
    ),
    "a web page": (answer(200, b"<html>"), POLICY, "error", "is HTML or XML", "--direct -v"),
    "an unsafe action": (answer(200, b""), POLICY, "error", "action", ""),
    "no JSON for a socketmap": (
        *(answer(200, b"[1]"), SOCKETMAP, "error", "array of strings"),
        "    postfix-rest-inetd query e check@postfix-rest-inetd.invalid --direct -v --map check",
    ),
    "no answer": (hang_up, TCP, "error", "closed the connection", ""),
}


@pytest.mark.parametrize("step, mode, severity, told, advice", table(ANSWERS))
def test_answers(step, mode, severity, told, advice):
    """What is wrong with a response is told, and what to do."""
    with ScriptedBackend(step) as backend:
        found = probe(backend.url(), mode)
    assert found[0][0] == severity
    assert told in found[0][1]
    assert advice in found[0][2]


def test_stored() -> None:
    """The finding about a good answer tells for how long handlers use it again."""
    caching = b"Cache-Control: max-age=60, stale-if-error=86400"
    with ScriptedBackend(answer(200, b"[]", caching)) as backend:
        ((severity, what, _),) = probe(backend.url())
    assert severity == "ok"
    assert what.endswith("; used again for 60 s, and in an outage for 86400 s more")


CLOCKS = {
    "a day ahead": (86_400, (), "1440 minutes ahead of the clock of this machine"),
    "an hour behind": (-3600, (), "60 minutes behind the clock of this machine"),
    "a minute ahead": (60, (), None),
    "from a cache on the way": (-3600, (b"Age: 3600",), None),
}


@pytest.mark.parametrize("ahead_sec, fields, told", table(CLOCKS))
def test_clock(ahead_sec: int, fields: tuple[bytes, ...], told: str | None) -> None:
    """The Date of a response is compared with this machine's clock."""
    date = email.utils.formatdate(time.time() + ahead_sec, usegmt=True)
    with ScriptedBackend(answer(200, b"[]", f"Date: {date}".encode(), *fields)) as backend:
        good, *found = probe(backend.url())
    assert good[0] == "ok"
    assert [each[0] for each in found] == ([] if told is None else ["warning"])
    assert all(str(told) in each[1] for each in found)


def test_temporary_status() -> None:
    """A status that is temporary by choice is still no good answer."""
    with ScriptedBackend(answer(401)) as backend:
        ((severity, what, _),) = probe(backend.url(), temporary_statuses=[401])
    assert (severity, "status 401" in what) == ("error", True)


def test_temporary_status_that_is_expected() -> None:
    """Nobody is advised to make a status temporary that is temporary."""
    with ScriptedBackend(answer(429), answer(429)) as backend:
        ((_, _, advice),) = probe(backend.url())
        ((_, what, other),) = probe(backend.url(), temporary_statuses=[429])
    assert advice == "A candidate for temporary-statuses"
    assert "status 429" in what
    assert other == "A temporary error, because temporary-statuses has the status"


def test_slow() -> None:
    """The deadline holds."""
    with ScriptedBackend(silence) as backend:
        ((severity, what, _),) = probe(backend.url(), request_timeout=200)
    assert severity == "error"
    assert "the request-timeout of 200 ms passed while waiting for the response" in what


def test_nearly_too_slow() -> None:
    """A response that took more than half of the time is good, and a warning."""

    def late(connection: Connection) -> None:
        connection.backend.stopping.wait(2.2)
        answer(404)(connection)

    with ScriptedBackend(late) as backend:
        good, warning = probe(backend.url(), request_timeout=4000)
    assert (good[0], warning[0]) == ("ok", "warning")
    assert "and request-timeout is 4000 ms" in warning[1]


def test_nobody() -> None:
    """A port without a backend, a name without an address."""
    with unused_port() as port:
        ((severity, what, _),) = probe(f"http://127.0.0.1:{port.getsockname()[1]}/")
    assert (severity, "Connection refused" in what) == ("error", True)
    ((severity, what, _),) = probe("http://nobody.invalid/", request_timeout=20_000)
    assert (severity, "the name nobody.invalid cannot be resolved" in what) == ("error", True)


def test_no_tls(authority: Authority) -> None:
    """A target with http: at a port where the backend speaks TLS."""
    with ScriptedBackend(default=silence, tls=authority.server("127.0.0.1")) as backend:
        ((severity, what, advice),) = probe(backend.url().replace("https:", "http:"))
    assert (severity, "failed while waiting for the response" in what) == ("error", True)
    assert advice == "If the backend speaks TLS on this port, the target has to begin with https:"


def test_expired_certificate(authority: Authority) -> None:
    """An expired certificate is told as that."""
    with ScriptedBackend(tls=authority.server("127.0.0.1", expired=True)) as backend:
        ((severity, what, _),) = probe(backend.url(), tls_ca_file=str(authority.ca_file))
    assert severity == "error"
    assert "certificate has expired; renew the backend's certificate" in what


def test_certificate_that_will_expire(authority: Authority) -> None:
    """A certificate that nobody renews is told in time."""
    with ScriptedBackend(answer(404), tls=authority.server("127.0.0.1", days=9.5)) as backend:
        warning, good = probe(backend.url(), tls_ca_file=str(authority.ca_file))
    assert (warning[0], good[0]) == ("warning", "ok")
    assert "expires in 9 days" in warning[1]


def test_unknown_authority(authority: Authority) -> None:
    """A certificate of an authority that nobody knows."""
    with ScriptedBackend(tls=authority.server("127.0.0.1")) as backend:
        ((severity, what, _),) = probe(backend.url())
    assert (severity, "the CA is not known here" in what) == ("error", True)


def test_unusable_files(tmp_path: Path) -> None:
    """Where files are missing, no backend is asked; `check` has told of the files."""
    document = {"endpoints": [raw_endpoint(auth_token=None, auth_token_file=str(tmp_path / "no"))]}
    loaded = loading.parse(json.dumps(document).encode(), "config.json")
    assert list(probe_checks.findings(loaded.endpoints[0], loaded, "config.json", {})) == []


def several(*targets: str, mode: str = TCP, **keys: object) -> list[tuple[str, str, str, str]]:
    """What is found for an endpoint with these targets."""
    entry = raw_endpoint(mode=mode, target=list(targets), name="e", **keys)
    loaded = loading.parse(json.dumps({"endpoints": [entry]}).encode(), "config.json")
    return list(probe_checks.findings(loaded.endpoints[0], loaded, "config.json", {}))


@pytest.mark.parametrize("mode", MODES)
def test_several_targets(mode: str) -> None:
    """Each target is asked, whatever the others do; one that cannot be reached is a warning."""
    step = answer(200, ABSENT[mode])
    with ScriptedBackend(step) as one, ScriptedBackend(step) as two, unused_port() as nobody:
        down = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        found = several(one.url(), f"{down}/x", two.url(), mode=mode)
        assert len(one.requests) == len(two.requests) == 1
        places = [f"e: backend http://{one.authority}", f"e: backend {down}"]
        places.append(f"e: backend http://{two.authority}")
    assert [finding[1] for finding in found] == places
    assert [finding[0] for finding in found] == ["ok", "warning", "ok"]
    assert "As long as it fails, handlers ask the other targets." in found[1][3]


@pytest.mark.parametrize(
    "step, mode, severity",
    [
        (answer(500), TCP, "warning"),
        (answer(200, b"<html>"), SOCKETMAP, "warning"),
        (hang_up, TCP, "warning"),
        (answer(401), TCP, "error"),
        (answer(500), POLICY, "error"),
        (answer(200, b"5.7.1"), POLICY, "error"),
    ],
)
def test_a_target_that_fails(step: object, mode: str, severity: str) -> None:
    """What a handler cannot make good by asking the next target is still an error."""
    with ScriptedBackend(answer(200, ABSENT[mode])) as good, ScriptedBackend(step) as bad:
        found = several(bad.url(), good.url(), mode=mode)
    assert [finding[0] for finding in found] == [severity, "ok"]
    assert "--direct" not in found[0][3]


@pytest.mark.parametrize("mode, is_told", [(TCP, True), (POLICY, False)])
def test_a_slow_target(mode: str, *, is_told: bool) -> None:
    """A lookup leaves a target after its share of the time, and a policy request does not."""

    def late(connection: Connection) -> None:
        connection.backend.stopping.wait(1.1)
        answer(200, ABSENT[mode])(connection)

    with ScriptedBackend(late, late) as one, ScriptedBackend(answer(200, ABSENT[mode])) as two:
        found = several(one.url("/1"), one.url("/2"), two.url(), mode=mode, request_timeout=4000)
    slow = [finding for finding in found if "the backend took" in finding[2]]
    for ms, finding in zip((2000, 1000), slow, strict=False):
        assert f"request-timeout is 4000 ms; this target has {ms} ms of it" in finding[2]
    assert [finding[1] for finding in slow] == [
        f"e: backend http://{one.authority} [{index}]" for index in (0, 1) if is_told
    ]


def test_all_targets_fail() -> None:
    """If none works, all of it is an error."""
    with ScriptedBackend(answer(500)) as one, ScriptedBackend(answer(500)) as two:
        found = several(one.url(), two.url())
    assert [finding[0] for finding in found] == ["error", "error"]


def test_the_same_for_all_maps() -> None:
    """What would be told for each map in the same words is told once."""
    step = answer(200, b"[]")
    with ScriptedBackend(step, step) as backend:
        found = probe(backend.url(), SOCKETMAP, "one two", cache={"stale-if-error": 60})
    assert [severity for severity, _, _ in found] == ["ok", "note", "ok"]


def test_stale_not_found() -> None:
    """What a stale "not found" means is told beside a good answer."""
    with ScriptedBackend(answer(404)) as backend:
        target = backend.url()
        found = several(target, cache={"stale-if-error": 60})
    assert [finding[0] for finding in found] == ["ok", "warning"]


@pytest.mark.parametrize("is_good", [True, False])
def test_namesakes(tmp_path: Path, *, is_good: bool) -> None:
    """That the backend of one has failed hides nothing of another endpoint with its name."""
    with (
        ScriptedBackend(answer(200, b"DUNNO")) as backend,
        unused_port() as nobody,
        socket.create_server(("127.0.0.1", 0)) as broken,
        closing_what_comes(broken),
    ):
        bad = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        target, port = backend.url() if is_good else bad, broken.getsockname()[1]
        entries = [
            raw_endpoint(name="e", mode=TCP, target=bad, bind_port=nobody.getsockname()[1]),
            raw_endpoint(name="e", mode=POLICY, target=target, bind_port=port),
        ]
        file = tmp_path / "config.json"
        file.write_text(json.dumps({"endpoints": entries}))
        command = ["check", "--config", str(file), "--only=probe,sockets", "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "postfix_rest_inetd.admin.cli", *command],
            env={**os.environ, "PYTHONPATH": str(package_parent())},
            capture_output=True,
            check=False,
            timeout=60,
        )
    errors = [e for e in json.loads(done.stdout)["findings"] if e["severity"] == "error"]
    advice = [error["advice"] for error in errors if error["where"] == "e: socket"]
    assert [f"query 127.0.0.1:{port} -v --attribute" in text for text in advice] == [True] * is_good
    assert all(f"--config {file}" in text for text in advice)


@contextlib.contextmanager
def closing_what_comes(listening: socket.socket) -> Iterator[None]:
    """Accept connections and close them at once, until the end of the block."""

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                listening.accept()[0].close()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_failure_action() -> None:
    """What Postfix is told when the backend fails is not what the backend has said."""
    with ScriptedBackend(answer(500), answer(200, b"DEFER later")) as backend:
        ((severity, what, _),) = probe(backend.url(), POLICY, failure_action="DUNNO")
        ((good, action, _),) = probe(backend.url(), POLICY, failure_action="DEFER later")
    assert (severity, "server error" in what, "DUNNO" in what) == ("error", True, False)
    assert (good, "action DEFER later" in action) == ("ok", True)
