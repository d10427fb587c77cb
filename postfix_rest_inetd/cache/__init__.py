# SPDX-License-Identifier: MIT
"""What handlers remember for each other: answers of backends, for as long as these permit it.

    control     which answers may be stored, and how long each may be used: the rules of HTTP
    http_date   the dates of HTTP to seconds

Only answers to lookups are stored: "found" and "not found". Whatever is wrong with what is stored,
the answer is not there; it is never an error. What decides is pure: no module listed above reads a
file or a clock.
"""
