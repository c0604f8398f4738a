"""From model metres to the map: a 4 x 4 placement in a projected system, or the reasons why there is none.

A place is taken from ``--place``, else from the file's map conversion where that does not contradict itself. Latitude
and longitude of the site (LoGeoRef 20) are evidence, never a place: exporters fill them with a default city.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from pyproj import CRS

from bim_import.conversion import Conversion
from bim_import.extent import FAR_M
from bim_import.mesh import Floats
from bim_import.placements import GivenPlace
from cim import crs as systems
from cim.errors import InvalidInput, UnplacedModel
from cim.importing import evidence
from cim.reports import Note

#: The combined scale factor of a projection and of height differs from 1 by less than this everywhere.
_SCALE_TOLERANCE = 0.02
#: A site this far (degrees) from where the conversion puts the model contradicts it.
_SITE_DEGREES = 0.2


@dataclass(frozen=True)
class Georeference:
    """Where a model stands.

    Attributes
    ----------
    placement
        4 x 4, model metres -> metres of ``crs`` (x east, y north, z height), the model's offset already included.
    offset_m
        Taken off the file's coordinates (x, y, z in model metres) to make the model's own small ones.
    grade
        LoGeoRef of the statement that was used (40: property sets or IFC2X3; 50: IfcMapConversion), 60 for ``--place``.
    """

    placement: Floats
    crs: CRS
    vertical_datum: str | None
    offset_m: tuple[float, float, float]
    method: str
    grade: int
    facts: dict[str, Any]
    notes: list[Note] = field(default_factory=list)

    def degrees(self) -> tuple[float, float]:
        """Return longitude and latitude of the model's (offset) zero point."""
        longitude, latitude = systems.to_geographic(self.crs).points([self.placement[0, 3]], [self.placement[1, 3]])
        return float(longitude[0]), float(latitude[0])


