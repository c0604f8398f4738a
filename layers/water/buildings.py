"""Buildings in water: how deep, which storeys, and how many units and people, as counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from sqlalchemy import Connection, Row

from cim.access import Caller
from layers.queries.ranges import sum_known
from layers.queries.small_counts import SMALL, sees_all
from layers.queries.visible import VisibleLayer
from layers.sql import statement
from layers.water.bands import EDGES_M, band_of, upper_edge
from layers.water.wet import Stand, Water, boxes_of, stand_of

#: Of a storey where nothing says how high it is, metres; and what is taken for a storey at all.
STOREY_M = 3.0
_STOREY_RANGE_M = (2.2, 6.0)
#: A ground floor lies so far above the ground, metres: the step at the door.
STEP_M = 0.15


class FloodedBuildings(NamedTuple):
    """Buildings that water touches, the deepest first, with the shapes of them (EPSG:4490)."""

    rows: list[Row[Any]]
    stand: Stand
    wet: list[tuple[int, int, str]]
    sees_units: bool


def flooded_buildings(
    connection: Connection, water: Water, layers: Sequence[VisibleLayer], caller: Caller
) -> FloodedBuildings:
    """Return the buildings that water touches, as the caller may see them."""
    own = [entry.id for entry in layers if entry.table.name == "building"]
    names = {entry.id for entry in layers}
    if not own or not water.depth.any():
        return FloodedBuildings([], Stand(np.zeros(0), np.zeros(0)), [], "units" in names)
    values = boxes_of(water) | {
        "layers": own, "area": caller.area_code, "sees_all": sees_all(caller), "small": SMALL,
        "sees_storeys": "storeys" in names,
    }  # fmt: skip
    rows = list(connection.execute(statement("flood_buildings"), values))
    stand = stand_of(water, shapely.from_wkb(np.array([row.shape for row in rows], dtype=object)))
    order = [number for number in np.argsort(-stand.depth, kind="stable").tolist() if stand.depth[number] > 0]
    found = [rows[number] for number in order]
    stand = Stand(stand.depth[order], stand.level[order])
    wet = [storeys_wet(row, float(stand.depth[at]), float(stand.level[at])) for at, row in enumerate(found)]
    return FloodedBuildings(found, stand, wet, "units" in names)


def storeys_wet(row: Row[Any], depth_m: float, level_m: float) -> tuple[int, int, str]:
    """Return how many storeys above and below the ground are wet, and by which rule.

    ``storeys``: floors of the BIM model that lie below the water; ``height``: the building's height by its storeys;
    ``assumed``: ``STOREY_M`` each. Basements are wet wherever water touches the building.
    """
    below = max(0, row.storeys_below or 0)
    if row.floors:
        wet = sum(floor < level_m for floor in row.floors)
        # What the register calls a basement is one in the model, too.
        lower = min(below, len(row.floors))
        return max(0, wet - lower), max(below, min(wet, lower)), "storeys"
    over = depth_m - STEP_M
    known = row.height_m / row.storeys_above if row.height_m and row.storeys_above else None
    if known is not None and _STOREY_RANGE_M[0] <= known <= _STOREY_RANGE_M[1]:
        height, rule = known, "height"
    else:
        height, rule = STOREY_M, "assumed"
    above = math.ceil(over / height) if over > 0 else 0
    return min(above, row.storeys_above) if row.storeys_above else above, below, rule


def buildings_told(found: FloodedBuildings, limit: int) -> dict[str, Any]:
    """Return counts, counts by depth, and the deepest buildings."""
    bands = band_of(found.stand.depth)
    return {
        **_counts(found, range(len(found.rows))),
        "by_depth": [
            {"depth_from_m": EDGES_M[band], "depth_to_m": upper_edge(band)}
            | _counts(found, np.flatnonzero(bands == band).tolist())
            for band in range(len(EDGES_M))
        ],
        "items": [_item(found, number) for number in range(min(limit, len(found.rows)))],
        "truncated": len(found.rows) > limit,
    }


def _counts(found: FloodedBuildings, numbers: Sequence[int]) -> dict[str, Any]:
    rows = [found.rows[number] for number in numbers]
    return {
        "count": len(rows),
        "storeys_wet": sum(found.wet[number][0] for number in numbers),
        "basements_wet": sum(found.wet[number][1] for number in numbers),
        "units": sum_known([None if row.units is None else int(row.units) for row in rows])
        if found.sees_units
        else None,
        "residents": sum_known([row.residents for row in rows]),
        "households": sum_known([row.households for row in rows]),
    }


def _item(found: FloodedBuildings, number: int) -> dict[str, Any]:
    row, (above, below, rule) = found.rows[number], found.wet[number]
    return {
        "id": row.id, "layer": row.layer_id, "code": row.code, "name": row.name, "use": row.use,
        "depth_m": round(float(found.stand.depth[number]), 3),
        "level_m": round(float(found.stand.level[number]), 3),
        "storeys_wet": above, "basements_wet": below, "storeys_rule": rule,
    } | ({"units": row.units} if found.sees_units else {})  # fmt: skip
