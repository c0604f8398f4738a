"""Ground heights: hills, a valley whose floor falls with the river, and the river's own channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from district.arrays import FloatArray, random_stream
from district.frame import Frame
from district.scales import Scale

_BED_SLOPE = 0.0014
_TRIBUTARY_SLOPE = 0.0055
_FLOOR_SLOPE = 0.0085
#: Sides of a tributary's own valley.
_SIDE_SLOPE = 0.03
_BANK_M = 3.6
_BANK_WIDTH_M = 9.0
_HILL_M = 105.0
NODATA = -9999.0
CELL_M = 5.0


@dataclass(frozen=True)
class Tributary:
    """A stream along the frame's line ``u``, on one side of the main river.

    Attributes
    ----------
    side
        +1 joins from larger v, -1 from smaller v.
    """

    u_m: float
    side: int
    half_width_m: float


@dataclass(frozen=True)
class PlaneWaves:
    """Random waves over the ground, scaled to a standard deviation of one."""

    east: FloatArray
    north: FloatArray
    phase_rad: FloatArray

    def value(self, easting: FloatArray, northing: FloatArray) -> FloatArray:
        """Evaluate at EPSG:4547 coordinates."""
        total = np.zeros_like(easting)
        for ke, kn, p in zip(self.east, self.north, self.phase_rad, strict=True):
            total += np.cos(ke * easting + kn * northing + p)
        total *= np.sqrt(2.0 / len(self.east))
        return total


def make_waves(seed: int, name: str, count: int, shortest_m: float, longest_m: float) -> PlaneWaves:
    """Draw waves of all directions with lengths between two bounds."""
    rng = random_stream(seed, name)
    wave_number = 2 * np.pi / rng.uniform(shortest_m, longest_m, count)
    direction = rng.uniform(0, np.pi, count)
    return PlaneWaves(
        wave_number * np.cos(direction), wave_number * np.sin(direction), rng.uniform(0, 2 * np.pi, count)
    )


@dataclass(frozen=True)
class Terrain:
    """Ground height as a function of place, Yellow Sea metres (EPSG:5737)."""

    frame: Frame
    river_v_m: float
    river_half_width_m: float
    tributaries: tuple[Tributary, ...]
    outlet_u_m: float
    hills: PlaneWaves
    swells: PlaneWaves

    def bed_m(self, u: FloatArray) -> FloatArray:
        """Height of the main river's bed, falling towards larger u."""
        return 18.0 + _BED_SLOPE * (self.outlet_u_m - u)

    def tributary_bed_m(self, tributary: Tributary, v: FloatArray) -> FloatArray:
        """Height of a tributary's bed, falling towards the main river."""
        mouth = self.bed_m(np.array(tributary.u_m))
        return mouth + _TRIBUTARY_SLOPE * np.maximum(0.0, tributary.side * (v - self.river_v_m))

    def hill_m(self, easting: FloatArray, northing: FloatArray) -> FloatArray:
        """Height of the hills above the valley's floor; zero where the town can stand."""
        u, v = self.frame.local(easting, northing)
        clear = _ramp(np.abs(v - self.river_v_m), 350.0, 1300.0)
        for t in self.tributaries:
            near = np.where(t.side * (v - self.river_v_m) > 0, np.abs(u - t.u_m), np.inf)
            clear = np.minimum(clear, _ramp(near, 120.0, 600.0))
        swell = np.maximum(0.0, self.hills.value(easting, northing) - 0.35) / 1.5
        height: FloatArray = _HILL_M * clear * swell**1.4
        return height

    def ground_m(self, easting: FloatArray, northing: FloatArray) -> FloatArray:
        """Ground height at EPSG:4547 coordinates; arrays of any shape."""
        u, v = self.frame.local(easting, northing)
        distance = np.abs(v - self.river_v_m)
        bed = self.bed_m(u)
        ground = bed + _BANK_M + _FLOOR_SLOPE * distance + self.hill_m(easting, northing)
        ground += 0.35 * self.swells.value(easting, northing) * _ramp(distance, 40.0, 160.0)
        for t in self.tributaries:
            upstream = t.side * (v - self.river_v_m) > 0
            across = np.where(upstream, np.abs(u - t.u_m), np.inf)
            channel = self.tributary_bed_m(t, v)
            ground = np.minimum(ground, channel + _BANK_M + _SIDE_SLOPE * across)
            ground = _carve(ground, channel, across - t.half_width_m)
        return _carve(ground, bed, distance - self.river_half_width_m)

    def at(self, points: FloatArray) -> FloatArray:
        """Ground height at an array ``(..., 2)`` of EPSG:4547 points."""
        return self.ground_m(points[..., 0], points[..., 1])


def _ramp(x: FloatArray, low: float, high: float) -> FloatArray:
    """Go smoothly from 0 at `low` to 1 at `high`."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    ramp: FloatArray = t * t * (3.0 - 2.0 * t)
    return ramp


def _carve(ground: FloatArray, bed: FloatArray, outside_m: FloatArray) -> FloatArray:
    """Cut a channel: its bed where `outside_m` is negative, then a sloping bank up to the ground."""
    share = np.clip(outside_m / _BANK_WIDTH_M, 0.0, 1.0)
    cut: FloatArray = bed + share * (np.maximum(ground, bed) - bed)
    return cut


def raster_windows(terrain: Terrain, scale: Scale, rows: int = 256) -> Iterator[tuple[int, FloatArray]]:
    """Give the raster of ground heights in strips of whole rows, north to south.

    Yields
    ------
    tuple
        First row, and heights ``(rows, columns)`` at the cells' centres.
    """
    west, south, east, north = scale.bounds
    columns = west + CELL_M * (np.arange(round((east - west) / CELL_M)) + 0.5)
    height = round((north - south) / CELL_M)
    for first in range(0, height, rows):
        centres = north - CELL_M * (np.arange(first, min(first + rows, height)) + 0.5)
        easting, northing = np.meshgrid(columns, centres)
        yield first, terrain.ground_m(easting, northing)
