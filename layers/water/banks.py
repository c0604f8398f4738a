"""Banks of rivers, left and right as one looks downstream."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

Shapes = NDArray[np.object_]
Numbers = NDArray[np.int64]
#: Edges of water surfaces are looked at in steps of this length.
_STEP_M = 10.0
#: The edge of a surface that is nearer to a river's end than this shuts it off, and is no bank.
_END_M = 0.5


class Bank(NamedTuple):
    """One bank of a river; ``shape`` is a MultiLineString in the plane, ``method`` surface | width."""

    river: int
    side: str
    method: str
    shape: shapely.Geometry


def find_banks(
    rivers: Shapes, is_reversed: NDArray[np.bool_], width_m: NDArray[np.float64], surfaces: Shapes
) -> list[Bank]:
    """Return the banks of all rivers that have a water surface or a width.

    An edge of a surface is a bank of the nearest river that runs in this surface.

    Parameters
    ----------
    rivers, surfaces
        In metres of a plane, as drawn.
    is_reversed
        Rivers that flow against the line as drawn.
    width_m
        NaN where unknown.
    """
    found = _from_surfaces(rivers, is_reversed, surfaces)
    seen = {bank.river for bank in found}
    for river in np.flatnonzero(width_m > 0).tolist():
        if river not in seen:
            found += _from_width(river, rivers[river], bool(is_reversed[river]), float(width_m[river]))
    return found


def _from_surfaces(rivers: Shapes, is_reversed: NDArray[np.bool_], surfaces: Shapes) -> list[Bank]:
    if not len(rivers) or not len(surfaces):
        return []
    pieces, surface = _pieces(surfaces)
    middle = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    surface_of, river_in = shapely.STRtree(rivers).query(surfaces, predicate="intersects")
    sides: dict[tuple[int, str], list[shapely.Geometry]] = {}
    for number in np.unique(surface_of).tolist():
        own = river_in[surface_of == number]
        edge = np.flatnonzero(surface == number)
        at, near = shapely.STRtree(rivers[own]).query_nearest(middle[edge], all_matches=False)
        edge, river = edge[at], own[near]
        left, inside = _side(rivers[river], middle[edge])
        left ^= is_reversed[river]
        for piece, line, is_left in zip(edge[inside].tolist(), river[inside].tolist(), left[inside], strict=True):
            sides.setdefault((line, "left" if is_left else "right"), []).append(pieces[piece])
    return [
        Bank(river, side, "surface", _merged(parts))
        for (river, side), parts in sorted(sides.items(), key=lambda s: s[0])
    ]


def _pieces(surfaces: Shapes) -> tuple[Shapes, Numbers]:
    """Return the edges of surfaces in short straight pieces, and the surface of each."""
    rings = shapely.segmentize(shapely.boundary(shapely.force_2d(surfaces)), _STEP_M)
    parts, surface = shapely.get_parts(rings, return_index=True)
    xy, part = shapely.get_coordinates(parts, return_index=True)
    same = part[:-1] == part[1:]
    lines = shapely.linestrings(np.stack([xy[:-1][same], xy[1:][same]], axis=1))
    return np.asarray(lines, object), surface[part[:-1][same]].astype(np.int64)


def _side(lines: Shapes, points: Shapes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which points lie left of lines as drawn, and which lie beside them, not beyond their ends."""
    length = np.asarray(shapely.length(lines), float)
    at = np.asarray(shapely.line_locate_point(lines, points), float)
    back = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.maximum(at - 1.0, 0)))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.minimum(at + 1.0, length)))
    way, off = ahead - back, shapely.get_coordinates(points) - back
    left = way[:, 0] * off[:, 1] - way[:, 1] * off[:, 0] > 0
    return left, (at > _END_M) & (at < length - _END_M)


def _from_width(number: int, river: shapely.Geometry, is_reversed: bool, width_m: float) -> list[Bank]:
    found = []
    for side, distance in (("left", width_m / 2), ("right", -width_m / 2)):
        parts = [
            shapely.offset_curve(part, -distance if is_reversed else distance) for part in shapely.get_parts(river)
        ]
        lines = [part for part in shapely.get_parts(np.array(parts, object)) if not part.is_empty]
        if lines:
            found.append(Bank(number, side, "width", _merged(lines)))
    return found


def _merged(parts: list[Any]) -> shapely.Geometry:
    merged: Any = shapely.line_merge(shapely.MultiLineString(parts))
    return shapely.MultiLineString(shapely.get_parts(merged).tolist())
