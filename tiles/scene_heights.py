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


def buried(connection: Connection, files: Path, row: LayerRow, box: Bounds, caller: Caller) -> list[dict[str, Any]]:
    """Return the pipes that begin in a box, at their depth below the ground."""
    names = ("start_depth_m", "end_depth_m", "depth_m", "start_invert_level_m", "end_invert_level_m")
    found = [
        (each, shape)
        for each in _read(connection, row, box, caller, names)
        if _begins_in(shape := shapely.from_wkb(each.shape), box)
    ]
    depths = [registered_depth(each, shape) for each, shape in found]
    levelled = [
        place
        for place, (each, _) in enumerate(found)
        if np.isnan(depths[place]).any() and None not in (each.start_invert_level_m, each.end_invert_level_m)
    ]
    ground = _ground_under([found[place][1] for place in levelled], connection, files)
    for place, heights in zip(levelled, ground, strict=True):
        depths[place] = heights - shapely.get_coordinates(found[place][1], include_z=True)[:, 2]
    return [
        _feature(each, row, _with_heights(shape, -depth), depth_known=bool(np.isfinite(depth).all()))
        for (each, shape), depth in zip(found, depths, strict=True)
    ]


def registered_depth(pipe: Any, shape: shapely.Geometry) -> Values:
    """Return the depth (m) at each vertex of a pipe as its register has it, between its ends by length, else NaN."""
    start = pipe.depth_m if pipe.start_depth_m is None else pipe.start_depth_m
    end = pipe.depth_m if pipe.end_depth_m is None else pipe.end_depth_m
    along = fractions(shape)
    if start is None or end is None:
        return np.full(len(along), np.nan)
    return np.asarray(start + (end - start) * along, np.float64)


def fractions(shape: shapely.Geometry) -> Values:
    """Return how far along a line each vertex is, 0 to 1."""
    points = shapely.get_coordinates(shape)
    scale = np.array([np.cos(np.radians(points[0, 1])), 1.0])
    run = np.concatenate([[0.0], np.cumsum(np.hypot(*(np.diff(points, axis=0) * scale).T))])
    return np.asarray(run / run[-1] if run[-1] > 0 else run, np.float64)


def on_ground(connection: Connection, files: Path, row: LayerRow, box: Bounds, caller: Caller) -> list[dict[str, Any]]:
    """Return the parts of rivers or surfaces of water in a box, with the ground's height."""
    lift_m = LINE_LIFT_M if row.geometry_type == "line" else LIFT_M
    found = []
    for each in _read(connection, row, box, caller, ()):
        whole = shapely.make_valid(shapely.force_2d(shapely.from_wkb(each.shape)))
        part = shapely.segmentize(shapely.clip_by_rect(whole, *box), STEP_DEG)
        if not part.is_empty:
            found.append((each, part))
    ground = _ground_under([part for _, part in found], connection, files)
    return [
        _feature(each, row, _with_heights(part, heights + lift_m))
        for (each, part), heights in zip(found, ground, strict=True)
    ]


def _ground_under(shapes: list[shapely.Geometry], connection: Connection, files: Path) -> list[Values]:
    """Return the height of the ground at the vertices of each shape, NaN where it is not known; read all at once."""
    points = shapely.get_coordinates(np.array(shapes, dtype=object))
    heights = read_ground(connection, files, points[:, 0], points[:, 1]).heights_m
    ends = np.cumsum(shapely.get_num_coordinates(np.array(shapes, dtype=object)))
    return [np.asarray(part) for part in np.split(heights, ends[:-1])] if shapes else []


def _read(connection: Connection, row: LayerRow, box: Bounds, caller: Caller, names: tuple[str, ...]) -> list[Row[Any]]:
    """Return the objects that meet a box: id, shape as WKB, named columns and those that tiles carry."""
    table = get_table(row)
    shown = [name for name in row.fields if name in table.c and name not in names and not name.endswith("_id")]
    columns = [table.c[name] for name in (*names, *shown)]
    meets = table.c.geom.op("&&")(func.ST_MakeEnvelope(*box, GEOGRAPHIC_SRID))
    statement = select(table.c.id, func.ST_AsBinary(table.c.geom).label("shape"), *columns)
    return list(connection.execute(statement.where(table.c.layer_id == row.id, meets, in_area(table, caller))))


def _begins_in(shape: shapely.Geometry, box: Bounds) -> bool:
    points = shapely.get_coordinates(shape)
    if len(points) == 0:
        return False
    lon, lat = points[0]
    return bool(box.west <= lon < box.east and box.south < lat <= box.north)


def _with_heights(shape: shapely.Geometry, heights_m: Values) -> shapely.Geometry:
    points = np.column_stack([shapely.get_coordinates(shape), np.nan_to_num(heights_m, nan=0.0).round(3)])
    return shapely.set_coordinates(shapely.force_3d(shape), points)


def _feature(each: Row[Any], row: LayerRow, shape: shapely.Geometry, **more: Any) -> dict[str, Any]:
    values = {str(name): value for name, value in each._mapping.items() if name in row.fields and value is not None}
    geometry = orjson.Fragment(shapely.to_geojson(shape))
    return {"type": "Feature", "id": each.id, "properties": values | more, "geometry": geometry}


Draw = Callable[[Connection, Path, LayerRow, Bounds, Caller], list[dict[str, Any]]]
DRAWN: dict[str, Draw] = {"pipes": buried, "rivers": on_ground, "river_areas": on_ground}
