# SPDX-License-Identifier: MIT
"""No secret in anything the handler writes, in no outcome, not even in that of a bug.

Every secret of the configuration and every address of the request is a distinctive text here. Each
way a request can end is gone through, once with a real journal and once without one, and all that
was written is searched for each text: as it is, percent-encoded, base64-encoded, in hexadecimal and
as Python would show it. Tokens must never be found; keys and addresses not with `log-keys` false.
"""

from __future__ import annotations

import base64
import urllib.parse

import pytest
from blackbox.broken_functions import PLACES, broken_function
from blackbox.support import netstring

from harness import journald as journald_harness
from harness.certificates import Authority
from harness.handler_process import endpoint, write_config
from harness.modes import MODES, POLICY, SOCKETMAP, TCP
from harness.scripted_backend import (
    ScriptedBackend,
    answer,
    hang_up,
    reset,
    send_and_close,
    silence,
    unused_port,
)

TOKEN = "Tok+en/S3cr3t=="
PASSWORD = "P4ssw0rd&x"
USER = "us3r-nam3"
HEADER = "H3ader value #1"
QUERY = "Qu3ry+S3cr3t"
BODY = "B0dy-of-the-backend"
KEY = "k3y+Us3r@private.example"
SENDER = "s3nd+Er@private.example"
RECIPIENT = "r3cip+Ient@private.example"
CLIENT = "203.0.113.77"
LOGIN = "l0g+In@private.example"
QUEUE_ID, INSTANCE = "4XyZqU3u3", "1b3.6743f1c2.a4f0e.7"
RECIPIENT_COUNT, SIZE = "c0unt-31415", "s1ze-2718281"  # digits alone occur by chance

TOKENS = {"token": TOKEN, "password": PASSWORD, "header": HEADER, "query": QUERY}
CREDENTIALS = {"credentials": f"{USER}:{PASSWORD}"}
ADDRESSES = {
    "key": KEY,
    "sender": SENDER,
    "recipient": RECIPIENT,
    "client": CLIENT,
    "login": LOGIN,
    "queue id": QUEUE_ID,
    "instance": INSTANCE,
    "count": RECIPIENT_COUNT,
    "size": SIZE,
}
SHOWN = {
    TCP: {"key"},
    SOCKETMAP: {"key"},
    POLICY: {"sender", "recipient", "client", "login", "size"},
}
"""What the message says of a request, with log-keys."""
IN_FIELDS = {TCP: set(), SOCKETMAP: set(), POLICY: {"queue id", "instance", "count"}}
"""What is in a field, and not in the message."""

REQUESTS = {
    TCP: f"get {KEY}\n".encode(),
    SOCKETMAP: netstring(f"map {KEY}".encode()),
    POLICY: (
        f"request=smtpd_access_policy\nprotocol_state=RCPT\nsender={SENDER}\n"
        f"recipient={RECIPIENT}\nclient_address={CLIENT}\nhelo_name={KEY}\n"
        f"sasl_username={LOGIN}\nqueue_id={QUEUE_ID}\ninstance={INSTANCE}\n"
        f"recipient_count={RECIPIENT_COUNT}\nsize={SIZE}\n\n"
    ).encode(),
}


