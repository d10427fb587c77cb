# SPDX-License-Identifier: MIT
"""Reading a file that the operator named on the command line: whole, and with its name in errors.

What is not a regular file, such as a FIFO or a device, is refused, because it may have no end.
"""

from __future__ import annotations

from postfix_rest_inetd import regular_file

MAX_BYTES = 64 * 1024 * 1024
"""Far more than any configuration or state has; a file of /proc may have no end."""


def read(path: str) -> bytes:
    """The content of a file.

    Raises:
        OSError: it cannot be read; `filename` and `strerror` say which file and why.
    """
    try:
        content = regular_file.read(path, MAX_BYTES + 1)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    if len(content) > MAX_BYTES:
        raise OSError(0, f"it is larger than {MAX_BYTES} bytes", path)
    return content
