# SPDX-License-Identifier: MIT
"""The questions of `check --probe`, and the commands that ask the same."""

from __future__ import annotations

import argparse
import json
import shlex

import pytest

from harness.endpoints import raw_endpoint
from harness.modes import MODES, POLICY
from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask import question
from postfix_rest_inetd.admin.checks import request
from postfix_rest_inetd.admin.commands import query
from postfix_rest_inetd.config import loading

NAMES = ["plain", "two words", "it's", 'a"b', "back\\slash", "$(id)", "`id`", "ünï", "-v", "--help"]


def test_policy_attributes() -> None:
    """A policy service sees all attributes that Postfix sends, as a backend may count on them."""
    loaded = loading.parse(json.dumps({"endpoints": [raw_endpoint(mode=POLICY)]}).encode(), "x")
    asked = request.request(loaded.endpoints[0], "")
    assert isinstance(asked, model.PolicyRequest)
    given = {name.decode(): value.decode() for name, value in asked.attributes}
    assert list(given) == list(question.DEFAULTS)
    assert given["sender"] == given["recipient"] == "check@postfix-rest-inetd.invalid"
    assert given["client_address"] == "192.0.2.1"
    assert given["sasl_username"] == ""


@pytest.mark.parametrize("path", ["/etc/postfix-rest-inetd/config.json", "/tmp/my file"])
@pytest.mark.parametrize("options", [(), ("--direct",)])
@pytest.mark.parametrize("mode", MODES)
def test_commands(mode: str, options: tuple[str, ...], path: str) -> None:
    """Whatever an endpoint is called, its command asks this one, and is ASCII for any terminal."""
    entries = [
        raw_endpoint(name=name, mode=mode, bind_port=9000 + i) for i, name in enumerate(NAMES)
    ]
    entries.append(raw_endpoint(name="plain", mode=mode, bind_port=9999))
    loaded = loading.parse(json.dumps({"endpoints": entries}).encode(), "x")
    parser = argparse.ArgumentParser()
    query.add_arguments(parser)
    for endpoint in loaded.endpoints:
        (map_name,) = request.map_names(endpoint, {})
        text = request.command(endpoint, loaded.endpoints, path, map_name, *options)
        assert text.isascii()
        assert shlex.split(text)[:2] == ["postfix-rest-inetd", "query"]
        given = parser.parse_args(shlex.split(text)[2:])
        assert question.endpoint_of(loaded, given.endpoint)[0] is endpoint
        question.check_kind(endpoint, given.key, given.attribute)
        question.map_name_of(endpoint, given.map)
        assert (given.config, given.direct, given.verbose) == (path, bool(options), True)
