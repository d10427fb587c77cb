# SPDX-License-Identifier: MIT
"""What one handler was told serves the next: each test starts handlers that share a directory.

The backend's script says how often it may be asked; one request more is an error.
"""

from __future__ import annotations

import json
import re

import pytest
from blackbox.support import NOT_FOUND, UNREACHABLE, server_error

from harness.handler_process import endpoint, write_config
from harness.modes import FOUND, FOUND_BODY, LOOKUPS, POLICY, REQUEST, TCP
from harness.scripted_backend import answer, hang_up, send, send_and_close, silence

FRESH = b"Cache-Control: max-age=600"
FOR_OUTAGES = b"Cache-Control: max-age=0, stale-if-error=600"
KINDS = {
    "found": (answer(200, FOUND_BODY[TCP], FRESH), FOUND),
    "not found": (answer(404, b"", FRESH), NOT_FOUND),
    "empty list": (answer(200, b"[]", FRESH), NOT_FOUND),
}


@pytest.fixture
def ask(tmp_path, backend, launch):
    """Ask a handler of its own for each call; returns the reply and the handler's log."""
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o700)

    def run(mode=TCP, request=None, directory=shared, launch_with=None, **keys):
        target = str(keys.pop("target", backend.url()))
        config = write_config(tmp_path, endpoint(mode, target, **keys))
        options = ("--config", config, "--endpoint", mode, "--cache-directory", str(directory))
        handler = launch(*options, **(launch_with or {}))
        reply = handler.ask(mode, request or REQUEST[mode])
        handler.half_close()
        end = handler.finish()
        assert (end.output, end.status) == (b"", 0), end
        return reply, end.log

    return run


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", LOOKUPS)
def test_an_answer_serves_the_next_handler(ask, backend, mode, kind):
    """An answer that is fresh is not asked again, whatever good answer it is."""
    step, replies = KINDS[kind]
    backend.script(step)
    assert ask(mode)[0] == replies[mode]
    reply, log = ask(mode)
    assert reply == replies[mode]
    assert re.search(r"found, stored \d s ago \(", log), log
    assert len(backend.requests) == 1


def test_another_question_is_another_answer(ask, backend):
    """The key and the name of the map, and nothing that looks alike."""
    questions = [(TCP, b"get a\n"), (TCP, b"get b\n"), (TCP, b"get A\n")]
    for _, request in questions:
        backend.script(answer(200, json.dumps([request.decode().strip()]).encode(), FRESH))
        assert ask(request=request)[0] == b"200 " + request.strip().replace(b" ", b"%20") + b"\n"
    for _, request in questions:
        assert ask(request=request)[0] == b"200 " + request.strip().replace(b" ", b"%20") + b"\n"
    assert len(backend.requests) == len(questions)


