# SPDX-License-Identifier: MIT
"""All faults of a backend, and what becomes of a request.

Each row is tried in the modes that it names (all three without a word), over http and https, with
the first request of a client and with a later one, on the connection that was kept. test_faults.py
checks of each case

- the exact reply, and that the connection to Postfix goes on with the answer to the next request,
- how often the backend got the request: a policy request never twice,
- the time that the handler has measured, within bounds,
- the one line for the journal: the outcome, the status, and what the operator has to be told,
- whether the connection to the backend is used again.

Faults that are not the backend's response or connection, or that need more than a row, are

    blackbox/backend/test_deadline.py          the promise of 50 ms; a request that cannot be sent;
                                               a response that takes long to be understood; a
                                               resolver that answers too late
    blackbox/backend/test_http_response.py     responses that are unusual and right, empty bodies,
                                               redirects, a refusal before the request was read
    blackbox/backend/test_tls.py               who is trusted, and which files
    blackbox/backend/test_keep_alive.py        which connection is used by which request
    blackbox/backend/test_several_targets.py   what one target's fault means for the next target
    blackbox/test_actions.py                   the bodies of policy backends: the action firewall
    blackbox/test_values.py                    values, and replies that are too long
    blackbox/test_shared_answers.py            stored answers while the backend fails
    unit/backend/test_response.py              the same responses, cut at every byte
    unit/backend/test_kept_connection.py       what a backend cannot have read
    property/test_response.py                  responses that nobody has thought of
"""

from __future__ import annotations

import gzip
import zlib

from blackbox.backend.faults.row import (
    ACCEPT,
    BAD,
    CERTIFICATE,
    FOUND_IT,
    HTTPS,
    IDLE,
    LATE,
    LOST,
    NOT_FOUND,
    OWN,
    PLACE,
    RESENT,
    UNPLUGGED,
    Row,
    status,
)
from blackbox.backend.faults.steps import (
    after_first_bytes,
    answers_then,
    cuts,
    drips,
    end,
    ends,
    refuses,
    repeats,
    resets,
    sends,
    stops,
)

from harness.modes import LOOKUPS, POLICY
from harness.scripted_backend import response

OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: LENGTH\r\n\r\n"
LONG = OK + b"Content-Length: 100\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
OPEN = OK + b"\r\n"
"""A head whose body goes on until the end of the connection."""

ONLY_HTTPS = (HTTPS,)

# -- connecting

NO_CONNECTION = [
    Row("nobody listens", "refused", LOST, "Connection refused.*is the backend running", at=PLACE),
    Row("it never accepts", "black hole", LATE, at=PLACE).slow(),
    Row("it resets each connection", resets(b""), LOST, at=ACCEPT),
    Row("it closes each connection", cuts(b""), LOST, at=ACCEPT),
    Row("it reads, and resets", after_first_bytes(resets(b"")), LOST, at=ACCEPT),
    Row("it reads, and closes", after_first_bytes(cuts(b"")), LOST, at=ACCEPT),
    Row("a 503 to each connection", refuses(response(503)), status(503), at=ACCEPT),
    Row("it accepts and says nothing", stops(b""), LATE, at=ACCEPT).slow(),
]

NAMES = [
    Row("a name without address", "http://nowhere.test:1/", LOST, "name nowhere.test cannot be"),
    Row("a resolver that refuses", "http://a.servfail.test:1/", LOST, "cannot be resolved"),
    Row("a name that does not exist", "http://a.nxdomain.test:1/", LOST, "cannot be resolved"),
    Row("a resolver that is silent", "http://a.silent.test:1/", LATE).slow(),
    Row("the first address refuses", "first-refuses.test", OWN),
    Row("the first address is IPv6, and refuses", "two-families.test", OWN),
    Row("the first address is silent", "first-is-silent.test", OWN, "", least_ms=245),
    Row(
        "all addresses refuse",
        "all-refuse.test",
        LOST,
        r"127\.0\.0\.[13] port.*127\.0\.0\.[13] port",
    ),
    Row("one address refuses, one is silent", "none-answers.test", LATE).slow(),
    Row("all addresses are silent", "all-are-silent.test", LATE).slow(),
]
NAMES = [row._replace(at=PLACE, needs_names=True) for row in NAMES]

