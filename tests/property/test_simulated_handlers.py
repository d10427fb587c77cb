# SPDX-License-Identifier: MIT
"""Handlers that share answers, two backends and an operator, at random, against a small model.

The handlers, their files and the connections are real; only the clock is the test's. The seed of a
run decides everything but the ports. The model remembers what each backend said, when and to whom,
and says of each reply whether it was permitted at that moment:

- It is what a backend has just said, or what one said earlier, to the same token and tenant about
  the same key, not longer ago than is permitted now, and not before a purge, or before an answer
  that has replaced it.
- A stale one is used only if all backends fail for this key, or have failed a moment ago.
- A request fails only if all backends fail, and there is nothing stale that could be used.
"""

from __future__ import annotations

import itertools
import json
import random
from urllib.parse import unquote_to_bytes

import pytest

from harness.handler_process import endpoint, write_config
from harness.modes import TCP
from harness.scripted_backend import ScriptedBackend, hang_up, response
from harness.still_clock import StillClock
from postfix_rest_inetd import answering, log_entry, model
from postfix_rest_inetd.cache import memory, outages, purge
from postfix_rest_inetd.cache.identity import Identity
from postfix_rest_inetd.cache_folder import folder_of
from postfix_rest_inetd.in_force import InForce, Options
from postfix_rest_inetd.protocols import codec_of

SEEDS, STEPS = 10, 1000
KEYS = (b"a", b"b", b"c", b"d")
GOOD = (model.FOUND, model.NOT_FOUND)
UP, UNUSABLE = "up", "unusable"
FAILING = {
    "503": lambda connection: connection.send(response(503)),
    "closed": hang_up,
    "no HTTP": lambda connection: connection.send(b"SSH-2.0-OpenSSH\r\n\r\n"),
    UNUSABLE: lambda connection: connection.send(response(200, b"<html>")),
}
PERMISSIONS = (
    *(b"", b"max-age=5", b"max-age=5, stale-if-error=60", b"stale-if-error=60", b"no-store"),
    *(b"max-age=0, stale-if-error=60", b"max-age=30, stale-if-error=300"),
    b"max-age=5, must-revalidate",
)
SETTINGS = (
    *({}, {"max-age": 20}, {"stale-if-error": 30}, False),
    {"max-age": 4, "not-found-max-age": 9, "stale-if-error": 100},
)


class Said:
    """What a backend has said."""

    def __init__(self, number, who, key, value, permission, at):
        """At a moment, about a key."""
        self.number, self.who, self.key, self.permission = number, who, key, permission
        self.is_found = value is not None
        self.at = at
        self.purged = set()  # for which identities
        wire = b"200 %s/%s/%d\n" % (b"/".join(who), key, number)
        self.wire = wire if self.is_found else b"500 key%20not%20found\n"

    def permits(self, settings):
        """How long it is fresh, and then stale, by what the operator says now; None: not stored."""
        if settings is False or self.permission == b"no-store":
            return None
        fresh = settings.get("max-age" if self.is_found else "not-found-max-age", 0)
        times = {"max-age": fresh, "stale-if-error": settings.get("stale-if-error", 0)}
        for directive in filter(None, self.permission.decode().split(", ")):
            name, _, number = directive.partition("=")
            times["stale-if-error" if name == "must-revalidate" else name] = int(number or 0)
        return times["max-age"], times["stale-if-error"]

    def age_sec(self, now):
        """By the clock that is the same for both, and whether that is exact."""
        is_exact = self.at.boot_id == now.boot_id
        return (now.boot - self.at.boot if is_exact else now.wall - self.at.wall), is_exact


