# SPDX-License-Identifier: MIT
"""Postfix's lists of restrictions: what comes before the relay check, and where a new one belongs.

The relay check is what keeps strangers from sending mail to anywhere by way of this server. It
stands in smtpd_relay_restrictions or, where that is empty as it was before Postfix 2.10, in
smtpd_recipient_restrictions (postconf(5)). A permission ends the list that it stands in, and no
other. So what is asked before the relay check, in the list that has it, can open the relay; what is
asked at the end of a list cannot, because whatever comes that far was to be permitted anyway.

All functions are pure; values are what postconf(1) shows.
"""

from __future__ import annotations

import re

RELAY = "smtpd_relay_restrictions"
RECIPIENT = "smtpd_recipient_restrictions"
# smtpd_check.c, "specify at least one working instance of".
_RELAY_CHECKS = frozenset(
    ("reject_unauth_destination", "defer_unauth_destination", "reject", "defer")
)
_LAST = ("reject", "defer")
_GROUP = re.compile(r"[^\s,{}]+|[{}]")


def words(value: str) -> list[str]:
    """The elements of a list, separated by commas or white space; {...} is one of them."""
    found: list[str] = []
    depth = 0
    for word in _GROUP.findall(value):
        if depth:
            found[-1] += f" {word}"
        else:
            found.append(word)
        depth = max(0, depth + (word == "{") - (word == "}"))
    return found


def checks_relay(value: str) -> bool:
    """Does a list, with its $parameters expanded, have a relay check?"""
    return not _RELAY_CHECKS.isdisjoint(word.lower() for word in words(value))


def comes_first(value: str, asked: str) -> bool:
    """Does a list ask ASKED, a table or a policy service, before its relay check or without one?"""
    for word in words(value):
        if word.lower() in _RELAY_CHECKS:
            return False
        if asked in word.strip("{}").split():
            return True
    return False


def can_open_relay(parameter: str, value: str, relay_value: str, asked: str) -> bool:
    """Whether a permission of ASKED lets strangers relay.

    Args:
        parameter: where ASKED stands.
        value: the list there, with its $parameters expanded.
        relay_value: smtpd_relay_restrictions, likewise.
        asked: a table or a policy service.
    """
    decides = parameter == RELAY or (parameter == RECIPIENT and not checks_relay(relay_value))
    return decides and comes_first(value, asked)


def added(value: str, expanded: str, restriction: str) -> str | None:
    """The list with one more restriction at its end; None where that would never be asked.

    Args:
        value: the list as it stands in main.cf, which is kept word for word.
        expanded: the same with its $parameters expanded.
        restriction: with its argument.
    """
    last = (words(expanded) or [""])[-1].lower()
    if last in _LAST:
        return None
    if last == "permit":
        # What gets there is permitted, so one more question before it opens nothing.
        match = re.fullmatch(r"(.*?)[\s,]*(permit)[\s,]*", value, re.IGNORECASE | re.DOTALL)
        if match is None:
            return None
        return joined(joined(match[1], restriction), match[2])
    return joined(value, restriction)


def joined(value: str, addition: str) -> str:
    """A list with one more element at its end."""
    if not value:
        return addition
    return f"{value} {addition}" if value.endswith(",") else f"{value}, {addition}"
