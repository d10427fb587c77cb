# SPDX-License-Identifier: MIT
"""The files of the project: what is in the checkout but for what .gitignore names.

Without git, which neither a source archive nor a package build has.
"""

import os
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]


def project_files(root: Path = ROOT) -> list[str]:
    """Their paths, from ROOT, the top of the checkout or of a copy."""
    lines = (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.strip("/") for line in lines if line and not line.startswith("#")]

    def kept(names: list[str]) -> list[str]:
        return [n for n in names if not any(fnmatch(n, p) for p in (".git", *patterns))]

    paths = []
    for directory, names, files in os.walk(root):
        names[:] = kept(names)
        paths += [os.path.relpath(f"{directory}/{file}", root) for file in kept(files)]
    return sorted(paths)
