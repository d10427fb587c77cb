# SPDX-License-Identifier: MIT
"""A reply as Postfix understands it."""

from __future__ import annotations

from typing import NamedTuple


class ReplyError(ValueError):
    """Postfix cannot use a reply; the text says why, and does not repeat any part of it."""


class Answer(NamedTuple):
    """One of the REPLY_ kinds, and the decoded text."""

    kind: str
    word: str
    text: bytes
