# SPDX-License-Identifier: MIT
"""tests/integration/releases.py: what it lists is there, and each list of releases has the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from integration.releases import OLDEST, ON_OLDEST, RELEASES, STABLE, TESTING, runs_on

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ON_OLDEST)
def test_listed(name: str) -> None:
    """A file or function of the list exists, so a test that is renamed does not get lost."""
    file, _, function = name.partition("::")
    text = (TESTS / "integration" / file).read_text(encoding="utf-8")
    assert not function or re.search(rf"(?m)^def {function}\(", text)


def test_no_function_of_a_listed_file() -> None:
    """A file that is listed as a whole has no function in the list besides."""
    files = {name for name in ON_OLDEST if "::" not in name}
    assert [name for name in ON_OLDEST if "::" in name and name.partition("::")[0] in files] == []


def test_they_can_be_built() -> None:
    """build_container knows these releases, and which of them is testing."""
    script = (TESTS / "integration/build_container").read_text(encoding="utf-8")
    (known,) = re.findall(r"(?m)^readonly releases='(.*)'$", script)
    assert sorted(known.split()) == sorted(RELEASES)
    assert re.findall(r"(?m)^readonly testing=(.*)$", script) == [TESTING]


@pytest.mark.parametrize(
    ("release", "function", "one_release", "expected"),
    [
        (STABLE, "test_other", False, True),
        (STABLE, "test_other", True, True),
        (TESTING, "test_other", False, True),
        (TESTING, "test_other", True, False),
        (OLDEST, "test_other", False, False),
        (OLDEST, "test_versions", False, True),
        (OLDEST, "test_versions", True, False),
    ],
)
def test_runs_on(release: str, function: str, *, one_release: bool, expected: bool) -> None:
    """The stable release has all, testing most, and the oldest what is listed."""
    assert runs_on(release, "test_container.py", function, one_release=one_release) is expected
