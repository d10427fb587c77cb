# SPDX-License-Identifier: MIT
"""Endpoints for the unit tests, made by the real parser from the fields a test cares about."""

from __future__ import annotations

import json

from harness.modes import TCP
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.config.endpoint import Endpoint


def raw_endpoint(**fields: object) -> dict[str, object]:
    """One entry of `endpoints`, good unless FIELDS (with `_` for `-`) make it bad; ... removes."""
    values: dict[str, object] = {
        "name": "example",
        "mode": TCP,
        "target": "http://127.0.0.1:8080/lookup",
        "auth-token": "test123",
        "bind-port": 9000,
    }
    values.update({name.replace("_", "-"): value for name, value in fields.items()})
    return {name: value for name, value in values.items() if value is not ...}


def endpoint(mode: str = TCP, **fields: object) -> Endpoint:
    """A checked endpoint."""
    document = {"endpoints": [raw_endpoint(mode=mode, **fields)]}
    (only,) = loading.parse(json.dumps(document).encode(), "config.json").endpoints
    return only
