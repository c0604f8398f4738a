"""A line or a zone and the cameras: which see how much of it, and what of it none sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from cim.access import Caller
from cim.crs import area_m2, from_geographic, length_m, to_geographic
from layers.live.cameras.asked import Asked
from layers.live.cameras.kept import Ground
from layers.live.cameras.near import View, views_near
from layers.live.cameras.surface import Box, buildings_within
from layers.live.cameras.told import camera_as_json, sight_receipt
from layers.queries.note import Note

DECIMALS = 8
MAX_LISTED = 1000
_COLLECTION = 7
#: Outlines of viewsheds follow walls to half a cell: narrower strips along them are no blind spots.
_STRIP_M = 0.5
_TILE_M = 200.0
_STRIPS = {
    "code": "strips",
    "message": "strips narrower than 1 m, which is what outlines of viewsheds are good for, are no blind spots",
}


class Cover(NamedTuple):
    """A zone in the metric CRS, its part outside of buildings, what of it no camera sees, and who was asked.

    Attributes
    ----------
    left_out
        Cameras that are offline and do not count.
    """

    zone: shapely.Geometry
    open_ground: shapely.Geometry
    blind: shapely.Geometry
    views: list[View]
    left_out: list[View]


def find_seeing_along(connection: Connection, ground: Ground, asked: Asked, caller: Caller) -> dict[str, Any]:
    """Return which cameras see how much of a line or zone, those first that see most.

    Raises
    ------
    NotFound, TooLarge
    """
    views, left_out = _views(connection, ground, asked, caller)
    shapely.prepare(asked.geometry)
    parts = [_flat(shapely.intersection(asked.geometry, view.geometry), asked) for view in views]
    measure, unit = (length_m, "seen_m") if asked.is_line else (area_m2, "seen_m2")
    whole = measure(asked.geometry)
    sizes = [0.0 if shapely.is_empty(part) else measure(part) for part in parts]
    everything = _flat(shapely.union_all(parts), asked)
    together = 0.0 if shapely.is_empty(everything) else measure(everything)
    listed = [
        camera_as_json(view.camera)
        | {unit: round(size, 2), "share": round(size / whole, 4), "is_offline": view.camera.is_offline}
        for view, size in sorted(zip(views, sizes, strict=True), key=lambda pair: -pair[1])
        if size > 0
    ]
    return {
        "length_m" if asked.is_line else "area_m2": round(whole, 2),
        unit: round(together, 2),
        "share": round(together / whole, 4),
        "count": len(listed),
        "cameras": listed[:MAX_LISTED],
        "left_out": [camera_as_json(view.camera) for view in left_out[:MAX_LISTED]],
        "receipt": receipt_of(connection, caller, [*views, *left_out], asked.parameters()),
    }


def find_blind_spots(connection: Connection, ground: Ground, asked: Asked, caller: Caller) -> dict[str, Any]:
    """Return what of a zone's open ground no camera sees, as a GeoJSON Feature.

    Raises
    ------
    NotFound, TooLarge
    """
    cover = cover_of(connection, ground, asked, caller)
    moved = to_geographic(ground.metric_crs).geometries(np.array([cover.open_ground, cover.blind], dtype=object))
    open_m2, blind_m2 = (0.0 if shapely.is_empty(each) else area_m2(each) for each in moved)
    return {
        "type": "Feature",
        "geometry": as_geojson(moved[1]),
        "properties": {
            "area_m2": round(area_m2(asked.geometry), 1),
            "open_ground_m2": round(open_m2, 1),
            "blind_m2": round(blind_m2, 1),
            "blind_share": round(blind_m2 / open_m2, 4) if open_m2 else None,
            "cameras": len(cover.views),
            "offline_left_out": [camera_as_json(view.camera) for view in cover.left_out[:MAX_LISTED]],
            "receipt": receipt_of(
                connection, caller, [*cover.views, *cover.left_out], asked.parameters(), notes=[_STRIPS]
            ),
        },
    }


def cover_of(connection: Connection, ground: Ground, asked: Asked, caller: Caller) -> Cover:
    """Return a zone's open ground and what of it no camera sees (metric CRS)."""
    views, left_out = _views(connection, ground, asked, caller)
    rows = connection.execute(buildings_within(tuple(shapely.bounds(asked.geometry).tolist()))).all()
    to_metric = from_geographic(ground.metric_crs)
    houses = to_metric.geometries(shapely.make_valid(shapely.from_wkb([row.outline for row in rows])))
    zone = to_metric.geometries(np.array([asked.geometry], dtype=object))[0]
    seen = to_metric.geometries(np.array([view.geometry for view in views], dtype=object))
    found = [_in_tile(zone, tile, houses, seen) for tile in _tiles(zone)]
    open_ground, blind = (shapely.union_all([pair[which] for pair in found]) for which in (0, 1))
    return Cover(zone, open_ground, _polygons(blind), views, left_out)


