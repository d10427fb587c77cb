# SPDX-License-Identifier: MIT
"""What the journal says about requests, added up in bounded memory, and shown.

`journal` finds the entries of handlers, `journal_entry` takes from them what is counted, and
`selection` chooses those of a period and of some endpoints. `totals` adds them up for people
(`screen`) and for programs (`json_report`), `counters` for `prometheus`. `state` carries the
counters from one run to the next.
"""
