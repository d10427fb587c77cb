# SPDX-License-Identifier: MIT
"""The files that the generator writes. If one of them fails, the others are still written.

A file is written completely or not at all, because a part of an address would be another address.
"""

from __future__ import annotations

import os


class GeneratedFiles:
    """The directory to write to.

    Attributes:
        failures: what failed, as sentences.
    """

    __slots__ = ("_directory", "_first_line", "failures")

    def __init__(self, directory: str, source: str) -> None:
        """`source` is the file that they are made from."""
        self._directory = directory
        self._first_line = f"# Written by postfix-rest-inetd-generator from {source}\n\n"
        self.failures: list[str] = []

    def write(self, path: str, content: str) -> None:
        """Write a file; `path` is relative."""
        data = (self._first_line + content).encode(errors="surrogateescape")
        path = os.path.join(self._directory, path)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            try:
                with open(path, "wb") as file:
                    file.write(data)
            except OSError:
                _remove(path)
                raise
        except OSError as error:
            self.failures.append(f"{path} cannot be written: {error.strerror}")

    def want(self, unit: str, target: str) -> None:
        """Start a unit together with a target."""
        directory = os.path.join(self._directory, f"{target}.wants")
        path = os.path.join(directory, unit)
        try:
            os.makedirs(directory, exist_ok=True)
            os.symlink(f"../{unit}", path)
        except OSError as error:
            self.failures.append(f"{path} cannot be made: {error.strerror}")


def _remove(path: str) -> None:
    try:  # noqa: SIM105 - contextlib costs more than all of this module
        os.unlink(path)
    except OSError:
        pass
