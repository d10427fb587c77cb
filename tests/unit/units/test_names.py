# SPDX-License-Identifier: MIT
"""What the units are called; that systemd calls them so is seen in tests/unit/test_generator.py."""

from __future__ import annotations

import pytest

from harness.modes import MODES, POLICY, TCP, UNITS
from postfix_rest_inetd.units import listening_sockets
from postfix_rest_inetd.units.names import socket_of, unit_of


def test_units():
    """The names are for ever: an operator has enabled them."""
    assert {mode: unit_of(mode) for mode in MODES} == UNITS
    assert socket_of(TCP) == "postfix-rest-tcp@.socket"
    assert socket_of(POLICY, "all") == "postfix-rest-policy@all.socket"


@pytest.mark.parametrize("mode", ["", "unheard-of"])
def test_unknown_mode(mode):
    """A mode without units has no name that could be taken for another one's."""
    with pytest.raises(KeyError):
        unit_of(mode)


@pytest.mark.parametrize("mode", MODES)
def test_names_that_the_drop_ins_and_the_generator_cover(mode, tmp_path):
    """A unit has the beginning that the shared drop-ins, postfix-rest-@.socket.d, are for."""
    name = socket_of(mode, "x")
    (tmp_path / f"{name}.conf").write_text("#\n\n[Socket]\n")
    found, _ = listening_sockets.left_behind(str(tmp_path))
    assert found == {name: "[Socket]\n"}
    assert name.startswith("postfix-rest-")
