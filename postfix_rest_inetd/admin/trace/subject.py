# SPDX-License-Identifier: MIT
"""What the operator looks for: a queue id, an address or Message-ID, or a request id.

A queue id is short (`3F2A81C0D5`) or long (`4dCkzq1RVQz1y`): postconf(5), enable_long_queue_ids. A
request id (answering.py) is 32 digits, in lower case.
"""

from __future__ import annotations

import re
from typing import NamedTuple

QUEUE_ID, ADDRESS, REQUEST_ID = "queue-id", "address", "request-id"

# A long queue id has no vowels: global/mail_queue.h.
QUEUE_ID_PATTERN = "[0-9A-F]{6,}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,}"

_REQUEST_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_QUEUE_ID = re.compile(QUEUE_ID_PATTERN, re.ASCII)


class Subject(NamedTuple):
    """One of the kinds above, and the text without angle brackets."""

    kind: str
    text: str


def parse(text: str) -> Subject:
    """The subject that a text names.

    Raises:
        ValueError: it is none of them; the error says what is expected.
    """
    text = text.strip().removeprefix("<").removesuffix(">")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{text!r} is not UTF-8")
    if "@" in text:
        return Subject(ADDRESS, text)
    if _REQUEST_ID.fullmatch(text):
        return Subject(REQUEST_ID, text)
    if _QUEUE_ID.fullmatch(text):
        return Subject(QUEUE_ID, text)
    raise ValueError(f"{text!r} is neither a queue id, nor an address, nor a request id")


def keys_of(addresses: set[str]) -> set[str]:
    """The keys of lookups that can be about these addresses: they themselves, and their domains.

    Postfix looks up only whole addresses and names in such tables (ask/keys.py), mostly in lower
    case.
    """
    keys = {part for address in addresses for part in (address, address.rpartition("@")[2])}
    return {form for key in keys if key for form in (key, key.lower())}