@pytest.mark.parametrize(
    "change",
    [
        {"auth_token": "another"},
        {"headers": {"X-Tenant": "another"}},
        {"headers": {"User-Agent": "another"}},
        {"target": "{url}?tenant=another"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_identity_is_another_answer(ask, backend, change):
    """Who asks, and where, is part of the question."""
    backend.script(answer(200, b'["one"]', FRESH), answer(200, b'["two"]', FRESH))
    changed = {key: value for key, value in change.items() if key != "target"}
    if "target" in change:
        changed["target"] = change["target"].format(url=backend.url())
    assert ask()[0] == b"200 one\n"
    assert ask(**changed)[0] == b"200 two\n"
    assert ask()[0] == b"200 one\n"
    assert ask(**changed)[0] == b"200 two\n"


@pytest.mark.parametrize(
    "step",
    [
        answer(200, FOUND_BODY[TCP]),
        answer(200, FOUND_BODY[TCP], b"Cache-Control: no-store, max-age=60"),
        answer(200, FOUND_BODY[TCP], b"Cache-Control: max-age=60", b"Vary: X-Request-Id"),
    ],
)
def test_without_permission_nothing_is_stored(ask, backend, tmp_path, step):
    """Not even a directory is made."""
    backend.script(step, step)
    for _ in range(2):
        assert ask()[0] == FOUND[TCP]
    assert list((tmp_path / "shared").rglob("[0-9a-f]" * 40)) == []


@pytest.mark.parametrize("status", [400, 403, 410, 500, 503, 301])
def test_errors_are_not_stored(ask, backend, status):
    """Whatever the backend permits."""
    backend.script(answer(status, b"", FRESH), answer(200, FOUND_BODY[TCP]))
    assert ask()[0].startswith(b"400 ")
    assert ask()[0] == FOUND[TCP]


def test_actions_are_not_stored(ask, backend, tmp_path):
    """A decision about a mail is about that mail."""
    step = answer(200, FOUND_BODY[POLICY], FRESH)
    backend.script(step, step)
    for _ in range(2):
        assert ask(POLICY)[0] == FOUND[POLICY]
    assert list((tmp_path / "shared").iterdir()) == []


def test_the_operator_may_forbid_it(ask, backend):
    """`cache: false`: neither stored nor used."""
    step = answer(200, FOUND_BODY[TCP], FRESH)
    backend.script(step, step, step)
    assert ask()[0] == FOUND[TCP]
    assert ask(cache=False)[0] == FOUND[TCP]
    assert ask(cache=False)[0] == FOUND[TCP]
    assert ask()[0] == FOUND[TCP]


def test_the_operator_may_permit_it(ask, backend):
    """Where the backend says nothing."""
    cache = {"max-age": 600}
    backend.script(answer(200, FOUND_BODY[TCP]), answer(404), answer(404))
    assert [ask(cache=cache)[0] for _ in range(2)] == [FOUND[TCP]] * 2
    unknown = [ask(cache=cache, request=b"get unknown\n")[0] for _ in range(2)]
    assert unknown == [NOT_FOUND[TCP]] * 2


def test_the_operator_may_think_again(ask, backend):
    """The present values count, not those of the time when an answer was stored."""
    long = {"max-age": 600, "not-found-max-age": 600, "stale-if-error": 600}
    backend.script(answer(200, b'["one"]'), answer(404), answer(200, b'["two"]'), answer(404))
    for key in (b"get found\n", b"get unknown\n") * 2:
        reply, _ = ask(cache=long, request=key)
    assert reply == NOT_FOUND[TCP]
    assert ask(cache={**long, "max-age": 0}, request=b"get found\n")[0] == b"200 two\n"
    assert ask(cache={**long, "not-found-max-age": 0}, request=b"get unknown\n")[0] == reply
    backend.script(hang_up, hang_up)
    short = {"max-age": 0, "not-found-max-age": 0, "stale-if-error": 0}
    for key in (b"get found\n", b"get unknown\n"):
        assert ask(cache=short, request=key)[0] == UNREACHABLE[TCP]
    assert ask(cache=long, request=b"get found\n")[0] == b"200 two\n"


def test_the_operator_cannot_replace_what_the_backend_says(ask, backend):
    """Neither when an answer is stored, nor later."""
    backend.script(answer(200, b'["one"]', FOR_OUTAGES), answer(200, b'["two"]', FOR_OUTAGES))
    assert [ask(cache={"max-age": 600})[0] for _ in range(2)] == [b"200 one\n", b"200 two\n"]
    backend.script(hang_up)
    assert ask(cache={"stale-if-error": 0})[0] == b"200 two\n"


OUTAGES = {
    "refused": None,
    "closed": hang_up,
    "no HTTP": send(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "500": answer(500),
    "503": answer(503),
    "a page": answer(200, b"<html>Sorry</html>"),
    "truncated": send_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[]"),
    "timeout": silence,
}


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("body", [FOUND_BODY[TCP], b"[]"], ids=["found", "not found"])
def test_a_stale_answer_replaces_a_failure(ask, backend, outage, body):
    """And the journal says why."""
    backend.script(answer(200, body, FOR_OUTAGES))
    keys = {"request_timeout": 700} if outage == "timeout" else {}
    fresh, _ = ask(**keys)
    if OUTAGES[outage] is None:
        backend.close()
    else:
        backend.script(OUTAGES[outage])
    stale, log = ask(**keys)
    assert stale == fresh
    assert re.search(r"found, stale, stored \d s ago \(\d+\.\d ms\): .*", log), log


def test_a_failure_without_a_stored_answer_stays_one(ask, backend):
    """The stored answer is to another question."""
    backend.script(answer(200, FOUND_BODY[TCP], FOR_OUTAGES), hang_up, answer(503))
    ask()
    assert ask(request=b"get another\n")[0] == UNREACHABLE[TCP]
    assert ask(request=b"get another\n")[0] == server_error(503)[TCP]


def test_a_known_outage(ask, backend):
    """The next handler does not ask, and says so; a key without an answer asks all the same."""
    backend.script(answer(200, FOUND_BODY[TCP], FOR_OUTAGES), hang_up)
    ask()
    ask()
    reply, log = ask()
    assert reply == FOUND[TCP]
    assert "known to be down" in log
    backend.script(answer(200, FOUND_BODY[TCP]))
    assert ask(request=b"get another\n")[0] == FOUND[TCP]  # and this ends it
    backend.script(answer(404, b"", FOR_OUTAGES))
    assert ask()[0] == NOT_FOUND[TCP]


@pytest.mark.parametrize("failure", [answer(500), hang_up], ids=["500", "closed"])
def test_a_key_that_always_fails(ask, backend, failure):
    """Its failures are no reason to use old answers for other keys."""
    backend.script(*[answer(200, FOUND_BODY[TCP], FOR_OUTAGES)] * 2)
    keys = [b"get bad\n", b"get good\n"]
    assert [ask(request=key)[0] for key in keys] == [FOUND[TCP]] * 2
    backend.default = failure  # asked again after a second, which a busy machine may take
    for _ in range(3):
        reply, log = ask(request=keys[0])
        assert (reply, "stale" in log) == (FOUND[TCP], True)
    backend.script(answer(404, b"", FOR_OUTAGES))
    assert ask(request=keys[1])[0] == NOT_FOUND[TCP]


def test_two_keys_that_fail(ask, backend):
    """Then the backend is known to be down, also for a third one."""
    keys = [b"get %d\n" % number for number in range(3)]
    backend.script(*[answer(200, FOUND_BODY[TCP], FOR_OUTAGES)] * 3)
    assert [ask(request=key)[0] for key in keys] == [FOUND[TCP]] * 3
    backend.script(answer(503), answer(503))
    logs = [ask(request=key)[1] for key in keys]
    assert ["known to be down" in log for log in logs] == [False, False, True]


def test_what_the_backend_took_back_stays_so(ask, backend):
    """A newer answer that must not be stored replaces the one that is."""
    backend.script(
        answer(200, b'["old"]', FOR_OUTAGES),
        answer(200, b'["new"]', b"Cache-Control: no-store"),
        hang_up,
    )
    assert ask()[0] == b"200 old\n"
    assert ask()[0] == b"200 new\n"
    assert ask()[0] == UNREACHABLE[TCP]


LATER = {
    "another separator": ({"list_separator": ";"}, [], b"200 a;b\n"),
    "too large": ({"max_response_bytes": 5}, [answer(200, b"[]")], NOT_FOUND[TCP]),
    "an action": ({"access_table": True}, [answer(200, b'["REJECT"]')], b"200 REJECT\n"),
}


@pytest.mark.parametrize("keys, asked, reply", LATER.values(), ids=LATER)
@pytest.mark.parametrize("says", [FRESH, FOR_OUTAGES], ids=["fresh", "stale"])
def test_the_configuration_has_changed(ask, backend, says, keys, asked, reply):
    """What is stored is judged by the one in force, which may not permit it any more."""
    backend.script(answer(200, b'["a", "b"]', says))
    assert ask()[0] == b"200 a,b\n"
    if says == FOR_OUTAGES:
        backend.script(hang_up)
        reply = UNREACHABLE[TCP] if asked else reply
    else:
        backend.script(*asked)
    assert ask(**keys)[0] == reply


NOTHING = {
    "empty-body": (answer(200, b"", FRESH), {"empty_body": "temporary"}),
    "temporary-statuses": (answer(404, b"", FRESH), {"temporary_statuses": [404]}),
}


@pytest.mark.parametrize("step, keys", NOTHING.values(), ids=NOTHING)
def test_not_found_has_another_meaning_now(ask, backend, step, keys):
    """What was stored as "not found" is one no more, whatever the backend says then."""
    backend.script(step, answer(200, FOUND_BODY[TCP], FRESH))
    assert ask()[0] == NOT_FOUND[TCP]
    assert ask(**keys)[0] == FOUND[TCP]
    backend.script(step)
    assert ask(request=b"get other\n")[0] == NOT_FOUND[TCP]
    backend.script(step)
    assert ask(request=b"get other\n", **keys)[0].startswith(b"400 ")


def test_one_handler(tmp_path, backend, launch):
    """A kept connection has the same memory."""
    config = write_config(tmp_path, endpoint(TCP, backend.url()))
    directory = tmp_path / "shared"
    directory.mkdir()
    handler = launch("--config", config, "--endpoint", TCP, "--cache-directory", str(directory))
    backend.script(answer(200, FOUND_BODY[TCP], FRESH), answer(404, b""), answer(404, b""))
    assert [handler.ask(TCP, REQUEST[TCP]) for _ in range(3)] == [FOUND[TCP]] * 3
    assert [handler.ask(TCP, b"get another\n") for _ in range(2)] == [NOT_FOUND[TCP]] * 2
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]


def test_one_handler_and_another_configuration(tmp_path, backend, launch):
    """What a connection has made of a stored answer holds for one configuration."""
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o700)
    backend.script(answer(200, b'["a", "b"]', FRESH))

    def configure(**keys):
        return write_config(tmp_path, endpoint(TCP, backend.url(), **keys))

    options = ("--endpoint", TCP, "--cache-directory", str(shared))
    handler = launch("--config", configure(), *options)
    for _ in range(3):
        assert handler.ask(TCP, REQUEST[TCP]) == b"200 a,b\n"
    for separator in ("; ", ","):
        configure(list_separator=separator)
        joined = b"200 a" + separator.replace(" ", "%20").encode() + b"b\n"
        for _ in range(3):
            assert handler.ask(TCP, REQUEST[TCP]) == joined
    assert len(backend.requests) == 1


def test_a_hit_loads_little(ask, backend):
    """Neither what asks a backend, nor what parses its URL."""
    backend.script(answer(200, FOUND_BODY[TCP], FRESH))
    ask()
    _, log = ask(launch_with={"env": {"PYTHONPROFILEIMPORTTIME": "1"}})
    loaded = set(re.findall(r"\| +(\S+)$", log, re.MULTILINE))
    assert "postfix_rest_inetd.cache.store" in loaded
    assert not loaded & {"urllib3", "ssl", "re", "json", "hashlib", "urllib.parse", "http.client"}


def test_a_hit_loads_little_when_a_handler_wakes(tmp_path, backend, launch):
    """Nor does it then: the configuration is the one that the handler had."""
    config = write_config(tmp_path, endpoint(TCP, backend.url(), hibernate_after=1))
    directory = tmp_path / "shared"
    directory.mkdir()
    backend.script(answer(200, FOUND_BODY[TCP], FRESH))
    options = ("--config", config, "--endpoint", TCP, "--cache-directory", str(directory))
    handler = launch(*options, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    backend.wait_for_end_of(0)  # it hibernates
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    handler.half_close()
    _, before, after = handler.finish().log.split(" postfix_rest_inetd.handler\n")
    assert "urllib3.connection" in before
    assert "stored" in after
    assert not re.search(r"\b(urllib3|ssl|http\.client|urllib\.parse)\b", after)


@pytest.mark.parametrize("place", ["missing", "file", "unusable"])
def test_without_a_usable_directory(ask, backend, tmp_path, place):
    """Every request is answered all the same, and the reason is told."""
    path = tmp_path / place
    if place == "file":
        path.write_text("")
    if place == "unusable":
        path.mkdir()
        (path / "1").symlink_to("/proc/nowhere")
    step = answer(200, FOUND_BODY[TCP], FRESH)
    backend.script(step, step)
    for _ in range(2):
        reply, log = ask(directory=path)
        assert reply == FOUND[TCP]
        assert log.count("stored answers cannot be used or kept") == 1, log
