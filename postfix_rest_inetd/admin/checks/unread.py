# SPDX-License-Identifier: MIT
"""Words of main.cf that are meant for an endpoint, and that Postfix does not read as a reference.

They have the address of an endpoint in a form that Postfix does not have, such as
`Socketmap:inet:127.0.0.1:9002:alias` or `tcp://127.0.0.1:9001`, or they are a URL in the place of a
table. Postfix reports most of them as an unsupported dictionary type when mail arrives. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import wrong_kind
from postfix_rest_inetd.admin.checks.finding import ERROR, Finding
from postfix_rest_inetd.admin.host import references
from postfix_rest_inetd.admin.host.tokens import words
from postfix_rest_inetd.admin.protocols import has_maps
from postfix_rest_inetd.config.address import WILDCARDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.admin.host.references import Reference
    from postfix_rest_inetd.config.endpoint import Endpoint

_WITH_URL = "has a URL in the place of a table, but Postfix can only ask an endpoint"
# Parameters whose elements are tables; in others, a URL may be a text for people.
_OF_TABLES = re.compile(r"\w+_maps|\w+_domains|mydestination|mynetworks")
_ACCESS = re.compile(r"check_\w+_(access|maps)", re.IGNORECASE)
_TEXTS = ("static:", "inline:", "randmap:", "regexp:", "pcre:", "cidr:")  # results, not tables
_NAME = re.compile(r"[:/]([\w.-]+)[\"']?$")


def findings(endpoints: list[Endpoint], settings: Settings) -> Iterator[Finding]:
    """What one instance does not read, in its parameters and overrides."""
    places = [("", name, value) for name, value in settings.parameters.items()]
    places += [(service, name, value) for (service, name), value in settings.overrides.items()]
    told: dict[tuple[str, str], Finding] = {}
    for service, parameter, value in places:
        if references.is_own(parameter):
            shown = f"{service}: {parameter}" if service else parameter
            for what, advice in _in_value(value, parameter, endpoints, settings):
                known = told.get((what, advice))
                where = f"{known.where}, {shown}" if known else f"{settings.shown}: {shown}"
                told[what, advice] = Finding(ERROR, where, what, advice)
    yield from told.values()


def _in_value(
    value: str, parameter: str, endpoints: list[Endpoint], settings: Settings
) -> Iterator[tuple[str, str]]:
    """What is wrong in a value, and the advice."""
    before = ""
    for word in words(value):
        is_table = bool(_OF_TABLES.fullmatch(parameter) or _ACCESS.fullmatch(before))
        if wrong_kind.URL.match(word):
            if is_table:
                yield _WITH_URL, wrong_kind.instead_of_url(endpoints, settings, wants_lookup=True)
        elif not _is_read(word, before, settings):
            found = meant(word, endpoints)
            if found is not None:
                yield _unread(word, before, found, settings)
        before = word


def _is_read(word: str, before: str, settings: Settings) -> bool:
    """Is a word a policy service, or a table that Postfix reads, or does it have its own text?"""
    is_policy = before.lower() == references.POLICY_SERVICE
    return is_policy or word.startswith(_TEXTS) or bool(references.in_value(word, settings))


def meant(word: str, endpoints: Iterable[Endpoint]) -> Endpoint | None:
    """The endpoint whose address is in a word."""
    return next((each for each in endpoints if _pattern(each).search(word)), None)


def of_reference(
    reference: Reference, endpoints: list[Endpoint], settings: Settings
) -> Iterator[tuple[str, str]]:
    """The same for a table that Postfix reads, but for a place that is none."""
    found = meant(reference.text, endpoints)
    if found is not None:
        yield _unread(reference.text, "", found, settings)


def _pattern(endpoint: Endpoint) -> re.Pattern[str]:
    address = endpoint.address
    if address.path is not None:
        return re.compile(rf"{re.escape(address.path)}(?![\w./-])")
    hosts = [re.escape(str(address).rpartition(":")[0])]
    if address.ip in WILDCARDS:
        hosts = [r"127\.0\.0\.1", r"\[::1\]"]
    return re.compile(rf"(?<![\w.])({'|'.join([*hosts, 'localhost'])}):{address.port}(?!\d)")


def _unread(word: str, before: str, endpoint: Endpoint, settings: Settings) -> tuple[str, str]:
    shown = f"{before} {word}" if _ACCESS.fullmatch(before) and not endpoint.is_lookup else word
    name = _NAME.search(_pattern(endpoint).sub("", word))
    map_name = name[1] if name and has_maps(endpoint.mode) else wrong_kind.MAP
    what = f"{shown}: Postfix does not ask {endpoint.name} in this form"
    return what, wrong_kind.right(endpoint, settings, map_name)
