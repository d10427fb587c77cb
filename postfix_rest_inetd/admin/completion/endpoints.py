# SPDX-License-Identifier: MIT
"""Endpoints, by their names in config.json and by what main.cf calls them, and their maps.

Of several endpoints with one name, the addresses are offered, because `query` takes only these.
"""

from __future__ import annotations

from postfix_rest_inetd.admin.ask import pasted
from postfix_rest_inetd.admin.ask.question import endpoint_of
from postfix_rest_inetd.admin.command_error import UsageError
from postfix_rest_inetd.admin.host import postconf, references
from postfix_rest_inetd.config import loading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from postfix_rest_inetd.admin.host.references import Reference
    from postfix_rest_inetd.config.endpoint import Endpoint

_SEC = 2.0
"""For postconf(1), which takes 10 ms."""
_BEGINNINGS = ("tcp:", "socketmap:", "proxy:", "inet:", "unix:")


def all_of_them(config: str, typed: str) -> Iterator[tuple[str, str]]:
    """The endpoints, and what main.cf calls them if that is what was begun."""
    endpoints = _loaded(config).endpoints
    yield from _named(endpoints)
    if typed and any(each.startswith(typed) or typed.startswith(each) for each in _BEGINNINGS):
        for parameter, reference in _references():
            if isinstance(pasted.endpoint_of(endpoints, reference), str):
                continue
            yield reference.text, parameter


def lookups(config: str, _typed: str) -> Iterator[tuple[str, str]]:
    """The endpoints that answer lookups."""
    return _named([each for each in _loaded(config).endpoints if each.is_lookup])


def maps(config: str, name: str) -> Iterable[tuple[str, str]]:
    """The maps of a socketmap that main.cf names; those of all endpoints without a name."""
    loaded = _loaded(config)
    wanted = None
    if name:
        try:
            wanted, _ = endpoint_of(loaded, name)
        except UsageError:
            return
    for parameter, reference in _references():
        found = pasted.endpoint_of(loaded.endpoints, reference)
        if reference.map_name and (found is wanted or (not name and not isinstance(found, str))):
            yield reference.map_name, parameter


def _loaded(config: str) -> loading.Config:
    return loading.load(config, tolerant=True)


def _named(endpoints: Sequence[Endpoint]) -> Iterator[tuple[str, str]]:
    names = [endpoint.name for endpoint in endpoints]
    for endpoint in endpoints:
        if names.count(endpoint.name) == 1:
            yield endpoint.name, f"{endpoint.mode} on {endpoint.address}"
        else:
            yield str(endpoint.address), f"{endpoint.mode}, {endpoint.name}"


def _references() -> Iterator[tuple[str, Reference]]:
    """The tables and policy services of this machine in main.cf, each with its parameter."""
    if not postconf.is_configured():
        return
    settings = postconf.Settings(postconf.set_values(_SEC), {}, [])
    for parameter, value in settings.parameters.items():
        for reference in references.in_value(value, settings):
            if reference.addresses or reference.path:
                yield parameter, reference
