"""A model placed by points known in the model and on the map: a plane similarity by least squares, heights by the mean.

With model points z = x + iy and map points w = e + in the similarity is w = a z + b with complex a and b, which is
linear: the free scale is an ordinary least-squares fit. With the scale held at k, a = k exp(i phi), and the best phi is
the argument of the sum of conj(z) w about the two centres (Umeyama, IEEE Trans. PAMI 13 (4), 1991, in the plane).
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bim_import.map_system import MapSystem
from bim_import.mesh import Floats
from bim_import.placements import ControlPoint, GivenPlace
from cim import crs as systems
from cim.crs import GEOD
from cim.errors import UnplacedModel
from cim.importing import evidence
from cim.reports import Note

#: Points nearer to each other than this give no direction.
_SAME_POINT_M = 0.01
_BASELINE_M = 500.0


@dataclass(frozen=True)
class Fit:
    """The placement, and how well the points agree.

    Attributes
    ----------
    matrix
        4 x 4, model metres -> metres of the map.
    residuals_m
        n x 3: map minus fitted, east, north, height.
    """

    matrix: Floats
    scale: float
    scale_mode: str
    rotation_deg: float
    points: tuple[ControlPoint, ...]
    residuals_m: Floats

    @property
    def largest_m(self) -> float:
        """The largest distance of a point from where it is fitted."""
        return float(np.linalg.norm(self.residuals_m, axis=1).max())

    def facts(self) -> dict[str, Any]:
        """Return plain values for the record."""
        rows = zip(self.points, self.residuals_m.round(4).tolist(), strict=True)
        return {
            "scale": self.scale,
            "scale_mode": self.scale_mode,
            "rotation_deg": self.rotation_deg,
            "largest_residual_m": round(self.largest_m, 4),
            "rms_m": round(float(np.sqrt((self.residuals_m**2).sum(axis=1).mean())), 4),
            "points": [{"model": one.model_m, "map": one.map, "residual_m": residual} for one, residual in rows],
        }

    def notes(self) -> list[Note]:
        """Return the residuals as a note."""
        said = "; ".join(
            f"{number}: {east:+.3f} E {north:+.3f} N {up:+.3f} H"
            for number, (east, north, up) in enumerate(self.residuals_m.tolist(), 1)
        )
        return [
            Note(
                "control_points",
                f"fitted to {len(self.points)} control points, scale {self.scale:.6f} ({self.scale_mode}), rotation "
                f"{self.rotation_deg:.4f} degrees; residuals in metres {said}",
            )
        ]


def fit(place: GivenPlace, system: MapSystem) -> Fit:
    """Fit a model to its control points.

    Raises
    ------
    UnplacedModel
        For points that coincide, and for residuals beyond the row's tolerance.
    """
    model = np.array([one.model_m for one in place.control_points])
    target = np.array([one.map for one in place.control_points]) * [system.unit_m, system.unit_m, 1.0]
    z, w = _plane(model), _plane(target)
    for points, where in ((z, "in the model"), (w, "on the map")):
        if np.abs(points[:, None] - points[None, :]).max() < _SAME_POINT_M:
            raise UnplacedModel(f"{place.where}: all control points coincide {where}, so that they give no direction")
    mode, held = _scale(place.scale, system, w.mean())
    factor = _free(z, w) if held is None else _held(z, w, held)
    shift = w.mean() - factor * z.mean()
    up = float((target[:, 2] - model[:, 2]).mean())
    matrix = np.eye(4)
    matrix[:2, :2] = [[factor.real, -factor.imag], [factor.imag, factor.real]]
    matrix[:3, 3] = [shift.real, shift.imag, up]
    gaps = w - (factor * z + shift)
    residuals = np.column_stack([gaps.real, gaps.imag, target[:, 2] - model[:, 2] - up])
    found = Fit(matrix, abs(factor), mode, math.degrees(cmath.phase(factor)), place.control_points, residuals)
    _check(place, found, z, w)
    return found


def _plane(points: Floats) -> NDArray[np.complex128]:
    return np.asarray(points[:, 0] + 1j * points[:, 1], dtype=np.complex128)


def _free(z: NDArray[np.complex128], w: NDArray[np.complex128]) -> complex:
    design = np.column_stack([z - z.mean(), np.ones_like(z)])
    return complex(np.linalg.lstsq(design, w - w.mean(), rcond=None)[0][0])


def _held(z: NDArray[np.complex128], w: NDArray[np.complex128], scale: float) -> complex:
    return scale * cmath.exp(1j * cmath.phase(complex((np.conj(z - z.mean()) * (w - w.mean())).sum())))


def _scale(asked: str | float, system: MapSystem, middle: complex) -> tuple[str, float | None]:
    if asked == "free":
        return "free", None
    if asked == "crs":
        return "that of the map system at the place", point_scale(system, middle.real, middle.imag)
    return "as given", float(asked)


def point_scale(system: MapSystem, easting_m: float, northing_m: float) -> float:
    """Return the map metres of a metre on the ellipsoid at a place, the mean of east and north.

    It is measured along a kilometre, so that it holds for owners' own systems too.
    """
    step = _BASELINE_M
    east = easting_m + np.array([-step, step, 0.0, 0.0])
    north = northing_m + np.array([0.0, 0.0, -step, step])
    longitude, latitude = systems.to_geographic(system.crs).points(east, north)
    lengths = GEOD.inv(longitude[::2], latitude[::2], longitude[1::2], latitude[1::2])[2]
    return float(2 * step / np.mean(lengths))


def _check(place: GivenPlace, found: Fit, z: NDArray[np.complex128], w: NDArray[np.complex128]) -> None:
    if found.largest_m <= place.tolerance_m:
        return
    worst = int(np.linalg.norm(found.residuals_m, axis=1).argmax()) + 1
    ratio = abs(_free(z, w))
    hint = f"; distances on the map are {ratio:g} times those in the model" if abs(ratio - found.scale) > 0.001 else ""
    hint += ", which must be in metres" if ratio < 0.5 or ratio > 2.0 else ""
    error = UnplacedModel(
        f"{place.where}: the control points do not fit: number {worst} is {found.largest_m:.3f} m off, "
        f"{place.tolerance_m:g} m are allowed (tolerance_m){hint}"
    )
    raise evidence(error, control_points=found.facts())
