# SPDX-License-Identifier: MIT
r"""A backend, or whoever has got hold of it, tries to forge replies, log entries and screens.

Each of PAYLOADS is put at each place of a response, in the three modes, for a handler with a
journal, one without, and for the operator's commands on a terminal.

- The reply is one that Postfix takes for exactly one reply (property/postfix_client.py): a value or
  an action as the payload's author may choose it, as it was; or one of the fixed texts.
- No byte of a payload is in the log: not in a message, not in a field, not as a field.
- A terminal gets no character from it that moves the cursor, rings or paints.
- A redirection is not followed, and a cookie is not kept.

Beside this: test_secrecy.py looks for what the handler knows in what it writes; test_actions.py and
test_values.py have all limits of actions and values; backend/test_http_response.py the framing.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from blackbox.support import INVALID, UNREACHABLE, server_error, unspecified, user_error
from property import postfix_client

from harness import journald as journald_harness
from harness import terminal
from harness.handler_process import endpoint, start, write_config
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import ScriptedBackend, send, send_and_close

MARK = "EvIl"
"""In each payload: where it is found, the payload has come through."""

PAYLOADS = {
    "LF": b"x\nEvIl",
    "CR": b"x\rEvIl",
    "a header field": b"x\r\nEvIl: y",
    "a response": b'x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n["EvIl"]',
    "a tcp reply": b"x\n200 EvIl\n",
    "a socketmap reply": b"x,7:OK EvIl,",
    "a policy reply": b"x\n\naction=OK EvIl\n\n",
    "an action": b"action=OK EvIl",
    "fields for the journal": b"x\nPRIORITY=0\nSYSLOG_IDENTIFIER=postfix/smtpd\nMESSAGE=EvIl",
    "NUL": b"x\0EvIl",
    "percent": b"x%0A200%20EvIl%00%2",
    "colour": b"\x1b[31mEvIl\x1b[2J",
    "title of the terminal": b"\x1b]0;EvIl\x07",
    "C1 as UTF-8": "\x9b31mEvIl\x85\x90".encode(),
    "C1": b"\x9b31mEvIl",
    "backspaces": b"not\x08\x08\x08EvIl\x7f",
    "tab": b"x\tEvIl\x0b\x0c",
    "line separators": "x\u2028EvIl\u2029y".encode(),
    "directions": "\u202eEvIl\u2066\u200f".encode(),
    "overlong UTF-8": b"x\xc0\x8aEvIl\xe0\x80\x8a",
    "a surrogate": b"x\xed\xa0\x8aEvIl",
    "beyond Unicode": b"x\xf4\x90\x80\x80EvIl",
    "UTF-8": "grüße EvIl 🙂".encode(),
    "long": b"EvIl" * 1500,
    "very long": b"EvIl" * 30_000,
}
SHORT = [name for name in PAYLOADS if "long" not in name]


def _head(status: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, *fields, b"", b""])


def _good(mode: str, status: bytes = b"200 OK", *fields: bytes) -> bytes:
    """A response with an answer; FIELDS come first, so that without the rest there is none."""
    body = FOUND_BODY[mode]
    return _head(status, *fields, b"Content-Length: %d" % len(body)) + body


def _chunked(mode: str, extension: bytes = b"", trailer: bytes = b"") -> bytes:
    body = FOUND_BODY[mode]
    head = _head(b"200 OK", b"Transfer-Encoding: chunked")
    return head + b"%x%s\r\n%s\r\n0\r\n%s\r\n" % (len(body), extension, body, trailer)


def _body(status: bytes, body: bytes) -> bytes:
    return _head(status, b"Content-Length: %d" % len(body)) + body


Place = Callable[[str, bytes], bytes]

AROUND: dict[str, Place] = {
    "reason": lambda mode, p: _good(mode, b"200 " + p),
    "status": _good,
    "field name": lambda mode, p: _good(mode, b"200 OK", p + b": x"),
    "field": lambda mode, p: _good(mode, b"200 OK", b"X-Field: " + p),
    "Content-Type": lambda mode, p: _good(mode, b"200 OK", b"Content-Type: " + p),
    "Content-Encoding": lambda mode, p: _good(mode, b"200 OK", b"Content-Encoding: " + p),
    "Content-Length": lambda mode, p: _good(mode, b"200 OK", b"Content-Length: " + p),
    "Transfer-Encoding": lambda mode, p: _good(mode, b"200 OK", b"Transfer-Encoding: " + p),
    "Connection": lambda mode, p: _good(mode, b"200 OK", b"Connection: " + p),
    "Keep-Alive": lambda mode, p: _good(mode, b"200 OK", b"Keep-Alive: timeout=" + p),
    "Cache-Control": lambda mode, p: _good(mode, b"200 OK", b"Cache-Control: max-age=" + p),
    "Set-Cookie": lambda mode, p: _good(mode, b"200 OK", b"Set-Cookie: " + p),
    "many fields": lambda mode, p: _good(mode, b"200 OK", *[b"X-Field: " + p] * 90),
    "chunk length": lambda mode, p: _chunked(mode).replace(b"\r\n\r\n", b"\r\n\r\n" + p, 1),
    "chunk extension": lambda mode, p: _chunked(mode, extension=b";" + p),
    "trailer": lambda mode, p: _chunked(mode, trailer=b"X-Field: " + p + b"\r\n"),
    "after the response": lambda mode, p: _good(mode) + p,
    "before the response": lambda mode, p: p + _good(mode),
}
"""Around an answer: the reply is that answer, or a refusal."""

FAILURES: dict[str, tuple[Place, dict[str, bytes]]] = {
    "reason of 503": (lambda mode, p: _good(mode, b"503 " + p), server_error(503)),
    "body of 500": (lambda _, p: _body(b"500 x", p), server_error(500)),
    "body of 403": (lambda _, p: _body(b"403 x", p), user_error(403)),
    "body of 204": (lambda _, p: _body(b"204 x", p), unspecified(204)),
    "Location": (lambda mode, p: _good(mode, b"302 x", b"Location: " + p), unspecified(302)),
    "WWW-Authenticate": (
        lambda mode, p: _good(mode, b"401 x", b"WWW-Authenticate: " + p),
        user_error(401),
    ),
    "Retry-After": (lambda mode, p: _good(mode, b"503 x", b"Retry-After: " + p), server_error(503)),
}
"""In a failure: the reply is the text for its status, or a refusal."""

BODIES: dict[str, Callable[[bytes], bytes]] = {
    "the body": lambda p: p,
    "a string": lambda p: b'["' + p + b'"]',
    "a string with escapes": lambda p: json.dumps([p.decode(errors="surrogateescape")]).encode(),
    "the second string": lambda p: json.dumps(["v", p.decode(errors="replace")]).encode(),
    "a key": lambda p: json.dumps({p.decode(errors="replace"): "v"}).encode(),
    "a key in an array": lambda p: json.dumps([{p.decode(errors="replace"): "v"}]).encode(),
    "text of an action": lambda p: b"REJECT " + p,
    "several lines": lambda p: b"DUNNO\n" + p,
}
"""The body of a 200: the reply is what it says, or a refusal."""


def _from_lookup(mode: str, body: bytes) -> set[object]:
    """The decoded reply to a lookup with this body, from a description of what is right."""
    refused = _decoded(mode, INVALID[mode])
    try:
        values = json.loads(body.decode("utf-8", "strict"))
        assert isinstance(values, list)
        assert all(isinstance(value, str) for value in values)
        text = ",".join(values).encode("utf-8", "strict")
    except (ValueError, AssertionError):
        return {refused}
    if b"\0" in text:
        return {refused}
    word, limit = (b"200", 4096) if mode == TCP else (b"OK", 100_000)
    if mode == TCP:
        length = len("200 \n") + sum(1 if 0x21 <= c <= 0x7E and c != 0x25 else 3 for c in text)
    else:
        length = len("OK ") + len(text)
    return {postfix_client.Frame(word, text)} if length <= limit else {refused}


def _from_policy(body: bytes) -> set[object]:
    """The decoded replies to a policy request that are right; the firewall may refuse more."""
    refused = _decoded(POLICY, INVALID[POLICY])
    try:
        action = body.decode("utf-8", "strict").strip(" \t\r\n\v\f")
    except UnicodeDecodeError:
        return {refused}
    is_unsafe = any(unicodedata.category(character) == "Cc" for character in action)
    if is_unsafe or len(action.encode()) > 4096 or action.lower().startswith("action="):
        return {refused}
    given = postfix_client.Frame(b"action", action.encode())
    return {given} if action.startswith("REJECT ") else {given, refused}


def _decoded(mode: str, wire: bytes) -> object:
    """The reply, as Postfix decodes it."""
    decode = {
        TCP: postfix_client.tcp_reply,
        SOCKETMAP: postfix_client.socketmap_reply,
        POLICY: postfix_client.policy_reply,
    }
    return decode[mode](wire)


def _cases(mode: str) -> list[tuple[str, bytes, set[object]]]:
    """Each response without its payload's name, and the replies to it that are right."""
    refusals = (INVALID, UNREACHABLE)
    cases = []
    for payload, content in PAYLOADS.items():
        for place, build in AROUND.items():
            right = {_decoded(mode, reply[mode]) for reply in (FOUND, *refusals)}
            cases.append((f"{payload}, {place}", build(mode, content), right))
        for place, (build, text) in FAILURES.items():
            right = {_decoded(mode, reply[mode]) for reply in (text, *refusals)}
            cases.append((f"{payload}, {place}", build(mode, content), right))
        for place, make in BODIES.items():
            body = make(content)
            right = _from_policy(body) if mode == POLICY else _from_lookup(mode, body)
            cases.append((f"{payload}, {place}", _body(b"200 OK", body), right))
    return cases


