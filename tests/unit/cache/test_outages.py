# SPDX-License-Identifier: MIT
"""What handlers share about targets that are down: real files, and many processes at once.

Only the clock is the test's, where a real one would have to be waited for. It is inherited by fork.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from unit.test_imports import EXPENSIVE, PACKAGE, among, loaded_by, ours

import postfix_rest_inetd
from harness.still_clock import StillClock
from postfix_rest_inetd import model
from postfix_rest_inetd.cache import clock, outage, outages
from postfix_rest_inetd.cache.clock import Moment
from postfix_rest_inetd.cache.outages import Outages

URL = "https://user:s3cret@a.example/lookup?x=y"
OTHER = "https://b.example/lookup"
NOBODY = 65534
CLAIMED, REFUSED, BROKEN = 0, 1, 2
MANY = 300


@pytest.fixture(autouse=True)
def time(monkeypatch):
    """The clock of the module and of every child."""
    it = StillClock()
    monkeypatch.setattr(outages, "now", it.now)
    return it


@pytest.fixture
def directory(tmp_path):
    """A cache directory, which every user can reach."""
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.geteuid() and not path.stat().st_mode & stat.S_IXOTH:
            path.chmod(0o755)
    cache = tmp_path / "cache"
    cache.mkdir()
    return str(cache)


def file_of(directory: str) -> Path:
    """The only file that is there."""
    (path,) = Path(directory, "1", "backends").iterdir()
    return path


def fork(function: Callable[[], object]) -> int:
    """Run a function in a child, whose exit status is what it returns; returns the child's id."""
    child = os.fork()
    if child:
        return child
    status = BROKEN
    try:
        result = function()
        status = result if isinstance(result, int) and not isinstance(result, bool) else 0
    except BaseException:  # noqa: BLE001 - a child must not go on as pytest
        traceback.print_exc()
    os._exit(status)


