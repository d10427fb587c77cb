# SPDX-License-Identifier: MIT
"""How hypothesis searches: the same examples in each run, unless somebody wants to explore.

A run of the tests says something about a change, so it must not depend on luck. To search further:

    HYPOTHESIS_PROFILE=explore tests/run --quick tests/property
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Machines are noisy, so no example has a time limit of its own; pytest's is for the whole test.
COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile(
    "deterministic", COMMON, derandomize=True, database=None, max_examples=250
)
settings.register_profile("explore", COMMON, max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "deterministic"))

# Under python -bb a comparison of bytes with something else is an error, which is what we want of
# the package. Hypothesis makes such comparisons itself, in the keys of its dictionaries.
OWN_COMPARISONS = [
    f"ignore:Comparison between bytes and:BytesWarning:hypothesis.internal.{module}"
    for module in ("cache", "conjecture.data", "conjecture.datatree", "conjecture.engine")
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let hypothesis compare what it likes."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for line in OWN_COMPARISONS:
                item.add_marker(pytest.mark.filterwarnings(line))
