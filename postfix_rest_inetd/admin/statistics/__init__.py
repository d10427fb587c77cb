# SPDX-License-Identifier: MIT
"""The statistics of requests in the journal: added up in bounded memory, and printed.

`journal` finds the entries of handlers, `journal_entry` extracts the data that is counted, and
`selection` chooses the entries of a period and of some endpoints. `totals` adds them up for people
(`screen`) and for programs (`json_report`), `counters` for `prometheus`. `state` carries the
counters from one run to the next.
"""
