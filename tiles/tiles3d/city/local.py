"""From degrees and heights to metres around a tile's own origin, and from there to the tileset's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiles.tiles3d.frame import geographic_to_earth

Floats = NDArray[np.float64]


class Local(NamedTuple):
    """A frame at a point at height 0: x east, y north, z up along the ellipsoid's normal there.

    Attributes
    ----------
    to_earth
        4 x 4, from metres around the point to geocentric metres.
    """

    to_earth: Floats

    def points(self, coordinates: ArrayLike, heights_m: ArrayLike) -> Floats:
        """Return x, y, z (n x 3) of longitudes and latitudes (n x 2, degrees) at heights."""
        earth = geographic_to_earth(np.column_stack([np.asarray(coordinates, np.float64)[:, :2], heights_m]))
        placed: Floats = (earth - self.to_earth[:3, 3]) @ self.to_earth[:3, :3]
        return placed

    def within(self, other: Local) -> Floats:
        """Return the 4 x 4 matrix from this frame to another."""
        matrix: Floats = np.linalg.inv(other.to_earth) @ self.to_earth
        return matrix


def local_at(longitude: float, latitude: float) -> Local:
    """Return the frame at a point (degrees)."""
    east, north = np.radians(longitude), np.radians(latitude)
    matrix = np.eye(4)
    matrix[:3, 0] = [-np.sin(east), np.cos(east), 0]
    matrix[:3, 1] = [-np.sin(north) * np.cos(east), -np.sin(north) * np.sin(east), np.cos(north)]
    matrix[:3, 2] = [np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)]
    matrix[:3, 3] = geographic_to_earth([[longitude, latitude, 0.0]])[0]
    return Local(matrix)
