# SPDX-License-Identifier: MIT
"""The codec of the policy protocol: which lines make a request, and the exact bytes of replies."""

from __future__ import annotations

import pytest

from harness.wire import Seen, in_every_partition, in_two_pieces, run, table
from postfix_rest_inetd import model
from postfix_rest_inetd.errors import InvalidDataError, ProtocolError
from postfix_rest_inetd.protocols import policy

LIMIT = 512 * 1024
ATTRIBUTES = 1000

NO_EQUALS = "it has a line without '='"
BAD_NAME = "it has an attribute whose name is empty or not printable"
NUL = "it has a NUL in the value of an attribute"
EMPTY = "it has no attribute"
TOO_LONG = f"it is longer than {LIMIT} bytes"
TOO_MANY = f"it has more than {ATTRIBUTES} attributes"

GOOD = {
    "one attribute": (b"a=1\n\n", [(b"a", b"1")]),
    "in order": (b"b=2\na=1\n\n", [(b"b", b"2"), (b"a", b"1")]),
    "duplicates are kept": (b"a=1\na=2\na=1\n\n", [(b"a", b"1"), (b"a", b"2"), (b"a", b"1")]),
    "empty values are kept": (b"sender=\n\n", [(b"sender", b"")]),
    "the first = ends the name": (b"a=b=c=\n\n", [(b"a", b"b=c=")]),
    "a value of one =": (b"a==\n\n", [(b"a", b"=")]),
    "values are not trimmed": (b"a= b \n\n", [(b"a", b" b ")]),
    "a carriage return is a part of the value": (b"a=1\r\n\n", [(b"a", b"1\r")]),
    "any octet but NUL and newline": (b"a=\x01\x7f\xff&+%;\n\n", [(b"a", b"\x01\x7f\xff&+%;")]),
    "UTF-8": (b"a=\xc3\xa9\n\n", [(b"a", b"\xc3\xa9")]),
    "names of printable characters": (b"!a-_~[.]=1\n\n", [(b"!a-_~[.]", b"1")]),
    "as many attributes as allowed": (b"a=1\n" * ATTRIBUTES + b"\n", [(b"a", b"1")] * ATTRIBUTES),
    "the longest request": (b"a=" + b"v" * (LIMIT - 4) + b"\n\n", [(b"a", b"v" * (LIMIT - 4))]),
}

BAD = {
    "an empty request": (b"\n", EMPTY),
    "a line without =": (b"a=1\nb\n\n", NO_EQUALS),
    "a client that ends its lines in CR LF": (b"a=1\r\n\r\n", NO_EQUALS),
    "a blank line of blanks": (b"a=1\n \n", NO_EQUALS),
    "a NUL for the empty line": (b"a=1\n\0\n", NO_EQUALS),
    "an empty name": (b"=1\n\n", BAD_NAME),
    "a blank in a name": (b"a b=1\n\n", BAD_NAME),
    "a blank before a name": (b" a=1\n\n", BAD_NAME),
    "a control character in a name": (b"a\x1f=1\n\n", BAD_NAME),
    "a delete character in a name": (b"a\x7f=1\n\n", BAD_NAME),
    "an 8-bit name": (b"\xc3\xa9=1\n\n", BAD_NAME),
    "a NUL in a name": (b"a\0b=1\n\n", BAD_NAME),
    "a NUL in a value": (b"a=1\0\n\n", NUL),
    "a NUL in an earlier value": (b"a=\0\nb=1\n\n", NUL),
    "another protocol": (b"get key\n", NO_EQUALS),
    "one attribute too many": (b"a=1\n" * (ATTRIBUTES + 1), TOO_MANY),
    "one byte too many": (b"a=" + b"v" * (LIMIT - 3) + b"\n\n", TOO_LONG),
    "a line without end": (b"a=" + b"v" * (LIMIT - 2), TOO_LONG),
    "lines without end": ((b"a=" + b"v" * 65_533 + b"\n") * 8, TOO_LONG),
}

CUT_OFF = {
    "a name": (b"a",),
    "an attribute": (b"a=1",),
    "a line": (b"a=1\n",),
    "all but the empty line": (b"a=1\nb=2\n",),
}


@in_every_partition
@pytest.mark.parametrize("stream, attributes", table(GOOD))
def test_request(stream, attributes, partition):
    """Lines of name and value and an empty line are a request; nothing in it is changed."""
    assert run(policy.Decoder(), partition(stream)) == Seen([attributes])


