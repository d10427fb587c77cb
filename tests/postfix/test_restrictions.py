# SPDX-License-Identifier: MIT
"""The names of restrictions are those that the installed Postfix knows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from postfix_rest_inetd import restrictions


@pytest.fixture(scope="module")
def smtpd() -> bytes:
    """The SMTP server, in which each name stands as a C string."""
    command = ["/usr/sbin/postconf", "-dh", "daemon_directory"]
    directory = subprocess.check_output(command, text=True, timeout=60).strip()
    return Path(directory, "smtpd").read_bytes()


@pytest.mark.postfix
@pytest.mark.parametrize("name", sorted(restrictions.RESTRICTIONS))
def test_a_name_is_one_of_postfix(smtpd: bytes, name: str) -> None:
    """A name that is misspelt here would be a class of main.cf, which takes any word behind it."""
    assert name.encode() + b"\0" in smtpd


@pytest.mark.postfix
def test_the_tables_of_postfix_are_known(smtpd: bytes) -> None:
    """Each `check_..._access` that smtpd knows, but for its functions of such names, is known."""
    found = {text.decode() for text in smtpd.split(b"\0") if text.startswith(b"check_")}
    functions = {f"check_{word}_access" for word in "addr domain mail namadr server".split()}
    found = {name for name in found if name.endswith("_access")} - functions - {"check_access"}
    assert found <= restrictions.NEED_TABLE
