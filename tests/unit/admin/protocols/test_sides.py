# SPDX-License-Identifier: MIT
"""Postfix's side of each mode fits the handler's. How replies are read: ask/test_codec.py."""

from __future__ import annotations

import pytest

from harness.modes import MODES, POLICY, SOCKETMAP, TABLES, TCP
from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask import codec, effects
from postfix_rest_inetd.admin.demo import questions
from postfix_rest_inetd.admin.host import references
from postfix_rest_inetd.admin.host.postconf import Settings
from postfix_rest_inetd.admin.protocols import MODES_OF_TABLES, SIDES, has_maps
from postfix_rest_inetd.protocols import codec_of, is_lookup

REQUESTS = {
    TCP: model.LookupRequest(b"k"),
    SOCKETMAP: model.LookupRequest(b"k", b"m"),
    POLICY: model.PolicyRequest([(b"a", b"b")]),
}
"""One of each kind that there is."""


def test_every_mode_has_a_side():
    """There is one for each mode, and each table of Postfix leads to one mode."""
    assert tuple(SIDES) == MODES
    assert MODES_OF_TABLES == TABLES
    assert set(REQUESTS) == set(MODES)


@pytest.mark.parametrize("mode", ["", "toy-lookup"])
@pytest.mark.parametrize("asked", [has_maps, codec.ReplyDecoder, effects.of_silence])
def test_unknown_mode(asked, mode):
    """Of a mode that is not known nothing is said, least of all what is true of another one."""
    with pytest.raises(KeyError):
        asked(mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("other", MODES)
def test_requests(mode, other):
    """The handler reads what is asked; a request of another mode is never put on the wire."""
    if mode != other:
        with pytest.raises(TypeError):
            codec.encode(mode, REQUESTS[other])
        return
    decoder = codec_of(mode).Decoder()
    decoder.feed(codec.encode(mode, REQUESTS[mode]))
    request = decoder.next_request()
    assert request is not None
    assert not decoder.pending
    if isinstance(request, model.LookupRequest):
        assert has_maps(mode) is (request.map_name is not None)


@pytest.mark.parametrize("mode", MODES)
def test_replies(mode):
    """What the handler answers is understood, as what it is."""
    decoder = codec.ReplyDecoder(mode)
    decoder.feed(codec_of(mode).encode(model.Reply(model.FOUND, model.REPLY_VALUE, "DUNNO")))
    answer = decoder.next_answer()
    assert answer is not None
    assert (answer.kind, answer.text) == (model.REPLY_VALUE, b"DUNNO")


@pytest.mark.parametrize("mode", MODES)
def test_main_cf(mode):
    """What is said to be written into main.cf is found there, and leads to the mode."""
    element = SIDES[mode].in_main_cf("inet:127.0.0.1:9001", "alias")
    (found,) = references.in_value(f"hash:/etc/x, {element}", Settings({}, {}, []))
    assert (found.mode, [str(place) for place in found.addresses], found.map_name) == (
        mode,
        ["127.0.0.1:9001"],
        "alias" if has_maps(mode) else None,
    )
    assert is_lookup(mode) is (element == found.text)


@pytest.mark.parametrize("close", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_silence(mode, close):
    """Without a reply, the number of tries is the mode's own."""
    side = SIDES[mode]
    tries = side.TRIES_AFTER_CLOSE if close else side.TRIES
    assert all(
        rule.text.startswith(f"{tries}the mail is deferred")
        for rule in effects.of_silence(mode, close=close)
    )


def test_demo():
    """The demo shows each mode, and asks each of its endpoints."""
    assert [endpoint.mode for endpoint in questions.ENDPOINTS] == list(MODES)
    asked = {question.endpoint for question in questions.QUESTIONS}
    assert asked == {endpoint.name for endpoint in questions.ENDPOINTS}
