# SPDX-License-Identifier: MIT
"""What Postfix makes of a reply."""

from __future__ import annotations

from typing import NamedTuple


class ReplyError(ValueError):
    """It is no reply that Postfix could use; the text says why and repeats nothing of it."""


class Answer(NamedTuple):
    """What Postfix understands: one of the REPLY_ kinds, and the text, decoded."""

    kind: str
    word: str
    text: bytes
