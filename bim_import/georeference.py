"""From model metres to the map: a 4 x 4 placement in a projected system, or the reasons why there is none.

A place is taken from ``--place``, else from the file's map conversion where that does not contradict itself. Latitude
and longitude of the site (LoGeoRef 20) are evidence, never a place: exporters fill them with a default city. Local
metres are added in the plane of the map, so that grid convergence and point scale factor are those of the system.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from pyproj import CRS

from bim_import.contradictions import (
    SITE_TOLERANCE_M,
    Contradiction,
    check_once,
    check_site,
    scale_factors,
    site_distance_m,
)
from bim_import.control_points import fit
from bim_import.conversion import Conversion
from bim_import.extent import FAR_M
from bim_import.grade import SUFFICIENT
from bim_import.map_system import MapSystem, read_system
from bim_import.mesh import Floats
from bim_import.placements import GivenPlace
from bim_import.proposal import propose
from bim_import.statement import Statement
from cim import crs as systems
from cim.errors import InvalidInput, UnplacedModel
from cim.importing import evidence
from cim.reports import Note


@dataclass(frozen=True)
class Georeference:
    """Where a model stands.

    Attributes
    ----------
    placement
        4 x 4, model metres -> metres of ``crs`` (x east, y north, z height), the model's offset already included.
    crs
        Projected, in metres: the named system, or its twin in metres where that is in feet.
    crs_name
        The named system.
    offset_m
        Taken off the file's coordinates (x, y, z in model metres) to make the model's own small ones.
    method
        Entity or property set that was used, ``absolute_coordinates``, ``place_file`` or ``control_points``.
    grade
        LoGeoRef of the file itself (see :mod:`bim_import.grade`), also where ``--place`` says where it stands.
    """

    placement: Floats
    crs: CRS
    crs_name: str
    vertical_datum: str | None
    offset_m: tuple[float, float, float]
    method: str
    grade: int
    facts: dict[str, Any]
    notes: list[Note] = field(default_factory=list)

    def degrees(self) -> tuple[float, float]:
        """Return longitude and latitude of the model's (offset) zero point."""
        return _degrees(self.crs, self.placement[:2, 3])


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


def check_given(place: GivenPlace, middle: Floats) -> MapSystem:
    """Return the system of a row of ``--place``; refuses a row that cannot be right for geometry around ``middle``.

    Raises
    ------
    UnplacedModel
        For an unknown system, and if the model's own zero is meant but its geometry is far from it.
    """
    try:
        system = read_system(place.crs)
    except InvalidInput as error:
        raise UnplacedModel(f"{place.where}: {error.detail}; use e.g. EPSG:4547") from None
    if not place.control_points and place.anchor == "origin" and np.abs(middle[:2]).max() >= FAR_M:
        raise UnplacedModel(
            f"{place.where} puts the model's zero point at ({place.easting}, {place.northing}), but its geometry lies "
            f"around ({middle[0]:.0f}, {middle[1]:.0f}) m from there; use the anchor centre or lower_left"
        )
    return system


def place_given(place: GivenPlace, statement: Statement, anchor_m: Floats) -> Georeference:
    """Return the placement that a row of ``--place`` asks for.

    Parameters
    ----------
    anchor_m
        The point of the model (x, y, z in model metres) that stands at the row's place.

    Raises
    ------
    UnplacedModel
        See :func:`check_given`; also for a place outside of its system's area, and control points that do not fit.
    """
    system = check_given(place, statement.middle)
    offset = local_offset(statement.middle)
    shift = _shift(np.asarray(offset))
    facts: dict[str, Any] = {"place_file": place.facts(), "file": statement.facts()}
    notes: list[Note] = []
    if place.control_points:
        fitted = fit(place, system)
        matrix, method = fitted.matrix @ shift, "control_points"
        facts["control_points"] = fitted.facts()
        notes = fitted.notes()
    else:
        east, north = place.easting * system.unit_m, place.northing * system.unit_m
        matrix = helmert(east, north, place.height_m, math.radians(place.rotation_deg), np.ones(3))
        matrix, method = matrix @ _shift(np.asarray(offset) - anchor_m), "place_file"
    grade = statement.grade.level
    found = Georeference(matrix, system.crs, system.name, system.vertical, offset, method, grade, facts, notes)
    try:
        _check_area(found)
    except Contradiction as error:
        raise evidence(UnplacedModel(f"{place.where}: {error}"), **facts) from None
    return found


def place_by_file(statement: Statement, asked_crs: str | None, metric_crs: str) -> Georeference:
    """Return the placement that the file itself states, if that can be relied on.

    Parameters
    ----------
    asked_crs
        The system that the caller says map coordinates are in, for a file that names none that is known.
    metric_crs
        The deployment's, for proposals.

    Raises
    ------
    UnplacedModel
        With the evidence, for no statement and for contradictions.
    """
    try:
        return _by_file(statement, asked_crs)
    except Contradiction as error:
        facts = statement.facts()
        is_far = statement.is_far
        proposal = propose(statement.name, statement.site, statement.north_deg, statement.middle, is_far, metric_crs)
        if proposal is not None:
            facts["proposal"] = proposal
        hint = " or, as its coordinates are large, their system with --crs" if is_far and asked_crs is None else ""
        offered = "; its record proposes a row made of the site's latitude and longitude" if proposal else ""
        why = f"{error}; say where it stands with --place FILE.csv{hint}{offered}"
        raise evidence(UnplacedModel(why), **facts) from None