NO_NETWORK = [
    Row("no network, to an address", "good", LOST, "Network is unreachable"),
    Row("no network, to a name", "all-refuse.test", LOST, "unreachable.*; .*unreachable"),
]
NO_NETWORK = [row._replace(at=PLACE, kind=UNPLUGGED, needs_names=True) for row in NO_NETWORK]

# -- TLS

_ALERT = b"\x15\x03\x03\0\2\2\x28"
_HELLO = b"\x16\x03\x03\0\x7a\2\0\0"
_REFUSAL = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"

HANDSHAKE = [
    Row("plain http", after_first_bytes(cuts(_REFUSAL)), LOST, "does the backend speak TLS"),
    Row("garbage", after_first_bytes(cuts(b"\xff" * 500)), LOST, "does the backend speak TLS"),
    Row("an alert", after_first_bytes(cuts(_ALERT)), LOST, "handshake failure.*tls-cert-file"),
    Row("a hello that ends", after_first_bytes(cuts(_HELLO)), LOST),
    Row("a hello, and a reset", after_first_bytes(resets(_HELLO)), LOST),
    Row("a hello that stops", after_first_bytes(stops(_HELLO)), LATE).slow(),
    Row("a hello in drips", drips(_HELLO + b"\0" * 99), LATE).slow(),
]
HANDSHAKE = [
    row._replace(name=f"in place of a handshake, {row.name}", at=ACCEPT, schemes=ONLY_HTTPS)
    for row in HANDSHAKE
]

_CLIENT = {"tls_cert_file": "client.pem", "tls_key_file": "client.key"}
_STRANGER = {"tls_cert_file": "stranger.pem", "tls_key_file": "stranger.key"}

_NO_CLIENT = r"ask for a client certificate \(tls-cert-file\)"
_BAD_CLIENT = "does the backend accept the certificate in tls-cert-file"

CERTIFICATES = [
    Row("for another name", "another name", LOST, "another name|IP address"),
    Row("for another address", "another address", LOST, "not for this IP address"),
    Row("expired", "expired", LOST, "expired; renew"),
    Row("not yet valid", "not yet valid", LOST, "is not yet valid.*; check the clock"),
    Row("of an unknown CA", "unknown CA", LOST, "the CA is not known here.*tls-ca-file"),
    Row("self-signed", "self-signed", LOST, "self-signed: name it in tls-ca-file"),
    Row("without its chain", "no chain", LOST, "does not send its intermediate certificates"),
    Row("TLS 1.0 only", "TLS 1.0", LOST, r"speak TLS 1\.2 or later"),
    Row("TLS 1.1 only", "TLS 1.1", LOST, r"speak TLS 1\.2 or later"),
    Row("TLS 1.2 only", "TLS 1.2", OWN),
    Row("TLS 1.3 only", "TLS 1.3", OWN),
    Row("an unknown name", "unknown name", LOST, "know the host name in the target"),
    Row("no common cipher", "no common cipher", LOST, "TLS with .* failed: "),
    Row("session tickets without end", "tickets", LATE).slow(),
    Row("it wants a certificate, TLS 1.2", "asks, TLS 1.2", LOST, _NO_CLIENT),
    Row("it wants a certificate, TLS 1.3", "asks, TLS 1.3", LOST, _NO_CLIENT),
    Row(
        "it wants another certificate, TLS 1.2", "asks, TLS 1.2", LOST, _BAD_CLIENT, keys=_STRANGER
    ),
    Row(
        "it wants another certificate, TLS 1.3", "asks, TLS 1.3", LOST, _BAD_CLIENT, keys=_STRANGER
    ),
    Row("it gets its certificate, TLS 1.2", "asks, TLS 1.2", OWN, keys=_CLIENT),
    Row("it gets its certificate, TLS 1.3", "asks, TLS 1.3", OWN, keys=_CLIENT),
]
CERTIFICATES = [row._replace(at=CERTIFICATE, schemes=ONLY_HTTPS) for row in CERTIFICATES]

# -- a response that ends, is reset or goes silent

