# SPDX-License-Identifier: MIT
"""The state of everything on one screen, for `status`. What is wrong, other packages decide.

looking      looks at configuration, sockets, connections, the journal and known outages
last_hour    what the journal has about the last hour, in bounded time
remedies     what to do about a failure, in a sentence
screen, json_report   the output
"""
