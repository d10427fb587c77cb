# SPDX-License-Identifier: MIT
"""Kinds of config.json that could take long: for each, a function that makes a text of some size.

Without pytest, for processes whose instructions are counted.
"""

from __future__ import annotations

import json

from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError


def document(**fields: object) -> str:
    """A file with one endpoint that has these fields."""
    entry = {"name": "e", "mode": "policy", "target": "http://h/", "auth-token": "t"}
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    return json.dumps({"endpoints": [{**entry, "bind-port": 9000, **given}]}, ensure_ascii=False)


def many(size: int, item: str, separator: str = ",") -> str:
    """As many of an item as fit; a # in it is a number of seven digits."""
    return separator.join(
        item.replace("#", f"{number:07}") for number in range(size // (len(item) + 7))
    )


def within(opening: str, content: str, closing: str) -> str:
    """A file with one endpoint that has CONTENT in it."""
    return f'{{"endpoints": [{{"name": "e", {opening}{content}{closing}}}]}}'


LONG = ("name", "target", "auth_token", "auth_token_file", "bind_address", "bind_path", "mode")
LONG += ("list_separator", "failure_action", "tls_ca_file", "method", "log_keys", "bind_port")
KINDS = {
    "endpoints": lambda n: '{"endpoints": [' + many(n, '{"name": "#"}') + "]}",
    "wrong endpoints": lambda n: '{"endpoints": [' + many(n, "#1"[1:]) + "]}",
    "few wrong endpoints": lambda n: '{"endpoints": [' + many(min(n, 9999), "{}") + "]}" + " " * n,
    "headers": lambda n: within('"headers": {', many(n, '"X-#": ""'), "}"),
    "headers in two cases": lambda n: within('"headers": {', '"a": "", "A": ""', "}") + " " * n,
    "long header": lambda n: document(headers={"X" * n: ""}),
    "wrong long header": lambda n: document(headers={"(" * n: ""}),
    "long header value": lambda n: document(headers={"X": "x" * n}),
    "near misses": lambda n: within("", many(n, '"bind-prot#": 1'), ""),
    "near misses at the top": lambda n: "{" + many(n, '"endpoint#": 1') + "}",
    "long near miss": lambda n: document(**{"bind_port" * (n // 9): 1}),
    "other fields": lambda n: within("", many(n, '"é #": 1'), ""),
    "one field": lambda n: within("", many(n, '"name": 1'), ""),
    "repeated names": lambda n: "[" + many(n, '{"a#": 1, "a#": 2}') + "]",
    "repeated below a long name": lambda n: (
        '{"' + "x" * (n // 2) + '": [' + many(n // 2, '{"a": 1, "a": 2}') + "]}"
    ),
    "statuses": lambda n: within('"temporary-statuses": [', many(n, "404"), "]"),
    "wrong statuses": lambda n: within('"temporary-statuses": [', many(n, "504"), "]"),
    "actions": lambda n: within('"allowed-actions": [', many(n, '"A#"'), "]"),
    "targets": lambda n: within('"target": [', many(n, '"http://h/#"'), "]"),
    "wrong targets": lambda n: document(
        target=["ftp://" + "x" * (n // 8) + str(i) for i in "1234"]
    ),
    "equal targets": lambda n: document(target=["http://h/" + "x" * (n // 8)] * 8),
    "members of cache": lambda n: within('"cache": {', many(n, '"max-ag#": 1'), "}"),
    "wrong members": lambda n: (
        within('"cache": {', '"max-age": -1, "max-bytes": []', "}") + " " * n
    ),
    "long member": lambda n: document(cache={"é " * (n // 3): 1}),
    "caches": lambda n: (
        '{"endpoints": [' + many(n, '{"cache": {"max-ag#": 1, "max-bytos": 2}}') + "]}"
    ),
    "lists": lambda n: '{"x": [' + many(n, "[]") + "]}",
    "lists in lists": lambda n: "[" * n,
    "objects in objects": lambda n: '{"a":' * (n // 5),
    "numbers": lambda n: '{"x": [' + many(n, "1") + "]}",
    "long number": lambda n: document(bind_port=0).replace("0", "9" * n),
    "long fraction": lambda n: document(bind_port=0).replace("0", "0." + "9" * n),
    "escapes": lambda n: document(name="#").replace("#", "\\u00e9" * (n // 6)),
    "blanks": lambda n: " " * n,
    "cut off": lambda n: '{"endpoints": [' + many(n, '{"name": "#"}'),
    "long user agent": lambda n: json.dumps({"user-agent": "x" * n, "endpoints": []}),
    **{f"long {name}": lambda n, name=name: document(**{name: "/" + "x" * n}) for name in LONG},
}


def outcome(content: str) -> list[tuple[str, str]]:
    """The problems of a file."""
    try:
        loading.parse(content.encode(), "config.json")
    except ConfigError as error:
        return error.problems
    return []
