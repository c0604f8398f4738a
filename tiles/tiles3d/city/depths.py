"""The axes of pipes: at the heights of their lines, or at a depth below the ground."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from tiles.tiles3d.city.mesh import Floats, Integers


class Depths(NamedTuple):
    """Of n pipes: the cover above both ends, and the height of the ground there (metres)."""

    start_cover_m: Floats
    end_cover_m: Floats
    start_ground_m: Floats
    end_ground_m: Floats


class Axes(NamedTuple):
    """Points of lines, one after the other.

    Attributes
    ----------
    points
        n x 2, longitude and latitude (degrees).
    line_of
        The line of each point.
    pipe_of
        The pipe of each line; a pipe may have several.
    """

    points: Floats
    height_m: Floats
    line_of: Integers
    pipe_of: Integers


def find_axes(lines: NDArray[np.object_], depths: Depths, radius_m: Floats, by_depth: NDArray[np.bool_]) -> Axes:
    """Return the axes of pipes.

    Parameters
    ----------
    lines
        n lines or multilines with heights (EPSG:4490, metres).
    by_depth
        Which pipes lie at a depth, even from end to end, instead of at the heights of their lines.
    """
    parts, pipe_of = shapely.get_parts(lines, return_index=True)
    xyz, line_of = shapely.get_coordinates(parts, include_z=True, return_index=True)
    pipes = pipe_of[line_of]
    share = _share(xyz[:, :2], line_of, pipes)
    first, last = 1 - share, share
    ground = depths.start_ground_m[pipes] * first + depths.end_ground_m[pipes] * last
    cover = depths.start_cover_m[pipes] * first + depths.end_cover_m[pipes] * last
    height = np.where(by_depth[pipes], ground - cover - radius_m[pipes], np.nan_to_num(xyz[:, 2]))
    return Axes(xyz[:, :2], height, line_of, pipe_of)


def _share(points: Floats, line_of: Integers, pipes: Integers) -> Floats:
    """Return how far along its pipe each point lies, from 0 to 1; gaps between lines have no length."""
    step = np.zeros(len(points))
    across = np.cos(np.radians(points[1:, 1]))
    step[1:] = np.hypot(np.diff(points[:, 0]) * across, np.diff(points[:, 1])) * (line_of[1:] == line_of[:-1])
    along = np.cumsum(step)
    start = np.searchsorted(pipes, pipes)
    end = np.searchsorted(pipes, pipes, side="right") - 1
    length = along[end] - along[start]
    share: Floats = np.divide(along - along[start], length, out=np.zeros(len(points)), where=length > 0)
    return share
