# SPDX-License-Identifier: MIT
"""What handlers need of urllib.parse, which is loaded without ipaddress.

urllib.parse looks at hosts in brackets with ipaddress, since Python 3.11.4, and at nothing else.
For a handler on Debian 13, that module is 4 of the 26 million instructions of urllib.parse. So
while urllib.parse is loaded, a module takes its place that loads the real one with its first use.
"""

from __future__ import annotations

import sys

if "urllib.parse" not in sys.modules and "ipaddress" not in sys.modules:

    def _attribute(name: str) -> object:
        import ipaddress

        return getattr(ipaddress, name)

    sys.modules["ipaddress"] = type(sys)("ipaddress")
    vars(sys.modules["ipaddress"])["__getattr__"] = _attribute
    try:
        import urllib.parse  # noqa: F401 - loaded here, used below
    finally:
        del sys.modules["ipaddress"]

from urllib.parse import quote, quote_from_bytes, unquote_to_bytes, urlsplit

__all__ = ("quote", "quote_from_bytes", "unquote_to_bytes", "urlsplit")
