# SPDX-License-Identifier: MIT
"""https targets: who is trusted, and what the operator is told when nobody is.

Whatever fails in TLS is "could not be reached" to Postfix; the log line names the failure and the
remedy. Verification cannot be switched off, so every failure is one that an attacker could cause.
What the backend may do wrong in TLS is in faults/table.py.
"""

from __future__ import annotations

import os
import ssl
import subprocess
from pathlib import Path

import pytest
from blackbox.support import NOT_FOUND, UNREACHABLE, UNUSABLE_CONFIG

from harness.certificates import Authority
from harness.handler_process import Handler, endpoint, private_mounts, write_config
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, TCP
from harness.scripted_backend import ScriptedBackend, answer


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    """The authority that the operator trusts."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Authority:
    """An authority that nobody has heard of."""
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


def _ask(launch, directory: Path, mode: str, target: str, **keys: object) -> tuple[bytes, Handler]:
    env = keys.pop("env", None)
    config = write_config(directory, endpoint(mode, target, **keys))
    handler = launch("--config", config, "--endpoint", mode, env=env)
    return handler.ask(mode, REQUEST[mode]), handler


@pytest.mark.parametrize("mode", MODES)
def test_a_ca_of_ones_own(tmp_path, launch, authority, mode):
    """`tls-ca-file` is trusted; the certificate is for the IP address of the target."""
    step = answer(200, FOUND_BODY[mode])
    with ScriptedBackend(step, tls=authority.server("127.0.0.1")) as backend:
        keys = {"tls_ca_file": str(authority.ca_file)}
        reply, _ = _ask(launch, tmp_path, mode, backend.url(), **keys)
        assert reply == FOUND[mode]
        assert backend.requests[0].header(b"host") == backend.authority.encode()


def test_a_host_name(tmp_path, launch, authority):
    """A target with a name is verified by that name, which is sent as SNI too."""
    seen = []
    context = authority.server("localhost")
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    with ScriptedBackend(answer(404), tls=context) as backend:
        target = backend.url().replace("127.0.0.1", "localhost")
        keys = {"tls_ca_file": str(authority.ca_file)}
        assert _ask(launch, tmp_path, TCP, target, **keys)[0] == NOT_FOUND[TCP]
    assert seen == ["localhost"]


def test_the_system_trust_store(tmp_path, launch, authority):
    """Without `tls-ca-file` OpenSSL's default store counts; SSL_CERT_FILE moves it here."""
    with ScriptedBackend(default=answer(404), tls=authority.server("127.0.0.1")) as backend:
        env = {"SSL_CERT_FILE": str(authority.ca_file)}
        assert _ask(launch, tmp_path, TCP, backend.url(), env=env)[0] == NOT_FOUND[TCP]
        assert _ask(launch, tmp_path, TCP, backend.url())[0] == UNREACHABLE[TCP]


def _hashed(directory: Path, *authorities: Authority) -> Path:
    """A directory of trusted certificates in which OpenSSL finds them by their names."""
    directory.mkdir()
    for number, each in enumerate(authorities):
        (directory / f"{number}.pem").write_bytes(each.ca_file.read_bytes())
    subprocess.run(["openssl", "rehash", str(directory)], check=True, timeout=60)
    return directory


def test_the_system_directory(tmp_path, launch, authority, stranger):
    """The system's directory of certificates counts; SSL_CERT_DIR moves it here."""
    for number, known in enumerate((authority, stranger)):
        env = {"SSL_CERT_DIR": str(_hashed(tmp_path / str(number), known))}
        with ScriptedBackend(default=answer(404), tls=known.server("127.0.0.1")) as backend:
            assert _ask(launch, tmp_path, TCP, backend.url(), env=env)[0] == NOT_FOUND[TCP]
        with ScriptedBackend(default=answer(404), tls=stranger.server("127.0.0.1")) as backend:
            reply = _ask(launch, tmp_path, TCP, backend.url(), env=env)[0]
            assert reply == (UNREACHABLE if known is authority else NOT_FOUND)[TCP]


