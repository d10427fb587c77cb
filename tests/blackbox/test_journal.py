# SPDX-License-Identifier: MIT
"""What arrives in a real journal: one structured entry for each request, and one for each trouble.

One journald serves the whole module; each test asks for the entries that came since it began.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable

import pytest
from blackbox.support import netstring

from harness import journald as journald_harness
from harness.handler_process import endpoint, write_config
from harness.modes import MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import answer, hang_up, response, send_and_close, silence

PREFIX = "POSTFIX_REST_"

NOTICE, WARNING, ERROR = "5", "4", "3"

SILENCE_SEC = 3
"""Longer than any handler takes to start."""


@pytest.fixture(scope="module")
def journald(tmp_path_factory):
    """A journald for all tests of this module."""
    with journald_harness.start(tmp_path_factory.mktemp("journald")) as running:
        yield running


@pytest.fixture
def new_entries(journald) -> Callable[[], list[dict[str, str]]]:
    """The entries that came since the test began."""
    before = len(journald.entries())
    return lambda: journald.entries()[before:]


def own_fields(entry: dict[str, str]) -> dict[str, str]:
    """The fields of an entry that are this project's own, without their prefix."""
    return {k.removeprefix(PREFIX): v for k, v in entry.items() if k.startswith(PREFIX)}


@pytest.fixture
def journal_handler(handler_for, journald):
    """As `handler_for`, with the journal of this module."""

    def build(mode: str, **keys: object):
        return handler_for(mode, launch_with={"prefix": journald.prefix}, **keys)

    return build


POLICY_REQUEST = (
    b"request=smtpd_access_policy\nprotocol_state=RCPT\nqueue_id=4XyZ1\n"
    b"sender=alice@example.org\nrecipient=bob@example.net\nclient_address=192.0.2.1\n"
    b"recipient_count=0\nsize=5000\ninstance=1b3.6743f1c2.a4f0e.0\nsasl_username=alice\n\n"
)
POLICY_FIELDS = {
    "SENDER": "alice@example.org",
    "RECIPIENT": "bob@example.net",
    "CLIENT_ADDRESS": "192.0.2.1",
    "QUEUE_ID": "4XyZ1",
    "SASL_USERNAME": "alice",
    "SIZE": "5000",
    "INSTANCE": "1b3.6743f1c2.a4f0e.0",
}
REQUESTS = {TCP: REQUEST[TCP], SOCKETMAP: REQUEST[SOCKETMAP], POLICY: POLICY_REQUEST}
SUBJECT_FIELDS = {
    TCP: {"KEY": "key"},
    SOCKETMAP: {"KEY": "key", "MAP": "map"},
    POLICY: POLICY_FIELDS,
}

# mode, what the backend does, outcome, HTTP status, priority
OUTCOMES = [
    (TCP, answer(200, b'["value"]'), "found", "200", NOTICE),
    (SOCKETMAP, answer(200, b'["value"]'), "found", "200", NOTICE),
    (POLICY, answer(200, b"DUNNO"), "action", "200", NOTICE),
    (TCP, answer(404), "not-found", "404", NOTICE),
    (SOCKETMAP, answer(200, b"[]"), "not-found", "200", NOTICE),
    (TCP, answer(403), "user-error", "403", ERROR),
    (POLICY, answer(404), "user-error", "404", ERROR),
    (SOCKETMAP, answer(503), "server-error", "503", WARNING),
    (POLICY, answer(500), "server-error", "500", WARNING),
    (TCP, answer(302), "unspecified-status", "302", WARNING),
    (POLICY, answer(200, b"451"), "invalid-data", "200", WARNING),
    (TCP, answer(200, b"{}"), "invalid-data", "200", WARNING),
    (SOCKETMAP, hang_up, "unreachable", None, WARNING),
    (POLICY, silence, "timeout", None, WARNING),
]

WITH_DETAIL = ("invalid-data", "unreachable", "timeout")
"""Of the others, outcome and status tell all that is known."""


