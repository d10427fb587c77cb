# SPDX-License-Identifier: MIT
"""What is in force, and what the operator is told of it."""

from __future__ import annotations

import time

import pytest

from harness.certificates import Authority
from harness.handler_process import endpoint, write_config
from postfix_rest_inetd import handover
from postfix_rest_inetd import in_force as module
from postfix_rest_inetd.errors import ConfigError
from postfix_rest_inetd.in_force import InForce, Options
from postfix_rest_inetd.marks import has_settled, mark_of


@pytest.fixture
def config(tmp_path):
    """A configuration that can be used."""
    return write_config(tmp_path, endpoint("policy", "http://127.0.0.1:1/"))


def of(config) -> InForce:
    """Nothing yet, for the sole endpoint of a file."""
    return InForce(Options(str(config), "policy", "policy"))


def settled(*paths) -> None:
    """Let the clock get past the last change of some files."""
    end = time.monotonic() + 5
    while not all(has_settled(str(path), mark_of(str(path)), 0.3) for path in paths):
        assert time.monotonic() < end
        time.sleep(0.01)


def told(in_force) -> bool:
    """Look; is there news?"""
    in_force.look()
    is_news, in_force.is_news = in_force.is_news, False
    return is_news


def test_what_is_mended_is_no_news(config):
    """A problem that is over before anybody was told of it is not told."""
    in_force, good = of(config), config.read_text()
    config.write_text("{")
    settled(config)
    in_force.look()
    assert in_force.is_news
    config.write_text(good)
    in_force.look()
    assert in_force.problem is None
    assert not in_force.is_news


def test_each_change_is_news(config, tmp_path):
    """A file that goes away again is told again, though it looks the same as the first time."""
    in_force = of(config)
    for _ in range(2):
        in_force.look()
        assert in_force.problem is None
        config.rename(tmp_path / "aside")
        settled(config)
        assert told(in_force)
        assert not told(in_force)
        (tmp_path / "aside").rename(config)


@pytest.mark.parametrize("has_state", [False, True])
def test_a_file_that_was_cut_off_before_it_was_stamped(config, monkeypatch, has_state):
    """What looks settled is looked at once more, a moment later, before it is believed."""
    in_force, good = of(config), config.read_text()
    if has_state:
        in_force.look()
    config.write_text("")
    settled(config)
    monkeypatch.setattr(module, "sleep", lambda _seconds: config.write_text(good))
    assert not told(in_force)
    assert in_force.problem is None


SECURE = "https://127.0.0.1:1/"


def secure(tmp_path, ca_file):
    """A configuration for https, with an authority."""
    where = endpoint("policy", SECURE, **{"tls-ca-file": str(ca_file)})
    return write_config(tmp_path, where)


def test_a_client_is_made_when_it_is_needed(tmp_path, monkeypatch):
    """To look makes no client, and reads no certificate; the first need does, and the next not."""
    made = []
    monkeypatch.setattr(module, "_client_of", lambda *arguments: made.append(arguments) or made)
    in_force = of(secure(tmp_path, Authority(tmp_path).ca_file))
    in_force.look()
    in_force.load()
    assert in_force.endpoint is not None
    assert made == []
    assert in_force.client() is in_force.client()
    assert len(made) == 1


def test_a_client_that_cannot_be_made(tmp_path):
    """The files cannot be used then: there is nothing in force, and it is told once per change."""
    ca_file = tmp_path / "authority.pem"
    in_force = of(secure(tmp_path, ca_file))
    settled(tmp_path / "config.json")
    in_force.look()
    assert in_force.problem is None
    with pytest.raises(ConfigError, match=r"authority\.pem.*cannot be used"):
        in_force.client()
    assert in_force.endpoint is None
    assert in_force.is_news
    in_force.is_news = False
    assert not told(in_force)
    ca_file.write_bytes(Authority(tmp_path).ca_file.read_bytes())
    in_force.look()
    assert in_force.problem is None
    assert in_force.client() is not None


def test_what_cannot_be_used_does_not_take_over(tmp_path):
    """A new configuration whose certificates are missing leaves in force what there was."""
    config = secure(tmp_path, Authority(tmp_path).ca_file)
    in_force = of(config)
    in_force.look()
    before = in_force.client()
    secure(tmp_path, tmp_path / "missing")
    settled(config)
    in_force.look()
    assert "missing" in str(in_force.problem)
    assert in_force.client() is before


def test_a_handler_that_wakes_goes_on_with_what_it_had(tmp_path):
    """What it was left is used where the files, though good JSON, name no good certificate."""
    config = secure(tmp_path, Authority(tmp_path).ca_file)
    first = of(config)
    first.look()
    first.hand_over()
    try:
        secure(tmp_path, tmp_path / "missing")
        settled(config)
        second = of(config)
        second.look()
        assert second.client() is not None
        assert "missing" in str(second.problem)
        assert second.endpoint.tls_ca_file == first.endpoint.tls_ca_file
    finally:
        handover.discard()


def test_a_handler_that_wakes_makes_no_client_for_what_it_had(tmp_path, monkeypatch):
    """Its next request may have a stored answer; a file that has changed is tried."""
    made = []
    monkeypatch.setattr(module, "_client_of", lambda *arguments: made.append(arguments) or made)
    config = secure(tmp_path, Authority(tmp_path).ca_file)
    first = of(config)
    first.look()
    first.hand_over()
    try:
        second = of(config)
        second.look()
        assert second.endpoint is not None
        assert made == []
        second.hand_over()
        config.write_text(config.read_text() + "\n")
        of(config).look()
        assert len(made) == 1
    finally:
        handover.discard()


def test_a_handler_that_wakes_to_a_missing_certificate(tmp_path):
    """Nothing is in force when the client is needed, as before; and all is well when it is back."""
    ca_file = Authority(tmp_path).ca_file
    config = secure(tmp_path, ca_file)
    first = of(config)
    first.look()
    first.hand_over()
    try:
        ca_file.rename(tmp_path / "aside")
        settled(config)
        second = of(config)
        second.look()
        with pytest.raises(ConfigError, match="cannot be used"):
            second.client()
        assert second.endpoint is None
        (tmp_path / "aside").rename(ca_file)
        second.look()
        assert second.client() is not None
    finally:
        handover.discard()
