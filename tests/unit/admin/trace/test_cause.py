# SPDX-License-Identifier: MIT
"""What held a mail up is found among the requests, and nothing is claimed that does not follow."""

from __future__ import annotations

import pytest

from harness.endpoints import endpoint
from harness.modes import POLICY, SOCKETMAP, TCP
from postfix_rest_inetd import log_entry, model
from postfix_rest_inetd.admin.trace import cause, mails, request
from postfix_rest_inetd.admin.trace import line as lines
from postfix_rest_inetd.admin.trace.line import ACCEPTED, DEFERRED, REFUSED
from postfix_rest_inetd.admin.trace.mails import ANONYMOUS, NAMED, NEAR
from postfix_rest_inetd.admin.trace.subject import ADDRESS, QUEUE_ID, Subject

SECOND = 1_000_000
WHEN = 1_800_000_000 * SECOND
PID = 0x4D2
INSTANCE = b"4d2.6b49d200.0.0"
REJECT = (
    "NOQUEUE: reject: RCPT from x[192.0.2.1]: {} <b@c.example>: Recipient address rejected: {}; "
    "from=<a@x.example> to=<b@c.example> proto=ESMTP helo=<x>"
)
UNKNOWN = ("550 5.1.1", "User unknown in virtual mailbox table")
DENIED = REJECT.format("554 5.7.1", "X").replace(
    "Recipient address rejected: X", "Relay access denied"
)
NO = ("554 5.7.1", "no")
CATALOG = "Subject: x\nDefined-By: y\n\nWhat.\n\nMeaning.\n\nDo this:\n\n    that\n\nMore."


def line(text: str, after: float = 0, program: str = "smtpd", pid: int = PID) -> lines.Line:
    """A line."""
    when = WHEN + int(after * SECOND)
    return lines.parse(text.encode(), f"postfix/{program}", str(pid), when)


def asked(
    mode: str,
    outcome: str,
    *,
    key: bytes = b"b@c.example",
    action: str = "",
    after: float = -0.1,
    name: str = "",
    log_keys: bool = True,
    **attributes: bytes,
) -> request.Request:
    """The entry that a handler writes."""
    asking: model.Request = model.LookupRequest(key, b"m" if mode == SOCKETMAP else None)
    if mode == POLICY:
        all_ = {
            "protocol_state": b"RCPT",
            "sender": b"a@x.example",
            "recipient": b"b@c.example",
            "instance": INSTANCE,
            **attributes,
        }
        asking = model.PolicyRequest([(k.encode(), v) for k, v in all_.items()])
    facts = log_entry.Facts()
    facts.request_id, facts.elapsed_usec = f"{outcome}-{after}", 1
    if outcome == model.SERVER_ERROR:
        facts.status = 503
    reply = model.Reply(outcome, model.REPLY_VALUE, action)
    one = endpoint(mode, name=name or mode, log_keys=log_keys)
    fields = log_entry.of_request(one, asking, reply, facts)
    found = request.parse(
        {key: value.encode() for key, value in fields.items()},
        WHEN + int(after * SECOND),
        CATALOG,
    )
    assert found is not None
    return found


def judged(
    text: str | list[lines.Line], *requests: request.Request, subject: str = "b@c.example"
) -> cause.Judgement:
    """The judgement of the only mail."""
    all_lines = [line(text)] if isinstance(text, str) else text
    wanted = Subject(ADDRESS if "@" in subject else QUEUE_ID, subject)
    ids = set() if "@" in subject else {subject}
    (mail,) = mails.of(all_lines, wanted, ids)
    mail = mails.related(mails.with_troubles(mail, all_lines), requests)
    return cause.judge(mail, subject if "@" in subject else "")


DUNNO = asked(POLICY, model.ACTION, action="DUNNO", after=-0.3)


