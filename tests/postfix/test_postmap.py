# SPDX-License-Identifier: MIT
"""`postmap -q` asks a handler, through tcp: and through socketmap:.

The answer that matters is Postfix's: its standard output, its exit status (0 found, 1 not found or
trouble) and its standard error, which alone tells trouble from not found. A backend in trouble must
never look like "not found", which would bounce mail.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from harness.activation import activated, write_handler_config
from harness.modes import TABLES
from harness.ports import free_port
from harness.postfix_instance import PostmapResult, postmap, write_config
from harness.rest_backend import Answer, RestBackend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.postfix

NOT_FOUND = PostmapResult(1, b"", "")

USER_ERROR = "REST server signaled a user error, is the connector misconfigured? Code"
SERVER_ERROR = "REST server had an internal error"
UNSPECIFIED = "REST server responded with an unspecified code"
INVALID_DATA = "REST connector received invalid data!"

FOUND = [
    pytest.param("user@example.org", "user%40example.org", ["mailbox"], "mailbox", id="plain"),
    pytest.param("two@example.org", "two%40example.org", ["a", "b"], "a,b", id="several values"),
    pytest.param(
        "jürgen@exämple.org",
        "j%C3%BCrgen%40ex%C3%A4mple.org",
        ["jürgen/Übung"],
        "jürgen/Übung",
        id="not ASCII",
    ),
    pytest.param(
        "a+b %c@example.org",
        "a%2Bb%20%25c%40example.org",
        ["plus"],
        "plus",
        id="plus, percent and space in the key",
    ),
    pytest.param("q?x=1&y=2/#", "q%3Fx%3D1%26y%3D2%2F%23", ["query"], "query", id="URL syntax"),
    pytest.param(
        "blanks",
        "blanks",
        ["100% of two  words\tand %41"],
        "100% of two  words\tand %41",
        id="percent and blanks in the value",
    ),
]
"""Key, the key as the backend sees it, the backend's values, what Postfix gets."""


TROUBLE = [
    pytest.param(Answer(400, b""), "permanent", f"{USER_ERROR}: 400", id="400"),
    pytest.param(Answer(401, b""), "permanent", f"{USER_ERROR}: 401", id="401"),
    pytest.param(Answer(500, b""), "temporary", f"{SERVER_ERROR}: 500", id="500"),
    pytest.param(Answer(503, b"[]"), "temporary", f"{SERVER_ERROR}: 503", id="503"),
    pytest.param(Answer(204, b""), "temporary", f"{UNSPECIFIED}: 204", id="204"),
    pytest.param(Answer(302, b""), "temporary", f"{UNSPECIFIED}: 302", id="302"),
    pytest.param(Answer(200, b"null"), "temporary", INVALID_DATA, id="null"),
    pytest.param(Answer(200, b"<html>"), "temporary", INVALID_DATA, id="no JSON"),
]
"""What the backend answers, how Postfix calls the error, the text Postfix gets."""


class Lookups(NamedTuple):
    """Three endpoints of one kind as Postfix names them, and what is particular to the kind."""

    kind: str
    config_dir: Path
    ordinary: str
    impatient: str
    down: str

    def query(self, key: str) -> str:
        """The query string that the backend gets for KEY, which is percent-encoded already."""
        return f"key={key}" if self.kind == "tcp" else f"name=virtual&key={key}"

    def longest_value(self) -> int:
        """The size of the longest value that fits: 4096 bytes are `200 ` to newline, or 100000."""
        return 4096 - len("200 \n") if self.kind == "tcp" else 100000 - len("OK ")

    def error(self, table: str, kind: str, text: str) -> str:
        """The complaint of postmap when TABLE answers with an error; tcp: tables keep the text."""
        warning = f"postmap: warning: {table} socketmap server {kind} error: {text}\n"
        fatal = f"postmap: fatal: table {table}: query error\n"
        return fatal if self.kind == "tcp" else warning + fatal


FORMS = {"tcp": "tcp:127.0.0.1:{}", "socketmap": "socketmap:inet:127.0.0.1:{}:virtual"}


@pytest.fixture(scope="module", params=TABLES)
def lookups(
    request: pytest.FixtureRequest, module_backend: RestBackend, directory: Path
) -> Iterator[Lookups]:
    """Endpoints of each kind: an ordinary one, an impatient one, one whose backend is down."""
    kind = request.param
    mode = TABLES[kind]
    ports = [free_port(), free_port(), free_port()]
    targets = [f"{module_backend.url}/lookup"] * 2 + [f"http://127.0.0.1:{free_port()}/"]
    config = write_handler_config(
        directory / f"{kind}.json",
        *(
            {
                "name": name,
                "mode": mode,
                "target": target,
                "bind-port": port,
                "request-timeout": timeout,
            }
            for name, target, port, timeout in zip(
                ("ordinary", "impatient", "down"),
                targets,
                ports,
                (30_000, 500, 30_000),
                strict=True,
            )
        ),
    )
    config_dir = write_config(directory / "etc", {"compatibility_level": "3.6"})
    with activated([f"127.0.0.1:{port}" for port in ports], config, mode):
        yield Lookups(kind, config_dir, *(FORMS[kind].format(port) for port in ports))


def ask(table: str, key: str | bytes, config_dir: Path) -> PostmapResult:
    """Run postmap, without the text of an errno that it appends by accident to some errors."""
    result = postmap(key, table, config_dir)
    stderr = re.sub(r"(?m)(: query error): .*$", r"\1", result.stderr)
    return result._replace(stderr=stderr)


