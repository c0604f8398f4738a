"""Positions taken in: each once, the newest of each unit kept beside, whatever comes last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, func, select

from cim.tables import last_position, mobile_unit
from layers.live.tracks.allowed import refusals, settled
from layers.live.tracks.days import add_days
from layers.live.tracks.incoming import Position
from layers.sql import statement

#: Positions that are taken in together at most; more come one after the other.
AT_ONCE = 1000
#: A position that does not say until when it holds is stale after this.
HOLDS_S = 300
_OF_THE_UNIT = ("name", "kind", "owner", "state", "area_code", "attributes")


class Kept(NamedTuple):
    """What became of a position: ``new`` or ``known`` (it was taken in before); ``is_last``: the unit is there now.

    ``kind`` and ``area_code`` are those by which it is decided who may know; ``name`` and ``state`` are the unit's,
    also where this position does not say them. What its key may not tell is ``refused``, and ``detail`` says why.
    """

    position: Position
    status: str
    is_last: bool
    kind: str
    area_code: str | None
    name: str | None = None
    state: str | None = None
    detail: str | None = None


def take_positions(connection: Connection, positions: Sequence[Position]) -> list[Kept]:
    """Take in positions, in the caller's transaction; what became of each, in their order.

    A unit that is not known is made. What a position says of its unit (name, kind, owner, state, area, attributes)
    holds if no newer one has come before.
    """
    # Batches of the same units in another order would wait for one another for ever; one batch takes milliseconds.
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("cim.tracks"))))
    refused = refusals(connection, positions)
    good = list(settled(connection, [one for place, one in enumerate(positions) if place not in refused]))
    add_days(connection, (one.time for one in good))
    kept: list[Kept] = []
    for start in range(0, len(good), AT_ONCE):
        kept += _take(connection, good[start : start + AT_ONCE])
    taken = iter(kept)
    return [
        Kept(one, "refused", False, one.kind or "", None, detail=refused[place]) if place in refused else next(taken)
        for place, one in enumerate(positions)
    ]


def _take(connection: Connection, positions: Sequence[Position]) -> list[Kept]:
    said = {"said": orjson.dumps([one.model_dump() for one in positions]).decode()}
    connection.execute(statement("track_units"), said)
    if any(getattr(one, name) is not None for one in positions for name in _OF_THE_UNIT):
        connection.execute(statement("track_details"), said)
    new = {(row.code, row.time) for row in connection.execute(statement("track_positions"), said)}
    moved = {(row.code, row.time) for row in connection.execute(statement("track_last"), said | {"holds_s": HOLDS_S})}
    units = _units(connection, {one.code for one in positions})
    found = []
    for one in positions:
        name = (one.code, one.time)
        # Of the same position twice in one batch only the first is new.
        found.append(Kept(one, "new" if name in new else "known", name in moved, *units[one.code]))
        new.discard(name)
        moved.discard(name)
    return found


def _units(connection: Connection, codes: Iterable[str]) -> dict[str, tuple[str, str | None, str | None, str | None]]:
    """Return kind, area, name and state by code."""
    area = func.coalesce(mobile_unit.c.area_code, last_position.c.area_code)
    rows = connection.execute(
        select(mobile_unit.c.code, mobile_unit.c.kind, area, mobile_unit.c.name, mobile_unit.c.state)
        .join(last_position, last_position.c.unit_id == mobile_unit.c.id)
        .where(mobile_unit.c.code == func.any(list(codes)))
    )
    return {code: (kind, area_code, name, state) for code, kind, area_code, name, state in rows}


def as_notice(kept: Kept) -> dict[str, Any]:
    """Return what is told of a unit that has moved."""
    one = kept.position
    place: dict[str, Any] = {"lon": one.longitude, "lat": one.latitude, "height_m": one.height_m}
    unit = {"kind": kept.kind, "name": kept.name, "state": kept.state, "area_code": kept.area_code}
    told: dict[str, Any] = {"code": one.code, **place, **unit, "time": stamp(one.time)}
    return {name: value for name, value in told.items() if value is not None}


def stamp(time: datetime) -> str:
    """Return a time as notices have it, whatever zone a unit writes."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")
