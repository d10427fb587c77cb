# SPDX-License-Identifier: MIT
"""Where the stored answers of an endpoint are, below the cache directory.

    CACHE_DIRECTORY/1/answers/FOLDER    1: the version of the format; other names are left alone

Every handler of a lookup looks whether there is such a directory, and loads the modules of `cache`
only if there is one. So this module stands outside, and imports nothing but `os`.
"""

from __future__ import annotations

import os

FORMAT = "1"
# A FIFO is not waited for.
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_MOST_CHARACTERS = 100
_ALLOWED = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"


def folder_of(mode: str, name: str) -> str:
    """FOLDER, the name of the directory for an endpoint: `MODE.NAME`, in at most 109 characters.

    A character of the name that is not a letter of ASCII, a digit, `_` or `-` becomes `_`. If there
    is one, or if the whole is too long, the CRC-32 of the name is added. Two endpoints may share a
    directory: their answers have different names there.
    """
    folder = f"{mode}.{name}"
    if not name.strip(_ALLOWED) and len(folder) <= _MOST_CHARACTERS:
        return folder
    from zlib import crc32

    plain = "".join(character if character in _ALLOWED else "_" for character in name)
    checksum = crc32(name.encode("utf-8", "surrogatepass"))
    return f"{mode}.{plain}"[:_MOST_CHARACTERS] + f".{checksum:08x}"


def may_be_folder(name: str) -> bool:
    """Could a handler have given this name to a FOLDER? Such a name is safe in a shell command."""
    return name[:1].isalpha() and not name.strip(f".{_ALLOWED}")


def path_of(directory: str, folder: str) -> str:
    """The path of FOLDER."""
    return f"{directory}/{FORMAT}/answers/{folder}"


def folder_exists(directory: str, folder: str) -> bool:
    """Is there anything at the place of FOLDER? It takes one stat(2)."""
    try:
        os.lstat(path_of(directory, folder))
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False
    return True
