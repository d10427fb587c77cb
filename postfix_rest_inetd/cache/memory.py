# SPDX-License-Identifier: MIT
"""The stored answers of one endpoint, as its requests see them: recall one, keep another.

An answer is stored as the response that the backend sent (RFC 9111, 3), and judged again when it is
used, by the configuration of that moment. The times that come from the operator are those of that
moment as well. control.py says what may be stored, and for how long it may be used; store.py, where
it is; identity.py, to which requests it is an answer.
"""

from __future__ import annotations

from .. import model
from ..cache_folder import folder_of
from .clock import now
from .identity import Identity
from .record import FRESH, STALE
from .store import Look, Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..config.endpoint import Endpoint


class Recalled:
    """What was found for a request; to be closed.

    Attributes:
        response: the stored response, if it may be used now, or while the backend fails; or None.
        is_fresh: may it be used without asking the backend (RFC 9111, 4.2)?
        look: where the answer is, or would be.
        age_sec: its age in whole seconds (RFC 9111, 4.2.3).
    """

    __slots__ = ("age_sec", "is_fresh", "look", "response")

    def __init__(self, look: Look) -> None:
        """What `look` has found."""
        self.look = look
        self.response: model.Response | None = None
        self.is_fresh = False
        self.age_sec = 0
        self.update()

    def update(self) -> None:
        """Find out whether it may be used now; time has passed."""
        record = self.look.record
        if record is None:
            return
        use, age_sec = record.use_at(now())
        self.is_fresh = use == FRESH
        self.age_sec = int(age_sec)
        is_usable = use in (FRESH, STALE)
        self.response = model.Response(record.status, record.body) if is_usable else None

    def close(self) -> None:
        """Nothing is to be kept in this place any more."""
        self.look.close()


class Memory:
    """The stored answers of one endpoint, with one token."""

    __slots__ = ("_identity", "_settings", "_store")

    def __init__(
        self,
        directory: str,
        endpoint: Endpoint,
        user_agent: str,
        token: bytes,
        digests: Iterable[bytes | None],
    ) -> None:
        """Look at nothing yet; the endpoint must have a `cache`."""
        assert endpoint.cache is not None  # noqa: S101
        self._settings = endpoint.cache
        self._identity = Identity(endpoint, user_agent, token, digests)
        folder = folder_of(endpoint.mode, endpoint.name)
        limits = self._settings.max_entries, self._settings.max_bytes
        self._store = Store(directory, folder, *limits)

    @property
    def problem(self) -> str:
        """The first reason why an answer could not be used or stored; empty if there was none."""
        return self._store.problem

    def recall(self, request: model.LookupRequest) -> Recalled:
        """What is stored for a request."""
        look = self._store.look(*self._identity.of(request))
        if look.record is not None:
            look.record.follow(self._settings)
        return Recalled(look)

    def keep(
        self,
        request: model.LookupRequest,
        recalled: Recalled | None,
        response: model.Response,
        *,
        is_found: bool,
        delay_sec: float,
    ) -> None:
        """Store a response that was asked `delay_sec` ago, if that is permitted.

        `recalled` is what was found before it was asked; None if there was no directory to look in.
        A response that may not be stored still replaces the one before: an outage must not bring
        back an answer that the backend has taken back since.
        """
        from .control import grant  # a hit does not need it
        from .record import StoredAnswer

        moment = now()
        granted = grant(
            response.caching,
            is_found=is_found,
            settings=self._settings,
            requested_wall=moment.wall - delay_sec,
            delay_sec=delay_sec,
        )
        look = self._nowhere(request) if recalled is None else recalled.look
        if granted is None:
            self._store.remove(look)
            return
        answer = StoredAnswer(
            request.key,
            request.map_name,
            response.status,
            response.body,
            stored=moment,
            lifetime_sec=granted.lifetime_sec,
            stale_sec=granted.stale_sec,
            age_sec=granted.age_sec,
            by_operator=granted.by_operator,
        )
        self._store.put(look, answer)
        look.close()

    def _nowhere(self, request: model.LookupRequest) -> Look:
        look = Look(*self._identity.of(request))
        look.is_absent = True
        return look
