# SPDX-License-Identifier: MIT
"""Asks one endpoint, and shows what Postfix does with the answer.

question         from the command line to an endpoint and a request
codec            Postfix's side of the protocols: no I/O
socket_client    asks through the socket, as Postfix does
direct_client    asks the backend itself, without a socket and a handler
record           what happens meanwhile: steps, times, and bytes without secrets
actions, effects what Postfix does with an action, and with a reply
keys             which keys Postfix looks up
uses             which parameters of this machine's Postfix ask the endpoint
many             keys from standard input
screen           the output
json_report      the output for programs
"""
