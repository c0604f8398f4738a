"""Where units are: the last position of each, by box and kind, as GeoJSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import last_position, mobile_unit
from layers.live.tracks.sight import in_own_area, require_sight

MOST = 10_000
_OF_UNIT = ("code", "name", "kind", "owner", "state", "attributes")
_OF_PLACE = ("time", "height_m", "ellipsoid_height_m", "speed_m_s", "heading_deg", "accuracy_m")
#: Of a unit that has no area of its own the place counts.
AREA = func.coalesce(mobile_unit.c.area_code, last_position.c.area_code)


@dataclass(frozen=True)
class Asked:
    """Which units are asked for; None: whatever it is. ``after``: the code of the last one before."""

    bbox: tuple[float, float, float, float] | None = None
    kinds: Sequence[str] | None = None
    limit: int = 1000
    after: str | None = None


def seen_units(caller: Caller) -> Select[Any]:
    """Return the statement for the units that a caller sees, with their last positions."""
    columns = (mobile_unit.c[name] for name in _OF_UNIT)
    place = (last_position.c[name] for name in _OF_PLACE)
    return (
        select(
            mobile_unit.c.id, *columns, *place, AREA.label("area_code"),
            func.ST_X(last_position.c.geom).label("longitude"), func.ST_Y(last_position.c.geom).label("latitude"),
            last_position.c.stale_at,
        )
        .join(last_position, last_position.c.unit_id == mobile_unit.c.id)
        .where(in_own_area(AREA, caller))
    )  # fmt: skip


def find_units(connection: Connection, asked: Asked, caller: Caller) -> dict[str, Any]:
    """Return units as a FeatureCollection, by code; raises Forbidden."""
    require_sight(caller)
    found = seen_units(caller)
    if asked.bbox is not None:
        found = found.where(last_position.c.geom.op("&&")(func.ST_MakeEnvelope(*asked.bbox, 4490)))
    if asked.kinds is not None:
        found = found.where(mobile_unit.c.kind.in_(asked.kinds))
    if asked.after is not None:
        found = found.where(mobile_unit.c.code > asked.after)
    rows = connection.execute(found.order_by(mobile_unit.c.code).limit(asked.limit))
    now = datetime.now(UTC)
    return {"type": "FeatureCollection", "generated_at": now, "features": [as_feature(row, now) for row in rows]}


def unit_for(connection: Connection, code: str, caller: Caller) -> Row[Any]:
    """Return a unit that a caller may see; raises Forbidden, NotFound."""
    require_sight(caller)
    row = connection.execute(seen_units(caller).where(mobile_unit.c.code == code)).one_or_none()
    if row is None:
        raise NotFound(f"there is no unit '{code[:64]}'", "no_such_unit", given=code[:64])
    return row


def as_feature(row: Row[Any], now: datetime) -> dict[str, Any]:
    """Return a unit as a GeoJSON feature, with the age of its position."""
    return {
        "type": "Feature",
        "id": row.code,
        "geometry": {"type": "Point", "coordinates": [row.longitude, row.latitude]},
        "properties": about(row, now),
    }


def about(row: Row[Any], now: datetime) -> dict[str, Any]:
    """Return what is answered of a unit besides its place."""
    told = {name: getattr(row, name) for name in (*_OF_UNIT, *_OF_PLACE, "area_code", "stale_at")}
    return told | {"age_s": round((now - row.time).total_seconds()), "is_stale": now > row.stale_at}
