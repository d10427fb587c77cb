# SPDX-License-Identifier: MIT
"""A program that stands for systemctl."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def answer(tmp_path, monkeypatch):
    """Let systemctl be a shell script."""

    def write(script: str) -> None:
        Path(tmp_path, "systemctl").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        Path(tmp_path, "systemctl").chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return write
