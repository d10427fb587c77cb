# SPDX-License-Identifier: MIT
"""What the handlers of a machine share: answers of backends, and which backends are down.

    memory      the stored answers of an endpoint, as its requests see them
    identity    what a stored answer is the answer to
    control     which answers may be stored, and how long each may be used: the rules of HTTP
    http_date   the dates of HTTP to seconds
    clock       how much time has passed since an answer was stored
    record      a stored answer as the content of a file
    store       the files
    purge       what the operator does with them
    outages     which targets are down, and who asks them again: the files
    outage      one of them, as the content of a file

Only answers to lookups are stored: "found" and "not found". Whatever is wrong with what is stored,
the answer is not there; it is never an error.
"""
