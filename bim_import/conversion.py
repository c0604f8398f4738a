"""What a file says of its place: map conversion, projected system, the site's latitude and longitude."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ifcopenshell
import ifcopenshell.util.element
import ifcopenshell.util.geolocation as geolocation
import ifcopenshell.util.unit
import numpy as np

from bim_import.mesh import Floats

_UNIT_WORDS = {
    "METRE": 1.0,
    "METER": 1.0,
    "M": 1.0,
    "MILLIMETRE": 0.001,
    "MILLIMETER": 0.001,
    "MM": 0.001,
    "FOOT": 0.3048,
    "FEET": 0.3048,
    "US SURVEY FOOT": 1200 / 3937,
}


@dataclass(frozen=True)
class Conversion:
    """A map conversion as written.

    Attributes
    ----------
    easting, northing, height
        In map units.
    x_axis
        Abscissa and ordinate of the model's x axis in the map.
    scale
        As written, None where it is missing.
    factors
        Of x, y, z, from IfcMapConversionScaled.
    crs_name
        As written.
    metres_per_map_unit
        None where no MapUnit is given: then the unit of the CRS holds.
    home
        The entity or property set it comes from.
    """

    easting: float
    northing: float
    height: float
    x_axis: tuple[float, float]
    scale: float | None
    factors: tuple[float, float, float]
    crs_name: str | None
    vertical_datum: str | None
    metres_per_map_unit: float | None
    home: str


def read_conversion(file: Any) -> Conversion | None:
    """Return the file's map conversion, or None."""
    if file.schema == "IFC2X3":
        return _from_property_sets(file)
    operations = file.by_type("IfcCoordinateOperation")
    for operation in operations:
        if operation.is_a("IfcMapConversion") or operation.is_a("IfcRigidOperation"):
            return _from_entity(file, operation)
    return _from_property_sets(file)


def _from_entity(file: Any, operation: Any) -> Conversion:
    # The library reads the first operation; files have one.
    helmert = geolocation.get_helmert_transformation_parameters(file)
    assert helmert is not None
    crs = operation.TargetCRS
    unit = getattr(crs, "MapUnit", None)
    return Conversion(
        float(helmert.e),
        float(helmert.n),
        float(helmert.h),
        (float(helmert.xaa), float(helmert.xao)),
        getattr(operation, "Scale", None),
        (float(helmert.factor_x), float(helmert.factor_y), float(helmert.factor_z)),
        getattr(crs, "Name", None),
        getattr(crs, "VerticalDatum", None),
        _metres(unit) if unit is not None else None,
        str(operation.is_a()),
    )


def _metres(unit: Any) -> float:
    factor = 1.0
    while unit.is_a("IfcConversionBasedUnit"):
        factor *= float(unit.ConversionFactor.ValueComponent.wrappedValue)
        unit = unit.ConversionFactor.UnitComponent
    library: Any = ifcopenshell.util.unit
    return factor * float(library.get_prefix_multiplier(getattr(unit, "Prefix", None)))


def _from_property_sets(file: Any) -> Conversion | None:
    """Read ``ePSet_MapConversion`` and ``ePSet_ProjectedCRS`` from the project, else from the site."""
    for owner in [*file.by_type("IfcProject"), *file.by_type("IfcSite")]:
        sets = {name.lower(): values for name, values in ifcopenshell.util.element.get_psets(owner).items()}
        conversion = sets.get("epset_mapconversion")
        if conversion:
            crs = sets.get("epset_projectedcrs") or _elsewhere(file, "epset_projectedcrs")
            return _from_values(conversion, crs, f"ePSet_MapConversion of {owner.is_a()}")
    return None


def _elsewhere(file: Any, name: str) -> dict[str, Any]:
    for owner in [*file.by_type("IfcProject"), *file.by_type("IfcSite")]:
        for key, values in ifcopenshell.util.element.get_psets(owner).items():
            if key.lower() == name:
                return dict(values)
    return {}


def _from_values(conversion: dict[str, Any], crs: dict[str, Any], home: str) -> Conversion:
    axis = (_number(conversion, "XAxisAbscissa"), _number(conversion, "XAxisOrdinate"))
    unit = str(crs.get("MapUnit") or "").strip().upper()
    scale = conversion.get("Scale")
    return Conversion(
        _number(conversion, "Eastings"),
        _number(conversion, "Northings"),
        _number(conversion, "OrthogonalHeight"),
        axis if axis != (0.0, 0.0) else (1.0, 0.0),
        float(scale) if scale is not None else None,
        (1.0, 1.0, 1.0),
        str(crs.get("Name") or "").strip() or None,
        str(crs.get("VerticalDatum") or "").strip() or None,
        _UNIT_WORDS.get(unit),
        home,
    )


def _number(values: dict[str, Any], name: str) -> float:
    return float(values.get(name) or 0.0)


def site_degrees(file: Any) -> tuple[float, float] | None:
    """Return the site's RefLongitude and RefLatitude in degrees, or None."""
    for site in file.by_type("IfcSite"):
        if site.RefLatitude and site.RefLongitude:
            return _degrees(site.RefLongitude), _degrees(site.RefLatitude)
    return None


def _degrees(parts: tuple[int, ...]) -> float:
    # Exporters do not agree on the sign of the smaller parts: the first that is not zero has it.
    sign = next((-1.0 if part < 0 else 1.0 for part in parts if part), 1.0)
    whole = [abs(part) for part in (*parts, 0, 0, 0, 0)[:4]]
    return sign * (whole[0] + whole[1] / 60 + whole[2] / 3600 + whole[3] / 3.6e9)


def world_coordinate_system(file: Any) -> Floats | None:
    """Return the inverse of the WorldCoordinateSystem (4 x 4, file units), or None where it is the identity."""
    matrix = geolocation.get_wcs(file)
    if matrix is None or np.allclose(matrix, np.eye(4)):
        return None
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)
