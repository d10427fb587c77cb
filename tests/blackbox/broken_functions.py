# SPDX-License-Identifier: MIT
"""Handlers with a bug in them: one function of the package raises what nobody expects.

The handler runs as ever, but its interpreter first replaces the function, by `python -c`. The error
holds whatever text the test gives, in its message, in its cause and in its notes, as a careless
exception of a library might hold a request, a header or a password.
"""

from __future__ import annotations

import json

_CODE = """
import importlib, json, runpy, sys
module, path, text = json.loads({arguments!r})
owner = importlib.import_module(module)
*outer, name = path.split(".")
for part in outer:
    owner = getattr(owner, part)
def broken(*_arguments, **_keywords):
    try:
        raise KeyError(text)
    except KeyError as cause:
        error = RuntimeError(text, text.encode())
        error.add_note(text)
        raise error from cause
setattr(owner, name, broken)
sys.argv[0] = "postfix_rest_inetd"
runpy.run_module("postfix_rest_inetd", run_name="__main__", alter_sys=True)
"""


def broken_function(module: str, path: str, text: str = "") -> tuple[str, str]:
    """The interpreter's arguments for a handler in which MODULE's PATH raises TEXT."""
    arguments = json.dumps([f"postfix_rest_inetd.{module}", path, text])
    return "-c", _CODE.format(arguments=arguments)


_SLOW_CODE = """
import importlib, json, runpy, sys, time
module, name, seconds = json.loads({arguments!r})
owner = importlib.import_module(module)
function = getattr(owner, name)
def slow(*arguments, **keywords):
    time.sleep(seconds)
    return function(*arguments, **keywords)
setattr(owner, name, slow)
sys.argv[0] = "postfix_rest_inetd"
runpy.run_module("postfix_rest_inetd", run_name="__main__", alter_sys=True)
"""


def slow_function(module: str, name: str, seconds: float) -> tuple[str, str]:
    """The interpreter's arguments for a handler in which MODULE's NAME takes SECONDS longer."""
    arguments = json.dumps([f"postfix_rest_inetd.{module}", name, seconds])
    return "-c", _SLOW_CODE.format(arguments=arguments)


_CONSTANT_CODE = """
import importlib, json, runpy, sys
module, name, value = json.loads({arguments!r})
setattr(importlib.import_module(module), name, value)
sys.argv[0] = "postfix_rest_inetd"
runpy.run_module("postfix_rest_inetd", run_name="__main__", alter_sys=True)
"""


def other_constant(module: str, name: str, value: float) -> tuple[str, str]:
    """The interpreter's arguments for a handler in which MODULE's NAME is VALUE."""
    arguments = json.dumps([f"postfix_rest_inetd.{module}", name, value])
    return "-c", _CONSTANT_CODE.format(arguments=arguments)


def without_module(name: str) -> tuple[str, str]:
    """The interpreter's arguments for a handler that finds no module NAME."""
    return "-c", (
        f"import runpy, sys; sys.modules[{name!r}] = None; sys.argv[0] = 'postfix_rest_inetd'; "
        "runpy.run_module('postfix_rest_inetd', run_name='__main__', alter_sys=True)"
    )


PLACES = [
    ("config.loading", "parse"),
    ("config.credentials", "auth_token_of"),
    ("backend.client", "Client"),
    ("backend.client", "Client.ask"),
    ("verdict", "of_response"),
    ("log_entry", "of_request"),
    ("protocols.tcp_table", "Decoder.next_request"),
]
"""A function for each stage of a request on a tcp-lookup connection."""
