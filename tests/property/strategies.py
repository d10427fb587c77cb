# SPDX-License-Identifier: MIT
"""What may arrive: from Postfix, from somebody who is not Postfix, from backends and operators."""

from __future__ import annotations

import json

from hypothesis import strategies as st
from property.postfix_client import policy_request, socketmap_request, tcp_request

from harness.modes import MODES, POLICY, SOCKETMAP, TCP
from postfix_rest_inetd.config.fields import CACHE_MEMBERS

# -- requests

without_nul = st.binary(max_size=40).map(lambda data: data.replace(b"\0", b"\1"))
keys = st.one_of(
    without_nul,
    st.sampled_from([b"", b" ", b"%", b"%41", b"+", b"a@b.example", b"\xc3\xa9", b"\n", b"get x"]),
)
map_names = keys.map(lambda data: data.replace(b" ", b"_"))
attribute_names = st.one_of(
    st.sampled_from([b"request", b"sender", b"recipient", b"a"]),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12).map(
        lambda name: name.replace("=", "_").encode()
    ),
)
attribute_values = keys.map(lambda data: data.replace(b"\n", b"\r"))
attributes = st.lists(st.tuples(attribute_names, attribute_values), min_size=1, max_size=6)

REQUESTS = {
    TCP: st.tuples(keys, st.booleans()).map(
        lambda drawn: (tcp_request(drawn[0], lower=drawn[1]), (None, drawn[0]))
    ),
    SOCKETMAP: st.tuples(map_names, keys).map(lambda drawn: (socketmap_request(*drawn), drawn)),
    POLICY: attributes.map(lambda drawn: (policy_request(drawn), drawn)),
}
"""By mode: a request's bytes, and what a decoder should make of them."""

SPICE = [b"\n", b"\r\n", b"\n\n", b" ", b"=", b":", b",", b"%", b"%0", b"\0", b"0", b"0:,", b"00:"]
SPICE += [b"get ", b"put ", b"-1:", b"99999999:", b"a=b", b"=b\n", b"\xff", b"\t", b"1:x", b"%00"]


@st.composite
def streams(draw, mode: str) -> bytes:
    """A few requests, between, in or behind which something may have been put or be missing."""
    stream = bytearray(b"".join(wire for wire, _ in draw(st.lists(REQUESTS[mode], max_size=4))))
    for _ in range(draw(st.integers(0, 3))):
        where = draw(st.integers(0, len(stream)))
        removed = draw(st.integers(0, 3))
        added = draw(st.one_of(st.just(b""), st.sampled_from(SPICE), st.binary(max_size=6)))
        stream[where : where + removed] = added
    return bytes(stream)


