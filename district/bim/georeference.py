"""Where the model says it stands: map conversion, its IFC2X3 property sets, latitude and longitude."""

from __future__ import annotations

import math
from functools import cache

from pyproj import Transformer

from district.bim.document import Document, Entity
from district.bim.properties import Properties
from district.bim.shapes import Place, Shapes
from district.bim.site import ModelSite

CRS_NAME = "EPSG:4547"
VERTICAL_DATUM = "EPSG:5737"
_DESCRIPTION = "CGCS2000 / 3-degree Gauss-Kruger CM 114E"


@cache
def _to_degrees() -> Transformer:
    return Transformer.from_crs(CRS_NAME, "EPSG:4490", always_xy=True)


def degrees(site: ModelSite) -> tuple[float, float]:
    """Give longitude and latitude (EPSG:4490) of the local origin."""
    longitude, latitude = _to_degrees().transform(site.easting_m, site.northing_m)
    return float(longitude), float(latitude)


def compound_angle(angle_deg: float) -> tuple[int, int, int, int]:
    """Split degrees into an IfcCompoundPlaneAngleMeasure: degrees, minutes, seconds, millionths, one sign."""
    sign = -1 if angle_deg < 0 else 1
    millionths = round(abs(angle_deg) * 3600e6)
    seconds, millionths = divmod(millionths, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    whole, minutes = divmod(minutes, 60)
    return sign * whole, sign * minutes, sign * seconds, sign * millionths


def site_place(site: ModelSite) -> Place:
    """Give the IfcSite's placement: the origin, or map coordinates when the model is georeferenced twice."""
    if site.fault == "georeferenced_twice":
        return Place(site.easting_m, site.northing_m, site.base_height_m, site.rotation_deg)
    return Place(0.0, 0.0)


def map_scale(site: ModelSite, per_metre: float) -> float | None:
    """Give the Scale of the map conversion: file units to metres, or none where it is forgotten."""
    return None if site.fault == "mm_missing_scale" else 1.0 / per_metre


def georeference(
    document: Document, shapes: Shapes, properties: Properties, site: ModelSite, project: Entity, ifc_site: Entity
) -> None:
    """Write the map conversion of a model, in the way of its schema; nothing for ``no_place``."""
    if site.fault == "no_place":
        return
    angle = math.radians(site.rotation_deg)
    conversion: dict[str, float] = {
        "Eastings": round(site.easting_m, 4),
        "Northings": round(site.northing_m, 4),
        "OrthogonalHeight": round(site.base_height_m, 4),
        "XAxisAbscissa": math.cos(angle),
        "XAxisOrdinate": math.sin(angle),
    }
    scale = map_scale(site, document.per_metre)
    if scale is not None:
        conversion["Scale"] = scale
    if document.is_2x3:
        _as_property_sets(properties, site, conversion, project, ifc_site)
    else:
        _as_entities(document, shapes, conversion)


def _as_entities(document: Document, shapes: Shapes, conversion: dict[str, float]) -> None:
    crs = document.new(
        "IfcProjectedCRS",
        Name=CRS_NAME,
        Description=_DESCRIPTION,
        GeodeticDatum="CGCS2000",
        VerticalDatum=VERTICAL_DATUM,
        MapProjection="Gauss-Kruger",
        MapZone="CM 114E",
        MapUnit=document.new("IfcSIUnit", UnitType="LENGTHUNIT", Name="METRE"),
    )
    document.new("IfcMapConversion", SourceCRS=shapes.model_context, TargetCRS=crs, **conversion)


def _as_property_sets(
    properties: Properties,
    site: ModelSite,
    conversion: dict[str, float],
    project: Entity,
    ifc_site: Entity,
) -> None:
    """Write ePSet_MapConversion and ePSet_ProjectedCRS on the project, every second model on the site.

    Both homes occur in practice (buildingSMART, User Guide for Geo-referencing in IFC, has the project).
    """
    home = ifc_site if int(site.program.slug[-2:]) % 2 == 0 else project
    measures = {"Eastings": "IfcLengthMeasure", "Northings": "IfcLengthMeasure", "OrthogonalHeight": "IfcLengthMeasure"}
    values = {name: (measures.get(name, "IfcReal"), value) for name, value in conversion.items()}
    properties.give("ePSet_MapConversion", values, home)
    crs = {
        "Name": CRS_NAME,
        "Description": _DESCRIPTION,
        "GeodeticDatum": "CGCS2000",
        "VerticalDatum": VERTICAL_DATUM,
        "MapUnit": "METRE",
    }
    properties.give("ePSet_ProjectedCRS", {name: ("IfcLabel", text) for name, text in crs.items()}, home)
