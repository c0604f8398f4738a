"""GCJ-02, the shifted coordinates of Chinese web maps."""

from __future__ import annotations

import numpy as np

from district.arrays import FloatArray

_SEMI_MAJOR_M = 6378245.0
_ECCENTRICITY_2 = 0.00669342162296594323


def to_gcj02(lonlat: FloatArray) -> FloatArray:
    """Shift WGS 84 (or CGCS2000) positions to GCJ-02.

    Parameters
    ----------
    lonlat
        Longitude, latitude in degrees, ``(n, 2)``, within China.

    Notes
    -----
    The published reconstruction of the obfuscation, as in the open-source `eviltransform`.
    """
    lon, lat = lonlat.T
    x, y = lon - 105.0, lat - 35.0
    both = 20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x))
    north += (both + _swing(y, 20.0, 40.0, 1.0, 3.0) + _swing(y, 160.0, 320.0, 12.0, 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x))
    east += (both + _swing(x, 20.0, 40.0, 1.0, 3.0) + _swing(x, 150.0, 300.0, 12.0, 30.0)) * 2.0 / 3.0
    phi = np.deg2rad(lat)
    magic = 1.0 - _ECCENTRICITY_2 * np.sin(phi) ** 2
    meridian_m = _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY_2) / magic**1.5
    parallel_m = _SEMI_MAJOR_M / np.sqrt(magic) * np.cos(phi)
    return np.column_stack((lon + np.rad2deg(east / parallel_m), lat + np.rad2deg(north / meridian_m)))


def _swing(x: FloatArray, a: float, b: float, first: float, second: float) -> FloatArray:
    """Two sines: `a` of wave length 2 * `first`, `b` of 2 * `second`."""
    swing: FloatArray = a * np.sin(x / first * np.pi) + b * np.sin(x / second * np.pi)
    return swing
