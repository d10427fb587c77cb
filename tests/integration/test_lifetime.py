# SPDX-License-Identifier: MIT
"""What happens around connections that live: new settings, killed handlers, idle times, reboots.

The measure is Postfix's: the reply of smtpd, the queue, what was delivered, the warnings in its
log. Each recipient costs one question of each kind: first the policy, then the tcp: table, which
knows nobody, then the socketmap: table.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from integration.mail import (
    ACCEPTED,
    SMTP_PORT,
    dialogue,
    drain,
    forget_stored,
    is_deferred,
    queue,
    rcpt,
    restart_postfix,
    said,
    sendmail,
    session,
    set_up,
    sink,
    stored,
    troubles,
    wait_for_end_of_mails,
)
from integration.product import (
    KINDS,
    POLICY,
    SOCKETMAP,
    TCP,
    configure,
    endpoint,
    handlers,
    in_network,
    show,
    start,
    state,
    write_config,
)
from integration.product import (
    USER as HANDLERS_USER,
)

from harness.container import Container
from harness.container_backend import Backend, Route, answer, guarded, held, lookup, maps
from harness.line_log import LineLog
from harness.process_group import end
from harness.swaks import arguments, parse

PORTS = {kind: 9001 + index for index, kind in enumerate(KINDS)}
SOCKETS = (TCP, SOCKETMAP, POLICY)
USER = "user@hosted.example"
MAILBOXES = {"mailboxes": lookup({USER: ["user"]}), "tls": lookup({})}
ROUTES: dict[str, Route] = {
    "/postfix-rest-tcp": lookup({"key": ["value"]}),
    "/postfix-rest-socketmap": maps(MAILBOXES),
    "/postfix-rest-policy": answer("DUNNO"),
}
PARAMETERS = {
    "virtual_mailbox_domains": "hosted.example",
    "virtual_mailbox_maps": "tcp:127.0.0.1:9001, socketmap:inet:127.0.0.1:9002:mailboxes",
    "smtpd_recipient_restrictions": "check_policy_service inet:127.0.0.1:9003",
}
IN_ORDER = ["/postfix-rest-policy", "/postfix-rest-tcp", "/postfix-rest-socketmap"]

IDLE_SEC = 15
"""More than the 10 s after which Postfix's event loop would close a socketmap connection, and after
which a handler hibernates."""


def endpoints(backend: Backend, **keys: Any) -> list[dict[str, Any]]:
    """An endpoint of each kind; with other KEYS than usual, if given."""
    return [
        endpoint(
            kind,
            mode,
            port=PORTS[kind],
            **{"target": backend.url(f"/{kind}"), "request_timeout": 30_000, **keys},
        )
        for kind, mode in KINDS.items()
    ]


@pytest.fixture(scope="module")
def served(container: Container) -> Iterator[Backend]:
    """A backend, an endpoint of each kind, and the Postfix that asks them."""
    with container.backend(ROUTES) as backend:
        configure(container, *endpoints(backend))
        start(container, *SOCKETS)
        set_up(container, PARAMETERS)
        yield backend
        container.reset()


@pytest.fixture
def backend(container: Container, served: Backend) -> Backend:
    """The same as at first: routes, configuration, no mail; no connection of Postfix's is left."""
    served.set_routes(ROUTES)
    write_config(container, {"endpoints": endpoints(served)})
    restart_postfix(container)
    container.run("postsuper", "-d", "ALL")
    forget_stored(container)
    served.requests.clear()
    return served


# -- the configuration


def test_new_configuration(container: Container, backend: Backend) -> None:
    """A new config.json holds from the next request on, without a reload, on open connections too.

    Target and token of every kind of endpoint; connections of two smtpd at once.
    """
    other = {f"{path}/new": route for path, route in ROUTES.items()}
    backend.set_routes({**ROUTES, **other})
    with dialogue(container) as old:
        assert said(old.rcpt(USER)) == ACCEPTED
        changed = endpoints(backend)
        for each in changed:
            each |= {"target": f"{each['target']}/new", "auth-token": "new-token"}
        write_config(container, {"endpoints": changed})
        with dialogue(container) as new:
            assert said(new.rcpt(USER)) == ACCEPTED
        assert said(old.rcpt(USER)) == ACCEPTED
    assert [(r.path, r.headers["x-auth-token"]) for r in backend.requests] == [
        *((path, "secret-token") for path in IN_ORDER),
        *((f"{path}/new", "new-token") for path in IN_ORDER),
        *((f"{path}/new", "new-token") for path in IN_ORDER),
    ]


