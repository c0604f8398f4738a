"""Objects of a tile as GeoJSON with heights: pipes at their depth, waters on the ground."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import morecantile
import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, func, select

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import GEOGRAPHIC_SRID
from layers.catalogue import LayerRow
from layers.queries.visible import in_area
from layers.terrain.heights import read_ground
from tiles.mvt import get_table, get_tile_layer
from tiles.tile import Tile, parse_tile, tile_matrix_set

#: Waters follow the ground from vertex to vertex; about 25 m.
STEP_DEG = 0.00025
#: Above the ground, so that the relief's mesh, which is coarser than the raster, does not hide them.
LIFT_M = 2.0
#: Centrelines lie over the surfaces that they run through.
LINE_LIFT_M = 3.0

Values = NDArray[np.float64]
Shapes = NDArray[np.object_]
Feature = dict[str, Any]


class Bounds(NamedTuple):
    """West, south, east, north in degrees."""

    west: float
    south: float
    east: float
    north: float


def scene_tile(
    connection: Connection, files: Path, layer_id: str, z: object, x: object, y: object, caller: Caller
) -> bytes:
    """Return the objects of a layer in a tile as a GeoJSON FeatureCollection, Z in metres.

    Parameters
    ----------
    layer_id
        ``pipes``: each in the one tile that it begins in, Z is minus its depth, 0 where that is not known
        (``depth_known``); ``rivers`` and ``river_areas``: cut at the tile's edges, Z is the height of the ground.

    Raises
    ------
    NotFound
        For another layer, or one that may not be seen.
    InvalidInput
        For an address out of range.
    """
    draw = DRAWN.get(layer_id)
    if draw is None:
        raise NotFound(f"the layer '{layer_id[:40]}' is not drawn with heights; these are: {', '.join(DRAWN)}")
    tile = parse_tile(z, x, y)
    row = get_tile_layer(connection, layer_id, caller)
    features = draw(connection, files, row, bounds_of(tile), caller) if tile.z >= row.min_zoom else []
    return orjson.dumps({"type": "FeatureCollection", "features": features})


def bounds_of(tile: Tile) -> Bounds:
    """Return what a tile covers, in degrees."""
    return Bounds(*tile_matrix_set().bounds(morecantile.Tile(x=tile.x, y=tile.y, z=tile.z)))


def buried(connection: Connection, files: Path, row: LayerRow, box: Bounds, caller: Caller) -> list[Feature]:
    """Return the pipes that begin in a box, at their depth below the ground."""
    names = ("start_depth_m", "end_depth_m", "depth_m", "start_invert_level_m", "end_invert_level_m")
    rows = _read(connection, row, box, caller, names)
    shapes = _shapes(rows)
    begins = _begins_in(shapes, box)
    rows, shapes = [each for each, is_here in zip(rows, begins, strict=True) if is_here], shapes[begins]
    points, of = shapely.get_coordinates(shapes, include_z=True, return_index=True)
    start, end, either, *levels = _numbers(rows, names).T
    start, end = np.where(np.isnan(start), either, start), np.where(np.isnan(end), either, end)
    depth = start[of] + (end - start)[of] * fractions(points, of)
    # Where a depth is missing, the register's levels below the ground say it.
    levelled = (np.isnan(start) | np.isnan(end)) & np.isfinite(levels[0]) & np.isfinite(levels[1])
    which = levelled[of]
    depth[which] = read_ground(connection, files, points[which, 0], points[which, 1]).heights_m - points[which, 2]
    is_known = np.bincount(of, ~np.isfinite(depth), minlength=len(rows)) == 0
    drawn = _with_heights(shapes, -depth)
    return _features(rows, row, drawn, [{"depth_known": known} for known in is_known.tolist()])


def fractions(points: Values, of: NDArray[np.int64]) -> Values:
    """Return how far along its line each vertex is, 0 to 1.

    Parameters
    ----------
    points, of
        Longitude and latitude of vertices, and the number of the line that each belongs to, in order.
    """
    if len(points) == 0:
        return np.zeros(0)
    is_first = np.concatenate([[True], of[1:] != of[:-1]])
    first = np.flatnonzero(is_first)[np.cumsum(is_first) - 1]
    east = np.diff(points[:, 0], prepend=points[0, 0]) * np.cos(np.radians(points[first, 1]))
    steps = np.hypot(east, np.diff(points[:, 1], prepend=points[0, 1]))
    run = np.cumsum(np.where(is_first, 0.0, steps))
    run -= run[first]
    length = np.maximum.reduceat(run, np.flatnonzero(is_first))[np.cumsum(is_first) - 1]
    return np.asarray(np.divide(run, length, out=np.zeros_like(run), where=length > 0), np.float64)


def on_ground(connection: Connection, files: Path, row: LayerRow, box: Bounds, caller: Caller) -> list[Feature]:
    """Return the parts of rivers or surfaces of water in a box, with the ground's height."""
    lift_m = LINE_LIFT_M if row.geometry_type == "line" else LIFT_M
    rows = _read(connection, row, box, caller, ())
    wholes = shapely.make_valid(shapely.force_2d(_shapes(rows)))
    parts = shapely.segmentize(shapely.clip_by_rect(wholes, *box), STEP_DEG)
    is_there = ~shapely.is_empty(parts)
    rows, parts = [each for each, is_here in zip(rows, is_there, strict=True) if is_here], parts[is_there]
    points = shapely.get_coordinates(parts)
    heights = read_ground(connection, files, points[:, 0], points[:, 1]).heights_m
    return _features(rows, row, _with_heights(parts, heights + lift_m), [{}] * len(rows))


