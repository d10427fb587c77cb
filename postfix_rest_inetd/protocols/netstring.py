# SPDX-License-Identifier: MIT
"""Netstrings: `LENGTH:PAYLOAD,`, the framing of the socketmap protocol.

    https://cr.yp.to/proto/netstrings.txt

- The length is decimal, without sign, blanks or leading zeros (`0` itself is a length). Postfix
  sends no other form. A length over the limit is refused at the first digit that exceeds it, so the
  number of digits is limited as well.
- The payload may contain any octet and may be empty.
- The comma is part of the frame, also after an empty payload.

The text of a violation has what was expected and the octet that came instead. The input after it
cannot be used.
"""

from __future__ import annotations

_DIGITS = b"0123456789"


class NetstringError(ValueError):
    """The input is not a netstring; the text says why, in printable ASCII."""


class NetstringDecoder:
    """Takes the bytes of a stream, gives the payloads of the netstrings in it."""

    __slots__ = ("_buffer", "_max_payload_bytes")

    def __init__(self, max_payload_bytes: int) -> None:
        """Payloads longer than `max_payload_bytes` are violations."""
        self._buffer = bytearray()
        self._max_payload_bytes = max_payload_bytes

    @property
    def pending(self) -> bool:
        """Has a part of a netstring arrived?"""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer += data

    def next_payload(self) -> bytes | None:
        """Return the next payload, or None when more input is needed.

        Raises:
            NetstringError: the input is not a netstring.
        """
        head = self._read_length()
        if head is None:
            return None
        length, start = head
        end = start + length
        if len(self._buffer) <= end:
            return None
        if self._buffer[end] != ord(","):
            raise NetstringError(f"Expected comma, but got: {_spelled(self._buffer[end])}")
        payload = bytes(self._buffer[start:end])
        del self._buffer[: end + 1]
        return payload

    def _read_length(self) -> tuple[int, int] | None:
        """The length, and where the payload starts; None when more input is needed."""
        length = 0
        for index, octet in enumerate(self._buffer):
            if octet == ord(":") and index > 0:
                return length, index + 1
            if octet not in _DIGITS:
                raise NetstringError(f"Expected a digit, but got: {_spelled(octet)}")
            if index > 0 and length == 0:
                raise NetstringError("The length has a leading zero")
            length = length * 10 + octet - ord("0")
            if length > self._max_payload_bytes:
                raise NetstringError(f"The length is over {self._max_payload_bytes}")
        return None


def encode(payload: bytes) -> bytes:
    """Frame a payload."""
    return b"%d:%s," % (len(payload), payload)


def _spelled(octet: int) -> str:
    """An octet in printable ASCII."""
    return chr(octet) if 0x21 <= octet <= 0x7E else f"0x{octet:02x}"
