"""The columns of a register that hold coordinates, and points made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from layers.sources.batch import Values
from layers.sources.convert import convert
from layers.sources.geometry import outside, plausible_bounds
from layers.sources.mapping import plain

_GEOGRAPHIC = (
    ("经度", "纬度"),
    ("东经", "北纬"),
    ("longitude", "latitude"),
    ("lon", "lat"),
    ("lng", "lat"),
    ("long", "lat"),
    ("gis_lon", "gis_lat"),
)
_PLANE = (
    ("easting", "northing"),
    ("东坐标", "北坐标"),
    ("横坐标", "纵坐标"),
    ("x坐标", "y坐标"),
    ("x_coord", "y_coord"),
    ("coord_x", "coord_y"),
    ("x", "y"),
)


#: Names that say which axis is the first, and not which is the north.
_EITHER_WAY = {plain(pair[0]) for pair in _PLANE if "x" in pair[0]}


@dataclass(frozen=True)
class Axes:
    """Names of the columns for x (east, longitude) and y (north, latitude)."""

    x: str
    y: str
    is_geographic: bool


def find_axes(names: Sequence[str]) -> Axes | None:
    """Return the columns with coordinates, or None."""
    known = {plain(name): name for name in reversed(names)}
    for pairs, is_geographic in ((_GEOGRAPHIC, True), (_PLANE, False)):
        for x, y in pairs:
            if plain(x) in known and plain(y) in known:
                return Axes(known[plain(x)], known[plain(y)], is_geographic)
    return None


def is_x_north(axes: Axes, x: Values, y: Values, crs: CRS) -> bool:
    """Tell whether columns called X and Y are north and east: in systems whose first axis is north X is the north.

    The numbers decide: none can lie in the system as they are, and all can with X as north.
    """
    if plain(axes.x) not in _EITHER_WAY or crs.axis_info[0].direction != "north":
        return False
    shapes, _ = points(x, y)
    coordinates = shapely.get_coordinates(shapes)
    out, swapped = outside(coordinates[:, 0], coordinates[:, 1], plausible_bounds(crs))
    return bool(len(out) and swapped.all())


def points(x: Values, y: Values) -> tuple[Values, NDArray[np.bool_]]:
    """Return points (None where a coordinate is missing), and where a coordinate is no number."""
    east, bad_x = convert(x, "number")
    north, bad_y = convert(y, "number")
    there = np.fromiter((a is not None and b is not None for a, b in zip(east, north, strict=True)), bool, len(x))
    shapes: Values = np.full(len(x), None, object)
    if there.any():
        shapes[there] = shapely.points(east[there].astype(float), north[there].astype(float))
    return shapes, bad_x | bad_y
