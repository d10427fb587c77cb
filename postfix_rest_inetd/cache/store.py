# SPDX-License-Identifier: MIT
"""The stored answers of one endpoint: plain files, which are looked at and replaced as a whole.

    FOLDER/XX/DIGEST     an answer (record.py); XX: the first two digits of its name
    FOLDER/new/RANDOM    one that is being written, before it gets its place

- Each request opens FOLDER (cache_folder.py) anew, and everything is relative to that descriptor.
  A purge replaces FOLDER, so what was asked before comes to nothing.
- put() stores only if what is there is what look() found. link(2) adds a file only if there is
  none. Before a file is replaced, it is locked (flock(2)) and compared. The lock is held for
  microseconds and is not waited for: a handler that finds the file locked does not store. The
  kernel releases the lock when its holder dies.
- XX has its share, 1/256, of max-entries and max-bytes, where a file counts with whole blocks of
  4096 bytes. put() removes the oldest files beyond (writing.py).
- FOLDER must belong to the user of the process, and nobody else may write in it. Root, who looks
  for the operator, also reads what belongs to the owner of FOLDER, but stores nothing there.
- Whatever goes wrong is a miss, or an answer that is not stored, and never an exception. `problem`
  has the first reason. Nothing is written to disk at once (fsync(2)): a file that is torn after a
  loss of power has no valid MAC.

SQLite was the other candidate, as _sqlite3, without fsync, and with 20 ms to wait for its lock. On
Debian 13 (Python 3.13.5, SQLite 3.46.1, ext4, two cores that others used as well):

    instructions (callgrind)             files       WAL         rollback journal
    cold hit, more than bare Python      3.5 M       15.6 M      13.7 M
    warm hit                             61 k        56 k        57 k
    300 processes, one in ten lookups stores, store opened anew each time, lowest to highest run
    lookups/s                            3500-19000  840-10900   2500-5800
    stored/s                             320-1800    41-52       2
    not stored                           5-6 %       53-95 %     99 %
    lookups that failed (locked)         none        6-10 %      19-96 %
"""

from __future__ import annotations

import os
import stat
from time import time_ns

from ..cache_folder import DIRECTORY_FLAGS, FILE_FLAGS, FORMAT, path_of
from .record import BLOCK_BYTES, TOMBSTONE, from_bytes, mark_of, rounded, to_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .record import Mark, StoredAnswer

SUBDIRECTORIES = 256
# A connection often asks for the same keys, domains above all. An answer that it has read need not
# be read and verified again as long as its file has the same mark.
_MOST_KNOWN = 32
_MOST_KNOWN_BYTES = 1024
_TICK_NS = 50_000_000


