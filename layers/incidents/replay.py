"""An incident as it was known at a moment: its zones, events, units and analyses, each as it was last seen by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from cim.access import Caller
from cim.errors import CimError
from cim.tables import incident_conflict
from layers.incidents.incident import gathered_units, read_incident
from layers.incidents.timeline import known_at, settled, shown, state_at
from layers.live.tracks.sight import may_see
from layers.live.tracks.trail import trail
from layers.sql import statement

MOST_THINGS = 2_000


def replay(connection: Connection, incident_id: int, caller: Caller, until: datetime | None = None) -> dict[str, Any]:
    """Return {"incident", "until", "zones", "events", "units", "notes", "analyses", "conflicts", "total"}.

    Zones, events, units and notes with a place are GeoJSON feature collections (EPSG:4490). The answer for a moment
    is the same whenever it is asked.

    Raises
    ------
    NotFound, InvalidInput, Busy
    """
    read_incident(connection, incident_id, caller)
    moment = settled(connection, incident_id, until)
    found = _last_seen(connection, incident_id, moment, caller)
    of = {kind: [row for row in found if row.kind == kind] for kind in ("zone", "event", "unit", "note", "analysis")}
    return {
        "incident": state_at(connection, incident_id, moment),
        "until": moment.isoformat(),
        "zones": collection(_feature(row) for row in of["zone"]),
        "events": collection(_feature(row) for row in of["event"]),
        "units": collection(_feature(row) for row in of["unit"]),
        "notes": collection(_feature(row) for row in of["note"] if (row.snapshot or {}).get("position")),
        "analyses": [shown(row, caller, geometry=False) for row in of["analysis"]],
        "conflicts": _open_conflicts(connection, incident_id, moment),
        "total": connection.execute(select(func.count()).where(*known_at(incident_id, moment, caller))).scalar_one(),
    }


def trails(connection: Connection, incident_id: int, caller: Caller) -> dict[str, Any]:
    """Return where gathered units have been since the incident was opened, as far as positions are kept.

    Not part of what is replayed: positions may come late, and are forgotten after a time.
    """
    found = read_incident(connection, incident_id, caller)
    features = []
    for code in gathered_units(connection, incident_id) if may_see(caller) else []:
        since = datetime.fromisoformat(found["opened_at"])
        try:
            features.append(trail(connection, code, caller, since=since, most=500))
        except CimError:  # gone, elsewhere, or opened before any position is kept
            continue
    return collection(features)


def collection(features: Any) -> dict[str, Any]:
    """Return features as a GeoJSON feature collection."""
    return {"type": "FeatureCollection", "features": list(features)}


def _last_seen(connection: Connection, incident_id: int, until: datetime, caller: Caller) -> Sequence[Row[Any]]:
    """Return of each thing the last entry that says what it is like."""
    asked = {"incident_id": incident_id, "until": until, "levels": caller.visible_levels(),
             "area": caller.area_code or "", "most": MOST_THINGS}  # fmt: skip
    return connection.execute(statement("incident_last_seen"), asked).all()


def _feature(row: Row[Any]) -> dict[str, Any]:
    told: Mapping[str, Any] = row.snapshot or {}
    position = told.get("position")
    geometry = told.get("geometry") or ({"type": "Point", "coordinates": position} if position else None)
    properties = {name: value for name, value in told.items() if name not in ("geometry", "position", "step", "trail")}
    properties |= {"seen_at": row.at.isoformat(), "by": row.author, "text": row.text, "is_gone": row.text == "drop"}
    return {"type": "Feature", "id": told.get("id", str(row.uuid)), "geometry": geometry, "properties": properties}


def _open_conflicts(connection: Connection, incident_id: int, until: datetime) -> int:
    """Return how many conflicts were open at a moment."""
    own = incident_conflict.c
    return int(
        connection.execute(
            select(func.count()).where(
                own.incident_id == incident_id, own.recorded_at <= until,
                own.settled_at.is_(None) | (own.settled_at > until),
            )
        ).scalar_one()
    )  # fmt: skip
