# SPDX-License-Identifier: MIT
"""Postfix's side of each mode fits the handler's. How replies are read: ask/test_codec.py."""

from __future__ import annotations

import pytest

from harness.modes import FOUND, MODES, REQUEST, TABLES
from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask import codec, effects
from postfix_rest_inetd.admin.demo import questions
from postfix_rest_inetd.admin.host import references
from postfix_rest_inetd.admin.host.postconf import Settings
from postfix_rest_inetd.admin.protocols import MODES_OF_TABLES, SIDES, has_maps
from postfix_rest_inetd.protocols import codec_of, is_lookup


def asked(mode: str) -> model.Request:
    """An ordinary request, as the handler reads it."""
    decoder = codec_of(mode).Decoder()
    decoder.feed(REQUEST[mode])
    request = decoder.next_request()
    assert request is not None
    return request


def test_every_mode_has_a_side():
    """There is one for each mode, and each table of Postfix leads to one mode."""
    assert tuple(SIDES) == MODES
    assert MODES_OF_TABLES == TABLES


@pytest.mark.parametrize("mode", ["", "unheard-of"])
@pytest.mark.parametrize("question", [has_maps, codec.ReplyDecoder, effects.of_silence])
def test_unknown_mode(question, mode):
    """Of a mode that is not known nothing is said, least of all what is true of another one."""
    with pytest.raises(KeyError):
        question(mode)


@pytest.mark.parametrize("mode", MODES)
def test_requests(mode):
    """Postfix asks as the handler reads it; what it does not ask there is not put on the wire."""
    assert codec.encode(mode, asked(mode)) == REQUEST[mode]
    for other in map(asked, MODES):
        is_alike = type(other) is type(asked(mode)) and names_map(other) == has_maps(mode)
        if not is_alike:
            with pytest.raises(TypeError):
                codec.encode(mode, other)


def names_map(request: model.Request) -> bool:
    """Is it a request for a key in a map?"""
    return isinstance(request, model.LookupRequest) and request.map_name is not None


@pytest.mark.parametrize("mode", MODES)
def test_replies(mode):
    """What the handler answers is understood, as what it is."""
    decoder = codec.ReplyDecoder(mode)
    decoder.feed(FOUND[mode])
    answer = decoder.next_answer()
    assert answer is not None
    reply = model.Reply(model.FOUND, answer.kind, answer.text.decode())
    assert (answer.kind, codec_of(mode).encode(reply)) == (model.REPLY_VALUE, FOUND[mode])


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


@pytest.mark.parametrize("mode", [mode for mode in MODES if SIDES[mode].HAS_UNIX_SOCKETS])
def test_main_cf_with_a_path(mode):
    """The same with a unix socket."""
    element = SIDES[mode].in_main_cf("unix:rest/x", "alias")
    (found,) = references.in_value(f"hash:/etc/x, {element}", Settings({}, {}, []))
    assert (found.mode, found.path) == (mode, "rest/x")


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
