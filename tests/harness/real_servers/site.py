# SPDX-License-Identifier: MIT
"""What a server of the table is told, and what its commands need: places, ports, libraries."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from harness.programs import UNPACKED, find


class MissingError(Exception):
    """The machine does not have a server."""


class Site(NamedTuple):
    """One server that is about to run.

    Attributes:
        directory: for its files; any user may read it.
        port: where it listens, on 127.0.0.1.
        inner_port: where a second server listens, behind the first one.
        seconds: for how long it keeps an idle connection.
        announces: may it say so in its responses (`Keep-Alive: timeout=N`)?
    """

    directory: Path
    port: int
    inner_port: int
    seconds: float
    announces: bool

    @property
    def log(self) -> Path:
        """The file that gets a line `METHOD X-REQUEST-ID` for each request that is processed."""
        return self.directory / "log"

    @property
    def milliseconds(self) -> int:
        """`seconds` in milliseconds."""
        return round(self.seconds * 1000)

    def write(self, name: str, template: str, **values: object) -> Path:
        """Write a file into `directory`.

        In the template and in the values, `@name@` stands for a value or for an attribute.
        """
        known = {**values, **self._asdict(), "log": self.log, "milliseconds": self.milliseconds}
        for key, value in known.items():
            template = template.replace(f"@{key}@", str(value))
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template, encoding="utf-8")
        return path


def needed(name: str) -> Path:
    """The path of a program.

    Raises:
        MissingError: the machine does not have it.
    """
    path = find(name)
    if path is None:
        raise MissingError(f"{name} is not installed, and not unpacked in {UNPACKED}")
    return path


def data(*patterns: str) -> list[Path]:
    """The files below /usr of an installed or unpacked package, by patterns that must all match.

    Raises:
        MissingError: the machine does not have one of them.
    """
    for root in (Path("/"), UNPACKED):
        found = [sorted((root / "usr").glob(pattern)) for pattern in patterns]
        if all(found):
            return [path for paths in found for path in paths]
    raise MissingError(f"there is no {patterns[0]} in /usr or {UNPACKED}/usr")


def environment() -> dict[str, str]:
    """The environment of a server: nothing but where programs and unpacked libraries are."""
    libraries = [str(path) for path in UNPACKED.glob("usr/lib/*-linux-gnu*")]
    return {
        "PATH": f"/usr/sbin:{os.environ.get('PATH', os.defpath)}",
        "LC_ALL": "C.UTF-8",
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
