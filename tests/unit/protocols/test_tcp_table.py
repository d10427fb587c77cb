# SPDX-License-Identifier: MIT
"""The codec of tcp_table(5): which lines are requests, and the exact bytes of replies."""

from __future__ import annotations

import pytest

from harness.wire import Seen, in_every_partition, in_two_pieces, run, table, whole
from postfix_rest_inetd import model
from postfix_rest_inetd.errors import InvalidDataError
from postfix_rest_inetd.protocols import tcp_table

LIMIT = 320 * 1024
"""What the longest line may measure with its newline."""

NO_COMMAND = "it does not begin with 'get '"
RAW = "it has a blank, a control or an 8-bit character that is not encoded as %XX"
BAD_ESCAPE = "it has a % that is not followed by the two hexadecimal digits of a character"
TOO_LONG = f"it is longer than {LIMIT} bytes"
CUT = "the connection ended in the middle of it"

GOOD = {
    "an ordinary key": (b"get a@example.org\n", b"a@example.org"),
    "postmap -q with an empty key": (b"get \n", b""),
    "upper case hex as Postfix sends it": (b"get a%20b%25c%C3%A9\n", b"a b%c\xc3\xa9"),
    "lower case hex": (b"get a%2fb%c3\n", b"a/b\xc3"),
    "both ends of the digits": (b"get %09%90%aF%Fa\n", b"\x09\x90\xaf\xfa"),
    "an escape decoded once only": (b"get %2541\n", b"%41"),
    "a newline within the key": (b"get %0A\n", b"\n"),
    "the lowest octet that may be encoded": (b"get %01\n", b"\x01"),
    "the highest": (b"get %FF\n", b"\xff"),
    "printable characters are literal": (b'get !~+&=/"#?;\n', b'!~+&=/"#?;'),
    "a key that is a command": (b"get get%20x\n", b"get x"),
    "the longest line": (b"get " + b"k" * (LIMIT - 5) + b"\n", b"k" * (LIMIT - 5)),
}

BAD = {
    "put is never sent by Postfix": (b"put k v\n", NO_COMMAND),
    "an empty line": (b"\n", NO_COMMAND),
    "no space": (b"get\n", NO_COMMAND),
    "commands are lower case": (b"GET k\n", NO_COMMAND),
    "a longer word": (b"gets k\n", NO_COMMAND),
    "a blank before the command": (b" get k\n", NO_COMMAND),
    "a netstring": (b"5:m key,", NO_COMMAND),
    "an HTTP request": (b"GET / HTTP/1.1\r\n", NO_COMMAND),
    "a wrong first byte is refused before any newline": (b"x", NO_COMMAND),
    "two spaces": (b"get  k\n", RAW),
    "a blank in the key": (b"get a b\n", RAW),
    "a tab": (b"get a\tb\n", RAW),
    "a carriage return before the newline": (b"get k\r\n", RAW),
    "a raw NUL": (b"get a\0b\n", RAW),
    "a raw delete character": (b"get \x7f\n", RAW),
    "a raw 8-bit octet": (b"get \x80\n", RAW),
    "raw UTF-8": (b"get \xc3\xa9\n", RAW),
    "an encoded NUL": (b"get a%00b\n", BAD_ESCAPE),
    "a percent sign alone": (b"get %\n", BAD_ESCAPE),
    "one digit": (b"get a%4\n", BAD_ESCAPE),
    "a digit that is none": (b"get %4g\n", BAD_ESCAPE),
    "no digit first": (b"get %g4\n", BAD_ESCAPE),
    "int() would take this": (b"get %+1\n", BAD_ESCAPE),
    "a percent sign for itself": (b"get %%25\n", BAD_ESCAPE),
    "a bad escape behind a good one": (b"get %41%zz\n", BAD_ESCAPE),
    "one byte over the limit": (b"get " + b"k" * (LIMIT - 4) + b"\n", TOO_LONG),
    "a line without end": (b"get " + b"k" * (LIMIT - 4), TOO_LONG),
}

CUT_OFF = {
    "the command": (b"get",),
    "a space and nothing else": (b"get ",),
    "a key": (b"get k",),
    "an escape": (b"get %4",),
    "all but the newline": (b"get " + b"k" * (LIMIT - 5),),
}


@in_every_partition
@pytest.mark.parametrize("line, key", table(GOOD))
def test_request(line, key, partition):
    """A line of the grammar is a request for the decoded key, and has no map name."""
    assert run(tcp_table.Decoder(), partition(line)) == Seen([(None, key)])


@in_every_partition
@pytest.mark.parametrize("line, key", table(GOOD))
def test_request_with_trailing_bytes(line, key, partition):
    """What stands behind a request is the next one, and the start of one is kept."""
    seen = run(tcp_table.Decoder(), partition(line + b"get next\nge"), end=False)
    assert seen == Seen([(None, key), (None, b"next")])


