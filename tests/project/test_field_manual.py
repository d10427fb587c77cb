# SPDX-License-Identifier: MIT
"""postfix-rest-inetd.json(5) says of each field of config.json what the table of fields says.

The page is read as it is shown. Every number, default and choice that the entry of a field tells is
the table's, and the table has none that the page does not tell.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from project.test_manual import rendered

from harness.manual_page import DIRECTORY, list_tags, source
from harness.modes import MODES
from postfix_rest_inetd.config import loading, problems, values
from postfix_rest_inetd.config.address import LocalAddress
from postfix_rest_inetd.config.fields import ENDPOINT_FIELDS, FILE_FIELDS, Field

PAGE = "postfix-rest-inetd.json.5"
FIELDS = {**FILE_FIELDS, **ENDPOINT_FIELDS}

TAG_INDENT = " " * 5
TEXT_INDENT = " " * 9

NAMES = pytest.mark.parametrize("name, field", ENDPOINT_FIELDS.items())


def page(name: str = PAGE) -> list[str]:
    """The lines of the page."""
    return rendered(Path(DIRECTORY, name))


def entries(lines: list[str]) -> dict[str, str]:
    """What the page says of each field, as one line."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        match = re.match(rf"{TAG_INDENT}(\S+)(?:$| {{2,}}(.*))", line)
        if match and match[1] in FIELDS:
            name = match[1]
            found.setdefault(name, []).append(match[2] or "")
        elif name and (not line or line.startswith(TEXT_INDENT)):
            found[name].append(line.strip())
        else:
            name = ""
    return {name: " ".join(filter(None, parts)) for name, parts in found.items()}


def under(heading: str, lines: list[str]) -> list[str]:
    """The lines under a heading (.Ss)."""
    start = lines.index(f"   {heading}") + 1
    rest = lines[start:]
    ends = [index for index, line in enumerate(rest) if re.match(r" {0,3}\S", line)]
    return rest[: ends[0]]


def default_told(text: str) -> str | None:
    """The default that an entry tells."""
    match = re.search(r'[Tt]he default is ("[^"]*"|\[\]|\S+?)[.;](?:\s|$)', text)
    return match[1].strip('"') if match else None


def default_meant(field: Field) -> str | None:
    """The default of the table, as the page should tell it; None where it goes without saying."""
    default = None if field.members else field.default
    if field.kind is values.bind_address:
        assert isinstance(default, bytes)
        return str(LocalAddress(default, 1)).removesuffix(":1")
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, frozenset):
        return str(sorted(default))
    return None if default in (None, {}) else str(default)


def test_names() -> None:
    """Each field is explained, and nothing that is not a field."""
    tags = list_tags(source(PAGE))
    explained = [tag.removeprefix("Cm ") for tag in tags if tag.startswith("Cm ")]
    assert sorted(explained) == sorted(FIELDS)
    assert sorted(entries(page())) == sorted(FIELDS)


@pytest.mark.parametrize("name, field", FIELDS.items())
def test_defaults(name: str, field: Field) -> None:
    """The page tells the default of each field that has one, and of no other."""
    assert default_told(entries(page())[name]) == default_meant(field)


def bounds_meant(field: Field) -> list[tuple[int, int]]:
    """The lowest and the highest number that a field takes."""
    if field.members:
        return [bounds for member in field.members.values() for bounds in bounds_meant(member)]
    numbers = (values.whole_number, values.capped_number, values.statuses)
    if field.kind not in numbers:
        return []
    lowest, highest, *_ = field.limits
    assert isinstance(lowest, int)
    assert isinstance(highest, int)
    return [(lowest, highest)]


@NAMES
def test_bounds(name: str, field: Field) -> None:
    """The page tells the bounds of each number, and no others."""
    told = re.findall(r"(\d+) to (\d+)", entries(page())[name])
    assert [(int(lowest), int(highest)) for lowest, highest in told] == bounds_meant(field)


