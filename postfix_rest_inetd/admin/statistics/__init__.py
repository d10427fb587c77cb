# SPDX-License-Identifier: MIT
"""What the journal knows of requests, added up in bounded memory, and shown.

`journal` finds the handlers' entries and `entry` takes what is counted from them; `totals` adds
that up for people (`screen`) and programs (`json_report`), `counters` for `prometheus`, and `state`
carries the counters from one run to the next.
"""
