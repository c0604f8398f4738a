"""All that a file says of its place, read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bim_import.conversion import Conversion, read_conversion
from bim_import.extent import FAR_M
from bim_import.grade import Grade, grade_of
from bim_import.mesh import Floats
from bim_import.site import Site, read_site, true_north_deg, world_coordinate_system
from cim.errors import UnplacedModel


@dataclass(frozen=True)
class Statement:
    """What was found; nothing is judged yet.

    Attributes
    ----------
    name
        The file's name.
    problem
        Why the conversion could not be read, or None.
    north_deg
        True north, degrees counter-clockwise from the model's x axis.
    to_world
        4 x 4 in model metres, from the file's coordinates to those that the map conversion speaks of: the inverse of
        the WorldCoordinateSystem.
    middle
        Of the geometry, in the file's coordinates, model metres.
    """

    name: str
    conversion: Conversion | None
    problem: str | None
    site: Site | None
    north_deg: float | None
    to_world: Floats
    grade: Grade
    middle: Floats
    metres_per_unit: float

    @property
    def local_middle(self) -> Floats:
        """The middle of the geometry in the coordinates that the map conversion speaks of, metres."""
        moved: Floats = (self.to_world @ np.append(self.middle, 1.0))[:3]
        return moved

    @property
    def is_far(self) -> bool:
        """Whether the geometry has coordinates too large for a building's own."""
        return bool(np.abs(self.local_middle[:2]).max() >= FAR_M)

    def facts(self) -> dict[str, Any]:
        """Return the evidence as plain values."""
        found: dict[str, Any] = {
            "metres_per_unit": self.metres_per_unit,
            "geometry_middle_m": [round(float(value), 3) for value in self.middle],
            "site_longitude_latitude": list(self.site.degrees) if self.site else None,
            "true_north_deg": self.north_deg,
            "grade": self.grade.level,
            "levels": self.grade.evidence,
        }
        one = self.conversion
        if one is not None:
            found |= {
                "conversion": one.home, "easting": one.easting, "northing": one.northing, "height": one.height,
                "x_axis": list(one.x_axis), "scale": one.scale, "factors": list(one.factors),
                "crs_name": one.crs_name, "metres_per_map_unit": one.metres_per_map_unit,
            }  # fmt: skip
        return found


def read_statement(file: Any, name: str, middle: Floats, metres_per_unit: float) -> Statement:
    """Read what a file says of its place."""
    conversion, problem = None, None
    try:
        conversion = read_conversion(file)
    except UnplacedModel as error:
        problem = error.detail
    site, world = read_site(file, metres_per_unit), world_coordinate_system(file)
    to_world = np.eye(4) if world is None else world.copy()
    to_world[:3, 3] *= metres_per_unit
    grade = grade_of(file, conversion, site, world, metres_per_unit)
    north = true_north_deg(file)
    return Statement(name, conversion, problem, site, north, to_world, grade, middle, metres_per_unit)