class Asked:
    """A handler that has been asked all cases of a mode."""

    def __init__(self, directory: Path, mode: str, prefix: list[str] | None = None) -> None:
        cases = _cases(mode)
        self.number = len(cases)
        self.wrong: list[tuple[str, bytes]] = []
        with ScriptedBackend() as backend:
            config = write_config(directory, endpoint(mode, backend.url()))
            handler = start("--config", config, "--endpoint", mode, prefix=prefix)
            try:
                for name, raw, right in cases:
                    backend.script(send_and_close(raw))
                    reply = handler.ask(mode, REQUEST[mode])
                    backend.wait_until_idle()
                    if handler.pending() or not _is_one_of(mode, reply, right):
                        self.wrong.append((name, reply[:300]))
                self.log = handler.finish().log
            finally:
                handler.close()


def _is_one_of(mode: str, reply: bytes, right: set[object]) -> bool:
    try:
        return _decoded(mode, reply) in right
    except postfix_client.BadReplyError:
        return False


@pytest.mark.parametrize("mode", MODES)
def test_replies_and_lines(tmp_path, mode):
    """Each request has one good reply, and one line on stderr without a word of the backend's."""
    asked = Asked(tmp_path, mode)
    assert asked.wrong == []
    lines = asked.log.splitlines()
    assert len(lines) == asked.number
    assert [line for line in lines if not line.isprintable() or MARK in line] == []


