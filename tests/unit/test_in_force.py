# SPDX-License-Identifier: MIT
"""What is in force, and what the operator is told of it."""

from __future__ import annotations

import time

import pytest

from harness.handler_process import endpoint, write_config
from postfix_rest_inetd import in_force as module
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
