# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd query`: real handlers behind real sockets, a real backend, and the answers.

Everything is asked through the socket and directly, and must come to the same.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.activation import activated, write_handler_config
from harness.certificates import Authority
from harness.modes import POLICY, SOCKETMAP, TCP
from harness.ports import free_port
from harness.rest_backend import Answer, Recorded, RestBackend, rest_backend
from harness.scripted_backend import ScriptedBackend, answer, hang_up, silence
from postfix_rest_inetd.admin import cli
from postfix_rest_inetd.admin.ask import direct_client
from postfix_rest_inetd.admin.ask.record import Record
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.model import LookupRequest

TOKEN = "the-token-of-the-tests"
MODES = {"domains": TCP, "maps": SOCKETMAP, "policy": POLICY}
DOWN = {"down-domains": TCP, "down-policy": POLICY}

ANSWERS = {
    b"example.org": Answer(200, b'["one", "two"]'),
    b"info@example.org": Answer(200, b'["one", "two"]'),
    b"forbidden": Answer(403, b"no"),
    b"broken": Answer(500, b"no"),
    b"strange": Answer(200, b"{}"),
    "é \x01%".encode(): Answer(200, '["été"]'.encode()),
}

ACTIONS = {
    "spam@example.org": b"REJECT spam",
    "later@example.org": b"451 REST period, try later",
    "closed@example.org": b"554 REST is what we have today",
    "grey@example.org": b"DEFER_IF_PERMIT greylisted",
}


class Setup(NamedTuple):
    """Everything that runs, and the configuration."""

    backend: RestBackend
    config: Path
    unix: str


def route(request: Recorded) -> Answer:
    """What the backend answers."""
    if request.headers.get("x-auth-token") != TOKEN:
        return Answer(403, b"wrong token")
    if request.method == "POST":
        return Answer(200, ACTIONS.get(dict(request.attributes())["sender"], b"DUNNO"))
    return ANSWERS.get(request.key(), Answer(404, b""))


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    """A backend, and handlers for an endpoint of each kind, one with a backend that is down."""
    directory = tmp_path_factory.mktemp("query")
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(rest_backend())
        backend.routes = {"/x": route}
        known = {"auth-token": TOKEN, "request-timeout": 20_000}
        endpoints = [
            {
                **known,
                "name": name,
                "mode": mode,
                "target": f"{backend.url}/x" if name in MODES else "http://127.0.0.1:9/",
                "bind-port": free_port(),
                "bind-address": "0.0.0.0" if name == "maps" else "127.0.0.1",
                "headers": {"X-Secret": "hidden"},
            }
            for name, mode in {**MODES, **DOWN}.items()
        ]
        unix = str(directory / "socket")
        endpoints += [
            {**known, "name": "unix", "mode": "tcp-lookup", "target": f"{backend.url}/x"}
            | {"bind-path": unix},
            {**known, "name": "nobody", "mode": "tcp-lookup", "target": backend.url}
            | {"bind-port": free_port()},
        ]
        config = write_handler_config(directory / "config.json", *endpoints)
        for mode in set(MODES.values()):
            addresses = [
                e.get("bind-path") or f"127.0.0.1:{e['bind-port']}"
                for e in endpoints
                if e["mode"] == mode and e["name"] != "nobody"
            ]
            stack.enter_context(activated(addresses, config, mode))
        yield Setup(backend, config, unix)


class Done(NamedTuple):
    """What a command did."""

    status: int
    output: str
    errors: str

    @property
    def text(self) -> str:
        """The output as one paragraph."""
        return " ".join(self.output.split())


@pytest.fixture
def query(setup: Setup, capsysbinary, monkeypatch):
    """Run the command."""

    def run(*arguments: str, keys: bytes | None = None) -> Done:
        if keys is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(keys)))
        try:
            status = cli.main(["query", "--config", str(setup.config), *arguments])
        except SystemExit as error:
            status = error.code
        sys.stdout.flush()
        captured = capsysbinary.readouterr()
        return Done(status, captured.out.decode(), captured.err.decode())

    return run


