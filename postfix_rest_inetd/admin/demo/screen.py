# SPDX-License-Identifier: MIT
r"""What the demo prints: at most 80 columns, coloured only on a terminal (and not with NO_COLOR).

Bytes are shown as they are, with escapes such as \n for invisible characters, so no data of a
backend or a client can control the terminal. Tokens are masked.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.demo.backend import BROKEN, Exchange
from postfix_rest_inetd.admin.demo.sockets import ADDRESS, CHATTER, Event, Line
from postfix_rest_inetd.admin.ui.terminal import BAD, GOOD, LABEL, TITLE, WIRE, painted
from postfix_rest_inetd.admin.ui.wrap import WIDTH, pieces, wrapped
from postfix_rest_inetd.log_entry import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from postfix_rest_inetd.admin.demo.questions import Question

LABEL_WIDTH = 17
TEXT_WIDTH = WIDTH - LABEL_WIDTH
HEADERS = {"x-auth-token", "x-request-id", "accept", "content-type"}
HANDLER_PREFIX = "postfix-rest-inetd: "

MAIN_CF = Path("/etc/postfix/main.cf")


def _say(text: str = "", style: str = "") -> None:
    # Flushed, so that a reader of a pipe sees it as it happens.
    print(painted(text, style) if text else "", flush=True)


def _row(label: str, lines: Iterable[str], style: str = "") -> None:
    """Print lines beside a label; long lines are wrapped."""
    heading = f"  {label}".ljust(LABEL_WIDTH)
    for line in lines:
        for piece in pieces(line, TEXT_WIDTH):
            _say(painted(heading, LABEL) + painted(piece, style))
            heading = " " * LABEL_WIDTH


def _wrapped(text: str) -> list[str]:
    # "(1.2 ms)" stays in one piece: wrapped() does not break at a no-break space.
    kept = printable(text).replace(" ms)", "\u00a0ms)")
    return [line.replace("\u00a0", " ") for line in wrapped(kept, TEXT_WIDTH)]


def _readable(data: bytes) -> list[str]:
    """Show bytes line by line; a form is broken at its ampersands."""
    lines = data.decode(errors="backslashreplace").split("\n")
    shown = [printable(line + "\n") for line in lines[:-1]] + [printable(lines[-1])] * bool(
        lines[-1]
    )
    return [row for line in shown for row in _folded(line)]


def _folded(line: str) -> Iterable[str]:
    row = ""
    for part in re.split("(?=&)", line):
        if row and len(row) + len(part) > TEXT_WIDTH:
            yield row
            row = ""
        row += part
    yield row


def port_taken(name: str, wanted: int, port: int) -> None:
    """Say that an endpoint listens elsewhere."""
    _say(f"Port {wanted} is taken: {name} listens on {port} instead.", BAD)


def banner(ports: Mapping[str, int], backend: int, config: Path) -> None:
    """Introduce what is running."""
    _say("postfix-rest-inetd: Postfix asks, an HTTP REST backend answers", TITLE)
    _say()
    _say("  Postfix --> socket --> handler --> HTTP --> REST backend")
    _say("              (systemd)  (a process for each connection)")
    _say()
    for name, port in ports.items():
        _row("listening", [f"{ADDRESS}:{port}  {name}"])
    _row("REST backend", [f"http://{ADDRESS}:{backend}"])
    _row("configuration", [str(config)])
    _row("handlers' log", ["shown here, and not in the journal of this machine"])


def question(number: int, asked: Question, address: str) -> None:
    """Show what Postfix asks and why."""
    _say()
    _say(f"{number}  {asked.title}", TITLE)
    _row("main.cf", asked.main_cf.format(address=address).split("\n"))
    _row("Postfix sends", _readable(asked.request), WIRE)


def answer(asked: Question, reply: bytes, elapsed: float, happened: Sequence[Event]) -> None:
    """Show what led to the reply, and what it means."""
    exchanges = [event for event in happened if isinstance(event, Exchange)]
    for exchange in exchanges:
        _row("HTTP request", _request(exchange), WIRE)
        _row("HTTP response", _response(exchange), WIRE)
    if not exchanges:
        _row("HTTP request", ["none reached the backend"], BAD)
    _row("Postfix gets", _readable(reply) or ["nothing"], WIRE)
    if reply == asked.reply:
        _row("that means", _wrapped(asked.meaning))
        _row(
            "right answer",
            [f"byte for byte, after {elapsed * 1000:.0f} ms (the handler's start included)"],
            GOOD,
        )
    else:
        _row("WRONG: not", _readable(asked.reply), BAD)
    _log(happened)


def _request(exchange: Exchange) -> Iterable[str]:
    yield from _folded(printable(f"{exchange.method} {exchange.target}"))
    for name, value in exchange.headers:
        if name.lower() in HEADERS:
            shown = "********" if name.lower() == "x-auth-token" else value
            yield printable(f"{name}: {shown}")
    yield from _readable(exchange.body)


def _response(exchange: Exchange) -> Iterable[str]:
    yield f"{exchange.status.value} {exchange.status.phrase}"
    yield from _readable(exchange.answer)


def _log(happened: Iterable[Event]) -> None:
    written = [event.text or "" for event in happened if isinstance(event, Line)]
    lines = [line.removeprefix(HANDLER_PREFIX) for line in written if not CHATTER.match(line)]
    _row("handler's log", [row for line in lines for row in _wrapped(line)])


def summary(wrong: Sequence[int]) -> None:
    """Say whether the answers were right."""
    _say()
    if wrong:
        _say(f"WRONG: {', '.join(f'answer {number}' for number in wrong)}.", BAD)
    else:
        _say("Three right answers out of three, and the failure cost no mail.", GOOD)


def invitation(ports: Mapping[str, int]) -> None:
    """Show what to try while the demo stays up."""
    tcp, maps, policy = (f"{ADDRESS}:{port}" for port in ports.values())
    _say()
    _say("It stays up until Ctrl-C. Ask it yourself from another terminal:", TITLE)
    _say(f"""
  postmap -q example.org tcp:{tcp}
  postmap -q nowhere.example tcp:{tcp}   # no such domain: status 1
  postmap -q {BROKEN} tcp:{tcp}    # backend fails: query error
  postmap -q example.org socketmap:inet:{maps}:domain
  postmap -q alice@example.org socketmap:inet:{maps}:mailbox
  postmap -q info@example.org socketmap:inet:{maps}:alias""")
    _say(_policy_command(*policy.split(":")))
    if not _installed("postmap"):
        _say("  (postmap is missing: apt install postfix)", LABEL)
    elif not MAIN_CF.exists():
        _say(f"  (postmap needs a main.cf, which may be empty: touch {MAIN_CF})", LABEL)
    _say()
    _say("Or let a test Postfix, without real mail, use it. In its main.cf:", TITLE)
    _say(f"""
  virtual_mailbox_domains = tcp:{tcp}
  virtual_alias_maps = socketmap:inet:{maps}:alias
  smtpd_recipient_restrictions =
      permit_mynetworks, reject_unauth_destination,
      check_policy_service inet:{policy}
""")
    _say("Requests and the handlers' log lines appear here:", TITLE)


def _installed(program: str) -> bool:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None


def _policy_command(address: str, port: str) -> str:
    if _installed("nc"):
        return f"  printf 'sender=x@grey.example\\n\\n' | nc -q1 {address} {port}"
    return (
        f"  bash -c 'exec 3<>/dev/tcp/{address}/{port}\n"
        '      printf "sender=x@grey.example\\n\\n" >&3; head -1 <&3\''
    )


def event(happened: Event) -> None:
    """Show something that happened while the demo is up."""
    if isinstance(happened, Exchange):
        _say()
        _row("HTTP request", _request(happened), WIRE)
        _row("HTTP response", _response(happened), WIRE)
    else:
        _log([happened])


def farewell() -> None:
    """Say that the demo ends."""
    _say()
    _say("Ending: closing the sockets, removing the temporary directory.")
