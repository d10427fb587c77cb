# SPDX-License-Identifier: MIT
"""The least a handler in Python can be: a constant reply to each line, and nothing imported.

To be started with `python3 -I -S`. What it costs more than the C handler, the interpreter costs.
"""

from posix import read, write

while data := read(0, 4096):
    for _ in range(data.count(b"\n")):
        write(1, b"200 value\n")
