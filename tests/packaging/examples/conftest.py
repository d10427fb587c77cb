# SPDX-License-Identifier: MIT
"""The example backends and openapi.yaml: tests for the environment that has what they need."""

from __future__ import annotations

import importlib.util

_MISSING = [
    name
    for name in ("flask", "jsonschema", "openapi_spec_validator", "yaml")
    if importlib.util.find_spec(name) is None
]

collect_ignore_glob = ["test_*.py"] if _MISSING else []


def pytest_report_header() -> str:
    """Say why the tests here are missing, where they are."""
    return f"tests/packaging/examples are left out: no {', '.join(_MISSING)}" if _MISSING else ""