@NAMES
def test_units(name: str, field: Field) -> None:
    """The page tells the unit of each number that has one."""
    text = entries(page())[name]
    # The size of a body is in bytes, as sizes are; the name of the field says so.
    assert field.unit in text or f"-{field.unit}" in name


@pytest.mark.parametrize("name", [name for name, field in ENDPOINT_FIELDS.items() if field.members])
def test_members(name: str) -> None:
    """The page explains each member of an object, with its default and its unit."""
    lines = source(PAGE).partition(f".It Cm {name}\n")[2].partition("\n.It Cm ")[0]
    members = ENDPOINT_FIELDS[name].members
    assert re.findall(r"^\.It Li (\S+)$", lines, re.MULTILINE) == list(members)
    text = entries(page())[name]
    for member, field in members.items():
        assert field.unit in text.partition(f" {member} ")[2].partition(".")[0] or member == (
            "not-found-max-age"  # "the same", as the text says
        )
    told = {int(number) for number in re.findall(r"[Bb]y default\D*(\d+)\D+(\d+)", text)[0]}
    assert "numbers of seconds are 0 by default" in text
    assert told | {0} == {field.default for field in members.values()}


@NAMES
def test_choices(name: str, field: Field) -> None:
    """The page names all values of a field that has a few."""
    choices = {values.one_of: field.limits, values.mode: MODES}.get(field.kind, ())
    text = entries(page())[name]
    assert [choice for choice in choices if str(choice) not in text] == []


@NAMES
def test_modes(name: str, field: Field) -> None:
    """A field that is for some modes only is said to be, first of all."""
    text = entries(page())[name]
    beginnings = {"policy": "For policy endpoints: ", "lookups": "For lookup endpoints "}
    beginning = beginnings.get(field.only_for)
    if beginning is not None:
        assert text.startswith(beginning)
    elif name != "allowed-actions":
        assert not text.startswith(tuple(beginnings.values()))


def test_required() -> None:
    """The required fields stand under their heading, with the two of which one is required."""
    required = {name for name, field in ENDPOINT_FIELDS.items() if field.is_required}
    told = set(entries(under("Required keys", page())))
    assert told == required | {"auth-token", "auth-token-file"}


def test_tls() -> None:
    """What the page says of the keys for https is about all of them."""
    assert "The tls- keys require an https target." in " ".join(page())
    needing = {name for name, field in ENDPOINT_FIELDS.items() if field.needs_tls}
    assert needing == {name for name in ENDPOINT_FIELDS if name.startswith("tls-")}


def test_selecting() -> None:
    """The fields whose problems make the whole file unusable are those that the page names."""
    text = " ".join(" ".join(under("Problems in the file", page())).split())
    assert "except name, mode and the bind- keys" in text
    selecting = {name for name, field in ENDPOINT_FIELDS.items() if field.selects}
    binding = {name for name in ENDPOINT_FIELDS if name.startswith("bind-")}
    assert selecting == {"name", "mode"} | binding


def test_sizes() -> None:
    """The page tells how large a file, its lists and a path may be."""
    text = " ".join(" ".join(page()).split())
    most = {name: field.limits[-1] for name, field in FIELDS.items() if field.limits}
    told = [f"a file of more than {loading.MAX_CONFIG_BYTES // 1024**2} MiB"]
    told += [f"more than {most['endpoints']} endpoints", f"at most {most['bind-path']} bytes"]
    told += [f"at most {most['target']} different URLs"]
    told += [
        f"{most[name]} {name}" for name in ("headers", "temporary-statuses", "allowed-actions")
    ]
    told += [f"At most {problems.MAX_PROBLEMS} problems"]
    assert [words for words in told if words not in text] == []


def test_reserved_headers() -> None:
    """The page names the headers that cannot be set, and no others."""
    _, _, text = entries(page())["headers"].partition("they belong to the request itself: ")
    told = re.split(r", | and ", text.partition(".")[0])
    assert {name.lower() for name in told} == values.RESERVED_HEADERS
