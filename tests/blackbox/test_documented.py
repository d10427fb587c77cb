# SPDX-License-Identifier: MIT
"""The requests and texts that postfix-rest-inetd-handler(8) shows are the handler's own."""

from __future__ import annotations

import re

import pytest
from blackbox.support import netstring

from harness.manual_page import blocks, source
from harness.modes import FOUND_BODY, POLICY, SOCKETMAP
from harness.scripted_backend import answer
from postfix_rest_inetd import verdict

PAGE = "postfix-rest-inetd-handler.8"
QUESTIONS = {
    SOCKETMAP: ("/maps", netstring(b"alias info@example.org")),
    POLICY: (
        "/policy",
        b"request=smtpd_access_policy\nprotocol_state=RCPT\nsender=\nx=a b+c\n\n",
    ),
}


REQUESTS = [block for block in blocks(PAGE) if block.kind == "request"]


@pytest.mark.parametrize("mode, block", [*zip(QUESTIONS, REQUESTS, strict=True)])
def test_request(handler_for, backend, mode, block):
    """Line by line the one of the page, but for the port and the request's id."""
    path, question = QUESTIONS[mode]
    keys = {"auth_token": "test123", "target": f"http://{backend.authority}{path}"}
    backend.script(answer(200, FOUND_BODY[mode]))
    handler_for(mode, **keys).ask(mode, question)
    (request,) = backend.requests
    sent = request.raw.decode().replace(backend.authority, "127.0.0.1:8080")
    head, _, body = sent.partition("\r\n\r\n")
    lines = [*head.split("\r\n"), *(["", body] if body else [])]
    assert same_id("\n".join(lines)) == same_id(block.text.rstrip("\n"))


def same_id(text: str) -> str:
    """A request with another id."""
    changed, count = re.subn("X-Request-Id: [0-9a-f]{32}", "X-Request-Id: ID", text)
    assert count == 1
    return changed


@pytest.mark.parametrize("text", [*verdict._FAILURES.values()])
def test_reply(text):
    """The page has the text of each failure."""
    assert text in " ".join(source(PAGE).split())
