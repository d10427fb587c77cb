# SPDX-License-Identifier: MIT
"""The versions of Python that pyproject.toml names are those that tests/run looks for."""

import re
import tomllib

from harness.project_files import ROOT


def test_classifiers() -> None:
    """A version is promised when there is an environment for it, and the oldest is the bound."""
    text = (ROOT / "tests/run").read_text(encoding="utf-8")
    (tested,) = re.findall(r"(?m)^readonly -a pythons=\((.*)\)$", text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert named == tested.split()
    assert project["requires-python"] == f">={named[0]}"
