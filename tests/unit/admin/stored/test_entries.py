# SPDX-License-Identifier: MIT
"""What the operator sees of a real store: each kind of file, and what it is good for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.endpoints import endpoint
from harness.modes import SOCKETMAP, TCP
from postfix_rest_inetd import model
from postfix_rest_inetd.admin.stored import entries, identity, purging, screen, summary
from postfix_rest_inetd.admin.stored.entries import DAMAGED, FOREIGN, FRESH, STALE, UNUSABLE, Entry
from postfix_rest_inetd.cache.clock import Moment, now
from postfix_rest_inetd.cache.identity import Identity
from postfix_rest_inetd.cache.record import StoredAnswer
from postfix_rest_inetd.cache.store import Store
from postfix_rest_inetd.cache_folder import folder_of, path_of
from postfix_rest_inetd.config.cache_settings import CacheSettings

AGENT = "agent"
LOOKUP = endpoint(TCP, name="domains")
FOLDER = folder_of(TCP, "domains")


def own(of=LOOKUP, agent: str = AGENT) -> Identity:
    """The identity of an endpoint."""
    found = identity.of(of, agent)
    assert found is not None
    return found


def put(
    directory: Path,
    key: bytes,
    *,
    ago: float = 0,
    agent: str = AGENT,
    body: bytes = b'["x"]',
    by_operator: bytes = b"",
) -> str:
    """Store an answer that is fresh for 60 s and usable for 100 s more; returns its name."""
    store = Store(str(directory), FOLDER, 10_000, 64 * 1024 * 1024)
    look = store.look(*own(agent=agent).of(model.LookupRequest(key)))
    moment = now()
    then = Moment(moment.wall - ago, moment.boot - ago, moment.boot_id)
    status = 200 if body else 404
    times = {"lifetime_sec": 60, "stale_sec": 100, "age_sec": 0}
    answer = StoredAnswer(key, None, status, body, stored=then, by_operator=by_operator, **times)
    assert store.put(look, answer), store.problem
    look.close()
    return look.digest


def read(directory: Path, identities: list[Identity] | None) -> dict[bytes, Entry]:
    """The entries by key; those without an answer by name."""
    found = list(entries.read(str(directory), FOLDER, now(), identities))
    return {e.answer.key if e.answer else e.digest.encode(): e for e in found}


def file(directory: Path, digest: str) -> Path:
    """The file of an entry."""
    return Path(path_of(str(directory), FOLDER), digest[:2], digest)


def test_uses(tmp_path: Path) -> None:
    """Fresh, stale, expired and foreign answers are told apart, with the times that are left."""
    for key, ago in ((b"fresh", 10), (b"stale", 70), (b"expired", 200)):
        put(tmp_path, key, ago=ago)
    put(tmp_path, b"foreign", agent="another")
    found = read(tmp_path, [own()])
    assert {key: entry.use for key, entry in found.items()} == {
        b"fresh": FRESH,
        b"stale": STALE,
        b"expired": UNUSABLE,
        b"foreign": FOREIGN,
    }
    assert {entry.size for entry in found.values()} == {4096}
    fresh, stale = found[b"fresh"], found[b"stale"]
    assert (fresh.age_sec, fresh.fresh_sec) == pytest.approx((10, 50), abs=5)
    assert fresh.outage_sec == pytest.approx(150, abs=5)
    assert (stale.fresh_sec, stale.outage_sec) == pytest.approx((0, 90), abs=5)
    assert {found[key].outage_sec for key in (b"expired", b"foreign")} == {0}
    assert read(tmp_path, None)[b"foreign"].use == FRESH, "without an identity nobody can tell"
    two = [own(), own(agent="another")]
    assert read(tmp_path, two)[b"foreign"].use == FRESH, "of an endpoint of the same name"


def test_other_files(tmp_path: Path) -> None:
    """Damaged files are counted; tombstones, and what handlers do not make, are not."""
    torn, forged, link, gone = (put(tmp_path, key) for key in (b"a", b"b", b"c", b"d"))
    kept = put(tmp_path, b"kept")
    with file(tmp_path, torn).open("r+b") as opened:
        opened.truncate(30)
    content = file(tmp_path, forged).read_bytes()
    file(tmp_path, forged).write_bytes(content.replace(b'["x"]', b'["y"]'))
    file(tmp_path, link).unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("kept")
    file(tmp_path, link).symlink_to(elsewhere / "file")
    purging.answer(str(tmp_path), LOOKUP, AGENT, model.LookupRequest(b"d"))
    assert file(tmp_path, gone).exists(), "the tombstone"
    folder = Path(path_of(str(tmp_path), FOLDER))
    (folder / "00").mkdir(exist_ok=True)
    (folder / "00" / "notes").touch()
    (folder / "zz").mkdir()
    missing = next(
        name for name in ("01", "02", "03", "04", "05", "06") if not (folder / name).exists()
    )
    (folder / missing).symlink_to(elsewhere)
    pipe = folder / "00" / ("0" * 40)
    os.mkfifo(pipe)
    found = read(tmp_path, [own()])
    assert {key: entry.use for key, entry in found.items()} == {
        torn.encode(): DAMAGED,
        forged.encode(): DAMAGED,
        link.encode(): DAMAGED,
        pipe.name.encode(): DAMAGED,
        b"kept": FRESH,
    }
    assert found[b"kept"].digest == kept
    assert (elsewhere / "file").read_text() == "kept"


def test_purge_of_a_key(tmp_path: Path) -> None:
    """One answer is removed, the others stay; what was not there is no error."""
    put(tmp_path, b"one")
    put(tmp_path, b"two")
    one = model.LookupRequest(b"one")
    assert purging.answer(str(tmp_path), LOOKUP, AGENT, one) == 1
    assert set(read(tmp_path, None)) == {b"two"}
    assert purging.answer(str(tmp_path), LOOKUP, AGENT, one) == 0
    other = endpoint(TCP, name="other")
    assert purging.answer(str(tmp_path), other, AGENT, one) == 0
    assert os.path.isdir(path_of(str(tmp_path), folder_of(TCP, "other"))), "see cache/purge.py"


def test_an_answer_of_which_the_token_is_unknown(tmp_path: Path) -> None:
    """A token that only handlers can read: the answers are found by their keys."""
    put(tmp_path, b"one")
    put(tmp_path, b"two")
    secret = endpoint(TCP, name="domains", **{"auth-token": ..., "auth-token-file": "credential"})
    assert identity.of(secret, AGENT) is None
    one = model.LookupRequest(b"one")
    assert purging.expire(str(tmp_path), secret, AGENT, one)
    assert read(tmp_path, [own()])[b"one"].use == STALE
    assert purging.answer(str(tmp_path), secret, AGENT, one) == 1
    assert set(read(tmp_path, None)) == {b"two"}
    assert not purging.expire(str(tmp_path), secret, AGENT, one)


def test_expire(tmp_path: Path) -> None:
    """A fresh answer that is made stale stays usable in an outage, as long as it was."""
    put(tmp_path, b"one")
    put(tmp_path, b"two")
    one = model.LookupRequest(b"one")
    assert purging.expire(str(tmp_path), LOOKUP, AGENT, one)
    found = read(tmp_path, [own()])
    assert {key: entry.use for key, entry in found.items()} == {b"one": STALE, b"two": FRESH}
    assert found[b"one"].outage_sec == pytest.approx(160, abs=5)
    assert not purging.expire(str(tmp_path), LOOKUP, AGENT, model.LookupRequest(b"none"))


def test_directories_of_removed_endpoints(tmp_path: Path) -> None:
    """Answers of an endpoint that is not configured any more are counted as well."""
    put(tmp_path, b"one")
    (left,) = summary.others(str(tmp_path), {})
    left.count(str(tmp_path), now())
    assert (left.folder, left.mode, left.uses.total(), left.size) == (FOLDER, "", 1, 4096)
    assert list(summary.others(str(tmp_path), {FOLDER: left})) == []
    assert purging.all_of_it(str(tmp_path)) == 1
    assert purging.all_of_it(str(tmp_path)) == 0


def test_what_was_found(tmp_path: Path) -> None:
    """The listing says found or not found, as a handler with this configuration would."""
    put(tmp_path, b"there")
    put(tmp_path, b"empty", body=b"[]")
    put(tmp_path, b"missing", body=b"")
    put(tmp_path, b"strange", body=b"{}")
    found = read(tmp_path, [own()])
    outcomes = {key: entries.outcome_of(LOOKUP, e.answer) for key, e in found.items() if e.answer}
    assert outcomes == {
        b"there": model.FOUND,
        b"empty": model.NOT_FOUND,
        b"missing": model.NOT_FOUND,
        b"strange": model.INVALID_DATA,
    }
    temporary = endpoint(TCP, name="domains", **{"temporary-statuses": [404]})
    assert entries.outcome_of(temporary, found[b"missing"].answer) != model.NOT_FOUND


def listed(**changes: object) -> Entry:
    """An entry of a socketmap."""
    answer = StoredAnswer(
        b"info@example.org",
        b"alias",
        200,
        b"[]",
        stored=now(),
        lifetime_sec=1,
        stale_sec=1,
        age_sec=0,
    )
    return Entry("0" * 40, answer, FRESH, 4096, 12.3, 48, 90_000)._replace(**changes)


SPANS = [
    (0, "-"),
    (0.4, "0 s"),
    (99.9, "99 s"),
    (100, "1 min"),
    (5_999, "99 min"),
    (6_000, "1 h"),
    (359_999, "99 h"),
    (360_000, "4 d"),
    (31_536_000 * 3, "1095 d"),
]


@pytest.mark.parametrize("seconds, shown", SPANS)
def test_spans(seconds: float, shown: str) -> None:
    """Times have one unit."""
    maps = endpoint(SOCKETMAP, name="maps")
    _, line, *_ = screen.listing([listed(outage_sec=seconds)], maps)
    assert line == f"not found     12 s     48 s{shown:>9}  4.0 KiB  alias: info@example.org"


def test_listing_is_printable() -> None:
    """A key cannot drive a terminal; a damaged file is shown by its name."""
    maps = endpoint(SOCKETMAP, name="maps")
    answer = StoredAnswer(
        b"\x1b[2J\xff", b"\n", 200, b"", stored=now(), lifetime_sec=1, stale_sec=1, age_sec=0
    )
    damaged = Entry("a" * 40, None, DAMAGED, 0)
    _, first, second, *_ = screen.listing([listed(answer=answer), damaged], maps)
    assert first.endswith(r"  \n: \x1b[2J\xff")
    assert second == f"damaged          -        -        -      0 B  {'a' * 40}"


def test_the_operators_present_values(tmp_path: Path) -> None:
    """As for handlers: what comes from the operator is what the operator says now."""
    put(tmp_path, b"backend", ago=10)
    put(tmp_path, b"operator", ago=10, by_operator=b"fs")
    settings = CacheSettings(max_age=5, stale_if_error=15)
    found = list(entries.read(str(tmp_path), FOLDER, now(), [own()], settings))
    left = {e.answer.key: (e.use, round(e.outage_sec, -1)) for e in found if e.answer}
    assert left == {b"backend": (FRESH, 150), b"operator": (STALE, 10)}
