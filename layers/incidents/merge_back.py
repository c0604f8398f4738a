"""Additions from the field taken into an incident: entries are added, changes that both sides made become conflicts.

All in the caller's transaction: taken whole or not at all. What was taken before is known by its UUID.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import Connection, Row, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from cim.access import Caller
from cim.errors import CimError, Conflict, NotFound
from cim.tables import incident, incident_additions, incident_conflict, incident_entry
from layers.incidents.additions import Additions, FieldChange
from layers.incidents.entries import entry_row, require_room, write_entry
from layers.incidents.incident import locked, tell, write_change
from layers.incidents.refs import Frozen, follow_past, freeze
from layers.incidents.subjects import Values, same, write_zone, zone_values
from layers.incidents.wish import EntryWish
from layers.queries.visible import in_area

ORIGIN = "additions"

Known = Mapping[UUID, Mapping[str, Any]]


def find_by_uuid(connection: Connection, uuid: UUID, caller: Caller) -> int:
    """Return the id of an incident; raises NotFound."""
    found = connection.execute(select(incident.c.id).where(incident.c.uuid == uuid, in_area(incident, caller))).scalar()
    if found is None:
        raise NotFound(f"there is no incident {uuid} here, or it may not be seen", "incident_not_here", given=str(uuid))
    return int(found)


def merge_additions(connection: Connection, incident_id: int, additions: Additions, caller: Caller) -> dict[str, Any]:
    """Take additions in; returns {"status", "hash", "entries", "changes", "conflicts"} with counts and conflict ids.

    A closed incident takes them too: nobody's work is lost.

    Raises
    ------
    Forbidden, NotFound
    Conflict
        They belong to another incident.
    """
    was = locked(connection, incident_id, caller)
    if was.uuid != additions.incident and str(was.uuid) != str(additions.incident):
        raise Conflict(
            f"these additions belong to the incident {additions.incident}, and {incident_id} is {was.uuid}",
            "additions_of_another", given=str(additions.incident), id=incident_id,
        )  # fmt: skip
    key = "sha256:" + additions.hash.hex()
    known = _known(connection, incident_id)
    require_room(connection, incident_id, len(additions.entries) + len(additions.changes))
    connection.execute(select(func.cim.incident_writing(incident_id)))
    again = [entry for entry in additions.entries if entry.uuid in known]
    conflicts = [number for entry in again for number in _told_otherwise(connection, incident_id, entry, known)]
    fresh = [entry for entry in additions.entries if entry.uuid not in known]
    _take(connection, incident_id, fresh, known, key, caller)
    counts = {"new": len(fresh), "known": len(again)}
    changes = {"new": 0, "known": 0}
    for change in additions.changes:
        changes["known" if change.uuid in known else "new"] += 1
        if change.uuid not in known:
            conflicts += _change(connection, incident_id, change, key, caller)
    is_new = bool(counts["new"] or changes["new"] or conflicts)
    report = {"status": "merged" if is_new else "known", "hash": key, "entries": counts, "changes": changes,
              "conflicts": conflicts}  # fmt: skip
    if is_new:
        _remember(connection, incident_id, additions, report)
        tell(connection, incident_id)
    return report


def _known(connection: Connection, incident_id: int) -> Known:
    """Return the entries that are there: UUID -> text and position."""
    own = incident_entry.c
    rows = connection.execute(
        select(own.uuid, own.text, own.snapshot["position"].label("position")).where(own.incident_id == incident_id)
    )
    return {UUID(str(row.uuid)): {"text": row.text, "position": row.position} for row in rows}


def _take(
    connection: Connection, incident_id: int, entries: Sequence[EntryWish], known: Known, key: str, caller: Caller
) -> None:
    """Add entries; what they refer to may be gone or out of sight, and they stay."""
    if not entries:
        return
    there = {*known, *(entry.uuid for entry in entries if entry.uuid is not None)}
    taken = [_with_what_it_names(connection, entry, there, caller) for entry in entries]
    rows = [entry_row(incident_id, entry, frozen, origin=ORIGIN, origin_key=key) for entry, frozen in taken]
    connection.execute(insert(incident_entry), rows)
    for entry, frozen in taken:
        if "missing" not in (frozen.snapshot or {}):
            follow_past(connection, incident_id, entry, frozen)


def _with_what_it_names(
    connection: Connection, entry: EntryWish, there: set[UUID], caller: Caller
) -> tuple[EntryWish, Frozen]:
    try:
        frozen = freeze(connection, entry, caller)
    except CimError:
        frozen = Frozen({"missing": True} | ({} if entry.position is None else {"position": list(entry.position)}))
    if entry.corrects is not None and entry.corrects not in there:
        frozen = frozen._replace(snapshot=(frozen.snapshot or {}) | {"corrects_unknown": str(entry.corrects)})
        entry = entry._replace(corrects=None)
    return entry, frozen


def _told_otherwise(connection: Connection, incident_id: int, entry: EntryWish, known: Known) -> list[int]:
    """Keep an entry that is there and says something else as a conflict."""
    if entry.uuid is None:
        return []
    ours = known[entry.uuid]
    # Of other kinds the place is that of what they refer to.
    is_own = entry.kind == "note"
    theirs = {"text": entry.text, "position": list(entry.position or ()) or None if is_own else ours["position"]}
    if all(same(ours[name], theirs[name]) for name in theirs):
        return []
    name = uuid5(entry.uuid, hashlib.sha256(orjson.dumps(theirs, option=orjson.OPT_SORT_KEYS)).hexdigest())
    return _keep(connection, incident_id, {
        "change": name, "subject": "entry", "ref": str(entry.uuid), "author": entry.by, "base": {}, "ours": ours,
        "theirs": theirs,
    })  # fmt: skip


def _change(connection: Connection, incident_id: int, change: FieldChange, key: str, caller: Caller) -> list[int]:
    """Apply what only the field changed; keep what both changed as a conflict."""
    was, apply = SUBJECTS[change.of](connection, incident_id, change, caller)
    ours = {name: was.get(name) for name in change.values}
    wanted = {name: value for name, value in change.values.items() if not same(ours[name], value)}
    free = {name: value for name, value in wanted.items() if was and same(ours[name], change.base.get(name))}
    both = {name: value for name, value in wanted.items() if name not in free}
    if free:
        try:
            with connection.begin_nested():
                apply(free)
        except CimError as error:
            both, ours = wanted, ours | {"refused": error.detail}
    _note_change(connection, incident_id, change, key, sorted(both))
    if not both:
        return []
    return _keep(connection, incident_id, {
        "change": change.uuid, "subject": change.of, "ref": change.ref, "author": change.by,
        "base": dict(change.base), "ours": ours, "theirs": both,
    })  # fmt: skip


def _note_change(connection: Connection, incident_id: int, change: FieldChange, key: str, both: list[str]) -> None:
    """Write a change into the timeline, whatever came of it."""
    frozen = Frozen({"change": dict(change.values), "base": dict(change.base), "conflicts": both})
    if change.of == "zone":
        frozen = _as_visible_as_zone(connection, incident_id, change.ref, frozen)
    entry = EntryWish(change.by, "state" if change.of == "incident" else "zone", change.ref or str(incident_id),
                      "conflict" if both else "merge", change.at, change.uuid)  # fmt: skip
    write_entry(connection, incident_id, entry, frozen, origin=ORIGIN, origin_key=key)


def _as_visible_as_zone(connection: Connection, incident_id: int, ref: str | None, frozen: Frozen) -> Frozen:
    own = incident_entry.c
    row = connection.execute(
        select(own.area_code, own.visibility)
        .where(own.incident_id == incident_id, own.kind == "zone", own.ref == ref)
        .order_by(own.id.desc())
        .limit(1)
    ).one_or_none()
    # of a zone that was never gathered only the administrator may hear
    return frozen._replace(area_code=row.area_code if row else None, visibility=row.visibility if row else "admin")


def _of_incident(
    connection: Connection, incident_id: int, change: FieldChange, caller: Caller
) -> tuple[Values, Callable[[Values], object]]:
    row: Row[Any] = locked(connection, incident_id, caller)
    position = None if row.longitude is None else [round(row.longitude, 9), round(row.latitude, 9)]
    was = {"name": row.name, "kind": row.kind, "note": row.note, "position": position}
    return was, lambda values: write_change(connection, incident_id, values, caller, by=change.by)


def _of_zone(
    connection: Connection, _incident_id: int, change: FieldChange, caller: Caller
) -> tuple[Values, Callable[[Values], object]]:
    zone_id = int(change.ref or 0)
    was = zone_values(connection, zone_id, caller)
    return was, lambda values: write_zone(connection, zone_id, values, caller, by=change.by)


def _keep(connection: Connection, incident_id: int, values: Mapping[str, Any]) -> list[int]:
    """Write a conflict; returns its id, nothing where it was kept before."""
    new = upsert(incident_conflict).values({"incident_id": incident_id, **values}).on_conflict_do_nothing()
    found = connection.execute(new.returning(incident_conflict.c.id)).scalar()
    return [] if found is None else [int(found)]


def _remember(connection: Connection, incident_id: int, additions: Additions, report: Mapping[str, Any]) -> None:
    told = {"hash": additions.hash, "incident_id": incident_id, "author": additions.by, "report": dict(report)}
    connection.execute(upsert(incident_additions).values(told).on_conflict_do_nothing())


SUBJECTS = {"incident": _of_incident, "zone": _of_zone}
