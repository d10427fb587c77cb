# SPDX-License-Identifier: MIT
r"""SMTPD policy delegation: `name=value` lines and an empty line, answered by `action=TEXT`.

The protocol is described in Postfix's SMTPD_POLICY_README. An empty line also ends the reply.

What Postfix's client (smtpd/smtpd_check.c, util/attr_print_plain.c) sends:

- Lines end in a newline. A carriage return is part of the value. So a client whose lines end in
  CR LF sends `\r` instead of the empty line, and that is a line without `=`.
- The name ends at the first `=`. It consists of printable ASCII characters except the space, and is
  not empty. A value may contain all octets except NUL and newline, and may be empty.
- A line without `=`, a NUL, and a request without any attribute are broken requests.
- Unknown attributes, duplicates and empty values are kept, in order: the backend decides.
- A request is at most MAX_REQUEST_BYTES long, all lines with their newlines counted, and has at
  most MAX_ATTRIBUTES: Postfix sends about 30, none longer than its line_length_limit allows.

A broken request gets no reply: the connection is closed, and Postfix applies its
smtpd_policy_service_default_action. The text of an action must have passed the action
firewall (action.py) before it comes here.
"""

from __future__ import annotations

from .. import model
from ..errors import InvalidDataError, ProtocolError

MAX_REQUEST_BYTES = 512 * 1024
MAX_ATTRIBUTES = 1000
MAX_ACTION_BYTES = 4096

_NAME_CHARACTERS = bytes(range(0x21, 0x7F))


class Decoder:
    """Takes the bytes of one connection, gives PolicyRequests."""

    __slots__ = ("_attributes", "_buffer", "_searched", "_taken")

    def __init__(self) -> None:
        """Nothing has arrived yet."""
        self._buffer = bytearray()
        self._searched = 0  # how much of the buffer is known to hold no newline
        self._taken = 0  # how many bytes of this request have left the buffer
        self._attributes: list[tuple[bytes, bytes]] = []

    @property
    def pending(self) -> bool:
        """Has a part of a request arrived?"""
        return bool(self._buffer or self._attributes)

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer += data

    def next_request(self) -> model.PolicyRequest | None:
        """Return the next request, or None when more input is needed.

        Raises:
            ProtocolError: the input is not a request.
        """
        while (line := self._next_line()) is not None:
            if line:
                self._attributes.append(_attribute(line))
                if len(self._attributes) > MAX_ATTRIBUTES:
                    raise _broken(f"it has more than {MAX_ATTRIBUTES} attributes")
            elif self._attributes:
                request = model.PolicyRequest(self._attributes)
                self._attributes = []
                self._taken = 0
                return request
            else:
                raise _broken("it has no attribute")
        return None

    def _next_line(self) -> bytes | None:
        allowed = MAX_REQUEST_BYTES - self._taken
        newline = self._buffer.find(b"\n", self._searched, allowed)
        if newline < 0:
            self._searched = len(self._buffer)
            if self._searched >= allowed:
                raise _broken(f"it is longer than {MAX_REQUEST_BYTES} bytes")
            return None
        line = bytes(self._buffer[:newline])
        del self._buffer[: newline + 1]
        self._searched = 0
        self._taken += newline + 1
        return line

    def end(self) -> None:
        """Tell that no more input will come.

        Raises:
            ProtocolError: the input ended inside a request.
        """
        if self.pending:
            raise _broken("the connection ended in the middle of it")


def encode(reply: model.Reply) -> bytes:
    """Put a reply into the protocol's form; the result for REPLY_NONE is empty.

    Raises:
        InvalidDataError: the action is longer than MAX_ACTION_BYTES.
    """
    if reply.kind == model.REPLY_NONE:
        return b""
    action = b"action=%s%s\n\n" % (_CODES[reply.kind], reply.text.encode())
    if len(action) > MAX_ACTION_BYTES + len(b"action=\n\n"):
        raise InvalidDataError(f"the action would be longer than {MAX_ACTION_BYTES} bytes")
    return action


_CODES = {
    model.REPLY_VALUE: b"",
    model.REPLY_TEMPORARY: b"451 ",
    model.REPLY_TIMEOUT: b"451 ",
    model.REPLY_PERMANENT: b"554 ",
}


def _attribute(line: bytes) -> tuple[bytes, bytes]:
    name, equals, value = line.partition(b"=")
    if not equals:
        raise _broken("it has a line without '='")
    if not name or name.translate(None, _NAME_CHARACTERS):
        raise _broken("it has an attribute whose name is empty or not printable")
    if b"\0" in value:
        raise _broken("it has a NUL in the value of an attribute")
    return name, value


def _broken(reason: str) -> ProtocolError:
    return ProtocolError(reason, None)
