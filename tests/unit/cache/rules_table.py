# SPDX-License-Identifier: MIT
"""The rules of the cache in a table: what a backend says, and what becomes of its answer.

The first part has cases of the public test suite for HTTP caches, by its groups and under its names
(https://github.com/http-tests/cache-tests, as of July 2026). These are the cases for a private
cache without validators that this one satisfies, and cases that only ask what a cache does.
OMITTED names each of the others, and why it is. The second part has our own cases.

In header fields, `<60>` is the date of HTTP that is 60 s after the request was sent, and ` / `
begins another line.
"""

from __future__ import annotations

from typing import NamedTuple

REJECTED = "rejected"
"""Not stored."""
FRESH = "fresh"
STALE = "stale"
UNUSED = "unused"
"""Stored, but not used at that time."""


class Row(NamedTuple):
    """One rule."""

    section: str
    """Of which RFC, or `operator` if that decides."""
    fields: str
    """The header fields of the response."""
    expected: str
    at: float = 3
    """Seconds since the response was complete. The suite waits for 3."""
    outage: bool = False
    operator: str = ""
    """The endpoint's `cache`, as directives are written."""
    response: str = "200 found"
    """Status, and what becomes of it: RESPONSES in test_rules.py."""
    delay: float = 0
    """Seconds from the request to the complete response."""
    interim: str = ""
    """The header fields of an interim response that comes first."""
    exact: bool = True
    """Is the time that of a clock that cannot be wrong?"""


LIFE = "RFC 9111, 4.2.1"
AGE = "RFC 9111, 4.2.3"
DELTA = "RFC 9111, 1.2.2"
STATUS = "RFC 9111, 3"
VARY = "RFC 9111, 4.1"
USE_STALE = "RFC 9111, 4.2.4"
AGE_FIELD = "RFC 9111, 5.1"
DIRECTIVE = "RFC 9111, 5.2"
MUST_REVALIDATE = "RFC 9111, 5.2.2.2"
NO_CACHE = "RFC 9111, 5.2.2.4"
NO_STORE = "RFC 9111, 5.2.2.5"
PRIVATE = "RFC 9111, 5.2.2.7"
S_MAXAGE = "RFC 9111, 5.2.2.10"
MAX_AGE = "RFC 9111, 5.2.2.1"
EXTENSION = "RFC 9111, 5.2.3"
EXPIRES = "RFC 9111, 5.3"
PRAGMA = "RFC 9111, 5.4"
GUESS = "RFC 9111, 4.2.2"
LIST = "RFC 9110, 5.6.1"
QUOTED = "RFC 9110, 5.6.4"
DATE = "RFC 9110, 5.6.7"
INTERIM = "RFC 9110, 15.2"
IF_ERROR = "RFC 5861, 4"
OPERATOR = "operator"

VARY_5000 = "Cache-Control: max-age=5000 / Date: <0> / Vary: "
AGED = "Date: <0> / Cache-Control: max-age=3600 / Age: "
EXPIRING = "Date: <0> / Expires: "
PAST = "Expires: <-5000> / Last-Modified: <-100000> / Date: <0>"
OLD = "Last-Modified: <-86400> / Date: <0>"
OTHERS = (203, 204, 299, 301, 302, 303, 307, 308, 400, 410, 499, 500, 502, 503, 504, 599)
"""Statuses of the suite whose responses are not answers."""