@pytest.mark.parametrize("mode", MODES)
def test_the_journal(tmp_path, mode):
    """Each request has one entry with the handler's own fields, without a word of the backend's."""
    with journald_harness.start(tmp_path) as journald:
        asked = Asked(tmp_path, mode, journald.prefix)
        assert (asked.wrong, asked.log) == ([], "")
        entries = journald.entries()
        assert MARK.encode() not in journald.raw()
    assert len(entries) == asked.number
    assert {entry["PRIORITY"] for entry in entries} <= {"3", "4", "5"}
    assert [entry for entry in entries if not str(entry["MESSAGE"]).isprintable()] == []
    foreign = {
        name
        for entry in entries
        for name in entry
        if not name.startswith(("_", "POSTFIX_REST_", "SYSLOG_IDENTIFIER", "MESSAGE", "PRIORITY"))
    }
    assert foreign == set()


def test_redirections_and_cookies(tmp_path):
    """No other host hears of the token, whatever asks, and no cookie comes back."""
    with ScriptedBackend() as backend, ScriptedBackend() as other:
        cookie = b"Set-Cookie: a=b; Path=/"
        where = other.url().encode()
        fields = (b"Location: " + where, b"Refresh: 0; url=" + where, cookie)
        config = write_config(tmp_path, *[endpoint(mode, backend.url()) for mode in MODES])
        for mode in MODES:
            handler = start("--config", config, "--endpoint", mode)
            backend.script(send(_good(mode, b"200 OK", cookie)))
            assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
            for status in range(300, 309):
                backend.script(send(_good(mode, b"%d x" % status, *fields)))
                assert handler.ask(mode, REQUEST[mode]) == unspecified(status)[mode]
            handler.finish()
        backend.default = send(_good(TCP, b"307 x", *fields))
        terminal.shown([*[_query(config, mode) for mode in MODES], _check(config)])
        assert other.connections == []
        assert len(backend.requests) == 3 * 10 + 3 + 3, "handlers, query, and check for each mode"
        names = {name for request in backend.requests for name, _ in request.headers}
    assert names.isdisjoint({b"cookie", b"referer"})


