"""Blocks of ground between roads, rivers and the edges of management cells; zones are made of whole ones.

Everything is noded on one grid (1e-9 degrees, 0.1 mm), so that neighbours share their vertices, and in one order, so
that the same lines give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.zones.making import GRID_DEG, buffered, settled

Shapes = NDArray[np.object_]
#: A block belongs to what lies within a distance when this share of it does.
SHARE = 0.5
#: What stays so near a boundary runs along it (half a metre).
_ALONG_DEG = 5e-6


class ThreeZones(NamedTuple):
    """Multipolygons (EPSG:4490) that have no inside in common and together are the district."""

    sealed: shapely.Geometry
    controlled: shapely.Geometry
    prevention: shapely.Geometry


def blocks_between(lines: Shapes, frame: shapely.Geometry) -> Shapes:
    """Return the faces into which lines (degrees) cut a frame."""
    inside = np.asarray(shapely.intersection(lines, frame, grid_size=GRID_DEG), dtype=object)
    cut = np.concatenate([inside, np.array([shapely.boundary(frame)], dtype=object)])
    noded = shapely.union_all(cut[~shapely.is_empty(cut)], grid_size=GRID_DEG)
    faces = shapely.get_parts(shapely.polygonize([noded]))
    return _ordered(shapely.normalize(faces))


def blocks_within(blocks: Shapes, middle: shapely.Geometry, distance_m: float) -> Shapes:
    """Return the blocks of which at least ``SHARE`` lies within a distance of a place, and those that it is in.

    A block that it is in and that reaches farther is cut at the distance; with none it is taken whole.
    """
    if not len(blocks):
        return blocks
    near = buffered(middle, distance_m) if distance_m else middle
    shapely.prepare(near)
    is_near = shapely.intersects(blocks, near)
    found = blocks[is_near]
    # Degrees are not square, and both areas are stretched alike.
    inside = shapely.intersection(found, near, grid_size=GRID_DEG)
    is_mostly = shapely.area(inside) / shapely.area(found) >= SHARE
    holds = (
        shapely.relate_pattern(found, middle, "2********") if shapely.area(middle) else shapely.covers(found, middle)
    )
    if not distance_m:
        return found[is_mostly | holds]
    # The block that the place is in may be a whole mountain: of it only what is near.
    chosen: Shapes = np.where(is_mostly, found, inside)[is_mostly | holds]
    return chosen


def three_zones(sealed: shapely.Geometry, reach: Shapes, district: shapely.Geometry) -> ThreeZones:
    """Part a district: what is sealed, the rest of the blocks around it, and all that is left.

    The boundaries are noded together and each face is given to one zone, so that none of them overlaps and nothing is
    left between them.
    """
    around = shapely.union_all(reach, grid_size=GRID_DEG) if len(reach) else sealed
    borders = np.array([shapely.boundary(shape) for shape in (sealed, around, district)], dtype=object)
    noded = shapely.union_all(borders, grid_size=GRID_DEG)
    faces = _ordered(shapely.normalize(shapely.get_parts(shapely.polygonize([noded]))))
    inside = shapely.point_on_surface(faces)
    is_ours = shapely.covers(district, inside)
    is_sealed = is_ours & shapely.covers(sealed, inside)
    is_controlled = is_ours & ~is_sealed & shapely.covers(around, inside)
    return ThreeZones(
        _joined(faces[is_sealed]), _joined(faces[is_controlled]), _joined(faces[is_ours & ~is_sealed & ~is_controlled])
    )


def gates(zone: shapely.Geometry, roads: Shapes) -> Shapes:
    """Return where roads leave a zone: the ends, on its boundary, of what lies inside of it, each place once."""
    if not len(roads):
        return np.array([], dtype=object)
    inside = shapely.get_parts(shapely.intersection(roads, zone, grid_size=GRID_DEG))
    lines = inside[(shapely.get_type_id(inside) == shapely.GeometryType.LINESTRING)]
    # A road that is the boundary winds around it by the width of the grid: no way leads through there.
    edge = shapely.buffer(shapely.boundary(zone), _ALONG_DEG)
    lines = lines[~shapely.covers(edge, lines)] if len(lines) else lines
    ends = np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    if not len(ends):
        return ends
    on_edge = ends[shapely.distance(ends, shapely.boundary(zone)) < 2 * GRID_DEG]
    places = np.unique(shapely.get_coordinates(shapely.set_precision(on_edge, 10 * GRID_DEG)), axis=0)
    return np.asarray(shapely.points(places), dtype=object)


def _joined(faces: Shapes) -> shapely.Geometry:
    return settled(shapely.coverage_union_all(faces)) if len(faces) else shapely.MultiPolygon()


def _ordered(shapes: Sequence[shapely.Geometry] | Shapes) -> Shapes:
    """Return shapes in the order of their bytes: noding may give them in any."""
    array = np.asarray(shapes, dtype=object)
    return array[np.argsort(shapely.to_wkb(array))] if len(array) else array
