"""How deep objects stand in water: the deepest of the cells that they meet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from cim.crs import to_geographic
from layers.water.window import Metres, Window

Numbers = NDArray[np.int64]

#: Cells to a side of the blocks by which the database looks for objects.
_BLOCK = 32
#: Pairs of an object and a cell that are compared at one time.
_PAIRS = 1_000_000


class Water(NamedTuple):
    """Water over a window: depths in metres, 0 where dry."""

    window: Window
    depth: Metres

    @property
    def level(self) -> Metres:
        """Heights of the water's surface, of the ground where it is dry."""
        return self.window.heights + self.depth

    def deeper(self, least_m: float) -> Water:
        """Return the water where it is at least so deep."""
        return Water(self.window, np.where(self.depth >= least_m, self.depth, 0.0))


class Touch(NamedTuple):
    """Pairs of an object (number in the array that was asked for) and a wet cell that it meets."""

    shape: Numbers
    row: Numbers
    column: Numbers


class Stand(NamedTuple):
    """What each of n objects stands in: metres of depth, 0 where dry, and the highest level, NaN where dry."""

    depth: Metres
    level: Metres


def stand_of(water: Water, shapes: NDArray[np.object_]) -> Stand:
    """Return how deep shapes (EPSG:4490) stand in water: a cell counts where it meets the shape, touching included."""
    depth, level = np.zeros(len(shapes)), np.full(len(shapes), -np.inf)
    surface = water.level
    for touch in touches(water, water.window.metric(shapes)):
        np.maximum.at(depth, touch.shape, water.depth[touch.row, touch.column])
        np.maximum.at(level, touch.shape, surface[touch.row, touch.column])
    return Stand(depth, np.where(np.isfinite(level), level, np.nan))


def stand_at(water: Water, longitude: Metres, latitude: Metres) -> Stand:
    """Return how deep places (degrees) stand in water."""
    row, column = water.window.cells_of(longitude, latitude)
    inside = water.window.has(row, column)
    depth, level = np.zeros(len(row)), np.full(len(row), np.nan)
    depth[inside] = water.depth[row[inside], column[inside]]
    level[inside] = np.where(depth[inside] > 0, water.level[row[inside], column[inside]], np.nan)
    return Stand(depth, level)


def touches(water: Water, shapes: NDArray[np.object_]) -> Iterator[Touch]:
    """Yield the pairs of shapes (metric CRS) and wet cells that meet, those of one shape together."""
    numbers, boxes = _candidates(water, shapes)
    sizes = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    shapely.prepare(shapes[numbers])
    begin = 0
    while begin < len(numbers):
        end = begin + max(1, int(np.searchsorted(np.cumsum(sizes[begin:]), _PAIRS, side="right")))
        yield _meet(water, shapes, numbers[begin:end], boxes[begin:end], sizes[begin:end])
        begin = end


def cell_boxes(window: Window, row: Numbers, column: Numbers) -> NDArray[np.object_]:
    """Return cells as squares of the metric CRS."""
    # Sides that two cells share are the same numbers.
    west, east = (window.west + (column + side) * window.cell_m for side in (0, 1))
    north, south = (window.north - (row + side) * window.cell_m for side in (0, 1))
    found: NDArray[np.object_] = shapely.box(west, south, east, north)
    return found


def _candidates(water: Water, shapes: NDArray[np.object_]) -> tuple[Numbers, Numbers]:
    """Return the shapes whose box has a wet cell, and the box: first row and column, and those after the last."""
    window, (height, width) = water.window, water.depth.shape
    bounds = np.asarray(shapely.bounds(shapes), np.float64).reshape(-1, 4)
    there = np.asarray(np.isfinite(bounds).all(axis=1), np.bool_)
    west, south, east, north = np.where(there[:, None], bounds, 0.0).T
    top, bottom = np.floor((window.north - north) / window.cell_m), np.floor((window.north - south) / window.cell_m) + 1
    left, right = np.floor((west - window.west) / window.cell_m), np.floor((east - window.west) / window.cell_m) + 1
    # A shape that ends on a line between two cells touches both.
    boxes = np.column_stack([top.clip(0, height), (left - 1).clip(0, width), (bottom + 1).clip(0, height),
                             right.clip(0, width)])  # fmt: skip
    boxes[:, 0] = (boxes[:, 0] - 1).clip(0)
    boxes = boxes.astype(np.int64)
    sums = np.pad(np.cumsum(np.cumsum(water.depth > 0, axis=0, dtype=np.int64), axis=1), ((1, 0), (1, 0)))
    wet = (
        sums[boxes[:, 2], boxes[:, 3]] - sums[boxes[:, 0], boxes[:, 3]]
        - sums[boxes[:, 2], boxes[:, 1]] + sums[boxes[:, 0], boxes[:, 1]]
    )  # fmt: skip
    some = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    numbers = np.flatnonzero(there & some & (wet > 0))
    return numbers, boxes[numbers]


def _meet(water: Water, shapes: NDArray[np.object_], numbers: Numbers, boxes: Numbers, sizes: Numbers) -> Touch:
    which = np.repeat(np.arange(len(numbers)), sizes)
    within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    wide = (boxes[:, 3] - boxes[:, 1])[which]
    row, column = boxes[which, 0] + within // wide, boxes[which, 1] + within % wide
    wet = water.depth[row, column] > 0
    which, row, column = which[wet], row[wet], column[wet]
    hit = shapely.intersects(shapes[numbers[which]], cell_boxes(water.window, row, column))
    return Touch(numbers[which[hit]], row[hit], column[hit])


def boxes_of(water: Water) -> dict[str, Any]:
    """Return boxes (degrees, arrays by side) that cover all wet cells: runs of blocks, for an index to look in."""
    window, wet = water.window, water.depth > 0
    rows, columns = -(-wet.shape[0] // _BLOCK), -(-wet.shape[1] // _BLOCK)
    padded = np.zeros((rows * _BLOCK, columns * _BLOCK), bool)
    padded[: wet.shape[0], : wet.shape[1]] = wet
    blocks = padded.reshape(rows, _BLOCK, columns, _BLOCK).any(axis=(1, 3))
    change = np.diff(np.pad(blocks, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    (row, first), (_, last) = np.nonzero(change == 1), np.nonzero(change == -1)
    side = _BLOCK * window.cell_m
    # Sides of the metric CRS are bent in degrees, by less than a cell.
    west, east = window.west + first * side - window.cell_m, window.west + last * side + window.cell_m
    north = window.north - row * side + window.cell_m
    south = north - side - 2 * window.cell_m
    back = to_geographic(window.metric_crs)
    corners = [back.points(x, y) for x in (west, east) for y in (south, north)]
    lon, lat = np.array([corner[0] for corner in corners]), np.array([corner[1] for corner in corners])
    return {"wests": lon.min(axis=0).tolist(), "souths": lat.min(axis=0).tolist(),
            "easts": lon.max(axis=0).tolist(), "norths": lat.max(axis=0).tolist()}  # fmt: skip
