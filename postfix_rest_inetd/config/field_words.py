# SPDX-License-Identifier: MIT
"""A description of each field of config.json, for the JSON schema. Handlers do not load this.

postfix-rest-inetd.json(5) describes the fields at greater length. Their types, bounds and defaults
are in fields.py.
"""

from __future__ import annotations

from .. import model

WORDS_OF_MEMBERS = {
    "cache": {
        "max-age": "Seconds for which values are used again, unless the backend says it.",
        "not-found-max-age": 'Seconds for "not found", by the same rule.',
        "stale-if-error": "Seconds after that in which both are used while the backend fails.",
        "max-entries": "The largest number of stored answers.",
        "max-bytes": "The largest size of all stored answers, in bytes.",
    }
}

WORDS = {
    "user-agent": "The User-Agent header.",
    "endpoints": "The endpoints; there may be none.",
    "name": "A name for the journal; need not be unique.",
    "mode": f"{', '.join(model.MODES[:-1])} or {model.MODES[-1]}.",
    "target": "The URL of the backend, or a list of several, which are asked in this order.",
    "auth-token": "The X-Auth-Token header.",
    "auth-token-file": "A file that holds the token.",
    "bind-address": "The IP address to listen at; 127.0.0.1 without it.",
    "bind-port": "The TCP port to listen at.",
    "bind-path": "The unix socket to listen at.",
    "request-timeout": "The deadline, in milliseconds.",
    "list-separator": "What joins several values.",
    "headers": "Further headers of each request.",
    "tls-ca-file": "CA certificates, PEM.",
    "tls-cert-file": "The client's certificate, PEM.",
    "tls-key-file": "The key of the certificate, PEM.",
    "method": "For the mode policy.",
    "temporary-statuses": "4xx statuses that are temporary errors.",
    "failure-action": "For the mode policy: the action while the backend fails; or close.",
    "allowed-actions": "The actions that the backend may answer, to a policy request or as values "
    "of an access table.",
    "access-table": "For lookups: are the values actions, for check_*_access?",
    "log-keys": "May addresses appear in the journal?",
    "max-response-bytes": "The largest body of a response; above 1 MiB it has no effect.",
    "empty-body": "For lookups: what a response with an empty body means.",
    "cache": "For lookups: false to store nothing, or what the operator permits and the limits.",
    "hibernate-after": "Seconds without a request until the handler sleeps; 0 for never.",
}
