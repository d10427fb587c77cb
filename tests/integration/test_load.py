# SPDX-License-Identifier: MIT
"""Much at once: a burst of connections, many held open, and mail while the backend comes and goes.

What was measured is told with `pytest -rP`.
"""

from __future__ import annotations

import json
import selectors
import smtplib
import socket
import statistics
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from integration.mail import SENDER, SMTP_PORT, drain, is_bounce, log, set_up, sink
from integration.product import (
    POLICY,
    SOCKETMAP,
    TCP,
    USER,
    ask,
    configure,
    endpoint,
    in_network,
    read_line,
    start,
    state,
    wait_for_no_handlers,
)

from harness.container import Container
from harness.container_backend import Backend, answer, lookup, maps

PORT = 9001
BURST = 1000
HELD = 300
LOAD_SEC = 300
"""A bound. The burst has taken 100 s on two cores that were busy with other things, too."""

MAILS = 200
CLIENTS = 4
OUTAGES = 4
LMTP_PORT = 9030


def report(request: pytest.FixtureRequest, text: str) -> None:
    """Show TEXT in the report of the test."""
    request.node.add_report_section("call", "measured", text)


@pytest.fixture
def numbers(clean_container: Container) -> Iterator[Backend]:
    """A backend that knows the keys 0 to 999, and a tcp: endpoint for it."""
    table = {str(number): [f"value-{number}"] for number in range(BURST)}
    with clean_container.backend({"/": lookup(table)}) as backend:
        # The longest timeout there is: what counts is that nobody is forgotten.
        # Nobody hibernates, however long the last one waits for its turn.
        target = {"target": backend.url(), "request_timeout": 90_000, "hibernate_after": 0}
        configure(clean_container, endpoint("numbers", port=PORT, **target))
        start(clean_container, TCP)
        yield backend


def ask_at_once(container: Container, count: int) -> list[socket.socket]:
    """COUNT connections, and a question of its own on each."""

    def connect_all() -> list[socket.socket]:
        return [socket.create_connection(("127.0.0.1", PORT), LOAD_SEC) for _ in range(count)]

    connections = in_network(container, connect_all)
    for number, connection in enumerate(connections):
        connection.sendall(f"get {number}\n".encode())
    return connections


def answers(connections: Iterable[socket.socket]) -> Iterator[tuple[socket.socket, bytes]]:
    """Each connection with its answer, as the answers come."""
    deadline = time.monotonic() + LOAD_SEC
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(deadline - time.monotonic())
            assert ready, f"{len(selector.get_map())} connections without an answer"
            for key, _ in ready:
                selector.unregister(key.fileobj)
                yield key.fileobj, read_line(key.fileobj)


@pytest.mark.timeout(LOAD_SEC + 60)
@pytest.mark.usefixtures("numbers")
def test_burst(request: pytest.FixtureRequest, clean_container: Container) -> None:
    """A thousand connections at once are all answered rightly, and the socket lives on."""
    began = time.monotonic()
    connections = ask_at_once(clean_container, BURST)
    numbers = {connection: number for number, connection in enumerate(connections)}
    wrong, waited = [], []
    for connection, line in answers(connections):
        waited.append(time.monotonic() - began)
        connection.close()
        if line != f"200 value-{numbers[connection]}\n".encode():
            wrong.append((numbers[connection], line))
    assert wrong == []
    assert len(waited) == BURST
    assert state(clean_container, TCP) == "active"
    assert ask(clean_container, PORT, b"get 7\n") == b"200 value-7\n"
    wait_for_no_handlers(clean_container)
    assert clean_container.run("systemctl", "--failed", "--no-legend").stdout == ""
    report(
        request,
        f"{BURST} connections at once: first answer after {waited[0]:.2f} s, "
        f"half after {statistics.median(waited):.1f} s, all after {waited[-1]:.1f} s "
        f"({BURST / waited[-1]:.0f} a second)",
    )


_MEMORY = """
import json, pathlib, sys
wanted = ("Rss", "Pss", "Private_Dirty")
handlers = []
for pid in sys.argv[1:]:
    lines = pathlib.Path("/proc", pid, "smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    handlers.append({name: sizes[name] for name in wanted})
print(json.dumps(handlers))
"""


def memory(container: Container) -> list[dict[str, int]]:
    """What each handler has in memory, in kB."""
    pids = container.run("pgrep", "-u", USER).stdout.split()
    return json.loads(container.run("python3", "-I", "-c", _MEMORY, *pids).stdout)


@pytest.mark.timeout(LOAD_SEC + 60)
def test_held_connections(
    request: pytest.FixtureRequest, clean_container: Container, numbers: Backend
) -> None:
    """Three hundred connections stay open at once, with handlers that answer again and again.

    They are gone as soon as the connections are.
    """
    began = time.monotonic()
    connections = ask_at_once(clean_container, HELD)
    lines = dict(answers(connections))
    opened = time.monotonic() - began
    expected = [f"200 value-{number}\n".encode() for number in range(HELD)]
    assert [lines[connection] for connection in connections] == expected
    handlers = memory(clean_container)
    assert len(handlers) == HELD
    again = time.monotonic()
    for number, connection in enumerate(connections):
        connection.sendall(f"get {number}\n".encode())
    lines = dict(answers(connections))
    again = time.monotonic() - again
    assert [lines[connection] for connection in connections] == expected
    assert len({asked.connection for asked in numbers.requests}) == HELD
    closed = time.monotonic()
    for connection in connections:
        connection.close()
    wait_for_no_handlers(clean_container)
    closed = time.monotonic() - closed
    sizes = {
        name: statistics.median(handler[name] for handler in handlers) / 1024
        for name in handlers[0]
    }
    # Measured: 6.9 MB.
    assert sizes["Private_Dirty"] < 8.5
    report(
        request,
        f"{HELD} connections held: open and answered in {opened:.1f} s, answered again in "
        f"{again:.2f} s, handlers gone {closed:.1f} s after the close; median of one handler: "
        + ", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items()),
    )


