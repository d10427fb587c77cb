# SPDX-License-Identifier: MIT
"""Answer Postfix's tcp_table, socketmap and policy requests from an HTTP REST backend.

There is no daemon. systemd (or any other inetd) owns the listening sockets; each connection starts
one short-lived process of this package, which ends with the connection. The data flows one way:

    listening socket -> __main__ (options, the wait for a first request)
      -> handler          the loop over one connection; when idle: restart, and __main__ again
      -> connection       bytes from fd 0
      -> protocols.*      bytes to Request: codecs without I/O
      -> rest             Request to HTTP, before a Deadline; by resolver, transport and tls
      -> response         HTTP to Response
      -> verdict          Response or error to Reply: a pure function
      -> protocols.*      Reply to bytes
      -> connection       bytes to fd 1
      -> entry, journal   what happened, for the operator

`config` turns config.json into Endpoints; `endpoint` tells which of them a connection belongs to;
`generator` tells systemd where they listen.
`admin` is the operator's side and is never imported by the handler. Only `handler` writes to the
journal, only `lean` imports urllib3, only `journal` imports systemd; but `admin.stats_journal`,
which reads what was written, imports systemd too.

This file imports nothing: it is run by each handler and each tool.
"""

__version__ = "0.1.0"