SUITE = {
    "cc-freshness": {
        "freshness-none": Row(LIFE, "", REJECTED),
        "freshness-max-age": Row(MAX_AGE, "Cache-Control: max-age=3600", FRESH),
        "freshness-max-age-stale": Row(MAX_AGE, "Cache-Control: max-age=2 / Date: <0>", UNUSED),
        "freshness-max-age-0": Row(MAX_AGE, "Cache-Control: max-age=0", REJECTED),
        "freshness-max-age-max-minus-1": Row(DELTA, "Cache-Control: max-age=2147483647", FRESH),
        "freshness-max-age-max": Row(DELTA, "Cache-Control: max-age=2147483648", FRESH),
        "freshness-max-age-max-plus-1": Row(DELTA, "Cache-Control: max-age=2147483649", FRESH),
        "freshness-max-age-max-plus": Row(DELTA, "Cache-Control: max-age=99999999999", FRESH),
        "freshness-max-age-age": Row(AGE, AGED + "7200", REJECTED),
        "freshness-max-age-date": Row(AGE, "Date: <-7200> / Cache-Control: max-age=3600", REJECTED),
        "freshness-max-age-expires": Row(
            LIFE, "Cache-Control: max-age=3600 / Expires: <-7200> / Date: <0>", FRESH
        ),
        "freshness-max-age-expires-invalid": Row(
            EXPIRES, "Cache-Control: max-age=3600 / Expires: 0 / Date: <0>", FRESH
        ),
        "freshness-max-age-0-expires": Row(
            LIFE, "Expires: <3600> / Cache-Control: max-age=0 / Date: <0>", REJECTED
        ),
        "freshness-max-age-extension": Row(EXTENSION, "Cache-Control: foobar, max-age=3600", FRESH),
        "freshness-max-age-case-insenstive": Row(DIRECTIVE, "Cache-Control: MaX-aGe=3600", FRESH),
        "freshness-max-age-negative": Row(DELTA, "Cache-Control: max-age=-3600", REJECTED),
        "freshness-max-age-s-maxage-private": Row(
            S_MAXAGE, "Cache-Control: s-maxage=3600, max-age=1", UNUSED
        ),
        "freshness-max-age-s-maxage-private-multiple": Row(
            S_MAXAGE, "Cache-Control: s-maxage=3600 / Cache-Control: max-age=1", UNUSED
        ),
    },
    "cc-parse": {
        "freshness-max-age-two-fresh-stale-sameline": Row(
            LIFE, "Cache-Control: max-age=1800, max-age=1", REJECTED
        ),
        "freshness-max-age-two-fresh-stale-sepline": Row(
            LIFE, "Cache-Control: max-age=1800 / Cache-Control: max-age=1", REJECTED
        ),
        "freshness-max-age-two-stale-fresh-sameline": Row(
            LIFE, "Cache-Control: max-age=1, max-age=1800", REJECTED
        ),
        "freshness-max-age-two-stale-fresh-sepline": Row(
            LIFE, "Cache-Control: max-age=1 / Cache-Control: max-age=1800", REJECTED
        ),
        "freshness-max-age-quoted": Row(DIRECTIVE, 'Cache-Control: max-age="3600"', FRESH),
        "freshness-max-age-ignore-quoted": Row(
            QUOTED, 'Cache-Control: extension="max-age=3600", max-age=1', UNUSED
        ),
        "freshness-max-age-ignore-quoted-rev": Row(
            QUOTED, 'Cache-Control: max-age=1, extension="max-age=3600"', UNUSED
        ),
        "freshness-max-age-space-before-equals": Row(
            DIRECTIVE, "Cache-Control: max-age =3600", REJECTED
        ),
        "freshness-max-age-space-after-equals": Row(
            DIRECTIVE, "Cache-Control: max-age= 3600", REJECTED
        ),
        "freshness-max-age-leading-zero": Row(DELTA, "Cache-Control: max-age=003600", FRESH),
        "freshness-max-age-single-quoted": Row(DELTA, "Cache-Control: max-age='3600'", REJECTED),
        "freshness-max-age-decimal-zero": Row(DELTA, "Cache-Control: max-age=3600.0", REJECTED),
        "freshness-max-age-decimal-five": Row(DELTA, "Cache-Control: max-age=3600.5", REJECTED),
        "freshness-max-age-a100": Row(LIFE, "Cache-Control: max-age=a3600", REJECTED),
        "freshness-max-age-100a": Row(LIFE, "Cache-Control: max-age=3600a", REJECTED),
    },
    "age-parse": {
        "age-parse-nonnumeric": Row(AGE_FIELD, AGED + "abc", FRESH),
        "age-parse-negative": Row(AGE_FIELD, AGED + "-7200", FRESH),
        "age-parse-float": Row(AGE_FIELD, AGED + "7200.0", FRESH),
        "age-parse-large-minus-one": Row(DELTA, AGED + "2147483647", REJECTED),
        "age-parse-large": Row(DELTA, AGED + "2147483648", REJECTED),
        "age-parse-larger": Row(DELTA, AGED + "2147483649", REJECTED),
        "age-parse-suffix": Row(AGE_FIELD, AGED + "7200, 0", REJECTED),
        "age-parse-prefix": Row(AGE_FIELD, AGED + "0, 7200", FRESH),
        "age-parse-suffix-twoline": Row(AGE_FIELD, AGED + "7200 / Age: 0", REJECTED),
        "age-parse-prefix-twoline": Row(AGE_FIELD, AGED + "0 / Age: 7200", FRESH),
        "age-parse-dup-0": Row(AGE_FIELD, AGED + "0, 0", FRESH),
        "age-parse-dup-0-twoline": Row(AGE_FIELD, AGED + "0 / Age: 0", FRESH),
        "age-parse-dup-old": Row(
            AGE_FIELD, "Date: <0> / Cache-Control: max-age=10000 / Age: 3600 / Age: 3600", FRESH
        ),
        "age-parse-parameter": Row(AGE_FIELD, AGED + "7200;foo=bar", FRESH),
        "age-parse-numeric-parameter": Row(AGE_FIELD, AGED + "7200;foo=111", FRESH),
    },
    "expires": {
        "freshness-expires-future": Row(LIFE, EXPIRING + "<2592000>", FRESH),
        "freshness-expires-past": Row(LIFE, EXPIRING + "<-2592000>", REJECTED),
        "freshness-expires-present": Row(LIFE, EXPIRING + "<0>", REJECTED, at=0),
        "freshness-expires-old-date": Row(LIFE, "Date: <400> / Expires: <300>", REJECTED),
        "freshness-expires-invalid": Row(EXPIRES, EXPIRING + "0", REJECTED),
        "freshness-expires-age-slow-date": Row(
            AGE, "Date: <-10> / Expires: <10> / Age: 25", REJECTED, at=0
        ),
        "freshness-expires-age-fast-date": Row(
            AGE, "Date: <10> / Expires: <20> / Age: 15", REJECTED, at=0
        ),
    },
    "expires-parse": {
        "freshness-expires-32bit": Row(DATE, EXPIRING + "Tue, 19 Jan 2038 14:14:08 GMT", FRESH),
        "freshness-expires-far-future": Row(
            DELTA, EXPIRING + "Sun, 21 Nov 2286 04:46:39 GMT", FRESH
        ),
        "freshness-expires-rfc850": Row(DATE, EXPIRING + "Thursday, 18-Aug-50 02:01:18 GMT", FRESH),
        "freshness-expires-ansi-c": Row(DATE, EXPIRING + "Thu Aug  8 02:01:18 2050", FRESH),
        "freshness-expires-wrong-case-weekday": Row(
            LIFE, EXPIRING + "THU, 18 Aug 2050 02:01:18 GMT", FRESH
        ),
        "freshness-expires-wrong-case-month": Row(
            LIFE, EXPIRING + "Thu, 18 AUG 2050 02:01:18 GMT", FRESH
        ),
        "freshness-expires-wrong-case-tz": Row(
            LIFE, EXPIRING + "Thu, 18 Aug 2050 02:01:18 gMT", FRESH
        ),
        "freshness-expires-invalid-utc": Row(
            LIFE, EXPIRING + "Thu, 18 Aug 2050 02:01:18 UTC", REJECTED
        ),
        "freshness-expires-invalid-aest": Row(
            LIFE, EXPIRING + "Thu, 18 Aug 2050 02:01:18 AEST", REJECTED
        ),
        "freshness-expires-invalid-2-digit-year": Row(
            EXPIRES, EXPIRING + "Thu, 18 Aug 50 02:01:18 GMT", REJECTED
        ),
        "freshness-expires-invalid-no-comma": Row(
            EXPIRES, EXPIRING + "Thu 18 Aug 2050 02:01:18 GMT", REJECTED
        ),
        "freshness-expires-invalid-multiple-spaces": Row(
            EXPIRES, EXPIRING + "Thu, 18  Aug  2050 02:01:18 GMT", REJECTED, at=0
        ),
        "freshness-expires-invalid-date-dashes": Row(
            EXPIRES, EXPIRING + "Thu, 18-Aug-2050 02:01:18 GMT", REJECTED, at=0
        ),
        "freshness-expires-invalid-time-periods": Row(
            EXPIRES, EXPIRING + "Thu, 18 Aug 2050 02.01.18 GMT", REJECTED, at=0
        ),
        "freshness-expires-invalid-1-digit-hour": Row(
            EXPIRES, EXPIRING + "Thu, 18 Aug 2050 2:01:18 GMT", REJECTED, at=0
        ),
        "freshness-expires-invalid-multiple-lines": Row(
            LIFE,
            EXPIRING + "Thu, 18 Aug 2050 02:01:18 GMT / Expires: Thu, 18 Aug 2050 02:01:19 GMT",
            REJECTED,
            at=0,
        ),
    },
    "cc-response": {
        "cc-resp-private-private": Row(PRIVATE, "Cache-Control: private, max-age=3600", FRESH),
        "cc-resp-no-store": Row(NO_STORE, "Cache-Control: no-store", REJECTED),
        "cc-resp-no-store-case-insensitive": Row(NO_STORE, "Cache-Control: No-StOrE", REJECTED),
        "cc-resp-no-store-fresh": Row(
            NO_STORE, "Cache-Control: max-age=10000, no-store / Expires: <10000>", REJECTED
        ),
        "cc-resp-no-cache": Row(
            NO_CACHE, "Cache-Control: max-age=10000, no-cache / Expires: <10000>", REJECTED
        ),
        "cc-resp-no-cache-case-insensitive": Row(
            NO_CACHE, "Cache-Control: max-age=10000, No-CaChE / Expires: <10000>", REJECTED
        ),
        "headers-omit-headers-listed-in-Cache-Control-no-cache-single": Row(
            NO_CACHE, 'Cache-Control: no-cache="a" / a: 1 / Cache-Control: max-age=3600', REJECTED
        ),
        "headers-omit-headers-listed-in-Cache-Control-no-cache": Row(
            NO_CACHE, 'Cache-Control: no-cache="a, b" / Cache-Control: max-age=3600', REJECTED
        ),
        "cc-resp-must-revalidate-fresh": Row(
            MUST_REVALIDATE, 'Cache-Control: max-age=10000, must-revalidate / ETag: "abcd"', FRESH
        ),
        "cc-resp-must-revalidate-stale": Row(
            MUST_REVALIDATE, 'Cache-Control: max-age=2, must-revalidate / ETag: "abcd"', UNUSED
        ),
        "cc-resp-immutable-fresh": Row(
            EXTENSION, 'Cache-Control: max-age=10000, immutable / ETag: "abcd"', FRESH
        ),
        "cc-resp-immutable-stale": Row(
            EXTENSION, 'Cache-Control: max-age=2, immutable / ETag: "abcd"', UNUSED
        ),
    },
    "stale": {
        "stale-close": Row(USE_STALE, "Cache-Control: max-age=2", UNUSED, outage=True),
        "stale-503": Row(USE_STALE, "Cache-Control: max-age=2", UNUSED, outage=True),
        "stale-while-revalidate-window": Row(
            EXTENSION, "Cache-Control: max-age=1, stale-while-revalidate=4", UNUSED, at=6
        ),
        "stale-sie-close": Row(
            IF_ERROR, "Cache-Control: max-age=2, stale-if-error=60", STALE, outage=True
        ),
        "stale-sie-503": Row(
            IF_ERROR, "Cache-Control: max-age=2, stale-if-error=60", STALE, outage=True
        ),
        "stale-close-must-revalidate": Row(
            MUST_REVALIDATE, "Cache-Control: max-age=2, must-revalidate", UNUSED, outage=True
        ),
        "stale-close-no-cache": Row(
            NO_CACHE, "Cache-Control: max-age=2, no-cache", REJECTED, outage=True
        ),
    },
    "heuristic": {
        **{
            f"heuristic-{status}-not_cached": Row(GUESS, OLD, REJECTED, response=str(status))
            for status in (201, 202, 403, 502, 503, 504, 599)
        },
        "heuristic-delta-86400": Row(GUESS, OLD, REJECTED),
    },
    "status": {
        "status-200-fresh": Row(STATUS, "Cache-Control: max-age=100000 / Date: <0>", FRESH),
        "status-200-stale": Row(STATUS, PAST, REJECTED),
        "status-404-fresh": Row(
            STATUS, "Cache-Control: max-age=100000 / Date: <0>", FRESH, response="404"
        ),
        "status-404-stale": Row(STATUS, PAST, REJECTED, response="404"),
        **{
            f"status-{status}-stale": Row(STATUS, PAST, REJECTED, response=str(status))
            for status in OTHERS
        },
        "status-599-must-understand": Row(
            NO_STORE,
            "Cache-Control: max-age=3600, no-store, must-understand",
            REJECTED,
            response="599",
        ),
    },
    "pragma": {
        "pragma-response-no-cache": Row(
            PRAGMA, "Cache-Control: max-age=3600 / Pragma: no-cache", FRESH
        ),
        "pragma-response-no-cache-heuristic": Row(
            PRAGMA, "Date: <0> / Last-Modified: <-10000> / Pragma: no-cache", REJECTED
        ),
        "pragma-response-extension": Row(
            PRAGMA, "Cache-Control: max-age=3600 / Pragma: unrecognised-extension", FRESH
        ),
    },
    "vary": {
        "vary-match": Row(VARY, VARY_5000 + "Foo", FRESH),
        "vary-2-match": Row(VARY, VARY_5000 + "Foo, Bar", FRESH),
        "vary-3-match": Row(VARY, VARY_5000 + "Foo, Bar, Baz", FRESH),
        "vary-3-omit": Row(VARY, VARY_5000 + "Foo, Bar, Baz", FRESH),
        "vary-star": Row(VARY, VARY_5000 + "*", REJECTED),
    },
    "vary-parse": {
        "vary-syntax-star": Row(VARY, VARY_5000 + "*", REJECTED),
        "vary-syntax-star-star": Row(VARY, VARY_5000 + "*, *", REJECTED),
        "vary-syntax-star-star-lines": Row(VARY, VARY_5000 + "* / Vary: *", REJECTED),
        "vary-syntax-empty-star": Row(VARY, VARY_5000 + ", *", REJECTED),
        "vary-syntax-empty-star-lines": Row(VARY, VARY_5000 + " / Vary: *", REJECTED),
        "vary-syntax-star-foo": Row(VARY, VARY_5000 + "*, Foo", REJECTED),
        "vary-syntax-foo-star": Row(VARY, VARY_5000 + "Foo, *", REJECTED),
    },
    "other": {
        "other-fresh-content-disposition-attachment": Row(
            STATUS,
            "Cache-Control: max-age=100000 / Content-Disposition: attachment; filename=example.txt",
            FRESH,
        ),
        "other-set-cookie": Row(STATUS, "Cache-Control: max-age=100000 / Set-Cookie: a=b", FRESH),
    },
    "interim": {
        "interim-not-cached": Row(
            INTERIM, "Cache-Control: max-age=100000", FRESH, interim="link: </s.css>; rel=preload"
        ),
        "interim-no-header-reuse": Row(
            INTERIM,
            "Cache-Control: max-age=100000",
            FRESH,
            interim="link: </s.css>; rel=preload / x-my-header: test",
        ),
    },
}