@pytest.mark.parametrize(
    "mode, step, outcome, status, priority",
    OUTCOMES,
    ids=[f"{row[2]}-{row[0]}-{row[3]}" for row in OUTCOMES],
)
def test_the_entry_of_a_request(
    journal_handler, backend, new_entries, mode, step, outcome, status, priority
):
    """Each request has one entry with every field that is known, and no field that is not."""
    backend.script(step)
    # On a busy machine, a request may come when a handler would sleep already, which START tells.
    keys = {"request_timeout": 300 if step is silence else 20000, "hibernate_after": 0}
    handler = journal_handler(mode, **keys)
    handler.send(REQUESTS[mode])
    finished = handler.finish()
    assert finished.log == "", "with a journal nothing goes to stderr"
    (entry,) = new_entries()
    fields = own_fields(entry)
    elapsed = int(fields.pop("ELAPSED_USEC"))
    backend_usec = int(fields.pop("BACKEND_USEC"))
    assert 0 < int(fields.pop("START_USEC")) < 20_000_000
    assert 0 < backend_usec <= elapsed < 20_000_000
    request_id = backend.requests[0].header(b"x-request-id").decode()
    expected = {
        "ENDPOINT": mode,
        "MODE": mode,
        "OUTCOME": outcome,
        "REQUEST_ID": request_id,
        "START": "cold",
        **SUBJECT_FIELDS[mode],
        **({"HTTP_STATUS": status} if status else {}),
        **({"ACTION": "DUNNO"} if outcome == "action" else {}),
    }
    detail = fields.pop("DETAIL", "")
    assert (detail != "") == (outcome in WITH_DETAIL)
    assert entry["MESSAGE"].endswith(f" ms): {detail}") or not detail
    assert fields == expected
    assert entry["PRIORITY"] == priority
    assert entry["SYSLOG_IDENTIFIER"] == "postfix-rest-inetd"
    assert re.fullmatch(r"[0-9a-f]{32}", entry["MESSAGE_ID"])
    message = re.fullmatch(rf"{mode}: .*\((\d+\.\d) ms\)(: .*)?", entry["MESSAGE"])
    assert message, entry["MESSAGE"]
    assert abs(float(message[1]) - elapsed / 1000) < 0.1


def test_a_message_id_for_each_outcome(journal_handler, backend, new_entries):
    """MESSAGE_ID tells the outcomes apart, and is the same for the same outcome in every mode."""
    ids: dict[str, set[str]] = {}
    for mode in MODES:
        handler = journal_handler(mode, request_timeout=300)
        found = b"DUNNO" if mode == POLICY else b'["v"]'
        steps = [answer(200, found), answer(404), answer(403), answer(500), answer(302)]
        steps += [answer(200, b"\xff"), silence, hang_up]
        backend.script(*steps)
        for _ in steps:
            handler.ask(mode, REQUESTS[mode])
        handler.finish()
    entries = new_entries()
    for entry in entries:
        ids.setdefault(entry[PREFIX + "OUTCOME"], set()).add(entry["MESSAGE_ID"])
    assert len(entries) == 24
    assert set(ids) == {
        *("found", "not-found", "action", "user-error", "server-error"),
        *("unspecified-status", "invalid-data", "timeout", "unreachable"),
    }
    assert all(len(of_one) == 1 for of_one in ids.values())
    assert len(set.union(*ids.values())) == len(ids)


def test_several_requests(journal_handler, backend, new_entries):
    """One entry for each request of a connection, in order, each with an id of its own."""
    backend.script(answer(200, b'["1"]'), answer(404), answer(500))
    handler = journal_handler(TCP)
    handler.send(b"get a\nget b\nget c\n")
    handler.finish()
    fields = [own_fields(entry) for entry in new_entries()]
    assert [f["KEY"] for f in fields] == ["a", "b", "c"]
    assert [f["OUTCOME"] for f in fields] == ["found", "not-found", "server-error"]
    assert len({f["REQUEST_ID"] for f in fields}) == 3


