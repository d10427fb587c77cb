# SPDX-License-Identifier: MIT
"""A backend in Flask (python3-flask), with its data in SQLite.

To test it with a token and an empty database:

    echo test123 > token
    MAIL_TOKEN_FILE=token MAIL_DATABASE=mail.db flask --app backend_flask run --port 8080

and in config.json:

    {"name": "domains", "mode": "tcp-lookup", "bind-port": 9001,
     "target": "http://127.0.0.1:8080/lookup/domain", ...}
    {"name": "maps", "mode": "socketmap-lookup", "bind-port": 9002,
     "target": "http://127.0.0.1:8080/lookup", ...}
    {"name": "policy", "mode": "policy", "bind-port": 9003,
     "target": "http://127.0.0.1:8080/policy", ...}

Set "temporary-statuses": [401, 403, 404, 408, 429] in each endpoint: this backend answers [] to
every key that it does not know, and 404 only to an unknown table. Keys are in lower case in the
database. In production, use a WSGI server with several threads, such as gunicorn, because Postfix
sends many requests at the same time.
"""

import hmac
import os
import re
import sqlite3
from pathlib import Path

from flask import Flask, Response, abort, g, jsonify, request

SCHEMA = """
CREATE TABLE IF NOT EXISTS domain  (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS mailbox (address TEXT PRIMARY KEY, path TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS alias   (address TEXT NOT NULL, destination TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS blocked (sender TEXT PRIMARY KEY, reason TEXT NOT NULL);
"""
LOOKUPS = {
    "domain": "SELECT name FROM domain WHERE name = ?",
    "mailbox": "SELECT path FROM mailbox WHERE address = ?",
    "alias": "SELECT destination FROM alias WHERE address = ? ORDER BY destination",
}
# How long an answer may be stored and used again: a minute, or a day while this backend is down. A
# change to the tables takes effect after a minute at most.
CACHING = "max-age=60, stale-if-error=86400"
TOKEN = Path(os.environ["MAIL_TOKEN_FILE"]).read_text(encoding="utf-8").strip()

app = Flask(__name__)


def select(query: str, key: str) -> list[str]:
    """Return the first column of the rows that a query finds.

    Postfix asks for keys in any letter case, and for addresses with their extension
    (user+extension@domain). Look for the whole address, and then without the extension.
    """
    if "database" not in g:
        g.database = sqlite3.connect(os.environ["MAIL_DATABASE"])
        g.database.executescript(SCHEMA)
    key = key.lower()
    for candidate in (key, re.sub(r"^(.+?)\+.*@", r"\1@", key)):
        if found := [row[0] for row in g.database.execute(query, [candidate])]:
            return found
    return []


@app.teardown_appcontext
def close_database(_error: BaseException | None) -> None:
    """Close the database that select() has opened."""
    if "database" in g:
        g.database.close()


@app.before_request
def check_token() -> None:
    """Refuse clients without the token. The journal of the mail server has the same id."""
    app.logger.info("request %s", request.headers.get("X-Request-Id"))
    token = request.headers.get("X-Auth-Token", "")
    if not TOKEN or not hmac.compare_digest(token.encode(), TOKEN.encode()):
        abort(403)


@app.get("/lookup")
@app.get("/lookup/<name>")
def lookup(name: str | None = None) -> Response:
    """Answer a lookup. The name of the map is in the query (socketmap) or in the path."""
    query = LOOKUPS.get(request.args["name"] if name is None else name)
    if query is None:
        abort(404)
    response = jsonify(select(query, request.args.get("key", "")))
    response.headers["Cache-Control"] = CACHING
    return response


@app.post("/policy")
def policy() -> Response:
    """Decide about a recipient. request.form has all attributes of Postfix."""
    action = "DUNNO"
    sender = request.form.get("sender", "")
    for reason in select("SELECT reason FROM blocked WHERE sender = ?", sender):
        action = f"REJECT {reason}"
    return Response(action, mimetype="text/plain")
