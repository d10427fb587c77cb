# SPDX-License-Identifier: MIT
"""The connections of the plans: sockets or pipes, some of which take very little at a time."""

from __future__ import annotations

import os
import socket
import struct
from fcntl import F_SETPIPE_SZ, fcntl

from blackbox.driven.plan import Plan

from harness.handler_process import Client, Ends, SocketClient, accepted, pipes, socket_pair

SMALL_BYTES = 4096


def reset(client: Client) -> None:
    """Close the client's end: with a RST, if it is on TCP."""
    if isinstance(client, SocketClient) and client.sock.family == socket.AF_INET:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def _narrow() -> Ends:
    """A TCP connection on which little is under way."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as ours:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BYTES)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BYTES)
        ours.connect(listener.getsockname())
        theirs = listener.accept()[0].detach()
        return Ends(SocketClient(ours.dup()), theirs, theirs)


def ends_of(plan: Plan) -> Ends:
    """A connection, one that takes little if PLAN says so."""
    if plan.ends == "pipes":
        ends = pipes()
        if plan.is_stuffed:
            fcntl(ends.stdout, F_SETPIPE_SZ, SMALL_BYTES)
        return ends
    if plan.ends == "tcp":
        if plan.is_stuffed:
            return _narrow()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return accepted(listener)
    ends = socket_pair()
    if plan.is_stuffed:
        with socket.socket(fileno=os.dup(ends.stdin)) as theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BYTES)
    return ends