def test_the_start_of_a_handler(journal_handler, backend, new_entries):
    """The first request has what the start took, the client's silence before it not counted.

    After hibernation the next one has what it took to wake up; the others have neither.
    """
    backend.script(*[answer(404)] * 4)
    handler = journal_handler(TCP, hibernate_after=1)
    time.sleep(SILENCE_SEC)  # the silence itself is what is tested
    for _ in range(2):
        handler.ask(TCP, REQUEST[TCP])
    backend.wait_for_end_of(0)  # it hibernates
    for _ in range(2):
        handler.ask(TCP, REQUEST[TCP])
    handler.finish()
    fields = [own_fields(entry) for entry in new_entries()]
    assert [f.get("START") for f in fields] == ["cold", None, "woken", None]
    assert ["START_USEC" in f for f in fields] == [True, False, True, False]
    assert 0 < int(fields[0]["START_USEC"]) < SILENCE_SEC * 1_000_000
    assert int(fields[2]["START_USEC"]) > 0


@pytest.mark.parametrize("mode", MODES)
def test_a_broken_request(journal_handler, new_entries, mode):
    """A violation has one entry, which says what was wrong."""
    handler = journal_handler(mode)
    handler.send({TCP: b"put x\n", SOCKETMAP: b"x", POLICY: b"x\n"}[mode])
    handler.result()
    (entry,) = new_entries()
    detail = entry[PREFIX + "DETAIL"]
    assert entry["MESSAGE"] == f"{mode}: broken request: {detail}"
    fields = {"ENDPOINT": mode, "MODE": mode, "OUTCOME": "broken-request", "DETAIL": detail}
    assert own_fields(entry) == fields
    assert entry["PRIORITY"] == WARNING


def test_an_unusable_configuration(launch, journald, new_entries):
    """One message of a connection has the reason, each entry has it; all requests are counted."""
    handler = launch("--config", "/nowhere", "--mode", TCP, prefix=journald.prefix)
    handler.send(REQUEST[TCP] * 3)
    assert handler.finish().log == ""
    first, rest = new_entries()
    detail = first[PREFIX + "DETAIL"]
    fields = {"MODE": TCP, "OUTCOME": "unusable-config", "DETAIL": detail}
    assert own_fields(first) == {**fields, "COUNT": "1"}
    assert own_fields(rest) == {**fields, "COUNT": "2"}
    assert first["PRIORITY"] == rest["PRIORITY"] == ERROR
    assert detail.startswith("/nowhere")
    assert first["MESSAGE"].endswith(f": {detail}")
    assert rest["MESSAGE"].endswith(" (2 requests): the reason has not changed")


def test_a_configuration_that_is_mended(tmp_path, launch, journald, backend, new_entries):
    """When there is nothing wrong any more, the last requests still have the reason that it had."""
    config = tmp_path / "config.json"
    config.write_text("{")
    handler = launch("--config", config, "--endpoint", TCP, "--mode", TCP, prefix=journald.prefix)
    for _ in range(3):
        handler.ask(TCP, REQUEST[TCP])
    write_config(tmp_path, endpoint(TCP, backend.url()))
    backend.script(answer(404))
    handler.ask(TCP, REQUEST[TCP])
    handler.finish()
    first, rest, asked = new_entries()
    assert [own_fields(entry).get("COUNT") for entry in (first, rest, asked)] == ["1", "2", None]
    assert first[PREFIX + "DETAIL"] == rest[PREFIX + "DETAIL"] != ""
    assert first[PREFIX + "DETAIL"].startswith(f"{config}: ")


def test_a_certificate_that_is_missing(launch, journald, new_entries, tmp_path):
    """The same, where only the making of a client finds that a file cannot be used."""
    missing = str(tmp_path / "missing.pem")
    config = write_config(tmp_path, endpoint(TCP, "https://127.0.0.1:1/", tls_ca_file=missing))
    handler = launch("--config", config, "--endpoint", TCP, prefix=journald.prefix)
    handler.send(REQUEST[TCP] * 3)
    assert handler.finish().log == ""
    first, rest = new_entries()
    detail = first[PREFIX + "DETAIL"]
    fields = {"MODE": TCP, "OUTCOME": "unusable-config", "DETAIL": detail}
    assert own_fields(first) == {**fields, "COUNT": "1"}
    assert own_fields(rest) == {**fields, "COUNT": "2"}
    assert detail.startswith(f"{missing}: $.endpoints[0].tls-ca-file: cannot be used")
    assert detail in first["MESSAGE"]


