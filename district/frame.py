"""The bent frame that the town is drawn in: streets and rivers are straight here and curve on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from district.arrays import FloatArray, random_stream
from district.scales import CENTRE_EASTING_M, CENTRE_NORTHING_M

#: (amplitude m, wave length m) of the bends; the slopes stay below 0.22, so right angles stay nearly right.
_CROSS_BENDS = ((46.0, 3700.0), (9.0, 1430.0))
_ALONG_BENDS = ((92.0, 4300.0), (20.0, 1870.0))
_ROTATION_DEG = -9.0


@dataclass(frozen=True)
class Waves:
    """A sum of sines, with its slope."""

    amplitude_m: FloatArray
    wave_number: FloatArray
    phase_rad: FloatArray

    def value(self, x: FloatArray) -> FloatArray:
        """Evaluate the sum, metres, in the shape of `x`."""
        total = np.zeros_like(x)
        for a, k, p in zip(self.amplitude_m, self.wave_number, self.phase_rad, strict=True):
            total += a * np.sin(k * x + p)
        return total

    def slope(self, x: FloatArray) -> FloatArray:
        """Evaluate the derivative."""
        total = np.zeros_like(x)
        for a, k, p in zip(self.amplitude_m, self.wave_number, self.phase_rad, strict=True):
            total += a * k * np.cos(k * x + p)
        return total


@dataclass(frozen=True)
class LocalAxes:
    """The frame's axes at points on the ground; all arrays have the points' shape.

    Attributes
    ----------
    angle_rad
        Direction of the u axis, counter-clockwise from grid east.
    stretch
        Ground metres per metre of u.
    lean
        Ground metres along the u axis per metre of v (zero where the axes are at right angles).
    rise
        Ground metres square to the u axis per metre of v.
    """

    angle_rad: FloatArray
    stretch: FloatArray
    lean: FloatArray
    rise: FloatArray


@dataclass(frozen=True)
class Frame:
    """Two shears and a turn between (u, v) and EPSG:4547; areas are kept and the inverse is exact."""

    cross: Waves
    along: Waves
    rotation_rad: float

    def world(self, u: FloatArray, v: FloatArray) -> FloatArray:
        """Map frame coordinates to ``(..., 2)`` easting, northing in EPSG:4547."""
        x = u + self.cross.value(v)
        y = v + self.along.value(x)
        c, s = np.cos(self.rotation_rad), np.sin(self.rotation_rad)
        return np.stack((CENTRE_EASTING_M + c * x - s * y, CENTRE_NORTHING_M + s * x + c * y), axis=-1)

    def local(self, easting: FloatArray, northing: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map EPSG:4547 to frame coordinates (u, v)."""
        c, s = np.cos(self.rotation_rad), np.sin(self.rotation_rad)
        e, n = easting - CENTRE_EASTING_M, northing - CENTRE_NORTHING_M
        x = c * e + s * n
        v = -s * e + c * n - self.along.value(x)
        return x - self.cross.value(v), v

    def axes(self, u: FloatArray, v: FloatArray) -> LocalAxes:
        """Give the axes' direction and metric at frame coordinates."""
        cross = self.cross.slope(v)
        along = self.along.slope(u + self.cross.value(v))
        stretch = np.hypot(1.0, along)
        # The v axis is (cross, 1 + along * cross) before the turn; the determinant of both is one.
        lean = (cross + along * (1.0 + along * cross)) / stretch
        return LocalAxes(np.arctan(along) + self.rotation_rad, stretch, lean, 1.0 / stretch)


def make_frame(seed: int) -> Frame:
    """Draw the bends of one district."""
    rng = random_stream(seed, "frame")

    def waves(bends: tuple[tuple[float, float], ...]) -> Waves:
        amplitude, length = np.array(bends, dtype=np.float64).T
        return Waves(amplitude, 2 * np.pi / length, rng.uniform(0, 2 * np.pi, len(bends)))

    return Frame(waves(_CROSS_BENDS), waves(_ALONG_BENDS), np.deg2rad(_ROTATION_DEG))
