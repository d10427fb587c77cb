# SPDX-License-Identifier: MIT
"""What handlers share about one endpoint: its stored answers, and which backends are down.

Both are in the directory that the handler was given (`--cache-directory`, $CACHE_DIRECTORY). This
module decides whether there is anything to be found there, because every handler of a lookup asks,
and most endpoints store nothing. The modules of `cache` are loaded only then:

- if the endpoint has a directory of stored answers, before the backend is asked;
- if the first answer is to be stored, when Postfix has its reply.

They are not loaded any more when the package was replaced (`may_load`): they may not fit together
with what is loaded.

Nothing here fails a request: `problem` says what could not be used.
"""

from __future__ import annotations

from . import log_entry
from .cache_folder import folder_exists, folder_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from . import model
    from .cache.memory import Memory, Recalled
    from .cache.outages import Outages
    from .config.endpoint import Endpoint


class Shared:
    """What is shared about one endpoint and one token; another one has nothing of it."""

    __slots__ = (
        "_digests",
        "_directory",
        "_endpoint",
        "_failure",
        "_folder",
        "_may_load",
        "_memory",
        "_outages",
        "_token",
        "_user_agent",
    )

    def __init__(  # noqa: PLR0913 - what an identity consists of
        self,
        directory: str,
        endpoint: Endpoint,
        user_agent: str,
        token: bytes,
        digests: list[bytes | None],
        *,
        may_load: Callable[[], bool] = lambda: True,
    ) -> None:
        """Look at nothing yet. `digests` are those of the files for TLS."""
        self._directory = directory
        self._endpoint = endpoint
        self._folder = folder_of(endpoint.mode, endpoint.name)
        self._user_agent = user_agent
        self._token = token
        self._digests = digests
        self._may_load = may_load
        self._memory: Memory | None = None
        self._outages: Outages | None = None
        self._failure = ""  # an unexpected exception

    @property
    def problem(self) -> str:
        """The first reason why something could not be used or stored; empty if there was none."""
        found = [each.problem for each in (self._memory, self._outages) if each is not None]
        return self._failure or next(filter(None, found), "")

    @property
    def has_answers(self) -> bool:
        """May an answer be stored already? Then a request may not need the backend."""
        if self._memory is not None:
            return True
        if self._endpoint.cache is None or not folder_exists(self._directory, self._folder):
            return False
        if self._may_load():
            self._remember()
        return self._memory is not None

    @property
    def outages(self) -> Outages:
        """What is known about backends that are down."""
        if self._outages is None:
            from .cache.outages import Outages

            self._outages = Outages(self._directory)
        return self._outages

    def recall(self, request: model.LookupRequest) -> Recalled | None:
        """What is stored for a request, to be closed; None if there is no place to look."""
        try:
            if self.has_answers:
                return self._remember().recall(request)
        except Exception as error:  # noqa: BLE001 - see the module
            self._note(error)
        return None

    def keep(
        self,
        request: model.LookupRequest,
        recalled: Recalled | None,
        response: model.Response,
        *,
        is_found: bool,
        delay_sec: float,
    ) -> None:
        """Store a response, if that is permitted (cache.memory.Memory.keep)."""
        settings = self._endpoint.cache
        if settings is None:
            return
        says = response.caching
        is_silent = b"cache-control" not in says and b"expires" not in says
        is_permitted = settings.max_age or settings.not_found_max_age or settings.stale_if_error
        if recalled is None and is_silent and not is_permitted:
            return
        if self._memory is None and not self._may_load():
            return
        try:
            memory = self._remember()
            memory.keep(request, recalled, response, is_found=is_found, delay_sec=delay_sec)
        except Exception as error:  # noqa: BLE001 - see the module
            self._note(error)

    def is_down(self, request: model.LookupRequest) -> bool:
        """Are all backends known to be down, and is it not this request that asks one again?"""
        try:
            # What is not known to be down can be claimed by everybody.
            urls = self._endpoint.targets.urls
            return not any(self.outages.claim(url, request) for url in urls)
        except Exception as error:  # noqa: BLE001 - see the module
            self._note(error)
            return False

    def failed(self, request: model.Request | None) -> None:
        """Remember that the only backend has failed; of several, backend.backends does it.

        `request` is what it may have read (Outages.failed).
        """
        self._tell(request, is_failure=True)

    def succeeded(self) -> None:
        """Remember that the only backend has responded."""
        self._tell(None, is_failure=False)

    def _tell(self, request: model.Request | None, *, is_failure: bool) -> None:
        urls = self._endpoint.targets.urls
        if self._memory is None or len(urls) > 1:
            return
        try:
            if is_failure:
                self.outages.failed(urls[0], request)
            else:
                self.outages.succeeded(urls[0])
        except Exception as error:  # noqa: BLE001 - see the module
            self._note(error)

    def _remember(self) -> Memory:
        if self._memory is None:
            from .cache.memory import Memory

            self._memory = Memory(
                self._directory, self._endpoint, self._user_agent, self._token, self._digests
            )
        return self._memory

    def _note(self, error: Exception) -> None:
        self._failure = self._failure or log_entry.of_exception(error)
