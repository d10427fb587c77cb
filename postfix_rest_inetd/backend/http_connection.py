# SPDX-License-Identifier: MIT
"""urllib3's connection class, without the modules that come with it and are never used here.

`import urllib3.connection` loads pools, retries, a client for HTTP/2, the parser for mail, OpenSSL.
A handler lives for one connection, so that would be most of what it does and holds. Of all that, a
connection that is given its socket and its class for responses (client.py) uses HTTPConnection of
urllib3 and of http.client, and no more.

So while urllib3.connection is loaded, empty modules take the place of those in LEFT_OUT. Whatever
is asked of an empty module is a class that nobody can make an instance of: should a part that was
left out be needed after all, that is an error (and a temporary one for Postfix), never a wrong
answer. Afterwards the empty modules are taken away: who imports these names gets the real ones.

This depends on the insides of urllib3. So it is done for the versions that the tests have run with,
and if anything goes wrong meanwhile, everything is loaded as usual. For other versions, and with
POSTFIX_REST_INETD_PLAIN_IMPORT=1 in the environment, it is not tried. The tests run both ways.

Until the first reply, a handler on Debian 13 takes 124 million instructions, and 285 without this.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

PLAIN_IMPORT = "POSTFIX_REST_INETD_PLAIN_IMPORT"

OLDEST, NEWEST = (1, 26), (2, 8)

# What is left out, and the millions of instructions that it would cost, all others being left out.
LEFT_OUT = {
    "urllib3.http2": "60 with its probe: it imports importlib.metadata",
    "urllib3.http2.probe": "",
    "urllib3.util.url": "36, for regular expressions",
    "logging": "18",
    "ssl": "17; tls.py imports it where it is needed",
    "email": "16 with its parts",
    "email.errors": "",
    "email.message": "",
    "email.parser": "",
    "urllib3.util.ssl_": "11",
}
# Packages in which modules are loaded, while what their __init__.py imports is not: 36 more.
_HOLLOW = ("urllib3", "urllib3.util")


class LeftOut(Exception):  # noqa: N818 - an exception only to be fit for an `except`
    """Stands for everything in a module that was left out."""

    def __init__(self, *_arguments: object, **_keywords: object) -> None:
        """Refuse."""
        raise NotImplementedError("a part of urllib3 is needed that http_connection.py leaves out")


def http_connection() -> type:
    """urllib3.connection.HTTPConnection."""
    if "urllib3" not in sys.modules and not os.environ.get(PLAIN_IMPORT):
        before = dict(sys.modules)
        try:
            _load()
        except Exception:  # noqa: BLE001 - whatever the reason, there is the usual way
            sys.modules.clear()
            sys.modules.update(before)
    from urllib3.connection import HTTPConnection

    return HTTPConnection


def _load() -> None:
    """Load urllib3.connection and leave it, and urllib3 as a hollow package, in sys.modules.

    Raises:
        Exception: of any kind, when this urllib3 is not what it is taken for.
    """
    place, spec = _find_urllib3()
    empty = {name: _empty(name) for name in LEFT_OUT if name not in sys.modules}
    for name in _HOLLOW:
        empty[name] = type(sys)(name)
        empty[name].__path__ = [place + name.removeprefix("urllib3").replace(".", "/")]
    empty["urllib3"].__spec__ = spec  # it stays, and others may look for it
    for name, module in empty.items():
        package, _, short = name.rpartition(".")
        if package in empty:
            setattr(empty[package], short, module)
    sys.modules.update(empty)
    try:
        from urllib3._version import __version__

        if not OLDEST <= tuple(map(int, __version__.split(".")[:2])) <= NEWEST:
            raise NotImplementedError(__version__)
        from urllib3.util import request

        vars(empty["urllib3.util"]).update(
            SKIP_HEADER=request.SKIP_HEADER, SKIPPABLE_HEADERS=request.SKIPPABLE_HEADERS
        )
        import urllib3.connection  # noqa: F401
    finally:
        for name in empty:
            if name != "urllib3":
                del sys.modules[name]


def _find_urllib3() -> tuple[str, ModuleSpec]:
    """Its directory, and what else the import system knows of it."""
    for finder in sys.meta_path:
        spec = finder.find_spec("urllib3", None)
        if spec is not None and spec.submodule_search_locations:
            return spec.submodule_search_locations[0], spec
    raise NotImplementedError("it is not where packages are")


def _empty(name: str) -> ModuleType:
    """A module in which everything is LeftOut; loggers can be made, but not be used."""

    def attribute(wanted: str) -> object:
        if wanted.startswith("__"):
            raise AttributeError(wanted)
        return (lambda _name: None) if wanted == "getLogger" else LeftOut

    module = type(sys)(name)
    module.__path__ = []
    vars(module)["__getattr__"] = attribute
    return module
