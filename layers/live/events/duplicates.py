"""Reports of the same event: found by type, place and time, joined with the reason, parted again by whoever knows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, update

from cim.access import Caller
from cim.errors import Conflict, InvalidInput
from cim.tables import event, event_log
from layers.live.area import lies_within
from layers.live.events.log import Step, write_log
from layers.live.events.read import event_for
from layers.live.events.states import set_clocks
from layers.live.events.tell import tell
from layers.sql import statement


class Join(NamedTuple):
    """An event that becomes a part of another, and why."""

    id: int
    into_id: int
    reason: dict[str, Any]


def join_duplicates(connection: Connection, event_ids: Sequence[int], area: str | None = None) -> dict[int, int]:
    """Join new events with earlier ones that they repeat; new -> earlier.

    The one that came first stays, with its state; it takes the worse severity of the two, and the clock of that. A key
    of one ``area`` changes nothing outside: an earlier event there stays as it is, and the new one its own.
    """
    joined: dict[int, int] = {}
    if not event_ids:
        return joined
    found = connection.execute(statement("event_duplicates"), {"ids": list(event_ids)}).all()
    areas = _areas(connection, [row.into_id for row in found]) if area is not None else {}
    joins = []
    for row in found:
        if not lies_within(areas.get(row.into_id), area):
            continue
        # It may have become a part itself, of these same events.
        joined[row.id] = joined.get(row.into_id, row.into_id)
        reason = {"distance_m": round(row.distance_m, 1), "minutes": round(row.minutes, 1), "source": row.source}
        joins.append(Join(row.id, joined[row.id], reason))
    _join(connection, joins, "duplicates")
    return joined


def _areas(connection: Connection, event_ids: Sequence[int]) -> dict[int, str | None]:
    rows = connection.execute(select(event.c.id, event.c.area_code).where(event.c.id == func.any(list(event_ids))))
    return {row.id: row.area_code for row in rows}


def join(
    connection: Connection, event_id: int, into_id: int, caller: Caller, *, actor: str, note: str | None
) -> dict[str, Any]:
    """Make an event a part of another, because somebody says so; returns the other.

    Raises
    ------
    Forbidden, NotFound, InvalidInput, Conflict
    """
    caller.require("handle_events")
    if event_id == into_id:
        raise InvalidInput(f"event {event_id} cannot be a part of itself")
    for number in sorted((event_id, into_id)):
        one = event_for(connection, number, caller, lock=True)
        if one.merged_into_id is not None:
            raise Conflict(f"event {number} is a part of event {one.merged_into_id} already; part them first")
    _join(connection, [Join(event_id, into_id, {"note": note})], actor)
    tell(connection, [event_id, into_id])
    return event_for(connection, into_id, caller).shown()


def part(connection: Connection, event_id: int, caller: Caller, *, actor: str, note: str | None) -> dict[str, Any]:
    """Make a part of an event one of its own again; returns it. Its own parts from before stay with the other.

    Raises
    ------
    Forbidden, NotFound
    Conflict
        For an event that is no part of another.
    """
    caller.require("handle_events")
    one = event_for(connection, event_id, caller, lock=True)
    if one.merged_into_id is None:
        raise Conflict(f"event {event_id} is no part of another")
    # The other one changes too: who may not see it may not.
    event_for(connection, one.merged_into_id, caller, lock=True)
    connection.execute(update(event).where(event.c.id == event_id).values(merged_into_id=None, recorded_at=func.now()))
    write_log(connection, [
        (event_id, "part", actor, {"from": one.merged_into_id, "note": note}),
        (one.merged_into_id, "part", actor, {"part": event_id, "note": note}),
    ])  # fmt: skip
    _restore_severity(connection, one.merged_into_id)
    tell(connection, [event_id, one.merged_into_id])
    return event_for(connection, event_id, caller).shown()


def _join(connection: Connection, joins: Sequence[Join], actor: str) -> None:
    """Make events parts of others, all at once: in a storm of reports most of them are such."""
    if not joins:
        return
    connection.execute(
        statement("event_join"), {"ids": [each.id for each in joins], "intos": [each.into_id for each in joins]}
    )
    both = {number for each in joins for number in (each.id, each.into_id)}
    severities = _severities(connection, both)
    before = {each.into_id: severities[each.into_id] for each in joins}
    steps: list[Step] = []
    for each in joins:
        detail = {"part": each.id, "severity_before": severities[each.into_id], **each.reason}
        steps += [(each.id, "merge", actor, {"into": each.into_id, **each.reason}),
                  (each.into_id, "merge", actor, detail)]  # fmt: skip
        severities[each.into_id] = _worse(severities[each.into_id], severities[each.id])
    worse = {number: severities[number] for number, was in before.items() if severities[number] != was}
    if worse:
        connection.execute(statement("event_severities"), {"ids": list(worse), "severities": list(worse.values())})
        set_clocks(connection, list(worse))
    write_log(connection, steps)


def _severities(connection: Connection, event_ids: Collection[int]) -> dict[int, int | None]:
    rows = connection.execute(select(event.c.id, event.c.severity).where(event.c.id == func.any(list(event_ids))))
    return {row.id: row.severity for row in rows}


def _worse(one: int | None, other: int | None) -> int | None:
    """Return the smaller number, which is the worse severity; what is not known changes nothing."""
    return one if one is None or other is None else min(one, other)


def _restore_severity(connection: Connection, event_id: int) -> None:
    """Give an event the severity back that it had before its first part, or that of its worst part."""
    first = connection.execute(
        select(event_log.c.detail["severity_before"].as_integer())
        .where(event_log.c.event_id == event_id, event_log.c.action == "merge", event_log.c.detail.has_key("part"))
        .order_by(event_log.c.id)
        .limit(1)
    ).scalar()
    if first is None:
        return
    worst = select(func.min(event.c.severity)).where(event.c.merged_into_id == event_id).scalar_subquery()
    connection.execute(
        update(event).where(event.c.id == event_id).values(severity=func.least(first, worst), recorded_at=func.now())
    )
    set_clocks(connection, [event_id])
