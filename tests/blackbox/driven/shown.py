# SPDX-License-Identifier: MIT
"""A plan and a record in a form for people, after a failure."""

from __future__ import annotations

from blackbox.driven.plan import Plan
from blackbox.driven.record import Record


def shown(plan: Plan, record: Record | None) -> str:
    """The plan round by round, and all that was recorded, in order of time."""
    head = plan._replace(rounds=())
    lines = [f"{head}", *[f"round {each}" for each in plan.rounds]]
    if record is None:
        return "\n  ".join(lines)
    begin = min([each.at for each in record.passed if each.at] + record.pieces, default=0.0)
    moments = [
        *[(each.began, f"begins to be sent: {each.ask}") for each in record.sent],
        *[(each.ended, f"is sent: {each.ask.key}") for each in record.sent],
        *[(each.received, f"reply: {each.ask.key}: {each.reply!r:.90}") for each in record.sent],
        *[(each.at, f"backend: {each}") for each in record.said],
        *[(each.at, f"point: {each.letter!r}") for each in record.passed],
        *[(at, f"config: {value}") for at, value in record.versions.moments()],
        *[(at, f"token: {value}") for at, value in record.tokens.moments()],
        *[(at, "package") for at in record.upgraded or ()],
        *[(record.terminated, "SIGTERM"), (record.left, "the client leaves")],
        (record.ended_at, "end of file"),
    ]
    return "\n  ".join(lines + [f"{at - begin:9.4f} {what}" for at, what in sorted(moments)])
