# SPDX-License-Identifier: MIT
"""The account of test_mail_storm notices what it is for: mail lost, doubled, refused, let in."""

from __future__ import annotations

import pytest
from integration.storm_account import wrong_entries, wrong_mails
from integration.storm_chaos import Interval
from integration.storm_mailboxes import Delivery
from integration.storm_plan import ALIASES, BOXES, REFUSED, REFUSED_SENDERS, RELAY_DENIED, Mail
from integration.storm_senders import Fate

BOX = BOXES[0]
ALIAS = next(alias for alias, boxes in ALIASES.items() if len(boxes) > 1)
RELAY = "box@elsewhere.example"
RESTARTS = [Interval(100, 105)]


def fate(*accepted: str, refused: str = "", unsure: int = 0) -> Fate:
    """What a client knows about a mail."""
    made = Fate()
    made.accepted, made.refused, made.unsure = list(accepted), refused, unsure
    return made


def delivered(queue_id: str, *boxes: str, when: float = 0) -> list[Delivery]:
    """The mail was delivered to BOXES."""
    return [Delivery(1, box, queue_id, when) for box in boxes]


def faults(
    recipient: str,
    what: Fate,
    *deliveries: list[Delivery],
    sender: str = "s@x",
    local: bool = False,
) -> int:
    """How much is wrong with a mail."""
    mail = Mail(1, sender, (recipient,), is_local=local)
    all_of_them = [each for some in deliveries for each in some]
    return len(wrong_mails([mail], {(1, recipient): what}, all_of_them, RESTARTS))


def test_right() -> None:
    """What has to become of a mail is not wrong."""
    assert faults(BOX, fate("A"), delivered("A", BOX)) == 0
    assert faults(ALIAS, fate("A"), delivered("A", *ALIASES[ALIAS])) == 0
    assert faults(BOX, fate(), delivered("A", BOX), local=True) == 0
    assert faults(RELAY, fate(refused=RELAY_DENIED.format(RELAY))) == 0
    refused = fate(refused=REFUSED.format(BOX))
    assert faults(BOX, refused, sender=REFUSED_SENDERS[0]) == 0


def test_doubts() -> None:
    """Two deliveries are right where Postfix, or the client, could not know of the first."""
    twice = delivered("A", BOX), delivered("B", BOX)
    assert faults(BOX, fate("B", unsure=1), *twice) == 0
    assert faults(BOX, fate("B"), *twice) == 1
    assert faults(BOX, fate(), *twice, local=True) == 0
    for when, wrong in ((99, 0), (104, 0), (50, 1), (106, 1)):
        again = delivered("A", BOX, when=when), delivered("A", BOX, when=200)
        assert faults(BOX, fate("A"), *again) == wrong


@pytest.mark.parametrize(
    "recipient, what, deliveries",
    [
        (BOX, fate("A"), []),
        (BOX, fate("A"), delivered("B", BOX)),
        (ALIAS, fate("A"), delivered("A", *ALIASES[ALIAS][1:])),
        (BOX, fate(refused="550 5.1.1 unknown"), []),
        (BOX, fate("A"), delivered("A", BOX, BOXES[1])),
        (RELAY, fate("A"), []),
        (RELAY, fate(unsure=1, refused=RELAY_DENIED.format(RELAY)), []),
        (RELAY, fate(refused="550 5.1.1 unknown"), []),
        (RELAY, fate(refused=RELAY_DENIED.format(RELAY)), delivered("A", RELAY)),
    ],
)
def test_wrong(recipient: str, what: Fate, deliveries: list[Delivery]) -> None:
    """A mail that is lost, partly lost, refused, let in, or delivered where it does not belong."""
    assert faults(recipient, what, deliveries) > 0


def entry(outcome: str, key: str, request_id: str = "1") -> dict[str, str]:
    """What a handler logs."""
    fields = {"ENDPOINT": "mailboxes", "OUTCOME": outcome, "KEY": key, "REQUEST_ID": request_id}
    return {"MESSAGE": key, **{f"POSTFIX_REST_{name}": value for name, value in fields.items()}}


def test_entries() -> None:
    """An answer that the backend does not have, or was not asked for, and requests not logged."""
    assert wrong_entries([entry("found", BOX), entry("timeout", BOX, "2")], {"1"}, 0) == []
    assert len(wrong_entries([entry("found", "nobody@hosted.example")], {"1"}, 0)) == 1
    assert len(wrong_entries([entry("not-found", BOX)], {"1"}, 0)) == 1
    assert len(wrong_entries([entry("found", BOX, "2")], {"1"}, 1)) == 1
    assert len(wrong_entries([entry("found", BOX)] * 2, {"1"}, 0)) == 1
    assert len(wrong_entries([], {"1", "2"}, 1)) == 1
    assert wrong_entries([], {"1", "2"}, 2) == []
    assert len(wrong_entries([entry("internal-error", BOX)], {"1"}, 0)) == 1
    without = {"MESSAGE": "no endpoint", "POSTFIX_REST_OUTCOME": "unusable-config"}
    assert wrong_entries([without], set(), 0) == ["no endpoint"]
