# SPDX-License-Identifier: MIT
"""The containers themselves: what the other tests here build upon does what it promises."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from integration.product import wait_until
from integration.releases import OLDEST, STABLE, TESTING

from harness.container import CommandError, Container
from harness.container_backend import Backend, actions, answer, dropped, held, lookup, permitting

HERE = Path(__file__).parent
VERSIONS = {
    STABLE: {"systemd": "257", "postfix": "3.10", "python": "3.13", "urllib3": "2.3"},
    TESTING: {"systemd": "262", "postfix": "3.11", "python": "3.14", "urllib3": "2.8"},
    OLDEST: {"systemd": "252", "postfix": "3.7", "python": "3.11", "urllib3": "1.26"},
}

FETCH = """
import http.client, sys, urllib.error, urllib.request
try:
    with urllib.request.urlopen(urllib.request.Request(sys.argv[1], data=None)) as response:
        print(response.status, response.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
except (OSError, http.client.HTTPException) as error:
    print(type(getattr(error, "reason", error)).__name__)
"""


def fetch(container: Container, url: str) -> str:
    """What a client inside gets from URL: status and body, or the name of an error."""
    return container.run("python3", "-c", FETCH, url).stdout.rstrip("\n")


# -- what is in it


def test_versions(container: Container) -> None:
    """Each release brings the versions that the product promises to work with; testing moves on."""
    systemd = container.run("systemctl", "--version").stdout.split()[1]
    postfix = container.run("postconf", "-dh", "mail_version").stdout
    python = container.run("python3", "-V").stdout.split()[1]
    urllib3 = container.run("python3", "-c", "import urllib3; print(urllib3.__version__)").stdout
    found = {
        # Of a release candidate, Debian says 263~rc1.
        "systemd": systemd.partition("~")[0],
        "postfix": postfix.rpartition(".")[0],
        "python": python.rpartition(".")[0],
        "urllib3": urllib3.rpartition(".")[0],
    }
    expected = VERSIONS[container.name]
    if container.name == TESTING:
        expected = {name: max(expected[name], found[name], key=number) for name in expected}
    assert found == expected


def number(version: str) -> list[int]:
    """A version that can be compared."""
    return [int(part) for part in version.split(".")]


def test_systemd_is_process_one_and_all_is_well(container: Container) -> None:
    """The init of the container is systemd, it is up, and no unit has failed."""
    assert container.read("/proc/1/comm") == "systemd\n"
    assert container.run("systemctl", "is-system-running").stdout == "running\n"


def test_only_loopback(container: Container) -> None:
    """There is no network interface but lo, with IPv4 and IPv6, and no other route."""
    links = json.loads(container.run("ip", "-json", "address").stdout)
    assert [link["ifname"] for link in links] == ["lo"]
    addresses = [address["local"] for address in links[0]["addr_info"]]
    assert addresses == ["127.0.0.1", "::1"]
    assert container.run("ip", "-4", "route").stdout == ""


def test_postfix_looks_up(clean_container: Container) -> None:
    """postmap(1) reads a table."""
    clean_container.write("/etc/postfix/table", "key value\n")
    found = clean_container.run("postmap", "-q", "key", "texthash:/etc/postfix/table")
    assert found.stdout == "value\n"


def test_postfix_answers(container: Container) -> None:
    """The Postfix that started at boot speaks SMTP on loopback."""
    said = container.run("swaks", "--server", "127.0.0.1", "--quit-after", "CONNECT").stdout
    assert "<-  220 mx.test.example ESMTP Postfix" in said


def test_nothing_starts_by_itself(container: Container) -> None:
    """No timer is active: during a test nothing runs that the test did not start."""
    assert container.run("systemctl", "list-timers", "--no-legend").stdout == ""


def test_the_product_is_installed(container: Container) -> None:
    """The package comes from Debian's directory, compiled, and its units are known to systemd."""
    program = "import postfix_rest_inetd.handler as m; print(m.__file__, m.__cached__)"
    file, cached = container.run("python3", "-I", "-c", program).stdout.split()
    assert file == "/usr/lib/python3/dist-packages/postfix_rest_inetd/handler.py"
    assert container.run("test", "-f", cached, check=False).returncode == 0
    installed = HERE.parents[1] / "systemd/system"
    units = {path.name for path in installed.glob("*@.socket")}
    listed = container.run("systemctl", "list-unit-files", "--no-legend", "postfix-rest-*").stdout
    assert units <= {line.split()[0] for line in listed.splitlines()}


# -- commands and files


def test_run(container: Container) -> None:
    """A command gets its input and a neutral environment, and its output comes back."""
    done = container.run("sh", "-c", "cat; env | sort | cut -d= -f1; echo bad >&2", input="in\n")
    names = [name for name in done.stdout.split() if name not in {"_", "OLDPWD", "SHLVL"}]
    assert names == ["in", "HOME", "LANG", "PATH", "PWD", "TERM"]
    assert done.stderr == "bad\n"


def test_run_fails(container: Container) -> None:
    """A failing command raises what it said; unless it is allowed to fail."""
    with pytest.raises(CommandError, match=r"(?s)exit status 3.*out.*bad"):
        container.run("sh", "-c", "echo out; echo bad >&2; exit 3")
    assert container.run("sh", "-c", "exit 3", check=False).returncode == 3


def test_run_as_user(container: Container) -> None:
    """A command can be another user's, with the groups of that user and no others."""
    names = container.run("id", "-un", user="postfix").stdout
    groups = container.run("id", "-Gn", user="postfix").stdout
    assert (names, groups) == ("postfix\n", "postfix\n")


def test_run_is_bounded(container: Container) -> None:
    """A command that takes too long is killed together with its children."""
    program = "sleep 4711 & sleep 4711"
    with pytest.raises(CommandError, match="did not end within"):
        container.run("sh", "-c", program, timeout=0.5)
    assert container.run("pgrep", "-fx", "sleep 4711", check=False).stdout == ""


def test_write(clean_container: Container) -> None:
    """A file gets the content, mode and owner asked for."""
    clean_container.write("/etc/postfix/new/file", b"\xff\n", mode=0o640, owner="root:postfix")
    stat = clean_container.run("stat", "-c", "%a %U:%G %s", "/etc/postfix/new/file")
    assert stat.stdout == "640 root:postfix 2\n"
    assert clean_container.read("/etc/postfix/new/file") == "\\xff\n"


def test_links_stay_inside(clean_container: Container) -> None:
    """/var/run is an absolute symbolic link: writing behind it stays in the container."""
    name = f"written-by-test-{os.getpid()}"
    clean_container.write(f"/var/run/{name}", "inside")
    assert not Path("/run", name).exists()
    assert clean_container.read(f"/run/{name}") == "inside"


def test_copy_in(clean_container: Container, tmp_path: Path) -> None:
    """Directories come with their content and modes, single files too; all is root's."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c").write_text("c")
    (tmp_path / "a/b/c").chmod(0o751)
    os.chown(tmp_path / "a/b/c", 4711, 4711)
    clean_container.copy_in(tmp_path / "a", "/run/copied/tree")
    clean_container.copy_in(tmp_path / "a/b/c", "/run/copied/one")
    stat = ["stat", "-c", "%a %u:%g %s", "/run/copied/tree/b/c", "/run/copied/one"]
    assert clean_container.run(*stat).stdout == "751 0:0 1\n" * 2


# -- the journal


def test_journal(container: Container) -> None:
    """Entries come with all their fields, those behind a cursor if wanted."""
    container.run("logger", "--tag", "early", "before")
    since = container.journal.cursor()
    program = "import systemd.journal as j; j.send('a\\nb', SYSLOG_IDENTIFIER='early', X='\\u20ac')"
    container.run("python3", "-c", program)
    (entry,) = container.journal("SYSLOG_IDENTIFIER=early", since=since)
    assert (entry["MESSAGE"], entry["X"], entry["_UID"]) == ("a\nb", "\u20ac", "0")
    assert len(container.journal("SYSLOG_IDENTIFIER=early")) == 2


def test_journal_is_complete(container: Container) -> None:
    """What was logged before the question is in the answer, by whatever way it was logged."""
    since = container.journal.cursor()
    container.shell("""
        systemd-run --quiet --wait --unit=by-stdout seq 2000
        seq 2000 | logger --tag by-syslog
        python3 -c '
import systemd.journal
for number in range(2000):
    systemd.journal.send(str(number), SYSLOG_IDENTIFIER="by-socket")'
    """)
    matches = ["_SYSTEMD_UNIT=by-stdout.service", "SYSLOG_IDENTIFIER=by-syslog"]
    matches += ["SYSLOG_IDENTIFIER=by-socket"]
    counts = [len(container.journal(match, since=since)) for match in matches]
    assert counts == [2000] * 3


def test_journal_wait(container: Container) -> None:
    """Entries can be awaited; when they do not come in time, those there are, are shown."""
    since = container.journal.cursor()
    with container.popen("logger", "--tag", "awaited", "one\ntwo") as process:
        entries = container.journal.wait_for("SYSLOG_IDENTIFIER=awaited", since=since)
    assert process.returncode == 0
    assert [entry["MESSAGE"] for entry in entries] == ["one\ntwo"]
    with pytest.raises(AssertionError, match=r"1 of 2 entries.*awaited"):
        container.journal.wait_for("SYSLOG_IDENTIFIER=awaited", since=since, count=2, timeout=0.5)


def test_journal_for_people(container: Container) -> None:
    """The report of a failure has what was logged since the test began, and nothing older."""
    container.run("logger", "--tag", "report", "old-one")
    container.journal.sync()  # --since goes by when journald has got to it
    began = time.time()
    container.run("logger", "--tag", "report", "new-one")
    text = container.journal.text(began)
    assert "new-one" in text
    assert "old-one" not in text


# -- the backend


@pytest.fixture
def backend(container: Container) -> Backend:
    """A backend without routes."""
    with container.backend() as running:
        yield running


@pytest.mark.one_release
def test_backend_answers(container: Container, backend: Backend) -> None:
    """Fixed answers, lookups by key, and 404 where there is no route; all of it recorded."""
    backend.set_routes({"/fixed": answer("text", 503), "/lookup": lookup({"a@b": ["x", "y"]})})
    paths = ["/fixed", "/lookup?key=a%40b", "/lookup?key=c", "/none"]
    answers = [fetch(container, backend.url(path)) for path in paths]
    assert answers == ["503 text", '200 ["x", "y"]', "404 not found", "404 no such route"]
    assert [request.path for request in backend.requests] == [
        "/fixed",
        "/lookup",
        "/lookup",
        "/none",
    ]
    assert backend.requests[1].key() == b"a@b"


@pytest.mark.one_release
def test_backend_holds(container: Container, backend: Backend) -> None:
    """A held request is recorded at once and answered after its release."""
    backend.set_routes({"/held": held(answer("late"))})
    url = backend.url("/held")
    with container.popen("python3", "-c", FETCH, url, stdout=subprocess.PIPE) as client:
        backend.wait_for_requests(1)
        assert client.poll() is None
        backend.release()
        assert client.communicate(timeout=30)[0] == b"200 late\n"


@pytest.mark.one_release
def test_backend_drops(container: Container, backend: Backend) -> None:
    """A dropped request ends without an answer, or in the middle of one, in either way."""
    begun = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbeg"
    routes = {
        "/dropped": dropped(),
        "/reset": dropped(with_reset=True),
        "/begun": dropped(begun),
        "/begun-and-reset": dropped(begun, with_reset=True),
    }
    backend.set_routes(routes)
    assert [fetch(container, backend.url(path)) for path in routes] == [
        "RemoteDisconnected",
        "ConnectionResetError",
        "IncompleteRead",
        "ConnectionResetError",
    ]


@pytest.mark.one_release
def test_backend_acts(container: Container, backend: Backend) -> None:
    """A policy service answers by an attribute of the request."""
    backend.set_routes({"/policy": actions("sender", {"a@b": "REJECT no"})})
    program = "import sys, http.client as h; c = h.HTTPConnection('127.0.0.1', int(sys.argv[1]))\n"
    program += "for who in 'ac': c.request('POST', '/policy', 'x=1&sender=' + who + '%40b'); "
    program += "r = c.getresponse(); print(r.status, r.read().decode())"
    done = container.run("python3", "-c", program, str(backend.port))
    assert done.stdout == "200 REJECT no\n200 DUNNO\n"


@pytest.mark.one_release
def test_backend_freezes(container: Container, backend: Backend) -> None:
    """A frozen backend accepts connections and requests, and answers when it is thawed."""
    backend.set_routes({"/": permitting(answer("here"), "max-age=7")})
    backend.freeze()
    url = backend.url()
    with container.popen("python3", "-c", FETCH, url, stdout=subprocess.PIPE) as client:
        is_connected = ["ss", "-Htn", "state", "established", f"dport = :{backend.port}"]
        wait_until(lambda: container.run(*is_connected).stdout, "a connection")
        assert backend.wait_for_requests(0) == []
        backend.thaw()
        assert client.communicate(timeout=30)[0] == b"200 here\n"
    assert len(backend.requests) == 1
    backend.freeze()
    backend.stop()


@pytest.mark.one_release
def test_backend_permits(container: Container, backend: Backend) -> None:
    """Responses to lookups, found and not found, have the Cache-Control of their route."""
    backend.set_routes({"/": permitting(lookup({"x": ["y"]}), "max-age=7")})
    program = "import sys, http.client as h; c = h.HTTPConnection('127.0.0.1', int(sys.argv[1]))\n"
    program += "for key in 'xz': c.request('GET', '/?key=' + key); r = c.getresponse(); r.read(); "
    program += "print(r.status, r.headers['Cache-Control'])"
    done = container.run("python3", "-c", program, str(backend.port))
    assert done.stdout == "200 max-age=7\n404 max-age=7\n"


@pytest.mark.one_release
def test_backend_stops_and_starts(container: Container, backend: Backend) -> None:
    """A stopped backend refuses connections; started again it has its port, routes and record."""
    backend.set_routes({"/": answer("here")})
    url = backend.url()
    answers = [fetch(container, url)]
    backend.stop()
    answers.append(fetch(container, url))
    backend.start()
    answers.append(fetch(container, url))
    assert answers == ["200 here", "ConnectionRefusedError", "200 here"]
    assert len(backend.wait_for_requests(2)) == 2


# -- putting it back in order


def test_reset(container: Container) -> None:
    """Configuration, units, mail queue and cache are as before; Postfix has its old settings."""
    state = (
        "postconf -n; find /etc/postfix /etc/systemd/system /var/cache/postfix-rest-inetd | sort"
    )
    before = container.shell(state)
    container.shell("""
        postconf -e message_size_limit=4711 && postfix reload 2>/dev/null
        touch /etc/systemd/system/left-over.service /etc/postfix/left-over
        systemctl daemon-reload
        systemd-run --quiet --unit=fails false || :
        echo mail | sendmail -f sender@test.example nobody@[127.0.0.2]
        mkdir -p /var/cache/postfix-rest-inetd/1/answers
    """)
    container.reset()
    after = container.shell(state)
    assert before == after
    assert container.run("systemctl", "--failed", "--no-legend").stdout == ""
    assert container.run("postqueue", "-j").stdout == ""
    assert container.run("postfix", "status", check=False).returncode == 0


# -- power


def test_reboot(blank_container: Container) -> None:
    """After a reboot files and the journal are there, /run is new, and so is the boot id."""
    names = ("/proc/sys/kernel/random/boot_id", "/etc/machine-id")
    boot_id, machine_id = map(blank_container.read, names)
    blank_container.write("/var/lib/lasts", "text")
    blank_container.write("/run/does-not-last", "text")
    blank_container.run("logger", "--tag", "before-reboot", "text")
    blank_container.reboot()
    new_boot_id, new_machine_id = map(blank_container.read, names)
    assert new_boot_id != boot_id
    assert new_machine_id == machine_id
    assert blank_container.read("/var/lib/lasts") == "text"
    assert blank_container.run("test", "-e", "/run/does-not-last", check=False).returncode == 1
    assert len(blank_container.journal("SYSLOG_IDENTIFIER=before-reboot")) == 1
    started = blank_container.run("journalctl", "--boot", "--grep=Postfix", "--quiet").stdout
    assert started != ""


def test_power_off_and_crash(blank_container: Container) -> None:
    """Switched off, in order or not, a container can be switched on again and again."""
    blank_container.poweroff()
    blank_container.boot()
    blank_container.crash()
    blank_container.boot()
    boots = blank_container.run("journalctl", "--list-boots", "--quiet").stdout
    assert boots.count("\n") >= 3


def test_containers_are_apart(root: Path, blank_container: Container) -> None:
    """Two of one release run at once, and neither sees the other's files, processes or units."""
    with Container(root) as other:
        other.write("/etc/only-here", "")
        other.run("systemd-run", "--quiet", "--unit=only-here", "sleep", "4712")
        assert other.run("systemctl", "is-active", "only-here").stdout == "active\n"
        absent = [
            blank_container.run("test", "-e", "/etc/only-here", check=False).returncode,
            blank_container.run("pgrep", "-fx", "sleep 4712", check=False).returncode,
        ]
        state = blank_container.run("systemctl", "is-active", "only-here", check=False).stdout
    assert absent == [1, 1]
    assert state == "inactive\n"
    assert not (root / "etc/only-here").exists()


def test_nothing_is_left(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its end there is no process, mount, cgroup, directory or descriptor of a container."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mounts = Path("/proc/self/mountinfo").read_text()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with Container(root) as used:
        namespace = os.readlink(f"/proc/{used.leader}/ns/pid")
        (directory,) = tmp_path.iterdir()
        backend = used.backend()
        assert namespace in namespaces()
    backend.stop()
    assert namespace not in namespaces()
    assert list(tmp_path.iterdir()) == []
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{directory.name}*"))


def namespaces() -> set[str]:
    """The pid namespaces that have processes."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/ns/pid"):
        try:
            found.add(os.readlink(link))
        except OSError:  # gone meanwhile
            continue
    return found
