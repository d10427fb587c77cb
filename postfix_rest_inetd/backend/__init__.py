# SPDX-License-Identifier: MIT
"""The HTTP side: one Client for one target, which asks its backend before a Deadline.

    client            sends a request and reads the response; the connection is kept
    request           a request to bytes
    http_connection   urllib3's connection class: the only module that imports urllib3
    resolver          the name of a backend to addresses
    stream            a connection to one of them, all of whose operations end by the deadline
    tls               the same, encrypted and verified
    response          bytes to status and body, within bounds

All of it raises BackendError (errors.py), and ConfigError for a file that TLS cannot use.
"""
