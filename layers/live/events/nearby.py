"""What of a layer lies around a place, nearest first, and whether "nothing" means none or no data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import cos, radians
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select

from cim.access import Caller
from layers.queries.visible import VisibleLayer, in_area

METRES_A_DEGREE = 110_500.0


@dataclass(frozen=True)
class Spot:
    """A place (EPSG:4490, degrees)."""

    longitude: float
    latitude: float

    @property
    def point(self) -> ColumnElement[Any]:
        """The place as the database has it."""
        return func.ST_SetSRID(func.ST_MakePoint(self.longitude, self.latitude), 4490)

    def box(self, radius_m: float) -> ColumnElement[Any]:
        """Return a box that holds all within a distance."""
        high = radius_m / METRES_A_DEGREE
        return func.ST_Expand(self.point, high / max(0.05, cos(radians(self.latitude))), high)


@dataclass(frozen=True)
class Around:
    """What is asked for: a table's objects within a distance, and which columns of them are told."""

    table: Table
    radius_m: float
    most: int
    columns: Sequence[str]
    conditions: Sequence[ColumnElement[bool]] = ()


def near(
    connection: Connection, asked: Around, spot: Spot, layers: Sequence[VisibleLayer], caller: Caller
) -> dict[str, Any]:
    """Return {"state", "layers", "radius_m", "count", "items"}.

    ``count`` is of all, items are the nearest, with ``distance_m`` and the nearest place's coordinates.

    ``state`` is found, none (there is data, but not here), no_data (the layers are empty), or not_visible.
    """
    mine = [entry for entry in layers if entry.table is asked.table]
    if not mine:
        return {"state": "not_visible", "layers": [], "radius_m": asked.radius_m, "count": 0, "items": []}
    table = asked.table
    distance = func.ST_Distance(func.geography(table.c.geom), func.geography(spot.point))
    closest = func.ST_ClosestPoint(func.ST_Force2D(table.c.geom), spot.point)
    candidates = (
        select(table.c.id, *(table.c[name] for name in asked.columns), distance.label("distance_m"),
               func.ST_X(closest).label("longitude"), func.ST_Y(closest).label("latitude"))
        .where(table.c.layer_id.in_([entry.id for entry in mine]), table.c.geom.op("&&")(spot.box(asked.radius_m)),
               in_area(table, caller), *asked.conditions)
        .subquery("candidates")
    )  # fmt: skip
    rows = connection.execute(
        select(candidates, func.count().over().label("total"))
        .where(candidates.c.distance_m <= asked.radius_m)
        .order_by(candidates.c.distance_m, candidates.c.id)
        .limit(asked.most)
    ).mappings()
    found = [dict(row) for row in rows]
    count = found[0]["total"] if found else 0
    items = [_item(row) for row in found]
    return {"state": _state(connection, table, mine, items), "layers": ages(mine), "radius_m": asked.radius_m,
            "count": count, "items": items}  # fmt: skip


def ages(layers: Sequence[VisibleLayer]) -> list[dict[str, Any]]:
    """Return on which layers a part rests, in which version, and how old that is."""
    now = datetime.now(UTC)
    return [
        {
            "id": entry.id,
            "version": entry.version,
            "age_s": round((now - entry.updated_at).total_seconds()) if entry.updated_at else None,
        }
        for entry in layers
    ]


def _state(connection: Connection, table: Table, layers: Sequence[VisibleLayer], items: Sequence[Any]) -> str:
    if items:
        return "found"
    names = [entry.id for entry in layers]
    is_filled = connection.execute(select(select(table.c.id).where(table.c.layer_id.in_(names)).exists())).scalar_one()
    return "none" if is_filled else "no_data"


def _item(row: dict[Any, Any]) -> dict[str, Any]:
    found = {str(name): value for name, value in row.items() if name != "total"}
    found["distance_m"] = round(found["distance_m"], 1)
    for name in ("longitude", "latitude"):
        found[name] = round(found[name], 7)
    return found
