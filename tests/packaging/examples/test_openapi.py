# SPDX-License-Identifier: MIT
"""openapi.yaml is valid, and describes what the real handler sends and accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from harness.example_backends import EXAMPLES
from harness.handler_process import endpoint, start, write_config
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.rest_backend import Answer, Recorded, rest_backend
from postfix_rest_inetd.action import checked_action
from postfix_rest_inetd.admin.schema import actions
from postfix_rest_inetd.backend import response
from postfix_rest_inetd.config import fields

TEXT = EXAMPLES.joinpath("openapi.yaml").read_text(encoding="utf-8")
DOCUMENT: dict[str, Any] = yaml.safe_load(TEXT)
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = {TCP: ("/lookup", "get"), SOCKETMAP: ("/lookup", "get"), POLICY: ("/policy", "post")}


def test_limits() -> None:
    """The limits in its text are those of the handler."""
    text = " ".join(TEXT.split())
    assert response.MAX_HEAD_BYTES == 64 * 1024
    assert f"at most 64 KiB and {response.MAX_FIELDS} fields" in text
    assert f"At most {response.MAX_INTERIM} informational responses" in text
    assert fields.ENDPOINT_FIELDS["request-timeout"].default == 2000
    assert "`request-timeout`, 2 s by default" in text
    assert fields.ENDPOINT_FIELDS["max-response-bytes"].default == 1024 * 1024
    assert "`max-response-bytes` (1 MiB by default)" in text


def test_valid() -> None:
    """It is OpenAPI 3.1, and each example in it is one of its schema."""
    validate(DOCUMENT)
    for path, method in set(OPERATIONS.values()):
        (content,) = DOCUMENT["paths"][path][method]["responses"]["200"]["content"].values()
        checker = Draft202012Validator(SCHEMAS[content["schema"]["$ref"].rpartition("/")[2]])
        assert len(content["examples"]) == 3
        for example in content["examples"].values():
            checker.validate(example["value"])


def parameters(mode: str) -> dict[tuple[str, str], bool]:
    """The parameters of an operation: where each is and its name, and whether it is required."""
    path, method = OPERATIONS[mode]
    found = {}
    for item in DOCUMENT["paths"][path][method]["parameters"]:
        name = item.get("$ref", "").rpartition("/")[2]
        parameter = DOCUMENT["components"]["parameters"][name] if name else item
        found[parameter["in"], parameter["name"].lower()] = parameter.get("required", False)
    return found


@pytest.fixture(params=MODES)
def exchange(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Recorded]]:
    """A mode, and the request that the handler has sent to a backend."""
    mode = request.param
    path, _ = OPERATIONS[mode]
    with rest_backend() as backend:
        backend.routes[path] = Answer(200, FOUND_BODY[mode])
        config = write_config(tmp_path, endpoint(mode, backend.url + path))
        handler = start("--config", config, "--endpoint", mode)
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
        handler.close()
        (recorded,) = backend.requests
        yield mode, recorded


def test_request(exchange: tuple[str, Recorded]) -> None:
    """The handler's request has all that is required, and nothing that is not described."""
    mode, recorded = exchange
    described = parameters(mode)
    sent = {("query", name) for name, _ in parse_qsl(recorded.query)}
    sent |= {("header", name) for name in recorded.headers}
    token = DOCUMENT["components"]["securitySchemes"]["token"]
    assert {parameter for parameter, required in described.items() if required} <= sent
    assert recorded.method == OPERATIONS[mode][1].upper()
    others = {name for _, name in sent - {*described, (token["in"], token["name"].lower())}}
    # OpenAPI has no place for these; the description lists them.
    description = re.findall(r"[\w-]+", DOCUMENT["info"]["description"].lower())
    assert others <= {"host", "accept", "accept-encoding", "content-type", "content-length"}
    assert others <= set(description)
    assert re.fullmatch(
        DOCUMENT["components"]["parameters"]["RequestId"]["schema"]["pattern"],
        recorded.headers["x-request-id"],
    )


def test_form(exchange: tuple[str, Recorded]) -> None:
    """The body of a policy request is a form of attributes; a lookup has none."""
    mode, recorded = exchange
    if mode == POLICY:
        Draft202012Validator(SCHEMAS["Attributes"]).validate(dict(recorded.attributes()))
        path, method = OPERATIONS[mode]
        (media_type,) = DOCUMENT["paths"][path][method]["requestBody"]["content"]
        assert recorded.headers["content-type"] == media_type
    else:
        assert recorded.body == b""


def is_safe(text: str) -> bool:
    """Does the action firewall let it pass?"""
    try:
        checked_action(text)
    except ValueError:
        return False
    return True


def test_schema_of_an_action() -> None:
    """It is that of config.json, which is tested with all kinds of actions."""
    described = dict(SCHEMAS["Action"])
    assert "list of restrictions" in described.pop("description")
    assert described == actions.action()


@given(
    st.text(max_size=8)
    | st.text("Aa9 \n\t\v.,{\x7f\x85é", max_size=8)
    | st.builds(lambda word, size: word * size, st.sampled_from(["4", "x"]), st.integers(0, 4100))
)
def test_action(text: str) -> None:
    """The schema of an action is the action firewall, without allowed-actions."""
    assert Draft202012Validator(SCHEMAS["Action"]).is_valid(text) == is_safe(text)
