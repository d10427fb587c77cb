# SPDX-License-Identifier: MIT
"""Completes the options to an endpoint: by questions on a terminal, or else by defaults.

Without a terminal, an option without a safe default has to be given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.command_error import CommandError, UsageError
from postfix_rest_inetd.admin.host.listeners import Listeners
from postfix_rest_inetd.admin.setup import questions, token_file, wanted
from postfix_rest_inetd.admin.setup.wanted import FIRST_PORTS, Wanted
from postfix_rest_inetd.config.address import LocalAddress
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import TypeVar

    from postfix_rest_inetd.config.loading import Config

    _T = TypeVar("_T")

_LOOPBACK = b"\x7f\0\0\1"


class Chooser:
    """Chooses the parts of one endpoint.

    Raises:
        UsageError: an option is wrong, or is missing and cannot be asked for.
        CommandError: an address is in use, or the token cannot be read.
    """

    def __init__(self, options: argparse.Namespace, loaded: Config, *, asks: bool) -> None:
        """Choose nothing yet; `asks` says whether there is a terminal for questions."""
        self._options = options
        self._asks = asks
        self._names = {endpoint.name for endpoint in loaded.endpoints}
        self._addresses = {endpoint.address for endpoint in loaded.endpoints}
        self._listeners = Listeners()

    def wanted(self) -> Wanted:
        """The endpoint; the questions are in this order."""
        options = self._options
        self._require()
        mode = self._part("--mode", options.mode, wanted.checked_mode, questions.mode)
        purposes = self._purposes(mode)
        url = self._part("--url", options.url, wanted.checked_url, questions.url)
        token = self._token()
        address = self._address(mode)
        usual = wanted.usual_name(mode, purposes, self._names)
        name = self._part(
            "--name",
            options.name if self._asks else options.name or usual,
            lambda text: wanted.checked_name(text, self._names),
            lambda check: questions.name(usual, check),
        )
        return Wanted(mode, purposes or wanted.purposes_in(name, mode), url, token, address, name)

    def _require(self) -> None:
        """Without a terminal, name everything that is missing at once."""
        options = self._options
        given = {
            "--mode": options.mode,
            "--url": options.url,
            "--token-file or --no-token": options.token_file or options.no_token,
        }
        missing = [name for name, value in given.items() if not value]
        if missing and not self._asks:
            raise UsageError(f"without questions, these are required: {', '.join(missing)}")

    def _part(
        self,
        option: str,
        given: str | None,
        check: Callable[[str], _T],
        ask: Callable[[Callable[[str], _T]], _T],
    ) -> _T:
        """The value of an option, or the answer to its question."""
        if given is None:
            return ask(check)
        try:
            return check(given)
        except ValueError as error:
            raise UsageError(f"{option}: {error}") from None

    def _purposes(self, mode: str) -> tuple[str, ...]:
        given = self._options.purposes
        if given is None and not (self._asks and is_lookup(mode)):
            return ()
        return self._part(
            "--for",
            given,
            lambda text: wanted.checked_purposes(text, mode),
            lambda check: questions.purposes(mode, check),
        )

    def _token(self) -> str:
        if self._options.no_token:
            return ""
        if self._options.token_file is None:
            return questions.token()
        return token_file.read(self._options.token_file)

    def _address(self, mode: str) -> LocalAddress:
        usual = self._free_port(mode)
        given = self._options.address
        return self._part(
            "--address",
            given if self._asks else given or usual,
            lambda text: self._checked_address(text, mode),
            lambda check: questions.address(f"127.0.0.1:{usual}", check),
        )

    def _checked_address(self, text: str, mode: str) -> LocalAddress:
        address = wanted.checked_address(text, mode, self._addresses)
        place = self._listeners.in_the_way_of(address)
        if place is not None:
            holder = self._listeners.holder(place) or "another process"
            raise ValueError(f"{address} is held by {holder}")
        return address

    def _free_port(self, mode: str) -> str:
        """The first one that no endpoint has, and nobody listens at."""
        for port in range(FIRST_PORTS[mode], FIRST_PORTS[mode] + 1000):
            address = LocalAddress(_LOOPBACK, port)
            ports = {other.port for other in self._addresses}
            if port not in ports and self._listeners.in_the_way_of(address) is None:
                return str(port)
        raise CommandError("no port is free; use --address")
