# SPDX-License-Identifier: MIT
"""The JSON schema and the parser agree on whatever hypothesis writes into a config.json."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from property.strategies import action_texts, documents

from harness.endpoints import raw_endpoint
from postfix_rest_inetd.admin.schema.document import schema
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError

jsonschema = pytest.importorskip("jsonschema")

VALIDATOR = jsonschema.Draft202012Validator(schema())

# What a schema cannot tell; its description says so.
EXCUSED = re.compile(
    r".* is taken by .*|appears here more than once|.* appears twice; .*"
    r"|the action is longer than .*"
    r"|(?:no action may be .*: )?(?:[a-z_]+ needs a|there is something after) .*"
)


def assert_same_verdict(content: bytes) -> None:
    """A file is good for both, or bad for both; but for what the schema's description excuses."""
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return
    try:
        loading.parse(content, "config.json")
        problems = []
    except ConfigError as error:
        problems = [text for _, text in error.problems if not EXCUSED.fullmatch(text)]
    assert VALIDATOR.is_valid(document) == (not problems)


@given(documents())
def test_same_verdict(content):
    """Both agree on a whole file."""
    assert_same_verdict(content)


@given(action_texts)
def test_same_verdict_on_actions(text):
    """Both agree on a text as failure-action, and on its first word in allowed-actions."""
    fields = {"failure-action": text, "allowed-actions": text.split()[:1]}
    document = {"endpoints": [{**raw_endpoint(mode="policy"), **fields}]}
    assert_same_verdict(json.dumps(document).encode())