# -- mail


@pytest.fixture
def mailboxes(clean_container: Container) -> Iterator[Backend]:
    """A backend that knows MAILS mailboxes, asked by Postfix in all ways, and an LMTP transport."""
    users = {recipient(number): [str(number)] for number in range(MAILS)}
    routes = {
        "/domains": lookup({"hosted.example": ["hosted.example"]}),
        "/aliases": lookup({}),
        "/maps": maps({"mailboxes": lookup(users)}),
        "/policy": answer("DUNNO"),
    }
    with clean_container.backend(routes) as backend:
        patience = {"request_timeout": 30_000}
        configure(
            clean_container,
            endpoint("domains", port=9001, target=backend.url("/domains"), **patience),
            endpoint("aliases", port=9002, target=backend.url("/aliases"), **patience),
            endpoint("maps", "socketmap-lookup", port=9003, target=backend.url("/maps")),
            endpoint("policy", "policy", port=9004, target=backend.url("/policy")),
        )
        start(clean_container, TCP, SOCKETMAP, POLICY)
        parameters = {
            "virtual_mailbox_domains": "tcp:127.0.0.1:9001",
            "virtual_alias_maps": "tcp:127.0.0.1:9002",
            "virtual_mailbox_maps": "socketmap:inet:127.0.0.1:9003:mailboxes",
            "smtpd_recipient_restrictions": "check_policy_service inet:127.0.0.1:9004",
            "virtual_transport": f"lmtp:inet:127.0.0.1:{LMTP_PORT}",
            # The clients here have more patience than Postfix has with clients.
            "smtpd_soft_error_limit": "1000",
            "smtpd_hard_error_limit": "1000",
        }
        # An smtpd never forgets for which recipient it could not find out the domain.
        set_up(clean_container, parameters, "smtp inet n - y - - smtpd -o max_use=1")
        yield backend


def recipient(number: int) -> str:
    """One of MAILS."""
    return f"user{number:03}@hosted.example"


def send(container: Container, recipients: Iterable[str]) -> int:
    """Send a mail to each recipient as mail servers do, which come again after a 4xx.

    Returns how often that was.
    """
    waiting, repeated = list(recipients), 0
    deadline = time.monotonic() + LOAD_SEC
    while True:
        with in_network(
            container, lambda: smtplib.SMTP("127.0.0.1", SMTP_PORT, "client", LOAD_SEC)
        ) as client:
            waiting = [each for each in waiting if not is_taken(client, each)]
        if not waiting:
            return repeated
        assert time.monotonic() < deadline, f"not accepted: {waiting}"
        repeated += len(waiting)
        # A server would wait for minutes.
        time.sleep(0.5)


def is_taken(client: smtplib.SMTP, address: str) -> bool:
    """Offer a mail: Postfix accepts it or wants it later, and never refuses it for good."""
    try:
        client.sendmail(SENDER, address, "Subject: load\n\nA mail of the test.\n")
    except smtplib.SMTPRecipientsRefused as error:
        code, text = error.recipients[address]
    except smtplib.SMTPResponseException as error:
        code, text = error.smtp_code, error.smtp_error
    else:
        return True
    assert 400 <= code <= 499, f"{address}: {code} {text!r}"
    return False


_SENDMAIL = """
sender=$1; shift
for recipient; do
    printf 'Subject: load\\n\\nA mail of the test.\\n' | sendmail -f "$sender" "$recipient"
done
"""


@pytest.mark.timeout(LOAD_SEC + 60)
def test_mail_while_the_backend_comes_and_goes(
    request: pytest.FixtureRequest, clean_container: Container, mailboxes: Backend
) -> None:
    """However often the backend goes down while mail comes in, each mail is delivered, and once.

    Half of it comes by SMTP, from clients that try again after a 4xx; half from sendmail(1).
    """
    container = clean_container
    recipients = [recipient(number) for number in range(MAILS)]
    half = MAILS // 2
    since = container.journal.cursor()
    began = time.monotonic()
    with sink(container, LMTP_PORT, lmtp=True) as server, ThreadPoolExecutor(CLIENTS + 1) as pool:
        jobs = [
            pool.submit(send, container, recipients[:half][index::CLIENTS])
            for index in range(CLIENTS)
        ]
        local = pool.submit(container.shell, _SENDMAIL, SENDER, *recipients[half:], timeout=200)
        for _ in range(OUTAGES):
            mailboxes.wait_for_requests(len(mailboxes.requests) + 40)
            outage = container.journal.cursor()
            mailboxes.stop()
            container.journal.wait_for("POSTFIX_REST_OUTCOME=unreachable", since=outage, count=5)
            mailboxes.start()
        repeated = sum(job.result() for job in jobs)
        local.result()
        drain(container, LOAD_SEC)
        took = time.monotonic() - began
        assert server.recipients() == recipients
    lines = log(container, since)
    assert [line for line in lines if is_bounce(line)] == []
    deferred = sum("status=deferred" in line for line in lines)
    refused = len(container.journal("POSTFIX_REST_OUTCOME=unreachable", since=since))
    # Without these, nothing would have been proven.
    assert repeated > 0
    assert refused >= OUTAGES * 5
    report(
        request,
        f"{MAILS} mails, {OUTAGES} outages, {len(mailboxes.requests)} requests answered, "
        f"{refused} failed; {repeated} commands of SMTP clients repeated after a 4xx, "
        f"{deferred} deliveries deferred; all {MAILS} delivered once, in {took:.1f} s",
    )
