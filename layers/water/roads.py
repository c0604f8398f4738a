"""Roads that water cuts: how far, how deep, and which bridges and tunnels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, Row

from cim.access import Caller
from cim.crs import to_geographic
from layers.queries.visible import VisibleLayer
from layers.sql import statement
from layers.water.wet import Numbers, Water, boxes_of, cell_boxes, stand_at, touches

#: Metres of water in which a car stops or floats.
CUT_M = 0.3


def roads_cut(
    connection: Connection, water: Water, layers: Sequence[VisibleLayer], caller: Caller
) -> list[dict[str, Any]]:
    """Return the roads that water of at least ``CUT_M`` cuts, the longest cut first.

    Bridges (``layer_number`` above 0) stay open; tunnels are cut where one of their ends stands in water.
    """
    deep = water.deeper(CUT_M)
    own = [entry.id for entry in layers if entry.table.name == "road"]
    if not own or not deep.depth.any():
        return []
    values = boxes_of(deep) | {"layers": own, "area": caller.area_code}
    rows = [row for row in connection.execute(statement("flood_roads"), values) if (row.layer_number or 0) <= 0]
    if not rows:
        return []
    lines = shapely.from_wkb([row.shape for row in rows])
    is_tunnel = np.array([(row.layer_number or 0) < 0 for row in rows], bool)
    found = _open_cuts(deep, rows, lines, is_tunnel) + _tunnels(deep, rows, lines, is_tunnel)
    return sorted(found, key=lambda entry: (-entry["length_m"], entry["id"]))


def _open_cuts(
    deep: Water, rows: Sequence[Row[Any]], lines: NDArray[np.object_], is_tunnel: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    at_grade = np.flatnonzero(~is_tunnel)
    moved = deep.window.metric(lines[at_grade])
    full = shapely.length(moved)
    found, places = [], []
    for touch in touches(deep, moved):
        boxes = cell_boxes(deep.window, touch.row, touch.column)
        for number, first, last in _groups(touch.shape):
            # Of two cells beside each other the line between them counts once.
            cut = shapely.intersection(moved[number], shapely.coverage_union_all(boxes[first:last]))
            if shapely.length(cut) <= 0:
                continue
            row = rows[at_grade[number]]
            share = float(shapely.length(cut) / full[number])
            deepest = float(deep.depth[touch.row[first:last], touch.column[first:last]].max())
            found.append(_told(row, share * row.length_m, deepest, []))
            places.append(_middle(cut))
    return _placed(deep, found, places)


def _tunnels(
    deep: Water, rows: Sequence[Row[Any]], lines: NDArray[np.object_], is_tunnel: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    found = []
    for number in np.flatnonzero(is_tunnel).tolist():
        xy = shapely.get_coordinates(lines[number])[[0, -1]]
        depth = stand_at(deep, xy[:, 0], xy[:, 1]).depth
        if depth.max() > 0:
            row, end = rows[number], int(depth.argmax())
            found.append(_told(row, row.length_m, float(depth.max()), xy[end].round(7).tolist()) | {"tunnel": True})
    return found


def _told(row: Row[Any], length_m: float, depth_m: float, position: list[float]) -> dict[str, Any]:
    return {
        "id": row.id, "layer": row.layer_id, "source_key": row.source_key, "name": row.name,
        "class": row._mapping["class"], "length_m": round(length_m, 1), "depth_m": round(depth_m, 3),
        "position": position, "dataset_id": row.dataset_id,
    }  # fmt: skip


def _groups(numbers: Numbers) -> list[tuple[int, int, int]]:
    """Return (number, first, after the last) of runs of equal numbers."""
    if len(numbers) == 0:
        return []
    breaks = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    return [(int(numbers[first]), first, last) for first, last in pairwise(breaks)]


def _middle(cut: shapely.Geometry) -> tuple[float, float]:
    """Return a place on the longest piece of what is cut, metric CRS."""
    pieces = shapely.get_parts(cut)
    longest = pieces[int(shapely.length(pieces).argmax())]
    x, y = shapely.get_coordinates(shapely.line_interpolate_point(longest, 0.5, normalized=True))[0]
    return float(x), float(y)


def _placed(deep: Water, found: list[dict[str, Any]], places: list[tuple[float, float]]) -> list[dict[str, Any]]:
    """Give each entry its place in degrees, all at once."""
    if not found:
        return []
    xy = np.array(places)
    positions = np.column_stack(to_geographic(deep.window.metric_crs).points(xy[:, 0], xy[:, 1])).round(7).tolist()
    return [entry | {"position": position} for entry, position in zip(found, positions, strict=True)]
