"""What IfcSite and the contexts say of the place: latitude, longitude, elevation, position, true north, addresses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import ifcopenshell.util.geolocation as geolocation
import ifcopenshell.util.placement
import numpy as np

from bim_import.mesh import Floats
from bim_import.postal_address import postal_line


@dataclass(frozen=True)
class Site:
    """The site's reference point.

    Attributes
    ----------
    longitude, latitude
        Degrees.
    elevation_m
        RefElevation in metres, None where it is missing.
    position_m
        Where the site's own zero lies in the model (x, y, z, model metres): the point that the others speak of.
    """

    longitude: float
    latitude: float
    elevation_m: float | None
    position_m: tuple[float, float, float]

    @property
    def degrees(self) -> tuple[float, float]:
        """Longitude and latitude."""
        return self.longitude, self.latitude

    @property
    def is_on_earth(self) -> bool:
        """Whether the degrees are within their bounds."""
        return abs(self.longitude) <= 180 and abs(self.latitude) <= 90


def read_site(file: Any, metres_per_unit: float) -> Site | None:
    """Return the first site that gives latitude and longitude, or None."""
    for site in file.by_type("IfcSite"):
        if site.RefLatitude and site.RefLongitude:
            elevation = site.RefElevation
            return Site(
                to_degrees(site.RefLongitude),
                to_degrees(site.RefLatitude),
                None if elevation is None else float(elevation) * metres_per_unit,
                position_m(site, metres_per_unit),
            )
    return None


def to_degrees(parts: tuple[int, ...]) -> float:
    """Return degrees, minutes, seconds and millionths as degrees.

    >>> round(to_degrees((-71, -3, -35, -194702)), 9), to_degrees((0, -30)), to_degrees((8, 15))
    (-71.059776306, -0.5, 8.25)
    """
    # Exporters do not agree on the sign of the smaller parts: the first that is not zero has it.
    sign = next((-1.0 if part < 0 else 1.0 for part in parts if part), 1.0)
    whole = [abs(part) for part in (*parts, 0, 0, 0, 0)[:4]]
    return sign * (whole[0] + whole[1] / 60 + whole[2] / 3600 + whole[3] / 3.6e9)


def position_m(product: Any, metres_per_unit: float) -> tuple[float, float, float]:
    """Return where a product's own zero lies, model metres."""
    placement = product.ObjectPlacement
    if placement is None or not placement.is_a("IfcLocalPlacement"):
        return (0.0, 0.0, 0.0)
    x, y, z = (
        float(part) * metres_per_unit for part in ifcopenshell.util.placement.get_local_placement(placement)[:3, 3]
    )
    return (x, y, z)


def true_north_deg(file: Any) -> float | None:
    """Return the direction of true north, degrees counter-clockwise from the model's x axis, or None."""
    for context in file.by_type("IfcGeometricRepresentationContext", include_subtypes=False):
        if context.TrueNorth is not None:
            x, y = context.TrueNorth.DirectionRatios[:2]
            return math.degrees(math.atan2(y, x))
    return None


def world_coordinate_system(file: Any) -> Floats | None:
    """Return the inverse of the WorldCoordinateSystem (4 x 4, file units), or None where it is the identity."""
    matrix = geolocation.get_wcs(file)
    if matrix is None or np.allclose(matrix, np.eye(4)):
        return None
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def addresses(file: Any) -> list[str]:
    """Return the postal addresses of sites and buildings, one line each."""
    owners = [(site, site.SiteAddress) for site in file.by_type("IfcSite")]
    owners += [(building, building.BuildingAddress) for building in file.by_type("IfcBuilding")]
    return [f"{owner.is_a()}: {line}" for owner, address in owners if (line := postal_line(address))]
