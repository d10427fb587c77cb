# SPDX-License-Identifier: MIT
"""Which codec belongs to a mode, and which mode to the first bytes of a connection."""

from __future__ import annotations

import pytest

from harness.modes import LOOKUPS, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.wire import table
from postfix_rest_inetd import model, protocols
from postfix_rest_inetd.protocols import policy, socketmap, tcp_table


@pytest.mark.parametrize(
    "mode, codec", [(TCP, tcp_table), (SOCKETMAP, socketmap), (POLICY, policy)]
)
def test_codec_of(mode, codec):
    """Each mode has one codec, and each codec is complete."""
    assert protocols.codec_of(mode) is codec
    assert not codec.Decoder().pending


def test_every_mode_has_a_row():
    """What config.json may have as a mode has a codec, units and first bytes of its own."""
    assert tuple(protocols.MODES) == model.MODES == MODES
    assert len({row.unit for row in protocols.MODES.values()}) == len(MODES)


@pytest.mark.parametrize("mode", ["", "unheard-of", "POLICY"])
@pytest.mark.parametrize("asked", [protocols.codec_of, protocols.is_lookup])
def test_unknown_mode(asked, mode):
    """No mode speaks the protocol of another one because it is not known."""
    with pytest.raises(KeyError):
        asked(mode)


@pytest.mark.parametrize("mode", MODES)
def test_kind_of_request(mode):
    """What a decoder gives is of the kind that its row says, and its first bytes are its own."""
    decoder = protocols.codec_of(mode).Decoder()
    decoder.feed(REQUEST[mode])
    request = decoder.next_request()
    assert isinstance(request, model.LookupRequest) is protocols.is_lookup(mode)
    assert protocols.recognise(REQUEST[mode]) == mode
    assert tuple(mode for mode in MODES if protocols.is_lookup(mode)) == LOOKUPS


FIRST_BYTES = {
    "nothing yet": (b"", None),
    "the first letter of get or of an attribute": (b"g", None),
    "get without its space": (b"get", None),
    "an attribute of a short name": (b"ab=", None),
    "a tcp_table request": (b"get key\n", TCP),
    "no more of it is needed": (b"get ", TCP),
    "a netstring": (b"7:map key,", SOCKETMAP),
    "its first digit is enough": (b"1", SOCKETMAP),
    "a wrong one as well": (b"00:,", SOCKETMAP),
    "a policy request": (b"request=smtpd_access_policy\n", POLICY),
    "an attribute whose name begins with get": (b"gets=1\n", POLICY),
    "get in capitals is no tcp_table request": (b"GET ", POLICY),
    "four bytes decide": (b"get=", POLICY),
    "a whole line decides": (b"a=\n", POLICY),
    "an empty line as well": (b"\n", POLICY),
    "a digit of another alphabet": (b"\xd9\xa3:,,", POLICY),
}


@pytest.mark.parametrize("data, mode", table(FIRST_BYTES))
def test_recognise(data, mode):
    """Without a configuration the first bytes tell the protocol, at the latest the fourth."""
    assert protocols.recognise(data) == mode