def helmert(easting: float, northing: float, height: float, rotation_rad: float, scale: Floats) -> Floats:
    """Return the 4 x 4 matrix that scales (x, y, z), turns counter-clockwise about z and shifts, all in metres."""
    cosine, sine = math.cos(rotation_rad), math.sin(rotation_rad)
    return np.array(
        [
            [scale[0] * cosine, -scale[1] * sine, 0.0, easting],
            [scale[0] * sine, scale[1] * cosine, 0.0, northing],
            [0.0, 0.0, scale[2], height],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )


def local_offset(middle: Floats) -> tuple[float, float, float]:
    """Return what to take off coordinates whose middle is far from zero, in whole metres."""
    if np.abs(middle[:2]).max() < FAR_M:
        return (0.0, 0.0, 0.0)
    return (float(round(middle[0])), float(round(middle[1])), 0.0)


def check_given(place: GivenPlace, middle: Floats) -> CRS:
    """Return the system of a row of ``--place``; refuses a row that cannot be right for geometry around ``middle``.

    Raises
    ------
    UnplacedModel
        For an unknown system, and if the model's own zero is meant but its geometry is far from it.
    """
    target = _projected(place.crs, None)
    if place.anchor == "origin" and np.abs(middle[:2]).max() >= FAR_M:
        raise UnplacedModel(
            f"--place puts the model's zero point at ({place.easting}, {place.northing}), but its geometry lies around "
            f"({middle[0]:.0f}, {middle[1]:.0f}) m from there; use the anchor centre or lower_left"
        )
    return target


def place_given(place: GivenPlace, middle: Floats, anchor_m: Floats) -> Georeference:
    """Return the placement that a row of ``--place`` asks for.

    Parameters
    ----------
    middle
        Of the geometry, model metres.
    anchor_m
        The point of the model (x, y, z in model metres) that stands at the row's place.

    Raises
    ------
    UnplacedModel
        See :func:`check_given`; also for a place outside of its system's area.
    """
    target = check_given(place, middle)
    offset = local_offset(middle)
    metres = systems.unit_factor(target)
    matrix = helmert(
        place.easting * metres, place.northing * metres, place.height_m, math.radians(place.rotation_deg), np.ones(3)
    )
    matrix = matrix @ _shift(np.asarray(offset) - anchor_m)
    facts = {
        "file": place.file,
        "anchor": place.anchor,
        "easting": place.easting,
        "northing": place.northing,
        "height": place.height_m,
        "rotation_deg": place.rotation_deg,
    }
    found = Georeference(matrix, target, None, offset, "place_file", 60, facts)
    _check_area(found, facts)
    return found


def place_by_file(
    conversion: Conversion | None,
    site: tuple[float, float] | None,
    middle: Floats,
    metres_per_unit: float,
    world: Floats | None = None,
) -> Georeference:
    """Return the placement that the file itself states, if that can be relied on.

    Parameters
    ----------
    site
        Longitude and latitude of the site, degrees.
    middle
        Of the geometry, model metres.
    world
        Inverse of the WorldCoordinateSystem (4 x 4, file units).

    Raises
    ------
    UnplacedModel
        With the evidence, for no statement and for contradictions.
    """
    facts = _facts(conversion, site, middle, metres_per_unit)
    if conversion is None:
        hint = "; latitude and longitude of the site are too coarse and often a default" if site else ""
        raise _unplaced(f"the model has no map conversion{hint}", facts)
    target = _projected(conversion.crs_name, facts)
    metres = conversion.metres_per_map_unit or systems.unit_factor(target)
    scale = _scale(conversion, metres_per_unit, metres, facts)
    is_zero = max(abs(conversion.easting), abs(conversion.northing)) * metres < 1.0
    is_far = bool(np.abs(middle[:2]).max() >= FAR_M)
    _check_once(conversion, metres, middle, is_zero=is_zero, is_far=is_far, facts=facts)
    rotation = math.atan2(conversion.x_axis[1], conversion.x_axis[0])
    matrix = helmert(
        conversion.easting * metres, conversion.northing * metres, conversion.height * metres, rotation, scale
    )
    if world is not None:
        inverse = world.copy()
        inverse[:3, 3] *= metres_per_unit
        matrix = matrix @ inverse
    offset = local_offset(middle)
    method = "absolute_coordinates" if is_zero else conversion.home
    grade = 50 if conversion.home.startswith("Ifc") else 40
    placement = matrix @ _shift(np.asarray(offset))
    found = Georeference(placement, target, _vertical(conversion), offset, method, grade, facts)
    _check_area(found, facts)
    return replace(found, notes=_site_notes(found, site))


def _shift(vector: Floats) -> Floats:
    matrix = np.eye(4)
    matrix[:3, 3] = vector
    return matrix


def _facts(
    conversion: Conversion | None, site: tuple[float, float] | None, middle: Floats, metres_per_unit: float
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "metres_per_unit": metres_per_unit,
        "geometry_middle_m": [round(float(value), 3) for value in middle],
        "site_longitude_latitude": list(site) if site else None,
    }
    if conversion is not None:
        facts |= {
            "conversion": conversion.home, "easting": conversion.easting, "northing": conversion.northing,
            "height": conversion.height, "x_axis": list(conversion.x_axis), "scale": conversion.scale,
            "crs_name": conversion.crs_name, "metres_per_map_unit": conversion.metres_per_map_unit,
        }  # fmt: skip
    return facts


def _unplaced(why: str, facts: dict[str, Any]) -> UnplacedModel:
    return evidence(UnplacedModel(f"{why}; say where it stands with --place FILE.csv"), **facts)


def _projected(name: str | None, facts: dict[str, Any] | None) -> CRS:
    """Return the projected system that a name such as ``EPSG:2056``, ``EPSG:2056,EPSG:5728`` or ``2056`` means."""
    text = (name or "").strip()
    first = text.split(",")[0].split("+")[0].strip()
    first = f"EPSG:{first}" if first.isdigit() else first
    try:
        found = systems.parse_crs(first) if first else None
    except InvalidInput:
        found = None
    if found is None or not (found.is_projected or found.is_compound):
        said = f"the coordinate system '{text}' is not a projected one that is known" if text else "no CRS is named"
        raise _unplaced(said, facts or {"crs_name": text})
    horizontal = found.sub_crs_list[0] if found.is_compound else found
    if not horizontal.is_projected or abs(systems.unit_factor(horizontal) - 1.0) > 1e-9:
        # Placements are kept in metres of the system itself, so that its axes have to be metres.
        raise _unplaced(f"the coordinate system '{text}' is not one in metres", facts or {"crs_name": text})
    return horizontal


def _vertical(conversion: Conversion) -> str | None:
    """Return the height system that a conversion names by itself, as the second part of a pair, or in a compound."""
    if conversion.vertical_datum:
        return conversion.vertical_datum
    first, _, second = (conversion.crs_name or "").partition(",")
    if second.strip():
        return second.strip()
    return systems.vertical_name(systems.parse_crs(f"EPSG:{first}" if first.isdigit() else first))


def _scale(conversion: Conversion, unit: float, map_unit: float, facts: dict[str, Any]) -> Floats:
    """Return map metres of a model metre along x, y, z, all near 1; refuse a unit forgotten or turned over."""
    right = unit / map_unit
    written = 1.0 if conversion.scale is None else conversion.scale
    if abs(written / right - 1.0) < _SCALE_TOLERANCE:
        return np.asarray(conversion.factors) * (written / right)
    said = "no Scale" if conversion.scale is None else f"the Scale {conversion.scale:g}"
    what = f"the conversion has {said} where units of {unit:g} m and a map in units of {map_unit:g} m need {right:g}"
    if abs(written * right - 1.0) < _SCALE_TOLERANCE and right != 1.0:
        raise _unplaced(f"scale inverted: {what}", facts)
    if abs(written - 1.0) < _SCALE_TOLERANCE:
        raise _unplaced(f"scale omitted: {what}", facts)
    raise _unplaced(f"scale contradicts the units: {what}", facts)


def _check_once(
    conversion: Conversion, metres: float, middle: Floats, *, is_zero: bool, is_far: bool, facts: dict[str, Any]
) -> None:
    """Refuse map coordinates that are stated twice, or not at all."""
    if is_zero and not is_far:
        raise _unplaced("the map conversion is zero and the geometry is local, so nothing says where it stands", facts)
    if is_zero or not is_far:
        return
    gap = math.dist((conversion.easting * metres, conversion.northing * metres), (middle[0], middle[1]))
    raise _unplaced(
        "georeferenced twice: the geometry has map coordinates "
        f"(around {middle[0]:.0f}, {middle[1]:.0f}, {gap:.0f} m from the conversion's) and the map conversion shifts "
        f"them once more by ({conversion.easting:.0f}, {conversion.northing:.0f})",
        facts,
    )


def _check_area(found: Georeference, facts: dict[str, Any]) -> None:
    """Refuse a place outside of where its system may be used."""
    area = found.crs.area_of_use
    try:
        longitude, latitude = found.degrees()
    except InvalidInput as error:
        raise _unplaced(str(error), facts) from None
    if area is None:
        return
    inside = area.south - 1 <= latitude <= area.north + 1
    if area.west <= area.east:  # else it lies across the date line
        inside = inside and area.west - 1 <= longitude <= area.east + 1
    if not inside:
        raise _unplaced(
            f"the place ({longitude:.4f}, {latitude:.4f}) lies outside of {systems.name_of(found.crs)} ({area.name})",
            facts,
        )


def _site_notes(found: Georeference, site: tuple[float, float] | None) -> list[Note]:
    if site is None:
        return []
    longitude, latitude = found.degrees()
    if max(abs(longitude - site[0]), abs(latitude - site[1])) < _SITE_DEGREES:
        return []
    return [
        Note(
            "site_contradicts_conversion",
            f"the site says ({site[0]:.4f}, {site[1]:.4f}), the map conversion ({longitude:.4f}, {latitude:.4f}); "
            "the conversion was taken",
        )
    ]
