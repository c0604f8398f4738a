"""From a model's own metres to the earth: the transform of its tileset.

Heights are taken as they are for heights above the ellipsoid, for models, terrain and extrusions alike: one datum
on the map. What a client draws on a globe is therefore off by the geoid's undulation, the same everywhere in view.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer

from cim.crs import to_geographic

Floats = NDArray[np.float64]

#: Half the length of the segments that give the frame's axes; the projection is as good as linear along them.
STEP_M = 50.0


@lru_cache(maxsize=1)
def _to_geocentric() -> Transformer:
    # Not a change of datum: longitude, latitude and height become x, y, z of the same ellipsoid.
    return Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)


def to_earth(metric_crs: str, points: ArrayLike) -> Floats:
    """Return geocentric x, y, z (n x 3, metres) of points (n x 3: east, north, height) in a projected system."""
    east, north, height = np.asarray(points, dtype=np.float64).reshape(-1, 3).T
    longitude, latitude = to_geographic(metric_crs).points(east, north)
    return geographic_to_earth(np.column_stack([longitude, latitude, height]))


def geographic_to_earth(points: ArrayLike) -> Floats:
    """Return geocentric x, y, z (n x 3, metres) of longitudes, latitudes (degrees) and heights (n x 3)."""
    longitude, latitude, height = np.asarray(points, dtype=np.float64).reshape(-1, 3).T
    return np.column_stack(_to_geocentric().transform(longitude, latitude, height))


def model_to_earth(metric_crs: str, placement: ArrayLike, origin: ArrayLike, lift_m: float = 0.0) -> Floats:
    """Return the 4 x 4 matrix from metres around a model's local origin to geocentric metres.

    The projection's scale and convergence at the origin are in it: the axes are those along which east, north and
    height change, transformed point by point. A kilometre from the origin the earth's curvature makes 8 cm.

    Parameters
    ----------
    placement
        16 numbers, row-major 4 x 4: model metres -> metric CRS (x east, y north, z height).
    origin
        x, y, z of the local origin in model metres.
    lift_m
        Added to all heights.
    """
    to_map = np.asarray(placement, dtype=np.float64).reshape(4, 4)
    middle = to_map[:3, :3] @ np.asarray(origin, dtype=np.float64) + to_map[:3, 3] + [0.0, 0.0, lift_m]
    ends = middle + STEP_M * np.vstack([np.eye(3), -np.eye(3)])
    earth = to_earth(metric_crs, np.vstack([middle, ends]))
    axes = (earth[1:4] - earth[4:7]).T / (2 * STEP_M)
    matrix = np.eye(4)
    matrix[:3, :3] = axes @ to_map[:3, :3]
    matrix[:3, 3] = earth[0]
    return matrix


def column_major(matrix: Floats) -> list[float]:
    """Return a matrix in the order of glTF and 3D Tiles."""
    values: Any = matrix.T.ravel().tolist()
    return list(values)