@in_every_partition
@pytest.mark.parametrize("stream, attributes", table(GOOD))
def test_request_with_trailing_bytes(stream, attributes, partition):
    """What stands behind a request is the next one, and the start of one is kept."""
    seen = run(policy.Decoder(), partition(stream + b"x=y\n\nz="), end=False)
    assert seen == Seen([attributes, [(b"x", b"y")]])


def test_requests_in_two_pieces():
    """Wherever a stream is cut, the requests in it are the same."""
    expected = Seen([[(b"first", b"1"), (b"second", b"two")], [(b"a", b"")], [(b"b", b"3")]])
    for pieces in in_two_pieces(b"first=1\nsecond=two\n\na=\n\nb=3\n\n"):
        assert run(policy.Decoder(), pieces) == expected


def test_characters_of_names():
    """A name is made of printable ASCII characters but the equals sign, and of nothing else."""
    made = [
        octet
        for octet in range(256)
        if run(policy.Decoder(), [b"a%cb=1\n\n" % octet]).requests == [[(b"a%cb" % octet, b"1")]]
    ]
    assert set(made) == set(range(0x21, 0x7F)) - {ord("=")}


@in_every_partition
@pytest.mark.parametrize("stream, reason", table(BAD))
@pytest.mark.parametrize("trailing", [b"", b"a=1\n\n"], ids=["alone", "trailing"])
def test_violation(stream, reason, trailing, partition):
    """Anything else is a broken request, for which there is no reply."""
    seen = run(policy.Decoder(), partition(b"x=y\n\n" + stream + trailing), end=False)
    assert seen == Seen([[(b"x", b"y")]], reason, None)


@in_every_partition
@pytest.mark.parametrize("stream", table(CUT_OFF))
def test_end_inside_a_request(stream, partition):
    """The end of input in the middle of a request breaks it; until then it is pending."""
    decoder = policy.Decoder()
    assert run(decoder, partition(stream), end=False) == Seen([])
    assert decoder.pending
    assert run(decoder, []) == Seen([], "the connection ended in the middle of it", None)


def test_an_empty_line_first():
    """It is a violation at once, also if nobody has asked for a request before."""
    decoder = policy.Decoder()
    decoder.feed(b"\n")
    with pytest.raises(ProtocolError, match=EMPTY):
        decoder.next_request()


def test_end_between_requests():
    """The end of input between requests, or before any, is a good end: nothing is pending."""
    decoder = policy.Decoder()
    assert not decoder.pending
    assert run(decoder, []) == Seen([])
    assert run(decoder, [b"a=1\n\n"]) == Seen([[(b"a", b"1")]])
    assert not decoder.pending


@in_every_partition
@pytest.mark.parametrize("reason", ["one byte too many", "one attribute too many"])
def test_limits_of_the_first_request(reason, partition):
    """The limits hold for the first request of a connection as for any other."""
    stream, text = BAD[reason]
    assert run(policy.Decoder(), partition(stream)) == Seen([], text, None)


def test_limits_count_each_request_anew():
    """The limits are for one request: neither bytes nor attributes of the last one count."""
    longest = b"a=" + b"v" * (LIMIT - 4) + b"\n\n"
    most = b"a=1\n" * ATTRIBUTES + b"\n"
    assert len(run(policy.Decoder(), [longest + most + longest + most]).requests) == 4


REPLIES = {
    "an action": (model.REPLY_VALUE, "REJECT no", b"action=REJECT no\n\n"),
    "a temporary error": (model.REPLY_TEMPORARY, "later", b"action=451 later\n\n"),
    "a timeout is a temporary error": (model.REPLY_TIMEOUT, "late", b"action=451 late\n\n"),
    "a permanent error": (model.REPLY_PERMANENT, "no!", b"action=554 no!\n\n"),
    "UTF-8": (model.REPLY_VALUE, "REJECT é", b"action=REJECT \xc3\xa9\n\n"),
    "the longest action": (model.REPLY_VALUE, "v" * 4096, b"action=" + b"v" * 4096 + b"\n\n"),
    "none at all": (model.REPLY_NONE, "", b""),
}


@pytest.mark.parametrize("kind, text, wire", table(REPLIES))
def test_reply(kind, text, wire):
    """A reply is one action and an empty line; REPLY_NONE is nothing."""
    assert policy.encode(model.Reply(model.ACTION, kind, text)) == wire


def test_reply_over_the_limit():
    """An action of more than 4096 bytes, counted in UTF-8, is never sent."""
    with pytest.raises(InvalidDataError, match="longer than 4096 bytes"):
        policy.encode(model.Reply(model.ACTION, model.REPLY_VALUE, "x" + "é" * 2048))
