"""Plane transformations fitted to control points by least squares, with their residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Ratio of the extents of the points below which they lie on a line and fix no plane.
_FLAT = 1e-6


@dataclass(frozen=True)
class Fit:
    """``target = matrix @ (local - local_center) + target_center``.

    Attributes
    ----------
    residuals_m
        Distance of each control point from where the fit puts it.
    parameters
        How many numbers were estimated, for the mean error.
    is_regular
        False where the points do not determine the fit.
    """

    matrix: Floats
    local_center: Floats
    target_center: Floats
    residuals_m: Floats
    parameters: int
    is_regular: bool

    @property
    def rms_m(self) -> float:
        """Mean error of a point: the residuals over the redundancy of the fit (two equations a point)."""
        redundancy = 2 * len(self.residuals_m) - self.parameters
        return float(np.sqrt((self.residuals_m**2).sum() / redundancy)) if redundancy > 0 else float("inf")

    @property
    def scale(self) -> float:
        """Length in the target of one metre here, by the area."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix))))

    @property
    def turn_deg(self) -> float:
        """Angle from the local x axis to the target's, anticlockwise."""
        return float(np.rad2deg(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))

    def forth(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Move local coordinates to the target."""
        return _apply(self.matrix, self.local_center, self.target_center, x, y)

    def back(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Move the target's coordinates to local ones."""
        inverse: Floats = np.asarray(np.linalg.inv(self.matrix), np.float64)
        return _apply(inverse, self.target_center, self.local_center, x, y)


def fit_similarity(local: Floats, target: Floats) -> Fit:
    """Fit a shift, a turn and one scale (four parameters) to points ``(n, 2)`` in metres."""
    here, there = _complex(local), _complex(target)
    off, toward = here - here.mean(), there - there.mean()
    power = (np.abs(off) ** 2).sum()
    factor = (toward * off.conj()).sum() / power if power else 0j
    matrix = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return _judged(matrix, local, target, 4, bool(power > 0))


def fit_affine(local: Floats, target: Floats) -> Fit:
    """Fit a shift and a matrix (six parameters) to points ``(n, 2)`` in metres."""
    off, toward = local - local.mean(axis=0), target - target.mean(axis=0)
    solved, _, _, extents = np.linalg.lstsq(off, toward, rcond=None)
    is_regular = bool(len(extents) == 2 and extents[1] > _FLAT * extents[0])
    return _judged(solved.T, local, target, 6, is_regular)


def _judged(matrix: Floats, local: Floats, target: Floats, parameters: int, is_regular: bool) -> Fit:
    here, there = local.mean(axis=0), target.mean(axis=0)
    found = (local - here) @ matrix.T + there
    return Fit(matrix, here, there, np.hypot(*(found - target).T), parameters, is_regular)


def _complex(points: Floats) -> NDArray[np.complex128]:
    found: NDArray[np.complex128] = points[:, 0] + 1j * points[:, 1]
    return found


def _apply(matrix: Floats, start: Floats, end: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    east, north = np.asarray(x) - start[0], np.asarray(y) - start[1]
    return (
        matrix[0, 0] * east + matrix[0, 1] * north + end[0],
        matrix[1, 0] * east + matrix[1, 1] * north + end[1],
    )