def status_of(child: int) -> int:
    """The exit status of a child, or the negative number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def claims(directory: str, url: str = URL) -> int:
    """Whether a process that knows nothing but the files may ask."""
    return CLAIMED if Outages(directory).claim(url) else REFUSED


def at_once(function: Callable[[], object], count: int = MANY) -> list[int]:
    """The exit statuses of so many children that begin at the same time."""
    wait, start = os.pipe()

    def child() -> object:
        os.close(start)
        os.read(wait, 1)
        return function()

    children = [fork(child) for _ in range(count)]
    os.close(start)
    os.close(wait)
    return [status_of(child) for child in children]


# -- one process


@pytest.fixture(params=["shared", "own"])
def known(request, directory):
    """Outages with a directory, and without."""
    return Outages(directory if request.param == "shared" else None)


def test_nothing_is_known_at_first(known, directory):
    """A target that nobody has asked is not down, and no file says anything about it."""
    assert not known.is_down(URL)
    assert known.claim(URL)
    assert os.listdir(directory) == []


def test_a_failure(known):
    """The first failure makes a target known to be down, and that target only."""
    known.failed(URL)
    assert known.is_down(URL)
    assert not known.is_down(OTHER)
    assert not known.claim(URL)
    assert known.claim(OTHER)
    assert known.problem is None


def test_success_ends_it(known, directory):
    """Any success ends an outage, and leaves no file."""
    known.failed(URL)
    known.failed(OTHER)
    known.succeeded(URL)
    assert not known.is_down(URL)
    assert known.is_down(OTHER)
    known.succeeded(OTHER)
    assert [path for path in Path(directory).rglob("*") if path.is_file()] == []
    known.succeeded(URL)
    assert known.problem is None


def test_the_next_attempt(known, time):
    """It is due after one second, and no other one is due while it lasts."""
    known.failed(URL)
    time.advance(0.999)
    assert not known.claim(URL)
    time.advance(0.001)
    assert known.claim(URL)
    assert known.claim(URL), "the one that has claimed it asks once more whether it may"
    assert known.is_down(URL)


def test_back_off(known, time):
    """Each claimed attempt doubles the pause, up to 30 seconds, less up to a half."""
    known.failed(URL)
    time.advance(1)
    for pause in (2, 4, 8, 16, 30, 30, 30):
        assert known.claim(URL)
        known.failed(URL)
        time.advance(pause / 2 - 0.01)
        assert not known.claim(URL)
        time.advance(pause / 2 + 0.01)
    known.succeeded(URL)
    known.failed(URL)
    time.advance(1)
    assert known.claim(URL), "the next outage begins with a short pause again"


@pytest.fixture
def steady(monkeypatch):
    """Pauses as long as they may be."""
    monkeypatch.setattr(outage, "_jittered", float)


@pytest.mark.usefixtures("steady")
def test_a_pause_begins_when_the_attempt_has_failed(known, time):
    """However long the attempt has taken."""
    known.failed(URL)
    time.advance(1)
    assert known.claim(URL)
    time.advance(1.5)
    known.failed(URL)
    time.advance(1.9)
    assert not known.claim(URL)
    time.advance(0.1)
    assert known.claim(URL)


@pytest.mark.usefixtures("steady")
def test_a_slow_attempt(directory, time):
    """One that fails after the next one was claimed, for a longer pause, does not prolong that."""
    slow, fast, third = (Outages(directory) for _ in range(3))
    slow.failed(URL)
    time.advance(1)
    assert slow.claim(URL)
    time.advance(2)
    assert fast.claim(URL)
    time.advance(3.9)
    slow.failed(URL)
    assert not third.claim(URL)
    time.advance(0.1)
    assert third.claim(URL)


KEY, OTHER_KEY = (model.LookupRequest(key, b"map") for key in (b"a", b"b"))
MAIL = model.PolicyRequest([(b"sender", b"a")])


def test_a_lookup_that_fails_alone(known, time):
    """It is down for this key only, with the same pauses; any success ends it."""
    known.failed(URL, KEY)
    for _ in range(3):
        assert known.is_down(URL, KEY)
        assert not known.claim(URL, KEY)
        for request in (OTHER_KEY, model.LookupRequest(b"a"), MAIL):
            assert not known.is_down(URL, request)
            assert known.claim(URL, request)
        time.advance(4)
        assert known.claim(URL, KEY)
        known.failed(URL, KEY)
    known.succeeded(URL)
    assert not known.is_down(URL, KEY)


@pytest.mark.parametrize("other", [OTHER_KEY, MAIL, None], ids=["key", "mail", "unread"])
def test_two_requests_that_fail(known, time, other):
    """Then it is down for all of them."""
    known.failed(URL, KEY)
    time.advance(10)
    known.failed(URL, other)
    for request in (KEY, OTHER_KEY, model.LookupRequest(b"c"), MAIL):
        assert known.is_down(URL, request)
        assert not known.claim(URL, request)
    time.advance(1)
    assert known.claim(URL, OTHER_KEY)


@pytest.mark.parametrize("first", [MAIL, None], ids=["mail", "unread"])
def test_a_failure_that_has_nothing_to_do_with_a_key(known, first):
    """It is down for all at once."""
    known.failed(URL, first)
    assert known.is_down(URL, KEY)
    assert not known.claim(URL, OTHER_KEY)


def test_another_process_knows_the_key(directory):
    """The file has it, and does not show it."""
    Outages(directory).failed(URL, model.LookupRequest(b"secret@example.org"))
    assert Outages(directory).is_down(URL, model.LookupRequest(b"secret@example.org"))
    assert not Outages(directory).is_down(URL, KEY)
    assert b"secret" not in file_of(directory).read_bytes()


def test_jitter(directory, time):
    """The pauses of many machines differ."""
    waits = []
    for number in range(20):
        known = Outages(f"{directory}/{number}")
        os.mkdir(f"{directory}/{number}")
        known.failed(URL)
        time.advance(1)
        assert known.claim(URL)
        known.failed(URL)
        record = known._find(URL, time.now)
        waits.append(record.wait_sec)
    assert all(1 <= wait <= 2 for wait in waits)
    assert max(waits) - min(waits) > 0.2


def test_failures_without_a_claim_change_nothing(known, time):
    """A request that had no stored answer fails as well; that is no news."""
    known.failed(URL)
    for _ in range(9):
        time.advance(0.1)
        known.failed(URL)
    time.advance(0.1)
    assert known.claim(URL)


def test_a_claim_of_an_earlier_outage(directory, time):
    """A slow attempt that fails after the target was up and went down again does not count."""
    slow, other = Outages(directory), Outages(directory)
    slow.failed(URL)
    time.advance(1)
    assert slow.claim(URL)
    time.advance(0.1)
    other.succeeded(URL)
    other.failed(URL)
    slow.failed(URL)
    time.advance(1)
    assert other.claim(URL)


def test_slow_attempts_double_once(directory, time):
    """Attempts that last longer than the pause double it, but not each of them."""
    first, second = Outages(directory), Outages(directory)
    first.failed(URL)
    time.advance(1)
    assert first.claim(URL)
    time.advance(2)
    assert second.claim(URL)
    first.failed(URL)
    second.failed(URL)
    time.advance(4)
    third = Outages(directory)
    assert third.claim(URL)
    third.failed(URL)
    assert third._find(URL, time.now).pause_sec == 8


def test_slow_attempts_are_few(directory, time):
    """While the first attempt waits for a target that is silent, others do not add up."""
    Outages(directory).failed(URL)
    claimed = 0
    for _ in range(600):
        time.advance(0.1)
        claimed += Outages(directory).claim(URL)
    assert 4 <= claimed <= 7


# -- several processes


def test_exactly_one_claims(directory, time):
    """Of any number of handlers that want to ask at the same moment, one does."""
    for _ in range(3):
        Outages(directory).succeeded(URL)
        Outages(directory).failed(URL)
        time.advance(1)
        found = at_once(lambda: claims(directory))
        assert sorted(set(found)) == [CLAIMED, REFUSED]
        assert found.count(CLAIMED) == 1
        time.advance(0.49)
        assert claims(directory) == REFUSED


def test_all_fail_at_once(directory, time):
    """One record comes of it, without waiting, and without an exception."""

    def fail() -> int:
        known = Outages(directory)
        known.failed(URL)
        return CLAIMED if known.problem is None else REFUSED

    assert at_once(fail) == [CLAIMED] * MANY
    assert Outages(directory).is_down(URL)
    assert claims(directory) == REFUSED
    time.advance(1)
    assert claims(directory) == CLAIMED


def test_all_sorts_at_once(directory, time):
    """Whatever happens beside each other, the end is what the last one has said."""
    Outages(directory).failed(URL)
    time.advance(1)

    def anything() -> int:
        known = Outages(directory)
        for number in range(20):
            [known.failed, known.claim, known.succeeded, known.is_down][(os.getpid() + number) % 4](
                URL
            )
        return CLAIMED if known.problem is None else REFUSED

    assert at_once(anything) == [CLAIMED] * MANY
    known = Outages(directory)
    known.succeeded(URL)
    assert not known.is_down(URL)
    assert list(Path(directory, "1", "backends").iterdir()) == []


def test_the_claimant_is_killed(directory, time):
    """It holds nothing up: another one asks when its time has passed."""
    known = Outages(directory)
    known.failed(URL)
    time.advance(1)
    ready, told = os.pipe()

    def claim_and_wait() -> None:
        assert Outages(directory).claim(URL)
        os.write(told, b"!")
        signal.pause()

    child = fork(claim_and_wait)
    assert os.read(ready, 1) == b"!"
    os.kill(child, signal.SIGKILL)
    assert status_of(child) == -signal.SIGKILL
    os.close(ready)
    os.close(told)
    assert claims(directory) == REFUSED
    time.advance(2)
    assert at_once(lambda: claims(directory), 20).count(CLAIMED) == 1


def test_a_lock_is_not_waited_for(directory, time):
    """A writer that stands still, perhaps stopped, stops nobody."""
    import fcntl

    known = Outages(directory)
    known.failed(URL)
    time.advance(1)
    with file_of(directory).open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert known.is_down(URL)
        assert claims(directory) == REFUSED
        Outages(directory).failed(URL)
        assert known.problem is None
    assert claims(directory) == CLAIMED


# -- files that are not as they should be


def assert_harmless(directory: str) -> Outages:
    """Nothing is known, the next failure is remembered, and the next success is as well."""
    known = Outages(directory)
    assert not known.is_down(URL)
    assert known.claim(URL)
    known.failed(URL)
    assert known.is_down(URL)
    assert not known.claim(URL)
    known.succeeded(URL)
    assert not known.is_down(URL)
    known.failed(URL)
    assert known.is_down(URL)
    return known


def corrupted(data: bytes) -> Iterator[bytes]:
    """What may become of a record: torn at any place, longer, and each of its bytes another."""
    for length in range(len(data)):
        yield data[:length]
        yield data[:length] + bytes(len(data) - length)
        yield data[:length] + bytes([data[length] ^ 1]) + data[length + 1 :]
    yield data + b" "
    yield b"\xff" * len(data)
    yield b"\0" * 100_000


def test_torn_and_corrupt_files(directory):
    """They say nothing, and are replaced by the next failure."""
    Outages(directory).failed(URL)
    path = file_of(directory)
    data = path.read_bytes()
    for bad in corrupted(data):
        path.write_bytes(bad)
        assert not Outages(directory).is_down(URL), bad
    for bad in list(corrupted(data))[::50]:
        path.write_bytes(bad)
        assert assert_harmless(directory).problem is None


def test_a_file_at_the_place_of_another(directory):
    """The record of one target says nothing about another one."""
    Outages(directory).failed(URL)
    path = file_of(directory)
    data = path.read_bytes()
    Outages(directory).succeeded(URL)
    Outages(directory).failed(OTHER)
    file_of(directory).write_bytes(data)
    assert not Outages(directory).is_down(OTHER)


def record_of(text: bytes, directory: str) -> bytes:
    """A record with such a text, and the right MAC."""
    text = text.ljust(outage.RECORD_BYTES - 2 * outage._MAC_BYTES)
    return outage._mac(text, Outages(directory)._key_of(URL)[1]) + text


FORGED = {
    "another format": b"2 1000000000.0 1000000000.0 5000.25 1.0 1.0 boot-one",
    "too few fields": b"1 1000000000.0 1000000000.0 5000.25 1.0 1.0",
    "no number": b"1 1000000000.0 1000000000.0 5000.25 x 1.0 boot-one",
    "not a number": b"1 1000000000.0 1000000000.0 nan 1.0 1.0 boot-one",
    "the future": b"1 1000000000.0 1000000000.0 6000.25 1.0 1.0 boot-one",
    "nothing": b"",
}


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED)
def test_records_that_this_version_does_not_write(directory, text):
    """They say nothing."""
    Outages(directory).failed(URL)
    path = file_of(directory)
    path.write_bytes(record_of(text, directory))
    assert_harmless(directory)


@pytest.mark.parametrize("wait", [b"inf", b"nan", b"1e300", b"31.0", b"-1.0"])
def test_a_pause_out_of_bounds(directory, time, wait):
    """No record keeps a target down for longer than the longest pause."""
    Outages(directory).failed(URL)
    text = b"1 1000000000.0 1000000000.0 5000.25 %s 1.0 boot-one" % wait
    file_of(directory).write_bytes(record_of(text, directory))
    time.advance(30)
    assert Outages(directory).claim(URL)
    assert_harmless(directory)


def put_directory(path: Path) -> None:
    """Instead of a file, a directory."""
    path.mkdir()


def put_fifo(path: Path) -> None:
    """Instead of a file, something that has no end and no beginning."""
    os.mkfifo(path)


def put_link(path: Path) -> None:
    """Instead of a file, the name of another one."""
    other = path.parents[2] / "other"
    other.write_bytes(b"x" * 192)
    path.symlink_to(other)


@pytest.mark.parametrize("put", [put_directory, put_fifo, put_link])
def test_something_else_in_its_place(directory, put):
    """What is not a regular file is not waited for, not followed, and told."""
    Outages(directory).failed(URL)
    path = file_of(directory)
    path.unlink()
    put(path)
    known = Outages(directory)
    assert not known.is_down(URL)
    known.failed(URL)
    assert known.is_down(URL)
    assert known.problem
    assert not known.claim(URL)
    known.succeeded(URL)
    assert not known.is_down(URL)


def test_names_and_contents_do_not_tell_the_target(directory):
    """A URL may have a password in it."""
    Outages(directory).failed(URL)
    path = file_of(directory)
    assert len(path.name) == 40
    assert set(path.name) <= set("0123456789abcdef")
    shown = f"{path.name} {path.read_bytes()!r}"
    assert not any(word in shown for word in ("s3cret", "user", "example"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_any_text_can_be_asked_for(directory):
    """Strings that cannot be encoded are no exception either."""
    for url in ("", "http://\udcff/", "http://\ud800/", "x" * 100_000, "http://a/\0"):
        known = Outages(directory)
        known.failed(url)
        assert known.is_down(url)
        known.succeeded(url)


# -- directories that are not as they should be


def below_a_file(directory: str) -> None:
    """It is a file."""
    os.rmdir(directory)
    Path(directory).write_bytes(b"")


def missing(directory: str) -> None:
    """It is not there."""
    os.rmdir(directory)


def not_ours(directory: str) -> None:
    """It may be read, and not written."""
    os.chmod(directory, 0o555)


def spoiled(directory: str) -> None:
    """There is a file in it where a directory should be."""
    Path(directory, "1").write_bytes(b"")


@pytest.mark.parametrize("break_it", [below_a_file, missing, not_ours, spoiled])
def test_a_directory_that_cannot_be_used(directory, time, break_it):
    """The process remembers for itself, and tells why; nothing is an exception."""
    break_it(directory)

    def use() -> None:
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        known = assert_harmless(directory)
        assert known.problem is not None
        assert known.problem.startswith(directory)
        time.advance(1)
        assert known.claim(URL)
        known.failed(URL)
        assert not known.claim(URL)

    assert status_of(fork(use)) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make files of another user")
def test_root_leaves_nothing_in_the_directory_of_another_user(directory, time):
    """Otherwise no handler could use it any more. Root remembers for itself, by the same rules."""
    os.chown(directory, NOBODY, NOBODY)
    known = Outages(directory)
    known.failed(URL)
    assert (os.listdir(directory), known.is_down(URL), known.claim(URL)) == ([], True, False)
    time.advance(1)
    assert known.claim(URL)
    known.failed(URL)
    assert not known.claim(URL)
    known.succeeded(URL)
    assert (os.listdir(directory), known.is_down(URL), known.problem) == ([], False, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make files of another user")
def test_a_file_of_another_user(directory):
    """It says nothing, whatever is in it, unless it is root's."""
    Outages(directory).failed(URL)
    path = file_of(directory)
    os.chown(path.parent, NOBODY, NOBODY)
    os.chown(path.parents[1], NOBODY, NOBODY)
    path.chmod(0o644)

    def is_down() -> int:
        os.setuid(NOBODY)
        known = Outages(directory)
        is_down = known.is_down(URL)
        if known.problem is not None:
            assert not is_down
            return BROKEN + 1
        return CLAIMED if is_down else REFUSED

    assert status_of(fork(is_down)) == CLAIMED
    os.chown(path, 1, 1)
    assert status_of(fork(is_down)) == BROKEN + 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, and a directory of another user")
