# SPDX-License-Identifier: MIT
"""urllib3's connection class, without the modules that come with it and are not used here.

`import urllib3.connection` loads pools, retries, a client for HTTP/2, the parser for mail, and
OpenSSL. A handler lives for one connection, and would spend most of its time and memory on that.
Our connection gets its socket and its response class from client.py. Apart from these, it uses
HTTPConnection of urllib3 and of http.client.

So while urllib3.connection is loaded, empty modules replace those in LEFT_OUT. Each attribute of an
empty module is a class that has no instances. If a part that was left out is needed after all, the
result is an error, which is temporary for Postfix, and never a wrong answer. Afterwards the empty
modules are removed, and an import of these names loads the real modules.

This depends on internals of urllib3. It is done for the versions that the tests have run with. If
it fails, everything is loaded as usual. For other versions, and with
POSTFIX_REST_INETD_PLAIN_IMPORT=1 in the environment, it is not tried. The tests run both ways.

Until its first reply, a handler on Debian 13 takes 117 million instructions, and 285 without this;
with Python 3.14, which loads more for typing and urllib3, it takes 106.
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

# The modules that are left out, and what each would cost in millions of instructions if it alone
# were loaded.
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
    "urllib3.util.ssl_match_hostname": "5; it imports ipaddress",
    "urllib3._collections": "16 with Python 3.14: its typing.Union loads annotationlib and ast",
    "base64": "1",
    "threading": "3",
    "compression": "6 with Python 3.14, for zstd; the others have to be installed",
    "compression.zstd": "",
    "backports": "",
    "backports.zstd": "",
    "brotlicffi": "",
    "zstandard": "",
}
# Packages whose modules are loaded, but not what their __init__.py imports: 36 more.
_HOLLOW = ("urllib3", "urllib3.util")


class LeftOut(Exception):  # noqa: N818 - an exception so that `except` accepts it
    """Replaces every attribute of a module that was left out."""

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
        Exception: of any kind, if this urllib3 differs from those that are known.
    """
    place, spec = _find_urllib3()
    empty = {name: _empty(name) for name in LEFT_OUT if name not in sys.modules}
    for name in _HOLLOW:
        empty[name] = type(sys)(name)
        empty[name].__path__ = [place + name.removeprefix("urllib3").replace(".", "/")]
    empty["urllib3"].__spec__ = spec  # it stays, and other modules may look for it
    for name, module in empty.items():
        package, _, short = name.rpartition(".")
        if package in empty:
            setattr(empty[package], short, module)
    sys.modules.update(empty)
    try:
        from urllib3._version import __version__

        version = tuple(map(int, __version__.split(".")[:2]))
        if not OLDEST <= version <= NEWEST:
            raise NotImplementedError(__version__)
        if version < (2,):
            _load_connection(empty["urllib3.util"])
        else:
            _load_without_named_tuples(empty["urllib3.util"])
    finally:
        for name in empty:
            if name != "urllib3":
                del sys.modules[name]


def _load_connection(hollow: ModuleType) -> None:
    from urllib3.util import request

    vars(hollow).update(
        SKIP_HEADER=request.SKIP_HEADER, SKIPPABLE_HEADERS=request.SKIPPABLE_HEADERS
    )
    import urllib3.connection  # noqa: F401


def _load_without_named_tuples(hollow: ModuleType) -> None:
    """The same, with LeftOut for typing.NamedTuple, as the three classes of that are not used.

    Each annotation would be compiled, and Python 3.14 loads annotationlib and ast for that.
    """
    import typing  # as urllib3 does

    named_tuple = typing.NamedTuple
    vars(typing)["NamedTuple"] = LeftOut
    try:
        _load_connection(hollow)
    finally:
        vars(typing)["NamedTuple"] = named_tuple


def _find_urllib3() -> tuple[str, ModuleSpec]:
    """The directory of urllib3, and its spec for the import system."""
    for finder in sys.meta_path:
        spec = finder.find_spec("urllib3", None)
        if spec is not None and spec.submodule_search_locations:
            return spec.submodule_search_locations[0], spec
    raise NotImplementedError("it is not where packages are")


def _empty(name: str) -> ModuleType:
    """A module whose attributes are LeftOut; a logger can be created, but not used."""

    def attribute(wanted: str) -> object:
        if wanted.startswith("__"):
            raise AttributeError(wanted)
        return (lambda _name: None) if wanted == "getLogger" else LeftOut

    module = type(sys)(name)
    module.__path__ = []
    vars(module)["__getattr__"] = attribute
    return module
