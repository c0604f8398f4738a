"""Which way pipes flow: as their owner says, else down their levels, else as drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Networks in which water runs by its weight.
GRAVITY = frozenset({"sewer", "drainage"})
#: Pipes that lift what they carry, and those behind a pump, flow as drawn.
_LIFTING = frozenset({"pump", "rising_main"})
#: Levels that differ by less say nothing.
_LEVEL_M = 0.005

Flags = NDArray[np.bool_]
Metres = NDArray[np.float64]


class Direction(NamedTuple):
    """``is_reversed``: against the line as drawn; ``source``: flow | invert_levels | drawn, for each pipe."""

    is_reversed: Flags
    source: NDArray[np.object_]


def directions(
    network: str,
    flow: NDArray[np.object_],
    start_level_m: Metres,
    end_level_m: Metres,
    kind: NDArray[np.object_],
    is_behind_pump: Flags,
) -> Direction:
    """Return the direction of each pipe of a network.

    Parameters
    ----------
    flow
        What the owner says: forward, backward or None.
    start_level_m, end_level_m
        Invert levels at the ends as drawn, NaN where unknown; they count in sewers and drains only.
    is_behind_pump
        Whether the pipe begins at a pump.
    """
    fall = start_level_m - end_level_m
    lifts = np.isin(kind.astype(str), list(_LIFTING)) | is_behind_pump
    falls = (np.abs(fall) >= _LEVEL_M) & ~lifts & (network in GRAVITY)
    said = np.isin(flow.astype(str), ["forward", "backward"])
    is_reversed = np.where(said, flow == "backward", falls & (fall < 0))
    source = np.where(said, "flow", np.where(falls, "invert_levels", "drawn")).astype(object)
    return Direction(np.asarray(is_reversed, bool), source)