@st.composite
def partitions(draw, stream: bytes) -> list[bytes]:
    """A stream in pieces; some may be empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


# -- responses

statuses = st.one_of(
    st.sampled_from([100, 199, 200, 201, 204, 299, 301, 399, 400, 401, 404, 429, 499, 500, 599]),
    st.integers(100, 999),
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=[]), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
values = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=30),  # halves of pairs included
    st.sampled_from(
        ["", ",", " ", "\t", "\r\v", "\0", "\n", "%", "%41", "é", "a b", "\ud800", "😀"]
    ),
    st.sampled_from([1000, 1350, 4090, 4091, 4092, 33_000, 50_000, 100_000]).map(lambda n: "é" * n),
    st.sampled_from([4090, 4091, 4092, 99_996, 99_997, 99_998]).map(lambda n: "v" * n),
)
arrays = st.lists(values, max_size=4).flatmap(
    lambda items: st.sampled_from(
        [json.dumps(items).encode(), json.dumps(items, ensure_ascii=False).encode(errors="ignore")]
    )
)
words = st.sampled_from(
    "DUNNO dunno OK REJECT DEFER_IF_PERMIT 450 451 554 45 4.7.1 0 12345678901 permit reject , ,, "
    "a,b {} { } {x} é ٤٥١ action=OK PREPEND FILTER : - = \0 \n \r \t \v \x1f \x7f \x85 \xa0 \u2028 "
    "\ufeff \N{KELVIN SIGN} O\N{KELVIN SIGN} DEFER defer_if_reject 5.7.1 4.2.0 5.1234.1 smtp: x:y "
    "Filter REDIRECT BCC prepend a@b a@ X-A: é: reject_rbl_client Reject_RHSBL_sender sleep 1 "
    "permit_dnswl_client dnsbl.example check_client_access warn_if_reject defer "
    "permit_mynetworks".split(" ")
)
verbs = st.sampled_from(
    "DUNNO OK Reject DEFER defer_if_permit DEFER_IF_REJECT 450 554 Filter REDIRECT BCC prepend "
    "HOLD reject_rbl_client reject_rhsbl_sender permit_dnswl_client sleep warn_if_reject permit "
    "check_client_access".split()
)
action_texts = st.one_of(
    st.tuples(verbs, st.sampled_from(" ,"), words).map("".join),
    st.lists(words, max_size=5).map(" ".join),
    st.lists(words, max_size=5).map("".join),
    st.text(max_size=20),
    st.sampled_from([4095, 4096, 4097]).map(lambda n: "x" * n),
    st.sampled_from([2047, 2048, 2049]).map(lambda n: "x" + "é" * n),
)
bodies = st.one_of(
    st.binary(max_size=60),
    arrays,
    json_values.map(lambda value: json.dumps(value).encode()),
    action_texts.map(lambda text: text.encode(errors="surrogatepass")),
)

# -- what an operator may write

GOOD_VALUES: dict[str, list[object]] = {
    "name": ["x", "é"],
    "mode": list(MODES),
    "target": [
        "http://h/",
        "https://u:p@h:1/p?q",
        ["http://h/"],
        ["http://h/", "https://u:p@h:1/p?q"],
        ["HTTPS://a", "http://b", "http://c"],
    ],
    "auth-token": ["", "s3cret"],
    "auth-token-file": ["/x", "x"],
    "bind-address": ["localhost", "::", "::1", "::ffff:127.0.0.1", "0.0.0.0"],
    "bind-port": [1, 9000],
    "bind-path": ["/run/x"],
    "request-timeout": [1, 90_000],
    "list-separator": ["", ";"],
    "headers": [{}, {"X-A": "b"}, {"Authorization": "x"}],
    "tls-ca-file": ["/x", "x"],
    "tls-cert-file": ["/x", "x"],
    "tls-key-file": ["/x", "x"],
    "method": ["GET", "POST"],
    "temporary-statuses": [[], [404]],
    "failure-action": ["close", "DUNNO", "450 4.2.0 x", "PREPEND A: b"],
    "allowed-actions": [[], ["DUNNO"]],
    "access-table": [True, False],
    "log-keys": [True, False],
    "max-response-bytes": [1],
    "empty-body": ["not-found", "temporary"],
    "cache": [
        False,
        {},
        {"max-age": 60, "stale-if-error": 86_400},
        {"not-found-max-age": 0, "max-entries": 256, "max-bytes": 1024**3},
    ],
    "hibernate-after": [0, 3600],
}
odd_keys = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=6),
    st.sampled_from(["Name", "bind_port", "endpoint", "auth-tokne", "x" * 1000, "caches"]),
)
odd_values = st.one_of(
    json_values,
    st.sampled_from([v for choices in GOOD_VALUES.values() for v in choices]),
    st.lists(st.sampled_from(["http://h/", "http://i/", "ftp://h/", "http://u@h/", 1]), max_size=9),
    st.dictionaries(
        st.sampled_from([*CACHE_MEMBERS, "max_age", "x y"]),
        st.sampled_from([None, 0, 1, 255, 256, 1024**2, 31_536_000, 31_536_001, -1, True, "60"]),
        max_size=3,
    ),
    st.sampled_from(["a\nb", "\ud800", "http://[", "http://h:99999/", 10**400, 1e308]),
)


@st.composite
def endpoints(draw) -> dict[str, object]:
    """An endpoint that is good, or nearly so."""
    chosen = draw(st.sets(st.sampled_from(sorted(GOOD_VALUES)), max_size=8))
    chosen |= {"name", "mode", "target", "auth-token", "bind-port"}
    entry: dict[str, object] = {
        key: draw(st.sampled_from(GOOD_VALUES[key])) for key in sorted(chosen)
    }
    for _ in range(draw(st.integers(0, 2))):
        entry[draw(st.one_of(st.sampled_from(sorted(GOOD_VALUES)), odd_keys))] = draw(odd_values)
    for key in draw(st.sets(st.sampled_from(sorted(GOOD_VALUES)), max_size=1)):
        entry.pop(key, None)
    return entry


@st.composite
def documents(draw) -> bytes:
    """A config.json: one that somebody could have written, or anything at all."""
    document: dict[str, object] = {
        "endpoints": draw(st.lists(st.one_of(endpoints(), endpoints(), odd_values), max_size=3))
    }
    if draw(st.booleans()):
        document[draw(st.one_of(st.just("user-agent"), odd_keys))] = draw(odd_values)
    content = bytearray(json.dumps(document).encode())
    for _ in range(draw(st.sampled_from([0, 0, 0, 1]))):
        where = draw(st.integers(0, len(content)))
        content[where : where + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(content)


url_pieces = st.sampled_from(
    "http:// https:// ftp:// // / ? # @ : [ ] :: ::1 [::1] % %41 %zz . .. h H.Example a_b é ℀ 。 - "
    'user pass 80 0 65535 65536 -1 ٣ & = + \t \n \0 \xa0 \x7f \u2028 \ud800 < > " \\ ^ ` '
    "{ | }".split(" ")
)
urls = st.one_of(
    st.text(max_size=20),
    st.lists(url_pieces, max_size=10).map("".join),
    st.lists(url_pieces, max_size=8).map(lambda pieces: "http://h" + "".join(pieces)),
    st.lists(url_pieces, max_size=8).map(lambda pieces: "http://" + "".join(pieces)),
    st.text(st.characters(exclude_categories=[]), max_size=20).map(lambda text: f"http://h/{text}"),
)