def _tiles(zone: shapely.Geometry) -> list[Box]:
    """Return the squares over a zone: many small polygons are cut faster than a few with very many holes."""
    west, south, east, north = (shapely.bounds(zone) / _TILE_M).tolist()
    columns, rows = range(int(west // 1), int(east // 1) + 1), range(int(south // 1), int(north // 1) + 1)
    corners = [(column * _TILE_M, row * _TILE_M) for row in rows for column in columns]
    return [(x, y, x + _TILE_M, y + _TILE_M) for x, y in corners]


def _in_tile(
    zone: shapely.Geometry, tile: Box, houses: NDArray[np.object_], seen: NDArray[np.object_]
) -> tuple[shapely.Geometry, shapely.Geometry]:
    """Return the open ground of a zone in a tile, and what of it none of the seen areas covers."""
    exact = shapely.box(*tile)
    # with a margin, so that strips are told at the edges of tiles as elsewhere
    wide = shapely.box(tile[0] - 2, tile[1] - 2, tile[2] + 2, tile[3] + 2)
    part = shapely.intersection(zone, wide)
    if shapely.is_empty(part):
        return part, part
    standing, looking = (each[shapely.intersects(each, wide)] for each in (houses, seen))
    open_ground = shapely.difference(part, shapely.union_all(standing))
    blind = shapely.difference(open_ground, shapely.union_all(looking))
    # opened: shrunk and grown again
    blind = shapely.buffer(shapely.buffer(blind, -_STRIP_M, join_style="mitre"), _STRIP_M, join_style="mitre")
    open_ground = shapely.intersection(open_ground, exact)
    return open_ground, shapely.intersection(blind, open_ground)


def receipt_of(
    connection: Connection,
    caller: Caller,
    views: Sequence[View],
    parameters: dict[str, Any],
    notes: Sequence[Note] = (),
) -> dict[str, Any]:
    """Return the receipt of an answer that rests on viewsheds."""
    datasets = {number for view in views for number in (*view.datasets, view.camera.dataset_id) if number is not None}
    return sight_receipt(connection, caller, len(views), datasets, {view.terrain for view in views}, parameters, notes)


def as_geojson(geometry: shapely.Geometry) -> Any:
    """Return a geometry of EPSG:4490 for JSON, to a millimetre."""
    return orjson.loads(shapely.to_geojson(shapely.set_precision(geometry, 10.0**-DECIMALS, mode="pointwise")))


def _views(connection: Connection, ground: Ground, asked: Asked, caller: Caller) -> tuple[list[View], list[View]]:
    """Return the cameras that count and those that are left out."""
    found = views_near(connection, ground, asked.geometry, asked.height_m, caller)
    if asked.with_offline:
        return found, []
    return (
        [view for view in found if not view.camera.is_offline],
        [view for view in found if view.camera.is_offline],
    )


def _flat(geometry: shapely.Geometry, asked: Asked) -> shapely.Geometry:
    """Return the lines, or the polygons, of what came out of an intersection; places where it touches count nothing."""
    wanted = 1 if asked.is_line else 2
    if shapely.get_dimensions(geometry) == wanted and shapely.get_type_id(geometry) != _COLLECTION:
        return geometry
    parts = shapely.get_parts(geometry)
    return shapely.union_all(parts[shapely.get_dimensions(parts) == wanted])


def _polygons(geometry: shapely.Geometry) -> shapely.Geometry:
    parts = shapely.get_parts(geometry)
    return shapely.MultiPolygon(parts[shapely.get_dimensions(parts) == 2].tolist())
