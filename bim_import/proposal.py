"""A row for ``--place`` made of the site's latitude, longitude, elevation and true north: offered, never applied.

Latitude and longitude speak of the site's own zero (IfcSite, RefLatitude). True north is against the meridian, the
rotation of a row against grid north; between them is the meridian convergence of the place.
"""

from __future__ import annotations

import math
from typing import Any

from pyproj import CRS
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info

from bim_import.default_cities import default_at
from bim_import.mesh import Floats
from bim_import.site import Site
from cim import crs as systems

COLUMNS = "file,crs,easting,northing,height,rotation,anchor"


def propose(
    name: str, site: Site | None, north_deg: float | None, middle: Floats, is_far: bool, metric_crs: str
) -> dict[str, Any] | None:
    """Return the place and the row ready to be copied; None where the site says nothing, or a program's default.

    Parameters
    ----------
    name
        The model's file.
    north_deg
        Direction of true north, degrees counter-clockwise from the model's x axis; None means the y axis.
    middle
        Of the geometry, model metres.
    is_far
        Whether the geometry is far from the model's zero: then its middle is put at the place.
    metric_crs
        Taken where the place is within its area, else the zone of UTM.
    """
    if site is None or not site.is_on_earth or default_at(*site.degrees) is not None:
        return None
    crs = _grid(site, metric_crs)
    if crs is None:
        return None
    convergence = systems.convergence_deg(crs, *site.degrees)
    # A direction that is A degrees counter-clockwise from true east is A + convergence from grid east.
    rotation = 90.0 - (90.0 if north_deg is None else north_deg) + convergence
    easting, northing = (float(part) for part in systems.from_geographic(crs).points(*site.degrees))
    turn = math.radians(rotation)
    x, y, z = site.position_m
    if not is_far:
        easting -= x * math.cos(turn) - y * math.sin(turn)
        northing -= x * math.sin(turn) + y * math.cos(turn)
    height = (site.elevation_m or 0.0) - (0.0 if is_far else z)
    anchor = "centre" if is_far else "origin"
    row = [name, systems.name_of(crs), f"{easting:.3f}", f"{northing:.3f}", f"{height:.3f}", f"{rotation:.5f}", anchor]
    quoted = f'"{name}"' if "," in name else name
    return {
        "longitude": site.longitude,
        "latitude": site.latitude,
        "height_m": site.elevation_m,
        "true_north_deg": north_deg,
        "convergence_deg": convergence,
        "rotation_deg": rotation,
        "place_file": f"{COLUMNS}\n{','.join([quoted, *row[1:]])}\n",
        "warning": "latitude and longitude of a site are often rounded, or a program's default: check them on the map",
    }


def _grid(site: Site, metric_crs: str) -> CRS | None:
    crs = systems.parse_crs(metric_crs)
    area = crs.area_of_use
    if area and area.west <= site.longitude <= area.east and area.south <= site.latitude <= area.north:
        return crs
    place = AreaOfInterest(site.longitude, site.latitude, site.longitude, site.latitude)
    zones = query_utm_crs_info(datum_name="WGS 84", area_of_interest=place)
    return CRS.from_authority(zones[0].auth_name, zones[0].code) if zones else None  # none at the poles
