"""Old decisions made again, from what the log says they followed from, on the model as it was recorded then."""

from __future__ import annotations

from typing import Any, NamedTuple

import shapely
from sqlalchemy import Connection, func, or_, select

from cim.errors import NotFound
from cim.tables import zone, zone_log
from layers.zones.blocks import ThreeZones
from layers.zones.decision import digests
from layers.zones.demarcate import demarcate
from layers.zones.group import ACTION, question_of


class Replayed(NamedTuple):
    """A decision made again.

    Attributes
    ----------
    entry_id
        Of the log.
    geometry
        Zone -> shape (EPSG:4490), made anew.
    same
        Zone -> whether it has the bytes that the log has the hash of.
    stored
        Zone -> whether the zone as it is stored has these bytes; None where it is gone, or was made anew since.
    geos
        The library's version then and now: another one may cut lines otherwise.
    """

    entry_id: int
    geometry: dict[str, shapely.Geometry]
    same: dict[str, bool]
    stored: dict[str, bool | None]
    geos: tuple[str, str]

    @property
    def holds(self) -> bool:
        """Whether everything is as it was."""
        return all(self.same.values()) and all(one is not False for one in self.stored.values())


def replay(connection: Connection, zone_id: int, entry_id: int | None = None) -> Replayed:
    """Make the newest decision on a zone again, or the one of an entry of the log.

    Raises
    ------
    NotFound
        The zone was not made by a decision.
    """
    row = _entry(connection, zone_id, entry_id)
    then = row.entry
    found = demarcate(connection, question_of(then)).zones._asdict()
    made = digests(found)
    newest = _entry(connection, then["zones"]["sealed"], None).id == row.id
    return Replayed(
        row.id,
        found,
        {kind: made[kind] == then["geometry"][kind] for kind in found},
        {kind: _is_stored(connection, then["zones"][kind], shape) if newest else None for kind, shape in found.items()},
        (then["geos"], shapely.geos_version_string),
    )


def _entry(connection: Connection, zone_id: int, entry_id: int | None) -> Any:
    statement = select(zone_log.c.id, zone_log.c.entry).where(zone_log.c.action == ACTION)
    is_of = or_(*(zone_log.c.entry["zones"][kind].as_integer() == zone_id for kind in ThreeZones._fields))
    statement = statement.where(zone_log.c.entry.has_key("cases"), is_of)
    if entry_id is not None:
        statement = statement.where(zone_log.c.id == entry_id)
    row = connection.execute(statement.order_by(zone_log.c.id.desc()).limit(1)).one_or_none()
    if row is None:
        what = f"entry {entry_id} of zone {zone_id}" if entry_id is not None else f"zone {zone_id}"
        raise NotFound(
            f"{what} is no decision to demarcate; 'cim zones list' and GET /zones/{zone_id}/log show what is"
        )
    return row


def _is_stored(connection: Connection, zone_id: int, shape: shapely.Geometry) -> bool | None:
    stored: bytes | None = connection.execute(
        select(func.ST_AsBinary(zone.c.geom)).where(zone.c.id == zone_id)
    ).scalar()
    return None if stored is None else bytes(stored) == shapely.to_wkb(shape)