def test_a_path_that_is_no_utf_8(launch, journald, new_entries):
    """Such a path is shown escaped, and costs neither the entry nor the reply."""
    handler = launch("--config", "/nowhere/\udcff", "--mode", TCP, prefix=journald.prefix)
    handler.send(REQUEST[TCP])
    assert handler.finish().output.startswith(b"400 ")
    (entry,) = new_entries()
    assert "/nowhere/\\udcff" in entry["MESSAGE"]
    assert entry[PREFIX + "DETAIL"].startswith("/nowhere/\\udcff: ")


DEAF = """
mount -t tmpfs tmpfs /run/systemd
mkdir /run/systemd/journal
"$0" -c 'import socket as s; s.socket(s.AF_UNIX, s.SOCK_DGRAM).bind("/run/systemd/journal/socket")'
exec "$@"
"""


def test_a_journal_that_nobody_reads(handler_for, backend, journald):
    """An entry that cannot be delivered is a line on stderr, and costs no request its reply."""
    prefix = [*journald.prefix, "unshare", "--mount", "sh", "-c", DEAF, sys.executable]
    handler = handler_for(TCP, launch_with={"prefix": prefix})
    backend.script(*[answer(200, b'["value"]')] * 2)
    for _ in range(2):
        assert handler.ask(TCP, REQUEST[TCP]) == b"200 value\n"
    finished = handler.finish()
    assert finished.status == 0
    assert [line.partition(" (")[0] for line in finished.log.splitlines()] == [
        "postfix-rest-inetd: tcp-lookup: key: found"
    ] * 2


MANY = 700
"""More than journald's queue has room for: net.unix.max_dgram_qlen, at most 512."""


def test_a_journald_that_is_frozen(journal_handler, backend, journald, new_entries):
    """It keeps no request and no process waiting; later it has what it could take, and the rest.

    That is a line on stderr for each entry that it did not take, and their number.
    """
    backend.script(*[answer(200, b'["value"]')] * (MANY + 1))
    handler, another = journal_handler(TCP), journal_handler(TCP)
    with journald.frozen():
        for _ in range(MANY):
            assert handler.ask(TCP, REQUEST[TCP]) == b"200 value\n"
        another.send(REQUEST[TCP])
        finished = another.finish()
    assert (finished.output, finished.status) == (b"200 value\n", 0)
    assert finished.log.startswith("postfix-rest-inetd: tcp-lookup: key: found (")
    new_entries()  # the queue is empty: at its end, a handler does not wait for that
    log = handler.finish().log.splitlines()
    *entries, last = new_entries()
    found = [entry for entry in entries if own_fields(entry)["OUTCOME"] == "found"]
    assert 0 < len(found) == MANY - len(log)
    assert last["MESSAGE"].startswith(
        f"journald did not take all entries of this process: {len(log)} missing. "
    )
    assert last["PRIORITY"] == WARNING


@pytest.mark.parametrize("is_asked", [True, False])
def test_hibernation_while_journald_is_frozen(
    journal_handler, backend, journald, new_entries, is_asked
):
    """What was missing before a handler hibernates is told by the one that it becomes."""
    backend.script(*[answer(200, b'["value"]')] * (MANY + 1))
    handler = journal_handler(TCP, hibernate_after=1)
    with journald.frozen():
        for _ in range(MANY):
            assert handler.ask(TCP, REQUEST[TCP]) == b"200 value\n"
        backend.wait_for_end_of(len(backend.connections) - 1)  # it hibernates
    new_entries()  # as above
    if is_asked:
        assert handler.ask(TCP, REQUEST[TCP]) == b"200 value\n"
    log = handler.finish().log.splitlines()
    assert log
    told = [entry["MESSAGE"] for entry in new_entries() if "missing" in entry["MESSAGE"]]
    expected = f"journald did not take all entries of this process: {len(log)} missing. "
    assert [text[: len(expected)] for text in told] == [expected]


