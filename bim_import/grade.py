"""The level of georeferencing of a file, with the evidence for each level that it reaches.

LoGeoRef 10 to 50 after C. Clemen and H. Goerne, "Level of Georeferencing (LoGeoRef) using IFC for BIM", Journal of
Geodesy, Cartography and Cadastre 10 (2019): 10 a postal address; 20 latitude, longitude and elevation of the site;
30 map coordinates in the placement of the uppermost spatial element; 40 map coordinates in the WorldCoordinateSystem
of the context, with TrueNorth; 50 IfcMapConversion (or another coordinate operation) with the system it leads to.
The property sets ``ePSet_MapConversion`` and ``ePSet_ProjectedCRS`` say the same as 50 by agreement only, so that they
count as 40 here. Below 40 nothing says where a model stands well enough to put it on the map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bim_import.conversion import Conversion
from bim_import.extent import FAR_M
from bim_import.mesh import Floats
from bim_import.site import Site, addresses, position_m, true_north_deg

#: The lowest level at which a model may be placed by what it says itself.
SUFFICIENT = 40


@dataclass(frozen=True)
class Grade:
    """The highest level reached (0: none), and what was found for each level."""

    level: int
    evidence: dict[str, Any]


def grade_of(file: Any, conversion: Conversion | None, site: Site | None, world: Floats | None, unit_m: float) -> Grade:
    """Grade a file.

    Parameters
    ----------
    world
        Inverse of the WorldCoordinateSystem (file units), or None.
    unit_m
        Metres of a unit of the file.
    """
    found: dict[int, Any] = {}
    lines = addresses(file)
    if lines:
        found[10] = {"addresses": lines}
    if site is not None:
        found[20] = {"longitude": site.longitude, "latitude": site.latitude, "elevation_m": site.elevation_m}
    if top := _far_placements(file, unit_m):
        found[30] = {"placements_m": top}
    if world is not None and _is_far(origin := np.asarray(np.linalg.inv(world)[:3, 3] * unit_m, dtype=np.float64)):
        found[40] = {"world_coordinate_system_m": _rounded(origin), "true_north_deg": true_north_deg(file)}
    if conversion is not None:
        level = 50 if conversion.home.startswith("Ifc") else 40
        found[level] = found.get(level, {}) | {"conversion": conversion.home, "crs_name": conversion.crs_name}
    return Grade(max(found, default=0), {str(level): what for level, what in sorted(found.items())})


def _far_placements(file: Any, unit_m: float) -> dict[str, list[float]]:
    tops = [one for one in (*file.by_type("IfcSite"), *file.by_type("IfcBuilding")) if _is_top(one.ObjectPlacement)]
    points = {f"{one.is_a()} {one.GlobalId}": position_m(one, unit_m) for one in tops}
    return {name: _rounded(np.array(point)) for name, point in points.items() if _is_far(np.array(point))}


def _is_top(placement: Any) -> bool:
    return placement is not None and placement.is_a("IfcLocalPlacement") and placement.PlacementRelTo is None


def _is_far(point: Floats) -> bool:
    return bool(np.abs(point[:2]).max() >= FAR_M)


def _rounded(point: Floats) -> list[float]:
    return [round(float(value), 3) for value in point]
