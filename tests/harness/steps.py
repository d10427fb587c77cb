# SPDX-License-Identifier: MIT
"""Something happens between two steps of a function: before the n-th system call that it makes.

So every interleaving of two functions can be tried, one after the other, where one of them happens
as a whole between two steps of the other, or as soon as the other lets it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from postfix_rest_inetd.cache import writing

CALLS = "close fchmod fstat link lstat mkdir open read rename rmdir scandir stat unlink utime write"

PATIENCE_SEC = 0.03
"""After this, the action is taken for one that waits for the function that was interrupted."""


@contextmanager
def before_step(number: int, action: Callable[[], object]) -> Iterator[list[str]]:
    """Do something before the step of that number, counted from 0; yields the steps so far.

    The action has come to its end after the `with`.
    """
    steps: list[str] = []
    here = threading.get_ident()
    actor = threading.Thread(target=action)

    def observed(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object, **options: object) -> Any:
            if threading.get_ident() == here:
                steps.append(name)
                if len(steps) == number + 1:
                    actor.start()
                    actor.join(PATIENCE_SEC)
            return real(*arguments, **options)

        return call

    replaced = [(os, name) for name in CALLS.split()] + [(writing, "flock")]
    before = [(module, name, getattr(module, name)) for module, name in replaced]
    for module, name, real in before:
        setattr(module, name, observed(name, real))
    try:
        yield steps
    finally:
        # In this order: shutil.rmtree() of Python 3.13 compares functions of os with each other.
        if actor.ident is not None:
            actor.join()
        for module, name, real in before:
            setattr(module, name, real)
