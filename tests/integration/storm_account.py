# SPDX-License-Identifier: MIT
"""The account of test_mail_storm: what became of each mail, and what the handlers logged.

Both functions return sentences about what is wrong, of which there should be none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from integration.storm_chaos import Interval
from integration.storm_mailboxes import Delivery
from integration.storm_plan import (
    ALIASES,
    DOMAINS,
    MAILBOXES,
    REFUSED_SENDERS,
    Mail,
    expected,
)
from integration.storm_senders import Fate

from harness.container_journal import Entry

REDELIVERED_SEC = 10
"""So long before it is killed, a client of the mailboxes may have delivered what it delivers again.

It is a moment, if the machine is not busy.
"""

_TABLES = {"domains": DOMAINS, "mailboxes": MAILBOXES, "aliases": ALIASES}
FAILURES = {
    *("user-error", "server-error", "unspecified-status"),
    *("timeout", "unreachable", "invalid-data"),
}
"""The outcomes of requests that Postfix makes again later."""


# -- mail


def wrong_mails(
    mails: Sequence[Mail],
    fates: Mapping[tuple[int, str], Fate],
    deliveries: Iterable[Delivery],
    restarts: Sequence[Interval],
) -> list[str]:
    """What has not become of the mails what had to.

    Each one is delivered once to each mailbox, or refused with the reply that it deserves. More
    than once only where Postfix cannot know better: the client did not learn whether it was
    accepted and sent it again; Postfix was killed between a delivery and its note about that; or
    between the acceptance of a mail from sendmail(1) and the removal of the file it came in.
    """
    delivered: dict[tuple[int, str], list[Delivery]] = defaultdict(list)
    for each in deliveries:
        delivered[each.mail, each.mailbox].append(each)
    wrong = []
    for mail in mails:
        for recipient in mail.recipients:
            fate = fates[mail.number, recipient]
            end = expected(mail.sender, recipient)
            if isinstance(end, str):
                faults = _wrong_refusal(fate, end)
            else:
                found = [delivered.pop((mail.number, mailbox), []) for mailbox in end]
                faults = [
                    fault
                    for each in found
                    for fault in (
                        *_wrong_acceptance(mail, fate, each, len(restarts)),
                        *_wrong_repetition(each, restarts),
                    )
                ]
                faults += [f"refused: {fate.refused}"] if fate.refused else []
            wrong += [f"{mail}, {recipient}: {fault}" for fault in faults]
    return [*wrong, *(f"delivered without a reason: {each}" for each in delivered.values())]


def _wrong_refusal(fate: Fate, reply: str) -> Iterator[str]:
    if fate.accepted or fate.unsure:
        yield f"accepted as {fate.accepted}"
    if fate.refused != reply:
        yield f"refused with {fate.refused!r}, not {reply!r}"


def _wrong_acceptance(
    mail: Mail, fate: Fate, deliveries: Sequence[Delivery], restarts: int
) -> Iterator[str]:
    ids = {each.queue_id for each in deliveries}
    accepted = set(fate.accepted)
    is_accepted = mail.is_local or len(fate.accepted) == 1
    doubts = restarts if mail.is_local else fate.unsure
    if not is_accepted or not accepted <= ids or not 1 <= len(ids) <= 1 + doubts:
        yield f"accepted as {fate.accepted}, {doubts} doubts, delivered as {ids}"


def _wrong_repetition(
    deliveries: Sequence[Delivery], restarts: Sequence[Interval]
) -> Iterator[str]:
    """Whether the same mail of the queue was delivered more than once for no reason."""
    by_queue_id: dict[str, list[Delivery]] = defaultdict(list)
    for each in sorted(deliveries, key=lambda each: each.when):
        by_queue_id[each.queue_id].append(each)
    for several in by_queue_id.values():
        for each in several[:-1]:
            if not any(r.begin - REDELIVERED_SEC < each.when < r.end for r in restarts):
                yield f"delivered {len(several)} times: {several}"


# -- the journal


def wrong_entries(entries: Iterable[Entry], asked: set[str], lost: int) -> list[str]:
    """What the handlers logged that cannot be, if ASKED are the ids of requests at the backend.

    Each answer is the one that the backend has, with the id of a request that it got. Each request
    has one entry, but for at most LOST, which is how many handlers were killed.
    """
    wrong = []
    ids: Counter[str] = Counter()
    for entry in entries:
        outcome = entry["POSTFIX_REST_OUTCOME"]
        number = entry.get("POSTFIX_REST_REQUEST_ID", "")
        ids[number] += 1
        if outcome in FAILURES:
            continue
        if _outcome(entry) != (outcome, entry.get("POSTFIX_REST_ACTION", "")):
            wrong.append(entry["MESSAGE"])
        elif number not in asked:
            wrong.append(f"nobody was asked: {entry['MESSAGE']}")
    wrong += [f"logged {count} times: {number}" for number, count in ids.items() if count > 1]
    if len(missing := asked - set(ids)) > lost:
        wrong.append(f"{len(missing)} requests are not in the journal, {lost} handlers were killed")
    return wrong


def _outcome(entry: Entry) -> tuple[str, str]:
    """What the backend answers to the request of an entry: the outcome, and the verb."""
    name = entry.get("POSTFIX_REST_ENDPOINT", "")
    if name == "policy":
        return "action", "REJECT" if entry["POSTFIX_REST_SENDER"] in REFUSED_SENDERS else "DUNNO"
    return "found" if entry.get("POSTFIX_REST_KEY") in _TABLES.get(name, {}) else "not-found", ""
