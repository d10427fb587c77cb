# SPDX-License-Identifier: MIT
"""The tools that the tests need, and those that an environment lacks.

tests/requirements.txt lists the tools, for tests/run and for this. This module imports
only the standard library, because anything else may be missing.
"""

from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[1] / "requirements.txt"
DEPENDENCIES = ("systemd-python", "urllib3")
"""The product's own; each environment brings the versions that it is for."""


def missing() -> list[str]:
    """The names of the distributions that this Python lacks, in alphabetical order."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    tools = [line.partition("==")[0] for line in lines if line and not line.startswith("#")]
    names = [name for name in (*tools, *DEPENDENCIES) if not _installed(name)]
    if find_spec("postfix_rest_inetd") is None:
        names.append("postfix-rest-inetd")
    return sorted(names)


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