@pytest.mark.root
def test_the_system_file_where_the_directory_is_not_enough(tmp_path, launch, authority, stranger):
    """A certificate that is in the system's file alone is trusted, too, as it always was."""
    file = Path(ssl.get_default_verify_paths().openssl_cafile)
    if not file.exists():
        pytest.skip(f"this machine has no {file} to be covered")
    prefix = private_mounts((authority.ca_file, str(file.resolve())))
    circumstances = {
        "env": {"SSL_CERT_DIR": str(_hashed(tmp_path / "certs", stranger))},
        "prefix": prefix,
    }
    for known, expected in ((authority, NOT_FOUND), (stranger, NOT_FOUND)):
        with ScriptedBackend(default=answer(404), tls=known.server("127.0.0.1")) as backend:
            config = write_config(tmp_path, endpoint(TCP, backend.url()))
            handler = launch("--config", config, "--endpoint", TCP, **circumstances)
            assert handler.ask(TCP, REQUEST[TCP]) == expected[TCP]
            # The first one takes a second try.
            assert len(backend.connections) == (2 if known is authority else 1)
    nobody = Authority(tmp_path, "nobody")
    with ScriptedBackend(default=answer(404), tls=nobody.server("127.0.0.1")) as backend:
        config = write_config(tmp_path, endpoint(TCP, backend.url()))
        handler = launch("--config", config, "--endpoint", TCP, **circumstances)
        assert [handler.ask(TCP, REQUEST[TCP]) for _ in range(2)] == [UNREACHABLE[TCP]] * 2
        assert "the certificate of" in handler.log_lines(2)[1]
        assert len(backend.connections) == 3


def test_tls_ca_file_replaces_the_system_trust_store(tmp_path, launch, authority, stranger):
    """Who names a CA of his own trusts no other."""
    with ScriptedBackend(answer(404), tls=authority.server("127.0.0.1")) as backend:
        env = {"SSL_CERT_FILE": str(authority.ca_file)}
        keys = {"tls_ca_file": str(stranger.ca_file), "env": env}
        assert _ask(launch, tmp_path, TCP, backend.url(), **keys)[0] == UNREACHABLE[TCP]
        assert backend.requests == []


@pytest.mark.parametrize("key_in_one_file", [True, False], ids=["one file", "two files"])
def test_a_client_certificate(tmp_path, launch, authority, key_in_one_file):
    """`tls-cert-file` and `tls-key-file` are shown to a backend that asks for them."""
    client = authority.client("handler.example")
    keys = {"tls_ca_file": str(authority.ca_file), "tls_cert_file": str(client.cert_file)}
    if key_in_one_file:
        both = tmp_path / "both.pem"
        both.write_bytes(client.key_file.read_bytes() + client.cert_file.read_bytes())
        keys["tls_cert_file"] = str(both)
    else:
        keys["tls_key_file"] = str(client.key_file)
    context = authority.server_that_demands_a_client("127.0.0.1")
    with ScriptedBackend(answer(200, b"DUNNO"), tls=context) as backend:
        assert _ask(launch, tmp_path, POLICY, backend.url(), **keys)[0] == FOUND[POLICY]
        certificate = backend.connections[0].peer_certificate
    assert ("DNS", "handler.example") in certificate["subjectAltName"]


# what is wrong, the names in the certificate, is it expired, what the log must say
def test_another_host_name(tmp_path, launch, authority):
    """A certificate for the IP address is none for a name."""
    with ScriptedBackend(tls=authority.server("127.0.0.1")) as backend:
        target = backend.url().replace("127.0.0.1", "localhost")
        keys = {"tls_ca_file": str(authority.ca_file)}
        reply, handler = _ask(launch, tmp_path, TCP, target, **keys)
        assert reply == UNREACHABLE[TCP]
    (line,) = handler.log_lines(1)
    assert "name" in line, line


def test_https_to_a_plain_target_is_no_fallback(tmp_path, launch, authority):
    """After a TLS failure nobody tries without TLS: the token would be readable."""
    with ScriptedBackend(tls=authority.server("other.example")) as backend:
        keys = {"tls_ca_file": str(authority.ca_file)}
        _ask(launch, tmp_path, TCP, backend.url(), **keys)
        assert all(b"HTTP" not in connection.received for connection in backend.connections)


PROVIDERS = """\
openssl_conf = main
[main]
providers = providers
[providers]
missing = missing
[missing]
activate = 1
module = /nonexistent/missing.so
"""
MAX_PROTOCOL = """\
openssl_conf = main
[main]
ssl_conf = tls
[tls]
system_default = all
[all]
MaxProtocol = TLSv1.1
"""


