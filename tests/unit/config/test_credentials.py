# SPDX-License-Identifier: MIT
"""Tokens in files of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest

import postfix_rest_inetd
from harness.endpoints import endpoint
from harness.wire import table
from postfix_rest_inetd.config import credentials
from postfix_rest_inetd.errors import ConfigError

JSON_PATH = "$.endpoints[0].auth-token-file"
LIMIT = 65536
ONE_LINE = f"must hold one line of 1 to {LIMIT} bytes without control characters"


def from_file(path):
    """The token of an endpoint that names this file."""
    where = endpoint(auth_token=..., auth_token_file=str(path))
    return credentials.auth_token_of(where)


def problem(path):
    """The only problem with a token file, which must be named with its place in the config."""
    with pytest.raises(ConfigError) as raised:
        from_file(path)
    ((json_path, text),) = raised.value.problems
    assert json_path == JSON_PATH
    return raised.value.source, text


def test_token_of_the_configuration():
    """A token in the configuration is used as it is, in UTF-8."""
    assert credentials.auth_token_of(endpoint(auth_token="tést 1")) == "tést 1".encode()


def test_empty_token_of_the_configuration():
    """Upstream takes an empty token; so does this."""
    assert credentials.auth_token_of(endpoint(auth_token="")) == b""


GOOD = {
    "a line": (b"secret\n", b"secret"),
    "no line end": (b"secret", b"secret"),
    "a line end of DOS": (b"secret\r\n", b"secret"),
    "white space around it": (b"\n \t secret \n\n", b"secret"),
    "blanks inside": (b"a  b", b"a  b"),
    "octets": (b"\x80\xff", b"\x80\xff"),
    "a byte order mark": (b"\xef\xbb\xbfsecret\n", b"secret"),
    "the longest, behind a byte order mark": (b"\xef\xbb\xbf" + b"x" * LIMIT, b"x" * LIMIT),
    "one byte": (b"x", b"x"),
    "the longest": (b"x" * LIMIT, b"x" * LIMIT),
    "the longest, as a line of DOS": (b"x" * LIMIT + b"\r\n", b"x" * LIMIT),
}

BAD = {
    "an empty file": (b"",),
    "white space only": (b" \r\n\t\n",),
    "two lines": (b"secret\nX-Admin: 1\n",),
    "a carriage return": (b"secret\rX",),
    "a vertical tab first": (b"\vsecret\n",),
    "a form feed last": (b"secret\f\n",),
    "a tab inside": (b"a\tb",),
    "a NUL": (b"secret\0",),
    "the last control character": (b"a\x1fb",),
    "a delete character": (b"secret\x7f",),
    "one byte too long": (b"x" * (LIMIT + 1),),
    "a byte order mark alone": (b"\xef\xbb\xbf\n",),
    "far too long": (b"secret" * LIMIT,),
}


@pytest.mark.parametrize("content, token", table(GOOD))
def test_token_file(tmp_path, content, token):
    """The token is the file's only line, without the white space around it."""
    (tmp_path / "token").write_bytes(content)
    assert from_file(tmp_path / "token") == token


def test_nothing_but_white_space_is_taken_away(tmp_path):
    """A token may begin and end with any octet that a header may have."""
    path = tmp_path / "token"
    for octet in {*range(0x21, 0x100)} - {0x7F}:
        token = b"%c-%c" % (octet, octet)
        path.write_bytes(token + b"\n")
        assert from_file(path) == token


@pytest.mark.parametrize("content", table(BAD))
def test_bad_token_file(tmp_path, content):
    """What could not stand in a header is refused; the text names the file, not its content."""
    path = tmp_path / "token"
    path.write_bytes(content)
    assert problem(path) == (str(path), ONE_LINE)


def test_no_more_of_a_token_file_is_read(tmp_path):
    """A file of any size can be named by mistake: its first bytes tell that it is no token's."""
    path = tmp_path / "token"
    path.touch()
    os.truncate(path, 64 * 2**20)
    tracemalloc.start()
    try:
        assert problem(path) == (str(path), ONE_LINE)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_token_is_read_each_time(tmp_path):
    """Nothing is remembered from one call to the next."""
    path = tmp_path / "token"
    path.write_bytes(b"old")
    where = endpoint(auth_token=..., auth_token_file=str(path))
    tokens = [credentials.auth_token_of(where)]
    path.write_bytes(b"new")
    tokens.append(credentials.auth_token_of(where))
    assert tokens == [b"old", b"new"]


