# SPDX-License-Identifier: MIT
"""What is known about targets that are down, shared by all handlers of a machine.

CACHE_DIRECTORY/1/backends has a file for each target that is down, and no file for any other:

- The first failure makes the file, and the next attempt is due RETRY_SEC later. The handler that
  claims this attempt notes the time of the one after it before it asks, so exactly one of any
  number of handlers asks, and one that is killed meanwhile holds nothing up. With each attempt, the
  pause doubles, up to MAX_PAUSE_SEC, times a random factor of 0.5 to 1. It doubles before the
  attempt has failed, because that may take as long as request-timeout, and nobody should wait with
  it. When it has failed, the pause begins anew. Failures of other handlers change nothing. Any
  success removes the file.
- A backend that has read a lookup and failed may fail for this key only: its data may be broken, or
  take too long. So the target is down for this key at first, and for all when another request fails
  as well. A failure before anything was read, to connect for example, is one for all at once.
- A name is the BLAKE2b digest of the URL, and another digest of it is the key of the MAC in the
  file (outage.py). Readers take no lock. A writer holds flock(2) while it reads and writes the
  record; if it would have to wait, it does without, because another one is doing the same.
- A record that says nothing is as good as none: the target is not known to be down. The next
  failure or success replaces or removes it.
- No method raises OSError. Where the directory cannot be used (another owner, read-only, full), the
  process remembers for itself, by the same rules, and `problem` has the first reason. So does root
  in the directory of another user, who could not use what root makes there.

None of this keeps a request from a backend. It is about the order of targets, and about whether a
request that has a usable stale answer waits for another outage.
"""

from __future__ import annotations

import os
import stat
from errno import ENOSPC

from .. import model
from ..blake2 import blake2b
from .clock import elapsed_sec, now
from .outage import FORMAT, RECORD_BYTES, began, unpacked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .clock import Moment
    from .outage import Outage

    _Change = Callable[[Outage | None], Outage | None]

