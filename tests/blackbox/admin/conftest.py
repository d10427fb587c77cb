# SPDX-License-Identifier: MIT
"""Fixture of the operator's commands: the Postfix of the machine is not the one that they ask."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def postfix_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Postfix with a main.cf, as on any mail server, and the same everywhere.

    Without the file, postconf(1) waits for a second before it fails, and a command asks it thrice.
    """
    directory = tmp_path_factory.mktemp("postfix")
    (directory / "main.cf").write_text("compatibility_level = 3.6\n", encoding="utf-8")
    (directory / "master.cf").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "MAIL_CONFIG", str(directory))
        yield
