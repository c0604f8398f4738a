"""The height of the ground under what does not say how high it stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from layers.terrain.heights import sample_heights

Floats = NDArray[np.float64]


def with_ground(connection: Connection, files: Path | None, heights_m: Floats, points: Floats) -> Floats:
    """Return heights, those that are not known (NaN) taken from the terrain, and 0 where it says nothing either.

    Parameters
    ----------
    files
        The deployment's folder of files, with the rasters of the terrain; None: all unknown heights are 0.
    points
        n x 2, longitude and latitude (degrees).
    """
    unknown = np.flatnonzero(np.isnan(heights_m))
    found = heights_m.copy()
    if len(unknown) and files is not None:
        found[unknown] = sample_heights(connection, files, points[unknown, 0], points[unknown, 1])
    return np.nan_to_num(found, nan=0.0)