CASES = {
    "cc-freshness": 24,
    "cc-parse": 15,
    "age-parse": 15,
    "expires": 8,
    "expires-parse": 16,
    "cc-response": 17,
    "stale": 12,
    "heuristic": 27,
    "status": 38,
    "pragma": 5,
    "vary": 20,
    "vary-parse": 7,
    "other": 13,
    "interim": 4,
}
"""How many cases the suite has in each group of SUITE."""

_VALIDATORS = "validators are not used: an answer is smaller than the question whether it changed"
_SHARED = "it is for shared caches"
_IDENTITY = "a request that differs in any field but X-Request-Id has an identity of its own"
_NO_GUESS = "a lifetime is never guessed, which a cache is free to do"
_NOT_ANSWERS = "responses with other statuses than 200 and 404 are not answers to a lookup"
_NO_RESPONSE = "no HTTP response is made of a stored answer"
_REQUESTS = "our requests have no such field, unless the operator sets a constant one"

OMITTED_GROUPS = {
    "method": "the answer to a policy request, a POST, is never stored",
    "cc-request": _REQUESTS,
    "conditional-lm": _VALIDATORS,
    "conditional-inm": _VALIDATORS,
    "headers": "a stored answer consists of status and body",
    "update304": _VALIDATORS,
    "updateHEAD": "no HEAD is sent",
    "invalidation": "requests that change something are not sent to the URL of a lookup",
    "partial": "no part of a response is asked for",
    "auth": _SHARED,
    "cdn-cache-control": "this field is for content delivery networks",
}