WAYS = pytest.mark.parametrize("way", [[], ["--direct"]], ids=["socket", "direct"])


@WAYS
@pytest.mark.parametrize(
    "arguments, status, reply, effect",
    [
        (
            "domains info@example.org",
            0,
            "reply 200 one,two",
            "virtual_alias_maps: the recipient is repl",
        ),
        ("domains nothing", 1, "reply 500 key not found", "no match; 454 4.7.1"),
        ("domains broken", 75, "reply 400 REST server had an internal error: 500", "451 4.3.0"),
        ("domains strange", 75, "reply 400 REST connector received invalid data!", "451 4.3.0"),
        ("maps info@example.org --map a", 0, "reply OK one,two", "replaced by one, two"),
        ("maps no@example.org --map a", 1, "reply NOTFOUND", "550 5.1.1"),
        ("maps forbidden --map a", 75, "reply PERM REST server signaled", "451 4.3.5"),
        ("domains *", 1, "reply 500 key not found", "The key is the wildcard"),
        ("down-domains x", 75, "reply 400 REST server could not be reached", "451 4.3.0"),
        ("policy", 0, "reply action=DUNNO", "check_policy_service: no decision"),
        (
            "policy --attribute sender=spam@example.org",
            0,
            "reply action=REJECT spam",
            "bounces with 554 5.7.1 <recipient>: Recipient address rejected: spam",
        ),
        ("down-policy", 75, "reply action=451 REST server could not", "deferred with 451 4.7.1"),
        ("unix example.org", 0, "reply 200 one,two", "match"),
    ],
)
def test_answers(query, way, arguments, status, reply, effect):
    """The reply, what Postfix does with it, and the exit status; by both ways the same."""
    done = query(*arguments.split(), *way)
    assert done.status == status
    assert reply in done.text
    assert effect in done.text
    assert done.errors == ""
    assert [line for line in done.output.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    "sender, status",
    [("later", 75), ("grey", 75), ("closed", 0), ("spam", 0), ("other", 0)],
)
def test_whose_action_it_is(query, sender, status):
    """Through the socket, an action that defers the mail is 75; directly, the backend's are 0.

    Whatever words it has: those of the handler are not reserved.
    """
    attribute = f"--attribute=sender={sender}@example.org"
    assert query("policy", attribute).status == status
    done = query("policy", attribute, "--direct")
    assert done.status == 0
    assert "outcome action" in done.text


@pytest.mark.parametrize(
    "failure_action, status",
    [(None, 75), ("DEFER later", 75), ("451 4.7.1 later", 75), ("close", 75), ("DUNNO", 0)],
)
def test_a_failure_that_is_an_action(query, tmp_path, failure_action, status):
    """A failure is 75 directly, whatever failure-action says, and as Postfix takes it otherwise."""
    entry = {"name": "x", "mode": "policy", "target": "http://127.0.0.1:9/", "auth-token": TOKEN}
    entry["bind-port"] = free_port()
    if failure_action is not None:
        entry["failure-action"] = failure_action
    config = write_handler_config(tmp_path / "config.json", entry)
    assert query("--config", str(config), "x", "--direct").status == 75
    with activated([f"127.0.0.1:{entry['bind-port']}"], config, "policy"):
        assert query("--config", str(config), "x").status == status


def test_a_backend_that_refuses_the_handler(query, setup, tmp_path):
    """A token that is not right is an error directly; Postfix bounces the mail, which is 0."""
    document = json.loads(setup.config.read_text())
    (entry,) = [each for each in document["endpoints"] if each["name"] == "policy"]
    entry = {**entry, "auth-token": "wrong", "bind-port": free_port()}
    config = write_handler_config(tmp_path / "config.json", entry)
    done = query("--config", str(config), "policy", "--direct")
    assert (done.status, "outcome user-error" in done.text) == (75, True)
    with activated([f"127.0.0.1:{entry['bind-port']}"], config, "policy"):
        done = query("--config", str(config), "policy")
    assert (done.status, "bounces with 554 5.7.1" in done.text) == (0, True)


