# SPDX-License-Identifier: MIT
"""Which paths a handler does not see, because its sandbox has something else there.

ProtectHome= and PrivateTmp= replace whole directories (systemd.exec(5)), BindPaths= and
BindReadOnlyPaths= put single paths back. A path counts as hidden when any step of its resolution
is: the kernel follows links in the sandbox, so a link to a file below /home leads nowhere.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_LINKS = 40  # path_resolution(7)


class Hidden(NamedTuple):
    """A path that handlers do not see.

    Attributes:
        path: what is hidden: the path itself, or what a link in it leads to.
        top: the directory that is replaced, as systemd.exec(5) names it.
    """

    path: str
    top: str

    def said_of(self, path: str) -> str:
        """What is to be said of the path that was looked for, which is the subject."""
        leads = "" if self.path == path else f"leads to {self.path}, which "
        return f"{leads}is below {self.top}, which the sandbox hides from handlers"


def find(path: str, tops: tuple[str, ...], bound: tuple[str, ...]) -> Hidden | None:
    """What of an absolute path is below one of `tops` and not in `bound`; None if nothing is."""
    real = {os.path.realpath(top): top for top in reversed(tops)}
    for place, rest in _steps(path):
        top = next((real[each] for each in real if is_below(place, each)), None)
        if top is not None and not any(_leads_to(place, each) for each in bound):
            whole = os.path.join(place, *rest)
            return Hidden(path if is_below(path, top) else whole, top)
    return None


def is_below(path: str, directory: str) -> bool:
    """Is a path in a directory, by their names alone?"""
    return path.startswith(f"{directory}/")


def _leads_to(place: str, bound: str) -> bool:
    """Is a place what is bound, in it, or a directory on the way to it?"""
    return place == bound or is_below(place, bound) or is_below(bound, place)


def _steps(path: str) -> Iterator[tuple[str, list[str]]]:
    """Each place where the kernel looks for a path, free of links in its directories.

    Beside it, the names that are still to be followed from there.
    """
    done, left, links = "/", path.split("/"), 0
    while left:
        name = left.pop(0)
        if name in ("", "."):
            continue
        if name == "..":
            done = os.path.dirname(done)
            continue
        place = os.path.join(done, name)
        yield place, left
        try:
            target = os.readlink(place)
        except OSError:  # it is not a link, or it is not there
            done = place
            continue
        links += 1
        if links > _MAX_LINKS:
            return
        done = "/" if target.startswith("/") else done
        left = target.split("/") + left
