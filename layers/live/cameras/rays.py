"""The rays of a viewshed as index tables: where each leaves the middle of a square of cells, and what it crosses.

A ray crosses the lines through the centres of columns (or of rows, where it runs steeper) at every step; there the
surface is interpolated between the two cells beside it. The tables depend on the reach in cells alone, so they are
made once and every viewshed of a process takes them as they are: only heights are looked up.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)

#: Rays to each cell of the outermost ring; the nearest ray then passes within a sixth of a cell of its middle.
RAYS_PER_CELL = 3.0
#: Reaches are rounded up to this many cells, so that few tables serve all cameras.
REACH_STEP = 20


class Rays(NamedTuple):
    """Tables for a square of ``2 * reach + 3`` cells to a side, the eye in its middle cell.

    Attributes
    ----------
    reach
        Cells from the middle to the outermost ring; around it one more row of cells is only interpolated with.
    around
        Rays in the whole round, clockwise from grid north; the tables go round twice, so that a sector is a slice.
    near, far
        (reach, 2 * around): place in the flattened square of the two cells beside each crossing.
    share
        (reach, 2 * around): weight of ``far``.
    closeness
        (reach, 2 * around): one by the distance in cells.
    """

    reach: int
    around: int
    near: Ints
    far: Ints
    share: Floats
    closeness: Floats

    @property
    def side(self) -> int:
        """Cells to a side of the square."""
        return 2 * self.reach + 3


class Targets(NamedTuple):
    """What is known of each cell of the square of ``2 * reach + 1`` cells before any height.

    Attributes
    ----------
    bearing_deg, distance
        From the middle, clockwise from grid north; in cells.
    ray, ring
        The ray that passes nearest, and the step at which it does.
    """

    bearing_deg: Floats
    distance: Floats
    ray: Ints
    ring: Ints


def rounded_reach(cells: float) -> int:
    """Return the reach whose tables serve so many cells."""
    return max(1, int(np.ceil(cells / REACH_STEP))) * REACH_STEP


@lru_cache(maxsize=16)
def rays_of(reach: int) -> Rays:
    """Return the tables of a reach, counted in cells."""
    count = int(np.ceil(2 * np.pi * reach * RAYS_PER_CELL))
    angle = np.arange(count) * (2 * np.pi / count)
    east, north = np.sin(angle), np.cos(angle)
    is_wide = np.abs(east) >= np.abs(north)
    longest = np.where(is_wide, np.abs(east), np.abs(north))
    step = np.arange(1, reach + 1)[:, None]
    columns, rows = step * (east / longest), step * (-north / longest)
    # The major axis is a whole number of cells but for rounding errors.
    across = np.where(is_wide, rows, columns)
    low = np.floor(across)
    along = np.rint(np.where(is_wide, columns, rows))
    column = np.where(is_wide, along, low).astype(np.int32) + reach + 1
    row = np.where(is_wide, low, along).astype(np.int32) + reach + 1
    side = 2 * reach + 3
    near = (row * side + column).astype(np.int32)
    far = near + np.where(is_wide, side, 1).astype(np.int32)
    share = (across - low).astype(np.float32)
    closeness = (longest / step).astype(np.float32)
    return Rays(reach, count, _twice(near), _twice(far), _twice(share), _twice(closeness))


@lru_cache(maxsize=16)
def targets_of(reach: int) -> Targets:
    """Return what is known of the cells within a reach."""
    offset = np.arange(-reach, reach + 1)
    column, row = np.meshgrid(offset, offset)
    bearing = np.arctan2(column, -row) % (2 * np.pi)
    count = rays_of(reach).around
    return Targets(
        np.rad2deg(bearing).astype(np.float32),
        np.hypot(column, row).astype(np.float32),
        (np.rint(bearing * (count / (2 * np.pi))) % count).astype(np.int32),
        np.maximum(np.abs(column), np.abs(row)).astype(np.int32),
    )


def _twice(table: NDArray[Number]) -> NDArray[Number]:
    return np.ascontiguousarray(np.concatenate([table, table], axis=1))