def test_a_failed_action_that_closes(journal_handler, backend, new_entries):
    """`failure-action: close` leaves a trace in the journal, since Postfix sees none."""
    backend.script(answer(500))
    handler = journal_handler(POLICY, failure_action="close")
    handler.send(POLICY_REQUEST)
    handler.result()
    (entry,) = new_entries()
    assert entry[PREFIX + "OUTCOME"] == "server-error"


FOREIGN_TEXTS = [
    ("a newline", b"a%0Ab", r"a\nb"),
    ("an escape sequence", b"a%1B[31mb", r"a\x1b[31mb"),
    ("no UTF-8", b"k%E9y", r"k\xe9y"),
    ("UTF-8", b"gr%C3%BC%C3%9Fe", "grüße"),
    ("a direction mark", b"a%E2%80%AEb", r"a\u202eb"),
    ("a field of its own", b"a%0APRIORITY=0", r"a\nPRIORITY=0"),
]


@pytest.mark.parametrize(
    "quoted, shown", [f[1:] for f in FOREIGN_TEXTS], ids=[f[0] for f in FOREIGN_TEXTS]
)
def test_foreign_texts(journal_handler, backend, new_entries, quoted, shown):
    """What a client sent is shown in a form that forges no line, no field and no colour."""
    backend.script(answer(404))
    handler = journal_handler(TCP)
    handler.send(b"get " + quoted + b"\n")
    handler.finish()
    (entry,) = new_entries()
    assert entry[PREFIX + "KEY"] == shown
    assert shown in entry["MESSAGE"]
    assert entry["PRIORITY"] == NOTICE


@pytest.mark.parametrize("mode", [SOCKETMAP, POLICY])
def test_a_huge_key(journal_handler, backend, new_entries, mode):
    """A key of 100 kB does not become an entry of 100 kB."""
    backend.script(answer(200, b"DUNNO" if mode == POLICY else b'["v"]'))
    huge = b"x" * 100_000
    handler = journal_handler(mode)
    handler.send(netstring(b"m " + huge) if mode == SOCKETMAP else b"sender=" + huge + b"\n\n")
    handler.finish()
    (entry,) = new_entries()
    field = entry[PREFIX + ("KEY" if mode == SOCKETMAP else "SENDER")]
    assert field.startswith("xxx")
    assert len(field) < 5000
    assert len(entry["MESSAGE"]) < 10_000


@pytest.mark.parametrize("mode", MODES)
def test_without_keys(journal_handler, backend, new_entries, journald, mode):
    """With `log-keys` false there is neither a field nor a word of whom the request was about."""
    backend.script(*[answer(404)] * 2)
    handler = journal_handler(mode, log_keys=False)
    secret = {
        TCP: b"get whose@example.org\n",
        SOCKETMAP: netstring(b"map whose@example.org"),
        POLICY: b"sender=whose@example.org\nrecipient=whose@example.org\n"
        b"client_address=whose@example.org\nqueue_id=whose\nsasl_username=whose\n"
        b"instance=whose\nsize=whose\nrecipient_count=whose\n\n",
    }[mode]
    handler.send(secret + secret)
    handler.finish()
    fields = {name for entry in new_entries() for name in own_fields(entry)}
    assert fields.isdisjoint({"KEY", *POLICY_FIELDS, "RECIPIENT_COUNT"})
    assert b"whose" not in journald.raw()


def test_an_unnamed_endpoint_by_address(tmp_path, launch, journald, backend, new_entries):
    """ENDPOINT is the name of the file, not the mode or the address."""
    backend.script(send_and_close(response(404)))
    config = write_config(tmp_path, endpoint(TCP, backend.url(), name="domains of ours"))
    handler = launch("--config", config, "--endpoint", "domains of ours", prefix=journald.prefix)
    handler.send(REQUEST[TCP])
    handler.finish()
    (entry,) = new_entries()
    assert entry[PREFIX + "ENDPOINT"] == "domains of ours"
    assert entry["MESSAGE"].startswith("domains of ours: ")