class Simulation:
    """The world, and the model of it."""

    def __init__(self, directory, seed, backends, monkeypatch):
        """All is well at first."""
        self.random = random.Random(seed)
        self.directory, self.backends = directory, backends
        self.cache = directory / "cache"
        self.cache.mkdir(0o700)
        self.clock, self.boots = StillClock(), itertools.count(2)
        for module in (memory, outages):
            monkeypatch.setattr(module, "now", self.clock.now)
        monkeypatch.setattr(answering, "clock_gettime", lambda _: self.clock.moment.boot)
        self.numbers = itertools.count(1)
        self.states = [UP, UP]
        for index, backend in enumerate(backends):
            backend.default = lambda connection, index=index: self.respond(connection, index)
        self.values = dict.fromkeys(KEYS, 1)
        self.permissions = {key: self.random.choice(PERMISSIONS) for key in KEYS}
        self.broken = set()  # keys for which the backends fail
        self.said, self.asked = [], []
        self.failures = [set(), set()]  # of each backend since its last success: keys
        self.touched = dict.fromkeys(KEYS, 0)
        self.newest = {}  # what is stored for an identity and a key, as far as that is certain
        self.replaced = {}  # what was said before this number is certainly stored no more
        self.handlers, self.pending = [], []
        self.token, self.tenant, self.order, self.settings = b"t1", b"x", (0,), {}
        self.configure()
        self.seen = set()

    # -- the backends

    def respond(self, connection, index):
        """Answer a request, or fail."""
        request = connection.backend.requests[-1]
        key = unquote_to_bytes(request.target.partition(b"key=")[2])
        state = "503" if key in self.broken else self.states[index]
        if state != UP:
            self.asked.append((index, None))
            FAILING[state](connection)
            return
        who = request.header(b"x-auth-token"), request.header(b"x-tenant")
        permission, value = self.permissions[key], self.values[key]
        said = Said(next(self.numbers), who, key, value, permission, self.clock.moment)
        self.said.append(said)
        self.asked.append((index, said))
        field = [b"Cache-Control: " + permission] if permission else []
        text = said.wire[4:].strip().decode()
        body = json.dumps([text]).encode() if said.is_found else b""
        connection.send(response(200 if said.is_found else 404, body, *field))

    # -- a request

    @property
    def identity(self):
        """Whose answers are stored together."""
        return self.token, self.tenant, self.order

    def ask(self, key, *, is_slow=False):
        """Ask one of some handlers; what it was told may be stored later."""
        if len(self.handlers) < 3 or self.random.random() < 0.15:
            options = Options(str(self.directory / "config.json"), TCP, TCP, str(self.cache))
            self.let_go(self.handlers[:-3])
            self.handlers = [*self.handlers[-3:], InForce(options)]
        handler, began, self.asked = self.random.choice(self.handlers), next(self.numbers), []
        handler.look()
        assert handler.endpoint is not None, handler.problem
        request = model.LookupRequest(key)
        made = answering.answer(handler, handler.endpoint, codec_of(TCP), request)
        self.seen.add((made.reply.outcome, made.facts.source))
        try:
            self.check(made, key)
        finally:
            self.pending.append((made, self.identity, self.settings, began))
        self.remember_failures(made, key)
        if not is_slow and self.random.random() < 0.85:
            self.keep(self.pending.pop())

    def remember_failures(self, made, key):
        """As handlers do for each other."""
        does_tell = made.shared is not None and (len(self.order) > 1 or made.shared.has_answers)
        for index, said in self.asked:
            if (said is None and self.states[index] != UNUSABLE) or key in self.broken:
                self.failures[index].add(key)
            elif does_tell:
                self.failures[index].clear()

    def keep(self, what):
        """Postfix has its reply: the answer is stored."""
        made, identity, settings, began = what
        key, recalled = made.request.key, made.recalled
        said = next((s for s in reversed(self.said) if s.wire == made.wire and s.key == key), None)
        answering.keep(made)
        if made.facts.source != log_entry.BACKEND or made.reply.outcome not in GOOD:
            return
        is_certain = self.touched[key] < began and recalled is not None
        permitted = said.permits(settings)
        is_stored = permitted is not None and said.age_sec(self.clock.moment)[0] < sum(permitted)
        self.newest[identity, key] = said if is_certain and is_stored else None
        self.replaced[identity, key] = said.number if is_certain else 0
        self.touched[key] = next(self.numbers)

    # -- the model

    def check(self, made, key):
        """Is the reply permitted?"""
        source, told = made.facts.source, [said for _, said in self.asked if said is not None]
        if made.reply.outcome not in GOOD:
            is_up = any(self.states[index] == UP for index in self.order)
            assert not is_up or key in self.broken, made.facts.detail
            stored = self.newest.get((self.identity, key))
            assert stored is None or self.forbids(stored, log_entry.STALE), "it was not used"
        elif source == log_entry.BACKEND:
            assert told[-1].who == (self.token, self.tenant)
            assert (told[-1].key, told[-1].wire) == (key, made.wire)
        else:
            assert not told
            assert source == log_entry.STALE or not self.asked
            same = [said for said in self.said if (said.key, said.wire) == (key, made.wire)]
            reasons = [self.forbids(said, source) for said in same]
            assert not all(reasons), (source, made.wire, reasons)
            is_down = source == log_entry.STALE and not self.asked
            for index in self.order if is_down else ():
                failed = self.failures[index]
                assert key in failed or len(failed) > 1, "it was not known to be down"

    def forbids(self, said, source):
        """Why it must not be used now; empty if it may be."""
        permitted = said.permits(self.settings) or (0, 0)
        age_sec, is_exact = said.age_sec(self.clock.moment)
        replaced = self.replaced.get((self.identity, said.key), 0)
        is_fresh = is_exact and age_sec < permitted[0]
        is_usable = permitted[1] > 0 and 0 <= age_sec < sum(permitted)
        reasons = {
            "somebody else's": said.who != (self.token, self.tenant),
            "purged": self.identity in said.purged,
            "replaced": said.number < replaced,
            f"{age_sec} s old, {permitted=}, {is_exact=}": not (
                is_fresh if source == log_entry.STORED else is_usable
            ),
        }
        return ", ".join(reason for reason, is_true in reasons.items() if is_true)

    # -- what happens

    def configure(self):
        """The operator changes the configuration."""
        urls = [self.backends[index].url() for index in self.order]
        keys = {"auth_token": self.token.decode(), "headers": {"X-Tenant": self.tenant.decode()}}
        target = urls if len(urls) > 1 else urls[0]
        write_config(self.directory, endpoint(TCP, target, cache=self.settings, **keys))

    def purge(self, key):
        """The operator removes an answer, or all of them."""
        folder = folder_of(TCP, TCP)
        keys = KEYS if self.random.random() < 0.3 else (key,)
        if keys == KEYS:
            purge.purge_folder(str(self.cache), folder)
        else:
            options = Options(str(self.directory / "config.json"), TCP, TCP)
            handler = InForce(options)
            handler.look()
            agent = handler._user_agent
            identity = Identity(handler.endpoint, agent, self.token, [])
            name, _ = identity.of(model.LookupRequest(key))
            purge.purge_answer(str(self.cache), folder, name)
        for each in keys:
            self.touched[each] = next(self.numbers)
        for stored in list(self.newest):
            if stored[1] in keys and (keys == KEYS or stored[0] == self.identity):
                self.newest[stored] = None
        for said in self.said:
            if said.key in keys:
                said.purged |= {self.identity} if keys != KEYS else {s for s, _ in self.newest}
                said.purged.add(self.identity)

    def damage(self):
        """All files are torn."""
        for path in self.cache.glob("1/answers/*/[0-9a-f]*/*"):
            path.write_bytes(path.read_bytes()[:-1])
        self.newest.clear()
        self.replaced.clear()

    @staticmethod
    def let_go(handlers):
        """Handlers end, and so do their connections to the backends."""
        for handler in handlers:
            if handler.endpoint is not None:
                handler.client().close()

    def reboot(self):
        """All handlers are gone."""
        for made, *_ in self.pending:
            answering.keep(made)
        self.let_go(self.handlers)
        self.pending, self.handlers = [], []
        here = self.clock.moment
        self.clock.moment = type(here)(here.wall + 20, 3.25, b"%032x" % next(self.boots))
        self.failures = [set(), set()]
        self.newest.clear()
        self.replaced.clear()

    def set_time(self):
        """The clocks go on."""
        jump = self.random.choice((None, None, None, -1000, 1000, -5))
        while jump is not None and self.pending:  # the model has one moment for each answer
            self.keep(self.pending.pop())
        self.clock.advance(self.random.choice((0.25, 0.25, 1.125, 3, 7, 40)), jump)

    def set_state(self):
        """A backend fails, or works again."""
        self.states[self.random.choice((0, 1))] = self.random.choice((UP, UP, *FAILING))

    def set_value(self, key):
        """The data changes."""
        self.values[key] = self.random.choice((None, 1))
        self.permissions[key] = self.random.choice(PERMISSIONS)

    def set_field(self):
        """The operator changes one field."""
        fields = {"token": (b"t1", b"t2"), "tenant": (b"x", b"y"), "order": ((0,), (0, 1), (1, 0))}
        name = self.random.choice((*fields, "settings", "settings"))
        setattr(self, name, self.random.choice(fields.get(name, SETTINGS)))
        self.configure()

    def step(self):
        """Something happens."""
        key, number = self.random.choice(KEYS), self.random.randrange(200)
        if number < 120:
            self.ask(key)
        elif number < 180:
            action = (self.set_time, self.set_time, self.set_state, self.set_value, self.keep_one)
            choice = action[number % len(action)]
            choice(key) if choice == self.set_value else choice()
        else:
            self.disturb(key, number)

    def disturb(self, key, number):
        """Something happens that is rare."""
        if number < 183:
            self.broken ^= {key}
        elif number < 194:
            self.set_field()
        elif number < 197:
            self.ask(key, is_slow=True)
            self.purge(key)
            self.keep(self.pending.pop())
        elif number < 199:
            self.damage()
        else:
            self.reboot()

    def keep_one(self):
        """What took its time is stored at last."""
        if self.pending:
            self.keep(self.pending.pop(self.random.randrange(len(self.pending))))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_simulation(tmp_path, monkeypatch, seed):
    """Each reply is permitted."""
    with ScriptedBackend() as first, ScriptedBackend() as second:
        simulation = Simulation(tmp_path, seed, (first, second), monkeypatch)
        for number in range(STEPS):
            try:
                simulation.step()
            except AssertionError as error:
                error.add_note(f"in step {number}")
                simulation.reboot()
                raise
        simulation.reboot()
    sources = {source for outcome, source in simulation.seen if outcome in GOOD}
    assert sources == {log_entry.BACKEND, log_entry.STORED, log_entry.STALE}, "nothing was tested"
