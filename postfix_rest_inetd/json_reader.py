# SPDX-License-Identifier: MIT
"""json.loads without regular expressions, for a process that starts to read one or two documents.

json compiles several regular expressions when it is loaded, and importing re alone costs 22 million
instructions, as much as starting the interpreter. The scanner in C that json is built on needs none
of them. It is used here directly, but only its successes count: on any failure, json itself is
loaded, and either reads the document or says what is wrong with it. So there is no second grammar.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Hook = Callable[[list[tuple[str, object]]], object]
    Scanner = Callable[[str, int], tuple[object, int]]

_WHITE_SPACE = " \t\n\r"  # RFC 8259 section 2

# For documents without a hook of their own, which are the bodies of responses; by parse_constant.
_scanners: dict[object, Scanner] = {}


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a JSON number")


def loads(
    text: str, object_pairs_hook: Hook, parse_constant: Callable[[str], float] = _refuse
) -> object:
    """Read a document. NaN and the infinities are errors, unless `parse_constant` is float.

    Raises:
        ValueError: it is not JSON (json.JSONDecodeError where json knows the place).
        RecursionError: it is nested too deeply.
    """
    try:
        document = text.strip(_WHITE_SPACE)
        scan = _scanners.get(parse_constant) if object_pairs_hook is dict else None
        if scan is None:
            scan = _scanner(object_pairs_hook, parse_constant)
        value, end = scan(document, 0)
        if end == len(document):
            return value
    except (ImportError, StopIteration, ValueError, TypeError, AttributeError, SystemError):
        pass  # SystemError: Python 3.11 cannot raise json's own error while json is not loaded
    import json

    return json.loads(text, object_pairs_hook=object_pairs_hook, parse_constant=parse_constant)


def _scanner(object_pairs_hook: Hook, parse_constant: Callable[[str], float]) -> Scanner:
    from _json import make_scanner

    context = _Context(object_pairs_hook, parse_constant)
    scan = make_scanner(context)  # type: ignore[arg-type]
    if object_pairs_hook is dict:
        _scanners[parse_constant] = scan
    return scan


class Object(dict[str, object]):
    """A JSON object that remembers the names that appeared in it more than once."""

    __slots__ = ("repeated",)

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        """Create it from pairs, as an object_pairs_hook does."""
        super().__init__(pairs)
        self.repeated = [] if len(self) == len(pairs) else _repeated(pairs)


def _repeated(pairs: list[tuple[str, object]]) -> list[str]:
    seen: set[str] = set()
    repeated = []
    for name, _ in pairs:
        if name in seen:
            repeated.append(name)
        seen.add(name)
    return repeated


class _Context:
    """The settings of the scanner, in place of a json.JSONDecoder."""

    strict = True
    object_hook = None
    parse_float = float
    parse_int = int

    def __init__(self, object_pairs_hook: Hook, parse_constant: Callable[[str], float]) -> None:
        self.object_pairs_hook = object_pairs_hook
        self.parse_constant = parse_constant
