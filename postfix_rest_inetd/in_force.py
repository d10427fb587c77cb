# SPDX-License-Identifier: MIT
"""The configuration in force for one connection: its endpoint, its token, and a client.

Before each request, the marks (marks.py) of config.json and of the files that it names (token,
certificate, key and CA) are compared with those of the last look. Their present content is put into
force, on open connections as well.

- If the new content cannot be used, the connection continues with the previous configuration, and
  the operator is told once per change. A connection without a previous configuration has no
  endpoint, and reads the files again for each request. A failure may have a reason that no mark
  shows. So another attempt is made after RETRY_SEC, or after KEPT_RETRY_SEC if there is a previous
  configuration, because there may be hundreds of such connections.
- A file that changed less than SETTLE_SEC ago may be half written, or may be about to be replaced.
  A connection with a previous configuration does not report a failure yet; one without waits. A
  file that seems settled is read twice: ext4 truncates a file a moment before it stamps it.
- client() makes a client for the first request that needs it. If that fails, the files cannot be
  used, and are read once more. From then on, and whenever there is a previous configuration, the
  client is made before a new configuration is put into force, because only that shows whether the
  new configuration can be used. A handler that wakes and finds what it had before makes none: there
  is nothing else to go on with, and its next request may have a stored answer.
- A problem with another endpoint does not affect this connection (config/loading.py).
- The endpoint is the one that listens at the local address of the connection. If that address has
  no endpoint any more, the endpoint with the same mode and name is used: it has moved. If there is
  none, the new configuration cannot be used for this connection.
- A handler that wakes from hibernation, and cannot use the files, continues with the configuration
  that it had before (handover.py).

The system's trust store is read when a client is made: when one of these files has changed, or when
the handler wakes.
"""

from __future__ import annotations

from time import monotonic, sleep

from . import handover
from .config import credentials, loading
from .errors import ConfigError
from .marks import has_settled, mark_of
from .protocols import codec_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .backend.backends import Backends
    from .backend.client import Client
    from .config.endpoint import Endpoint
    from .config.loading import Config
    from .deadline import Deadline
    from .marks import Mark
    from .shared import Shared

# An editor that saves a file in place, or a shell with `>`, takes milliseconds.
SETTLE_SEC = 0.25
# The limit, because a file that is rewritten again and again never settles.
MAX_WAIT_SEC = 1.0
PAUSE_SEC = 0.02
RETRY_SEC = 1.0
KEPT_RETRY_SEC = 10.0
# Longer than a tick of the clock that the kernel stamps files with.
_TICK_SEC = 0.05


class Options:
    """The options of the command line.

    Attributes:
        config: the path of the configuration.
        mode, endpoint: restrict the choice of the endpoint; None for no restriction.
        cache_directory: the directory that all handlers share; None if there is none.
    """

    __slots__ = ("cache_directory", "config", "endpoint", "mode")

    def __init__(
        self,
        config: str,
        mode: str | None = None,
        endpoint: str | None = None,
        cache_directory: str | None = None,
    ) -> None:
        """Read nothing yet."""
        self.config = config
        self.mode = mode
        self.endpoint = endpoint
        self.cache_directory = cache_directory


