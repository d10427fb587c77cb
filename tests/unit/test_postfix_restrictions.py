# SPDX-License-Identifier: MIT
"""postfix_restrictions: what may stand before a relay check, and where one more restriction goes.

That Postfix's smtpd agrees is for tests/postfix/test_migrate.py.
"""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.postfix_restrictions import (
    RECIPIENT,
    RELAY,
    added,
    can_open_relay,
    joined,
    words,
)

OURS = "inet:127.0.0.1:9003"
POLICY = f"check_policy_service {OURS}"
BRACES = f"check_policy_service {{ {OURS}, {{ default_action=DUNNO }}, timeout=1s }}"
DEBIAN = "permit_mynetworks permit_sasl_authenticated defer_unauth_destination"


@pytest.mark.parametrize(
    "value, expected",
    [
        ("", []),
        ("a,b  c,\td,", ["a", "b", "c", "d"]),
        ("a { b, { c=d e }, f } g", ["a", "{ b { c=d e } f }", "g"]),
        ("} a", ["}", "a"]),
    ],
)
def test_words(value: str, expected: list[str]) -> None:
    """Commas and white space separate; what is in braces is one element."""
    assert words(value) == expected


@pytest.mark.parametrize(
    "parameter, value, relay, expected",
    [
        (RELAY, f"permit_mynetworks, {POLICY}, reject_unauth_destination", "", True),
        (RELAY, f"permit_mynetworks {BRACES} DEFER_UNAUTH_DESTINATION", "", True),
        (RELAY, f"permit_mynetworks\n{POLICY}\nreject", "", True),
        (RELAY, f"check_recipient_access {OURS}", "", True),
        (RELAY, f"{DEBIAN} {POLICY}", "", False),
        (RELAY, f"{DEBIAN} check_policy_service inet:other", "", False),
        (RECIPIENT, f"{POLICY}, reject_unauth_destination", DEBIAN, False),
        (RECIPIENT, f"{POLICY}, reject_unauth_destination", "", True),
        (RECIPIENT, f"{POLICY}, reject_unauth_destination", "permit_mynetworks", True),
        (RECIPIENT, f"reject_unauth_destination {POLICY}", "", False),
        ("smtpd_sender_restrictions", POLICY, "", False),
    ],
)
def test_can_open_relay(parameter: str, value: str, relay: str, *, expected: bool) -> None:
    """A permission counts in the list that has the relay check, and there only before it."""
    relay = value if parameter == RELAY else relay
    assert can_open_relay(parameter, value, relay, OURS) is expected


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