def _by_file(statement: Statement, asked_crs: str | None) -> Georeference:
    conversion = _conversion(statement, asked_crs)
    system = _system(conversion, asked_crs)
    metres = conversion.metres_per_map_unit or system.unit_m
    scale = scale_factors(conversion, statement.metres_per_unit, metres)
    east, north = conversion.easting * metres, conversion.northing * metres
    rotation = math.atan2(conversion.x_axis[1], conversion.x_axis[0])
    matrix = helmert(east, north, conversion.height * metres, rotation, scale) @ statement.to_world
    notes = check_once(statement, east, north, _is_confirmed(statement, matrix, system))
    is_absolute = max(abs(east), abs(north)) < 1.0
    offset = local_offset(statement.middle)
    found = Georeference(
        matrix @ _shift(np.asarray(offset)),
        system.crs,
        system.name,
        conversion.vertical_datum or system.vertical,
        offset,
        "absolute_coordinates" if is_absolute else conversion.home,
        statement.grade.level,
        statement.facts(),
    )
    _check_area(found)
    if statement.site is not None:
        notes = notes + check_site(statement, *_site_on_map(statement, matrix, system))
    return replace(found, notes=notes)


def _conversion(statement: Statement, asked_crs: str | None) -> Conversion:
    """Return the file's conversion, or the one that ``--crs`` makes of map coordinates without any."""
    if statement.problem is not None:
        raise Contradiction(statement.problem)
    conversion = statement.conversion
    if conversion is None and asked_crs is not None and statement.is_far:
        nothing = (0.0, 0.0, 0.0)
        return Conversion(*nothing, (1.0, 0.0), None, (1.0, 1.0, 1.0), asked_crs, None, None, "--crs", False)
    if conversion is None:
        level = statement.grade.level
        said = "" if statement.site is None else "; latitude and longitude of the site are too coarse, often a default"
        if statement.is_far:
            x, y = statement.local_middle[:2]
            said += f"; its coordinates around ({x:.0f}, {y:.0f}) m are those of a map or of a false origin"
        short = f" (LoGeoRef {level}, {SUFFICIENT} is needed)" if level < SUFFICIENT else f" (LoGeoRef {level})"
        raise Contradiction(f"the model has no map conversion{short}{said}")
    return conversion


def _system(conversion: Conversion, asked_crs: str | None) -> MapSystem:
    try:
        return read_system(conversion.crs_name or "")
    except InvalidInput as error:
        if asked_crs is None:
            raise Contradiction(str(error)) from None
    try:
        return read_system(asked_crs)
    except InvalidInput as error:
        raise Contradiction(f"--crs: {error}") from None


def _degrees(crs: CRS, point: Floats) -> tuple[float, float]:
    longitude, latitude = systems.to_geographic(crs).points([point[0]], [point[1]])
    return float(longitude[0]), float(latitude[0])


def _site_on_map(statement: Statement, matrix: Floats, system: MapSystem) -> tuple[float, float]:
    """Return where the conversion puts the site's own zero, or the geometry where the two are far apart."""
    assert statement.site is not None
    at = np.asarray(statement.site.position_m)
    if np.abs(at[:2] - statement.middle[:2]).max() >= FAR_M:
        at = statement.middle
    return _degrees(system.crs, (matrix @ np.append(at, 1.0))[:2])


def _is_confirmed(statement: Statement, matrix: Floats, system: MapSystem) -> bool:
    if statement.site is None:
        return False
    try:
        distance = site_distance_m(statement, *_site_on_map(statement, matrix, system))
    except InvalidInput:
        return False
    return distance is not None and distance <= SITE_TOLERANCE_M


def _shift(vector: Floats) -> Floats:
    matrix = np.eye(4)
    matrix[:3, 3] = vector
    return matrix


def _check_area(found: Georeference) -> None:
    """Refuse a place outside of where its system may be used."""
    area = found.crs.area_of_use
    try:
        longitude, latitude = found.degrees()
    except InvalidInput as error:
        raise Contradiction(str(error)) from None
    if area is None:
        return
    inside = area.south - 1 <= latitude <= area.north + 1
    if area.west <= area.east:  # else it lies across the date line
        inside = inside and area.west - 1 <= longitude <= area.east + 1
    if inside:
        return
    origin = "; as the map conversion is zero, a false origin" if found.method == "absolute_coordinates" else ""
    raise Contradiction(
        f"the place ({longitude:.4f}, {latitude:.4f}) lies outside of {found.crs_name} ({area.name}){origin}"
    )