@pytest.mark.parametrize("has_ca_file", [True, False])
def test_a_missing_provider(tmp_path, launch, authority, has_ca_file):
    """OpenSSL that has no algorithms is told with its own file, and no file of ours is blamed."""
    openssl = tmp_path / "openssl.cnf"
    openssl.write_text(PROVIDERS)
    keys = {"tls_ca_file": str(authority.ca_file)} if has_ca_file else {}
    target, env = "https://127.0.0.1:1/", {"OPENSSL_CONF": str(openssl)}
    reply, handler = _ask(launch, tmp_path, TCP, target, env=env, **keys)
    assert reply == UNUSABLE_CONFIG[TCP]
    log = handler.finish().log
    assert f"{openssl}: keeps OpenSSL from working (LIBRARY_HAS_NO_CIPHERS)" in log
    assert "tls-ca-file" not in log


def test_openssl_permits_no_version(tmp_path, launch, authority):
    """A MaxProtocol before TLS 1.2 is this machine's fault, and not the backend's."""
    openssl = tmp_path / "openssl.cnf"
    openssl.write_text(MAX_PROTOCOL)
    with ScriptedBackend(tls=authority.server("127.0.0.1")) as backend:
        keys = {"tls_ca_file": str(authority.ca_file), "env": {"OPENSSL_CONF": str(openssl)}}
        reply, handler = _ask(launch, tmp_path, TCP, backend.url(), **keys)
    assert reply == UNREACHABLE[TCP]
    assert "does openssl.cnf of this machine permit TLS 1.2 or later" in handler.finish().log


class PlainAuthority:
    """A CA as a few openssl commands make it: a file, and server contexts with its certificates.

    Its certificates have what they must have and no more: no keyUsage, no key identifiers.
    """

    def __init__(self, directory: Path, extensions: str = "basicConstraints=CA:TRUE") -> None:
        self._directory = directory
        self.ca_file = directory / "plain-ca.pem"
        config = directory / "openssl.cnf"
        config.write_text(
            f"[req]\ndistinguished_name=name\nx509_extensions=ca\n[name]\n[ca]\n{extensions}\n"
        )
        key = directory / "plain-ca.key"
        command = f"req -x509 -newkey rsa:2048 -nodes -subj /CN=plain -days 9 -config {config}"
        self._openssl(f"{command} -keyout {key} -out {self.ca_file}")

    def server(self, extensions: str = "subjectAltName=IP:127.0.0.1") -> ssl.SSLContext:
        """A context with a certificate that has these extensions."""
        here = self._directory
        (here / "extensions").write_text(extensions)
        request = f"req -newkey rsa:2048 -nodes -subj /CN=x -config {here / 'openssl.cnf'}"
        self._openssl(f"{request} -keyout {here / 'leaf.key'} -out {here / 'leaf.csr'}")
        sign = f"x509 -req -in {here / 'leaf.csr'} -CA {self.ca_file} -days 9 -CAcreateserial"
        sign += f" -CAkey {here / 'plain-ca.key'} -extfile {here / 'extensions'}"
        self._openssl(f"{sign} -out {here / 'leaf.pem'}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(here / "leaf.pem", here / "leaf.key")
        return context

    @staticmethod
    def _openssl(arguments: str) -> None:
        subprocess.run(["openssl", *arguments.split()], check=True, timeout=60, capture_output=True)


def test_a_plain_private_ca(tmp_path, launch):
    """What openssl s_client accepts is accepted with every Python; what it refuses is not."""
    plain = PlainAuthority(tmp_path)
    keys = {"tls_ca_file": str(plain.ca_file)}
    with ScriptedBackend(answer(404), tls=plain.server()) as backend:
        assert _ask(launch, tmp_path, TCP, backend.url(), **keys)[0] == NOT_FOUND[TCP]
    with ScriptedBackend(tls=plain.server("subjectAltName=IP:127.0.0.9")) as backend:
        assert _ask(launch, tmp_path, TCP, backend.url(), **keys)[0] == UNREACHABLE[TCP]


def test_a_certificate_of_a_server_is_not_a_ca(tmp_path, launch):
    """A certificate that says that it is not a CA's signs nothing, even if it is trusted."""
    plain = PlainAuthority(tmp_path, "basicConstraints=CA:FALSE")
    with ScriptedBackend(tls=plain.server()) as backend:
        keys = {"tls_ca_file": str(plain.ca_file)}
        assert _ask(launch, tmp_path, TCP, backend.url(), **keys)[0] == UNREACHABLE[TCP]


def test_an_intermediate_ca(tmp_path, launch, authority):
    """`tls-ca-file` may name an intermediate CA: it is trusted, without the one that made it."""
    inner = authority.intermediate(tmp_path)
    keys = {"tls_ca_file": str(inner.ca_file)}
    with ScriptedBackend(answer(404), tls=inner.server("127.0.0.1")) as backend:
        assert _ask(launch, tmp_path, TCP, backend.url(), **keys)[0] == NOT_FOUND[TCP]
    with ScriptedBackend(tls=authority.server("127.0.0.1")) as backend:
        assert _ask(launch, tmp_path, TCP, backend.url(), **keys)[0] == UNREACHABLE[TCP]


def test_a_certificate_of_the_backend_alone(tmp_path, launch):
    """`tls-ca-file` may name the backend's own certificate; it is for its names only, as ever."""
    plain = PlainAuthority(tmp_path)
    context = plain.server()
    keys = {"tls_ca_file": str(tmp_path / "leaf.pem")}
    with ScriptedBackend(answer(404), tls=context) as backend:
        assert _ask(launch, tmp_path, TCP, backend.url(), **keys)[0] == NOT_FOUND[TCP]
        target = backend.url().replace("127.0.0.1", "localhost")
        assert _ask(launch, tmp_path, TCP, target, **keys)[0] == UNREACHABLE[TCP]


def test_the_command_that_tells_more(tmp_path, launch):
    """Where nothing better is known, the journal has a command that shows the same failure."""
    plain = PlainAuthority(tmp_path)
    context = plain.server("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=clientAuth")
    with ScriptedBackend(default=answer(404), tls=context) as backend:
        keys = {"tls_ca_file": str(plain.ca_file)}
        reply, handler = _ask(launch, tmp_path, TCP, backend.url(), **keys)
        (line,) = handler.log_lines(1)
        command = line.partition("look at it with: ")[2].split()
        told = line.partition("is not accepted: ")[2].partition(";")[0]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
        )
    assert reply == UNREACHABLE[TCP]
    assert (command[:2], done.returncode != 0) == (["openssl", "s_client"], True)
    assert told in done.stderr.decode()


