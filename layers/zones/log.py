"""What was done to zones, by whom and on what data: entries only ever added, each with the hash of the one before.

The chain runs over all zones: to change, drop or slip in an entry one would have to write all later ones anew, and the
last hash, which people hold in their receipts, would be another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, Text, cast, func, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB

from cim.access import Caller
from cim.errors import Forbidden
from cim.tables import zone_log

_LOCK = "cim.zone_log"
#: What stands before the first entry.
BEGINNING = bytes(32)
_READ_AT_ONCE = 1000
#: Entries of one answer.
MOST = 1000


class Broken(NamedTuple):
    """An entry that is not what was written, or does not follow the one before it."""

    id: int
    zone_id: int
    reason: str


class Checked(NamedTuple):
    """How many entries there are, the last hash, and the first entry at which the chain is broken."""

    entries: int
    last_hash: str
    broken: Broken | None


def append(connection: Connection, zone_id: int, action: str, author: str, entry: Mapping[str, Any]) -> str:
    """Add an entry in the caller's transaction; returns its hash (hexadecimal).

    Writers wait for one another until they commit, so that each sees the one before.
    """
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(_LOCK))))
    before = connection.execute(select(zone_log.c.hash).order_by(zone_log.c.id.desc()).limit(1)).scalar() or BEGINNING
    at = datetime.now(UTC)
    # As the database will give it back, which keeps numbers in a form of its own.
    told = connection.execute(select(cast(literal(orjson.dumps(dict(entry)).decode(), Text), JSONB))).scalar_one()
    digest = digest_of(zone_id, action, author, told, at, before)
    values = {"zone_id": zone_id, "action": action, "author": author, "entry": told, "recorded_at": at,
              "previous_hash": before, "hash": digest}  # fmt: skip
    connection.execute(insert(zone_log).values(values))
    return digest.hex()


def digest_of(
    zone_id: int, action: str, author: str | None, entry: Mapping[str, Any], at: datetime, before: bytes
) -> bytes:
    """Return SHA-256 over the canonical JSON (sorted keys) of an entry and the hash of the one before."""
    body = {"zone_id": zone_id, "action": action, "author": author, "entry": dict(entry),
            "recorded_at": at.astimezone(UTC).isoformat(), "previous": before.hex()}  # fmt: skip
    # The standard library's, since a whole number may come back with more than 64 bits.
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


def verify(connection: Connection) -> Checked:
    """Compute every hash anew, from the first entry on; ends at the first that is wrong."""
    return _check(_entries(connection), BEGINNING)


def _check(rows: Iterable[Row[Any]], before: bytes) -> Checked:
    count = 0
    for row in rows:
        count += 1
        if row.previous_hash != before:
            return Checked(count, before.hex(), Broken(row.id, row.zone_id, "it does not follow the entry before it"))
        digest = digest_of(row.zone_id, row.action, row.author, row.entry, row.recorded_at, before)
        if row.hash != digest:
            return Checked(count, before.hex(), Broken(row.id, row.zone_id, "it is not what was written"))
        before = digest
    return Checked(count, before.hex(), None)


def read_log(connection: Connection, zone_id: int) -> list[dict[str, Any]]:
    """Return the entries of a zone, oldest first."""
    rows = connection.execute(select(zone_log).where(zone_log.c.zone_id == zone_id).order_by(zone_log.c.id))
    return [_told(row) for row in rows]


def read_chain(connection: Connection, after: int, limit: int, caller: Caller) -> dict[str, Any]:
    """Return entries of all zones after one, oldest first, and whether they follow from it as they were written.

    Raises
    ------
    Forbidden
        For a caller of one area: the chain holds what was decided elsewhere.
    """
    if caller.area_code is not None:
        raise Forbidden(
            f"the log is of all areas, this key of {caller.area_code}; GET /zones/ID/log is of one zone",
            "log_of_all_areas", area=caller.area_code,
        )  # fmt: skip
    is_before = zone_log.c.id <= after
    last = select(zone_log.c.hash).where(is_before).order_by(zone_log.c.id.desc()).limit(1)
    before = connection.execute(last).scalar() or BEGINNING
    rows = connection.execute(select(zone_log).where(~is_before).order_by(zone_log.c.id).limit(limit)).all()
    checked = _check(rows, before)
    broken = None if checked.broken is None else checked.broken._asdict()
    entries = [_told(row) | {"zone_id": row.zone_id} for row in rows]
    return {"entries": entries, "verified": broken is None, "broken": broken, "last_hash": checked.last_hash}


def _told(row: Row[Any]) -> dict[str, Any]:
    return {"id": row.id, "action": row.action, "author": row.author, "recorded_at": row.recorded_at.isoformat(),
            "entry": row.entry, "hash": row.hash.hex()}  # fmt: skip


def _entries(connection: Connection) -> Iterator[Row[Any]]:
    last = 0
    while rows := connection.execute(
        select(zone_log).where(zone_log.c.id > last).order_by(zone_log.c.id).limit(_READ_AT_ONCE)
    ).all():
        yield from rows
        last = rows[-1].id
