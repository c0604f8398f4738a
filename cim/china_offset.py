"""GCJ-02 and BD-09, the shifted longitudes and latitudes of Chinese web maps, both ways.

GCJ-02 moves a position by 300 to 700 m, by a formula that was never published; BD-09 moves GCJ-02 once more. The
constants here are those of the reconstruction that all open implementations share (eviltransform, MIT licence, and its
published test pairs). It was made for positions in WGS 84; CGCS2000 differs from that by less than a metre. The
inverses solve the forward formulas by iteration until a step is below ``STEP_DEG``, so that a position comes back
within 1e-9 degrees (0.1 mm); what remains is how well the reconstruction meets a map service, ``RESIDUAL_M``.
Outside of the rectangle of ``EXTENT`` nothing is moved, as in the services.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Shift = Callable[[Floats, Floats], tuple[Floats, Floats]]

#: The semi-major axis (m) and the square of the eccentricity of the Krasovsky 1940 ellipsoid.
_SEMI_MAJOR_M = 6378245.0
_ECCENTRICITY_2 = 0.00669342162296594323
_BD_WAVE = np.pi * 3000.0 / 180.0
#: west, south, east, north of what is moved, degrees
EXTENT = (72.004, 0.8293, 137.8347, 55.8271)
#: metres that the reconstruction may be off, both ways
RESIDUAL_M = 0.5
STEP_DEG = 1e-12
_ROUNDS = 30


def gcj02_of_wgs84(longitude: ArrayLike, latitude: ArrayLike) -> tuple[Floats, Floats]:
    """Return GCJ-02 of positions in WGS 84, degrees."""
    lon, lat = _arrays(longitude, latitude)
    moved = _shifted(lon, lat)
    inside = _is_inside(lon, lat)
    return np.where(inside, moved[0], lon), np.where(inside, moved[1], lat)


def wgs84_of_gcj02(longitude: ArrayLike, latitude: ArrayLike) -> tuple[Floats, Floats]:
    """Return WGS 84 of positions in GCJ-02, degrees."""
    lon, lat = _arrays(longitude, latitude)
    found = _inverse(_shifted, lon, lat)
    inside = _is_inside(*found)
    return np.where(inside, found[0], lon), np.where(inside, found[1], lat)


def bd09_of_wgs84(longitude: ArrayLike, latitude: ArrayLike) -> tuple[Floats, Floats]:
    """Return BD-09 of positions in WGS 84, degrees."""
    lon, lat = _arrays(longitude, latitude)
    moved = _bd09_of_gcj02(*_shifted(lon, lat))
    inside = _is_inside(lon, lat)
    return np.where(inside, moved[0], lon), np.where(inside, moved[1], lat)


def wgs84_of_bd09(longitude: ArrayLike, latitude: ArrayLike) -> tuple[Floats, Floats]:
    """Return WGS 84 of positions in BD-09, degrees."""
    lon, lat = _arrays(longitude, latitude)
    found = _inverse(_shifted, *_inverse(_bd09_of_gcj02, lon, lat))
    inside = _is_inside(*found)
    return np.where(inside, found[0], lon), np.where(inside, found[1], lat)


def _arrays(longitude: ArrayLike, latitude: ArrayLike) -> tuple[Floats, Floats]:
    return np.asarray(longitude, np.float64), np.asarray(latitude, np.float64)


def _is_inside(lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    west, south, east, north = EXTENT
    found: NDArray[np.bool_] = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    return found


def _inverse(shift: Shift, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Solve shift(x, y) = (lon, lat): the shift hardly changes from place to place, so a step gains two digits."""
    x, y = lon.copy(), lat.copy()
    for _ in range(_ROUNDS):
        moved = shift(x, y)
        step_x, step_y = lon - moved[0], lat - moved[1]
        x, y = x + step_x, y + step_y
        if not np.size(x) or np.nanmax(np.abs([step_x, step_y])) < STEP_DEG:
            break
    return x, y


def _shifted(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    x, y = lon - 105.0, lat - 35.0
    both = 20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)
    root = np.sqrt(np.abs(x))
    north_m = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north_m = north_m + (both + _waves(y, 20.0, 40.0, 3.0) + _waves(y / 12.0, 160.0, 320.0, 2.5)) * 2.0 / 3.0
    east_m = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east_m = east_m + (both + _waves(x, 20.0, 40.0, 3.0) + _waves(x / 12.0, 150.0, 300.0, 2.5)) * 2.0 / 3.0
    phi = np.deg2rad(lat)
    magic = 1.0 - _ECCENTRICITY_2 * np.sin(phi) ** 2
    meridian_m = _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY_2) / magic**1.5
    parallel_m = _SEMI_MAJOR_M / np.sqrt(magic) * np.cos(phi)
    return lon + np.rad2deg(east_m / parallel_m), lat + np.rad2deg(north_m / meridian_m)


def _waves(x: Floats, first: float, second: float, longer: float) -> Floats:
    found: Floats = first * np.sin(x * np.pi) + second * np.sin(x / longer * np.pi)
    return found


def _bd09_of_gcj02(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_WAVE)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_WAVE)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006
