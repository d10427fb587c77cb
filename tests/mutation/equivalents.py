# SPDX-License-Identifier: MIT
"""Reads equivalent.txt: the mutants that no test can tell from the original, each with a reason."""


def equivalents_in(path):
    """The mutants that are named in the file, as identities."""
    found = {}
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        head, _, reason = lines[0].partition(": ")
        module, _, place = head.partition(" ")
        removed = tuple(line[1:].strip() for line in lines[1:] if line.startswith("-"))
        added = tuple(line[1:].strip() for line in lines[1:] if line.startswith("+"))
        if not reason or not (removed and added):
            raise ValueError(f"{path}: neither a reason nor a difference: {block}")
        found[module, place, removed, added] = reason
    return found