class Look:
    """What was found at the place of an answer, and where that place is.

    Attributes:
        record: the answer, or None.
        digest, mac_key: those that look() was called with.
        descriptor: of FOLDER; -1 if it could not be opened, or was closed.
        is_absent: was there no FOLDER?
        mark: of the file; None if there was none.
    """

    __slots__ = ("descriptor", "digest", "is_absent", "mac_key", "mark", "record")

    def __init__(self, digest: str, mac_key: bytes) -> None:
        """Nothing was found."""
        self.digest = digest
        self.mac_key = mac_key
        self.record: StoredAnswer | None = None
        self.mark: Mark | None = None
        self.descriptor = -1
        self.is_absent = False

    @property
    def path(self) -> str:
        """The path of the file, relative to FOLDER."""
        return f"{self.digest[:2]}/{self.digest}"

    def close(self) -> None:
        """Close the descriptor; the look is of no use any more."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Store:
    """The stored answers of one endpoint.

    Attributes:
        problem: the first thing that went wrong, in words; empty if nothing did.
    """

    __slots__ = (
        "_directory",
        "_known",
        "_most_bytes",
        "_most_entries",
        "_path",
        "_user",
        "problem",
    )

    def __init__(self, directory: str, folder: str, max_entries: int, max_bytes: int) -> None:
        """`directory` is the cache directory, `folder` comes from cache_folder.folder_of()."""
        self._directory = directory
        self._path = path_of(directory, folder)
        self._most_entries = max(1, max_entries // SUBDIRECTORIES)
        self._most_bytes = max(BLOCK_BYTES, max_bytes // SUBDIRECTORIES)
        self._user = os.geteuid()
        # The answers that were read: by what, besides the name, has to be as it was.
        self._known: dict[str, tuple[tuple[bytes, Mark, int], StoredAnswer]] = {}
        self.problem = ""

    def look(self, digest: str, mac_key: bytes) -> Look:
        """Look for an answer; to be closed by the caller.

        `digest` is the name of its file, 40 hexadecimal digits, and `mac_key` has 1 to 64 bytes.
        """
        look = Look(digest, mac_key)
        try:
            look.descriptor, owner = self._open_folder()
        except FileNotFoundError:
            look.is_absent = True
            return look
        except (OSError, ValueError) as error:
            self._note("", error)
            return look
        try:
            self._read(look, owner)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._note(look.path, error)
        return look

    def put(self, look: Look, record: StoredAnswer) -> bool:
        """Store an answer, if nothing has changed since look(); False if it is not stored."""
        content = to_bytes(record, look.mac_key)
        if rounded(len(content)) > self._most_bytes:
            self.remove(look)
            return False
        try:
            if look.is_absent:
                self._make_folder(look)
            if look.descriptor < 0 or os.fstat(look.descriptor).st_uid != self._user:
                return False
            return self._store(look, content)
        except (FileNotFoundError, FileExistsError):
            return False  # FOLDER was purged, or a file in `new` was taken for left over
        except OSError as error:
            self._note(look.path, error)
            return False

    def remove(self, look: Look) -> None:
        """Remove the answer that look() has found, if it is still there: there is a newer one."""
        if look.mark is None or look.descriptor < 0:
            return
        from .writing import remove_if_unchanged

        try:
            place = os.open(look.digest[:2], DIRECTORY_FLAGS, dir_fd=look.descriptor)
            try:
                remove_if_unchanged(look.digest, place, look.mark)
            finally:
                os.close(place)
        except FileNotFoundError:
            return  # FOLDER was purged
        except OSError as error:
            self._note(look.path, error)

    def _read(self, look: Look, owner: int) -> None:
        known = self._known.get(look.digest)
        if known is not None:
            mark = mark_of(os.stat(look.path, dir_fd=look.descriptor, follow_symlinks=False))
            if known[0] == (look.mac_key, mark, owner):
                look.mark, look.record = mark, known[1]
                return
            del self._known[look.digest]
        self._read_file(look, owner)

    def _read_file(self, look: Look, owner: int) -> None:
        descriptor = os.open(look.path, FILE_FLAGS, dir_fd=look.descriptor)
        try:
            found = os.fstat(descriptor)
            look.mark = mark_of(found)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(0, "it is not a regular file")
            if found.st_uid not in (0, owner):
                raise OSError(0, "it belongs to another user")
            if rounded(found.st_size) > self._most_bytes:
                return  # max-bytes was larger
            content = os.read(descriptor, found.st_size + 1)
        finally:
            os.close(descriptor)
        if content == TOMBSTONE:
            return
        record = from_bytes(content, look.mac_key)
        if record is None:
            raise OSError(0, "its content is damaged")
        record.is_expired = not found.st_mode & stat.S_IWUSR
        look.record = record
        # What changes twice within a tick of the kernel's clock may have the same mark.
        if len(content) <= _MOST_KNOWN_BYTES and abs(time_ns() - found.st_ctime_ns) > _TICK_NS:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[look.digest] = (look.mac_key, look.mark, owner), record

    def _open_folder(self) -> tuple[int, int]:
        """The descriptor of FOLDER, and its owner."""
        descriptor = os.open(self._path, DIRECTORY_FLAGS)
        try:
            return descriptor, self._owner_of(descriptor)
        except OSError:
            os.close(descriptor)
            raise

    def _owner_of(self, folder: int) -> int:
        """The owner of FOLDER, if it can be trusted."""
        found = os.fstat(folder)
        if self._user not in (0, found.st_uid):
            raise OSError(0, "it belongs to another user")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise OSError(0, "other users may write in it")
        return found.st_uid

    def _make_folder(self, look: Look) -> None:
        """Make FOLDER, and open it; not if somebody else makes it at the same time.

        A purge may replace FOLDER before it is opened. The one that it makes has `new` in it.
        """
        from .writing import NEW, make_directory

        look.is_absent = False
        try:
            if self._user == 0 and os.stat(self._directory).st_uid != 0:
                return  # root, for example, must not leave anything of its own
            for path in (f"{self._directory}/{FORMAT}", f"{self._directory}/{FORMAT}/answers"):
                make_directory(path)
            os.mkdir(self._path, 0o700)
        except FileExistsError:
            return
        except OSError as error:
            self._note("", error)
            return
        descriptor, _ = self._open_folder()
        try:
            os.mkdir(NEW, 0o700, dir_fd=descriptor)
        except OSError:
            os.close(descriptor)
            raise
        look.descriptor = descriptor

    def _store(self, look: Look, content: bytes) -> bool:
        from .writing import add, open_subdirectory, remove, replace, write_new

        folder, name = look.descriptor, look.digest
        former_ns = 0 if look.mark is None else look.mark[2]
        is_again = look.record is not None
        path = write_new(folder, content, is_again=is_again, former_ns=former_ns)
        try:
            place = open_subdirectory(folder, name[:2])
            try:
                if look.mark is None:
                    is_stored = add(path, folder, name, place)
                else:
                    is_stored = replace(path, folder, name, place, look.mark)
                if is_stored:
                    self._tidy(look, place, rounded(len(content)))
            finally:
                os.close(place)
        finally:
            remove(path, folder)
        return is_stored

    def _tidy(self, look: Look, place: int, size: int) -> None:
        """Keep the bounds after a file of so many bytes was stored."""
        from .writing import remove_leftovers, remove_oldest

        try:
            if look.mark is None or look.mark[4] < size:
                remove_oldest(place, look.digest, self._most_entries, self._most_bytes)
            if look.mark is None:
                remove_leftovers(look.descriptor)
        except FileNotFoundError:
            pass  # FOLDER was purged
        except OSError as error:
            self._note(look.digest[:2], error)

    def _note(self, path: str, error: OSError | ValueError) -> None:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        where = f"{self._path}/{path}" if path else self._path
        self.problem = self.problem or f"{where}: {reason}"