def values(*texts: str) -> Answer:
    """The backend's way to say that it found TEXTS."""
    return Answer(200, json.dumps(texts, ensure_ascii=False).encode())


@pytest.mark.parametrize("key, encoded_key, found, expected", FOUND)
def test_found(
    lookups: Lookups,
    backend: RestBackend,
    key: str,
    encoded_key: str,
    found: list[str],
    expected: str,
) -> None:
    """The backend gets the key as Postfix has it, Postfix gets the values as the backend has them.

    Not a character of either is lost or changed on the way.
    """
    backend.routes["/lookup"] = values(*found)
    result = ask(lookups.ordinary, key, lookups.config_dir)
    assert result == PostmapResult(0, f"{expected}\n".encode(), "")
    (request,) = backend.requests
    assert (request.method, request.query) == ("GET", lookups.query(encoded_key))
    assert request.headers["x-auth-token"] == "secret"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(404, b"nothing here"), id="404"),
        pytest.param(Answer(200, b"[]"), id="empty list"),
        pytest.param(Answer(200, b""), id="empty body"),
        pytest.param(Answer(200, b'[""]'), id="empty value"),
    ],
)
def test_not_found(lookups: Lookups, backend: RestBackend, answer: Answer) -> None:
    """The ways to say "not found": exit status 1 and not a word."""
    backend.routes["/lookup"] = answer
    assert ask(lookups.ordinary, "nobody@example.org", lookups.config_dir) == NOT_FOUND
    assert len(backend.requests) == 1


@pytest.mark.parametrize("answer, kind, text", TROUBLE)
def test_trouble(
    lookups: Lookups, backend: RestBackend, answer: Answer, kind: str, text: str
) -> None:
    """Whatever else the backend answers is an error to Postfix, not "not found", and final.

    Final: the backend is asked once, although Postfix has up to ten tries for a tcp: table.
    """
    backend.routes["/lookup"] = answer
    result = ask(lookups.ordinary, "user@example.org", lookups.config_dir)
    assert result == PostmapResult(1, b"", lookups.error(lookups.ordinary, kind, text))
    assert len(backend.requests) == 1


def test_backend_down(lookups: Lookups) -> None:
    """A backend that cannot be reached is a temporary error."""
    expected = lookups.error(lookups.down, "temporary", "REST server could not be reached")
    result = ask(lookups.down, "user@example.org", lookups.config_dir)
    assert result == PostmapResult(1, b"", expected)


def test_backend_slow(lookups: Lookups, backend: RestBackend) -> None:
    """When request-timeout has passed, Postfix gets an error, though the backend would answer."""
    backend.routes["/lookup"] = values("late")._replace(delay_sec=30)
    expected = lookups.error(lookups.impatient, "timeout", "REST request timed out")
    result = ask(lookups.impatient, "user@example.org", lookups.config_dir)
    assert result == PostmapResult(1, b"", expected)
    assert len(backend.requests) == 1


def test_longest_value(lookups: Lookups, backend: RestBackend) -> None:
    """A value that just fits into Postfix's limit arrives complete."""
    value = "v" * lookups.longest_value()
    backend.routes["/lookup"] = values(value)
    result = ask(lookups.ordinary, "user@example.org", lookups.config_dir)
    assert result == PostmapResult(0, f"{value}\n".encode(), "")


def test_value_too_long(lookups: Lookups, backend: RestBackend) -> None:
    """One byte more is an error, at once: Postfix would cut it, or try tcp: ten times."""
    backend.routes["/lookup"] = values("v" * (lookups.longest_value() + 1))
    result = ask(lookups.ordinary, "user@example.org", lookups.config_dir)
    expected = lookups.error(lookups.ordinary, "temporary", INVALID_DATA)
    assert result == PostmapResult(1, b"", expected)
    assert len(backend.requests) == 1


def test_length_counts_encoded_bytes(lookups: Lookups, backend: RestBackend) -> None:
    """Postfix's limit is in bytes on the wire: UTF-8 has two for "ü", a tcp: table six (%C3%BC)."""
    fitting = "ü" * (lookups.longest_value() // (6 if lookups.kind == "tcp" else 2))
    backend.routes["/lookup"] = values(fitting)
    result = ask(lookups.ordinary, "user@example.org", lookups.config_dir)
    assert result == PostmapResult(0, f"{fitting}\n".encode(), "")
    backend.routes["/lookup"] = values(f"{fitting}ü")
    result = ask(lookups.ordinary, "user@example.org", lookups.config_dir)
    expected = lookups.error(lookups.ordinary, "temporary", INVALID_DATA)
    assert result == PostmapResult(1, b"", expected)


def test_key_not_utf8(lookups: Lookups, backend: RestBackend, directory: Path) -> None:
    """Without smtputf8_enable Postfix asks for any bytes; the backend gets just these bytes."""
    parameters = {"compatibility_level": "3.6", "smtputf8_enable": "no"}
    config_dir = write_config(directory / "etc-bytes", parameters)
    backend.routes["/lookup"] = values("found")
    result = ask(lookups.ordinary, b"j\xfcrgen@example.org", config_dir)
    assert result == PostmapResult(0, b"found\n", "")
    (request,) = backend.requests
    assert request.query == lookups.query("j%FCrgen%40example.org")