def test_root_leaves_nothing_of_its_own(directory):
    """The handlers, whose directory it is, could not use it: root remembers for itself."""
    os.chown(directory, NOBODY, NOBODY)
    known = Outages(directory)
    known.failed(URL)
    assert known.is_down(URL)
    assert known.problem is None
    assert os.listdir(directory) == []


def test_what_cannot_be_written_is_remembered_here(directory):
    """A limit of the system hits in the middle of a record, as a full disk does."""

    def use() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        known = assert_harmless(directory)
        assert known.problem is not None
        assert not Outages(directory).is_down(URL), "what was torn says nothing to others"

    assert status_of(fork(use)) == 0
    assert assert_harmless(directory).problem is None


def test_a_directory_that_becomes_read_only(directory, time):
    """A file that can be read and not removed does not keep a target down that is up."""
    Outages(directory).failed(URL)
    backends = file_of(directory).parent
    backends.chmod(0o755)
    backends.parent.chmod(0o755)
    file_of(directory).chmod(0o644)

    def use() -> None:
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        else:
            file_of(directory).chmod(0o444)
            backends.chmod(0o555)
        known = Outages(directory)
        assert known.is_down(URL)
        time.advance(1)
        assert known.claim(URL)
        known.failed(URL)
        assert not known.claim(URL), "it backs off on its own"
        known.succeeded(URL)
        assert not known.is_down(URL)
        assert known.problem is not None
        known.failed(URL)
        assert known.is_down(URL)

    try:
        assert status_of(fork(use)) == 0
    finally:
        backends.chmod(0o755)


