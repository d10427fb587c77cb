# SPDX-License-Identifier: MIT
"""packaging/demo as a newcomer runs it: the real script, sockets, handlers and backend."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from harness.ports import free_port

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "packaging" / "demo"
SYSTEM_PYTHON = "/usr/bin/python3"
SOCKET_ACTIVATE = "/usr/bin/systemd-socket-activate"
TIMEOUT_SEC = 60
SCREEN_WIDTH = 80


def missing() -> str:
    """What the demo would have to install first: that is no business of a test."""
    if not os.access(SOCKET_ACTIVATE, os.X_OK):
        return f"{SOCKET_ACTIVATE} is not installed"
    check = [SYSTEM_PYTHON, "-I", "-c", "import urllib3, systemd.journal"]
    done = subprocess.run(check, capture_output=True, text=True, timeout=TIMEOUT_SEC, check=False)
    return done.stderr.strip().rpartition("\n")[2]


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    if reason := missing():
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up(f"{SYSTEM_PYTHON}: {reason}")


def run(*command: object, **settings: object) -> subprocess.CompletedProcess:
    """Run a command to its end."""
    words = [str(word) for word in command]
    return subprocess.run(
        words, capture_output=True, text=True, timeout=TIMEOUT_SEC, check=False, **settings
    )


def config_of(output: str) -> Path:
    """The configuration file the demo says it has written."""
    return Path(re.search(r"configuration +(\S+)", output)[1])


def left_over(config: Path) -> list[str]:
    """Processes that have to do with this run of the demo, and its directory."""
    found = [str(config.parent)] if config.parent.exists() else []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # the process has just ended
            command = entry.read_bytes()
            if os.fsencode(config) in command:
                found.append(f"{entry}: {command!r}")
    return found


class Running:
    """A demo that stays up; `ports` are those it listens on, `heard` is its output so far."""

    def __init__(self, *, until: str = "appear here") -> None:
        command = [str(DEMO), "--port", str(free_port())]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.heard = ""
        # Reading ends when the process does, so this bounds every wait below.
        self.watchdog = threading.Timer(TIMEOUT_SEC, self.process.kill)
        self.watchdog.start()
        self.hear(until)
        self.ports = [int(p) for p in re.findall(r"listening +127\.0\.0\.1:(\d+)", self.heard)]

    @property
    def config(self) -> Path:
        """The configuration file of this run."""
        return config_of(self.heard)

    def hear(self, text: str) -> None:
        """Read the output up to the line that contains TEXT."""
        for line in self.process.stdout:
            self.heard += line
            if text in line:
                return
        pytest.fail(f"the demo ended without saying {text!r}:\n{self.heard}")

    def end(self, number: int) -> int:
        """Send the signal; return the exit status after reading what the demo still said."""
        self.process.send_signal(number)
        self.heard += self.process.stdout.read()
        return self.process.wait()

    def close(self) -> None:
        """Make sure that it is gone, with the chance to clean up."""
        self.process.terminate()
        self.process.wait()
        self.watchdog.cancel()
        self.process.stdout.close()


@pytest.fixture
def running():
    """A demo that has asked its questions and stays up."""
    demo = Running()
    yield demo
    demo.close()


def ask(port: int, request: bytes) -> bytes:
    """Send a request, half-close, return everything that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SEC) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="module")
def once() -> subprocess.CompletedProcess:
    """What `packaging/demo --once` does, started in a directory that is not the checkout."""
    return run(DEMO, "--once", "--port", free_port(), cwd="/")


def test_once_succeeds(once) -> None:
    """The three answers and the reported failure are right, and the exit status says so."""
    assert once.stderr == ""
    assert once.stdout.count("right answer ") == 4
    assert once.stdout.endswith("Three right answers out of three, and the failure cost no mail.\n")
    assert once.returncode == 0


