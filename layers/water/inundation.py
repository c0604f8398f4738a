"""Ground below a level of water and joined to where the water comes from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

Metres = NDArray[np.float64]
Flags = NDArray[np.bool_]


def inundate(heights: Metres, level_m: Metres | float, seeds: Flags) -> Metres:
    """Return the depth of water over each cell, 0 where it is dry.

    Water goes from a cell to its four neighbours across a side, not across a corner: a wall that is drawn askew, one
    cell wide, holds. A hollow below the level that no such way leads to stays dry.

    Parameters
    ----------
    heights
        Of the ground, metres; void cells (NaN) stay dry and let nothing pass.
    level_m
        Of the water, in the same datum; one for all, or one a cell.
    seeds
        Where the water comes from; those above the level give none.
    """
    below = heights < level_m
    parts, count = label(below)
    is_joined = np.zeros(count + 1, bool)
    is_joined[parts[seeds & below]] = True
    is_joined[0] = False
    return np.where(is_joined[parts], level_m - heights, 0.0)


def reaches_edge(depth: Metres) -> bool:
    """Tell whether water stands at the edge of the window: it may go on beyond."""
    wet = depth > 0
    return bool(wet[0].any() or wet[-1].any() or wet[:, 0].any() or wet[:, -1].any())


def voids_beside(heights: Metres, depth: Metres) -> int:
    """Return how many void cells lie beside flooded ones: there the water may go on, and nobody knows."""
    wet = np.pad(depth > 0, 1)
    beside = wet[:-2, 1:-1] | wet[2:, 1:-1] | wet[1:-1, :-2] | wet[1:-1, 2:]
    return int((np.isnan(heights) & beside).sum())
