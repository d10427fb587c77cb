# SPDX-License-Identifier: MIT
"""Answer Postfix's tcp_table, socketmap and policy requests from an HTTP REST backend.

There is no daemon. systemd, or another inetd, owns the listening sockets. Each connection starts
one short-lived process of this package, which ends with the connection. The data flows one way:

    listening socket -> __main__ (options, the wait for a first request)
      -> handler          the loop over one connection; when idle: restart, and __main__ again
      -> connection       bytes from fd 0
      -> protocols        bytes to Request: codecs without I/O
      -> answering        Request to Answer, by the configuration that is in_force
      -> backend          Request to HTTP and back to Response, before a Deadline
      -> verdict          Response or error to Reply: a pure function
      -> protocols        Reply to bytes
      -> connection       bytes to fd 1
      -> log_entry, journal   what happened, for the operator

The tables of `protocols`, and of `admin.protocols` for Postfix's side, say what differs from one
protocol to another. `config` turns config.json into Endpoints, and finds the one that a connection
belongs to. `cache` is what all handlers of a machine remember together.
`generator` tells systemd where they listen; the text of the units comes from `units`.
`admin` is the command `postfix-rest-inetd`, for operators.

What imports what (tests/unit/test_imports.py):

- the core never imports `admin`;
- in `admin`: cli -> commands -> setup -> application, migration, overview -> checks -> stored,
  trace -> ask, statistics, demo, schema -> host, ui -> protocols, and each of them imports the
  core. Commands never import each other. cli -> completion -> trace, ask, statistics, host;
- only `backend.http_connection` imports urllib3. Only `admin.statistics.journal`, which reads the
  entries, imports systemd; `journal_socket` says why they are not written with it.

This file imports nothing, because every handler and every tool runs it.
"""

__version__ = "0.1.0"