def _read(connection: Connection, row: LayerRow, box: Bounds, caller: Caller, names: tuple[str, ...]) -> list[Row[Any]]:
    """Return the objects that meet a box: id, shape as WKB, named columns and those that tiles carry."""
    table = get_table(row)
    shown = [name for name in row.fields if name in table.c and name not in names and not name.endswith("_id")]
    columns = [table.c[name] for name in (*names, *shown)]
    meets = table.c.geom.op("&&")(func.ST_MakeEnvelope(*box, GEOGRAPHIC_SRID))
    statement = select(table.c.id, func.ST_AsBinary(table.c.geom).label("shape"), *columns)
    return list(connection.execute(statement.where(table.c.layer_id == row.id, meets, in_area(table, caller))))


def _shapes(rows: list[Row[Any]]) -> Shapes:
    return np.asarray(shapely.from_wkb(np.array([each.shape for each in rows], dtype=object)), dtype=object)


def _numbers(rows: list[Row[Any]], names: tuple[str, ...]) -> Values:
    """Return columns of the rows, NaN where a value is missing."""
    return np.array([[getattr(each, name) for name in names] for each in rows], np.float64).reshape(-1, len(names))


def _begins_in(shapes: Shapes, box: Bounds) -> NDArray[np.bool_]:
    points, of = shapely.get_coordinates(shapes, return_index=True)
    found = np.zeros(len(shapes), bool)
    having, first = np.unique(of, return_index=True)
    lon, lat = points[first].T
    found[having] = (box.west <= lon) & (lon < box.east) & (box.south < lat) & (lat <= box.north)
    return found


def _with_heights(shapes: Shapes, heights_m: Values) -> Shapes:
    """Return shapes with the heights of all of their vertices, in their order; 0 where none is known."""
    points = np.column_stack([shapely.get_coordinates(shapes), np.nan_to_num(heights_m, nan=0.0).round(3)])
    return np.asarray(shapely.set_coordinates(shapely.force_3d(shapes), points), dtype=object)


def _features(rows: list[Row[Any]], row: LayerRow, shapes: Shapes, more: list[dict[str, Any]]) -> list[Feature]:
    names = [str(name) for name in rows[0]._fields] if rows else []
    shown = [(place, name) for place, name in enumerate(names) if name in row.fields]
    return [
        {
            "type": "Feature",
            "id": each.id,
            "properties": {name: each[place] for place, name in shown if each[place] is not None} | own,
            "geometry": orjson.Fragment(geometry),
        }
        for each, geometry, own in zip(rows, shapely.to_geojson(shapes).tolist(), more, strict=True)
    ]


Draw = Callable[[Connection, Path, LayerRow, Bounds, Caller], list[Feature]]
DRAWN: dict[str, Draw] = {"pipes": buried, "rivers": on_ground, "river_areas": on_ground}