@pytest.mark.parametrize(
    "label, text",
    [
        ("Postfix sends", r"get example.org\n"),
        ("HTTP request", "GET /domains?key=example.org"),
        ("HTTP response", "200 OK"),
        ("", '["example.org"]'),
        ("Postfix gets", r"200 example.org\n"),
        ("Postfix sends", "22:alias info@example.org,"),
        ("HTTP request", "GET /maps?name=alias&key=info%40example.org"),
        ("Postfix gets", "36:OK alice@example.org,bob@example.org,"),
        ("Postfix sends", r"request=smtpd_access_policy\n"),
        ("HTTP request", "POST /policy"),
        ("", "&sender=offers%40spam.example&recipient=alice%40example.org"),
        ("Postfix gets", r"action=REJECT mail from spam.example is not welcome here\n"),
        ("HTTP response", "500 Internal Server Error"),
        ("Postfix gets", r"400 REST%20server%20had%20an%20internal%20error:%20500\n"),
    ],
)
def test_once_shows_each_step(once, label, text) -> None:
    """Each step of the data flow stands beside its label, bytes as they are on the wire."""
    assert f"  {label}".ljust(17) + text in once.stdout.splitlines()


def test_once_shows_no_token(once) -> None:
    """The header that proves who asks is shown without its value."""
    shown = re.findall(r"X-Auth-Token: *(.*)", once.stdout)
    assert shown == ["********"] * 4


def test_once_fits_the_screen(once) -> None:
    """No line is wider than a terminal, and a pipe gets no colours."""
    assert [line for line in once.stdout.splitlines() if len(line) > SCREEN_WIDTH] == []
    assert "\x1b" not in once.stdout


def test_once_shows_the_handlers_log(once) -> None:
    """What each handler has to say is shown, whether this machine has a journal or not."""
    assert once.stdout.count("handler's log ") == 4
    assert "  handler's log  domains: example.org: found (" in once.stdout
    assert "Traceback" not in once.stdout


def test_once_leaves_nothing(once) -> None:
    """Afterwards there is no process and no file."""
    assert left_over(config_of(once.stdout)) == []