OMITTED = {
    "cc-freshness": {
        _SHARED: """
            freshness-s-maxage-shared freshness-max-age-s-maxage-shared-longer
            freshness-max-age-s-maxage-shared-longer-reversed
            freshness-max-age-s-maxage-shared-longer-multiple
            freshness-max-age-s-maxage-shared-shorter
            freshness-max-age-s-maxage-shared-shorter-expires
        """,
    },
    "expires": {
        "the clock of this machine takes no part in it, as it may be wrong after a start": """
            freshness-expires-invalid-date
        """,
    },
    "cc-response": {
        _SHARED: "cc-resp-private-shared",
        _VALIDATORS: "cc-resp-no-cache-revalidate cc-resp-no-cache-revalidate-fresh",
        "the backend is not asked while there is a fresh answer": """
            cc-resp-no-store-old-new cc-resp-no-store-old-max-age
        """,
    },
    "stale": {
        _SHARED: "stale-close-proxy-revalidate stale-close-s-maxage=2",
        "nothing is left running that could ask behind a reply": "stale-while-revalidate",
        _NO_RESPONSE: "stale-warning-stored stale-warning-become",
    },
    "heuristic": {
        _NO_GUESS: """
            heuristic-200-cached heuristic-404-cached heuristic-599-cached
            heuristic-delta-5 heuristic-delta-10 heuristic-delta-30 heuristic-delta-60
            heuristic-delta-300 heuristic-delta-600 heuristic-delta-1200 heuristic-delta-1800
            heuristic-delta-3600 heuristic-delta-43200
        """,
        _NOT_ANSWERS: """
            heuristic-203-cached heuristic-204-cached heuristic-405-cached heuristic-410-cached
            heuristic-414-cached heuristic-501-cached
        """,
    },
    "status": {
        _NOT_ANSWERS: " ".join(f"status-{status}-fresh" for status in OTHERS),
        "no-store counts, even if must-understand could lift it": "status-200-must-understand",
    },
    "pragma": {_REQUESTS: "pragma-request-no-cache pragma-request-extension"},
    "vary": {
        _IDENTITY: """
            vary-no-match vary-omit-stored vary-omit vary-invalidate vary-cache-key
            vary-2-no-match vary-2-match-omit vary-3-no-match vary-3-order vary-normalise-combine
            vary-normalise-lang-order vary-normalise-lang-case vary-normalise-lang-space
            vary-normalise-lang-select vary-normalise-space
        """,
    },
    "other": {
        _NO_RESPONSE: """
            other-age-gen other-age-delay other-age-update-expires other-age-update-max-age
            other-date-update other-date-update-expires other-date-update-expires-update
        """,
        "the key is part of the identity": "query-args-different query-args-same",
        _NO_GUESS: "other-heuristic-content-disposition-attachment",
        _REQUESTS: "other-cookie",
    },
    "interim": {"interim responses are not passed on": "interim-102 interim-103"},
}
"""By group and reason, the cases of the groups in SUITE that are not in it."""

