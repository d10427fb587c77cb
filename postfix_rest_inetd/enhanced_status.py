# SPDX-License-Identifier: MIT
"""Enhanced status codes (RFC 3463), as Postfix recognises them."""

from __future__ import annotations

_MAX_DIGITS = 3  # global/dsn_util.h: DSN_DIGS2, DSN_DIGS3


def is_enhanced_status(word: str) -> bool:
    """Is the word an enhanced status code to dsn_valid() in Postfix's global/dsn_util.c?"""
    parts = word.split(".")
    return (
        len(parts) == 3  # class, subject and detail: RFC 3463 section 2
        and parts[0] in ("2", "4", "5")
        and all(len(p) <= _MAX_DIGITS and p.isascii() and p.isdigit() for p in parts[1:])
    )