def test_steps_through_the_socket(query, setup):
    """Each step has its time; -v shows the bytes."""
    done = query("maps", "example.org", "--map", "alias", "-v")
    for step in (
        "connecting to 127.0.0.1:",
        "sending the request",
        "waiting for the reply",
        "in all",
    ):
        assert f" ms {step}" in done.text
    assert "> 17:alias example.org," in done.output
    assert "< 10:OK one,two," in done.output
    assert setup.backend.requests[-1].query == "name=alias&key=example.org"


def test_steps_of_the_backend(query):
    """Asked directly, the steps are those of the HTTP request; secrets are masked."""
    done = query("policy", "--direct", "-v", "--attribute", f"ccert_subject={TOKEN}")
    for step in ("connecting to 127.0.0.1 port", "sending", "waiting for", "reading", "in all"):
        assert f" ms {step}" in done.text
    assert "> POST /x HTTP/1.1\\r\\n" in done.output
    assert "> X-Auth-Token: ********\\r\\n" in done.output
    assert "> X-Secret: ********\\r\\n" in done.output
    assert "< HTTP/1.1 200 OK\\r\\n" in done.output
    assert TOKEN not in done.output.replace("\n  > ", "")
    assert "hidden" not in done.output
    assert "response HTTP status 200 request id" in done.text


def test_https(query, tmp_path, tmp_path_factory):
    """What is shown of a request over https is what is inside, without the secrets."""
    authority = Authority(tmp_path_factory.mktemp("ca"))
    with ScriptedBackend(answer(200, b'["x"]'), tls=authority.server("127.0.0.1")) as backend:
        config = write_handler_config(
            tmp_path / "config.json",
            {"name": "x", "mode": "tcp-lookup", "target": backend.url(), "auth-token": TOKEN}
            | {"bind-port": 9, "tls-ca-file": str(authority.ca_file)},
        )
        done = query("--config", str(config), "x", "y", "--direct", "-v")
    assert done.status == 0
    assert "doing the TLS handshake with https://127.0.0.1" in done.text
    assert "> GET /lookup?key=y HTTP/1.1\\r\\n" in done.output
    assert "> X-Auth-Token: ********\\r\\n" in done.output
    assert "< HTTP/1.1 200" in done.output


def test_several_targets(query, tmp_path):
    """Directly, each attempt is shown, with its secrets masked, and the target that answered."""
    with ScriptedBackend(silence) as first, ScriptedBackend(answer(200, b'["x"]')) as second:
        urls = [first.url("/a", "u:hidden@"), second.url("/b", "u:concealed@")]
        config = write_handler_config(
            tmp_path / "config.json",
            {"name": "x", "mode": "tcp-lookup", "target": urls, "auth-token": "t0ke"}
            | {"bind-port": 9, "request-timeout": 2000, "headers": {"X-Secret": "private"}},
        )
        done = query("--config", str(config), "x", "y", "--direct", "-v")
    one, two = f"http://{first.authority}", f"http://{second.authority}"
    assert done.status == 0
    assert f"its backend {one}, else {two} asked directly" in done.text
    assert f" ms asking {one} " in done.text
    assert f" ms asking {two} " in done.text
    assert f"target {two} failed {one}: this target's share of 1000 ms passed" in done.text
    assert done.output.count("> X-Auth-Token: ********\\r\\n") == 2
    assert done.output.count("> Authorization: ********\\r\\n") == 2
    assert done.output.count("> X-Secret: ********\\r\\n") == 2
    for secret in ("t0ke", "hidden", "concealed", "private", "dTpoaWRkZW4", "dTpjb25jZWFsZWQ"):
        assert secret not in done.output


