# SPDX-License-Identifier: MIT
"""Postfix's lists of restrictions: what comes before the relay check, and where a new one belongs.

The relay check keeps strangers from sending mail to any destination through this server. It is in
smtpd_relay_restrictions or, if that is empty as before Postfix 2.10, in
smtpd_recipient_restrictions (postconf(5)). A `reject` in a list before these keeps strangers out as
well; master.cf often has one for submission. A permission ends only the list that contains it, and
a stranger has to pass every list. So a table or policy service that is asked before the relay check
can open the relay if no other list keeps strangers out. At the end of a list it cannot, because
mail that comes that far would be permitted anyway.

All functions are pure; values are what postconf(1) shows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.host.tokens import words

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

RELAY = "smtpd_relay_restrictions"
RECIPIENT = "smtpd_recipient_restrictions"
# In the order of smtpd(8). A stranger's mail to other destinations has to pass all of them.
LISTS = (
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    RELAY,
    RECIPIENT,
)
# smtpd_check.c, "specify at least one working instance of".
_RELAY_CHECKS = frozenset(
    ("reject_unauth_destination", "defer_unauth_destination", "reject", "defer")
)
_LAST = ("reject", "defer")
_ENDS = ("permit", *_LAST)
_NOT_IN_FORCE = "warn_if_reject"
_BETWEEN = re.compile(r"[\s,{}]+")


def flattened(value: str, classes: Mapping[str, str]) -> list[str]:
    """The elements of a list, with those of a restriction class in place of its name."""
    found: list[str] = []
    for word in words(value):
        if word in classes:
            others = {name: inner for name, inner in classes.items() if name != word}
            found += flattened(classes[word], others)
        else:
            found.append(word)
    return found


def can_open_relay(lists: Mapping[str, list[str]], permitting: Collection[str]) -> list[str]:
    """The lists in which a permission of PERMITTING lets strangers relay.

    None if another list keeps strangers out whatever `permitting` answers. Without any relay check,
    Postfix takes such a permission for one.

    Args:
        lists: those of LISTS that an smtpd has, as flattened() gives them.
        permitting: tables and policy services that may all answer OK.
    """
    if any(_keeps_strangers_out(name, lists[name], permitting) for name in lists):
        return []
    asking = [name for name in lists if any(asks(e, permitting) for e in lists[name])]
    opened = [name for name in asking if _keeps_strangers_out(name, lists[name], ())]
    return opened or [name for name in asking if name in (RELAY, RECIPIENT)]


def comes_first(name: str, elements: list[str], asked: str) -> bool:
    """Does a list ask ASKED, a table or a policy service, before its relay check or without one?"""
    stands_there = any(asks(element, (asked,)) for element in elements)
    return stands_there and not _keeps_strangers_out(name, elements, (asked,))


def _keeps_strangers_out(name: str, elements: list[str], permitting: Collection[str]) -> bool:
    """Is the relay check of a list reached, although all of PERMITTING answer OK?"""
    # The other lists are not about recipients: there, a plain rejection is what counts.
    checks = _RELAY_CHECKS if name in (RELAY, RECIPIENT) else _LAST
    before = ""
    for element in elements:
        word = element.lower()
        if word in checks and before != _NOT_IN_FORCE:
            return True
        if word == "permit" or asks(element, permitting):
            return False
        before = word
    return False


def after_its_end(elements: list[str]) -> tuple[str, list[str]]:
    """The element that decides about every mail, and those behind it; "" and none without one."""
    before = ""
    for number, element in enumerate(elements):
        if element.lower() in _ENDS and before != _NOT_IN_FORCE:
            return element, elements[number + 1 :]
        before = element.lower()
    return "", []


def are_closed(lists: Mapping[str, list[str]]) -> bool:
    """Does one of the lists refuse everybody whom it does not permit, as for submission?"""
    return any(after_its_end(lists[name])[0].lower() in _LAST for name in lists)


def asks(element: str, texts: Collection[str]) -> bool:
    """Is an element one of these tables or policy services, or does it contain one in braces?"""
    return not set(texts).isdisjoint(_BETWEEN.split(element))


def added(value: str, expanded: str, restriction: str) -> str | None:
    """The list with one more restriction at its end; None if that would never be evaluated.

    Args:
        value: the list in main.cf, which is kept word for word.
        expanded: the same with its $parameters and restriction classes expanded.
        restriction: with its argument.
    """
    last = (words(expanded) or [""])[-1].lower()
    if last in _LAST:
        return None
    if last == "permit":
        # Mail that gets there is permitted, so one more restriction before it opens nothing.
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
