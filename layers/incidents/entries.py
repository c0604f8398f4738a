"""Entries of an incident: only ever added, each with what it refers to as it was at that moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import Connection, func, insert, select

from cim.access import Caller
from cim.errors import Conflict, NotFound
from cim.tables import incident_entry
from layers.incidents.incident import locked, tell
from layers.incidents.refs import Frozen, follow_past, freeze
from layers.incidents.wish import EntryWish

MOST_ENTRIES = 100_000


def add_entry(connection: Connection, incident_id: int, wish: EntryWish, caller: Caller) -> dict[str, Any]:
    """Add an entry, in the caller's transaction; returns {"uuid", "id", "status"}: told again it is 'known'.

    Raises
    ------
    Forbidden, NotFound
        The role, or an incident, a thing or an entry to be corrected that there is not or may not be seen.
    Conflict
        The incident is closed, or another entry has this UUID.
    """
    was = locked(connection, incident_id, caller)
    if was.state != "open":
        raise Conflict(
            f"incident {incident_id} is closed; open it again with PUT, state 'open'", "incident_closed", id=incident_id
        )
    known = same_entry(connection, incident_id, wish)
    if known is not None:
        return known
    require_room(connection, incident_id, 1)
    require_entry(connection, incident_id, wish.corrects)
    frozen = freeze(connection, wish, caller)
    connection.execute(select(func.cim.incident_writing(incident_id)))
    made = write_entry(connection, incident_id, wish, frozen)
    follow_past(connection, incident_id, wish, frozen)
    tell(connection, incident_id)
    return made


def same_entry(connection: Connection, incident_id: int, wish: EntryWish) -> dict[str, Any] | None:
    """Return the answer for an entry that was told before; raises Conflict where it said something else."""
    if wish.uuid is None:
        return None
    own = incident_entry.c
    row = connection.execute(
        select(own.id, own.uuid, own.kind, own.ref, own.text, own.author).where(
            own.incident_id == incident_id, own.uuid == wish.uuid
        )
    ).one_or_none()
    if row is None:
        return None
    if (row.kind, row.ref, row.text, row.author) != (wish.kind, wish.ref, wish.text, wish.by):
        raise Conflict(
            f"entry {wish.uuid} is there and says something else; correct it by an entry of its own",
            "entry_differs", given=str(wish.uuid),
        )  # fmt: skip
    return {"id": row.id, "uuid": str(row.uuid), "status": "known"}


def write_entry(
    connection: Connection,
    incident_id: int,
    wish: EntryWish,
    frozen: Frozen,
    *,
    origin: str = "said",
    origin_key: str | None = None,
) -> dict[str, Any]:
    """Write an entry; who calls has locked the incident and announced that entries are written."""
    values = entry_row(incident_id, wish, frozen, origin=origin, origin_key=origin_key)
    row = connection.execute(
        insert(incident_entry).values(values).returning(incident_entry.c.id, incident_entry.c.uuid)
    ).one()
    return {"id": row.id, "uuid": str(row.uuid), "status": "created"}


def entry_row(
    incident_id: int, wish: EntryWish, frozen: Frozen, *, origin: str, origin_key: str | None
) -> dict[str, Any]:
    """Return the row of an entry; all rows have the same columns, so that many are written at once."""
    return {
        "incident_id": incident_id, "kind": wish.kind, "ref": wish.ref, "at": wish.at or datetime.now(UTC),
        "author": wish.by, "text": wish.text, "corrects": wish.corrects, "origin": origin, "origin_key": origin_key,
        "snapshot": None if frozen.snapshot is None else orjson.loads(orjson.dumps(frozen.snapshot)),
        "area_code": frozen.area_code, "visibility": frozen.visibility, "uuid": wish.uuid or uuid4(),
    }  # fmt: skip


def require_entry(connection: Connection, incident_id: int, uuid: UUID | None) -> None:
    """Raise NotFound where an entry that is to be corrected does not belong to the incident."""
    if uuid is None:
        return
    own = incident_entry.c
    if connection.execute(select(own.id).where(own.incident_id == incident_id, own.uuid == uuid)).scalar() is None:
        raise NotFound(
            f"incident {incident_id} has no entry {uuid} that could be corrected",
            "no_such_entry", incident_id=incident_id, given=str(uuid),
        )  # fmt: skip


def require_room(connection: Connection, incident_id: int, more: int) -> None:
    """Raise Conflict where an incident would have more entries than are taken."""
    own = incident_entry.c
    count = connection.execute(select(func.count()).where(own.incident_id == incident_id)).scalar_one()
    if count + more > MOST_ENTRIES:
        raise Conflict(
            f"incident {incident_id} has {count} entries; at most {MOST_ENTRIES} are kept: open another one",
            "incident_full", id=incident_id, count=count, most=MOST_ENTRIES,
        )  # fmt: skip
