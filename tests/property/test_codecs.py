# SPDX-License-Identifier: MIT
"""Properties of the codecs: whatever arrives, and in whatever pieces."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property import postfix_client
from property.strategies import (
    MODES,
    POLICY,
    REQUESTS,
    SOCKETMAP,
    TCP,
    attributes,
    partitions,
    streams,
    values,
)

from harness.wire import Seen, run, whole
from postfix_rest_inetd import model
from postfix_rest_inetd.backend.request import form_of
from postfix_rest_inetd.errors import InvalidDataError
from postfix_rest_inetd.protocols import codec_of, recognise

DECODE_REPLY = {
    TCP: postfix_client.tcp_reply,
    SOCKETMAP: postfix_client.socketmap_reply,
    POLICY: postfix_client.policy_reply,
}
in_each_mode = pytest.mark.parametrize("mode", MODES)


def decoder(mode):
    """A new decoder."""
    return codec_of(mode).Decoder()


@in_each_mode
@given(st.data())
def test_round_trip(mode, data):
    """What Postfix's encoding makes of some requests is decoded to the same requests."""
    drawn = data.draw(st.lists(REQUESTS[mode], max_size=5))
    stream = b"".join(wire for wire, _ in drawn)
    pieces = data.draw(partitions(stream))
    assert run(decoder(mode), pieces) == Seen([request for _, request in drawn])


@in_each_mode
@given(st.data())
def test_pieces_do_not_matter(mode, data):
    """However a stream is cut, the requests are the same, and so is the error that ends it."""
    stream = data.draw(streams(mode))
    assert run(decoder(mode), data.draw(partitions(stream))) == run(decoder(mode), whole(stream))


@in_each_mode
@given(data=st.binary(max_size=200))
@example(b"")
def test_any_bytes(mode, data):
    """Any bytes at all give requests, nothing, or a ProtocolError; never another exception."""
    seen = run(decoder(mode), whole(data))
    assert seen.reason is None or seen.reason.isprintable()
    if mode == POLICY or seen.reason is None:
        assert seen.reply_text is None
    else:
        reply = model.Reply(model.BROKEN_REQUEST, model.REPLY_PERMANENT, seen.reply_text)
        assert DECODE_REPLY[mode](codec_of(mode).encode(reply)).text == seen.reply_text.encode()


@in_each_mode
@given(st.data())
def test_requests_are_what_postfix_could_have_meant(mode, data):
    """No request that is decoded has what Postfix's strings cannot have."""
    for request in run(decoder(mode), whole(data.draw(streams(mode)))).requests:
        pairs = request if mode == POLICY else [request]
        assert pairs
        for name, value in pairs:
            assert b"\0" not in value
            assert name is None or b"\0" not in name
            if mode == SOCKETMAP:
                assert b" " not in name
            if mode == POLICY:
                assert name
                assert b"\n" not in name + value


@in_each_mode
@given(st.data())
def test_pending(mode, data):
    """A decoder with nothing pending ends well, and one with something pending does not."""
    drawn = decoder(mode)
    seen = run(drawn, whole(data.draw(streams(mode))), end=False)
    if seen.reason is None:
        assert drawn.pending == (run(drawn, []).reason is not None)


KINDS = {
    TCP: {
        model.REPLY_VALUE: b"200",
        model.REPLY_TEMPORARY: b"400",
        model.REPLY_TIMEOUT: b"400",
        model.REPLY_PERMANENT: b"400",
    },
    SOCKETMAP: {
        model.REPLY_VALUE: b"OK",
        model.REPLY_TEMPORARY: b"TEMP",
        model.REPLY_TIMEOUT: b"TIMEOUT",
        model.REPLY_PERMANENT: b"PERM",
    },
}


@pytest.mark.parametrize("mode", [TCP, SOCKETMAP])
@given(data=st.data(), text=values.filter(str.isprintable).filter(bool))
def test_reply(mode, data, text):
    """Any text is one frame that Postfix reads as that text, or is too long for the protocol."""
    kind = data.draw(st.sampled_from(sorted(KINDS[mode])))
    limit = {TCP: 4096 - len("200 \n"), SOCKETMAP: 100_000 - len("TIMEOUT ")}[mode]
    try:
        wire = codec_of(mode).encode(model.Reply(model.FOUND, kind, text))
    except InvalidDataError:
        escaped = 3 if mode == TCP else 1
        assert len(text.encode()) * escaped > limit
    else:
        expected = postfix_client.Frame(KINDS[mode][kind], text.encode())
        assert DECODE_REPLY[mode](wire) == expected


@given(st.data())
def test_recognise(data):
    """A good request tells its mode by its first bytes, however few arrive at a time."""
    mode = data.draw(st.sampled_from(MODES))
    wire, _ = data.draw(REQUESTS[mode])
    if mode == POLICY and (wire[:1].isdigit() or wire.startswith(b"get ")):
        return  # Postfix has no such attribute
    guesses = [recognise(wire[:length]) for length in range(len(wire) + 1)]
    assert set(guesses) <= {None, mode}
    assert guesses[-1] == mode
    assert guesses == sorted(guesses, key=lambda guess: guess is not None)


@given(attributes)
def test_form(drawn):
    """A form has all attributes, byte for byte, and only characters that every decoder knows."""
    form = form_of(drawn)
    pairs = [pair.split(b"=") for pair in form.split(b"&")]
    assert [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, value in pairs] == drawn
    assert not form.translate(
        None, b"%=&ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
    )