# -- the operator's screen


def _query(config: Path, mode: str, *options: str) -> list[str]:
    about = {
        TCP: ["key"],
        SOCKETMAP: ["key", "--map=map"],
        POLICY: ["--attribute=sender=a@example.org"],
    }
    return ["query", "--config", str(config), "--direct", *options, mode, *about[mode]]


def _check(config: Path) -> list[str]:
    return ["check", "--probe", "--config", str(config)]


def _harm(output: bytes) -> list[str]:
    assert MARK.encode() in output, "nothing has arrived"
    return terminal.controlled_by(output)


SHOWN = ("reason", "field name", "Location", "body of 500", "a string", "text of an action")
"""A place of each kind: -v shows all bytes in the same way."""


@pytest.mark.parametrize("mode", MODES)
def test_query(tmp_path, mode):
    """All bytes of a response are shown with -v, and none of them controls the terminal."""
    wanted = {f"{payload}, {place}" for payload in SHORT for place in SHOWN}
    steps = [send_and_close(raw) for name, raw, _ in _cases(mode) if name in wanted]
    assert len(steps) == len(wanted)
    with ScriptedBackend(*steps) as backend:
        config = write_config(tmp_path, endpoint(mode, backend.url()))
        output = terminal.shown([_query(config, mode, "-v")] * len(steps))
        assert not backend.steps
    assert _harm(output) == []


def test_many_keys(tmp_path):
    """A key and its value are one line of text on a terminal, whatever they are."""
    keys = [PAYLOADS[name].replace(b"\n", b" ") for name in SHORT]
    values = [json.dumps([content.decode(errors="replace")]).encode() for content in keys]
    with ScriptedBackend(*[send_and_close(_body(b"200 OK", each)) for each in values]) as backend:
        config = write_config(tmp_path, endpoint(TCP, backend.url()))
        command = ["query", "--config", str(config), "--direct", TCP, "-"]
        output = terminal.shown([command], b"".join(key + b"\n" for key in keys))
        assert not backend.steps
    assert _harm(output) == []


def test_check(tmp_path):
    """A probe shows an action as text."""
    body = b"REJECT " + PAYLOADS["line separators"] + PAYLOADS["directions"]
    with ScriptedBackend(send_and_close(_body(b"200 \x1b[31m", body))) as backend:
        config = write_config(tmp_path, endpoint(POLICY, backend.url()))
        output = terminal.shown([_check(config)])
        assert not backend.steps
    assert _harm(output) == []


def test_what_handlers_have_left(tmp_path):
    """Neither the journal nor the stored answers bring a payload to a terminal."""
    field = b"Cache-Control: max-age=600"
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    with journald_harness.start(tmp_path) as journald, ScriptedBackend() as backend:
        config = write_config(tmp_path, endpoint(TCP, backend.url()))
        options = ("--config", config, "--endpoint", TCP, "--cache-directory", cache)
        handler = start(*options, prefix=journald.prefix)
        keys = [name for name in SHORT if name != "NUL"]  # with one, a request is broken
        for name in keys:
            body = json.dumps([PAYLOADS[name].decode(errors="replace")]).encode()
            backend.script(send(_head(b"200 OK", field, b"Content-Length: %d" % len(body)) + body))
            handler.ask(TCP, postfix_client.tcp_request(PAYLOADS[name]))
        handler.finish()
        assert len(journald.entries()) == len(keys)
        shared = ["--config", str(config), "--cache-directory", str(cache)]
        journal = ["--directory", "/run/log/journal"]
        commands = [
            ["cache", *shared, *journal],
            ["cache", "list", TCP, *shared],
            ["cache", "list", TCP, "--json", *shared],
            *[["stats", *journal, *more] for more in ([], ["--json"], ["--prometheus"])],
        ]
        output = terminal.shown(commands, prefix=journald.prefix)
    assert _harm(output) == []
