# SPDX-License-Identifier: MIT
"""A handler written without a thought of what it costs: urllib3, json and systemd.journal.

It does the work for tcp_table(5) lookups that go well, and no more.
"""

import json
import sys
from urllib.parse import quote, unquote_to_bytes

import urllib3
from systemd import journal

connection = urllib3.connection.HTTPConnection("127.0.0.1", 8080)
for line in sys.stdin.buffer:
    key = unquote_to_bytes(line.removeprefix(b"get ").strip())
    headers = {"User-Agent": "naive", "X-Auth-Token": "secret-token", "Accept": "application/json"}
    connection.request("GET", f"/lookup?key={quote(key, safe='')}", headers=headers)
    response = connection.getresponse()
    values = json.loads(response.data)
    sys.stdout.write(f"200 {','.join(values)}\n")
    sys.stdout.flush()
    journal.send(f"found {values}", PRIORITY=5, POSTFIX_REST_OUTCOME="found")
