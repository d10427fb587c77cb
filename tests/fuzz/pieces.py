# SPDX-License-Identifier: MIT
"""The ways in which the bytes of an input may arrive.

They are derived from the input itself. So a target remains a function of its input, seeds look like
what arrives on the wire, and a mutation of the input tries other splittings as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from zlib import crc32

_MOST_PIECES = 128
_MOST_CUTS = 3


def splittings(data: bytes) -> Iterator[list[bytes]]:
    """Byte by byte, or a few bytes at a time if there are many; and in two to four pieces."""
    step = 1 + len(data) // _MOST_PIECES
    yield [data[at : at + step] for at in range(0, len(data), step)]
    number = crc32(data)
    places = []
    for _ in range(1 + number % _MOST_CUTS):
        number //= _MOST_CUTS
        places.append(number % (len(data) + 1))
    places.sort()
    ends = zip([0, *places], [*places, len(data)], strict=True)
    yield [data[begin:end] for begin, end in ends]


@contextmanager
def limits(module: ModuleType, **values: int) -> Iterator[None]:
    """Limits of a module that short inputs reach."""
    before = {name: getattr(module, name) for name in values}
    vars(module).update(values)
    try:
        yield
    finally:
        vars(module).update(before)
