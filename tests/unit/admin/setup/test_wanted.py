# SPDX-License-Identifier: MIT
"""The parts of an endpoint that is set up: what is right, and what is told about the rest."""

from __future__ import annotations

import pytest

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.setup import wanted
from postfix_rest_inetd.config.address import LocalAddress

LOOPBACK = b"\x7f\0\0\1"
TAKEN = [LocalAddress(LOOPBACK, 9001)]


def given(**changes: object) -> wanted.Wanted:
    """A policy endpoint with some parts changed."""
    parts = {"mode": model.POLICY, "purposes": (), "url": "http://h/", "token": "t"}
    parts |= {"address": LocalAddress(LOOPBACK, 9003), "name": "gate"}
    return wanted.Wanted(**{**parts, **changes})  # type: ignore[arg-type]


def test_entry() -> None:
    """A failure defers mail, a policy answers no OK, and the token has its own file."""
    statuses = [401, 403, 404, 408, 429]
    assert given().entry("/t") == {
        "name": "gate",
        "mode": "policy",
        "bind-port": 9003,
        "target": "http://h/",
        "auth-token-file": "/t",
        "temporary-statuses": statuses,
        "allowed-actions": ["DUNNO", "REJECT"],
    }
    lookup = given(mode=model.TCP_LOOKUP, token="", address=LocalAddress(bytes(15) + b"\1", 1))
    assert lookup.entry("/t") == {
        "name": "gate",
        "mode": "tcp-lookup",
        "bind-address": "::1",
        "bind-port": 1,
        "target": "http://h/",
        "auth-token": "",
        "temporary-statuses": statuses,
    }
    local = given(address=LocalAddress(None, path="/run/x")).entry("")
    assert local["bind-path"] == "/run/x"
    assert "bind-port" not in local


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("9002", "127.0.0.1:9002"),
        (" localhost:9002", "127.0.0.1:9002"),
        ("0.0.0.0:9001", "0.0.0.0:9001"),
        ("[::1]:9001", "[::1]:9001"),
        ("/run/rest", "/run/rest"),
    ],
)
def test_address(text: str, shown: str) -> None:
    """A port, a host and a port, or a path."""
    assert str(wanted.checked_address(text, model.POLICY, TAKEN)) == shown


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        ("9001", model.POLICY, "an endpoint listens at 127.0.0.1:9001 already"),
        ("0", model.POLICY, "an address is a port"),
        ("65536", model.POLICY, "an address is a port"),
        ("²", model.POLICY, "an address is a port"),
        ("mail.example:25", model.POLICY, "must be an IP address"),
        ("::1:9001", model.POLICY, "an IPv6 address has brackets"),
        ("/run/x", model.TCP_LOOKUP, "Postfix has no unix sockets for tcp-lookup"),
        ("/run/../x", model.POLICY, "path"),
    ],
)
def test_wrong_address(text: str, mode: str, told: str) -> None:
    """What is wrong with it."""
    with pytest.raises(ValueError, match=told):
        wanted.checked_address(text, mode, TAKEN)


def test_purposes() -> None:
    """Words, once each; one for a mode without maps, none for a policy."""
    several = wanted.checked_purposes("Alias, domain alias", model.SOCKETMAP_LOOKUP)
    assert several == ("alias", "domain")
    for text, mode in (("alias,domain", model.TCP_LOOKUP), ("alias", model.POLICY), ("x", "")):
        with pytest.raises((ValueError, KeyError)):
            wanted.checked_purposes(text, mode)
    assert wanted.purposes_in("my-aliases", model.TCP_LOOKUP) == ("alias",)
    assert wanted.purposes_in("alias-domain", model.TCP_LOOKUP) == ()
    assert wanted.purposes_in("alias", model.POLICY) == ()


def test_names() -> None:
    """They are free, and no part of a path in the name of the token file."""
    assert wanted.usual_name(model.POLICY, (), ["policy", "policy2"]) == "policy3"
    assert wanted.usual_name(model.TCP_LOOKUP, ("alias",), []) == "alias"
    with pytest.raises(ValueError, match="already"):
        wanted.checked_name(" a ", ["a"])
    assert wanted.token_file_name("../a b") == "-a-b.token"


def test_mode_url_token() -> None:
    """Short forms of modes; no error repeats a URL or a token."""
    assert wanted.checked_mode("Socketmap") == model.SOCKETMAP_LOOKUP
    assert wanted.checked_token(b"\xef\xbb\xbfs3cret\r\n") == "s3cret"
    for check, wrong in (
        (wanted.checked_url, "ftp://u:s3cret@h/"),
        (wanted.checked_token, b"s3cret\nsecond"),
        (wanted.checked_token, b"s3cret\xff"),
    ):
        with pytest.raises(ValueError, match=r".") as caught:
            check(wrong)  # type: ignore[operator]
        assert "s3cret" not in str(caught.value)