def test_requests_in_two_pieces():
    """Wherever a stream is cut, the requests in it are the same."""
    expected = Seen([(None, b"first%"), (None, b""), (None, b"a third one"), (None, b"4")])
    for pieces in in_two_pieces(b"get first%25\nget \nget a%20third%20one\nget 4\n"):
        assert run(tcp_table.Decoder(), pieces) == expected


@pytest.mark.parametrize("form", [b"get %%%c0\n", b"get %%4%c\n"], ids=["first", "second"])
def test_hexadecimal_digits(form):
    """Of all octets the hexadecimal digits, in both cases, make an escape, and no other does."""
    made = [
        octet for octet in range(0x21, 0x7F) if run(tcp_table.Decoder(), [form % octet]).requests
    ]
    digits = b"0123456789ABCDEFabcdef"
    assert bytes(made) == (digits[1:] if b"%c0" in form else digits)


@in_every_partition
@pytest.mark.parametrize("line, reason", table(BAD))
@pytest.mark.parametrize("trailing", [b"", b"get k\n"], ids=["alone", "trailing"])
def test_violation(line, reason, trailing, partition):
    """Anything else is a broken request with one text for all, whatever stands behind it."""
    seen = run(tcp_table.Decoder(), partition(line + trailing), end=False)
    assert seen == Seen([], reason, "Broken request!")


@in_every_partition
def test_violation_behind_requests(partition):
    """Requests before a violation are answered first."""
    seen = run(tcp_table.Decoder(), partition(b"get a\nget b\nput c\n"), end=False)
    assert seen == Seen([(None, b"a"), (None, b"b")], NO_COMMAND, "Broken request!")


@in_every_partition
@pytest.mark.parametrize("stream", table(CUT_OFF))
def test_end_inside_a_request(stream, partition):
    """The end of input in the middle of a request breaks it; until then it is pending."""
    decoder = tcp_table.Decoder()
    assert run(decoder, partition(stream), end=False) == Seen([])
    assert decoder.pending
    assert run(decoder, []) == Seen([], CUT, "Broken request!")


def test_end_between_requests():
    """The end of input between requests, or before any, is a good end: nothing is pending."""
    decoder = tcp_table.Decoder()
    assert not decoder.pending
    assert run(decoder, []) == Seen([])
    assert run(decoder, [b"", b"get k\n", b""]) == Seen([(None, b"k")])
    assert not decoder.pending


def test_limit_counts_each_request_anew():
    """The limit is for one line, not for the connection or for what arrives at once."""
    line = b"get " + b"k" * (LIMIT - 5) + b"\n"
    assert len(run(tcp_table.Decoder(), whole(line * 3)).requests) == 3


REPLIES = {
    "a value": (model.REPLY_VALUE, "v1,v2", b"200 v1,v2\n"),
    "not found has a text of its own": (model.REPLY_NOT_FOUND, "", b"500 key%20not%20found\n"),
    "a temporary error": (model.REPLY_TEMPORARY, "try later", b"400 try%20later\n"),
    "a timeout is a temporary error": (model.REPLY_TIMEOUT, "late", b"400 late\n"),
    "there is no permanent error": (model.REPLY_PERMANENT, "no!", b"400 no!\n"),
    "a percent sign": (model.REPLY_VALUE, "100%", b"200 100%25\n"),
    "what looks encoded": (model.REPLY_VALUE, "%41", b"200 %2541\n"),
    "a percent sign in 8-bit text": (model.REPLY_VALUE, "é%", b"200 %C3%A9%25\n"),
    "a line break cannot end the reply": (model.REPLY_VALUE, "a\nb\r", b"200 a%0Ab%0D\n"),
    "a tab": (model.REPLY_VALUE, "a\tb", b"200 a%09b\n"),
    "the first octet that is printable": (model.REPLY_VALUE, "\x1f !", b"200 %1F%20!\n"),
    "the last": (model.REPLY_VALUE, "~\x7f", b"200 ~%7F\n"),
    "characters outside the plane": (model.REPLY_VALUE, "😀", b"200 %F0%9F%98%80\n"),
    "plus and slash stay": (model.REPLY_VALUE, 'a+b/c&d="', b'200 a+b/c&d="\n'),
    "the longest reply": (model.REPLY_VALUE, "v" * 4091, b"200 " + b"v" * 4091 + b"\n"),
}


@pytest.mark.parametrize("kind, text, wire", table(REPLIES))
def test_reply(kind, text, wire):
    """A reply is a code and the text with %XX for exactly what tcp_table(5) names."""
    assert tcp_table.encode(model.Reply(model.FOUND, kind, text)) == wire


@pytest.mark.parametrize(
    "text, length",
    table({"plain": ("v" * 4092, 4097), "only when encoded": ("é" * 682, 5 + 6 * 682)}),
)
def test_reply_over_the_limit(text, length):
    """Postfix takes 4096 bytes with the newline: one more must never be sent."""
    with pytest.raises(InvalidDataError, match=f"would be {length} bytes long"):
        tcp_table.encode(model.Reply(model.FOUND, model.REPLY_VALUE, text))
