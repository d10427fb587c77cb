# SPDX-License-Identifier: MIT
"""Handing entries to journald, which may keep nobody waiting for longer than a moment.

sd_journal_sendv(3), which systemd-python calls, is not used, because it can wait without end. The
socket of journald holds net.unix.max_dgram_qlen unread entries of all programs together, 10 to 512.
While journald is frozen, or hangs on its disk, nobody reads them, and systemd keeps the socket open
when journald is stopped. The descriptor is the library's own, so that it cannot be given a timeout.

The protocol is https://systemd.io/JOURNAL_NATIVE_PROTOCOL/, which systemd promises not to change.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

ADDRESS = "/run/systemd/journal/socket"

# A busy machine may let journald wait for its turn as long as that.
PATIENCE_SEC = 1.0


class JournalSocket:
    """A connection to journald, made when it is needed."""

    __slots__ = ("_is_stuck", "_socket")

    def __init__(self) -> None:
        """Connect later."""
        self._socket: _socket.socket | None = None
        self._is_stuck = False

    def deliver(self, fields: dict[str, str]) -> bool:
        """Hand over an entry; False if journald does not take it.

        It takes PATIENCE_SEC at most, and no time at all if the entry before it waited in vain.
        """
        entry = encode(fields)
        while True:
            is_new = self._socket is None
            try:
                connection = self._socket or self._connect()
                self._deliver(connection, entry)
            except (BlockingIOError, TimeoutError):
                return False
            except OSError:  # there is no journald, or it has another socket now
                self.close()
                if is_new:
                    return False
            else:
                return True

    def _connect(self) -> _socket.socket:
        import _socket  # the C module: `socket` also imports enum and selectors

        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK)
        self._socket = connection
        # Without a connection, poll(2) could not tell when the queue of the other side has room.
        connection.connect(ADDRESS)
        return connection

    def close(self) -> None:
        """Give the connection up; the next entry makes another one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _deliver(self, connection: _socket.socket, entry: bytes) -> None:
        """Send an entry; BlockingIOError or TimeoutError if nobody makes room for it."""
        try:
            _send(connection, entry)
        except BlockingIOError:
            if self._is_stuck:
                raise
            self._is_stuck = True
            # Python waits in poll(2), again if somebody else was quicker, up to one deadline.
            connection.settimeout(PATIENCE_SEC)
            try:
                _send(connection, entry)
            finally:
                connection.settimeout(0)
        self._is_stuck = False


def encode(fields: dict[str, str]) -> bytes:
    """An entry as journald wants it. Only values with a newline need their length.

    Paths may hold bytes that are not UTF-8. Python keeps them as surrogates, which are escaped.
    """
    lines = [f"{name}={value}\n" for name, value in fields.items()]
    text = "".join(lines)
    if text.count("\n") == len(lines):
        return text.encode(errors="backslashreplace")
    return b"".join([_encode_field(name, value) for name, value in fields.items()])


def _encode_field(name: str, text: str) -> bytes:
    value = text.encode(errors="backslashreplace")
    if b"\n" in value:
        return b"%s\n%s%s\n" % (name.encode(), len(value).to_bytes(8, "little"), value)
    return b"%s=%s\n" % (name.encode(), value)


def _send(connection: _socket.socket, entry: bytes) -> None:
    try:
        connection.send(entry)
    except OSError as error:
        from errno import EMSGSIZE

        if error.errno != EMSGSIZE:
            raise
        _send_file(connection, entry)


def _send_file(connection: _socket.socket, entry: bytes) -> None:
    """Send an entry that is too long for a datagram: in a file that cannot change any more."""
    import _socket
    import fcntl
    from sys import byteorder

    descriptor = os.memfd_create("journal-entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(entry)
        while view:
            view = view[os.write(descriptor, view) :]
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        rights = descriptor.to_bytes(4, byteorder)
        connection.sendmsg([], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
    finally:
        os.close(descriptor)
