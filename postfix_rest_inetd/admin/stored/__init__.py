# SPDX-License-Identifier: MIT
"""The stored answers of handlers (`cache`), for operators: what there is, and how to get rid of it.

identity     to which requests of an endpoint its stored answers belong
entries      the files of an endpoint
summary      their numbers, for each endpoint
purging      removes them, or declares one stale
screen, json_report  the output

All of it works in the cache directory as the owner of that directory (admin.host.owner).
"""
