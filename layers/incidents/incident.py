"""Incidents: opened, changed, closed; each step becomes an entry of its timeline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Row, Select, func, insert, select, update

from cim.access import Caller
from cim.errors import CimError, Conflict, Forbidden, NotFound
from cim.tables import grid_cell, incident, incident_entry
from layers.incidents.refs import write_unit_trail
from layers.incidents.wish import Change, IncidentWish, Position
from layers.live.area import lies_within
from layers.live.tracks.days import KEPT
from layers.live.tracks.trail import trail
from layers.queries.visible import in_area

#: The right to lead an incident goes with the right to demarcate.
LEADS = "demarcate"
MOST = 1000
MOST_TRAIL_POINTS = 500
_SHOWN = ("id", "uuid", "name", "kind", "state", "area_code", "note", "version", "opened_at", "opened_by", "closed_at",
          "closed_by")  # fmt: skip


def open_incident(
    connection: Connection, wish: IncidentWish, caller: Caller, *, uuid: UUID | None = None
) -> dict[str, Any]:
    """Open an incident, in the caller's transaction; returns it.

    Raises
    ------
    Forbidden
        A role that may not, or a place outside of the caller's area.
    """
    caller.require(LEADS)
    values: dict[str, Any] = {"name": wish.name, "kind": wish.kind, "note": wish.note, "opened_by": wish.by}
    if uuid is not None:
        values["uuid"] = uuid
    if wish.at is not None:
        values["opened_at"] = wish.at
    values |= _placed(connection, wish.position, caller)
    number = int(connection.execute(insert(incident).values(values).returning(incident.c.id)).scalar_one())
    return note_state(connection, number, "open", wish.by, at=wish.at)


def change_incident(connection: Connection, incident_id: int, change: Change, caller: Caller) -> dict[str, Any]:
    """Give an incident another name, kind, note or place, or open it again; returns it with its new version.

    Raises
    ------
    Forbidden, NotFound
    Conflict
        Somebody has changed it since the version that is named.
    """
    was = locked(connection, incident_id, caller)
    if was.version != change.version:
        raise Conflict(
            f"incident {incident_id} is at version {was.version}, not {change.version}; look at it, and send the"
            " version that you have seen",
            "incident_changed", id=incident_id, version=was.version, sent=change.version,
        )  # fmt: skip
    return write_change(connection, incident_id, change.values, caller, by=change.by)


def write_change(
    connection: Connection, incident_id: int, values: Mapping[str, Any], caller: Caller, *, by: str
) -> dict[str, Any]:
    """Write new values of fields of an incident that the caller has locked; returns it."""
    new = dict(values)
    action = "reopen" if "state" in new else "change"
    if "position" in new:
        new |= _placed(connection, new.pop("position"), caller)
    if action == "reopen":
        new |= {"closed_at": None, "closed_by": None}
    new |= {"version": incident.c.version + 1, "recorded_at": func.now()}
    connection.execute(update(incident).where(incident.c.id == incident_id).values(new))
    return note_state(connection, incident_id, action, by)


def close_incident(connection: Connection, incident_id: int, caller: Caller, *, by: str) -> dict[str, Any]:
    """Close an incident; where its units have been is kept with it. Returns it.

    Raises
    ------
    Forbidden, NotFound
    Conflict
        It is closed already.
    """
    was = locked(connection, incident_id, caller)
    if was.state == "closed":
        raise Conflict(
            f"incident {incident_id} was closed by {was.closed_by} at {was.closed_at.isoformat()}",
            "incident_closed_already", id=incident_id, by=was.closed_by, at=was.closed_at.isoformat(),
        )  # fmt: skip
    _keep_trails(connection, was)
    values = {"state": "closed", "closed_at": func.now(), "closed_by": by, "version": was.version + 1,
              "recorded_at": func.now()}  # fmt: skip
    connection.execute(update(incident).where(incident.c.id == incident_id).values(values))
    return note_state(connection, incident_id, "close", by)


def read_incident(connection: Connection, incident_id: int, caller: Caller) -> dict[str, Any]:
    """Return an incident as it is now; raises NotFound."""
    row = connection.execute(_select(caller).where(incident.c.id == incident_id)).one_or_none()
    if row is None:
        raise unknown(incident_id)
    return as_json(row)


def list_incidents(
    connection: Connection, caller: Caller, *, state: str | None = None, after: int | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Return incidents, the newest first; ``after`` is the id of the last one before."""
    statement = _select(caller).order_by(incident.c.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(incident.c.state == state)
    if after is not None:
        statement = statement.where(incident.c.id < after)
    return [as_json(row) for row in connection.execute(statement)]


def locked(connection: Connection, incident_id: int, caller: Caller) -> Row[Any]:
    """Return the row of an incident that nobody else changes until the transaction ends.

    Raises
    ------
    Forbidden, NotFound
    """
    caller.require(LEADS)
    # Not its key: entries that follow an event refer to it, and are not to wait.
    found = _select(caller).where(incident.c.id == incident_id).with_for_update(key_share=True)
    row = connection.execute(found).one_or_none()
    if row is None:
        raise unknown(incident_id)
    return row


def note_state(
    connection: Connection, incident_id: int, action: str, by: str, *, at: datetime | None = None
) -> dict[str, Any]:
    """Write what an incident is like now into its timeline, tell it, and return it."""
    everybody = Caller("admin")
    found = as_json(connection.execute(_select(everybody).where(incident.c.id == incident_id)).one())
    connection.execute(select(func.cim.incident_writing(incident_id)))
    values = {"incident_id": incident_id, "kind": "state", "ref": str(incident_id), "at": at or func.clock_timestamp(),
              "author": by, "text": action, "snapshot": orjson.loads(orjson.dumps(found))}  # fmt: skip
    connection.execute(insert(incident_entry).values(values))
    tell(connection, incident_id)
    return found


def tell(connection: Connection, incident_id: int) -> None:
    """Tell listeners that an incident has changed, once the transaction commits."""
    connection.execute(select(func.cim.incident_told(incident_id)))


def as_json(row: Row[Any]) -> dict[str, Any]:
    """Return what is answered of an incident."""
    found = {name: row._mapping[name] for name in _SHOWN}
    found["uuid"] = str(row.uuid)
    for name in ("opened_at", "closed_at"):
        found[name] = None if found[name] is None else found[name].isoformat()
    found["position"] = None if row.longitude is None else [round(row.longitude, 9), round(row.latitude, 9)]
    return found


def unknown(incident_id: int) -> NotFound:
    """Return the error for an incident that there is not, or that may not be seen."""
    return NotFound(
        f"there is no incident {incident_id}, or it may not be seen; GET /incidents lists them",
        "no_such_incident", id=incident_id,
    )  # fmt: skip


def _select(caller: Caller) -> Select[Any]:
    return select(
        *(incident.c[name] for name in _SHOWN),
        func.ST_X(incident.c.geom).label("longitude"),
        func.ST_Y(incident.c.geom).label("latitude"),
    ).where(in_area(incident, caller))


def _placed(connection: Connection, position: Position | None, caller: Caller) -> dict[str, Any]:
    """Return place and area; what lies in no cell belongs to the caller's area."""
    if position is None:
        return {"geom": None, "area_code": caller.area_code}
    lon, lat = position
    point = func.ST_SetSRID(func.ST_MakePoint(lon, lat), 4490)
    found = connection.execute(
        select(grid_cell.c.area_code)
        .where(grid_cell.c.area_code.is_not(None), grid_cell.c.valid_to.is_(None),
               func.ST_Intersects(grid_cell.c.geom, point))
        .order_by(func.length(grid_cell.c.area_code).desc(), grid_cell.c.area_code)
        .limit(1)
    ).scalar()  # fmt: skip
    if not lies_within(found, caller.area_code):
        raise Forbidden(
            f"the place lies in {found}, outside of {caller.area_code}, the area of this key",
            "place_outside_own_area", found=found, area=caller.area_code,
        )  # fmt: skip
    return {"geom": f"SRID=4490;POINT ({lon!r} {lat!r})", "area_code": found or caller.area_code}


def _keep_trails(connection: Connection, row: Row[Any]) -> None:
    """Keep where gathered units have been since the incident was opened, as far as it is known."""
    everybody, now = Caller("admin"), datetime.now(UTC)
    since = max(row.opened_at, now - KEPT + timedelta(minutes=1))
    connection.execute(select(func.cim.incident_writing(row.id)))
    for code in gathered_units(connection, row.id):
        try:
            found = trail(connection, code, everybody, since=since, until=now, most=MOST_TRAIL_POINTS)
        except CimError:
            continue
        told = orjson.loads(orjson.dumps(found))
        if told["geometry"] is not None:
            write_unit_trail(connection, row.id, told, told["properties"]["area_code"])


def gathered_units(connection: Connection, incident_id: int) -> list[str]:
    """Return the codes of units that somebody gathered."""
    own = incident_entry.c
    rows = connection.execute(
        select(own.ref).where(own.incident_id == incident_id, own.kind == "unit", own.origin.not_in(("log", "pack")),
                              own.ref.is_not(None)).distinct().order_by(own.ref)
    )  # fmt: skip
    return [code for code in rows.scalars() if code]
