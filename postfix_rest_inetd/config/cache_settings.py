# SPDX-License-Identifier: MIT
"""The field `cache` of an endpoint for lookups: what the operator permits, and how much is stored.

The backend permits storing with Cache-Control. The times here count only where it says nothing
about the same matter. Without a permission from either side, nothing is stored.
"""

from __future__ import annotations

# In a stored answer: which of these values counted, because the backend said nothing.
MAX_AGE, NOT_FOUND_MAX_AGE, STALE_IF_ERROR = b"f", b"n", b"s"


class CacheSettings:
    """The members of `cache` (fields.py), with the defaults filled in.

    Attributes:
        max_age: for how many seconds a stored answer is used instead of asking.
        not_found_max_age: the same for "not found"; `max_age` does not count there.
        stale_if_error: for how many seconds after that an answer may be used in an outage.
        max_entries: the largest number of stored answers.
        max_bytes: the largest size of all stored answers together.
    """

    __slots__ = ("max_age", "max_bytes", "max_entries", "not_found_max_age", "stale_if_error")

    def __init__(
        self,
        *,
        max_age: int = 0,
        not_found_max_age: int = 0,
        stale_if_error: int = 0,
        max_entries: int = 10_000,
        max_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        """All values have been checked; without arguments, nothing is permitted."""
        self.max_age = max_age
        self.not_found_max_age = not_found_max_age
        self.stale_if_error = stale_if_error
        self.max_entries = max_entries
        self.max_bytes = max_bytes

    def __eq__(self, other: object) -> bool:
        """Settings are equal when all of their values are."""
        return isinstance(other, CacheSettings) and self._values() == other._values()

    def __hash__(self) -> int:
        """Equal settings have equal hashes."""
        return hash(self._values())

    def _values(self) -> tuple[int, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)