def _forms(text: str) -> set[bytes]:
    """TEXT in every form in which it might be found, in lower case."""
    raw = text.encode()
    forms = {
        raw,
        urllib.parse.quote(text, safe="").encode(),
        urllib.parse.quote(text).encode(),
        urllib.parse.quote_plus(text).encode(),
        repr(text)[1:-1].encode(),
        raw.hex().encode(),
    }
    for shift in range(3):  # the three ways in which a text can lie within a longer base64 text
        encoded = base64.b64encode(b"\0" * shift + raw)
        whole = len(raw) + shift - (len(raw) + shift) % 3
        forms.add(encoded[4 if shift else 0 : whole // 3 * 4])
    return {form.lower() for form in forms}


def _found(written: bytes, secrets: dict[str, str]) -> list[str]:
    lowered = written.lower()
    return [name for name, text in secrets.items() if any(f in lowered for f in _forms(text))]


def test_the_search_finds():
    """The search of this module sees a secret in each of its forms, within other text too."""
    for form in (TOKEN, urllib.parse.quote(TOKEN, safe=""), TOKEN.encode().hex(), repr([TOKEN])):
        assert _found(b"x" + form.encode() + b"y", TOKENS) == ["token"]
    for before in ("", "a", "bc", "def"):
        whole = base64.b64encode(f"{before}{TOKEN}:and more".encode())
        assert _found(whole, TOKENS) == ["token"], before
    assert _found(b"nothing of that kind", {**TOKENS, **ADDRESSES}) == []


def _secret_endpoint(mode: str, backend: ScriptedBackend, **keys: object) -> dict[str, object]:
    user_info = f"{USER}:{urllib.parse.quote(PASSWORD, safe='')}@"
    target = backend.url(f"/path?apikey={urllib.parse.quote(QUERY, safe='')}", user_info)
    token = {} if "auth_token_file" in keys else {"auth_token": TOKEN}
    return endpoint(mode, target, headers={"X-Extra": HEADER}, **token, **keys)


ECHO = f"{TOKEN} {PASSWORD} {HEADER} {QUERY} {' '.join(ADDRESSES.values())}".encode()
"""A backend may tell in its responses whatever it was told; that must not be logged either."""

STEPS = [
    ("found", lambda mode: answer(200, b"DUNNO" if mode == POLICY else b'["v"]')),
    ("not found", lambda _: answer(404, ECHO)),
    ("4xx", lambda _: answer(403, ECHO, b"X-Echo: " + ECHO)),
    ("5xx", lambda _: send_and_close(b"HTTP/1.1 500 " + ECHO + b"\r\n\r\n" + ECHO)),
    ("redirect", lambda _: answer(302, ECHO, b"Location: http://x/?" + ECHO.replace(b" ", b"_"))),
    ("invalid data", lambda _: answer(200, b"[" + ECHO)),
    ("an action in two lines", lambda _: answer(200, ECHO + b"\n" + ECHO)),
    ("no HTTP", lambda _: send_and_close(ECHO + b"\r\n\r\n")),
    ("no header", lambda _: send_and_close(b"HTTP/1.1 200 OK\r\n" + ECHO + b"\r\n\r\n")),
    ("a bad length", lambda _: answer(200, b"", b"Content-Length: " + ECHO)),
    ("a bad chunk", lambda _: send_and_close(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + ECHO + b"\r\n")),
    ("connection lost", lambda _: hang_up),
    ("reset", lambda _: reset),
    ("timeout", lambda _: silence),
]  # fmt: skip

BROKEN_REQUESTS = {
    TCP: f"put {KEY} x\n".encode(),
    SOCKETMAP: netstring(KEY.encode()),
    POLICY: f"sender={SENDER}\n{RECIPIENT}\n\n".encode(),
}


def _collect(launch, directory, mode: str, *, log_keys: bool, prefix) -> bytes:
    """Everything a handler writes to stderr when each of STEPS and a broken request happen."""
    with ScriptedBackend(*[step(mode) for _, step in STEPS]) as backend:
        item = _secret_endpoint(mode, backend, log_keys=log_keys, request_timeout=400)
        config = write_config(directory, item)
        handler = launch("--config", config, "--endpoint", mode, prefix=prefix)
        for _ in STEPS:
            handler.ask(mode, REQUESTS[mode])
            backend.wait_until_idle()
        authorization = backend.requests[0].header(b"authorization")
        assert authorization == b"Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode())
        handler.send(BROKEN_REQUESTS[mode])
        log = handler.result().log
    with unused_port() as nobody:
        item["target"] = item["target"].replace(f":{backend.port}/", f":{nobody.getsockname()[1]}/")
        config = write_config(directory, item)
        handler = launch("--config", config, "--endpoint", mode, prefix=prefix)
        handler.ask(mode, REQUESTS[mode])
        log += handler.finish().log
    return log.encode()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("log_keys", [False, True], ids=["log-keys false", "log-keys true"])
def test_every_outcome_on_stderr(tmp_path, launch, mode, log_keys):
    """Without a journal: one line for each request, none with a secret in it."""
    log = _collect(launch, tmp_path, mode, log_keys=log_keys, prefix=None)
    assert log.count(b"\n") == len(STEPS) + 2
    assert _found(log, {**TOKENS, **CREDENTIALS}) == []
    expected = SHOWN[mode] if log_keys else set()
    assert expected == set(_found(log, ADDRESSES)), "whom a request was about, as log-keys says"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("log_keys", [False, True], ids=["log-keys false", "log-keys true"])
def test_every_outcome_in_the_journal(tmp_path, launch, mode, log_keys):
    """With a journal: no field of any entry has a secret in it."""
    with journald_harness.start(tmp_path) as journald:
        log = _collect(launch, tmp_path, mode, log_keys=log_keys, prefix=journald.prefix)
        assert log == b""
        assert len(journald.entries()) == len(STEPS) + 2
        written = journald.raw()
    assert _found(written, {**TOKENS, **CREDENTIALS}) == []
    expected = SHOWN[mode] | IN_FIELDS[mode] if log_keys else set()
    assert expected == set(_found(written, ADDRESSES))


@pytest.mark.parametrize("module, path", PLACES, ids=[".".join(place) for place in PLACES])
def test_an_unexpected_exception(tmp_path, launch, module, path):
    """A traceback says where, not what: the words of an exception may be a request's or a token."""
    text = f"{TOKEN} {USER}:{PASSWORD} {HEADER} {QUERY} {KEY} {CLIENT}"
    with ScriptedBackend(default=answer(200, b'["v"]')) as backend:
        config = write_config(tmp_path, _secret_endpoint(TCP, backend, log_keys=False))
        code = broken_function(module, path, text)
        handler = launch("--config", config, "--endpoint", TCP, code=code)
        handler.send(REQUESTS[TCP])
        finished = handler.result()
    assert "RuntimeError" in finished.log
    written = finished.log.encode() + finished.output
    assert _found(written, {**TOKENS, **CREDENTIALS, **ADDRESSES}) == []


def test_tls_failures(tmp_path, launch):
    """What is told about a certificate is told without the target's path, query and password."""
    authority = Authority(tmp_path)
    with ScriptedBackend(tls=authority.server("other.example")) as backend:
        item = _secret_endpoint(POLICY, backend, log_keys=False)
        trusting = {**item, "tls-ca-file": str(authority.ca_file)}
        for each in (item, trusting):
            handler = launch("--config", write_config(tmp_path, each), "--endpoint", POLICY)
            handler.ask(POLICY, REQUESTS[POLICY])
            log = handler.finish().log
            assert "certificate" in log
            assert _found(log.encode(), {**TOKENS, **CREDENTIALS, **ADDRESSES}) == []


@pytest.mark.parametrize("content", [None, f"{TOKEN}\n{PASSWORD}\n"], ids=["missing", "two lines"])
def test_a_token_file_that_cannot_be_used(tmp_path, launch, content):
    """The file is named, its content is not."""
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with ScriptedBackend() as backend:
        item = _secret_endpoint(TCP, backend, auth_token_file=str(path), log_keys=False)
        handler = launch("--config", write_config(tmp_path, item), "--endpoint", TCP)
        handler.ask(TCP, REQUESTS[TCP])
        log = handler.finish().log
    assert str(path) in log
    assert _found(log.encode(), {**TOKENS, **CREDENTIALS, **ADDRESSES}) == []


MISTAKES = [
    ("a token that is no string", {"auth-token": [TOKEN]}),
    ("a token with a newline", {"auth-token": TOKEN + "\n"}),
    ("a target with a wrong scheme", {"target": f"ftp://{USER}:{PASSWORD}@x/?{QUERY}"}),
    ("a target with a bad port", {"target": f"http://{USER}:{PASSWORD}@x:{QUERY}/"}),
    ("a target with a blank", {"target": f"http://{USER}:{PASSWORD}@x/ ?{QUERY}"}),
    ("a target with a bad bracket", {"target": f"http://{USER}:{PASSWORD}@[x/?{QUERY}"}),
    ("a bad target in a list", {"target": ["http://x/", f"http://{USER}:{PASSWORD}@x:{QUERY}/"]}),
    ("a target twice", {"target": [f"http://{USER}:{PASSWORD}@x/?{QUERY}"] * 2}),
    ("headers that are a list", {"headers": [HEADER, TOKEN]}),
    ("a header with a newline", {"headers": {"X-A": HEADER + "\r\nX-B: " + TOKEN}}),
    ("a header that is no string", {"headers": {"X-A": {"x": HEADER}}}),
    ("an unknown key", {"auth-tokn": TOKEN}),
    ("a token file with a newline", {"auth-token": None, "auth-token-file": f"/x\n{TOKEN}"}),
]


@pytest.mark.parametrize("keys", [m[1] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_mistakes_in_the_configuration(tmp_path, launch, keys):
    """What is wrong is told by its place in the file, not by repeating it."""
    item = {**endpoint(TCP, "http://127.0.0.1:1/"), **keys}
    handler = launch("--config", write_config(tmp_path, item), "--endpoint", TCP)
    handler.ask(TCP, REQUESTS[TCP])
    log = handler.finish().log
    assert "$.endpoints[0]" in log
    assert _found(log.encode(), {**TOKENS, **CREDENTIALS}) == []


def test_a_file_that_is_no_json(tmp_path, launch):
    """The part of the file around a syntax error is not repeated."""
    path = tmp_path / "config.json"
    path.write_text(f'{{"endpoints": [{{"auth-token": "{TOKEN}" "x": 1}}]}}')
    handler = launch("--config", path, "--mode", TCP)
    handler.ask(TCP, REQUESTS[TCP])
    log = handler.finish().log
    assert "JSON" in log
    assert _found(log.encode(), TOKENS) == []
