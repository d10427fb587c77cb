# SPDX-License-Identifier: MIT
"""The example backends, asked by the real handler, and each response as openapi.yaml has it."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import yaml
from blackbox.support import NOT_FOUND, netstring, policy_reply, temporary_user_error
from jsonschema import Draft202012Validator

from harness.example_backends import (
    BACKENDS,
    BLOCKED,
    EXAMPLES,
    ODD_KEY,
    TOKEN,
    WITH_TOKEN_FILE,
)
from harness.handler_process import Handler, endpoint, start, write_config
from harness.modes import POLICY, SOCKETMAP, TCP

TEMPORARY = [401, 403, 404, 408, 429]
"""What each example asks for, in its first lines."""

SENDER, REASON = next(iter(BLOCKED.items()))


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The name of an example; it runs."""
    return str(request.param)


@pytest.fixture(scope="module")
def url(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where it runs."""
    with BACKENDS[backend](tmp_path_factory.mktemp(backend)) as url:
        yield url


@contextlib.contextmanager
def handler(directory: Path, mode: str, target: str, token: str = TOKEN) -> Iterator[Handler]:
    """A handler for an endpoint as the examples' first lines describe it."""
    keys = {"auth-token": token, "temporary-statuses": TEMPORARY}
    config = write_config(directory, endpoint(mode, target, **keys))
    running = start("--config", config, "--endpoint", mode)
    yield running
    running.close()


def socketmap(name: str, key: str) -> bytes:
    """A socketmap request."""
    return netstring(f"{name} {key}".encode())


def policy(sender: str) -> bytes:
    """A policy request."""
    lines = ["request=smtpd_access_policy", "protocol_state=RCPT", f"sender={sender}", "", ""]
    return "\n".join(lines).encode()


def test_tcp_lookup(tmp_path: Path, url: str) -> None:
    """A table of its own: found, not found, and found again, on one connection."""
    with handler(tmp_path, TCP, f"{url}/lookup/domain") as running:
        for _ in range(2):
            assert running.ask(TCP, b"get example.org\n") == b"200 example.org\n"
            assert running.ask(TCP, b"get example.net\n") == NOT_FOUND[TCP]


@pytest.mark.parametrize(
    "name, key, reply",
    [
        ("alias", "info@example.org", netstring(b"OK alice@example.org,bob@example.org")),
        ("alias", "nobody@example.org", NOT_FOUND[SOCKETMAP]),
        ("mailbox", "alice@example.org", netstring(b"OK alice")),
        ("mailbox", ODD_KEY, netstring("OK öd".encode())),
        ("mailbox", "../domain/example.org", NOT_FOUND[SOCKETMAP]),
        ("blocked", SENDER, temporary_user_error(404)[SOCKETMAP]),
    ],
)
def test_socketmap_lookup(tmp_path: Path, url: str, name: str, key: str, reply: bytes) -> None:
    """Any key in any map; a map that is none is a temporary error."""
    with handler(tmp_path, SOCKETMAP, f"{url}/lookup") as running:
        assert running.ask(SOCKETMAP, socketmap(name, key)) == reply


def test_policy(tmp_path: Path, url: str, backend: str) -> None:
    """Who is blocked is rejected, where a program decides; others are not."""
    with handler(tmp_path, POLICY, f"{url}/policy") as running:
        assert running.ask(POLICY, policy("a@example.net")) == policy_reply("DUNNO")
        expected = "DUNNO" if backend == "nginx" else f"REJECT {REASON}"
        assert running.ask(POLICY, policy(SENDER)) == policy_reply(expected)


@pytest.mark.parametrize(
    "mode, path, request_bytes",
    [
        (TCP, "/lookup/domain", b"get example.org\n"),
        (SOCKETMAP, "/lookup", socketmap("alias", "info@example.org")),
        (POLICY, "/policy", policy("a@example.net")),
    ],
)
def test_wrong_token(tmp_path: Path, url: str, mode: str, path: str, request_bytes: bytes) -> None:
    """Without the right token there is nothing to learn, and no mail bounces."""
    with handler(tmp_path, mode, url + path, token="other") as running:
        assert running.ask(mode, request_bytes) == temporary_user_error(403)[mode]


@pytest.mark.parametrize("backend", WITH_TOKEN_FILE.values(), ids=WITH_TOKEN_FILE)
@pytest.mark.parametrize("headers", [{}, {"X-Auth-Token": ""}], ids=["no header", "empty header"])
def test_empty_token_file(tmp_path: Path, backend: Any, headers: dict[str, str]) -> None:
    """A token file with nothing in it lets nobody in."""
    with backend(tmp_path, token="") as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", "/lookup?name=alias&key=x", headers=headers)
            assert connection.getresponse().status == 403


def schema(path: str, method: str, media_type: str) -> dict[str, Any]:
    """What openapi.yaml says of the body of a response with the status 200."""
    document = yaml.safe_load(EXAMPLES.joinpath("openapi.yaml").read_text(encoding="utf-8"))
    response = document["paths"][path][method]["responses"]["200"]
    reference = response["content"][media_type]["schema"]["$ref"].rpartition("/")[2]
    return dict(document["components"]["schemas"][reference])


def response_to(url: str, method: str, path: str, body: str | None = None) -> tuple[str, str]:
    """The Content-Type and the body of a response, whose status is 200."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    with contextlib.closing(connection):
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        connection.request(method, path, body, {"X-Auth-Token": TOKEN, **form})
        response = connection.getresponse()
        text = response.read().decode()
        assert response.status == 200
        return response.headers.get_content_type(), text


@pytest.mark.parametrize("key", ["info@example.org", "nobody@example.org"])
def test_lookup_response(url: str, key: str) -> None:
    """A lookup's body is what openapi.yaml describes, under the Content-Type that it names."""
    kind, body = response_to(url, "GET", f"/lookup?name=alias&key={quote(key)}")
    Draft202012Validator(schema("/lookup", "get", kind)).validate(json.loads(body))


@pytest.mark.parametrize("sender", ["", SENDER])
def test_policy_response(url: str, sender: str) -> None:
    """So is a policy's."""
    kind, body = response_to(url, "POST", "/policy", f"sender={quote(sender)}")
    Draft202012Validator(schema("/policy", "post", kind)).validate(body)
