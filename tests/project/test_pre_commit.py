# SPDX-License-Identifier: MIT
"""The hooks in .pre-commit-config.yaml are the linters of the tests, in the same versions."""

import re

import yaml

from harness.project_files import ROOT

HOOKS = ("bandit", "codespell", "mypy", "reuse", "ruff-check", "ruff-format", "shellcheck")
NO_HOOK = "EditorConfig"
"""A library, for tests/project/test_editorconfig.py."""


def hooks() -> dict[str, list[str]]:
    """What each hook installs."""
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    (repository,) = yaml.safe_load(text)["repos"]
    return {hook["id"]: hook.get("additional_dependencies", []) for hook in repository["hooks"]}


def pins() -> set[str]:
    """The linters in tests/requirements-linters.txt, with their versions."""
    text = (ROOT / "tests/requirements-linters.txt").read_text(encoding="utf-8")
    return {pin for pin in re.findall(r"(?m)^[^#\s]\S*$", text) if not pin.startswith(NO_HOOK)}


def test_versions() -> None:
    """Each linter that the tests install has a hook, with the same version."""
    installed = {pin for names in hooks().values() for pin in names if "==" in pin}
    assert installed == pins()


def test_each_linter() -> None:
    """The hooks are those of the linters, ruff's two commands and the machine's shellcheck."""
    assert tuple(sorted(hooks())) == HOOKS
