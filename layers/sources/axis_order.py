"""Which of two coordinates of a GML file is east."""

from __future__ import annotations

import re

import numpy as np
from pyproj import CRS

from cim.crs import name_of
from cim.reports import Note
from layers.sources.geometry import outside, plausible_bounds

#: German cadastres name systems in a way of their own (AdV, GeoInfoDok).
_ADV = re.compile(r"urn:adv:crs:ETRS89_UTM(\d\d)(?:\*(\w+))?")
_ADV_HEIGHTS = {"DE_DHHN92_NH": 5783, "DE_DHHN2016_NH": 7837}
_EPSG_XML = re.compile(r"http://www\.opengis\.net/gml/srs/epsg\.xml#(\d+)")


def system_text(srs_name: str) -> str:
    """Return an ``srsName`` in a form that PROJ knows."""
    adv = _ADV.fullmatch(srs_name)
    if adv:
        height = _ADV_HEIGHTS.get(adv[2] or "")
        return f"EPSG:258{adv[1]}" + (f"+{height}" if height else "")
    xml = _EPSG_XML.fullmatch(srs_name)
    return f"EPSG:{xml[1]}" if xml else srs_name


def is_north_first(crs: CRS, srs_name: str, first: float, second: float, notes: list[Note]) -> bool:
    """Tell whether coordinates come as north and east, by the definition of the system and by where they lie.

    A geographic system named by URN or URL has the order of its definition (OGC 09-048r5), so EPSG:6697 is latitude,
    longitude, height. Projected systems whose definition puts north first are written both ways; where the
    place does not decide, easting is taken to come first, and that is noted.
    """
    horizontal = crs.sub_crs_list[0] if crs.is_compound else crs
    if horizontal.axis_info[0].direction != "north":
        return False
    bounds = plausible_bounds(horizontal)
    if horizontal.is_geographic and horizontal.area_of_use is not None:
        bounds = horizontal.area_of_use.bounds
    as_east, as_north = (
        not outside(np.array([x]), np.array([y]), bounds)[0][0] for x, y in ((first, second), (second, first))
    )
    if as_east != as_north:
        return as_north
    if horizontal.is_geographic:
        return not srs_name.upper().startswith("EPSG:")
    notes.append(
        Note(
            "axis_order",
            f"{name_of(crs)} puts north first; ({first:.10g}, {second:.10g}) was read as easting, northing",
        )
    )
    return False
