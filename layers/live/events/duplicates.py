"""Reports of the same event: found by type, place and time, joined with the reason, parted again by whoever knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from cim.access import Caller
from cim.errors import Conflict, InvalidInput
from cim.tables import event, event_log
from layers.live.area import lies_within
from layers.live.events.log import write_log
from layers.live.events.read import event_for
from layers.live.events.states import OPEN_STATES, set_clocks
from layers.live.events.tell import tell
from layers.sql import statement


def join_duplicates(connection: Connection, event_ids: Sequence[int], area: str | None = None) -> dict[int, int]:
    """Join new events with earlier ones that they repeat; new -> earlier.

    The one that came first stays, with its state; it takes the worse severity of the two, and the clock of that. A key
    of one ``area`` changes nothing outside: an earlier event there stays as it is, and the new one its own.
    """
    joined: dict[int, int] = {}
    if not event_ids:
        return joined
    found = connection.execute(
        statement("event_duplicates"), {"ids": list(event_ids), "states": list(OPEN_STATES)}
    ).all()
    areas = _areas(connection, [row.into_id for row in found]) if area is not None else {}
    for row in found:
        if not lies_within(areas.get(row.into_id), area):
            continue
        # It may have become a part itself, of these same events.
        into = joined.get(row.into_id, row.into_id)
        reason = {"distance_m": round(row.distance_m, 1), "minutes": round(row.minutes, 1), "source": row.source}
        _join(connection, row.id, into, "duplicates", reason)
        joined[row.id] = into
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
    _join(connection, event_id, into_id, actor, {"note": note})
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


def _join(connection: Connection, event_id: int, into_id: int, actor: str, reason: dict[str, Any]) -> None:
    of_both = {"merged_into_id": into_id, "recorded_at": func.now()}
    # Reports that were joined with it before go with it.
    connection.execute(
        update(event).where((event.c.id == event_id) | (event.c.merged_into_id == event_id)).values(of_both)
    )
    worst = select(func.min(event.c.severity)).where(event.c.merged_into_id == into_id).scalar_subquery()
    before = connection.execute(select(event.c.severity).where(event.c.id == into_id)).scalar_one()
    connection.execute(
        update(event)
        .where(event.c.id == into_id, event.c.severity > worst)
        .values(severity=worst, recorded_at=func.now())
    )
    set_clocks(connection, [into_id])
    write_log(connection, [
        (event_id, "merge", actor, {"into": into_id, **reason}),
        (into_id, "merge", actor, {"part": event_id, "severity_before": before, **reason}),
    ])  # fmt: skip


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