@pytest.mark.parametrize(
    "reject, requests, expected",
    [
        pytest.param(NO, [asked(POLICY, model.ACTION, action="REJECT no")], cause.POLICY, id="own"),
        pytest.param(NO, [asked(POLICY, model.ACTION, action="550 no")], cause.POLICY, id="code"),
        pytest.param(NO, [DUNNO], cause.POSTFIX, id="dunno"),
        pytest.param(
            NO,
            [asked(POLICY, model.ACTION, action="REJECT no", instance=b"4d3.6b49d200.0.0")],
            cause.POSTFIX,
            id="another process",
        ),
        pytest.param(
            NO,
            [asked(POLICY, model.ACTION, action="REJECT no", recipient=b"other@c.example")],
            cause.POSTFIX,
            id="another recipient",
        ),
        pytest.param(
            NO,
            [asked(POLICY, model.ACTION, action="REJECT no", after=-60)],
            cause.POSTFIX,
            id="long before",
        ),
        pytest.param(
            NO,
            [asked(POLICY, model.ACTION, action="REJECT no", after=5)],
            cause.POSTFIX,
            id="afterwards",
        ),
        pytest.param(
            ("451 4.7.1", "REST server had an internal error!"),
            [asked(POLICY, model.SERVER_ERROR), DUNNO],
            cause.POLICY_FAILED,
            id="policy failed",
        ),
        pytest.param(
            NO,
            [asked(POLICY, model.SERVER_ERROR, after=-0.4), DUNNO],
            cause.POSTFIX,
            id="a failure with another end",
        ),
        pytest.param(
            ("451 4.3.0", "Temporary lookup failure"),
            [asked(TCP, model.SERVER_ERROR), DUNNO],
            cause.LOOKUP_FAILED,
            id="lookup failed",
        ),
        pytest.param(NO, [asked(TCP, model.SERVER_ERROR)], cause.POSTFIX, id="final, not for that"),
        pytest.param(
            ("451 4.3.0", "Temporary lookup failure"),
            [asked(TCP, model.SERVER_ERROR, key=b"z@c.example")],
            cause.POSTFIX,
            id="another key",
        ),
        pytest.param(
            ("451 4.3.0", "Temporary lookup failure"),
            [asked(TCP, model.SERVER_ERROR, log_keys=False)],
            cause.LOOKUP_FAILED,
            id="key not logged",
        ),
        pytest.param(UNKNOWN, [asked(SOCKETMAP, model.NOT_FOUND)], cause.NOT_FOUND, id="missing"),
        pytest.param(
            UNKNOWN, [asked(TCP, model.NOT_FOUND, key=b"c.example")], cause.POSTFIX, id="domain"
        ),
        pytest.param(NO, [asked(TCP, model.NOT_FOUND)], cause.POSTFIX, id="not unknown"),
        pytest.param(NO, [asked(TCP, model.FOUND)], cause.VALUE, id="access table"),
        pytest.param(UNKNOWN, [], cause.POSTFIX, id="nothing"),
    ],
)
def test_rejected(reject, requests, expected):
    """One refused recipient, and the requests before it."""
    found = judged(REJECT.format(*reject), *requests)
    assert found.cause == expected
    assert found.fate == (DEFERRED if reject[0].startswith("4") else REFUSED)


def test_remedy():
    """The third paragraph of the catalog, and the command that shows it all."""
    found = judged(REJECT.format(*UNKNOWN), asked(SOCKETMAP, model.NOT_FOUND))
    assert found.remedy == ("Do this:", "    that")
    assert found.commands == ("journalctl -x POSTFIX_REST_REQUEST_ID=not-found--0.1",)
    assert found.verdict.startswith(
        "Refused by smtpd for b@c.example: 550 5.1.1 <b@c.example>: Recipient address rejected: "
        "User unknown in virtual mailbox table. Near in time, "
    )


def test_request_id():
    """A status is explained, with the id that the log of the backend has."""
    failed = asked(TCP, model.SERVER_ERROR)
    found = judged(REJECT.format("451 4.3.0", "Temporary lookup failure"), failed)
    why = "server error with status 503: its log may tell why, look for X-Request-Id "
    assert f" at {TCP} failed: {why}{failed.request_id}." in found.verdict


@pytest.mark.parametrize(
    ("detail", "end"),
    [
        ("cannot connect; is it running?", "cannot connect; is it running?"),
        ("the connection was lost", "the connection was lost."),
    ],
)
def test_one_full_stop(detail: str, end: str):
    """The cause ends the sentence, also if it is a question."""
    failed = asked(TCP, model.UNREACHABLE)
    entry = failed.entry._replace(cause=detail)
    found = judged(REJECT.format("451 4.3.0", "Try later"), failed._replace(entry=entry))
    assert found.verdict.endswith(f": unreachable: {end}")


def test_relay_denied():
    """A domain that was not found, not an address."""
    missing = asked(TCP, model.NOT_FOUND, key=b"c.example")
    assert judged(DENIED, missing).cause == cause.NOT_FOUND
    assert judged(DENIED, asked(TCP, model.NOT_FOUND)).cause == cause.POSTFIX


QUEUED = [
    line("3F2A81C0: client=x[192.0.2.1]"),
    line("3F2A81C0: from=<a@x.example>, size=1, nrcpt=1 (queue active)", 0.1, "qmgr", 7),
]


def delivery(status: str, after: float, recipient: str = "b@c.example") -> lines.Line:
    """The end of an attempt."""
    text = f"3F2A81C0: to=<{recipient}>, relay=none, status={status} (x)"
    return line(text, after, "smtp", 8)


