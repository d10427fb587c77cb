# SPDX-License-Identifier: MIT
"""The message catalog explains what the code logs, all of it and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import postfix_rest_inetd
from harness.endpoints import endpoint
from harness.modes import POLICY, TCP
from postfix_rest_inetd import log_entry, model
from postfix_rest_inetd.admin.overview.remedies import REMEDIES
from postfix_rest_inetd.admin.statistics.lost import DROPPED_ID

CATALOG = Path(__file__).parents[2] / "systemd/catalog/postfix-rest-inetd.catalog"
PACKAGE = Path(postfix_rest_inetd.__file__).parent

HEADERS = ["Subject", "Defined-By", "Support", "Documentation"]
MAX_CHARACTERS = 77
"""journalctl puts "-- " or its like before each line; a terminal has 80."""

# Outcomes that entries have which are about no single request; internal errors are of both kinds.
TROUBLES = (model.BROKEN_REQUEST, model.UNUSABLE_CONFIG, model.INTERNAL_ERROR)
WITH_STATUS = (model.USER_ERROR, model.SERVER_ERROR, model.UNSPECIFIED_STATUS)


def catalog() -> dict[str, tuple[dict[str, str], str]]:
    """The texts by MESSAGE_ID: a text's headers, and its body."""
    text = re.sub(r"^#.*\n", "", CATALOG.read_text(encoding="utf-8"), flags=re.MULTILINE)
    texts = {}
    for part in text.split("\n-- ")[1:]:
        message_id, _, rest = part.partition("\n")
        head, _, body = rest.partition("\n\n")
        assert message_id not in texts
        texts[message_id] = (dict(line.split(": ", 1) for line in head.split("\n")), body)
    return texts


@pytest.mark.parametrize("outcome", REMEDIES)
def test_remedies(outcome: str) -> None:
    """The sentence of `status` names no command that the text for the same outcome does not."""
    _, text = catalog()[fields_of(outcome)[0]]
    named = re.findall(r"postfix-rest-inetd [a-z]+(?: --?[a-z]+)?", REMEDIES[outcome])
    assert [command for command in named if command not in " ".join(text.split())] == []


def test_complete() -> None:
    """Each MESSAGE_ID in the code has a text, and each text belongs to one; not systemd's own."""
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    named = re.findall(r'"([0-9a-f]{32})"', code)
    assert sorted([*catalog(), DROPPED_ID]) == sorted(named)


@pytest.mark.parametrize("message_id", catalog())
def test_form(message_id: str) -> None:
    """A text has its headers, three paragraphs at least, and lines that a terminal has room for.

    The paragraphs: what happened, what it means for mail, what to do.
    """
    headers, body = catalog()[message_id]
    assert list(headers) == HEADERS
    assert headers["Defined-By"] == "postfix-rest-inetd"
    assert body.count("\n\n") >= 2
    lines = [headers["Subject"], *body.split("\n")]
    assert [line for line in lines if len(line) > MAX_CHARACTERS] == []


def test_subjects() -> None:
    """No two texts have the same subject."""
    subjects = {headers["Subject"] for headers, _ in catalog().values()}
    assert len(subjects) == len(catalog())


def fields_of(outcome: str) -> tuple[str, set[str]]:
    """The MESSAGE_ID of an outcome, and the fields that each of its entries has."""
    made = [log_entry.of_trouble("", None, outcome, "detail")] if outcome in TROUBLES else []
    if outcome not in TROUBLES or outcome == model.INTERNAL_ERROR:
        facts = log_entry.Facts()
        facts.request_id = "an id"
        facts.status = 418 if outcome in WITH_STATUS else 0
        reply = model.Reply(outcome, model.REPLY_VALUE, "DUNNO")
        for mode, request in (
            (TCP, model.LookupRequest(b"key")),
            (POLICY, model.PolicyRequest([])),
        ):
            made.append(log_entry.of_request(endpoint(mode), request, reply, facts))
    (message_id,) = {fields["MESSAGE_ID"] for fields in made}
    return message_id, set.intersection(*(set(fields) for fields in made))


@pytest.mark.parametrize("outcome", log_entry._OUTCOMES)
def test_fields(outcome: str) -> None:
    """A text names only fields that no entry lacks: journalctl would show the name instead."""
    message_id, fields = fields_of(outcome)
    named = set(re.findall("@([A-Z_]+)@", catalog()[message_id][1]))
    assert named <= fields
