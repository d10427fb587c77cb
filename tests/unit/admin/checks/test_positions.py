# SPDX-License-Identifier: MIT
"""Lines and columns of JSON paths: wherever the text is, and whatever it looks like."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from harness.wire import table
from postfix_rest_inetd.admin.checks.positions import Position, find, syntax_error

DOCUMENT = """{
  "user-agent": "a \\"b\\" {",
\t"endpoints": [ {"name": "x"},
    {
      "a.b": [1, -2.5e3, true , null], "na\\u006de": {}, "x": [] , "x":[[]]
    }]
}"""

PLACES = {
    "the whole": ("$", (1, 1)),
    "a key": ("$.user-agent", (2, 3)),
    "a tab is a column": ("$.endpoints", (3, 2)),
    "an element": ("$.endpoints[0]", (3, 17)),
    "in an element": ("$.endpoints[0].name", (3, 18)),
    "on another line": ("$.endpoints[1]", (4, 5)),
    "a key that is no word": ('$.endpoints[1]["a.b"]', (5, 7)),
    "an element of it": ('$.endpoints[1]["a.b"][3]', (5, 33)),
    "a key with an escape": ("$.endpoints[1].name", (5, 40)),
    "the last of two": ("$.endpoints[1].x", (5, 67)),
    "in the last of two": ("$.endpoints[1].x[0]", (5, 72)),
    "a missing key is its object's": ("$.endpoints[0].mode", (3, 17)),
    "a missing key of the whole": ("$.nothing", (1, 1)),
}


@pytest.mark.parametrize("path, place", table(PLACES))
def test_places(path, place):
    """Each path leads to where its key, or its element, begins; with a byte order mark too."""
    json.loads(DOCUMENT)
    for mark in ("", "\ufeff"):
        assert find((mark + DOCUMENT).encode(), [path]) == {path: Position(*place)}


def test_parts_of_a_field():
    """A URL of several targets, a member of cache, and one that is misspelt have their own."""
    lines = ('{"endpoints": [{"target": ["x",', '  "y"],', ' "cache": {"max-age": 1, "x y": 2}}]}')
    paths = {
        "$.endpoints[0].target[1]": Position(2, 3),
        "$.endpoints[0].cache.max-age": Position(3, 12),
        '$.endpoints[0].cache["x y"]': Position(3, 26),
    }
    assert find("\n".join(lines).encode(), list(paths)) == paths


def test_columns_are_characters():
    """Characters are counted, not bytes."""
    assert find('{"é€": 1, "x": 2}'.encode(), ["$.x"]) == {"$.x": Position(1, 11)}


def test_long_keys():
    """What is in an object with a long key has no long paths: there could be many of them."""
    content = json.dumps({"x" * 100_000: [{"a": 1}] * 10_000, "y": 2}).encode()
    tracemalloc.start()
    try:
        assert find(content, ["$.y"]) == {"$.y": Position(1, content.index(b'"y"') + 1)}
        assert tracemalloc.get_traced_memory()[1] < 20 * 1024 * 1024
    finally:
        tracemalloc.stop()


NO_PLACE = {
    "no file": (None,),
    "no JSON": (b'{"a": [1,}',),
    "an object that ends early": (b'{"a": 1',),
    "no UTF-8": (b'{"a": "\xff"}',),
    "nested too deeply": (b"[" * 100_000 + b"]" * 100_000,),
}


@pytest.mark.parametrize("content", table(NO_PLACE))
def test_no_place(content):
    """What cannot be read has no places, and is no error here."""
    if isinstance(content, tuple):
        (content,) = content
    assert find(content, ["$.a"]) == {}


SYNTAX = {
    "a comma is missing": (b'{"a": 1\n "b": 2}', (2, 2)),
    "not UTF-8": (b'{"a":\n "\xc3\xa9\xff"}', (2, 4)),
    "nothing": (b"", (1, 1)),
    "nothing wrong": (b"[]", None),
    "no file": (None, None),
}


@pytest.mark.parametrize("content, place", table(SYNTAX))
def test_syntax_error(content, place):
    """Where the document stops being one."""
    assert syntax_error(content) == (place and Position(*place))
