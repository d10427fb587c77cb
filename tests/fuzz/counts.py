# SPDX-License-Identifier: MIT
"""How many inputs each target is given in a run of the tests."""

from __future__ import annotations

# About eight seconds each by atheris on a quiet machine.
EXECUTIONS = {
    "actions": 60_000,
    "cache_control": 60_000,
    "config": 12_000,
    "decode_policy": 50_000,
    "decode_socketmap": 40_000,
    "decode_tcp": 50_000,
    "generator": 6_000,
    "handover": 50_000,
    "http_date": 200_000,
    "json_positions": 25_000,
    "json_reader": 150_000,
    "netstring": 80_000,
    "outages": 40_000,
    "record": 50_000,
    "replies": 80_000,
    "response": 15_000,
}

# hypothesis makes an input in a millisecond or more.
PART_OF_HYPOTHESIS = 50
