# SPDX-License-Identifier: MIT
"""BLAKE2b (RFC 7693) without OpenSSL.

hashlib loads OpenSSL, for 10 million instructions. Python's own module is a thirtieth of that. It
is undocumented but part of every build that is known, also of those of Fedora and RHEL, which leave
most of the others out; if it is missing, hashlib has the same function.
"""

from __future__ import annotations

try:
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

__all__ = ["blake2b"]