@pytest.mark.parametrize(
    "ends, fate, words",
    [
        ([], cause.UNFINISHED, "Not finished in this period"),
        ([delivery("sent", 1)], ACCEPTED, "Nothing held it up."),
        ([delivery("deferred", 1)], DEFERRED, "Postfix decided this by itself"),
        ([delivery("deferred", 1), delivery("sent", 99)], ACCEPTED, "after it had been held up"),
        ([delivery("bounced", 1)], REFUSED, "Returned to the sender by smtp"),
        ([delivery("deferred", 1), delivery("sent", 2, "d@c.example")], DEFERRED, "b@c.example"),
    ],
)
def test_queued(ends, fate, words):
    """The last line about each recipient counts."""
    found = judged([*QUEUED, *ends], subject="3F2A81C0")
    assert found.fate == fate
    assert words in found.verdict


def test_only_the_recipient_asked_for():
    """Another recipient's fate is not this one's."""
    ends = [delivery("sent", 1), delivery("bounced", 2, "d@c.example")]
    assert judged([*QUEUED, *ends]).fate == ACCEPTED
    assert judged([*QUEUED, *ends], subject="3F2A81C0").fate == REFUSED


def test_no_connection():
    """Postfix warns that it cannot connect: no handler has an entry about that."""
    warning = "warning: problem talking to server 127.0.0.1:9003: Connection refused"
    reject = REJECT.format("451 4.3.5", "Server configuration problem")
    found = judged([line(warning, -1), line(reject)])
    assert (found.cause, found.commands) == (cause.NO_ANSWER, cause._CHECK)
    found = judged([line(warning, -1, pid=77), line(reject)])
    assert found.cause == cause.POSTFIX, "another process"


def test_warning_about_another_key():
    """A warning that quotes a key is only about mails that have it."""
    reject = line(REJECT.format("451 4.3.0", "Temporary lookup failure"))
    for key, number in (("b@c.example", 2), ("c.example", 2), ("z@c.example", 1)):
        warning = line(f'warning: tcp:127.0.0.1:9001 lookup error for "{key}"', -1)
        (mail,) = mails.of([warning, reject], Subject(ADDRESS, "b@c.example"), set())
        assert len(mails.with_troubles(mail, [warning, reject]).lines) == number


def test_domains_are_nearer():
    """The lookup of a domain is near for 2 s, unless it failed; many mails have the domain."""
    (mail,) = mails.of(QUEUED, Subject(QUEUE_ID, "3F2A81C0"), {"3F2A81C0"})
    wanted = [
        asked(TCP, model.FOUND, key=b"x.example", after=-1.5),
        asked(TCP, model.SERVER_ERROR, key=b"x.example", after=-8),
    ]
    mail = mails.related(mail, [*wanted, asked(TCP, model.FOUND, key=b"x.example", after=-3)])
    assert [each.request for each in mail.requests] == wanted[::-1]


def test_relations():
    """A request that names the mail, by its queue id or instance; others are only near."""
    end = asked(POLICY, model.ACTION, action="DUNNO", queue_id=b"3F2A81C0", recipient=b"", after=60)
    lookup = asked(TCP, model.NOT_FOUND, key=b"x.example", after=0.2)
    silent = asked(TCP, model.SERVER_ERROR, log_keys=False, after=0.3)
    far = asked(TCP, model.NOT_FOUND, key=b"x.example", after=30)
    well = asked(TCP, model.FOUND, log_keys=False, after=0.4)
    (mail,) = mails.of(QUEUED, Subject(QUEUE_ID, "3F2A81C0"), {"3F2A81C0"})
    first = asked(POLICY, model.ACTION, action="DUNNO", after=-40)
    stranger = {"recipient": b"z@c.example", "instance": b"4d2.6b49d2ff.0.1"}
    other = asked(POLICY, model.ACTION, action="DUNNO", after=0.2, **stranger)
    mail = mails.related(mail, [lookup, end, silent, far, well, first, other])
    assert [(each.request, each.relation) for each in mail.requests] == [
        (first, NAMED),
        (lookup, NEAR),
        (silent, ANONYMOUS),
        (end, NAMED),
    ]


def test_sessions_without_a_queue_id():
    """Refusals of one session are one mail; those of another process, or much later, are not."""
    reject = REJECT.format(*NO)
    other = reject.replace("b@c.example", "d@c.example")
    found = mails.of(
        [line(reject), line(other), line(reject, 3), line(reject, 4, pid=5), line(reject, 99)],
        Subject(ADDRESS, "B@c.example"),
        set(),
    )
    assert [len(mail.lines) for mail in found] == [2, 1, 1]