FILES = [
    ("tls_ca_file", "missing.pem", None),
    ("tls_ca_file", "empty.pem", b""),
    ("tls_ca_file", "garbage.pem", b"garbage\n"),
    ("tls_cert_file", "missing.pem", None),
    ("tls_cert_file", "garbage.pem", b"garbage\n"),
]


@pytest.mark.parametrize("key, name, content", FILES, ids=[f"{f[0]} {f[1]}" for f in FILES])
def test_unusable_files(tmp_path, launch, key, name, content):
    """A certificate file that cannot be used is an unusable configuration, and is named."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    reply, handler = _ask(launch, tmp_path, TCP, "https://127.0.0.1:1/", **{key: str(path)})
    assert reply == UNUSABLE_CONFIG[TCP]
    (line,) = handler.log_lines(1)
    assert str(path) in line
    assert key.replace("_", "-") in line


@pytest.mark.parametrize("key", ["tls_ca_file", "tls_cert_file", "tls_key_file"])
def test_a_fifo_blocks_nobody(tmp_path, launch, authority, key):
    """A FIFO in the place of a file is an unusable file, not a wait for its writer."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    files = {"tls_cert_file": str(authority.client().cert_file), key: str(path)}
    reply, handler = _ask(launch, tmp_path, TCP, "https://127.0.0.1:1/", **files)
    assert reply == UNUSABLE_CONFIG[TCP]
    (line,) = handler.log_lines(1)
    assert f"{key.replace('_', '-')}: cannot be used: it is not a regular file" in line


def test_files_in_the_credentials_directory(tmp_path, launch, authority):
    """A bare name is a file in $CREDENTIALS_DIRECTORY."""
    client = authority.client()
    keys = {
        "tls_ca_file": authority.ca_file.name,
        "tls_cert_file": client.cert_file.name,
        "tls_key_file": client.key_file.name,
        "env": {"CREDENTIALS_DIRECTORY": str(authority.ca_file.parent)},
    }
    context = authority.server_that_demands_a_client("127.0.0.1")
    with ScriptedBackend(answer(404), tls=context) as backend:
        assert _ask(launch, tmp_path, TCP, backend.url(), **keys)[0] == NOT_FOUND[TCP]
