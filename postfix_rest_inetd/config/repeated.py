# SPDX-License-Identifier: MIT
"""Finds where in a document a name appears more than once in an object.

json_reader.Object remembers these names. They are found at any depth, each with its JSON path. This
module is loaded for a file that has such names.
"""

from __future__ import annotations

from ..json_reader import Object
from .problems import cut, joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .problems import Problems


def find(value: object, problems: Problems, place: tuple[Any, ...] = ()) -> None:
    """Add a problem for each such name below a value.

    `place` is empty for the whole document. Otherwise it has the place of the object or list that
    contains the value, and the name or index of the value in it.

    Raises:
        RecursionError: the document is nested too deeply.
    """
    if isinstance(value, Object):
        if value.repeated:
            path = "" if problems.is_full else _path_of(place)
            for name in value.repeated:
                problems.add(path, "appears here more than once", name)
        for name, inner in value.items():
            if isinstance(inner, (dict, list)):
                find(inner, problems, (place, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if isinstance(inner, (dict, list)):
                find(inner, problems, (place, index))


def _path_of(place: tuple[Any, ...]) -> str:
    steps = []
    while place:
        place, step = place
        steps.append(step)
    path = "$"
    for step in reversed(steps):
        path = f"{path}[{step}]" if isinstance(step, int) else joined(path, cut(step))
    return path
