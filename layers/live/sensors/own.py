"""Whose entities are: what a client may change and put elsewhere is neither of a register nor of another area."""

from __future__ import annotations

from sqlalchemy import Connection, select

from cim.access import Caller
from cim.errors import Conflict, Forbidden, NotFound
from layers.live.sensors.address import Key
from layers.live.sensors.entities import SETS


def require_own(connection: Connection, caller: Caller, plural: str, key: Key) -> None:
    """Refuse what is not there, what a register keeps, and what is not in the caller's area alone.

    Raises
    ------
    NotFound, Conflict, Forbidden
    """
    entities = SETS[plural]
    rows = entities.source().alias()
    chosen = select(rows).where(*(rows.c[name] == value for name, value in zip(entities.keys, key, strict=True)))
    found = connection.execute(chosen.where(entities.seen(rows, caller))).mappings().first()
    if found is None:
        raise NotFound(f"there is no such {entities.singular}, or it may not be seen")
    area = found.get("area_code")
    if caller.area_code is not None and (area is None or not area.startswith(caller.area_code)):
        raise Forbidden("this entity is not in the area of the key alone, which may read it only")
    is_registered = found.get("is_registered") or found.get("kind") or (
        plural == "Datastreams" and found["thing_id"] == found["id"]
    )  # fmt: skip
    if is_registered:
        raise Conflict(f"this {entities.singular} comes from a register; change it there and import it again")
