"""What a file says of the way from its coordinates to the map: coordinate operation, projected system, their units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import ifcopenshell.util.element
import ifcopenshell.util.unit

from cim.errors import UnplacedModel

_FOOT, _SURVEY_FOOT = 0.3048, 1200 / 3937
_UNIT_WORDS = {
    "METRE": 1.0, "METER": 1.0, "METRES": 1.0, "METERS": 1.0, "M": 1.0,
    "MILLIMETRE": 0.001, "MILLIMETER": 0.001, "MILLIMETRES": 0.001, "MILLIMETERS": 0.001, "MM": 0.001,
    "CENTIMETRE": 0.01, "CENTIMETER": 0.01, "CM": 0.01, "KILOMETRE": 1000.0, "KILOMETER": 1000.0, "KM": 1000.0,
    "FOOT": _FOOT, "FEET": _FOOT, "FT": _FOOT, "INTERNATIONAL FOOT": _FOOT, "INCH": 0.0254,
    "US SURVEY FOOT": _SURVEY_FOOT, "US SURVEY FEET": _SURVEY_FOOT, "SURVEY FOOT": _SURVEY_FOOT,
    "USFT": _SURVEY_FOOT, "FTUS": _SURVEY_FOOT, "FT US": _SURVEY_FOOT, "USSURVEYFOOT": _SURVEY_FOOT,
}  # fmt: skip


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
    has_scale
        Whether it has a scale at all: IfcRigidOperation shifts lengths as they are, whatever their units.
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
    has_scale: bool = True


def read_conversion(file: Any) -> Conversion | None:
    """Return the file's map conversion, or None.

    Raises
    ------
    UnplacedModel
        For several that differ, a unit that is not known, and values that are no numbers.
    """
    if file.schema == "IFC2X3":
        return _from_property_sets(file)
    found = [
        _from_entity(operation)
        for operation in file.by_type("IfcCoordinateOperation")
        if operation.is_a("IfcMapConversion") or operation.is_a("IfcRigidOperation")
    ]
    if any(other != found[0] for other in found):
        said = "; ".join(f"({one.easting:g}, {one.northing:g}) in {one.crs_name}" for one in found[:3])
        raise UnplacedModel(f"the file has several map conversions that differ: {said}; say which with --place FILE")
    return found[0] if found else _from_property_sets(file)


def _from_entity(operation: Any) -> Conversion:
    crs = operation.TargetCRS
    values = operation.get_info()
    is_rigid = operation.is_a("IfcRigidOperation")
    unit = getattr(crs, "MapUnit", None)
    axis = (float(values.get("XAxisAbscissa") or 0.0), float(values.get("XAxisOrdinate") or 0.0))
    factors = tuple(float(values.get(name) or 1.0) for name in ("FactorX", "FactorY", "FactorZ"))
    return Conversion(
        float(operation.FirstCoordinate.wrappedValue if is_rigid else operation.Eastings or 0.0),
        float(operation.SecondCoordinate.wrappedValue if is_rigid else operation.Northings or 0.0),
        float((operation.Height if is_rigid else operation.OrthogonalHeight) or 0.0),
        axis if axis != (0.0, 0.0) else (1.0, 0.0),
        values.get("Scale"),
        (factors[0], factors[1], factors[2]),
        _system_name(crs),
        getattr(crs, "VerticalDatum", None),
        _metres(unit) if unit is not None else None,
        str(operation.is_a()),
        not is_rigid,
    )


def _system_name(crs: Any) -> str | None:
    """Return the name of a system, or the text of its IfcWellKnownText where the name is none that is known."""
    for known in getattr(crs, "WellKnownText", None) or ():
        return str(known.WellKnownText)
    return getattr(crs, "Name", None)


def _metres(unit: Any) -> float:
    factor = 1.0
    while unit.is_a("IfcConversionBasedUnit"):
        factor *= float(unit.ConversionFactor.ValueComponent.wrappedValue)
        unit = unit.ConversionFactor.UnitComponent
    if not unit.is_a("IfcSIUnit"):
        return factor * _word(str(unit.Name))
    library: Any = ifcopenshell.util.unit
    return factor * float(library.get_prefix_multiplier(unit.Prefix))


def _word(name: str) -> float:
    found = _UNIT_WORDS.get(name.strip().upper().replace("_", " ").replace("-", " "))
    if found is None:
        raise UnplacedModel(f"the map's unit '{name}' is not known; say where the model stands with --place FILE")
    return found


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
    unit = str(crs.get("MapUnit") or "").strip()
    return Conversion(
        _number(conversion, "Eastings"),
        _number(conversion, "Northings"),
        _number(conversion, "OrthogonalHeight"),
        axis if axis != (0.0, 0.0) else (1.0, 0.0),
        _number(conversion, "Scale") if conversion.get("Scale") not in (None, "") else None,
        (1.0, 1.0, 1.0),
        str(crs.get("Name") or "").strip() or None,
        str(crs.get("VerticalDatum") or "").strip() or None,
        _word(unit) if unit else None,
        home,
    )


def _number(values: dict[str, Any], name: str) -> float:
    value = values.get(name)
    try:
        number = float(value or 0.0)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise UnplacedModel(f"ePSet_MapConversion has {name} = '{value}', which is no number; say it with --place FILE")
    return number
