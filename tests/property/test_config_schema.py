# SPDX-License-Identifier: MIT
"""The JSON schema and the parser agree on whatever hypothesis writes into a config.json."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from property.strategies import documents

from postfix_rest_inetd import config
from postfix_rest_inetd.admin import config_schema
from postfix_rest_inetd.errors import ConfigError

jsonschema = pytest.importorskip("jsonschema")

VALIDATOR = jsonschema.Draft202012Validator(config_schema.schema())

# What a schema cannot tell; its description says so.
EXCUSED = re.compile(r".* is taken by .*|stands here more than once|.* appears twice; .*")


@given(documents())
def test_same_verdict(content):
    """A file is good for both, or bad for both; but for what the schema's description excuses."""
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return
    try:
        config.parse(content, "config.json")
        problems = []
    except ConfigError as error:
        problems = [text for _, text in error.problems if not EXCUSED.fullmatch(text)]
    assert VALIDATOR.is_valid(document) == (not problems)
