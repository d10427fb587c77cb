# SPDX-License-Identifier: MIT
"""The handler of the demo: the real one, but its entries go to standard error: to the screen.

In the journal they would be among those of the machine's own handlers, and `stats`, `status` and
`trace` would count them. This replaces what the handler connects to, before it connects, so that
the handler needs no option for it. A handler that hibernates wakes as this program again.
"""

from __future__ import annotations

import os
import sys

from postfix_rest_inetd import __main__, journal_socket

if __name__ == "__main__":
    journal_socket.ADDRESS = os.devnull  # not a socket: nobody takes entries there
    sys.exit(__main__.main(sys.argv[1:]))
