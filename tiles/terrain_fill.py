"""Heights where no raster has any: near known ground they go on from it, farther off they level out.

Neighbouring tiles agree, for what fills them is worked out from the same heights: a coarse ground of all rasters, and
what the rasters differ from it within reach. So no cliff is drawn around the rasters, nor between tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.fill import fillnodata
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

from tiles.tile import Envelope

#: How far known heights reach into a void, in pixels of a tile; half as far they count in full.
REACH_PX = 32
#: The side of the coarse ground, which reaches beyond the rasters by half of their extent on every side.
COARSE_PIXELS = 512
_SMOOTH_PX = 1.0
#: By what power of their distance known heights lose weight; of more than 2, lest the far outweigh the near.
_FALL = 3.0

Heights = NDArray[np.float32]
#: Reads heights over a square in EPSG:3857, pixels x pixels from the north-west, NaN where void; None where all is.
Read = Callable[[Envelope, int], Heights | None]


class Ground(NamedTuple):
    """Smooth heights over a square in EPSG:3857 without voids; beyond it go those of its edge."""

    heights: Heights
    box: Envelope


def coarse_ground(read: Read, bounds: Envelope) -> Ground | None:
    """Return the ground of all rasters, coarse and without voids, or None where they are too small to be seen on it.

    Parameters
    ----------
    bounds
        What the rasters cover, in EPSG:3857.
    """
    side = 2 * max(bounds.east - bounds.west, bounds.north - bounds.south)
    west, south = (bounds.west + bounds.east - side) / 2, (bounds.south + bounds.north - side) / 2
    box = Envelope(west, south, west + side, south + side)
    heights = read(box, COARSE_PIXELS)
    if heights is None:
        return None
    return Ground(gaussian_filter(spread(heights), _SMOOTH_PX, mode="nearest"), box)


def fill(around: Heights, box: Envelope, ground: Ground | None) -> Heights:
    """Return heights over a square with all voids filled; they are known to be right ``REACH_PX`` from its edges.

    Parameters
    ----------
    around
        Heights with ``REACH_PX`` more on every side than are needed, NaN where void.
    box
        What ``around`` covers, in EPSG:3857.
    """
    known = np.isfinite(around)
    if ground is None:
        return nearest(around)
    base = _sample(ground, box, around.shape[0])
    apart = np.where(known, around - base, 0).astype(np.float32)
    apart = fillnodata(apart, mask=known.astype(np.uint8), max_search_distance=REACH_PX)
    share = np.clip(2 - distance_transform_edt(~known) * 2 / REACH_PX, 0, 1)
    values: Heights = np.where(known, around, base + share * share * (3 - 2 * share) * apart).astype(np.float32)
    return values


def spread(heights: Heights) -> Heights:
    """Return heights in which each void has the mean of all that are known, the near ones weighing most."""
    # it takes a second to load, which each start of a service would wait for
    from scipy.signal import fftconvolve

    known = np.isfinite(heights)
    middle = float(heights[known].mean())
    steps = np.arange(1 - heights.shape[0], heights.shape[0])
    weights = np.maximum(np.hypot(steps[:, None], steps), 0.5) ** -_FALL
    total = fftconvolve(np.where(known, heights - middle, 0.0), weights, mode="same")
    weight = fftconvolve(known.astype(np.float64), weights, mode="same")
    values: Heights = np.where(known, heights, total / weight + middle).astype(np.float32)
    return values


def nearest(heights: Heights) -> Heights:
    """Return heights in which each void has the height of the nearest pixel that has one."""
    rows, columns = distance_transform_edt(np.isnan(heights), return_distances=False, return_indices=True)
    values: Heights = heights[rows, columns]
    return values


def _sample(ground: Ground, box: Envelope, pixels: int) -> NDArray[np.float64]:
    """Return the ground's heights at the centres of a square's pixels."""
    count = ground.heights.shape[0]
    pixel_m = (ground.box.east - ground.box.west) / count
    steps = (np.arange(pixels) + 0.5) / pixels * (box.east - box.west)
    columns = (box.west + steps - ground.box.west) / pixel_m - 0.5
    rows = (ground.box.north - box.north + steps) / pixel_m - 0.5
    places = np.meshgrid(rows, columns, indexing="ij")
    return np.asarray(map_coordinates(ground.heights, places, np.float64, order=1, mode="nearest"))