WEEK = "Cache-Control: max-age=60, stale-if-error=604800"
ALL = "max-age=30, not-found-max-age=20, stale-if-error=100"

OURS = {
    "times": {
        "fresh at once": Row(LIFE, "Cache-Control: max-age=60", FRESH, at=0),
        "fresh just before the end": Row(LIFE, "Cache-Control: max-age=60", FRESH, at=59.9),
        "not fresh at the end": Row(LIFE, "Cache-Control: max-age=60", UNUSED, at=60),
        "fresh in an outage": Row(LIFE, "Cache-Control: max-age=60", FRESH, outage=True),
        "stale, and no outage": Row(IF_ERROR, WEEK, UNUSED, at=60),
        "stale in an outage": Row(IF_ERROR, WEEK, STALE, at=60, outage=True),
        "stale just before the end": Row(IF_ERROR, WEEK, STALE, at=604859.9, outage=True),
        "stale for too long": Row(IF_ERROR, WEEK, UNUSED, at=604860, outage=True),
        "before the response": Row(LIFE, WEEK, UNUSED, at=-1, outage=True),
        "by an uncertain clock": Row(LIFE, WEEK, UNUSED, exact=False),
        "by an uncertain clock in an outage": Row(IF_ERROR, WEEK, STALE, exact=False, outage=True),
        "by an uncertain clock without permission": Row(
            USE_STALE, "Cache-Control: max-age=60", UNUSED, exact=False, outage=True
        ),
        "by an uncertain clock with must-revalidate": Row(
            MUST_REVALIDATE, WEEK + ", must-revalidate", UNUSED, exact=False, outage=True
        ),
    },
    "age": {
        "the delay counts": Row(AGE, "Cache-Control: max-age=60", FRESH, at=57.9, delay=2),
        "the delay counts to the end": Row(
            AGE, "Cache-Control: max-age=60", UNUSED, at=58, delay=2
        ),
        "Age counts": Row(AGE, AGED + "3590", FRESH, at=9.9),
        "Age counts to the end": Row(AGE, AGED + "3590", UNUSED, at=10),
        "Age and the delay are added": Row(AGE, AGED + "3590", UNUSED, at=6, delay=4),
        "Age without Date": Row(AGE, "Cache-Control: max-age=60 / Age: 59", UNUSED, at=1),
        "Age beyond the lifetime, and stale": Row(AGE, WEEK + " / Age: 61", STALE, outage=True),
        "Age beyond all": Row(AGE, WEEK + " / Age: 604860", REJECTED),
        "Age in two forms": Row(AGE_FIELD, AGED + "0007200", REJECTED),
        "Age in quotes": Row(AGE_FIELD, AGED + '"7200"', FRESH),
        "an empty Age": Row(AGE_FIELD, AGED, FRESH),
        "an empty Age before another": Row(AGE_FIELD, AGED + " / Age: 7200", FRESH),
        "an old Date": Row(AGE, "Cache-Control: max-age=60 / Date: <-50>", FRESH, at=9.9),
        "an old Date to the end": Row(
            AGE, "Cache-Control: max-age=60 / Date: <-50>", UNUSED, at=10
        ),
        "an old Date and a delay": Row(
            AGE, "Cache-Control: max-age=60 / Date: <0>", UNUSED, at=40, delay=20
        ),
        "the larger of Date and Age": Row(
            AGE, "Cache-Control: max-age=60 / Date: <-10> / Age: 50", UNUSED, at=10
        ),
        "an older Date and a delay": Row(
            AGE, "Cache-Control: max-age=60 / Date: <-10>", UNUSED, at=30, delay=20
        ),
        "not their sum": Row(AGE, "Cache-Control: max-age=60 / Date: <-50> / Age: 50", FRESH, at=9),
        "a Date in the future": Row(AGE, "Cache-Control: max-age=60 / Date: <3600>", UNUSED, at=60),
        "a broken Date": Row(AGE, "Cache-Control: max-age=60 / Date: now", FRESH, at=59),
        "two lines of Date": Row(
            AGE, "Cache-Control: max-age=60 / Date: <-99> / Date: <-99>", FRESH, at=59
        ),
        "an old Date, by RFC 850": Row(
            DATE, "Cache-Control: max-age=60 / Date: Friday, 15-Jan-27 07:00:00 GMT", REJECTED
        ),
        "an old Date, by asctime": Row(
            DATE, "Cache-Control: max-age=60 / Date: Fri Jan 15 07:00:00 2027", REJECTED
        ),
    },
    "Expires": {
        "the backend's clock decides, ahead": Row(
            LIFE, "Date: <9000> / Expires: <9060>", FRESH, at=59.9
        ),
        "the backend's clock decides, ahead, to the end": Row(
            LIFE, "Date: <9000> / Expires: <9060>", UNUSED, at=60
        ),
        "the backend's clock is behind": Row(LIFE, "Date: <-10> / Expires: <50>", UNUSED, at=50),
        "no Date": Row(LIFE, "Expires: <3600>", REJECTED),
        "a broken Date": Row(LIFE, "Date: now / Expires: <3600>", REJECTED),
        "stale after Expires": Row(
            IF_ERROR,
            EXPIRING + "<60> / Cache-Control: stale-if-error=60",
            STALE,
            at=119,
            outage=True,
        ),
        "expired before Date, and stale": Row(
            IF_ERROR, EXPIRING + "<-3600> / Cache-Control: stale-if-error=60", STALE, outage=True
        ),
        "a far one ends": Row(
            DELTA, EXPIRING + "Sun, 21 Nov 2286 04:46:39 GMT", UNUSED, at=2147483648
        ),
        "expired, and stale": Row(
            IF_ERROR, EXPIRING + "0 / Cache-Control: stale-if-error=60", STALE, outage=True
        ),
        "a broken max-age": Row(LIFE, EXPIRING + "<60> / Cache-Control: max-age=x", REJECTED),
        "s-maxage only": Row(LIFE, EXPIRING + "<60> / Cache-Control: s-maxage=9", FRESH, at=59),
        "s-maxage only, to the end": Row(
            LIFE, EXPIRING + "<60> / Cache-Control: s-maxage=99", UNUSED, at=60
        ),
        "the same twice": Row(LIFE, EXPIRING + "<60> / Expires: <60>", REJECTED),
        "empty": Row(EXPIRES, EXPIRING, REJECTED),
        "minus one": Row(EXPIRES, EXPIRING + "-1", REJECTED),
        "with no-cache": Row(NO_CACHE, EXPIRING + "<60> / Cache-Control: no-cache", REJECTED),
        "with Pragma": Row(PRAGMA, EXPIRING + "<60> / Pragma: no-cache", REJECTED),
        "PHP's session": Row(
            NO_STORE,
            "Expires: Thu, 19 Nov 1981 08:52:00 GMT / Pragma: no-cache"
            " / Cache-Control: no-store, no-cache, must-revalidate",
            REJECTED,
        ),
    },
    "directives": {
        "no-store behind permissions": Row(NO_STORE, WEEK + ", no-store", REJECTED),
        "no-store in front": Row(NO_STORE, "Cache-Control: no-store / " + WEEK, REJECTED),
        "no-store with an argument": Row(NO_STORE, WEEK + ", no-store=0", REJECTED),
        "no-store in quotes": Row(QUOTED, WEEK + ', a="no-store"', FRESH),
        "a word that contains no-store": Row(EXTENSION, WEEK + ", x-no-store", FRESH),
        "no-store behind an escaped quote": Row(QUOTED, WEEK + ', a="\\"", no-store', REJECTED),
        "no-store behind an open quote": Row(QUOTED, WEEK + ', a="b, no-store', REJECTED),
        "an open quote": Row(QUOTED, WEEK + ', a="b', REJECTED),
        "an open quote, and the next line": Row(
            QUOTED, 'Cache-Control: a="b / Cache-Control: no-store, c="d"', REJECTED
        ),
        "must-understand": Row(NO_STORE, WEEK + ", must-understand, no-store", REJECTED),
        "must-understand alone": Row(EXTENSION, WEEK + ", must-understand", FRESH),
        "no-cache with stale-if-error": Row(NO_CACHE, WEEK + ", no-cache", REJECTED, outage=True),
        "no-cache for a field": Row(NO_CACHE, WEEK + ', no-cache="set-cookie"', REJECTED),
        "private for a field": Row(PRIVATE, WEEK + ', private="set-cookie, b"', FRESH),
        "public": Row(DIRECTIVE, WEEK + ", public", FRESH),
        "no-transform": Row(EXTENSION, WEEK + ", no-transform", FRESH),
        "proxy-revalidate": Row(S_MAXAGE, WEEK + ", proxy-revalidate", STALE, at=60, outage=True),
        "must-revalidate in an outage": Row(
            MUST_REVALIDATE, WEEK + ", must-revalidate", UNUSED, at=60, outage=True
        ),
        "must-revalidate while fresh": Row(MUST_REVALIDATE, WEEK + ", must-revalidate", FRESH),
        "must-revalidate and nothing fresh": Row(
            MUST_REVALIDATE,
            "Cache-Control: max-age=0, must-revalidate, stale-if-error=60",
            REJECTED,
        ),
        "directives of requests": Row(
            DIRECTIVE, "Cache-Control: max-stale=60, min-fresh=60, only-if-cached", REJECTED
        ),
        "stale-while-revalidate": Row(
            EXTENSION, "Cache-Control: max-age=1, stale-while-revalidate=60", UNUSED
        ),
        "empty members": Row(LIST, "Cache-Control: ,, ,max-age=60,\t,", FRESH),
        "no blanks": Row(LIST, "Cache-Control: private,max-age=60,stale-if-error=9", FRESH),
        "a line without members": Row(LIST, "Cache-Control: / Cache-Control: max-age=60", FRESH),
        "several lines": Row(
            LIST,
            "Cache-Control: max-age=60 / Cache-Control: stale-if-error=60",
            STALE,
            at=119,
            outage=True,
        ),
        "semicolons": Row(DIRECTIVE, "Cache-Control: max-age=60; no-store", REJECTED),
        "semicolons behind a good one": Row(DIRECTIVE, WEEK + ", private; no-store", REJECTED),
        "blanks for commas": Row(DIRECTIVE, "Cache-Control: private max-age=60", REJECTED),
        "a colon": Row(DIRECTIVE, "Cache-Control: max-age:60", REJECTED),
        "no number": Row(LIFE, "Cache-Control: max-age", REJECTED),
        "an empty number": Row(LIFE, 'Cache-Control: max-age=""', REJECTED),
        "the same max-age twice": Row(LIFE, "Cache-Control: max-age=60, max-age=60", FRESH),
        "the same max-age with quotes": Row(LIFE, 'Cache-Control: max-age=60, max-age="60"', FRESH),
        "two that differ, and stale": Row(LIFE, WEEK + ", max-age=61", STALE, outage=True),
        "two that differ are not fresh": Row(LIFE, WEEK + ", max-age=61", UNUSED),
        "escapes in quotes": Row(QUOTED, 'Cache-Control: max-age="\\6\\0"', FRESH, at=59),
    },
    "stale-if-error": {
        "without max-age": Row(IF_ERROR, "Cache-Control: stale-if-error=60", STALE, outage=True),
        "without max-age or outage": Row(IF_ERROR, "Cache-Control: stale-if-error=60", UNUSED),
        "with max-age=0": Row(
            IF_ERROR, "Cache-Control: max-age=0, stale-if-error=60", STALE, outage=True
        ),
        "zero": Row(IF_ERROR, "Cache-Control: max-age=0, stale-if-error=0", REJECTED),
        "in quotes": Row(
            IF_ERROR, 'Cache-Control: max-age=0, stale-if-error="60"', STALE, outage=True
        ),
        "letter case": Row(IF_ERROR, "Cache-Control: Stale-If-Error=60", STALE, outage=True),
        "not a number": Row(
            IF_ERROR, "Cache-Control: max-age=2, stale-if-error=1d", UNUSED, outage=True
        ),
        "without a number": Row(
            IF_ERROR, "Cache-Control: max-age=2, stale-if-error", UNUSED, outage=True
        ),
        "negative": Row(
            IF_ERROR, "Cache-Control: max-age=2, stale-if-error=-1", UNUSED, outage=True
        ),
        "two that differ": Row(
            IF_ERROR,
            "Cache-Control: max-age=2, stale-if-error=60, stale-if-error=61",
            UNUSED,
            outage=True,
        ),
        "a huge one": Row(
            DELTA,
            f"Cache-Control: max-age=2, stale-if-error={'9' * 5000}",
            STALE,
            at=2147483649,
            outage=True,
        ),
        "a huge one ends": Row(
            DELTA,
            f"Cache-Control: max-age=2, stale-if-error={'9' * 5000}",
            UNUSED,
            at=2147483650,
            outage=True,
        ),
        "a stale not found": Row(IF_ERROR, WEEK, STALE, at=60, outage=True, response="404"),
    },
    "Vary": {
        "X-Request-Id": Row(VARY, WEEK + " / Vary: X-Request-Id", REJECTED),
        "X-Request-Id in a list": Row(VARY, WEEK + " / Vary: Accept,x-REQUEST-id", REJECTED),
        "our constant fields": Row(
            VARY, WEEK + " / Vary: Accept-Encoding, X-Auth-Token, User-Agent", FRESH
        ),
        "empty": Row(VARY, WEEK + " / Vary:", FRESH),
        "empty members": Row(LIST, WEEK + " / Vary: ,Accept, ,", FRESH),
        "not a list of names": Row(VARY, WEEK + " / Vary: Accept Cookie", REJECTED),
        "in quotes": Row(VARY, WEEK + ' / Vary: "Accept"', REJECTED),
        "against the operator": Row(VARY, "Vary: *", REJECTED, operator=ALL),
    },
    "operator": {
        "max-age": Row(OPERATOR, "", FRESH, at=29.9, operator=ALL),
        "max-age ends": Row(OPERATOR, "", UNUSED, at=30, operator=ALL),
        "stale": Row(OPERATOR, "", STALE, at=129.9, outage=True, operator=ALL),
        "stale ends": Row(OPERATOR, "", UNUSED, at=130, outage=True, operator=ALL),
        "not found": Row(OPERATOR, "", FRESH, at=19.9, operator=ALL, response="404"),
        "not found ends": Row(OPERATOR, "", UNUSED, at=20, operator=ALL, response="404"),
        "not found, stale": Row(
            OPERATOR, "", STALE, at=119.9, outage=True, operator=ALL, response="404"
        ),
        "not found, stale, ends": Row(
            OPERATOR, "", UNUSED, at=120, outage=True, operator=ALL, response="404"
        ),
        "an empty list": Row(OPERATOR, "", UNUSED, at=20, operator=ALL, response="200 []"),
        "an empty body": Row(OPERATOR, "", UNUSED, at=20, operator=ALL, response="200 empty"),
        "max-age is not for not found": Row(
            OPERATOR, "", REJECTED, operator="max-age=30", response="404"
        ),
        "not-found-max-age is not for found": Row(
            OPERATOR, "", REJECTED, operator="not-found-max-age=30"
        ),
        "stale-if-error alone": Row(OPERATOR, "", STALE, outage=True, operator="stale-if-error=30"),
        "stale-if-error alone, no outage": Row(OPERATOR, "", UNUSED, operator="stale-if-error=30"),
        "the backend's max-age counts, shorter": Row(
            OPERATOR, "Cache-Control: max-age=10", UNUSED, at=10, operator=ALL
        ),
        "the backend's max-age counts, longer": Row(
            OPERATOR, "Cache-Control: max-age=90", FRESH, at=89, operator=ALL
        ),
        "the backend's max-age, the operator's stale": Row(
            OPERATOR, "Cache-Control: max-age=10", STALE, at=109, outage=True, operator=ALL
        ),
        "both in turn end": Row(
            OPERATOR, "Cache-Control: max-age=10", UNUSED, at=110, outage=True, operator=ALL
        ),
        "the backend's stale, the operator's max-age": Row(
            OPERATOR,
            "Cache-Control: stale-if-error=10",
            UNUSED,
            at=40,
            outage=True,
            operator=ALL,
        ),
        "the backend's max-age=0": Row(OPERATOR, "Cache-Control: max-age=0", UNUSED, operator=ALL),
        "the backend's max-age=0 in an outage": Row(
            OPERATOR, "Cache-Control: max-age=0", STALE, outage=True, operator=ALL
        ),
        "the backend's stale-if-error=0": Row(
            OPERATOR, "Cache-Control: stale-if-error=0", UNUSED, at=30, outage=True, operator=ALL
        ),
        "the backend's broken max-age": Row(
            OPERATOR, "Cache-Control: max-age=x", UNUSED, operator=ALL
        ),
        "the backend's broken stale-if-error": Row(
            OPERATOR, "Cache-Control: stale-if-error=x", UNUSED, at=30, outage=True, operator=ALL
        ),
        "the backend's Expires": Row(OPERATOR, EXPIRING + "<10>", UNUSED, at=10, operator=ALL),
        "the backend's Expires: 0": Row(EXPIRES, "Expires: 0", UNUSED, operator=ALL),
        "s-maxage says nothing": Row(
            S_MAXAGE, "Cache-Control: s-maxage=5", FRESH, at=29, operator=ALL
        ),
        "private says nothing": Row(PRIVATE, "Cache-Control: private", FRESH, operator=ALL),
        "against no-store": Row(NO_STORE, "Cache-Control: no-store", REJECTED, operator=ALL),
        "against no-cache": Row(NO_CACHE, "Cache-Control: no-cache", REJECTED, operator=ALL),
        "against no-cache for a field": Row(
            NO_CACHE, 'Cache-Control: no-cache="a"', REJECTED, operator=ALL
        ),
        "against must-revalidate": Row(
            MUST_REVALIDATE,
            "Cache-Control: must-revalidate",
            UNUSED,
            at=30,
            outage=True,
            operator=ALL,
        ),
        "with must-revalidate while fresh": Row(
            MUST_REVALIDATE, "Cache-Control: must-revalidate", FRESH, at=29, operator=ALL
        ),
        "against Pragma": Row(PRAGMA, "Pragma: No-Cache", REJECTED, operator=ALL),
        "against a broken Pragma": Row(PRAGMA, "Pragma: no cache", REJECTED, operator=ALL),
        "Pragma says something else": Row(PRAGMA, "Pragma: x=y", FRESH, operator=ALL),
        "Pragma and an empty Cache-Control": Row(
            PRAGMA, "Pragma: no-cache / Cache-Control:", REJECTED, operator=ALL
        ),
        "Pragma and Cache-Control": Row(
            PRAGMA, "Pragma: no-cache / Cache-Control: private", FRESH, operator=ALL
        ),
        "against what cannot be read": Row(
            DIRECTIVE, "Cache-Control: private; no-store", REJECTED, operator=ALL
        ),
        "Age counts": Row(AGE, "Age: 25", UNUSED, at=5, operator=ALL),
        "by an uncertain clock": Row(OPERATOR, "", UNUSED, exact=False, operator=ALL),
    },
    "responses": {
        "an empty list of values": Row(STATUS, WEEK, FRESH, response="200 []"),
        "an empty body": Row(STATUS, WEEK, FRESH, response="200 empty"),
        "an empty body that means a failure": Row(
            STATUS, WEEK, REJECTED, response="200 empty, temporary"
        ),
        "a body that is not JSON": Row(STATUS, WEEK, REJECTED, response="200 broken"),
        "an empty body that the close ends": Row(STATUS, WEEK, REJECTED, response="200 closed"),
        "404 that means a failure": Row(STATUS, WEEK, REJECTED, response="404 temporary"),
        **{
            f"status {status}": Row(STATUS, WEEK, REJECTED, response=str(status), operator=ALL)
            for status in (201, 204, 206, 301, 304, 400, 401, 403, 410, 429, 500, 503)
        },
        "an action": Row(STATUS, WEEK, REJECTED, response="200 action", operator=ALL),
        "404 of a policy request": Row(STATUS, WEEK, REJECTED, response="404 policy", operator=ALL),
        "a permission in an interim response": Row(
            INTERIM, "", REJECTED, interim="Cache-Control: max-age=60"
        ),
        "no-store in an interim response": Row(
            INTERIM, WEEK, FRESH, interim="Cache-Control: no-store / Vary: * / Age: 99999999"
        ),
    },
}
