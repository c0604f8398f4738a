"""What both sides changed while they could not hear one another: listed, and settled by somebody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select, update

from cim.access import Caller
from cim.errors import Conflict, InvalidInput, NotFound
from cim.tables import incident_conflict, incident_entry
from layers.incidents.entries import write_entry
from layers.incidents.incident import locked, read_incident, tell, write_change
from layers.incidents.refs import Frozen
from layers.incidents.subjects import write_zone, zone_values
from layers.incidents.wish import EntryWish
from layers.queries.visible import in_area

CHOICES = ("ours", "theirs")
MOST = 1000
_SHOWN = ("id", "subject", "ref", "author", "base", "ours", "theirs", "state", "choice", "settled_by")


def list_conflicts(
    connection: Connection, incident_id: int, caller: Caller, *, state: str | None = None
) -> list[dict[str, Any]]:
    """Return the conflicts of an incident, oldest first; for those who may settle them.

    Raises
    ------
    Forbidden, NotFound
    """
    caller.require("demarcate")
    read_incident(connection, incident_id, caller)
    own = incident_conflict.c
    statement = select(incident_conflict).where(own.incident_id == incident_id).order_by(own.id).limit(MOST)
    if state is not None:
        statement = statement.where(own.state == state)
    rows = connection.execute(statement).all()
    return [_as_json(row) for row in rows if _may_see(connection, row, caller)]


def settle_conflict(
    connection: Connection, incident_id: int, conflict_id: int, choice: str, caller: Caller, *, by: str
) -> dict[str, Any]:
    """Let what stands stay ('ours') or take what came from the field ('theirs'); returns the conflict.

    Raises
    ------
    Forbidden, NotFound, InvalidInput
    Conflict
        It is settled already.
    """
    if choice not in CHOICES:
        raise InvalidInput(
            f"choice is '{choice[:40]}'; use one of {', '.join(CHOICES)}",
            "not_one_of", field="choice", given=choice[:40], choices=CHOICES,
        )  # fmt: skip
    locked(connection, incident_id, caller)
    own = incident_conflict.c
    row = connection.execute(
        select(incident_conflict).where(own.incident_id == incident_id, own.id == conflict_id)
    ).one_or_none()
    if row is None or not _may_see(connection, row, caller):
        raise NotFound(
            f"incident {incident_id} has no conflict {conflict_id}, or it may not be seen",
            "no_such_conflict", incident_id=incident_id, id=conflict_id,
        )  # fmt: skip
    if row.state != "open":
        raise Conflict(
            f"conflict {conflict_id} was settled by {row.settled_by}: '{row.choice}'",
            "conflict_settled", id=conflict_id, by=row.settled_by,
        )  # fmt: skip
    connection.execute(select(func.cim.incident_writing(incident_id)))
    if choice == "theirs":
        _take_theirs(connection, incident_id, row, caller, by)
    else:
        entry = EntryWish(by, "note", text=f"settled {conflict_id}: {choice}")
        write_entry(connection, incident_id, entry, _told(row))
    connection.execute(
        update(incident_conflict)
        .where(own.id == conflict_id)
        .values(state="settled", choice=choice, settled_by=by, settled_at=func.clock_timestamp())
    )
    tell(connection, incident_id)
    return _as_json(connection.execute(select(incident_conflict).where(own.id == conflict_id)).one())


def _may_see(connection: Connection, row: Row[Any], caller: Caller) -> bool:
    """Tell whether what a conflict is of lies in the caller's area; of a zone that is gone only who sees all areas."""
    if caller.area_code is None or row.subject == "incident":
        return True
    if row.subject == "zone":
        return bool(zone_values(connection, int(row.ref), caller))
    own = incident_entry.c
    found = select(own.id).where(
        own.incident_id == row.incident_id, own.uuid == UUID(row.ref), in_area(incident_entry, caller)
    )
    return connection.execute(found).scalar() is not None


def _take_theirs(connection: Connection, incident_id: int, row: Row[Any], caller: Caller, by: str) -> None:
    entry = EntryWish(by, "note", text=f"settled {row.id}: theirs")
    if row.subject == "incident":
        write_change(connection, incident_id, row.theirs, caller, by=by)
    elif row.subject == "zone":
        write_zone(connection, int(row.ref), row.theirs, caller, by=by)
    else:
        entry = EntryWish(row.author, "note", text=row.theirs.get("text"), corrects=UUID(row.ref))
    write_entry(connection, incident_id, entry, _told(row))


def _told(row: Row[Any]) -> Frozen:
    """Return what an entry keeps of a conflict; who may not see a zone is not to see it there."""
    told: dict[str, Any] = {"conflict": row.id, "subject": row.subject, "ref": row.ref}
    position = row.theirs.get("position") if row.subject == "entry" else None
    return Frozen(told | ({"position": position} if position else {}))


def _as_json(row: Row[Any]) -> dict[str, Any]:
    found = {name: row._mapping[name] for name in _SHOWN}
    found["recorded_at"] = row.recorded_at.isoformat()
    found["settled_at"] = None if row.settled_at is None else row.settled_at.isoformat()
    return found
