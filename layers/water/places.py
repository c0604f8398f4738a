"""What stands in water and stops: pumps, plants and hydrants, places that help, cameras and sensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import ARRAY, Connection, Double, Row, Select, Table, cast, func, literal, select

from cim.access import Caller
from cim.tables import GEOGRAPHIC_SRID, camera, pipe_node, resource, sensor, water_work
from layers.queries.visible import VisibleLayer, in_area
from layers.water.buildings import FloodedBuildings
from layers.water.wet import Stand, Water, boxes_of, stand_at, stand_of

#: Metres of water in which a device or a ground floor's work stops.
LOST_M = 0.3
#: Where nobody says how high a camera hangs, metres.
MOUNT_M = 3.0
#: Kinds of nodes that are listed one by one; all others are counted.
WORKS = ("pump", "booster", "pumping_station", "pump_station", "lift_station", "plant", "waterworks", "treatment_plant",
         "wwtp", "etap", "well", "waterwell", "tank", "reservoir", "station", "gate_station", "city_gate", "regulator",
         "substation", "transformer_station", "generator", "switch", "breaker", "boiler_house", "heat_plant",
         "hydrant", "fire_hydrant")  # fmt: skip
#: Sensors that stand in water to measure it.
_OF_WATER = ("水位", "water_level", "level", "液位", "流量", "flow")
_SIDES = ("west", "south", "east", "north")
#: A place that helps may be drawn so far from the edge of its building, degrees.
_REACH_DEG = 0.004


class Places(NamedTuple):
    """Objects of one table that were found, each as it is told, the deepest first."""

    found: list[dict[str, Any]]
    datasets: frozenset[int]


def flooded_nodes(connection: Connection, water: Water, layers: Sequence[VisibleLayer], caller: Caller) -> Places:
    """Return the nodes of networks under water."""
    columns = ("source_key", "name", "kind", "network")
    rows = _rows(connection, pipe_node, columns, boxes_of(water), layers, caller)
    return _told(rows, columns, _stand(water, rows), LOST_M)


def flooded_works(connection: Connection, water: Water, layers: Sequence[VisibleLayer], caller: Caller) -> Places:
    """Return the dams, sluices and pumping stations under water."""
    columns = ("source_key", "name", "kind")
    rows = _rows(connection, water_work, columns, boxes_of(water), layers, caller)
    return _told(rows, columns, stand_of(water, _shapes(rows)), LOST_M)


def flooded_resources(
    connection: Connection, water: Water, layers: Sequence[VisibleLayer], caller: Caller, buildings: FloodedBuildings
) -> Places:
    """Return the places that help under water: at their point, or anywhere at the building in which they are."""
    columns = ("source_key", "name", "kind", "capacity", "address")
    box = boxes_of(water)
    whole = {name: [reduce(box[name]) + shift] for name, reduce, shift in (
        ("wests", min, -_REACH_DEG), ("souths", min, -_REACH_DEG), ("easts", max, _REACH_DEG),
        ("norths", max, _REACH_DEG))}  # fmt: skip
    rows = _rows(connection, resource, columns, whole, layers, caller)
    stand = _stand(water, rows)
    if rows and buildings.rows:
        outlines = shapely.from_wkb([row.shape for row in buildings.rows])
        point, outline = shapely.STRtree(outlines).query(_shapes(rows), predicate="intersects")
        np.maximum.at(stand.depth, point, buildings.stand.depth[outline])
    return _told(rows, columns, stand, LOST_M)


def flooded_cameras(connection: Connection, water: Water, layers: Sequence[VisibleLayer], caller: Caller) -> Places:
    """Return the cameras that hang below the water."""
    columns = ("code", "name", "mount_height_m")
    rows = _rows(connection, camera, columns, boxes_of(water), layers, caller)
    stand = _stand(water, rows)
    heights = np.array([MOUNT_M if row.mount_height_m is None else row.mount_height_m for row in rows], float)
    return _told(rows, columns, Stand(np.where(stand.depth >= heights, stand.depth, 0.0), stand.level), 0.0)


def flooded_sensors(connection: Connection, water: Water, layers: Sequence[VisibleLayer], caller: Caller) -> Places:
    """Return the sensors under water, but for those that measure it; by their own height where it is known."""
    columns = ("code", "name", "kind", "height_m")
    rows = _rows(connection, sensor, columns, boxes_of(water), layers, caller)
    rows = [row for row in rows if not any(word in (row.kind or "").lower() for word in _OF_WATER)]
    stand = _stand(water, rows)
    own = np.array([np.nan if row.height_m is None else row.height_m for row in rows], float)
    is_under = np.where(np.isfinite(own), stand.level >= own, stand.depth >= LOST_M) & (stand.depth > 0)
    return _told(rows, columns, Stand(np.where(is_under, stand.depth, 0.0), stand.level), 0.0)


def works_told(nodes: Places, works: Places, limit: int) -> dict[str, Any]:
    """Return counts by network and kind, and those of the kinds in ``WORKS`` one by one."""
    items = [entry for entry in nodes.found if entry["kind"] in WORKS] + works.found
    items.sort(key=lambda entry: (-entry["depth_m"], entry["id"]))
    return {
        "count": len(items),
        "pumps": sum("pump" in str(entry["kind"]) for entry in items),
        "hydrants": sum("hydrant" in str(entry["kind"]) for entry in items),
        "nodes": len(nodes.found),
        "by_network": {
            network: dict(Counter(str(entry["kind"]) for entry in nodes.found if entry["network"] == network))
            for network in sorted({entry["network"] for entry in nodes.found})
        },
        "items": items[:limit],
        "truncated": len(items) > limit,
    }


def places_told(places: Places, limit: int) -> dict[str, Any]:
    """Return the count, counts by kind where there are kinds, and the deepest."""
    kinds = Counter(entry["kind"] for entry in places.found if entry.get("kind") is not None)
    return {
        "count": len(places.found),
        "by_kind": dict(kinds),
        "items": places.found[:limit],
        "truncated": len(places.found) > limit,
    }


def select_near(
    table: Table, columns: Sequence[str], boxes: dict[str, Any], layers: Sequence[str], caller: Caller
) -> Select[Any]:
    """Return the statement for the objects whose box meets one of some boxes (degrees)."""
    sides = [cast(literal(boxes[f"{side}s"], ARRAY(Double)), ARRAY(Double)) for side in _SIDES]
    box = func.unnest(*sides).table_valued(*_SIDES).render_derived(name="box")
    shape = func.ST_MakeEnvelope(*(box.c[side] for side in _SIDES), GEOGRAPHIC_SRID)
    near = select(table.c.id).select_from(box).join(table, table.c.geom.op("&&")(shape)).distinct().cte("near")
    return (
        select(table.c.id, table.c.layer_id, table.c.dataset_id, *(table.c[name] for name in columns),
               func.ST_AsBinary(func.ST_Force2D(table.c.geom)).label("shape"))
        .join(near, near.c.id == table.c.id)
        .where(table.c.layer_id.in_(layers), in_area(table, caller))
        .order_by(table.c.id)
    )  # fmt: skip


def _rows(
    connection: Connection, table: Table, columns: Sequence[str], boxes: dict[str, Any],
    layers: Sequence[VisibleLayer], caller: Caller,
) -> list[Row[Any]]:  # fmt: skip
    own = [entry.id for entry in layers if entry.table is table]
    if not own or not boxes["wests"]:
        return []
    return list(connection.execute(select_near(table, columns, boxes, own, caller)))


def _shapes(rows: Sequence[Row[Any]]) -> NDArray[np.object_]:
    shapes: NDArray[np.object_] = shapely.from_wkb(np.array([row.shape for row in rows], dtype=object))
    return shapes


def _stand(water: Water, rows: Sequence[Row[Any]]) -> Stand:
    xy = shapely.get_coordinates(_shapes(rows)).reshape(-1, 2)
    return stand_at(water, xy[:, 0], xy[:, 1])


def _told(rows: Sequence[Row[Any]], columns: Sequence[str], stand: Stand, least_m: float) -> Places:
    numbers = np.flatnonzero((stand.depth > 0) & (stand.depth >= least_m)).tolist()
    numbers.sort(key=lambda number: (-float(stand.depth[number]), rows[number].id))
    middles = shapely.get_coordinates(shapely.point_on_surface(_shapes([rows[number] for number in numbers])))
    found = [
        {
            "id": rows[number].id, "layer": rows[number].layer_id,
            **{name: rows[number]._mapping[name] for name in columns},
            "depth_m": round(float(stand.depth[number]), 3), "position": position,
        }
        for number, position in zip(numbers, middles.round(7).tolist(), strict=True)
    ]  # fmt: skip
    return Places(found, frozenset(rows[number].dataset_id for number in numbers) - {None})
