# SPDX-License-Identifier: MIT
"""The socket units of one mode: what is wrong with them, and the steps that solve it.

The steps of all findings together lead to the units that are wanted (wanted_units): each endpoint
has a unit that listens now, and one that starts at the next boot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import failed_units, loaded_units
from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING
from postfix_rest_inetd.admin.checks.steps import (
    DISABLE,
    DISABLE_NOW,
    ENABLE,
    RELOAD,
    START,
    Step,
)
from postfix_rest_inetd.admin.checks.trouble import (
    Trouble,
    reloading,
    reopening,
    solvable,
    unmasking,
)
from postfix_rest_inetd.admin.checks.wanted_units import wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from postfix_rest_inetd.admin.host.listeners import Listeners
    from postfix_rest_inetd.admin.host.socket_units import Unit
    from postfix_rest_inetd.config.endpoint import Endpoint


class ModeUnits:
    """The units of one mode, and those that are wanted."""

    def __init__(
        self,
        kind: str,
        units: list[Unit],
        instances: dict[str, list[Endpoint]],
        listeners: Listeners,
    ) -> None:
        """`units` are those of the mode, `instances` those of all modes."""
        self._units, self._instances, self._listeners = units, instances, listeners
        self._kind, self._every = kind, f"{kind}@all.socket"
        names = wanted(kind, units, instances)
        self._wanted = [unit for unit in units if unit.name in names]
        self._closed: set[str] = set()  # no command may start them

    def troubles(self) -> Iterator[Trouble]:
        """What is wrong with them."""
        yield from self._without_handlers()
        yield from self._obstructed()
        yield from self._failed()
        yield from self._rivals()
        for unit in self._units:
            if unit.name not in self._instances and (unit.is_enabled or unit.is_active):
                yield self._without_endpoint(unit)
        yield from self._stale()
        yield from self._idle()
        yield from self._lost_at_boot()

    def _without_handlers(self) -> Iterator[Trouble]:
        """A template of handlers that is masked: systemd closes each connection."""
        service = f"{self._kind}@.service"
        steps = unmasking(service) if self._wanted else ()
        if steps:
            what = "is masked, so no handler can start, and connections are closed"
            yield solvable(ERROR, service, what, *steps)

    def _obstructed(self) -> Iterator[Trouble]:
        for unit in self._wanted:
            found = list(failed_units.obstructed(unit, self._instances[unit.name]))
            if found:
                self._closed.add(unit.name)
            yield from found

    def _failed(self) -> Iterator[Trouble]:
        for unit in self._units:
            endpoints = self._instances.get(unit.name, [])
            if unit.active == "failed" and unit in self._wanted:
                yield failed_units.failed(unit, endpoints, self._listeners)
            elif unit.active == "failed":
                yield failed_units.failed_for_nobody(unit, endpoints)

    def _rivals(self) -> Iterator[Trouble]:
        """Units that a boot would start besides, and in place of, the wanted ones."""
        named = [
            unit
            for unit in self._units
            if unit.is_enabled and unit not in self._wanted and unit.name in self._instances
        ]
        if not named:
            return
        for unit in self._wanted:
            if unit.is_enabled:
                names = ", ".join(rival.name for rival in named)
                what = f"is enabled, and so is {names}, but they exclude each other"
                advice = "At boot, only one of them starts. Keep one:"
                steps = [_disabling(rival) for rival in named]
                yield solvable(WARNING, unit.name, what, *steps, *_starting(unit), advice=advice)
                return
        for rival in named:
            what = f"is enabled, but {self._every} has to serve an endpoint of this mode, and "
            what += "they exclude each other"
            yield solvable(WARNING, rival.name, what, _disabling(rival))

    def _without_endpoint(self, unit: Unit) -> Trouble:
        """A unit that is started although it has no endpoint; another one may have its address."""
        endpoint = "endpoint" if unit.instance == "all" else f"endpoint {unit.instance}"
        what = f"is {'enabled' if unit.is_enabled else 'active'}, but config.json has no "
        what += f"{endpoint} of this mode"
        for heir in self._wanted:
            if unit.is_active and self._addresses(heir) & set(unit.listen):
                steps = (Step(DISABLE, unit.name), *_enabling(heir), *reopening(heir))
                advice = f"{heir.name} has its address now. Starting that unit stops this one:"
                return solvable(WARNING, unit.name, what, *steps, Step(RELOAD), advice=advice)
        return solvable(WARNING, unit.name, what, _disabling(unit), Step(RELOAD))

    def _addresses(self, unit: Unit) -> set[str]:
        return {str(endpoint.address) for endpoint in self._instances.get(unit.name, [])}

    def _stale(self) -> Iterator[Trouble]:
        """Units that are active, but differ from the files."""
        everywhere = {a for unit in self._wanted for a in self._addresses(unit)}
        for unit in self._units:
            endpoints = self._instances.get(unit.name)
            is_rival = unit.is_enabled and unit not in self._wanted
            if unit.name in self._closed:
                continue
            if unit.is_active and endpoints is not None and not is_rival:
                others = everywhere - self._addresses(unit)
                yield from loaded_units.stale(unit, endpoints, others, self._listeners)

    def _idle(self) -> Iterator[Trouble]:
        """Endpoints at which nothing listens."""
        at_work = self._at_work()
        for unit in self._wanted:
            idle = []
            for endpoint in self._instances[unit.name]:
                if endpoint in at_work:
                    continue
                trouble = failed_units.replaced(self._every, endpoint, self._listeners)
                if trouble is None:
                    idle.append(endpoint)
                else:
                    yield trouble
            if idle and unit.name not in self._closed:
                yield self._not_started(unit, idle)

    def _not_started(self, unit: Unit, idle: list[Endpoint]) -> Trouble:
        state = "neither enabled nor started"
        if unit.is_enabled:
            state = "enabled, but not started"
        elif unmasking(unit.name):
            state = "masked"
        names = ", ".join(dict.fromkeys(endpoint.name for endpoint in idle))
        what = f"is {state}: nothing listens for {names}"
        is_loaded = loaded_units.are_loaded(idle, self._units)
        reload = [] if is_loaded else [Step(RELOAD)]
        return solvable(WARNING, unit.name, what, *reload, *_enabling(unit), *_starting(unit))

    def _lost_at_boot(self) -> Iterator[Trouble]:
        """Endpoints at which nothing listens after the next boot."""
        at_boot = self._of(unit for unit in self._units if unit.is_enabled)
        at_work = self._at_work()
        for unit in self._wanted:
            endpoints = set(self._instances[unit.name])
            if endpoints <= at_boot or not endpoints <= at_work:
                continue
            state = "masked" if unmasking(unit.name) else "not enabled"
            what = f"is {state}: at the next boot, nothing listens for its endpoints"
            if unit.is_active:
                what = f"is active, but {state}: it does not start at the next boot"
            yield solvable(WARNING, unit.name, what, *_enabling(unit))

    def _at_work(self) -> set[Endpoint]:
        """Those for which a unit listens, or would if it had not failed."""
        failed = [unit for unit in self._wanted if unit.active == "failed"]
        return self._of([*failed, *(unit for unit in self._units if unit.is_active)])

    def _of(self, units: Iterable[Unit]) -> set[Endpoint]:
        """The endpoints that units listen for."""
        return {endpoint for unit in units for endpoint in self._instances.get(unit.name, ())}


def _enabling(unit: Unit) -> tuple[Step, ...]:
    steps = unmasking(unit.name)
    return steps if unit.is_enabled else (*steps, Step(ENABLE, unit.name))


def _starting(unit: Unit) -> tuple[Step, ...]:
    return () if unit.is_active else (*reloading(unit), Step(START, unit.name))


def _disabling(unit: Unit) -> Step:
    """Take a unit out of service; a unit that was never loaded cannot be stopped."""
    return Step(DISABLE_NOW if unit.is_active else DISABLE, unit.name)
