"""Which way rivers run: down the ground where the terrain shows a fall, else as drawn."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from cim.tables import terrain
from layers.terrain.heights import sample_heights

#: Points at which the ground is looked at along a river.
_POINTS = 25
#: A fall says something from half a metre, or a tenth of the raster's pixels: the error of heights grows with them.
_LEAST_FALL_M = 0.5
_NOISE_PER_PIXEL = 0.1

Metres = NDArray[np.float64]


class Flow(NamedTuple):
    """``source``: heights | drawn; heights of the ground at the upper and lower end, metres, NaN where unknown."""

    is_reversed: NDArray[np.bool_]
    source: NDArray[np.object_]
    upper_m: Metres
    lower_m: Metres


def flow_of(connection: Connection, files: Path, lines: NDArray[np.object_]) -> Flow:
    """Return the direction of rivers.

    The fall is that of a straight line fitted to the heights along the river: single points of a raster lie on banks
    and bridges.

    Parameters
    ----------
    lines
        LineString or MultiLineString in the stored CRS.
    """
    shares = np.linspace(0, 1, _POINTS)
    points = shapely.line_interpolate_point(lines[:, None], shares[None, :], normalized=True)
    heights = sample_heights(connection, files, shapely.get_x(points).ravel(), shapely.get_y(points).ravel())
    heights = heights.reshape(len(lines), _POINTS)
    fall = np.array([_fall(shares, row) for row in heights], float)
    is_known = np.abs(fall) >= _noise_m(connection)
    is_reversed = is_known & (fall < 0)
    first, last = heights[:, 0], heights[:, -1]
    return Flow(
        is_reversed,
        np.where(is_known, "heights", "drawn").astype(object),
        np.where(is_reversed, last, first),
        np.where(is_reversed, first, last),
    )


def _fall(shares: Metres, heights: Metres) -> float:
    """Return by how much a fitted line falls from start to end, NaN where most heights are unknown."""
    known = np.isfinite(heights)
    if known.sum() * 2 < len(heights):
        return float("nan")
    return float(-np.polyfit(shares[known], heights[known], 1)[0])


def _noise_m(connection: Connection) -> float:
    coarsest = connection.execute(select(func.max(terrain.c.resolution_m)).where(terrain.c.kind == "dtm")).scalar_one()
    return max(_LEAST_FALL_M, _NOISE_PER_PIXEL * (coarsest or 0.0))