def test_a_request_that_is_repeated(tmp_path):
    """Its secrets are masked both times, also if nothing was received between them."""
    with ScriptedBackend(answer(200, b"[]"), hang_up, answer(200, b'["x"]')) as backend:
        config = write_handler_config(
            tmp_path / "config.json",
            {"name": "x", "mode": "tcp-lookup", "target": backend.url(), "auth-token": "t0ke"}
            | {"bind-port": 9},
        )
        (endpoint,) = loading.load(str(config)).endpoints
        client = direct_client.DirectClient(endpoint, "x")
        for _ in range(2):
            record = Record()
            client.ask(LookupRequest(b"y"), record)
        client.close()
    sent = [piece.data for piece in record.traffic if piece.sent]
    assert [data.count(b"\r\nX-Auth-Token: ********\r\n") for data in sent] == [1, 1]
    assert b"t0ke" not in b"".join(sent)


def test_the_cause_is_told(query):
    """Asked directly, the handler's own words say why there is no answer, and what to do."""
    done = query("down-domains", "x", "--direct")
    assert "Connection refused); is the backend running, and is the target right?" in done.text
    assert "outcome unreachable" in done.text


def test_the_journal_is_named(query):
    """Through the socket, the journal is where the cause is."""
    reason = "has the reason: journalctl -t postfix-rest-inetd -n 1"
    assert reason in query("down-domains", "x").output
    told = "whether this is the backend's answer: journalctl -t postfix-rest-inetd -n 1"
    assert told in query("down-policy").text
    assert told in query("policy", "--attribute=sender=closed@example.org").text
    assert "journalctl" not in query("policy", "--attribute=sender=spam@example.org").text


def test_nobody_listens(query):
    """Where nobody listens it says so, what to look at, and what Postfix would do."""
    done = query("nobody", "x")
    assert done.status == 75
    assert "journalctl" not in done.output
    assert "nobody listens there: systemctl status postfix-rest-tcp@all.socket" in done.text
    assert "after ten tries, a second apart, the mail is deferred" in done.text


@WAYS
def test_many_keys(query, way):
    """Keys from standard input: what is found, as postmap has it, and one status for all."""
    done = query("domains", "-", *way, keys=b"example.org\n\nnothing\nexample.org\r\n")
    assert done == (0, "example.org\tone,two\nexample.org\tone,two\n", "")
    assert query("domains", "-", *way, keys=b"nothing\n") == (1, "", "")
    assert query("domains", "-", *way, keys=b"") == (1, "", "")


def test_keys_are_bytes(query, setup):
    """A key and a value pass as they are, whatever bytes they have."""
    key = "é \x01%"
    assert query("domains", "-", keys=f"{key}\n".encode()).output == f"{key}\tété\n"
    query("domains", "-", keys=b"\xff\n")
    assert setup.backend.requests[-1].key() == b"\xff"


def test_a_terminal_without_unicode(setup, monkeypatch):
    """What standard output cannot show is spelt out."""
    screen = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    assert cli.main(["query", "--config", str(setup.config), "domains", "é \x01%"]) == 0
    screen.flush()
    assert b"200 \\xe9t\\xe9\n" in screen.buffer.getvalue()


def test_errors_among_many_keys(query):
    """An error is told and the next key is asked; ten in a row are enough."""
    done = query("domains", "-", keys=b"broken\nexample.org\n")
    assert (done.status, done.output) == (75, "example.org\tone,two\n")
    assert done.errors.splitlines() == [
        "postfix-rest-inetd: broken: 400 REST server had an internal error: 500",
        "postfix-rest-inetd: 1 of 2 keys had an error",
    ]
    done = query("domains", "-", "--direct", keys=b"broken\n" * 50)
    assert "10 of 10 keys had an error; gave up after 10 in a row" in done.errors