STAGES = [
    ("before the first byte", b""),
    ("in the version", b"HTT"),
    ("in the status", b"HTTP/1.1 20"),
    ("behind the status", b"HTTP/1.1 404"),
    ("behind the status line", OK),
    ("in a field", OK + b"Content-Le"),
    ("before the end of the head", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"),
    ("before the body", LONG),
    ("in the body", LONG + b"BODY"),
    ("in the body of a 404", b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nno"),
    ("in the body of a 503", b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nno"),
    ("before the first chunk", CHUNKED),
    ("in the length of a chunk", CHUNKED + b"HEXLEN\r\nBODY\r\n0"),
    ("in a chunk", CHUNKED + b"64\r\nBODY"),
    ("behind a chunk", CHUNKED + b"HEXLEN\r\nBODY"),
    ("between chunks", CHUNKED + b"HEXLEN\r\nBODY\r\n"),
    ("behind the last chunk", CHUNKED + b"HEXLEN\r\nBODY\r\n0\r\n"),
    ("in a trailer", CHUNKED + b"HEXLEN\r\nBODY\r\n0\r\nX-Sum: 1"),
    ("behind an interim response", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
]


def _broken_off(stage: str, raw: bytes) -> list[Row]:
    later = LOST if raw else RESENT
    kept = False if raw else None
    return [
        Row(f"it ends {stage}", ends(raw), LOST, later=later, kept=kept),
        Row(f"it is cut {stage}", cuts(raw), LOST, later=later, kept=kept, schemes=ONLY_HTTPS),
        Row(f"it is reset {stage}", resets(raw), LOST, later=later, kept=kept),
        Row(f"it stops {stage}", stops(raw), LATE).slow(),
    ]


BROKEN_OFF = [row for stage in STAGES for row in _broken_off(*stage)]

DRIPPING = [
    Row("a status line in drips", drips(b"HTTP/1.1 200 " + b"x" * 999), LATE),
    Row("a field in drips", drips(b"x" * 999, behind=OK + b"A: "), LATE),
    Row("interim responses in drips", drips(b"HTTP/1.1 103 x\r\n\r\n" * 99), LATE),
    Row("a body in drips", drips(b" " * 999, behind=OK + b"Content-Length: 999\r\n\r\n"), LATE),
    Row("an open body in drips", drips(b" " * 999, behind=OPEN + b"BODY"), LATE),
    Row("a chunk in drips", drips(b" " * 999, behind=CHUNKED + b"3e7\r\n"), LATE),
    Row("chunks in drips", drips(b"1\r\n \r\n" * 999, behind=CHUNKED), LATE),
    Row("an extension in drips", drips(b";" + b"x" * 999, behind=CHUNKED + b"9"), LATE),
    Row("trailers in drips", drips(b"A:\n" * 999, behind=CHUNKED + b"0\r\n"), LATE),
    Row("the body of a 503 in drips",
        drips(b" " * 999, behind=b"HTTP/1.1 503 x\r\nContent-Length: 999\r\n\r\n"), LATE),
    Row("the body of a 404 in drips",
        drips(b" " * 999, behind=b"HTTP/1.1 404 x\r\nContent-Length: 999\r\n\r\n"), LATE),
]  # fmt: skip
DRIPPING = [row.slow() for row in DRIPPING]

# -- the end of a response that is complete

COMPLETE = [
    Row("it ends behind the body", ends(SIZED + b"BODY"), FOUND_IT),
    Row("it is cut behind the body", cuts(SIZED + b"BODY"), FOUND_IT),
    Row("it is reset behind the body", resets(SIZED + b"BODY"), FOUND_IT),
    Row("it is reset behind the end of the chunks",
        resets(CHUNKED + b"HEXLEN\r\nBODY\r\n0\r\n\r\n"), FOUND_IT),
    Row("an open body ends", ends(OPEN + b"BODY"), FOUND_IT),
    Row("an open body is cut", cuts(OPEN + b"BODY"), LOST, schemes=ONLY_HTTPS),
    Row("an open body is reset", resets(OPEN + b"BODY"), LOST),
    Row("an open body of HTTP/1.0 ends", ends(b"HTTP/1.0 200 OK\r\n\r\nBODY"), FOUND_IT),
    Row("an open body of HTTP/1.0 is cut", cuts(b"HTTP/1.0 200 OK\r\n\r\nBODY"), LOST,
        schemes=ONLY_HTTPS),
    Row("an open body without a byte", ends(OPEN), BAD, "did the backend die", modes=LOOKUPS),
    Row("the same, to a policy request", ends(OPEN), BAD, "action is empty", modes=(POLICY,)),
    Row("a 404 without a body", sends(response(404)), status(404), kept=True),
    Row("a 404 with an open body that is reset",
        resets(b"HTTP/1.1 404 Not Found\r\n\r\nno"), LOST),
    Row("Connection: close, and it stays open",
        sends(OK + b"Connection: close\r\nContent-Length: LENGTH\r\n\r\nBODY"), FOUND_IT),
    Row("HTTP/1.0, and it stays open",
        sends(b"HTTP/1.0 200 OK\r\nContent-Length: LENGTH\r\n\r\nBODY"), FOUND_IT),
    Row("Keep-Alive: timeout=0",
        sends(OK + b"Keep-Alive: timeout=0\r\nContent-Length: LENGTH\r\n\r\nBODY"), FOUND_IT),
    Row("Keep-Alive: timeout=9999999999999999999999",
        sends(OK + b"Keep-Alive: timeout=" + b"9" * 22 + b"\r\nContent-Length: LENGTH\r\n\r\nBODY"),
        FOUND_IT, kept=True),
    Row("Keep-Alive: timeout=-1",
        sends(OK + b"Keep-Alive: timeout=-1\r\nContent-Length: LENGTH\r\n\r\nBODY"), FOUND_IT,
        kept=True),
]  # fmt: skip

# -- a kept connection, between two requests

BETWEEN = [
    Row("it ends the idle connection", end, OWN),
    Row("it cuts the idle connection", cuts(b""), OWN),
    Row("it resets the idle connection", resets(b""), OWN),
    Row("a second response", sends(SIZED + b"BODY"), OWN),
    Row("a 408, and the end", ends(response(408)), OWN),
    Row("one byte", sends(b"H"), OWN),
    Row("a line end", sends(b"\r\n"), OWN),
]
BETWEEN = [
    row._replace(name=f"between two requests, {row.name}", does=answers_then(row.does), at=IDLE)
    for row in BETWEEN
]

# -- lengths

LENGTHS = [
    Row("less than its Content-Length", ends(OK + b"Content-Length: 999\r\n\r\nBODY"), LOST),
    Row("more than its Content-Length", sends(OK + b'Content-Length: 2\r\n\r\n["a"]'), BAD,
        "is not JSON", modes=LOOKUPS),
    Row("an answer and more than its Content-Length", sends(SIZED + b"BODYand more"), FOUND_IT),
    Row("two Content-Lengths",
        sends(OK + b"Content-Length: 1\r\nContent-Length: LENGTH\r\n\r\nBODY"), BAD,
        "it has several lengths"),
    Row("two in one field", sends(OK + b"Content-Length: LENGTH, 1\r\n\r\nBODY"), BAD,
        "it has several lengths"),
    Row("the same length twice",
        sends(OK + b"Content-Length: LENGTH\r\nContent-Length: LENGTH\r\n\r\nBODY"), FOUND_IT,
        kept=True),
    Row("chunks and another length",
        sends(OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nHEXLEN\r\nBODY\r\n"
              b"0\r\n\r\n"), FOUND_IT, kept=True),
    Row("Content-Length: -1", sends(OK + b"Content-Length: -1\r\n\r\nBODY"), BAD),
    Row("Content-Length: +5", sends(OK + b"Content-Length: +LENGTH\r\n\r\nBODY"), BAD),
    Row("Content-Length: 0x5", sends(OK + b"Content-Length: 0xHEXLEN\r\n\r\nBODY"), BAD),
    Row("Content-Length: 5.0", sends(OK + b"Content-Length: LENGTH.0\r\n\r\nBODY"), BAD),
    Row("Content-Length: many", sends(OK + b"Content-Length: many\r\n\r\nBODY"), BAD),
    Row("Content-Length:", sends(OK + b"Content-Length:\r\n\r\nBODY"), BAD),
    Row("a Content-Length of 4300 digits",
        sends(OK + b"Content-Length: " + b"9" * 4300 + b"\r\n\r\nBODY"), BAD),
    Row("Content-Length: 99999999999999, and all of it",
        repeats(b" ", behind=OK + b"Content-Length: 99999999999999\r\n\r\n"), BAD,
        "max-response-bytes", keys={"max_response_bytes": 65536}),
    Row("an open body without end", repeats(b" ", behind=OPEN), BAD, "max-response-bytes"),
    *[
        Row(f"{name} of the limit", does, FOUND_IT, kept=kept, keys={"max_response_bytes": 64})
        for name, does, kept in (
            ("a sized body", sends(OK + b"Content-Length: 64\r\n\r\nPADDED"), True),
            ("chunks", sends(CHUNKED + b"40\r\nPADDED\r\n0\r\n\r\n"), True),
            ("an open body", ends(OPEN + b"PADDED"), False),
        )
    ],
    *[
        Row(f"{name} of a byte more", does, BAD, "max-response-bytes",
            keys={"max_response_bytes": 64})
        for name, does in (
            ("a sized body", sends(OK + b"Content-Length: 65\r\n\r\nPADDED ")),
            ("a chunk", sends(CHUNKED + b"41\r\nPADDED \r\n0\r\n\r\n")),
            ("chunks", sends(CHUNKED + b"40\r\nPADDED\r\n1\r\n \r\n0\r\n\r\n")),
            ("an open body", ends(OPEN + b"PADDED ")),
        )
    ],
]  # fmt: skip

# -- chunks

CHUNKS = [
    ("zz", b"zz\r\nBODY\r\n0\r\n\r\n"),
    ("-1", b"-1\r\nBODY\r\n0\r\n\r\n"),
    ("+5", b"+HEXLEN\r\nBODY\r\n0\r\n\r\n"),
    ("0x5", b"0xHEXLEN\r\nBODY\r\n0\r\n\r\n"),
    ("nothing", b"\r\nBODY\r\n0\r\n\r\n"),
    ("a blank first", b" HEXLEN\r\nBODY\r\n0\r\n\r\n"),
    ("17 digits", b"1" * 17 + b"\r\nBODY\r\n0\r\n\r\n"),
    ("too little", b"1\r\nBODY\r\n0\r\n\r\n"),
]
CHUNK_ERRORS = [
    *[
        Row(f"the length of a chunk is {name}", sends(CHUNKED + raw), BAD, "chunk")
        for name, raw in CHUNKS
    ],
    Row("a body that is not chunked", ends(CHUNKED + b"BODY\n"), BAD, "chunk"),
    Row("an extension of 5000 bytes", sends(CHUNKED + b"1;" + b"x" * 5000 + b"\r\n"), BAD),
    Row("a hundred and one trailers",
        sends(CHUNKED + b"HEXLEN\r\nBODY\r\n0\r\n" + b"A: b\r\n" * 101 + b"\r\n"), BAD),
    Row("chunks without end", repeats(b"1\r\n \r\n", behind=CHUNKED), BAD, "max-response-bytes",
        keys={"max_response_bytes": 4096}),
    Row("trailers without end", repeats(b"A: b\r\n", behind=CHUNKED + b"0\r\n"), BAD),
    Row("an extension without end", repeats(b"x", behind=CHUNKED + b"1;"), BAD),
    Row("Transfer-Encoding: gzip, chunked",
        sends(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), BAD, "transfer coding"),
    Row("Transfer-Encoding: identity",
        sends(OK + b"Transfer-Encoding: identity\r\nContent-Length: LENGTH\r\n\r\nBODY"), BAD),
    Row("Transfer-Encoding: chunked, chunked",
        sends(OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), BAD),
]  # fmt: skip

# -- heads

HEADS = [
    ("fields without end", repeats(b"X-Filler: x\r\n", behind=OK)),
    ("one field without end", repeats(b"x", behind=OK + b"A: ")),
    ("a status line without end", repeats(b"x", behind=b"HTTP/1.1 200 ")),
    ("a thousand fields", sends(OK + b"A: b\r\n" * 1000 + b"Content-Length: LENGTH\r\n\r\nBODY")),
    ("a field without colon", sends(OK + b"foo\r\nContent-Length: LENGTH\r\n\r\nBODY")),
    ("a field without name", sends(OK + b": x\r\nContent-Length: LENGTH\r\n\r\nBODY")),
    ("a blank before a colon", sends(OK + b"Content-Length : LENGTH\r\n\r\nBODY")),
    ("a NUL in a field", sends(OK + b"A: \0\r\nContent-Length: LENGTH\r\n\r\nBODY")),
    ("a CR in a field", sends(OK + b"A: b\rc\r\nContent-Length: LENGTH\r\n\r\nBODY")),
]
FOREIGN = [
    ("a banner of SMTP", b"220 mail.example.org ESMTP\r\n"),
    ("a banner of SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("all bytes", bytes(range(256))),
    ("HTTP/0.9", b"BODY"),
    ("HTTP/0.9 in HTML", b"<html><body>It works!</body></html>"),
    ("HTTP/2 200", b"HTTP/2 200 OK\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("HTTP/2.0 200", b"HTTP/2.0 200 OK\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("HTTP/3.1 200", b"HTTP/3.1 200 OK\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("HTTP/1.10 200", b"HTTP/1.10 200 OK\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("http/1.1 200", b"http/1.1 200 OK\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("ICY 200", b"ICY 200 OK\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("frames of HTTP/2", b"\0\0\x06\4\0\0\0\0\0\0\4\0\0\xff\xff"),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("an alert of TLS", _ALERT),
    ("an empty line first", b"\r\n" + SIZED + b"BODY"),
    ("a BOM first", b"\xef\xbb\xbf" + SIZED + b"BODY"),
    ("a request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
]
HEAD_ERRORS = [
    *[Row(name, does, BAD, "not HTTP/1.1") for name, does in HEADS],
    *[Row(name, ends(raw), BAD, "not HTTP/1.1.*speak HTTP") for name, raw in FOREIGN],
]

# -- statuses; test_faults.py has each one from 100 to 599

NO_STATUSES = (
    "99", "099", "1000", "20", "2", "0", "-200", "+200", "200.0", "2OO", "OK", "0x1", "2 00", "",
    "\uff12\uff10\uff10",
)  # fmt: skip
STATUSES = [
    *[
        Row(
            f"the status {word!r}",
            sends(f"HTTP/1.1 {word} x\r\nContent-Length: LENGTH\r\n\r\nBODY".encode()),
            BAD,
            "its status is not a number",
        )
        for word in NO_STATUSES
    ],
    *[Row(f"the status {n}", sends(response(n, b"no")), status(n), kept=True) for n in (600, 999)],
    Row("no status", sends(b"HTTP/1.1\r\nContent-Length: LENGTH\r\n\r\nBODY"), BAD),
    Row("a 204 with a body", sends(b"HTTP/1.1 204 x\r\nContent-Length: LENGTH\r\n\r\nBODY"),
        status(204)),
    Row("a 304 with a body", sends(b"HTTP/1.1 304 x\r\nContent-Length: LENGTH\r\n\r\nBODY"),
        status(304)),
    Row("a 206", sends(b"HTTP/1.1 206 x\r\nContent-Length: LENGTH\r\n\r\nBODY"), status(206),
        kept=True),
    Row("a 503 without end",
        repeats(b"x", behind=b"HTTP/1.1 503 x\r\nContent-Length: 99999999999999\r\n\r\n"),
        status(503), keys={"max_response_bytes": 65536}),
    Row("a 301 without end",
        repeats(b"x", behind=b"HTTP/1.1 301 x\r\nContent-Length: 99999999999999\r\n\r\n"),
        status(301), keys={"max_response_bytes": 65536}),
    Row("a 404 without end", repeats(b"x", behind=b"HTTP/1.1 404 x\r\n\r\n"), status(404),
        keys={"max_response_bytes": 65536}),
    Row("a 408, Connection: close", ends(response(408, b"", b"Connection: close")), status(408),
        later=RESENT, kept=None),
    Row("a 408, and it stays open", sends(response(408)), status(408), "temporary-statuses",
        kept=True),
]  # fmt: skip

_INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"

INTERIM = [
    Row("one interim response", sends(_INTERIM + SIZED + b"BODY"), FOUND_IT, kept=True),
    Row("twenty", sends(_INTERIM * 20 + SIZED + b"BODY"), FOUND_IT, kept=True),
    Row("twenty-one", sends(_INTERIM * 21 + SIZED + b"BODY"), BAD, "interim responses"),
    Row("interim responses without end", repeats(_INTERIM), BAD, "interim responses"),
    Row("an interim response with a length",
        sends(b"HTTP/1.1 100 x\r\nContent-Length: LENGTH\r\n\r\n" + SIZED + b"BODY"), FOUND_IT,
        kept=True),
    Row("a 101, and an answer",
        sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + SIZED + b"BODY"),
        status(101)),
    Row("a 101, and frames of HTTP/2",
        sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n\0\0\0\4\0\0\0\0\0"),
        status(101)),
    Row("a 404 behind an interim response", sends(_INTERIM + response(404)), status(404),
        kept=True),
]  # fmt: skip

# -- bodies


def _encoded(coding: bytes, body: bytes) -> bytes:
    return response(200, body, b"Content-Encoding: " + coding)


_COMPRESSED = "the body of the response is compressed"
COMPRESSED = [
    Row("gzip", sends(_encoded(b"gzip", gzip.compress(b'["value"]'))), BAD, _COMPRESSED),
    Row("gzip without a field", sends(response(200, gzip.compress(b"DUNNO"))), BAD, _COMPRESSED),
    Row("deflate", sends(_encoded(b"deflate", zlib.compress(b'["value"]'))), BAD, _COMPRESSED),
    Row("br", sends(_encoded(b"br", b'\x8b\x04\x80["value"]\x03')), BAD, _COMPRESSED),
    Row("zstd", sends(_encoded(b"zstd", b"\x28\xb5\x2f\xfd\x24\x05")), BAD, _COMPRESSED),
    Row("a bomb of gzip", sends(_encoded(b"gzip", gzip.compress(b" " * 10_000_000))), BAD,
        _COMPRESSED),
    Row("gzip that is none", sends(OK + b"Content-Encoding: gzip\r\nContent-Length: LENGTH\r\n\r\n"
        b"BODY"), FOUND_IT),
    Row("an unknown coding",
        sends(OK + b"Content-Encoding: rot13\r\nContent-Length: LENGTH\r\n\r\nBODY"), FOUND_IT),
]  # fmt: skip
COMPRESSED = [row._replace(kept=True) for row in COMPRESSED]

_NO_JSON, _NO_STRINGS = "is not JSON", "is not a JSON array of strings"
_NO_UTF_8 = "is not UTF-8"
JSON = [
    ("null", b"null", _NO_STRINGS),
    ("a list with null", b"[null]", _NO_STRINGS),
    ("null among strings", b'["a", null]', _NO_STRINGS),
    ("an object", b"{}", _NO_STRINGS),
    ("an object with values", b'{"value": "a"}', _NO_STRINGS),
    ("a string", b'"x"', _NO_STRINGS),
    ("an empty string", b'""', _NO_STRINGS),
    ("a number", b"1", _NO_STRINGS),
    ("true", b"true", _NO_STRINGS),
    ("a list of numbers", b"[1]", _NO_STRINGS),
    ("a number among strings", b'["a", 1]', _NO_STRINGS),
    ("a list of booleans", b"[true]", _NO_STRINGS),
    ("a nested list", b'[["a"]]', _NO_STRINGS),
    ("a nested empty list", b"[[]]", _NO_STRINGS),
    ("an object in the list", b'[{"a": "b"}]', _NO_STRINGS),
    ("NaN", b"NaN", _NO_STRINGS),
    ("NaN in the list", b"[NaN]", _NO_STRINGS),
    ("Infinity", b"[-Infinity]", _NO_STRINGS),
    ("plain text", b"value", _NO_JSON),
    ("HTML", b"<html><body>502 Bad Gateway</body></html>", "is HTML or XML"),
    ("single quotes", b"['a']", _NO_JSON),
    ("a comma at the end", b'["a",]', _NO_JSON),
    ("only a comma", b"[,]", _NO_JSON),
    ("trailing garbage", b'["a"] x', _NO_JSON),
    ("two documents", b'["a"]["b"]', _NO_JSON),
    ("a document that ends too early", b'["a"', _NO_JSON),
    ("a string that ends too early", b'["a', _NO_JSON),
    ("an escape that ends too early", b'["\\u00', _NO_JSON),
    ("a comment", b'["a"] // yes', _NO_JSON),
    ("a raw control character in a string", b'["a\nb"]', _NO_JSON),
    ("a raw NUL in a string", b'["a\0b"]', _NO_JSON),
    ("an escaped NUL in a value", b'["a\\u0000b"]', "NUL"),
    ("only a NUL", b'["\\u0000"]', "NUL"),
    ("a byte NUL", b"\0", _NO_JSON),
    ("an unknown escape", b'["\\x41"]', _NO_JSON),
    ("half of a surrogate pair", b'["\\ud800"]', "surrogate"),
    ("the other half", b'["a\\udc00b"]', "surrogate"),
    ("halves in the wrong order", b'["\\udc00\\ud800"]', "surrogate"),
    ("Latin-1", b'["k\xe9y"]', _NO_UTF_8),
    ("overlong UTF-8", b'["\xc0\xaf"]', _NO_UTF_8),
    ("a surrogate as UTF-8", b'["\xed\xa0\x80"]', _NO_UTF_8),
    ("half a character", b'["\xc3', _NO_UTF_8),
    ("UTF-16", '["a"]'.encode("utf-16"), _NO_UTF_8),
    ("UTF-16 without BOM", '["a"]'.encode("utf-16-le"), _NO_JSON),
    ("UTF-32", '["a"]'.encode("utf-32-be"), _NO_JSON),
    ("nested 100 000 deep", b"[" * 100_000 + b"]" * 100_000, "is not JSON that can be read"),
    ("nested without end", b"[" * 500_000, "is not JSON that can be read"),
    ("objects nested deep", b'{"a":' * 100_000, "is not JSON that can be read"),
    ("a number of 100 000 digits", b"[" + b"1" * 100_000 + b"]", ""),
    ("an exponent of 100 000 digits", b"[1e" + b"9" * 100_000 + b"]", _NO_STRINGS),
    ("a NUL behind the document", b'["a"]\0', _NO_JSON),
    ("a BOM", b"\xef\xbb\xbf" + b'["a"]', "byte order mark"),
    ("only a BOM", b"\xef\xbb\xbf", "byte order mark"),
    ("only white space", b" \r\n", _NO_JSON),
    ("white space that JSON does not know", b'\xc2\xa0["a"]', _NO_JSON),
    ("a form feed", b'\f["a"]', _NO_JSON),
]
TEXT = [
    ("Latin-1", b"REJECT Gr\xfc\xdfe", _NO_UTF_8),
    ("half a character", b"REJECT \xc3", _NO_UTF_8),
    ("UTF-16", "DUNNO".encode("utf-16"), _NO_UTF_8),
    ("a NUL", b"DUNNO\0", "control character"),
    ("a BOM", b"\xef\xbb\xbfDUNNO", "byte order mark"),
    ("a second line", b"REJECT no\naction=OK", "line break"),
    ("nothing", b"", "the action is empty"),
    ("HTML", b"<html>Welcome to nginx!</html>", "is HTML or XML"),
    ("JSON", b'["DUNNO"]', "does not begin with a letter or a digit"),
    ("a number", b"451", "only a number"),
    ("a whole reply", b"action=DUNNO\n\n", "it has to be the action alone, as in DUNNO"),
]
BODIES = [
    *[
        Row(f"JSON: {name}", sends(response(200, body)), BAD, told, modes=LOOKUPS)
        for name, body, told in JSON
    ],
    *[
        Row(f"action: {name}", sends(response(200, body)), BAD, told, modes=(POLICY,))
        for name, body, told in TEXT
    ],
    Row("an empty body", sends(response(200)), NOT_FOUND),
    Row("an empty body in chunks", sends(CHUNKED + b"0\r\n\r\n"), NOT_FOUND),
    Row("an empty body where that is temporary", sends(response(200)), BAD, "empty-body",
        modes=LOOKUPS, keys={"empty_body": "temporary"}),
]  # fmt: skip
# A handler reads its first body with other modules than the next ones (json_reader.py).
BODIES = [row._replace(kept=True, is_cold=True) for row in BODIES]

ROWS = [
    *NO_CONNECTION,
    *NAMES,
    *NO_NETWORK,
    *HANDSHAKE,
    *CERTIFICATES,
    *BROKEN_OFF,
    *DRIPPING,
    *COMPLETE,
    *BETWEEN,
    *LENGTHS,
    *CHUNK_ERRORS,
    *HEAD_ERRORS,
    *STATUSES,
    *INTERIM,
    *COMPRESSED,
    *BODIES,
]
