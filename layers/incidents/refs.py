"""What an entry refers to: looked up with the caller's eyes, and kept as it is at that moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from cim.access import Caller
from cim.tables import event_log, incident_entry, zone_log
from layers.incidents.wish import EntryWish
from layers.live.events.read import event_for
from layers.live.tracks.read import unit_for
from layers.queries.kept_receipts import find_receipt
from layers.zones.zones import read_zone


class Frozen(NamedTuple):
    """What something was like, and who may read it: an area (None: all) and the least role."""

    snapshot: dict[str, Any] | None
    area_code: str | None = None
    visibility: str = "viewer"


def freeze(connection: Connection, wish: EntryWish, caller: Caller) -> Frozen:
    """Return what an entry refers to, as it is now.

    Raises
    ------
    NotFound, Forbidden
        There is no such thing, or the caller may not see it.
    """
    more = {} if wish.position is None else {"position": list(wish.position)}
    if wish.kind == "note" or wish.ref is None:
        return Frozen(more or None)
    if wish.kind == "analysis":
        kept = find_receipt(connection, wish.ref, caller)
        told = {
            "receipt": wish.ref,
            "path": kept.path,
            "answered_at": kept.answered_at.isoformat(),
            "layers": kept.layers,
        }
        return Frozen(told | {"summary": dict(wish.summary or {})} | more, kept.area_code or None)
    SEEN[wish.kind](connection, wish.ref, caller)
    frozen = func.cim.incident_frozen(wish.kind, wish.ref).table_valued("snapshot", "area_code", "visibility")
    row = connection.execute(select(frozen.c.snapshot, frozen.c.area_code, frozen.c.visibility)).one()
    return Frozen(row.snapshot | more, row.area_code, row.visibility)


def follow_past(connection: Connection, incident_id: int, wish: EntryWish, frozen: Frozen) -> None:
    """Add what the log of an event or a zone says of the time before it was gathered; what is there stays."""
    log = PASTS.get(wish.kind)
    if log is None or wish.ref is None:
        return
    table, of, author, detail = log
    steps = connection.execute(
        select(table.c.id, table.c.action, author.label("author"), table.c.recorded_at, detail.label("detail"))
        .where(of == int(wish.ref))
        .order_by(table.c.id)
    ).all()
    rows = [
        {"incident_id": incident_id, "kind": wish.kind, "ref": wish.ref, "at": step.recorded_at,
         "author": step.author, "text": step.action, "origin": "log", "origin_key": f"{table.name}:{step.id}",
         "snapshot": {"step": step.detail}, "area_code": frozen.area_code, "visibility": frozen.visibility}
        for step in steps
    ]  # fmt: skip
    if rows:
        connection.execute(upsert(incident_entry).on_conflict_do_nothing(), rows)


def write_unit_trail(connection: Connection, incident_id: int, trail: dict[str, Any], area_code: str | None) -> None:
    """Keep where a unit has been: positions themselves are forgotten after a time."""
    values = {
        "incident_id": incident_id, "kind": "unit", "ref": trail["id"], "at": func.clock_timestamp(), "text": "trail",
        "snapshot": {"trail": trail}, "origin": "log", "area_code": area_code, "visibility": "planner",
        "origin_key": f"trail:{trail['id']}:{trail['properties']['until']}",
    }  # fmt: skip
    connection.execute(insert(incident_entry).values(values))


#: Raises where something is not there or may not be seen.
SEEN: dict[str, Callable[[Connection, str, Caller], Any]] = {
    "event": lambda connection, ref, caller: event_for(connection, int(ref), caller),
    "zone": lambda connection, ref, caller: read_zone(connection, int(ref), caller),
    "unit": unit_for,
}
#: Kind -> log, what it is of, who did it, and what of a step everybody may know who sees the thing: the log of zones
#: has counts of people.
PASTS: dict[str, Any] = {
    "event": (event_log, event_log.c.event_id, event_log.c.actor, event_log.c.detail),
    "zone": (
        zone_log, zone_log.c.zone_id, zone_log.c.author,
        func.jsonb_build_object("hash", func.encode(zone_log.c.hash, "hex"), "version", zone_log.c.entry["version"]),
    ),
}  # fmt: skip