class InForce:
    """The present configuration for the requests of one connection.

    Attributes:
        endpoint: None as long as no configuration could be used.
        shared: what is shared about the endpoint with other handlers; None if nothing is.
        problem: why the present files cannot be used; None if they can.
        is_loaded: are the modules loaded that a client needs?
        is_news: must the operator be told of `problem`? The caller that does so sets it to False.
    """

    __slots__ = (
        "_client",
        "_content",
        "_digest",
        "_digests",
        "_failures",
        "_is_doubtful",
        "_is_fresh",
        "_marks",
        "_may_load",
        "_options",
        "_retry_at",
        "_token",
        "_told",
        "_user_agent",
        "endpoint",
        "is_loaded",
        "is_news",
        "problem",
        "shared",
    )

    def __init__(self, options: Options, may_load: Callable[[], bool] = lambda: True) -> None:
        """Read nothing yet. `may_load` tells whether what is loaded is still what is installed."""
        self._options = options
        self._may_load = may_load
        self._marks: dict[str, Mark] = {}
        self._failures = 0  # in succession
        self._is_fresh = True  # may a mark stand for more than one content?
        self._is_doubtful = False  # has it failed to make a client?
        self._told: dict[str, Mark] = {}
        self._retry_at = 0.0
        self._content: bytes | None = None  # for hand_over(), unless it is too large
        self._digest = 0
        self._digests: list[bytes | None] = []
        self._user_agent = ""
        self._token = b""
        self.endpoint: Endpoint | None = None
        self.shared: Shared | None = None
        self.is_loaded = False
        self._client: Client | Backends | None = None
        self.problem: ConfigError | None = None
        self.is_news = False

    def look(self) -> None:
        """Put into force what has changed since the last call; set `problem` if it is unusable.

        Takes up to MAX_WAIT_SEC if nothing is in force. Unexpected exceptions are not caught.
        """
        end = monotonic() + MAX_WAIT_SEC
        while self.is_due():
            self._read()
            if self.problem is None or (self.endpoint is not None and self._failures > 1):
                break
            if self._has_settled() or monotonic() > end:
                self._tell()
                break
            sleep(PAUSE_SEC)

    def is_due(self) -> bool:
        """Will look() read the files?"""
        if self._is_fresh or (self.problem is not None and monotonic() >= self._retry_at):
            return True
        return any(mark_of(path) != mark for path, mark in self._marks.items())

    def restrict(self, mode: str) -> None:
        """Restrict the choice to endpoints of this mode, which the client speaks."""
        self._options.mode = mode

    def load(self) -> None:
        """Load the modules that a client needs, if there is an endpoint; do not make one yet.

        They are the larger part of what a handler loads. If answers are stored, perhaps none of
        them is needed, and client() loads them if need be.
        """
        if self.endpoint is None or (self.shared is not None and self.shared.has_answers):
            return
        self.is_loaded = True
        from . import backend

        backend.load(self.endpoint)

    def client(self) -> Client | Backends:
        """The client for the backend of the endpoint in force, which must not be None.

        If it cannot be made, the files are read once more, and `endpoint` becomes one that can be
        used, or None.

        Raises:
            ConfigError: no endpoint can be used; the error is also `problem`.
        """
        if self._client is None:
            assert self.endpoint is not None  # noqa: S101
            self.is_loaded = True
            try:
                known = self._user_agent, self._token, self.shared
                self._client = _client_of(self.endpoint, *known)
            except ConfigError:
                self.endpoint, self._is_doubtful, self._is_fresh = None, True, True
                self.look()
        if self._client is None:
            assert self.problem is not None  # noqa: S101 - look() has found it
            raise self.problem
        return self._client

    def has_changed(self, deadline: Deadline) -> bool:
        """Is another configuration in force now? For a request that the backend has refused.

        All files are read, whatever their marks are. A file that has just changed may be
        incomplete, so this waits until it has settled, for at most MAX_WAIT_SEC and within the
        deadline.
        """
        before, end = self._client, monotonic() + MAX_WAIT_SEC
        while True:
            self._is_fresh = True
            self.look()
            if self._client is not before:
                return True
            if self._has_settled() or monotonic() > end or deadline.expired():
                return False
            sleep(PAUSE_SEC)

    def hand_over(self) -> None:
        """Hand the configuration in force over to the program that replaces this one."""
        if self.endpoint is not None and self._content is not None:
            mode, name = self.endpoint.mode, self.endpoint.name
            handover.leave(handover.State(mode, name, self._token, self._content))

    def _read(self) -> None:
        """Put the content of the files into force, or set `problem`."""
        self._marks, self._is_fresh = {}, False
        self._watch(self._options.config)
        try:
            self._use(loading.read(self._options.config))
        except ConfigError as error:
            self.problem = error
            self._failures += 1
            self._fall_back()
        else:
            self.problem, self._failures = None, 0
            self._told, self.is_news = {}, False  # a repaired file is not news
            handover.discard()

    def _fall_back(self) -> None:
        """Continue with the previous configuration; the files that it names may have changed."""
        if self.endpoint is None:
            self._restore()
        else:
            self._renew()
        retry_sec = RETRY_SEC if self.endpoint is None else KEPT_RETRY_SEC
        if self._has_settled():
            self._tell()
        else:
            retry_sec = 0.0
        self._retry_at = monotonic() + retry_sec

    def _restore(self) -> None:
        """Continue with the configuration from before the handler started over, if still usable."""
        left = handover.take()
        try:
            if left is not None:
                self._use(left.content, left.token)
        except ConfigError:
            return  # a certificate may have been removed

    def _renew(self) -> None:
        """Put a new token or new certificates of the endpoint into force, if they are usable."""
        try:
            self._use(None)
        except ConfigError:
            return  # the previous ones stay

    def _tell(self) -> None:
        if self._marks != self._told:
            self._told = self._marks
            self.is_news = True

    def _use(self, content: bytes | None, token: bytes | None = None) -> None:
        """Put the content of a configuration file into force, all of it or nothing.

        Without `content`, the endpoint in force is used, with the present content of its files.
        Without `token`, the token of the endpoint is used.

        Raises:
            ConfigError: it is unusable for this connection.
        """
        endpoint, user_agent = self.endpoint, self._user_agent
        digest = self._digest if content is None else hash(content)
        is_same = endpoint is not None and digest == self._digest
        if endpoint is None or not is_same:
            loaded = loading.parse(content or b"", self._options.config, tolerant=True)
            endpoint, user_agent = self._choose(loaded), loaded.user_agent
        for path in credentials.paths_of(endpoint):
            self._watch(path)
        digests = [credentials.digest_of(path) for path in credentials.certificates_of(endpoint)]
        if token is None:
            token = credentials.auth_token_of(endpoint)
        if is_same and token == self._token and digests == self._digests:
            return  # the connection to the backend is kept
        codec_of(endpoint.mode)  # if this fails here, the connection can still continue
        is_tried = self._has_other(content, token)
        self._serve(endpoint, user_agent, token, digests, is_tried=is_tried)
        if content is not None:
            self._digest = digest
            self._content = content if len(content) <= handover.MAX_BYTES else None

    def _has_other(self, content: bytes | None, token: bytes) -> bool:
        """Is there something else to go on with, should this configuration be unusable?"""
        if self.endpoint is not None:
            return True
        left = handover.take()
        if left is None:
            return False
        return self.problem is not None or (left.content, left.token) != (content, token)

    def _serve(
        self,
        endpoint: Endpoint,
        user_agent: str,
        token: bytes,
        digests: list[bytes | None],
        *,
        is_tried: bool,
    ) -> None:
        """Use an endpoint from now on.

        Raises:
            ConfigError: its client is to be tried, and cannot be made; the previous one, if any,
                stays.
        """
        shared = self._shared_of(endpoint, user_agent, token, digests)
        client = None
        if is_tried or self._is_doubtful:
            client = _client_of(endpoint, user_agent, token, shared)
        if self._client is not None:
            self._client.close()
        self.endpoint, self.shared, self._client = endpoint, shared, client
        self._user_agent, self._token, self._digests = user_agent, token, digests

    def _shared_of(
        self, endpoint: Endpoint, user_agent: str, token: bytes, digests: list[bytes | None]
    ) -> Shared | None:
        """What is shared with the handlers for which the same is in force; None if nothing is."""
        directory = self._options.cache_directory
        is_cached = endpoint.is_lookup and endpoint.cache is not None
        if directory is None or not (is_cached or len(endpoint.targets.urls) > 1):
            return None
        from .shared import Shared

        return Shared(directory, endpoint, user_agent, token, digests, may_load=self._may_load)

    def _choose(self, loaded: Config) -> Endpoint:
        from .config.address import local_address_of
        from .config.endpoint import select

        options = self._options
        try:
            local = local_address_of(0)
        except OSError:
            local = None
        choice = select(loaded.endpoints, local, options.mode, options.endpoint)
        former = (self.endpoint or handover.take()) if isinstance(choice, str) else None
        if isinstance(choice, str) and former is not None and options.endpoint is None:
            moved = select(loaded.endpoints, local, former.mode, former.name)
            choice = choice if isinstance(moved, str) else moved
        if isinstance(choice, str):
            raise ConfigError(options.config, [("$.endpoints", choice)])
        if choice.problems:
            raise ConfigError(options.config, choice.problems)
        return choice

    def _watch(self, path: str) -> None:
        mark = self._marks[path] = mark_of(path)
        # Another change within the same tick would not change the mark.
        self._is_fresh = self._is_fresh or not has_settled(path, mark, _TICK_SEC)

    def _has_settled(self) -> bool:
        # ext4 truncates a file before it stamps it, so one failure proves nothing.
        is_proved = self._failures != 1
        return is_proved and all(has_settled(p, mark_of(p), SETTLE_SEC) for p in self._marks)


def _client_of(
    endpoint: Endpoint, user_agent: str, token: bytes, shared: Shared | None
) -> Client | Backends:
    from .backend import client_of

    if shared is None or len(endpoint.targets.urls) == 1:  # Shared.failed() remembers that of one
        return client_of(endpoint, user_agent, token)
    return client_of(endpoint, user_agent, token, shared.outages)
