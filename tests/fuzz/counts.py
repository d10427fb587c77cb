# SPDX-License-Identifier: MIT
"""How many inputs each target is given in a run of the tests."""

from __future__ import annotations

# At most eight seconds each, and less than two minutes together, by atheris on a quiet machine.
EXECUTIONS = {
    "actions": 200_000,
    "cache_control": 100_000,
    "config": 15_000,
    "decode_policy": 30_000,
    "decode_socketmap": 30_000,
    "decode_tcp": 60_000,
    "generator": 6_000,
    "handover": 80_000,
    "http_date": 500_000,
    "json_positions": 80_000,
    "json_reader": 200_000,
    "netstring": 80_000,
    "outages": 80_000,
    "record": 80_000,
    "replies": 80_000,
    "response": 12_000,
}

# hypothesis makes an input in a millisecond or more.
PART_OF_HYPOTHESIS = 100
