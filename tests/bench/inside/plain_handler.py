# SPDX-License-Identifier: MIT
"""A handler written without a thought of what it costs: a loop around urllib3 and json.

It does the work for tcp_table(5) lookups that go well, and no more. With --journal it also tells
the journal of each, by systemd.journal.
"""

import json
import sys
from urllib.parse import quote, unquote_to_bytes

import urllib3

if "--journal" in sys.argv:
    from systemd import journal
else:
    journal = None

connection = urllib3.connection.HTTPConnection("127.0.0.1", 8080)
for line in sys.stdin.buffer:
    key = unquote_to_bytes(line.removeprefix(b"get ").strip())
    headers = {"User-Agent": "plain", "X-Auth-Token": "secret-token", "Accept": "application/json"}
    connection.request("GET", f"/lookup?key={quote(key, safe='')}", headers=headers)
    response = connection.getresponse()
    values = json.loads(response.data)
    sys.stdout.write(f"200 {','.join(values)}\n")
    sys.stdout.flush()
    if journal is not None:
        journal.send(f"found {values}", PRIORITY=5, POSTFIX_REST_OUTCOME="found")
