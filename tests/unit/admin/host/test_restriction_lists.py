# SPDX-License-Identifier: MIT
"""restriction_lists: what may stand before a relay check, and where one more restriction goes.

That Postfix's smtpd agrees is for tests/postfix/test_migrate.py.
"""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.host.restriction_lists import (
    RECIPIENT,
    RELAY,
    added,
    can_open_relay,
    comes_first,
    flattened,
    joined,
)

CLIENT, SENDER = "smtpd_client_restrictions", "smtpd_sender_restrictions"
BOTH = [RELAY, RECIPIENT]
OURS = "inet:127.0.0.1:9003"
POLICY = f"check_policy_service {OURS}"
BRACES = f"check_policy_service {{ {OURS}, {{ default_action=DUNNO }}, timeout=1s }}"
DEBIAN = "permit_mynetworks permit_sasl_authenticated defer_unauth_destination"


@pytest.mark.parametrize(
    "lists, expected",
    [
        ({RELAY: f"permit_mynetworks, {POLICY}, reject_unauth_destination"}, [RELAY]),
        ({RELAY: f"permit_mynetworks {BRACES} DEFER_UNAUTH_DESTINATION"}, [RELAY]),
        ({RELAY: f"permit_mynetworks\n{POLICY}\nreject"}, [RELAY]),
        ({RELAY: f"check_recipient_access {OURS}"}, [RELAY]),
        ({RELAY: f"{DEBIAN} {POLICY}"}, []),
        ({RELAY: f"{DEBIAN} check_policy_service inet:other"}, []),
        ({RELAY: "reject_unauth_destination", RECIPIENT: POLICY}, []),
        ({RELAY: DEBIAN, RECIPIENT: f"{POLICY}, reject_unauth_destination"}, []),
        ({RECIPIENT: f"{POLICY}, reject_unauth_destination"}, [RECIPIENT]),
        (
            {RELAY: "permit_mynetworks", RECIPIENT: f"{POLICY}, reject_unauth_destination"},
            [RECIPIENT],
        ),
        ({RECIPIENT: f"reject_unauth_destination {POLICY}"}, []),
        ({SENDER: POLICY, RELAY: DEBIAN}, []),
        ({SENDER: POLICY}, []),
        # Both lists have it: a stranger has to pass both.
        ({RELAY: f"{POLICY}, reject", RECIPIENT: "reject_unauth_destination"}, []),
        ({RELAY: f"{POLICY}, reject", RECIPIENT: f"permit_mynetworks, {POLICY}, reject"}, BOTH),
        # For submission, strangers are kept out before anything else is asked.
        ({CLIENT: "permit_sasl_authenticated, reject", RELAY: f"{POLICY}, reject"}, []),
        ({CLIENT: f"{POLICY}, reject", RELAY: f"{POLICY}, reject"}, [CLIENT, RELAY]),
        ({CLIENT: "permit, reject", RELAY: f"{POLICY}, reject"}, [RELAY]),
        ({SENDER: "reject_unauth_destination", RELAY: f"{POLICY}, reject"}, [RELAY]),
        # warn_if_reject is no check.
        ({RELAY: "warn_if_reject reject", RECIPIENT: f"{POLICY}, reject"}, [RECIPIENT]),
        # Re-injection by a content filter: no question of ours.
        ({RELAY: "", RECIPIENT: "permit_mynetworks,reject"}, []),
    ],
)
def test_can_open_relay(lists: dict[str, str], expected: list[str]) -> None:
    """A permission counts in lists with a relay check, before it, if none else keeps them out."""
    elements = {name: flattened(value, {}) for name, value in lists.items()}
    assert can_open_relay(elements, {OURS}) == expected


def test_restriction_classes() -> None:
    """A class stands for its elements; one that names itself comes to an end."""
    classes = {"gate": f"{POLICY} other", "other": "gate, permit_mynetworks"}
    expected = ["a", *POLICY.split(), "gate", "permit_mynetworks", "reject"]
    assert flattened("a, gate, reject", classes) == expected


@pytest.mark.parametrize(
    "value, expected",
    [
        (f"a, {POLICY}, reject", True),
        (f"a, {POLICY}", True),
        (f"reject, {POLICY}", False),
        ("a, reject", False),
        ("a", False),
    ],
)
def test_comes_first(value: str, *, expected: bool) -> None:
    """It has to stand there, and not behind the relay check."""
    assert comes_first(RELAY, flattened(value, {}), OURS) is expected


@pytest.mark.parametrize(
    "value, expected",
    [
        ("", POLICY),
        ("a, b", f"a, b, {POLICY}"),
        ("a  b,", f"a  b, {POLICY}"),
        ("reject_unauth_destination", f"reject_unauth_destination, {POLICY}"),
        ("a, permit", f"a, {POLICY}, permit"),
        ("PERMIT", f"{POLICY}, PERMIT"),
        ("a, reject", None),
        ("a Defer,", None),
    ],
)
def test_added(value: str, expected: str | None) -> None:
    """What stands there is kept; ours is the last that is asked, or is not put there."""
    assert added(value, value, POLICY) == expected


def test_added_to_a_parameter() -> None:
    """What decides is what a $parameter stands for; it stays as it is."""
    assert added("$mine", "a, b", POLICY) == f"$mine, {POLICY}"
    assert added("$mine", "a, reject", POLICY) is None
    assert added("$mine", "a, permit", POLICY) is None


def test_joined() -> None:
    """A comma that is there is enough."""
    assert [joined(value, "x") for value in ("", "a b", "a,")] == ["x", "a b, x", "a, x"]
