"""Line of sight over a square of heights: from which height on a target at each cell is seen.

A target is seen when the line from the eye to it passes above the surface wherever it crosses the lines through the
centres of the cells between them. Of every ray the greatest slope so far is kept, step by step for all rays at once;
a cell then asks the ray that passes nearest to its middle. Work grows with the cells of the sector and nothing is
thrown away: the lowest seen height serves targets of all heights.

Why ours: GDAL's viewshed is not in the wheels of rasterio, that of xarray-spatial brings a compiler (numba) and takes
a whole raster without a sector, and a process of GRASS for each camera takes longer than the sight itself. The result
is compared with GRASS r.viewshed in ``bench/viewshed.py``. The earth's curvature is left out: within a kilometre, the
farthest that is looked, it comes to 8 cm, of which refraction gives a part back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from layers.live.cameras.rays import Rays, rays_of, targets_of

Heights = NDArray[np.float32]
Place = tuple[float, float, float]
#: The slope of what hides nothing; infinity by a distance of 0 is no number.
_DOWN = -1e9
#: What is so near to a place, in cells, is its own cell and does not hide it.
OWN_CELL = 0.99


class Sector(NamedTuple):
    """Which way an eye looks and how far; bearings clockwise from grid north, the range in cells.

    Attributes
    ----------
    hfov_deg
        360 looks all round.
    """

    azimuth_deg: float
    hfov_deg: float
    range_cells: float


class Sight(NamedTuple):
    """What an eye sees of the cells of its sector.

    Attributes
    ----------
    cells
        Places in the flattened square of ``2 * reach + 1`` cells to a side.
    distance
        Of each, in cells.
    lowest_m
        From this height on (in the datum of the surface) something over the cell's middle is seen.
    """

    cells: NDArray[np.int64]
    distance: NDArray[np.float32]
    lowest_m: Heights


def look(square: Heights, eye_m: float, sector: Sector, reach: int) -> Sight:
    """Return what is seen over a surface.

    Parameters
    ----------
    square
        Heights of the surface, ``2 * reach + 3`` cells to a side, north up, the eye over the middle of the middle cell.
    eye_m
        Height of the eye in the datum of the surface.
    reach
        As :func:`layers.live.cameras.rays.rounded_reach` gives it for the sector's range.
    """
    rays, targets = rays_of(reach), targets_of(reach)
    off = np.abs(targets.bearing_deg - np.float32(sector.azimuth_deg % 360))
    is_inside = np.minimum(off, 360 - off) <= max(sector.hfov_deg / 2, 0.0)
    is_inside |= targets.distance == 0
    is_inside &= targets.distance <= sector.range_cells
    cells = np.flatnonzero(is_inside)
    first, count = _rays_within(rays, sector)
    steps = min(reach, int(np.ceil(sector.range_cells)))
    slopes = _greatest_slopes(square, eye_m, rays, slice(first, first + count), steps)
    ray = targets.ray.ravel()[cells] - first
    ray[ray < 0] += rays.around
    ring = targets.ring.ravel()[cells]
    # The eye's own cell lies on no ray.
    ray[ring == 0] = 0
    distance = targets.distance.ravel()[cells]
    # Of a cell beside the eye nothing lies between.
    slope = slopes[np.maximum(ring - 1, 0), ray]
    lowest = np.where(ring > 1, slope * distance + np.float32(eye_m), np.float32(-np.inf))
    return Sight(cells, distance, lowest.astype(np.float32))


def _rays_within(rays: Rays, sector: Sector) -> tuple[int, int]:
    """Return the first ray of a sector and how many there are, one more to either side."""
    if sector.hfov_deg >= 360:
        return 0, rays.around
    width = 360 / rays.around
    first = int(np.floor((sector.azimuth_deg - sector.hfov_deg / 2) / width)) - 1
    last = int(np.ceil((sector.azimuth_deg + sector.hfov_deg / 2) / width)) + 1
    return first % rays.around, min(last - first + 1, rays.around)


def _greatest_slopes(square: Heights, eye_m: float, rays: Rays, within: slice, steps: int) -> Heights:
    """Return (steps + 1, rays): the greatest rise a cell over the first 0, 1, 2 ... crossings of each ray."""
    above = square.ravel() - np.float32(eye_m)
    slopes = np.empty((steps + 1, within.stop - within.start), np.float32)
    slopes[0] = _DOWN
    for step in range(steps):
        height = above.take(rays.near[step, within])
        beside = above.take(rays.far[step, within])
        beside -= height
        beside *= rays.share[step, within]
        height += beside
        height *= rays.closeness[step, within]
        np.maximum(slopes[step], height, out=slopes[step + 1])
    return slopes


def is_clear(heights: Heights, eye: Place, target: Place, *, spared_cells: float = OWN_CELL) -> bool:
    """Tell whether nothing stands between an eye and one place.

    Parameters
    ----------
    heights
        The surface.
    eye, target
        Row and column in cells, whole numbers in the middle of a cell, and height. The eye is in the middle of one.
    spared_cells
        What is nearer to the target than this does not hide it: the wall that it is on.
    """
    down, right = target[0] - eye[0], target[1] - eye[1]
    steps = max(abs(down), abs(right))
    share = np.arange(1, int(np.ceil(steps))) / max(steps, 1.0)
    share = share[(1 - share) * np.hypot(down, right) > spared_cells]
    row, column = eye[0] + down * share, eye[1] + right * share
    limits = np.array(heights.shape) - 1
    r0, c0 = (
        np.floor(place + 1e-9).astype(int).clip(0, limit) for place, limit in zip((row, column), limits, strict=True)
    )
    r1, c1 = np.minimum(r0 + 1, limits[0]), np.minimum(c0 + 1, limits[1])
    # Along the longer way the crossings lie in the middle of cells: only the other way they are between two.
    is_wide = abs(right) >= abs(down)
    lower, upper = heights[r0, c0], heights[r1, c0] if is_wide else heights[r0, c1]
    between = row - r0 if is_wide else column - c0
    surface = lower + (upper - lower) * between
    return bool((surface <= eye[2] + (target[2] - eye[2]) * share).all())