@pytest.mark.one_release
def test_new_timeout(container: Container, backend: Backend) -> None:
    """A shorter request-timeout holds from the next request on, on open connections as well."""
    late = f"451 4.7.1 <{USER}>: Recipient address rejected: REST request timed out"
    with dialogue(container) as old:
        assert said(old.rcpt(USER)) == ACCEPTED
        write_config(container, {"endpoints": endpoints(backend, request_timeout=300)})
        backend.set_routes({**ROUTES, IN_ORDER[0]: held(answer("DUNNO"))})
        assert rcpt(container, USER) == late
        assert said(old.rcpt(USER)) == late


@pytest.mark.one_release
def test_broken_configuration(container: Container, backend: Backend) -> None:
    """A broken config.json defers mail on new connections until it is mended, on old ones none."""
    with dialogue(container) as old:
        assert said(old.rcpt(USER)) == ACCEPTED
        write_config(container, '{"endpoints": [')
        unusable = "Recipient address rejected: REST connector cannot use its configuration"
        with dialogue(container) as new:
            assert said(new.rcpt(USER)) == f"451 4.7.1 <{USER}>: {unusable}"
            assert said(old.rcpt(USER)) == ACCEPTED
            write_config(container, {"endpoints": endpoints(backend)})
            assert said(new.rcpt(USER)) == ACCEPTED
            with dialogue(container) as newer:
                assert said(newer.rcpt(USER)) == ACCEPTED


@pytest.mark.one_release
def test_rotation(container: Container, backend: Backend) -> None:
    """A token that is changed under load rejects and defers nothing, on old and new connections."""
    token_file = "/etc/postfix-rest-inetd/token"

    def allow(*tokens: str) -> None:
        backend.set_routes({path: guarded(route, *tokens) for path, route in ROUTES.items()})

    def write(token: str) -> None:
        container.write(token_file, f"{token}\n", mode=0o640, owner=f"root:{HANDLERS_USER}")

    allow("token-0")
    write("token-0")
    write_config(container, {"endpoints": endpoints(backend, auth_token_file=token_file)})
    with dialogue(container) as old, loop(container, "mail") as mails:
        assert said(old.rcpt(USER)) == ACCEPTED
        for number in range(5):
            allow(f"token-{number}", f"token-{number + 1}")
            write(f"token-{number + 1}")
            mails.wait_for_more(2)
            allow(f"token-{number + 1}")
            assert said(old.rcpt(USER)) == ACCEPTED
        answers = mails.stop()
    assert set(answers) == {"good"}
    drain(container)
    assert stored(container) == [USER] * len(answers)


# -- a killed handler


