"""Heights of pipes that are drawn flat: their axis between the invert levels of their ends."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.sources.batch import Values

Floats = NDArray[np.float64]


def with_axis(lines: Values, columns: Mapping[str, Values]) -> Values:
    """Return the pipes with the heights of their axes where the lines have none and both invert levels are known.

    The level falls evenly along the line; the axis is half the diameter above the invert, or on it where the diameter
    is not known.

    Parameters
    ----------
    lines
        Lines in the stored CRS (degrees; heights in metres); several parts follow one another.
    columns
        ``start_invert_level_m``, ``end_invert_level_m`` (m) and ``diameter_mm`` as far as they are there.
    """
    start, end = (_numbers(columns.get(name), len(lines)) for name in ("start_invert_level_m", "end_invert_level_m"))
    radius_m = np.nan_to_num(_numbers(columns.get("diameter_mm"), len(lines))) / 2000
    wanted = np.flatnonzero(~np.isnan(start) & ~np.isnan(end) & ~shapely.is_missing(lines))
    if not len(wanted):
        return lines
    xyz, owner = shapely.get_coordinates(lines[wanted], include_z=True, return_index=True)
    flat = ~np.isin(np.arange(len(wanted)), owner[np.nan_to_num(xyz[:, 2]) != 0])
    share = _share(xyz, owner, len(wanted))
    level = start[wanted][owner] * (1 - share) + end[wanted][owner] * share + radius_m[wanted][owner]
    xyz[:, 2] = np.where(flat[owner], level, xyz[:, 2])
    found = lines.copy()
    found[wanted] = shapely.set_coordinates(shapely.force_3d(lines[wanted]), xyz)
    return found


def _numbers(values: Values | None, size: int) -> Floats:
    return np.full(size, np.nan) if values is None else values.astype(float)


def _share(xyz: Floats, owner: NDArray[np.int64], size: int) -> Floats:
    """Return how far along its line each vertex lies, from 0 to 1."""
    across = np.cos(np.radians(xyz[:, 1]))
    step = np.zeros(len(xyz))
    step[1:] = np.hypot(np.diff(xyz[:, 0]) * across[1:], np.diff(xyz[:, 1]))
    first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    step[first] = 0
    along = np.cumsum(step)
    own = along - along[first][np.cumsum(np.isin(np.arange(len(xyz)), first)) - 1]
    length = np.zeros(size)
    np.maximum.at(length, owner, own)
    share: Floats = np.divide(own, length[owner], out=np.zeros(len(xyz)), where=length[owner] > 0)
    return share
