# SPDX-License-Identifier: MIT
"""Answer Postfix's tcp_table, socketmap and policy requests from an HTTP REST backend.

There is no daemon. systemd (or any other inetd) owns the listening sockets; each connection starts
one short-lived process of this package, which ends with the connection. The data flows one way:

    listening socket -> __main__ (options, the wait for a first request)
      -> handler          the loop over one connection; when idle: restart, and __main__ again
      -> connection       bytes from fd 0
      -> protocols        bytes to Request: codecs without I/O
      -> answering        Request to Answer, by what is in_force
      -> backend          Request to HTTP and back to Response, before a Deadline
      -> verdict          Response or error to Reply: a pure function
      -> protocols        Reply to bytes
      -> connection       bytes to fd 1
      -> log_entry, journal   what happened, for the operator

What differs from one protocol to another stands in the tables of `protocols` and, for Postfix's
side of it, `admin.protocols`. `config` turns config.json into Endpoints, and tells which of them a
connection belongs to; `generator` tells systemd where they listen, in the words of `units`. `admin`
is the operator's side: the command `postfix-rest-inetd`.

What imports what (tests/unit/test_imports.py):

- the core never imports `admin`;
- in `admin`: cli -> commands -> migration -> checks -> ask, statistics, demo, schema -> host, ui
  -> protocols, and each of them the core. Commands never import each other;
- `backend.http_connection` alone imports urllib3; `journal`, and `admin.statistics.journal`, which
  reads what was written, import systemd.

This file imports nothing: it is run by each handler and each tool.
"""

__version__ = "0.1.0"
