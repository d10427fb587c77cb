# SPDX-License-Identifier: MIT
r"""The seeds and the dictionary of a target, and where an input that broke it is kept.

    seeds/TARGET/TOPIC    a seed in each line; `#` begins a comment
    TARGET.dict           tokens, in libFuzzer's form: a string in quotes in each line

A seed is written in ASCII with the escapes of Python's bytes (`\n`, `\xff`, `\\`), so that the
files are text. What a run makes goes to .fuzz/TARGET/ at the top of the checkout, which git
ignores.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE.parents[1] / ".fuzz"

_TOKEN = re.compile(r'(?:[a-z_0-9]+=)?"((?:[^"\\]|\\.)*)"')


def targets() -> list[str]:
    """The names of all targets."""
    return sorted(path.stem for path in (HERE / "targets").glob("*.py"))


def seeds(target: str) -> list[bytes]:
    """The seeds of a target, each once."""
    found: dict[bytes, None] = {}
    for path in sorted((HERE / "seeds" / target).iterdir()):
        for line in path.read_text(encoding="ascii").splitlines():
            if not line.startswith("#"):
                found[unescaped(line)] = None
    return list(found)


def dictionary(target: str) -> Path:
    """The file with the tokens of a target."""
    return HERE / f"{target}.dict"


def tokens(target: str) -> list[bytes]:
    """The tokens of a target."""
    lines = dictionary(target).read_text(encoding="ascii").splitlines()
    matches = [_TOKEN.fullmatch(line) for line in lines if line and not line.startswith("#")]
    return [unescaped(match[1]) for match in matches if match]


def unescaped(line: str) -> bytes:
    """The bytes that a line stands for."""
    return line.encode("ascii").decode("unicode_escape").encode("latin-1")


def escaped(data: bytes) -> str:
    """The line that stands for some bytes."""
    line = data.decode("latin-1").encode("unicode_escape").decode("ascii")
    line = line.removesuffix(" ") + "\\x20" * line.endswith(" ")
    return "\\x23" + line[1:] if line.startswith("#") else line


def kept(target: str) -> Path:
    """The directory for what runs of a target make."""
    directory = KEPT / target
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def keep(target: str, data: bytes) -> Path:
    """Keep an input that broke a target; returns the file."""
    path = kept(target) / f"crash-{hashlib.sha256(data).hexdigest()[:16]}"
    path.write_bytes(data)
    return path
