# SPDX-License-Identifier: MIT
"""json.loads without regular expressions: for who starts a process just to read one file.

json.decoder has a regular expression that skips white space between values; importing re costs 22
million instructions, as much as starting the interpreter. The scanner that json is built on is in C
and needs none of it. It is used here for good documents only: on any difficulty json itself is
loaded, and either reads the document or says what is wrong with it. So there is no second grammar.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Hook = Callable[[list[tuple[str, object]]], object]

_WHITE_SPACE = " \t\n\r"  # RFC 8259 section 2


def loads(text: str, object_pairs_hook: Hook) -> object:
    """Read a document. NaN and the infinities, which json.loads takes, are errors.

    Raises:
        ValueError: it is not JSON (json.JSONDecodeError where json knows the place).
        RecursionError: it is nested too deeply.
    """
    try:
        from _json import make_scanner

        document = text.strip(_WHITE_SPACE)
        value, end = make_scanner(_Context(object_pairs_hook))(document, 0)  # type: ignore[arg-type]
        if end == len(document):
            return value
    except (ImportError, StopIteration, ValueError, TypeError, AttributeError, SystemError):
        pass  # SystemError: Python 3.11 wants to raise json's own error and finds no json
    import json

    return json.loads(text, object_pairs_hook=object_pairs_hook, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


class _Context:
    """What the scanner reads its settings from, as from a json.JSONDecoder."""

    strict = True
    object_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse)

    def __init__(self, object_pairs_hook: Hook) -> None:
        self.object_pairs_hook = object_pairs_hook
