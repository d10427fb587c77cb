# SPDX-License-Identifier: MIT
"""Where stored answers are: a short plain name for every mode and name of an endpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.test_imports import PACKAGE, loaded_by

from postfix_rest_inetd.cache_folder import folder_exists, folder_of, may_be_folder, path_of
from postfix_rest_inetd.model import MODES, SOCKETMAP_LOOKUP, TCP_LOOKUP

NAMES = [
    "aliases",
    "a b",
    "a_b",
    "a/b",
    "..",
    "é",
    "e\u0301",
    "x" * 89,
    "x" * 90,
    "x" * 300,
    "x" * 300 + "y",
    "\ud800",
    "a.b",
    "a\nb",
    "",
]


@pytest.mark.parametrize(
    "name, folder",
    [
        ("aliases", "tcp-lookup.aliases"),
        ("Aliases_2-x", "tcp-lookup.Aliases_2-x"),
        ("a b", "tcp-lookup.a_b.806c5cd3"),
        ("x" * 89, "tcp-lookup." + "x" * 89),
        ("x" * 90, "tcp-lookup." + "x" * 89 + ".360a8ee8"),
    ],
)
def test_names(name, folder):
    """The name as far as it is plain and short; otherwise its checksum distinguishes it."""
    assert folder_of(TCP_LOOKUP, name) == folder


def test_all_names_are_plain_and_different(tmp_path):
    """No name leads out of the directory, is hidden, or is too long for a file system."""
    folders = {folder_of(mode, name) for mode in MODES for name in NAMES}
    assert len(folders) == len(MODES) * len(NAMES)
    for folder in folders:
        path = Path(path_of(str(tmp_path), folder))
        assert path.parent == tmp_path / "1/answers"
        assert folder.isascii()
        assert folder.isprintable()
        assert not folder.startswith(".")
        assert may_be_folder(folder)
        path.mkdir(parents=True)
        assert folder_exists(str(tmp_path), folder)


@pytest.mark.parametrize(
    "name", ["", ".purged-1", "-rf", "a;id", "a b", "a\n", "\x1b[31m", "a$(id)", "é", "~", "\udcff"]
)
def test_other_names(name):
    """A name that no handler gives, and that could mean something to a shell or a terminal."""
    assert not may_be_folder(name)


def test_what_is_not_there(tmp_path):
    """Neither a missing directory nor a path that cannot be one is an error."""
    folder = folder_of(SOCKETMAP_LOOKUP, "x")
    assert not folder_exists(str(tmp_path), folder)
    assert not folder_exists(str(tmp_path / "nothing"), folder)
    assert not folder_exists("/a\0b", folder)


def test_looking_loads_nothing(tmp_path):
    """Every handler of a lookup does this: no module of `cache` is imported, nor anything else."""
    program = (
        f"from {PACKAGE}.cache_folder import folder_exists, folder_of; "
        f"folder_exists({str(tmp_path)!r}, folder_of('tcp-lookup', 'aliases'))"
    )
    modules, _ = loaded_by(program)
    of_os, _ = loaded_by("import os")
    assert modules - of_os - {"__future__"} == {PACKAGE, f"{PACKAGE}.cache_folder"}
