# SPDX-License-Identifier: MIT
"""Postfix's side of the protocols: what the handler's codecs make is understood, and no more."""

from __future__ import annotations

import pytest

from harness.modes import POLICY, SOCKETMAP, TCP
from harness.wire import plain, table
from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask.codec import Answer, ReplyDecoder, ReplyError, encode
from postfix_rest_inetd.protocols import codec_of

KEYS = [b"example.org", b"", b"a b%c+d\r\t\x7f", bytes(range(1, 256))]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("mode, map_name", [(TCP, None), (SOCKETMAP, b"alias"), (SOCKETMAP, b"")])
def test_lookup_requests(mode, map_name, key):
    """The handler reads from a request what was put into it."""
    decoder = codec_of(mode).Decoder()
    decoder.feed(encode(mode, model.LookupRequest(key, map_name)))
    assert plain(decoder.next_request()) == (map_name, key)
    assert not decoder.pending


def test_policy_request():
    """The handler reads all attributes, in order, duplicates and empty values too."""
    attributes = [(b"request", b"x"), (b"sender", b""), (b"a", b"=\xff"), (b"a", b"2")]
    decoder = codec_of(POLICY).Decoder()
    decoder.feed(encode(POLICY, model.PolicyRequest(attributes)))
    assert plain(decoder.next_request()) == attributes


VALUE, MISSING, TEMPORARY = model.REPLY_VALUE, model.REPLY_NOT_FOUND, model.REPLY_TEMPORARY
TIMEOUT, PERMANENT = model.REPLY_TIMEOUT, model.REPLY_PERMANENT
REPLIES = table(
    {
        "tcp value": (TCP, b"200 a%20b,%C3%A9\n", Answer(VALUE, "200", b"a b,\xc3\xa9")),
        "tcp not found": (
            TCP,
            b"500 key%20not%20found\n",
            Answer(MISSING, "500", b"key not found"),
        ),
        "tcp error": (TCP, b"400 x\n", Answer(TEMPORARY, "400", b"x")),
        "the first digit decides": (TCP, b"299\tx\n", Answer(VALUE, "299", b"x")),
        "either case": (TCP, b"200 %c3%A9\n", Answer(VALUE, "200", b"\xc3\xa9")),
        "socketmap value": (SOCKETMAP, b"6:OK a b,", Answer(VALUE, "OK", b"a b")),
        "not found, bare": (SOCKETMAP, b"8:NOTFOUND,", Answer(MISSING, "NOTFOUND", b"")),
        "not found": (SOCKETMAP, b"9:NOTFOUND ,", Answer(MISSING, "NOTFOUND", b"")),
        "temporary": (SOCKETMAP, b"6:TEMP x,", Answer(TEMPORARY, "TEMP", b"x")),
        "timeout": (SOCKETMAP, b"9:TIMEOUT x,", Answer(TIMEOUT, "TIMEOUT", b"x")),
        "permanent": (SOCKETMAP, b"6:PERM x,", Answer(PERMANENT, "PERM", b"x")),
        "action": (POLICY, b"action=REJECT no\n\n", Answer(VALUE, "action", b"REJECT no")),
        "the first action": (
            POLICY,
            b"x=1\naction=A\naction=B\n\n",
            Answer(VALUE, "action", b"A"),
        ),
    }
)


@pytest.mark.parametrize("mode, wire, answer", REPLIES)
def test_replies(mode, wire, answer):
    """A reply is understood when its last byte has arrived, and not earlier."""
    decoder = ReplyDecoder(mode)
    for octet in wire[:-1]:
        decoder.feed(bytes([octet]))
        assert decoder.next_answer() is None
        assert decoder.pending
    decoder.feed(wire[-1:])
    assert decoder.next_answer() == answer
    assert not decoder.pending


NO_REPLIES = table(
    {
        "no code": (TCP, b"OK x\n", "three digits"),
        "no blank": (TCP, b"200x\n", "three digits"),
        "two digits": (TCP, b"20\n", "three digits"),
        "another digit": (TCP, b"300 x\n", "none of the digits"),
        "empty value": (TCP, b"200 \n", "the value is empty"),
        "half a percent": (TCP, b"200 a%2\n", "two hexadecimal digits"),
        "percent and blank": (TCP, b"200 a%2 \n", "two hexadecimal digits"),
        "percent and words": (TCP, b"200 %zz\n", "two hexadecimal digits"),
        "too long a line": (TCP, b"200 " + b"x" * 4092, "longer than 4096"),
        "two replies": (TCP, b"200 x\n200 y\n", "6 bytes follow the reply"),
        "no netstring": (SOCKETMAP, b"OK x\n", "not a netstring"),
        "too long a netstring": (SOCKETMAP, b"100001:", "not a netstring"),
        "lower case": (SOCKETMAP, b"4:ok x,", "none of the words"),
        "an empty OK": (SOCKETMAP, b"3:OK ,", "the value is empty"),
        "two netstrings": (SOCKETMAP, b"4:OK x,4", "1 bytes follow"),
        "no action": (POLICY, b"reaction=x\n\n", "no action"),
        "nothing": (POLICY, b"\n", "no action"),
        "no attribute": (POLICY, b"OK\n\n", "without '='"),
        "an empty action": (POLICY, b"action=\n\n", "the action is empty"),
        "a second reply": (POLICY, b"action=A\n\naction=B\n\n", "10 bytes follow"),
        "an endless reply": (POLICY, b"x" * 65536, "longer than 65536"),
    }
)


@pytest.mark.parametrize("mode, wire, words", NO_REPLIES)
def test_no_replies(mode, wire, words):
    """What Postfix could not use is an error that says why."""
    decoder = ReplyDecoder(mode)
    decoder.feed(wire)
    with pytest.raises(ReplyError, match=words):
        decoder.next_answer()


KINDS = (VALUE, MISSING, TEMPORARY, TIMEOUT, PERMANENT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", [TCP, SOCKETMAP])
def test_the_handlers_replies(mode, kind):
    """Each reply that the handler can make is understood as what it is; tcp has three kinds."""
    decoder = ReplyDecoder(mode)
    decoder.feed(codec_of(mode).encode(model.Reply("outcome", kind, "é, a b%")))
    answer = decoder.next_answer()
    known = (VALUE, MISSING) if mode == TCP else KINDS
    assert answer.kind == (kind if kind in known else TEMPORARY)
    if kind != MISSING:
        assert answer.text == "é, a b%".encode()
