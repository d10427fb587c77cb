# SPDX-License-Identifier: MIT
"""Finds lists of restrictions in texts that a reader may copy, and whether they open a relay.

`offences(text)` finds each `smtpd_…_restrictions = …`, be it in main.cf, in a command, in a manual
page or in the source of a program that prints it.
"""

from __future__ import annotations

import re

_LIST = re.compile(
    r"(smtpd_(\w+)_restrictions)[ \t]*=(?!=)((?:[^\n]*\n?(?!\n|\.|[A-Za-z_#]\S*[ \t]*=|\S))*[^\n]*)"
)
_OURS = re.compile(r"check_policy_service\b|check_\w+_access\b(?=\s+(?:proxy:)?(?:tcp|socketmap):)")
_RELAY_CHECK = re.compile(r"\b(?:reject|defer)_unauth_destination\b|\b(?:reject|defer)\b(?!_)")
_ADJACENT = re.compile(r"[\"'][ \t]*\n[ \t]*f?[\"']")


def offences(text: str) -> list[str]:
    """The lists in which one of our policy services or tables precedes the relay check.

    In smtpd_relay_restrictions, a list without a relay check counts as well.
    """
    text = _ADJACENT.sub("", text).replace("\\\n", " ")
    found = []
    for parameter, which, value in _LIST.findall(text):
        ours = _OURS.search(value)
        if ours is None:
            continue
        checks = [match.start() for match in _RELAY_CHECK.finditer(value)]
        is_behind = any(place < ours.start() for place in checks)
        if not is_behind and (which == "relay" or checks):
            found.append(f"{parameter} = {' '.join(value.split())}")
    return found


def lists(text: str) -> int:
    """The number of lists that contain one of our policy services or tables."""
    joined = _ADJACENT.sub("", text).replace("\\\n", " ")
    return sum(bool(_OURS.search(value)) for _, _, value in _LIST.findall(joined))