def test_one_connection_for_many_keys(query, setup):
    """As Postfix does, many keys are asked over one connection, hence of one handler."""
    setup.backend.requests.clear()
    query("domains", "-", keys=b"example.org\n" * 20)
    assert len({request.connection for request in setup.backend.requests}) == 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        ("nowhere x", "the configuration has: domains, maps, policy"),
        ("maps x", "give --map NAME"),
        ("domains x --map a", "is not a socketmap"),
        ("policy x", "not a KEY"),
        ("domains", "give a KEY"),
        ("policy --attribute sender", "is not NAME=VALUE"),
        ("", "required: ENDPOINT"),
        ("domains x --frobnicate", "unrecognized arguments"),
    ],
)
def test_wrong_command_lines(query, arguments, words):
    """A wrong command line is told, with status 2, and nothing is asked."""
    done = query(*arguments.split())
    assert done.status == 2
    assert words in done.errors
    assert done.output == ""


def test_no_configuration(query):
    """A configuration that cannot be used has a status of its own."""
    done = query("--config", "/nonexistent", "domains", "x")
    told = "postfix-rest-inetd: /nonexistent: cannot be read: No such file or directory\n"
    assert done == (78, "", told)


@WAYS
def test_a_faulty_endpoint(query, setup, tmp_path, way):
    """What is wrong with an endpoint stands in the way of questions to that endpoint only."""
    document = json.loads(Path(setup.config).read_text())
    document["endpoints"][-1]["request-timeout"] = 0
    config = tmp_path / "config.json"
    config.write_text(json.dumps(document))
    done = query("--config", str(config), "domains", "info@example.org", *way)
    assert (done.status, done.errors) == (0, "")
    done = query("--config", str(config), "nobody", "x", *way)
    assert (done.status, done.output) == (78, "")
    place = f"$.endpoints[{len(document['endpoints']) - 1}].request-timeout"
    column = config.read_text().index('"request-timeout": 0') + 1
    told = f"postfix-rest-inetd: {config}:1:{column}: {place}: must be a whole number"
    assert done.errors.startswith(told)


def test_credentials(query, tmp_path, monkeypatch):
    """A token that only the service has is no use to who asks directly, which is told."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    config = tmp_path / "config.json"
    entry = {"name": "x", "mode": "tcp-lookup", "target": "http://127.0.0.1:9/", "bind-port": 9}
    config.write_text(json.dumps({"endpoints": [{**entry, "auth-token-file": "token"}]}))
    done = query("--config", str(config), "x", "y", "--direct")
    assert done.status == 78
    told = "postfix-rest-inetd: only handlers have credentials; ask without --direct\n"
    assert done.errors.endswith(told)


class _Strange(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(1000)
        self.request.sendall(self.server.said)


@pytest.mark.parametrize(
    "said, words",
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not begin with three digits"),
        (b"200 x", "closed in the middle of the reply"),
        (b"", "closed without a reply"),
        (b"200 \n", "the value is empty"),
    ],
)
def test_somebody_else_listens(query, tmp_path, said, words):
    """What is no reply is told as such, with what Postfix would do."""
    with socketserver.TCPServer(("127.0.0.1", 0), _Strange) as server:
        server.said = said
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        config = write_handler_config(
            tmp_path / "config.json",
            {"name": "x", "mode": "tcp-lookup", "target": "http://127.0.0.1:9/"}
            | {"bind-port": server.server_address[1]},
        )
        done = query("--config", str(config), "x", "y")
        thread.join()
    assert done.status == 75
    assert "no reply" in done.text
    assert words in done.text
    assert "the mail is deferred with 451 4.3.0" in done.text


def test_no_reply_in_time(query, tmp_path, monkeypatch):
    """A handler that says nothing is waited for no longer than the request's timeout and a bit."""
    monkeypatch.setattr("postfix_rest_inetd.admin.ask.socket_client.GRACE_SEC", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = write_handler_config(
            tmp_path / "config.json",
            {"name": "x", "mode": "policy", "target": "http://127.0.0.1:9/"}
            | {"bind-port": listener.getsockname()[1], "request-timeout": 100},
        )
        done = query("--config", str(config), "x")
    assert done.status == 75
    assert "no reply within" in done.text
    assert "451 4.3.5 <recipient>" in done.text