_DIGEST_BYTES = 20
_TAG_BYTES = 8
# Nobody has asked such a target for a long time; it may not be in the configuration any more.
_FORGOTTEN_SEC = 86400
_MAX_SWEPT = 1000

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WRITE = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Outages:
    """What this process knows, and shares if it has a directory, about targets that are down.

    Attributes:
        problem: the first reason why the directory could not be used; None if there was none.
    """

    __slots__ = ("_claims", "_directory", "_keys", "_own", "problem")

    def __init__(self, directory: str | None) -> None:
        """Remember in `directory` (CACHE_DIRECTORY); with None, in this process only."""
        is_shared = directory is not None and not _is_foreign(directory)
        self._directory = f"{directory}/{FORMAT}/backends" if is_shared else None
        self._keys: dict[str, tuple[str, bytes]] = {}
        self._claims: dict[str, Outage] = {}
        # What could not be written; None: the target is up, whatever the file says.
        self._own: dict[str, Outage | None] = {}
        self.problem: str | None = None

    def is_down(self, url: str, request: model.Request | None = None) -> bool:
        """Is the target known to be down for a request? Without one: for any?"""
        record = self._find(url, now)
        return record is not None and self._concerns(record, url, request)

    def outage_of(self, url: str, moment: Moment) -> tuple[float, float] | None:
        """For operators: when an outage began, and in how many seconds the next attempt is due.

        The first is in seconds since 1970. None if the target is not known to be down.
        """
        record = self._find(url, lambda: moment)
        if record is None:
            return None
        elapsed = elapsed_sec(record.at, moment) or 0.0
        return record.since, max(0.0, record.wait_sec - elapsed)

    def claim(self, url: str, request: model.Request | None = None) -> bool:
        """May this process ask a target that is down, as the only one for a while?

        True again as long as that while lasts and neither failed() nor succeeded() was called. True
        for a target that is not known to be down for the request.
        """
        claimed = self._claims.get(url)
        if claimed is not None and not claimed.is_due(now()):
            return True
        record = self._find(url, now)
        if record is None or not self._concerns(record, url, request):
            return True
        moment = now()
        if not record.is_due(moment):
            return False

        def claim(found: Outage | None) -> Outage | None:
            return found.after_claim(moment) if found and found.is_due(moment) else None

        changed = self._change(url, claim, moment)
        if changed is None:  # another one was faster, or it is up again
            return not self.is_down(url, request)
        self._claims[url] = changed
        return True

    def failed(self, url: str, request: model.Request | None = None) -> None:
        """A request to the target has failed, which may have been read; None: it was not."""
        claimed = self._claims.pop(url, None)
        moment, tag = now(), "" if request is None else self._tag_of(url, request)
        record = self._find(url, lambda: moment)
        if record is not None and claimed is None and record.tag in ("", tag):
            return

        def fail(found: Outage | None) -> Outage | None:
            if found is None:
                return began(moment, tag)
            if found.tag not in ("", tag):
                return found.for_all(moment)
            if claimed is None or claimed.since != found.since:
                return None
            # A slow attempt may end after another one that has doubled the pause already.
            is_current = claimed.pause_sec >= found.pause_sec
            return found.after_failure(moment) if is_current else None

        self._change(url, fail, moment, os.O_CREAT)

    def succeeded(self, url: str) -> None:
        """A request to the target got a response that is not an outage: it is up."""
        self._claims.pop(url, None)
        self._own.pop(url, None)
        path, _ = self._key_of(url)
        if self._directory is None or not os.access(path, os.F_OK):
            return
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._complain(error)
            self._own[url] = None

    def _key_of(self, url: str) -> tuple[str, bytes]:
        """The path of the file for a target, and the key of its MAC."""
        found = self._keys.get(url)
        if found is None:
            data = url.encode(errors="surrogatepass")
            name = blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()
            found = f"{self._directory}/{name}", blake2b(data).digest()
            self._keys[url] = found
        return found

    def _tag_of(self, url: str, request: model.Request) -> str:
        """What distinguishes a lookup from others; empty for a policy request, which is unique."""
        if isinstance(request, model.PolicyRequest):
            return ""
        data = b"%d %s" % (len(request.key), request.key + (request.map_name or b""))
        return blake2b(data, digest_size=_TAG_BYTES, key=self._key_of(url)[1]).hexdigest()

    def _concerns(self, record: Outage, url: str, request: model.Request | None) -> bool:
        """Is a target down for this request?"""
        return not record.tag or request is None or record.tag == self._tag_of(url, request)

    def _find(self, url: str, moment: Callable[[], Moment]) -> Outage | None:
        """The record of a target that is down; None if it is not known to be down."""
        if url in self._own:
            return _valid(self._own[url], moment)
        path, key = self._key_of(url)
        # A target is usually up: without a file, this is all.
        if self._directory is None or not os.access(path, os.F_OK):
            return None
        try:
            descriptor = os.open(path, _READ)
            try:
                return _valid(_read(descriptor, key), moment)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._complain(error)
        return None

    def _change(self, url: str, change: _Change, moment: Moment, flag: int = 0) -> Outage | None:
        """Replace the record of a target by what `change` makes of it; returns that.

        None: `change` did not want to, or another process is changing or removing the record.
        """
        if self._directory is not None:
            try:
                changed = self._change_file(url, change, moment, flag)
            except OSError as error:
                self._complain(error)
            else:
                if changed is not None:
                    self._own.pop(url, None)
                if changed is not None or url not in self._own:
                    return changed
        changed = change(self._find(url, lambda: moment))
        if changed is not None:
            self._own[url] = changed
        return changed

    def _change_file(self, url: str, change: _Change, moment: Moment, flag: int) -> Outage | None:
        from fcntl import LOCK_EX, LOCK_NB, flock

        path, key = self._key_of(url)
        descriptor = self._open(path, flag)
        if descriptor is None:
            return None
        try:
            try:
                flock(descriptor, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                return None
            found = _valid(_read(descriptor, key), lambda: moment)
            changed = change(self._own.get(url) or found)
            if changed is not None:
                data = changed.packed(key)
                if os.pwrite(descriptor, data, 0) < len(data):
                    raise OSError(ENOSPC, os.strerror(ENOSPC))
                if found is None:
                    self._sweep(os.fstat(descriptor).st_mtime)
        finally:
            os.close(descriptor)
        return changed

    def _open(self, path: str, flag: int) -> int | None:
        """Open a file for writing; with O_CREAT, make it, and its directories, if necessary."""
        try:
            return os.open(path, _WRITE | flag, 0o600)
        except FileNotFoundError:
            if not flag:
                return None
        assert self._directory is not None  # noqa: S101 - there is no path without it
        for directory in (os.path.dirname(self._directory), self._directory):
            try:
                os.mkdir(directory, 0o700)
            except FileExistsError:
                continue
        return os.open(path, _WRITE | flag, 0o600)

    def _sweep(self, written: float) -> None:
        """Remove files that nobody has used for a long time before this one was written."""
        assert self._directory is not None  # noqa: S101 - there is no file without it
        try:
            for name in os.listdir(self._directory)[:_MAX_SWEPT]:
                path = f"{self._directory}/{name}"
                if abs(written - os.lstat(path).st_mtime) > _FORGOTTEN_SEC:
                    os.unlink(path)
        except OSError:
            return  # another one removes it, or it cannot be removed

    def _complain(self, error: OSError) -> None:
        if self.problem is None:
            self.problem = f"{self._directory}: {error.strerror}"


def _is_foreign(directory: str) -> bool:
    """Is this process root's, and the directory that of another user?"""
    try:
        return os.geteuid() == 0 and os.stat(directory).st_uid != 0
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False


def _valid(record: Outage | None, moment: Callable[[], Moment]) -> Outage | None:
    """A record that says something at this moment."""
    return record if record is not None and record.is_valid(moment()) else None


def _read(descriptor: int, key: bytes) -> Outage | None:
    """The record of an open file; None if it has none that can be used.

    Raises:
        OSError: it is not a file of ours, or cannot be read.
    """
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(0, "there is something that is not a regular file")
    if found.st_uid not in (os.geteuid(), 0):
        raise OSError(0, "there is a file of another user")
    return unpacked(os.pread(descriptor, RECORD_BYTES + 1, 0), key)
