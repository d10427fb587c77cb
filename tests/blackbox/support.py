# SPDX-License-Identifier: MIT
"""What the black-box tests share: requests and replies of the three protocols, as literal bytes.

The texts stand here once more on purpose, written out and not computed by the package: a changed
text is a changed contract with Postfix and must be changed in two places.
"""

from __future__ import annotations

import re

from harness.modes import MODES, POLICY, SOCKETMAP, TCP


def netstring(payload: bytes) -> bytes:
    """PAYLOAD as a netstring."""
    return b"%d:%s," % (len(payload), payload)


def tcp_reply(code: int, text: str) -> bytes:
    """A tcp_table(5) reply to a text that needs no other escape than that of spaces."""
    return f"{code} {text.replace(' ', '%20')}\n".encode()


def socketmap_reply(status: str, text: str) -> bytes:
    """A socketmap reply."""
    return netstring(f"{status} {text}".encode())


def policy_reply(action: str) -> bytes:
    """A policy reply."""
    return f"action={action}\n\n".encode()


NOT_FOUND = {TCP: b"500 key%20not%20found\n", SOCKETMAP: b"9:NOTFOUND ,"}


def temporary(text: str, socketmap_status: str = "TEMP") -> dict[str, bytes]:
    """The temporary error TEXT in the three protocols."""
    return {
        TCP: tcp_reply(400, text),
        SOCKETMAP: socketmap_reply(socketmap_status, text),
        POLICY: policy_reply(f"451 {text}"),
    }


TIMED_OUT = temporary("REST request timed out", "TIMEOUT")
UNREACHABLE = temporary("REST server could not be reached")
INVALID = temporary("REST connector received invalid data!")
UNUSABLE_CONFIG = temporary("REST connector cannot use its configuration")
INTERNAL_ERROR = temporary("REST connector had an internal error")


def server_error(status: int) -> dict[str, bytes]:
    """The replies to a 5xx; the policy form does not name the status."""
    return {
        **temporary(f"REST server had an internal error: {status}"),
        POLICY: policy_reply("451 REST server had an internal error!"),
    }


def unspecified(status: int) -> dict[str, bytes]:
    """The replies to a status that means nothing to us."""
    return temporary(f"REST server responded with an unspecified code: {status}")


_MISCONFIGURED = "REST server signaled a user error, is the connector misconfigured?"


def user_error(status: int) -> dict[str, bytes]:
    """The replies to a 4xx."""
    return {
        TCP: tcp_reply(400, f"{_MISCONFIGURED} Code: {status}"),
        SOCKETMAP: socketmap_reply("PERM", f"{_MISCONFIGURED} Code: {status}"),
        POLICY: policy_reply(f"554 {_MISCONFIGURED}"),
    }


def temporary_user_error(status: int) -> dict[str, bytes]:
    """The replies to a 4xx that `temporary-statuses` lists."""
    return {
        TCP: tcp_reply(400, f"{_MISCONFIGURED} Code: {status}"),
        SOCKETMAP: socketmap_reply("TEMP", f"{_MISCONFIGURED} Code: {status}"),
        POLICY: policy_reply(f"451 {_MISCONFIGURED}"),
    }


THE_SAME_REASON = ": the reason has not changed"


def reason_told_once(log: str, requests: int) -> str:
    """The only reason in a LOG of REQUESTS without a usable configuration; all are counted."""
    first, *others = log.splitlines()
    assert [line for line in others if not line.endswith(THE_SAME_REASON)] == []
    counts = [re.findall(r" \((\d+) requests\): ", line) or ["1"] for line in (first, *others)]
    assert sum(int(count[0]) for count in counts) == requests, log
    return first


TCP_BROKEN = b"400 Broken%20request!\n"


def perm_broken(reason: str) -> bytes:
    """The socketmap reply to a broken request."""
    return socketmap_reply("PERM", f"Broken request! ({reason})")


def refused(*replies: dict[str, bytes]) -> dict[str, set[bytes]]:
    """Per mode the replies any of which is right, where the contract leaves the choice open."""
    return {mode: {reply[mode] for reply in replies} for mode in MODES}