@pytest.mark.parametrize("kind", PORTS)
def test_killed_handler(container: Container, backend: Backend, kind: str) -> None:
    """The death of a handler during a request costs Postfix a second try, and no mail."""
    backend.set_routes({**ROUTES, f"/{kind}": held(ROUTES[f"/{kind}"])})
    since = container.journal.cursor()
    command = ["swaks", *arguments(SMTP_PORT, USER, quit_after="")]
    with container.popen(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            backend.wait_for_requests(IN_ORDER.index(f"/{kind}") + 1)
            # Those that come are answered at once, that one never.
            backend.set_routes(ROUTES)
            container.run("systemctl", "kill", "--signal=KILL", f"{kind}@*.service")
            output, _ = process.communicate(timeout=60)
        finally:
            end(process)
    smtp = parse(output.decode())
    assert smtp.replies("RCPT") == [ACCEPTED]
    assert smtp.replies(".")[0].startswith("250 2.0.0 Ok: queued as ")
    wait_for_end_of_mails(container, since)
    assert stored(container) == [USER]
    assert queue(container) == []
    asked = [request.path for request in backend.requests]
    assert [asked.count(path) for path in IN_ORDER] == [
        2 if path == f"/{kind}" else 1 for path in IN_ORDER
    ]
    assert [state(container, unit) for unit in SOCKETS] == ["active"] * 3
    assert container.run("systemctl", "--failed", "--no-legend").stdout == ""


# -- systemd


class Loop:
    """A question asked again and again by a process in the container, one line for each answer."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        assert process.stdout is not None
        self._log = LineLog(process.stdout)

    def wait_for_more(self, count: int) -> None:
        """Wait until COUNT more questions have been answered."""
        self._log.wait_for("", timeout_sec=60, since=len(self._log.lines()) + count - 1)

    def stop(self) -> list[str]:
        """Let the last question be answered, and return all answers."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            assert self._process.wait(60) == 0
        finally:
            end(self._process)
        assert self._log.wait_for_end(30)
        return self._log.lines()


_LOOP = """
import subprocess, sys, select
while not select.select([sys.stdin], [], [], 0)[0]:
    done = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    good = done.returncode == 0 and sys.argv[1] in done.stdout
    print("good" if good else (done.stdout + done.stderr).replace(chr(10), " | "), flush=True)
"""
QUESTIONS = {
    "tcp": ("value", "postmap", "-q", "key", "tcp:127.0.0.1:9001"),
    "socketmap": ("user", "postmap", "-q", USER, "socketmap:inet:127.0.0.1:9002:mailboxes"),
    "mail": ("250 2.0.0 Ok: queued as", "swaks", *arguments(SMTP_PORT, USER, quit_after="")),
}
"""What a good answer has in it, and the command that gets it."""


@contextlib.contextmanager
def loop(container: Container, question: str) -> Iterator[Loop]:
    """Ask one of QUESTIONS over new connections, until the loop is stopped."""
    command = ["python3", "-I", "-c", _LOOP, *QUESTIONS[question]]
    pipe = subprocess.PIPE
    with container.popen(*command, stdin=pipe, stdout=pipe, stderr=None) as process:
        try:
            yield Loop(process)
        finally:
            end(process)


@pytest.mark.parametrize("verb", ["daemon-reload", "daemon-reexec"])
@pytest.mark.usefixtures("backend")
def test_systemd_reloads(container: Container, verb: str) -> None:
    """While systemd reads its units anew, or starts itself anew, no question goes wrong."""
    with contextlib.ExitStack() as stack:
        loops = {name: stack.enter_context(loop(container, name)) for name in QUESTIONS}
        for each in loops.values():
            each.wait_for_more(1)
        for _ in range(3):
            container.run("systemctl", verb)
            for each in loops.values():
                each.wait_for_more(2)
        answers = {name: each.stop() for name, each in loops.items()}
    assert {name: set(lines) for name, lines in answers.items()} == {
        name: {"good"} for name in QUESTIONS
    }
    drain(container)
    assert stored(container) == [USER] * len(answers["mail"])


@pytest.mark.usefixtures("backend")
def test_restarted_sockets(container: Container) -> None:
    """Restarting the sockets leaves connections alone; between stop and start Postfix tries again.

    For socketmap: it does not, where nobody listens: such a lookup may fail, but temporarily only.
    """
    since = container.journal.cursor()
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(dialogue(container))
        assert said(client.rcpt(USER)) == ACCEPTED
        kept = handlers(container)
        loops = {name: stack.enter_context(loop(container, name)) for name in QUESTIONS}
        for each in loops.values():
            each.wait_for_more(1)
        for _ in range(3):
            container.run("systemctl", "restart", *SOCKETS)
            assert said(client.rcpt(USER)) == ACCEPTED
            for each in loops.values():
                each.wait_for_more(2)
        assert set(kept) <= set(handlers(container))
        answers = {name: each.stop() for name, each in loops.items()}
        # The session of the loop and this one have asked over connections that were never lost.
        # postmap makes new ones. One that waits to be accepted when the socket is closed is reset,
        # and postmap tries again.
        unexpected = [line for line in troubles(container, since) if "unexpected" in line]
        lost = [line for line in unexpected if "postfix/postmap:" not in line]
    assert lost == []
    assert set(answers["tcp"]) == {"good"}
    assert set(answers["mail"]) == {"good"}
    failed = [line for line in answers["socketmap"] if line != "good"]
    assert [line for line in failed if "lookup error" not in line] == []
    drain(container)
    assert stored(container) == [USER] * len(answers["mail"])


# -- idle connections


class ClosingServer:
    """A socketmap server that knows nothing and closes its connections, as others do when idle."""

    def __init__(self, container: Container) -> None:
        self._listener = in_network(container, lambda: socket.create_server(("127.0.0.1", 0)))
        self.port: int = self._listener.getsockname()[1]
        self.answered = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener has been closed
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"9:NOTFOUND ,")
                    self.answered += 1

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(30)


