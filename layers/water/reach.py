"""The level of water along a river: its own surface, which falls, and what it rises above it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from cim.errors import InvalidInput
from layers.water.window import Metres, Window


class Reach(NamedTuple):
    """What a river does to a window.

    Attributes
    ----------
    level_m
        Of the water at each cell: that of the nearest cell of the river.
    seeds
        Cells of the river.
    highest_m, lowest_m
        Of the level along the river.
    """

    level_m: Metres
    seeds: NDArray[np.bool_]
    highest_m: float
    lowest_m: float


def level_along(
    window: Window, lines: NDArray[np.object_], is_forward: bool | None, *, rise_m: float | None, level_m: float | None
) -> Reach:
    """Return the level along a river.

    The river's own surface is the ground along its centreline, made to fall downstream (isotonic regression: the
    nearest falling heights by least squares), because a raster has bridges and banks in it.

    Parameters
    ----------
    lines
        Pieces of the centreline, EPSG:4490, each by itself.
    is_forward
        Whether the water runs as they are drawn; None: as the ground falls.
    rise_m, level_m
        Metres above the river's own surface, or the same height everywhere. One of them.

    Raises
    ------
    InvalidInput
        No piece lies on known ground.
    """
    surface = np.full(window.heights.shape, np.nan)
    for line in window.metric(shapely.get_parts(lines)):
        row, column = _cells_along(window, line)
        if len(row):
            ground = window.heights[row, column]
            surface[row, column] = level_m if level_m is not None else _falling(ground, is_forward) + (rise_m or 0.0)
    seeds = np.isfinite(surface)
    if not seeds.any():
        raise InvalidInput(
            "no part of the river lies on known ground within the window: say another 'within'", "river_without_ground"
        )
    nearest = distance_transform_edt(~seeds, return_distances=False, return_indices=True)
    level = surface[tuple(nearest)]
    return Reach(level, seeds, float(surface[seeds].max()), float(surface[seeds].min()))


def _cells_along(window: Window, line: shapely.LineString) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cells of known ground that a line passes, in its order, each once."""
    length = float(shapely.length(line))
    along = np.linspace(0.0, length, max(2, int(length / (window.cell_m / 2)) + 1))
    points = shapely.get_coordinates(shapely.line_interpolate_point(line, along))
    row = np.floor((window.north - points[:, 1]) / window.cell_m).astype(np.int64)
    column = np.floor((points[:, 0] - window.west) / window.cell_m).astype(np.int64)
    inside = window.has(row, column)
    row, column = row[inside], column[inside]
    known = np.isfinite(window.heights[row, column])
    row, column = row[known], column[known]
    _, first = np.unique(row * window.heights.shape[1] + column, return_index=True)
    first.sort()
    return row[first], column[first]


def _falling(ground: Metres, is_forward: bool | None) -> Metres:
    """Return the heights that fall along the line and are nearest to the ground."""
    # slow to load, and seldom needed
    from scipy.optimize import isotonic_regression

    if is_forward is None:
        is_forward = len(ground) < 2 or float(np.polyfit(np.arange(len(ground)), ground, 1)[0]) <= 0
    return np.asarray(isotonic_regression(ground, increasing=not is_forward).x, np.float64)
