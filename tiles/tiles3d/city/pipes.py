"""The pipes of a tile, drawn as tubes in the colours of the legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection

from layers.catalogue import LayerRow
from tiles.tiles3d.city.depths import Axes, Depths, find_axes
from tiles.tiles3d.city.glb import Column
from tiles.tiles3d.city.ground import with_ground
from tiles.tiles3d.city.legend import Legend
from tiles.tiles3d.city.local import Local
from tiles.tiles3d.city.mesh import Floats, by_color
from tiles.tiles3d.city.pipe_rows import SHOWN, read_pipes
from tiles.tiles3d.city.tubes import draw_tubes
from tiles.tiles3d.city.wanted import Wanted
from tiles.tiles3d.merge import Primitive


def draw_pipes(
    connection: Connection, row: LayerRow, ids: Sequence[int], local: Local, wanted: Wanted
) -> tuple[list[Primitive], dict[str, Column]]:
    """Return what is drawn of some pipes, and their table."""
    found = read_pipes(connection, row, ids)
    legend = Legend(row)
    radius_m = np.array(found["drawn_diameter_mm"], np.float64) / 2000
    axes = _axes(connection, found, radius_m, wanted)
    placed = local.points(axes.points, axes.height_m)
    mesh = draw_tubes(placed, axes.line_of, radius_m[axes.pipe_of], axes.pipe_of)
    color_of = legend.numbers(found["legend"])[mesh.features]
    return by_color(mesh, color_of, legend.colors), _table(row, found)


def _axes(connection: Connection, found: Mapping[str, Sequence[Any]], radius_m: Floats, wanted: Wanted) -> Axes:
    lines = shapely.from_wkb(found["line"])
    depths = Depths(*(np.array(found[name], np.float64) for name in Depths._fields))
    if wanted.ground == "flat":
        level = np.zeros(len(lines))
        depths = depths._replace(start_ground_m=level, end_ground_m=level)
        return find_axes(lines, depths, radius_m, np.ones(len(lines), np.bool_))
    bounds = shapely.bounds(lines)
    middle = (bounds[:, :2] + bounds[:, 2:]) / 2
    starts, ends = (with_ground(connection, wanted.files, each, middle) for each in depths[2:])
    depths = depths._replace(start_ground_m=starts, end_ground_m=ends)
    return find_axes(lines, depths, radius_m, np.array(found["is_level"], np.bool_))


def _table(row: LayerRow, found: Mapping[str, Sequence[Any]]) -> dict[str, Column]:
    shown = {name: kind for name, kind in SHOWN.items() if name in row.fields}
    return {"id": Column("UINT64", found["id"])} | {name: Column(kind, found[name]) for name, kind in shown.items()}
