# SPDX-License-Identifier: MIT
"""From the values of a lookup's 200 to the reply: joining, encoding, length.

Bodies without values are in backend/faults/table.py.
"""

from __future__ import annotations

import json

import pytest
from blackbox.support import INVALID, NOT_FOUND, netstring

from harness.modes import LOOKUPS, SOCKETMAP, TCP
from harness.scripted_backend import answer

VALUES = [
    ("white space around the document", b' \r\n\t["a"]\n', b"a", b"a"),
    ("white space inside the document", b'[ "a" , "b" ]', b"a,b", b"a,b"),
    ("the same value twice", b'["a","a"]', b"a,a", b"a,a"),
    ("an empty value first", b'["", "a"]', b",a", b",a"),
    ("an empty value last", b'["a", ""]', b"a,", b"a,"),
    ("white space in and around a value", b'[" a b "]', b"%20a%20b%20", b" a b "),
    ("a separator in a value", b'["a,b","c"]', b"a,b,c", b"a,b,c"),
    ("a percent sign", b'["100%"]', b"100%25", b"100%"),
    ("what looks encoded", b'["a%20b"]', b"a%2520b", b"a%20b"),
    ("a plus", b'["a+b"]', b"a+b", b"a+b"),
    ("ASCII punctuation stays", b'["!#$&\'()*/:;<=>?@[]^_`{|}~"]', b"!#$&'()*/:;<=>?@[]^_`{|}~",
     b"!#$&'()*/:;<=>?@[]^_`{|}~"),
    ("a quote and a backslash", b'["\\"\\\\"]', b'"\\', b'"\\'),
    ("a newline", b'["a\\nb"]', b"a%0Ab", b"a\nb"),
    ("a carriage return and a tab", b'["a\\r\\tb"]', b"a%0D%09b", b"a\r\tb"),
    ("controls and DEL", b'["\\u0001\\u007f"]', b"%01%7F", b"\x01\x7f"),
    ("UTF-8", '["grüße"]'.encode(), b"gr%C3%BC%C3%9Fe", "grüße".encode()),
    ("the same, escaped", b'["gr\\u00fc\\u00dfe"]', b"gr%C3%BC%C3%9Fe", "grüße".encode()),
    ("a surrogate pair", b'["\\ud83d\\ude00"]', b"%F0%9F%98%80", "😀".encode()),
    ("U+FFFD and U+2028", '["\ufffd\u2028"]'.encode(), b"%EF%BF%BD%E2%80%A8",
     "\ufffd\u2028".encode()),
]  # fmt: skip


@pytest.mark.parametrize(
    "body, tcp, socketmap", [c[1:] for c in VALUES], ids=[c[0] for c in VALUES]
)
def test_values(lanes, body, tcp, socketmap):
    """Values are joined untouched; tcp encodes what tcp_table(5) asks for, lengths count bytes."""
    assert lanes.get(TCP).ask(answer(200, body)) == b"200 " + tcp + b"\n"
    expected = netstring(b"OK " + socketmap)
    assert lanes.get(SOCKETMAP).ask(answer(200, body)) == expected


SEPARATORS = [
    ("the default", {}, b"a,b"),
    ("null is the default", {"list_separator": None}, b"a,b"),
    ("something else", {"list_separator": "; "}, b"a; b"),
    ("nothing", {"list_separator": ""}, b"ab"),
    ("not ASCII", {"list_separator": "→"}, "a→b".encode()),
    ("a newline", {"list_separator": "\n"}, b"a\nb"),
]


@pytest.mark.parametrize(
    "keys, joined", [c[1:] for c in SEPARATORS], ids=[c[0] for c in SEPARATORS]
)
def test_list_separator(lanes, keys, joined):
    """`list-separator` stands between the values, and only between them."""
    lane = lanes.get(SOCKETMAP, **keys)
    assert lane.ask(answer(200, b'["a","b"]')) == netstring(b"OK " + joined)
    assert lane.ask(answer(200, b'["a"]')) == netstring(b"OK a")


NOTHING_LEFT = [
    ("joined by nothing", {"list_separator": ""}, b'["",""]'),
    ("joined by a comma", {}, b'["",""]'),
    ("joined by something else", {"list_separator": "; "}, b'["", ""]'),
    ("a blank", {}, b'[" "]'),
    ("a tab", {}, b'["\\t"]'),
    ("a comma", {}, b'[","]'),
    ("blanks and line ends", {}, b'["\\r\\n", " ", "\\f\\u000b"]'),
]


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize(
    "keys, body", [c[1:] for c in NOTHING_LEFT], ids=[c[0] for c in NOTHING_LEFT]
)
def test_nothing_left_when_joined(lanes, mode, keys, body):
    """Blanks and separators alone are nothing: on a list of none Postfix would accept the mail."""
    assert lanes.get(mode, **keys).ask(answer(200, body)) == NOT_FOUND[mode]


# -- the largest replies

LIMITS = [
    ("tcp, ASCII", TCP, "x", 4096 - len(b"200 \n"), 1),
    ("tcp, three bytes for each space", TCP, " ", (4096 - len(b"200 \n")) // 3, 3),
    ("tcp, six bytes for each umlaut", TCP, "ü", (4096 - len(b"200 \n")) // 6, 6),
    ("socketmap, ASCII", SOCKETMAP, "x", 100_000 - len(b"OK "), 1),
    ("socketmap, two bytes for each umlaut", SOCKETMAP, "ü", (100_000 - len(b"OK ")) // 2, 2),
]


@pytest.mark.parametrize(
    "mode, character, count, size", [c[1:] for c in LIMITS], ids=[c[0] for c in LIMITS]
)
def test_the_largest_reply(lanes, mode, character, count, size):
    """4096 bytes with the newline, 100 000 bytes of payload: one byte more is invalid data."""
    limit = {TCP: 4096, SOCKETMAP: 100_000}[mode]
    overhead = {TCP: len(b"200 \n"), SOCKETMAP: len(b"OK ")}[mode]
    fill = "x" * (limit - overhead - count * size)
    lane = lanes.get(mode)
    largest = lane.ask(answer(200, json.dumps([fill + character * count]).encode()))
    length = len(largest) if mode == TCP else int(largest.partition(b":")[0])
    assert length == limit
    assert largest.startswith({TCP: b"200 ", SOCKETMAP: b"100000:OK "}[mode])
    over = lane.ask(answer(200, json.dumps(["x" + fill + character * count]).encode()))
    assert over == INVALID[mode]


@pytest.mark.parametrize("mode", LOOKUPS)
def test_many_values_over_the_limit(lanes, mode):
    """A long list is over the limit as a long value is."""
    body = json.dumps(["value"] * 50_000).encode()
    assert lanes.get(mode).ask(answer(200, body)) == INVALID[mode]
