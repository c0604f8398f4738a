"""What in a statement of place cannot be right, each named with its numbers.

Distances are in metres on the ellipsoid, or in the plane of the map where both points are in it.
"""

from __future__ import annotations

import math

import numpy as np

from bim_import.conversion import Conversion
from bim_import.default_cities import default_at
from bim_import.mesh import Floats
from bim_import.statement import Statement
from cim.crs import GEOD
from cim.reports import Note

#: The combined scale factor of a projection and of height differs from 1 by less than this everywhere.
SCALE_TOLERANCE = 0.02
#: A site is given to the city, or to the minute (1.9 km): up to this far from the conversion's place it agrees with it.
SITE_TOLERANCE_M = 25_000.0
#: Map coordinates of the geometry this near to the conversion's are the same place said a second time.
TWICE_M = 100_000.0


class Contradiction(Exception):
    """A statement that cannot be right; its text says why."""


def scale_factors(conversion: Conversion, unit_m: float, map_unit_m: float) -> Floats:
    """Return map metres of a model metre along x, y, z, all near 1.

    Parameters
    ----------
    unit_m, map_unit_m
        Metres of a unit of the file, and of a unit of the map.

    Raises
    ------
    Contradiction
        For a scale that forgets the units, turns them over, or fits neither.
    """
    factors = np.asarray(conversion.factors)
    if not conversion.has_scale:
        return factors
    right = unit_m / map_unit_m
    written = 1.0 if conversion.scale is None else conversion.scale
    if abs(written / right - 1.0) < SCALE_TOLERANCE:
        found: Floats = factors * (written / right)
        return found
    said = "no Scale" if conversion.scale is None else f"the Scale {conversion.scale:g}"
    what = (
        f"the conversion has {said} where units of {unit_m:g} m and a map in units of {map_unit_m:g} m need {right:g}"
    )
    if abs(written * right - 1.0) < SCALE_TOLERANCE and right != 1.0:
        raise Contradiction(f"scale inverted: {what}")
    if abs(written - 1.0) < SCALE_TOLERANCE:
        raise Contradiction(f"scale omitted: {what}")
    raise Contradiction(f"scale contradicts the units: {what}")


def check_once(statement: Statement, easting_m: float, northing_m: float, is_confirmed: bool) -> list[Note]:
    """Refuse map coordinates that are stated twice or not at all, and a false origin that nothing confirms.

    Parameters
    ----------
    is_confirmed
        Whether the site's latitude and longitude agree with the place that comes out.
    """
    middle = statement.local_middle
    around = f"around ({middle[0]:.0f}, {middle[1]:.0f}) m"
    if max(abs(easting_m), abs(northing_m)) < 1.0:
        if statement.is_far:
            return []
        raise Contradiction("the map conversion is zero and the geometry is local, so nothing says where it stands")
    if not statement.is_far:
        return []
    gap = math.dist((easting_m, northing_m), (middle[0], middle[1]))
    if gap < TWICE_M:
        raise Contradiction(
            f"georeferenced twice: the geometry has map coordinates ({around}, {gap:.0f} m from the conversion's) and "
            f"the map conversion shifts them once more by ({easting_m:.0f}, {northing_m:.0f})"
        )
    said = f"false origin: the geometry lies {around} from the model's zero, which is {math.hypot(*middle[:2]):.0f} m"
    if is_confirmed:
        return [Note("false_origin", f"{said}; the map conversion takes it back, and the site confirms the place")]
    raise Contradiction(f"{said}; no latitude and longitude of the site confirms that the map conversion takes it back")


def site_distance_m(statement: Statement, longitude: float, latitude: float) -> float | None:
    """Return how far a place is from the site's latitude and longitude; None where the site has none.

    Infinite for a latitude or longitude beyond its bounds.
    """
    if statement.site is None:
        return None
    if not statement.site.is_on_earth:
        return math.inf
    return float(GEOD.inv(longitude, latitude, *statement.site.degrees)[2])


def check_site(statement: Statement, longitude: float, latitude: float) -> list[Note]:
    """Refuse a site that says another place, unless it says a program's default.

    Parameters
    ----------
    longitude, latitude
        Where the map conversion puts the site.
    """
    distance = site_distance_m(statement, longitude, latitude)
    if distance is None or distance <= SITE_TOLERANCE_M:
        return []
    assert statement.site is not None
    there = statement.site.degrees
    said = f"the site says ({there[0]:.4f}, {there[1]:.4f}), the map conversion ({longitude:.4f}, {latitude:.4f}), " + (
        f"{distance / 1000:.0f} km apart" if math.isfinite(distance) else "the first is no place on earth"
    )
    default = default_at(*there) if statement.site.is_on_earth else None
    if default is not None:
        return [Note("site_contradicts_conversion", f"{said}; the site's is {default}, the conversion was taken")]
    raise Contradiction(f"the site contradicts the map conversion: {said}{_slip(there, longitude, latitude)}")


def _slip(there: tuple[float, float], longitude: float, latitude: float) -> str:
    """Say which slip of the pen would explain the distance."""
    east, north = there
    slips = {
        "latitude and longitude look swapped": (north, east),
        "the sign of the longitude looks wrong": (-east, north),
        "the sign of the latitude looks wrong": (east, -north),
    }
    for what, (slipped_east, slipped_north) in slips.items():
        if (
            abs(slipped_north) <= 90
            and GEOD.inv(longitude, latitude, slipped_east, slipped_north)[2] <= SITE_TOLERANCE_M
        ):
            return f" ({what} in the site)"
    return ""
