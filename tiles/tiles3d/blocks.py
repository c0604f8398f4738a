"""A model as seen from afar: a plain block for each storey, a few triangles in place of thousands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, func, select

from cim.tables import building, element, model, storey
from tiles.tiles3d.frame import geographic_to_earth
from tiles.tiles3d.merge import Color, Primitive

Floats = NDArray[np.float64]

WALL: Color = (0.87, 0.86, 0.83, 1.0)
EDGE: Color = (0.62, 0.62, 0.61, 1.0)
#: Of the darker band at a storey's foot, by which storeys can be counted from afar.
EDGE_M = 0.35
#: Storeys whose floors are closer than this are one level.
LEAST_HEIGHT_M = 0.5
USUAL_HEIGHT_M = 3.0
#: Corners nearer than this to a straight line are left out: from afar nobody sees them.
SIMPLE_M = 0.2
_DEGREES_A_METRE = 1 / 111_000


class Block(NamedTuple):
    """A storey's outline (EPSG:4490, longitude first) between two heights in the vertical datum, and its record."""

    outline: shapely.Geometry
    base_m: float
    top_m: float
    record: Row[Any] | None


def model_blocks(connection: Connection, row: Row[Any], lift_m: float = 0.0) -> list[Block]:
    """Return the blocks of a model's storeys; without storeys one of its footprint; none where that is unknown.

    Parameters
    ----------
    lift_m
        Added to all heights.
    """
    found = _storey_blocks(connection, row) or _whole_model(connection, row)
    return [block._replace(base_m=block.base_m + lift_m, top_m=block.top_m + lift_m) for block in found]


def _storey_blocks(connection: Connection, row: Row[Any]) -> list[Block]:
    records = connection.execute(
        select(storey.c.id, storey.c.global_id, storey.c.name, storey.c.base_height_m, storey.c.height_m)
        .add_columns(func.ST_AsBinary(storey.c.geom).label("outline"))
        .where(storey.c.model_id == row.id, storey.c.geom.is_not(None), storey.c.base_height_m.is_not(None))
        .order_by(storey.c.base_height_m, storey.c.id)
    ).all()
    return [
        Block(_outline(record.outline), record.base_height_m, top_m, record)
        for record, top_m in zip(records, _tops(records), strict=True)
    ]


def _tops(records: Sequence[Row[Any]]) -> list[float]:
    """Return the height at which each storey ends: at the floor of the next, the last one as it says itself."""
    bases = [float(record.base_height_m) for record in records]
    tops = []
    for record, base in zip(records, bases, strict=True):
        above = next((other for other in bases if other >= base + LEAST_HEIGHT_M), None)
        tops.append(base + float(record.height_m or USUAL_HEIGHT_M) if above is None else above)
    return tops


def _whole_model(connection: Connection, row: Row[Any]) -> list[Block]:
    low, high = func.min(element.c.min_height_m), func.max(element.c.max_height_m)
    footprint = func.coalesce(model.c.geom, building.c.geom)
    found = connection.execute(
        select(
            func.ST_AsBinary(footprint).label("outline"),
            select(low).where(element.c.model_id == row.id).scalar_subquery().label("base_m"),
            select(high).where(element.c.model_id == row.id).scalar_subquery().label("top_m"),
        )
        .select_from(model)
        .outerjoin(building, building.c.id == model.c.building_id)
        .where(model.c.id == row.id)
    ).one()
    if found.outline is None or found.base_m is None or found.top_m <= found.base_m:
        return []
    return [Block(_outline(found.outline), found.base_m, found.top_m, None)]


def _outline(wkb: bytes) -> shapely.Geometry:
    return shapely.simplify(shapely.force_2d(shapely.from_wkb(wkb)), SIMPLE_M * _DEGREES_A_METRE)


def draw_blocks(blocks: Sequence[Block], to_earth: Floats) -> list[Primitive]:
    """Return the walls and roofs of blocks, and the bands at their feet; the feature is the block's number.

    Parameters
    ----------
    to_earth
        4 x 4, from metres around the tile's origin to geocentric metres.
    """
    corners: dict[Color, list[Floats]] = {WALL: [], EDGE: []}
    numbers: dict[Color, list[int]] = {WALL: [], EDGE: []}
    to_local: Floats = np.linalg.inv(to_earth).astype(np.float64)
    for number, block in enumerate(blocks):
        for polygon in shapely.get_parts(block.outline):
            edge_m = min(block.base_m + EDGE_M, block.top_m)
            for color, made in (
                (EDGE, _walls(polygon, block.base_m, edge_m, to_local)),
                (WALL, _walls(polygon, edge_m, block.top_m, to_local)),
                (WALL, _lid(polygon, block.top_m, to_local)),
                (EDGE, _lid(polygon, block.base_m, to_local)[:, ::-1]),
            ):
                corners[color].append(made)
                numbers[color] += [number] * len(made)
    return [
        _flat(color, np.concatenate(corners[color]), np.array(numbers[color])) for color in corners if numbers[color]
    ]


def _local(points: Floats, height_m: float, to_local: Floats) -> Floats:
    earth = geographic_to_earth(np.column_stack([points[:, :2], np.full(len(points), height_m)]))
    placed: Floats = earth @ to_local[:3, :3].T + to_local[:3, 3]
    return placed


def _walls(polygon: shapely.Geometry, low_m: float, high_m: float, to_local: Floats) -> Floats:
    """Return triangles (n x 3 x 3) of a polygon's sides, seen from outside anticlockwise."""
    made = []
    for ring in shapely.get_rings(shapely.orient_polygons(polygon)):
        points = shapely.get_coordinates(ring)
        low, high = _local(points, low_m, to_local), _local(points, high_m, to_local)
        a, b, c, d = low[:-1], low[1:], high[1:], high[:-1]
        made += [np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]
    return np.concatenate(made)


def _lid(polygon: shapely.Geometry, height_m: float, to_local: Floats) -> Floats:
    """Return triangles (n x 3 x 3) of a polygon, seen from above anticlockwise."""
    triangles = shapely.get_parts(shapely.constrained_delaunay_triangles(polygon))
    points = shapely.get_coordinates(shapely.orient_polygons(triangles)).reshape(-1, 4, 2)[:, :3]
    return _local(points.reshape(-1, 2), height_m, to_local).reshape(-1, 3, 3)


def _flat(color: Color, corners: Floats, numbers: NDArray[np.int64]) -> Primitive:
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(across, axis=1)
    has_area = length > 1e-9
    normals = across[has_area] / length[has_area, None]
    count = int(has_area.sum())
    return Primitive(
        color,
        corners[has_area].reshape(-1, 3).astype(np.float32),
        np.repeat(normals, 3, axis=0).astype(np.float32),
        np.repeat(numbers[has_area], 3).astype(np.float32),
        np.arange(3 * count, dtype=np.uint32).reshape(-1, 3),
    )
