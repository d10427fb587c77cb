# SPDX-License-Identifier: MIT
"""Asking one endpoint, as Postfix does or its backend itself, and what Postfix makes of the answer.

question         the words of the command line to an endpoint and a request
codec            Postfix's side of the protocols: no I/O
socket_client    through the socket;  direct_client  without a socket and a handler
record           what is remembered meanwhile: steps, times, bytes without secrets
actions, effects what Postfix does with an action, and with a reply; keys: what it asks
many             keys from standard input
screen           what is printed
"""