FULL_DISK = """
import os, sys
sys.path[:0] = {path!r}
from postfix_rest_inetd.cache.outages import Outages
with open("filler", "wb", buffering=0) as filler:
    try:
        while filler.write(b"x" * 4096): pass
    except OSError: pass
known = Outages(os.getcwd())
assert not known.is_down("u")
known.failed("u")
assert known.is_down("u") and known.problem is not None, known.problem
assert "No space left" in known.problem
assert not Outages(os.getcwd()).is_down("u")
known.succeeded("u")
assert not known.is_down("u")
os.unlink("filler")
known.failed("u")
assert Outages(os.getcwd()).is_down("u"), "there is room again"
"""


def test_a_full_disk(tmp_path):
    """A real one: nothing is an exception, and sharing begins again when there is room."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root for a file system of its own")
    root = str(Path(postfix_rest_inetd.__file__).parents[1])
    mount = 'mount -t tmpfs -o size=64k tmpfs "$0" && cd "$0" && exec "$@"'
    program = FULL_DISK.format(path=[root])
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, tmp_path, sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


# -- clocks and boots


def test_another_boot(directory, time):
    """What was down before a boot is not known to be down."""
    Outages(directory).failed(URL)
    time.moment = Moment(time.moment.wall + 60, 20.0, b"boot-two")
    assert_harmless(directory)


@pytest.mark.parametrize("jump", [-1e8, -1.0, 0.0, 1e8])
def test_the_wall_clock_jumps(directory, time, jump):
    """The pause lasts as long as it should, whatever the wall clock does."""
    Outages(directory).failed(URL)
    time.advance(0.9, wall=jump)
    assert Outages(directory).is_down(URL)
    assert claims(directory) == REFUSED
    time.advance(0.1, wall=0)
    assert claims(directory) == CLAIMED


@pytest.mark.parametrize("jump", [-1e8, 0.0, 1e8])
def test_jumps_without_a_known_boot(directory, time, jump):
    """Where boots cannot be told apart, a jump lets a handler ask earlier, and nothing worse."""
    time.moment = Moment(1e9, 5000.0, b"")
    Outages(directory).failed(URL)
    time.advance(0.1, wall=jump + 0.1)
    assert Outages(directory).problem is None
    time.advance(31)
    assert Outages(directory).claim(URL)


def test_the_real_clock(directory, monkeypatch):
    """With real time, an attempt is due within the second, and not before."""
    monkeypatch.setattr(outages, "now", clock.now)
    known = Outages(directory)
    began = clock.now().boot
    known.failed(URL)
    while not known.claim(URL):
        assert clock.now().boot < began + 10
    assert clock.now().boot - began >= 1


def test_what_nobody_asks_for_is_removed(directory):
    """The file of a target that is not in the configuration any more does not stay for ever."""
    Outages(directory).failed(OTHER)
    path = file_of(directory)
    old = path.stat().st_mtime - 2 * 86400
    os.utime(path, (old, old))
    Outages(directory).failed(URL)
    assert not path.exists()
    assert Outages(directory).is_down(URL)
    Outages(directory).failed(OTHER)
    assert Outages(directory).is_down(URL)


def test_it_is_cheap_to_load():
    """A hit loads it as well: no OpenSSL (hashlib), no regular expressions, no JSON, no HTTP."""
    modules, _ = loaded_by(f"import {PACKAGE}.cache.outages")
    assert ours(modules) == {
        *(PACKAGE, "blake2", "cache", "cache.clock", "cache.outage", "cache.outages"),
        "model",  # of every handler
    }
    assert among(modules, f"{EXPENSIVE} fcntl json re select struct zlib") == set()


def test_since_when(directory, time):
    """Operators are told when an outage began, and when the next attempt is due."""
    shared = Outages(directory)
    assert shared.outage_of(URL, time.now()) is None
    shared.failed(URL)
    since, wait_sec = shared.outage_of(URL, time.now())
    assert since == 1e9
    assert 0.5 <= wait_sec <= 1
    time.advance(60, wall=-500)
    assert shared.outage_of(URL, time.now()) == (1e9, 0)
    assert shared.outage_of(OTHER, time.now()) is None
    shared.succeeded(URL)
    assert shared.outage_of(URL, time.now()) is None