@contextlib.contextmanager
def dead_server(container: Container) -> Iterator[int]:
    """A port where connecting takes forever: it listens, accepts nobody, and its queue is full."""
    with contextlib.ExitStack() as stack:

        def listen() -> int:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            for _ in range(3):
                waiting = stack.enter_context(socket.socket())
                waiting.settimeout(0)
                with contextlib.suppress(BlockingIOError):
                    waiting.connect(listener.getsockname())
            return listener.getsockname()[1]

        yield in_network(container, listen)


def test_idle_connections(container: Container, backend: Backend) -> None:
    """An idle connection is there for the next question, however long Postfix is busy elsewhere.

    Two proofs at once. An smtpd asks over its connections of each kind again after IDLE_SEC. And
    smtp(8), with socketmap: for its TLS policies, takes that long to find out that the first of two
    servers for a mail is dead, which leaves ETIMEDOUT in errno: a lookup that then meets a closed
    connection is not repeated, and the mail is deferred. That this is so is shown by a second mail,
    for which a server is asked that closes its connections.
    """
    closing = ClosingServer(container)
    table = {"ours": f"127.0.0.1:{PORTS['postfix-rest-socketmap']}", "closing": ""}
    table["closing"] = f"127.0.0.1:{closing.port}"
    with (
        contextlib.closing(closing),
        dead_server(container) as dead,
        sink(container, 9040) as alive,
    ):
        servers = f"[127.0.0.1]:{dead}, [127.0.0.1]:9040"
        routes = ", ".join(f"{{ {name}.example = {name}:{servers} }}" for name in table)
        set_up(
            container,
            {"transport_maps": f"inline:{{ {routes} }}", "smtp_connect_timeout": f"{IDLE_SEC}s"},
            *(
                f"{name} unix - - y - - smtp -o smtp_tls_policy_maps=socketmap:inet:{address}:tls"
                for name, address in table.items()
            ),
        )
        since = container.journal.cursor()
        with dialogue(container) as client:
            assert said(client.rcpt(USER)) == ACCEPTED
            for name in table:
                sendmail(container, f"user@{name}.example")
            (deferred,) = container.journal.wait_for(
                "SYSLOG_FACILITY=2", since=since, condition=is_deferred, timeout=60
            )
            wait_for_end_of_mails(container, since)
            assert said(client.rcpt(USER)) == ACCEPTED
        assert alive.recipients() == ["user@ours.example"]
    assert "to=<user@closing.example>" in deferred["MESSAGE"]
    assert "dsn=4.7.5" in deferred["MESSAGE"]
    assert closing.answered == 1
    warnings = [line for line in troubles(container, since) if "unexpected" in line]
    assert [line for line in warnings if f":{closing.port}:" not in line] == []
    assert len(warnings) == 1
    entries = container.journal("SYSLOG_IDENTIFIER=postfix-rest-inetd", since=since)
    processes = [entry["_PID"] for entry in entries]
    # Three of smtpd, and one of smtp; each has served two questions, and hibernated in between: so
    # it has asked the backend over two connections.
    assert {processes.count(each) for each in processes} == {2}
    assert len(set(processes)) == 4
    assert len({request.connection for request in backend.requests}) == 8


# -- the machine


def test_reboot(container: Container, backend: Backend) -> None:
    """After a reboot, enabled sockets listen before Postfix runs, and serve it with no more ado."""
    container.run("systemctl", "enable", *(f"{kind}@.socket" for kind in KINDS))
    backend.stop()
    container.reboot()
    backend.start()
    since = container.journal.cursor()
    sent = session(container, USER, quit_after="")
    assert sent.replies("RCPT") == [ACCEPTED]
    wait_for_end_of_mails(container, since)
    assert stored(container) == [USER]
    *_, begun = container.journal("SYSLOG_IDENTIFIER=postfix/master")
    assert "daemon started" in begun["MESSAGE"]
    for unit in SOCKETS:
        listening = show(container, unit, "ActiveEnterTimestampMonotonic").popitem()[1]
        assert 0 < int(listening) < int(begun["__MONOTONIC_TIMESTAMP"])
