"""The map system that a model names: by code, pair of codes, name or WKT, and its twin in metres.

Placements are kept in metres. A system in feet is replaced by its twin: the same projection and datum with axes in
metres, so that nothing but the unit differs. Its own unit is kept for reading what is written in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyproj import CRS

from cim import crs as systems
from cim.errors import InvalidInput

_CODE = re.compile(r"(?:EPSG|urn:ogc:def:crs:EPSG)?[\s:_]*(?:[\d.]*:)?(\d{4,6})", re.IGNORECASE)
_WKT = re.compile(r"\s*(?:PROJ|COMPOUND|COMPD|BOUND)[A-Z]*\[", re.IGNORECASE)


@dataclass(frozen=True)
class MapSystem:
    """A projected system.

    Attributes
    ----------
    crs
        With axes in metres.
    unit_m
        Metres of one unit of the system that was named.
    name
        Its code or name.
    vertical
        Code or name of the heights, where they are named with it.
    """

    crs: CRS
    unit_m: float
    name: str
    vertical: str | None


def read_system(text: str) -> MapSystem:
    """Return the system that a text names, e.g. ``EPSG:2056,EPSG:5728``, ``2056`` or ``CH1903+ / LV95``.

    Raises
    ------
    InvalidInput
        For a text that names none, or one that is not projected.
    """
    found, vertical = _parse(text.strip())
    vertical = vertical or systems.vertical_name(found)
    horizontal = found.sub_crs_list[0] if found.is_compound else found
    if len(horizontal.axis_info) == 3:
        horizontal = horizontal.to_2d()
    projected = horizontal.source_crs if horizontal.is_bound else horizontal
    if projected is None or not projected.is_projected:
        raise InvalidInput(f"the coordinate system '{text[:80]}' is not a projected one")
    unit = systems.unit_factor(horizontal)
    return MapSystem(in_metres(horizontal), unit, systems.name_of(horizontal), vertical)


def _parse(text: str) -> tuple[CRS, str | None]:
    if not text:
        raise InvalidInput("no coordinate system is named")
    if _WKT.match(text):
        return systems.parse_crs(text), None
    first, _, second = (part.strip() for part in text.partition(","))
    for candidate in (text, first):
        code = _CODE.fullmatch(candidate)
        try:
            found = systems.parse_crs(f"EPSG:{code.group(1)}" if code else candidate)
        except InvalidInput:
            continue
        return found, second if candidate == first and second else None
    raise InvalidInput(f"the coordinate system '{text[:80]}' is not a projected one that is known")


def in_metres(crs: CRS) -> CRS:
    """Return the system itself where its axes are in metres, else its twin."""
    if abs(systems.unit_factor(crs) - 1.0) < 1e-12:
        return crs
    definition = crs.to_json_dict()
    definition.pop("id", None)
    definition["name"] = f"{crs.name} in metres"
    for axis in definition["coordinate_system"]["axis"]:
        axis["unit"] = "metre"
    return CRS.from_json_dict(definition)
