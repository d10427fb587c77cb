# SPDX-License-Identifier: MIT
"""What a handler needs of urllib.parse, without `ipaddress`, which most URLs do not need.

urllib.parse uses `ipaddress` only for a host in brackets. To load it takes 4.5 of the 122 million
instructions of a handler until its first reply. So another module has its name while urllib.parse
is loaded, and loads the real one as soon as an attribute of it is wanted (PEP 562).
"""

from __future__ import annotations

import sys

_NAME = "ipaddress"


def _load() -> None:
    if _NAME in sys.modules:
        return

    def attribute(wanted: str) -> object:
        import ipaddress

        return getattr(ipaddress, wanted)

    module = type(sys)(_NAME)
    vars(module)["__getattr__"] = attribute
    sys.modules[_NAME] = module
    try:
        import urllib.parse  # noqa: F401
    finally:
        del sys.modules[_NAME]


_load()

from urllib.parse import quote, quote_from_bytes, unquote_to_bytes, urlsplit  # noqa: E402

__all__ = ["quote", "quote_from_bytes", "unquote_to_bytes", "urlsplit"]
