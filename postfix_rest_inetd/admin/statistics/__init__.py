# SPDX-License-Identifier: MIT
"""What the journal says about requests, added up in bounded memory, and shown.

`journal` finds the entries of handlers, and `journal_entry` takes from them what is counted.
`totals` adds that up for people (`screen`) and for programs (`json_report`), `counters` for
`prometheus`. `state` carries the counters from one run to the next.
"""
