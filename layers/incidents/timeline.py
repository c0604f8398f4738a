"""The timeline of an incident: what was known at a moment, in the order in which it happened.

The answer for a moment is the same whenever it is asked: entries are only ever added, and a reader waits for those
that are on their way before it says what was recorded by then.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from cim.access import Caller
from cim.errors import Busy, InvalidInput, NotFound
from cim.tables import incident_entry
from layers.incidents.incident import read_incident
from layers.queries.small_counts import sees_all
from layers.queries.visible import in_area

MOST = 1000
DEFAULT = 200
PATIENCE_S, PAUSE_S = 2.0, 0.02
_OWN = incident_entry.c


class Asked(NamedTuple):
    """Which part: known at ``until`` (None: now), after an entry (its id), so many, with geometries or without."""

    until: datetime | None = None
    after: int | None = None
    limit: int = DEFAULT
    geometry: bool = False


def timeline(connection: Connection, incident_id: int, asked: Asked, caller: Caller) -> dict[str, Any]:
    """Return {"incident", "until", "total", "entries", "more"}; ``incident`` as it was at ``until``.

    Raises
    ------
    NotFound
        No such incident, or it was not there at that moment.
    InvalidInput
        A moment that is still to come.
    Busy
        Entries are being written all the time.
    """
    read_incident(connection, incident_id, caller)
    until = settled(connection, incident_id, asked.until)
    conditions = known_at(incident_id, until, caller)
    total = connection.execute(select(func.count()).where(*conditions)).scalar_one()
    rows = connection.execute(_page(conditions, incident_id, until, asked, caller)).all()
    return {
        "incident": state_at(connection, incident_id, until),
        "until": until.isoformat(),
        "total": total,
        "entries": [shown(row, caller, geometry=asked.geometry) for row in rows[: asked.limit]],
        "more": rows[asked.limit - 1].id if len(rows) > asked.limit else None,
    }


def settled(connection: Connection, incident_id: int, until: datetime | None) -> datetime:
    """Return a moment of which all that was recorded by then can be read; raises InvalidInput, Busy."""
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    if until is None:
        return now
    if until > now:
        raise InvalidInput(
            f"until is '{until.isoformat()}', which is still to come; now is {now.isoformat()}",
            "moment_to_come", field="until", given=until.isoformat(),
        )  # fmt: skip
    key = func.hashtextextended(f"cim.incident:{incident_id}", 0)
    patience = time.monotonic() + PATIENCE_S
    # Tried, not waited for: who waits for a lock makes all wait that come after.
    while not connection.execute(select(func.pg_try_advisory_xact_lock(key))).scalar_one():
        if time.monotonic() > patience:
            raise Busy(
                f"entries of incident {incident_id} are being written; try again in a moment",
                "incident_being_written", id=incident_id,
            )  # fmt: skip
        time.sleep(PAUSE_S)
    return until.astimezone(UTC)


def known_at(incident_id: int, until: datetime, caller: Caller) -> list[ColumnElement[bool]]:
    """Return the conditions for entries that were known at a moment and that a caller may read."""
    return [
        _OWN.incident_id == incident_id,
        _OWN.recorded_at <= until,
        _OWN.visibility.in_(caller.visible_levels()),
        in_area(incident_entry, caller),
    ]


def state_at(connection: Connection, incident_id: int, until: datetime) -> dict[str, Any]:
    """Return an incident as it was at a moment; raises NotFound."""
    found = connection.execute(
        select(_OWN.snapshot)
        .where(_OWN.incident_id == incident_id, _OWN.kind == "state", _OWN.recorded_at <= until,
               _OWN.snapshot.has_key("version"))
        .order_by(_OWN.id.desc())
        .limit(1)
    ).scalar()  # fmt: skip
    if found is None:
        raise NotFound(
            f"incident {incident_id} was not there at {until.isoformat()}",
            "incident_not_yet", id=incident_id, moment=until.isoformat(),
        )  # fmt: skip
    state: dict[str, Any] = found
    return state


def shown(row: Row[Any], caller: Caller, *, geometry: bool) -> dict[str, Any]:
    """Return what is answered of an entry."""
    return {
        "id": row.id, "uuid": str(row.uuid), "at": row.at.isoformat(), "recorded_at": row.recorded_at.isoformat(),
        "by": row.author, "kind": row.kind, "ref": row.ref, "text": row.text, "origin": row.origin,
        "corrects": None if row.corrects is None else str(row.corrects),
        "corrected_by": [str(one) for one in row.corrected_by or ()],
        "snapshot": _snapshot(row.snapshot, caller, geometry=geometry),
    }  # fmt: skip


def _page(
    conditions: Sequence[ColumnElement[bool]], incident_id: int, until: datetime, asked: Asked, caller: Caller
) -> Select[Any]:
    later = incident_entry.alias("later")
    corrections = (
        select(func.array_agg(aggregate_order_by(later.c.uuid, later.c.id)))
        .where(later.c.incident_id == incident_id, later.c.corrects == _OWN.uuid, later.c.recorded_at <= until,
               later.c.visibility.in_(caller.visible_levels()), in_area(later, caller))
        .scalar_subquery()
    )  # fmt: skip
    statement = (
        select(*incident_entry.c, corrections.label("corrected_by"))
        .where(*conditions)
        .order_by(_OWN.at, _OWN.id)
        .limit(asked.limit + 1)
    )
    if asked.after is None:
        return statement
    last = incident_entry.alias("last")
    moment = select(last.c.at).where(last.c.id == asked.after, last.c.incident_id == incident_id).scalar_subquery()
    return statement.where((_OWN.at > moment) | ((_OWN.at == moment) & (_OWN.id > asked.after)))


def _snapshot(snapshot: dict[str, Any] | None, caller: Caller, *, geometry: bool) -> dict[str, Any] | None:
    """Leave out geometries where they are not asked for, and answers that may hold small counts."""
    if snapshot is None:
        return None
    hidden = set() if geometry else {"geometry", "trail", "layers"}
    if not sees_all(caller):
        hidden.add("summary")
    return {name: value for name, value in snapshot.items() if name not in hidden}
