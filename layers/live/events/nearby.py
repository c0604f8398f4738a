"""What of a layer lies around a place, nearest first, and whether "nothing" means none or no data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Connection,
    Double,
    Integer,
    Table,
    Text,
    any_,
    bindparam,
    func,
    or_,
    select,
)

from cim.access import Caller
from layers.queries.prepared import Prepared, compiled, run
from layers.queries.visible import VisibleLayer, table_of
from layers.spot import Spot


@dataclass(frozen=True)
class Around:
    """What is asked for: a table's objects within a distance, and which columns of them are told.

    ``conditions`` are the same objects at every request, with bound parameters for what differs (``values``).
    """

    table: Table
    radius_m: float
    most: int
    columns: Sequence[str]
    conditions: tuple[ColumnElement[bool], ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


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
    names = tuple(entry.id for entry in mine)
    wide, high = spot.size_deg(asked.radius_m)
    values: dict[str, Any] = {
        "lon": spot.longitude, "lat": spot.latitude, "layer_ids": list(names), "radius_m": asked.radius_m,
        "wide": wide, "high": high, "most": asked.most, **asked.values,
    }  # fmt: skip
    if caller.area_code is not None:
        values["area"] = caller.area_code
    prepared = _nearest(asked.table.name, tuple(asked.columns), tuple(asked.conditions), caller.area_code is not None)
    rows = [row._mapping for row in run(connection, prepared, values)]
    found = [dict(row) for row in rows]
    count = found[0]["total"] if found else 0
    items = [_item(row) for row in found]
    return {"state": _state(connection, asked.table, mine, items), "layers": ages(mine), "radius_m": asked.radius_m,
            "count": count, "items": items}  # fmt: skip


@lru_cache(maxsize=64)
def _nearest(
    table_name: str, columns: tuple[str, ...], conditions: tuple[ColumnElement[bool], ...], with_area: bool
) -> Prepared:
    """Return the statement that finds the nearest objects of a table: putting it together takes longer than it runs."""
    table = table_of(table_name)
    place = func.ST_SetSRID(func.ST_MakePoint(_number("lon"), _number("lat")), 4490)
    distance = func.ST_Distance(func.geography(table.c.geom), func.geography(place))
    closest = func.ST_ClosestPoint(func.ST_Force2D(table.c.geom), place)
    box = func.ST_Expand(place, _number("wide"), _number("high"))
    wanted = [table.c.layer_id == any_(bindparam("layer_ids", None, ARRAY(Text))), table.c.geom.op("&&")(box)]
    if with_area:
        is_mine = func.starts_with(table.c.area_code, bindparam("area", None, Text))
        wanted.append(or_(table.c.area_code.is_(None), is_mine))
    candidates = (
        select(table.c.id, *(table.c[name] for name in columns), distance.label("distance_m"),
               func.ST_X(closest).label("longitude"), func.ST_Y(closest).label("latitude"))
        .where(*wanted, *conditions)
        .subquery("candidates")
    )  # fmt: skip
    return compiled(
        select(candidates, func.count().over().label("total"))
        .where(candidates.c.distance_m <= _number("radius_m"))
        .order_by(candidates.c.distance_m, candidates.c.id)
        .limit(bindparam("most", None, Integer))
    )


def _number(name: str) -> BindParameter[Any]:
    return bindparam(name, None, Double)


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