def test_wrong_answer() -> None:
    """One wrong byte in an answer makes the demo fail, and it says which answer."""
    program = (
        "import sys; from postfix_rest_inetd.admin import cli;"
        " from postfix_rest_inetd.admin.demo import session; first, second, *rest ="
        " session.QUESTIONS; session.QUESTIONS = (first, second._replace(reply=b'4:OK x,'), *rest);"
        " sys.exit(cli.main(['demo', *sys.argv[1:]]))"
    )
    arguments = ("-c", program, "--once", "--port", free_port())
    done = run(SYSTEM_PYTHON, *arguments, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.stdout.splitlines()[-1] == "WRONG: answer 2."
    assert "  WRONG: not     4:OK x," in done.stdout
    assert done.stdout.count("right answer ") == 3
    assert done.returncode == 1


@pytest.mark.parametrize(
    "place, request_bytes, reply, http",
    [
        (0, b"get example.net\n", b"200 example.net\n", "GET /domains?key=example.net"),
        (0, b"get nowhere\n", b"500 key%20not%20found\n", "GET /domains?key=nowhere"),
        (1, b"18:domain example.org,", b"14:OK example.org,", "GET /maps?name=domain&key=example."),
        (1, b"11:mailbox a@b,", b"9:NOTFOUND ,", "GET /maps?name=mailbox&key=a%40b"),
        (2, b"sender=x@y\n\n", b"action=DUNNO\n\n", "POST /policy"),
        (
            2,
            b"sender=x@broken.example\n\n",
            b"action=451 REST server had an internal error!\n\n",
            "POST /policy",
        ),
    ],
)
def test_questions_while_up(running, place, request_bytes, reply, http) -> None:
    """While it stays up it answers whoever asks, and shows what reaches the backend."""
    assert ask(running.ports[place], request_bytes) == reply
    running.hear(http)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_clean_end(running, number) -> None:
    """Ctrl-C and its like end it cleanly, a Postfix's idle connection notwithstanding."""
    with socket.create_connection(("127.0.0.1", running.ports[0]), TIMEOUT_SEC) as idle:
        idle.sendall(b"get example.org\n")
        assert idle.recv(100) == b"200 example.org\n"
        assert running.end(number) == 0
        assert idle.recv(100) == b""
    assert "Traceback" not in running.heard
    assert left_over(running.config) == []


@pytest.mark.parametrize("words", ["listening", "Postfix sends"])
def test_early_end(words) -> None:
    """Ctrl-C before the questions are over is no failure of anything, and leaves nothing either."""
    demo = Running(until=words)
    try:
        status = demo.end(signal.SIGINT)
    finally:
        demo.close()
    assert status in {130, 0}  # 0: on a busy machine the signal came after all questions
    assert "Traceback" not in demo.heard
    assert left_over(demo.config) == []


def test_everything_is_private(running) -> None:
    """The configuration, which holds the token, is for the user alone."""
    assert running.config.parent.stat().st_mode & 0o777 == 0o700


def test_the_invitation_fits_the_screen(running) -> None:
    """Neither is what follows the questions wider than a terminal."""
    assert [line for line in running.heard.splitlines() if len(line) > SCREEN_WIDTH] == []


def test_invitation_names_the_ports(running) -> None:
    """The commands to try and the lines for main.cf are for the ports in use."""
    tcp, maps, policy = running.ports
    for line in (
        f"  postmap -q example.org tcp:127.0.0.1:{tcp}\n",
        f"  postmap -q example.org socketmap:inet:127.0.0.1:{maps}:domain\n",
        f"  virtual_mailbox_domains = tcp:127.0.0.1:{tcp}\n",
        f"      check_policy_service inet:127.0.0.1:{policy}\n",
    ):
        assert line in running.heard


def test_lost_listener(running) -> None:
    """When somebody ends one of its sockets it says so and ends, cleanly, with a failure."""
    pid = running.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    # By its port: a listener that found its first port taken has left a child that is gone.
    option = f"--listen=127.0.0.1:{running.ports[1]}".encode()
    (listener,) = (
        int(child)
        for child in children
        if option in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
    )
    os.kill(listener, signal.SIGKILL)
    running.hear("the listener of maps has ended")
    assert running.process.wait() == 1
    assert left_over(running.config) == []


def test_closed_pipe() -> None:
    """Whoever reads only its beginning (`packaging/demo | head`) gets that and no traceback."""
    with subprocess.Popen(
        [DEMO, "--port", str(free_port())], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as demo:
        demo.stdout.readline()
        demo.stdout.close()
        assert demo.stderr.read() == b""
    assert demo.returncode == 1


@pytest.mark.parametrize(
    "variables, coloured",
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({}, False)],
)
def test_colours(variables, coloured) -> None:
    """A terminal gets colours if it knows them and nobody asked for none."""
    ours, its = os.openpty()
    command = [DEMO, "--once", "--port", str(free_port())]
    environment = {"PATH": os.defpath, **variables}
    with subprocess.Popen(command, stdout=its, stderr=its, env=environment) as demo:
        os.close(its)
        said = b""
        with contextlib.suppress(OSError):  # how a terminal tells that its other side is gone
            while piece := os.read(ours, 65536):
                said += piece
    os.close(ours)
    assert (b"\x1b[1;32m" in said, demo.returncode) == (coloured, 0)
    assert b"Three right answers out of three" in said


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_port_taken(taken) -> None:
    """A port in use is named, another one is taken, and the answers are right all the same."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run(DEMO, "--once", "--port", port - taken)
    name = ("domains", "maps", "policy")[taken]
    assert f"Port {port} is taken: {name} listens on " in done.stdout
    assert done.stdout.count("right answer ") == 4
    assert done.returncode == 0


def test_no_socket_activate(tmp_path) -> None:
    """Without systemd-socket-activate it says what to install, and leaves nothing behind."""
    environment = {"PATH": "/nonexistent", "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    command = (SYSTEM_PYTHON, "-m", "postfix_rest_inetd.admin.cli", "demo", "--once")
    done = run(*command, cwd="/", env=environment)
    assert done.stderr.startswith("postfix-rest-inetd: systemd-socket-activate is missing; ")
    assert done.stderr.count("\n") == 1
    assert done.returncode == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("port", ["0", "65534", "-1", "smtp"])
def test_impossible_port(port) -> None:
    """A port that does not exist, or has no two others behind it, is a usage error."""
    done = run(DEMO, "--once", f"--port={port}")
    assert done.stdout == ""
    assert done.stderr.endswith(f"argument --port: {port} is not a port from 1 to 65533\n")
    assert done.returncode == 2


def test_help_is_complete() -> None:
    """`packaging/demo --help`, which must not install Python first, tells of every option."""
    own = run(DEMO, "--help")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    real = run(
        SYSTEM_PYTHON, "-m", "postfix_rest_inetd.admin.cli", "demo", "--help", env=environment
    )
    options = set(re.findall(r"--\w+", real.stdout))
    assert options == {"--help", "--once", "--port"}
    assert set(re.findall(r"--\w+", own.stdout)) == options
    assert (own.returncode, real.returncode) == (0, 0)


@pytest.fixture
def bare():
    """Run packaging/demo where systemd-socket-activate seems to be missing.

    In a mount namespace of its own something that cannot be executed lies over it. apt-get and
    sudo are scripts that write down how they were called: a test must not install anything.
    """
    directory = Path(tempfile.mkdtemp(prefix="bare-demo-"))
    directory.chmod(0o777)
    (directory / "packaging").mkdir()
    shutil.copy(DEMO, directory / "packaging")
    (directory / "postfix_rest_inetd").symlink_to(ROOT / "postfix_rest_inetd")
    tools = directory / "bin"
    tools.mkdir()
    for name in ("id", "env", "cat", "dirname", "readlink", "xargs", "echo"):
        (tools / name).symlink_to(shutil.which(name))

    def call(arguments: str, *, user: bool, apt_get: str = "", sudo: bool = False):
        calls = directory / "calls"
        calls.touch()
        calls.chmod(0o666)
        scripts = {"apt-get": f'echo "apt-get $*" >> {calls}\n{apt_get}\n'}
        if sudo:
            scripts["sudo"] = f'echo "sudo $1" >> {calls}\nexec "$@"\n'
        for name, text in scripts.items():
            (tools / name).write_text(f"#!/bin/sh\n{text}")
            (tools / name).chmod(0o755)
        hide = f"mount --bind /dev/null {SOCKET_ACTIVATE} && exec "
        drop = "setpriv --reuid=65534 --regid=65534 --clear-groups " if user else ""
        command = f"{hide}{drop}env -i PATH={tools} {directory}/packaging/demo {arguments}"
        done = run("unshare", "--mount", "sh", "-c", command, cwd="/")
        return done, calls.read_text().splitlines()

    yield call
    shutil.rmtree(directory)


def may_unshare() -> bool:
    """Tell whether this is root with the right to mount, which root in a container may not be."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return run("unshare", "--mount", "mount", "--bind", "/dev/null", "/dev/full").returncode == 0


needs_mount = pytest.mark.skipif(not may_unshare(), reason="needs root and the right to mount")
INSTALL = "apt-get install -y --no-install-recommends systemd"


@needs_mount
def test_install_without_sudo(bare) -> None:
    """An ordinary user on a machine without sudo is told what to run as root; nothing is run."""
    done, calls = bare("--once", user=True)
    assert f"    apt-get update && {INSTALL}\n" in done.stderr
    assert done.returncode == 1
    assert calls == []


@needs_mount
def test_install_with_sudo(bare) -> None:
    """An ordinary user is told that sudo is asked, and only apt-get is run through it."""
    done, calls = bare("--once", user=True, sudo=True, apt_get="exit 1")
    assert (
        done.stdout == "packaging/demo: installing systemd with sudo, which only this step needs\n"
    )
    assert calls == ["sudo env", INSTALL, "sudo env", "apt-get update"]
    assert done.returncode == 1


@needs_mount
def test_install_as_root(bare) -> None:
    """Root needs no sudo; the package lists are fetched only when installing fails without."""
    done, calls = bare("--once", user=False, apt_get='echo chatter; [ "$1" = update ]')
    assert calls == [INSTALL, "apt-get update", INSTALL]
    assert done.stdout == "packaging/demo: installing systemd\n"
    assert done.stderr == "chatter\nchatter\n"
    assert done.returncode == 1


@needs_mount
def test_install_is_quiet(bare) -> None:
    """What apt says is nobody's business when it succeeds."""
    done, calls = bare("--once --port 0", user=False, apt_get="echo chatter; echo E: >&2")
    assert calls == [INSTALL]
    assert "chatter" not in done.stdout + done.stderr
    assert "E:" not in done.stderr
    assert done.returncode == 2  # of the demo, which refuses that port


@needs_mount
def test_help_installs_nothing(bare) -> None:
    """Asking for help is no reason to install anything."""
    done, calls = bare("--once --help", user=False)
    assert done.stdout.startswith("usage: packaging/demo ")
    assert calls == []
    assert done.returncode == 0