def test_missing_token_file(tmp_path):
    """A file that is not there is a problem, in the system's words, with what to do."""
    path = tmp_path / "token"
    reason = "cannot be read: No such file or directory; the service's user needs to read it"
    assert problem(path) == (str(path), reason)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["FIFO", "directory"])
def test_token_file_is_a_regular_file(tmp_path, make):
    """A FIFO would block, a directory has no content: neither is read."""
    path = tmp_path / "token"
    make(path)
    source, text = problem(path)
    assert source == str(path)
    assert text.startswith("cannot be read: ")


UNREADABLE = """\
import os, sys
sys.path[:0] = {paths!r}
from postfix_rest_inetd import errors
from postfix_rest_inetd.config import credentials
from postfix_rest_inetd.config.endpoint import Endpoint
endpoint = Endpoint()
endpoint.json_path, endpoint.auth_token_file = "$", {path!r}
os.setuid(65534)
try:
    credentials.auth_token_of(endpoint)
except errors.ConfigError as error:
    print(error.problems[0][1])
"""


@pytest.mark.root
def test_unreadable_token_file():
    """A file that the service's user may not read says so."""
    package = str(Path(postfix_rest_inetd.__file__).parents[1])
    # Not tmp_path: pytest's directories are closed to other users, and the file itself should be.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        path = Path(directory, "token")
        path.write_bytes(b"secret")
        path.chmod(0)
        program = UNREADABLE.format(paths=[package], path=str(path))
        said = subprocess.check_output([sys.executable, "-c", program], text=True, timeout=60)
    assert said == "cannot be read: Permission denied; the service's user needs to read it\n"


def test_bare_name(tmp_path, monkeypatch):
    """A name without a slash is a file in $CREDENTIALS_DIRECTORY."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "token").write_bytes(b"secret\n")
    assert from_file("token") == b"secret"


@pytest.mark.parametrize("directory", [None, ""])
def test_bare_name_without_credentials(monkeypatch, directory):
    """Without $CREDENTIALS_DIRECTORY such a name is a problem that says what to add."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    if directory is not None:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", directory)
    source, text = problem("token")
    assert source == "token"
    assert "$CREDENTIALS_DIRECTORY is not set" in text
    assert "LoadCredential=token:" in text


def test_absolute_path_is_not_a_credential(monkeypatch):
    """A path is used as it is, whether there are credentials or not."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/nonexistent")
    assert credentials.locate("/etc/token", "$") == "/etc/token"


def with_files():
    """An endpoint with files for everything: two credentials, two others."""
    return endpoint(
        target="https://backend.example/",
        auth_token=...,
        auth_token_file="token",
        tls_ca_file="/etc/ca.pem",
        tls_cert_file="/etc/cert.pem",
        tls_key_file="key",
    )


def test_the_files_of_an_endpoint(monkeypatch):
    """All files that it names are watched, credentials where systemd has put them."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x")
    certificates = ["/etc/ca.pem", "/etc/cert.pem", "/run/credentials/x/key"]
    assert credentials.certificates_of(with_files()) == certificates
    assert credentials.paths_of(with_files()) == ["/run/credentials/x/token", *certificates]
    assert credentials.paths_of(endpoint()) == []


def test_the_files_of_an_endpoint_without_credentials(monkeypatch):
    """Where a credential is, is unknown then."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert credentials.paths_of(with_files()) == ["/etc/ca.pem", "/etc/cert.pem"]


def test_digest(tmp_path):
    """A digest tells whether a certificate is another one; a file that is missing has none."""
    path = tmp_path / "cert.pem"
    assert credentials.digest_of(str(path)) is None
    digests = []
    for content in (b"one", b"two", b"one", b""):
        path.write_bytes(content)
        digests.append(credentials.digest_of(str(path)))
    assert digests[0] == digests[2]
    assert len(set(digests)) == 3
    assert {len(digest) for digest in digests} == {32}


def test_digest_of_a_large_file(tmp_path):
    """No more than 4 MiB are read, whatever the file is."""
    digests = set()
    for size in (4 * 1024 * 1024 - 1, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1):
        path = tmp_path / str(size)
        with path.open("wb") as file:
            file.truncate(size)
        digests.add(credentials.digest_of(str(path)))
    assert len(digests) == 2
