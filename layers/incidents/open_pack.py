"""The incident of a forward pack, opened in another installation under the same UUIDs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from cim.access import Caller
from cim.errors import InvalidFile
from cim.tables import incident, incident_entry
from layers.incidents.incident import LEADS, tell

_COPIED = ("kind", "ref", "at", "text", "snapshot", "corrects")


def open_pack(connection: Connection, told: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """Open the incident of a pack that was found good, or add what it did not know; returns {"id", "new", "known"}.

    Ids of events and zones are those of where the pack was made: what they were like is kept, nothing is followed.

    Raises
    ------
    Forbidden
    InvalidFile
        The content is not what a pack holds.
    """
    caller.require(LEADS)
    try:
        number = _incident(connection, told["known"]["incident"])
        rows = [_row(number, entry) for entry in told["entries"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidFile(f"the pack has no incident that could be read: {type(error).__name__}") from None
    connection.execute(select(func.cim.incident_writing(number)))
    new = 0
    for row in rows:
        made = upsert(incident_entry).values(row).on_conflict_do_nothing().returning(incident_entry.c.id)
        new += connection.execute(made).scalar() is not None
    if new:
        tell(connection, number)
    return {"id": number, "new": new, "known": len(rows) - new}


def _incident(connection: Connection, told: Mapping[str, Any]) -> int:
    values = {name: told[name] for name in ("uuid", "name", "kind", "state", "note", "opened_at", "opened_by",
                                            "closed_at", "closed_by", "version", "area_code")}  # fmt: skip
    if told["position"]:
        lon, lat = (float(value) for value in told["position"])
        values["geom"] = f"SRID=4490;POINT ({lon!r} {lat!r})"
    connection.execute(upsert(incident).values(values).on_conflict_do_nothing(index_elements=["uuid"]))
    return int(connection.execute(select(incident.c.id).where(incident.c.uuid == told["uuid"])).scalar_one())


def _row(number: int, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of an entry; for those who may have had the pack."""
    row = {name: entry[name] for name in _COPIED}
    uuid = str(UUID(entry["uuid"]))
    return row | {
        "incident_id": number, "uuid": uuid, "author": entry["by"], "origin_key": f"pack:{uuid}",
        "origin": "log" if entry["origin"] == "log" else "pack",
        "visibility": "viewer" if entry["kind"] == "state" else "commander",
    }  # fmt: skip
