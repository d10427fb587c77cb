# SPDX-License-Identifier: MIT
"""Stands in for a handler and uses the store of answers as it is told, one order for a connection.

`put`, `look`, or `boot`; the reply is one line.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing

from postfix_rest_inetd.__main__ import _cache_directory
from postfix_rest_inetd.cache.clock import now
from postfix_rest_inetd.cache.record import StoredAnswer
from postfix_rest_inetd.cache.store import Store

DIGEST = "00" * 20
MAC_KEY = b"m" * 32


def reply_to(order: str) -> str:
    """Do what the client wants."""
    if order == "boot":
        return now().boot_id.decode() or "unknown"
    directory = _cache_directory({})
    if directory is None:
        return "no directory"
    store = Store(directory, "tcp-lookup.probe", 10000, 2**26)
    with closing(store.look(DIGEST, MAC_KEY)) as look:
        if order == "put":
            answer = StoredAnswer(
                b"k", None, 200, b"[]", stored=now(), lifetime_sec=600, stale_sec=60, age_sec=0
            )
            found = "stored" if store.put(look, answer) else "not stored"
        else:
            found = "nothing" if look.record is None else look.record.use_at(now())[0]
    return f"{found} {store.problem}".strip()


if __name__ == "__main__":
    sys.stdout.write(reply_to(os.read(0, 100).decode().strip()) + "\n")
