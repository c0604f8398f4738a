"""Values of properties and quantities as JSON, with the IFC type and the unit of each.

========================  ==========================================================================================
IfcPropertySingleValue    the value
IfcPropertyEnumeratedValue, IfcPropertyListValue   a list
IfcPropertyBoundedValue   ``{"lower", "upper", "set_point"}``, those that are given
IfcPropertyTableValue     ``{"defining": [...], "defined": [...]}``
IfcPropertyReferenceValue ``{"class", ...}``: the plain attributes of what is referred to
IfcComplexProperty, IfcPhysicalComplexQuantity     an object of such values
========================  ==========================================================================================

Numbers are in the units of :mod:`bim_import.units`. False and zero are values; a property without a value is null.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ifcopenshell

from bim_import.units import Units

#: property -> {"type", "unit"}; the unit only where there is one.
Types = dict[str, Any]


#: Attributes of IfcPropertySingleValue behind Name and Description (Specification in IFC4X3).
_NOMINAL_VALUE, _UNIT = 2, 3


class ValueReader:
    """Reads the values of one file."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._kinds: dict[str, Callable[[Any], tuple[Any, Types | None]]] = {
            "IfcPropertySingleValue": self._single,
            "IfcPropertyEnumeratedValue": self._enumerated,
            "IfcPropertyListValue": self._list,
            "IfcPropertyBoundedValue": self._bounded,
            "IfcPropertyTableValue": self._table,
            "IfcPropertyReferenceValue": self._reference,
            "IfcComplexProperty": lambda found: self._complex(found.HasProperties),
            "IfcPhysicalComplexQuantity": lambda found: self._complex(found.HasQuantities),
        }

    def read_all(self, properties: Iterable[Any] | None) -> tuple[dict[str, Any], Types]:
        """Return values and types by name."""
        values: dict[str, Any] = {}
        types: Types = {}
        for found in properties or ():
            name = text(found[0])
            value, kind = self._kinds.get(found.is_a(), self._quantity)(found)
            values[name] = value
            if kind is not None:
                types[name] = kind
        return values, types

    def attributes(self, definition: Any) -> tuple[dict[str, Any], Types]:
        """Return the attributes of a predefined set (IfcDoorLiningProperties and its like) as values and types."""
        values: dict[str, Any] = {}
        types: Types = {}
        declared = definition.declaration().as_entity() if callable(definition.declaration) else definition.declaration
        for index, attribute in enumerate(declared.all_attributes()):
            value = definition[index]
            if index < 4 or value is None or hasattr(value, "is_a"):
                continue
            named = attribute.type_of_attribute().as_named_type()
            measure = str(named.declared_type().name()) if named is not None else "IfcLabel"
            unit = self._units.of(measure)
            values[attribute.name()] = plain(unit.apply(value))
            types[attribute.name()] = _typed(measure, unit.symbol)
        return values, types

    def _single(self, found: Any) -> tuple[Any, Types | None]:
        # By place, not by name: that is the larger part of reading a file.
        return self._wrapped(found[_NOMINAL_VALUE], found[_UNIT])

    def _wrapped(self, wrapped: Any, own: Any) -> tuple[Any, Types | None]:
        if wrapped is None:
            return None, None
        is_typed = isinstance(wrapped, ifcopenshell.entity_instance)
        if not is_typed:
            return plain(wrapped), None
        measure = str(wrapped.is_a())
        unit = self._units.of(measure, own)
        return plain(unit.apply(wrapped[0])), _typed(measure, unit.symbol)

    def _many(self, wrapped: Sequence[Any] | None, own: Any) -> tuple[list[Any], Types | None]:
        pairs = [self._wrapped(one, own) for one in wrapped or ()]
        return [value for value, _ in pairs], next((kind for _, kind in pairs if kind), None)

    def _enumerated(self, found: Any) -> tuple[Any, Types | None]:
        reference = found.EnumerationReference
        return self._many(found.EnumerationValues, reference.Unit if reference is not None else None)

    def _list(self, found: Any) -> tuple[Any, Types | None]:
        return self._many(found.ListValues, found.Unit)

    def _bounded(self, found: Any) -> tuple[Any, Types | None]:
        ends = {
            "lower": found.LowerBoundValue,
            "upper": found.UpperBoundValue,
            "set_point": getattr(found, "SetPointValue", None),
        }
        pairs = {name: self._wrapped(end, found.Unit) for name, end in ends.items() if end is not None}
        kind = next((kind for _, kind in pairs.values() if kind), None)
        return {name: value for name, (value, _) in pairs.items()}, kind

    def _table(self, found: Any) -> tuple[Any, Types | None]:
        defining, defining_kind = self._many(found.DefiningValues, found.DefiningUnit)
        defined, kind = self._many(found.DefinedValues, found.DefinedUnit)
        return {"defining": defining, "defined": defined}, (kind or {}) | {"defining": defining_kind}

    def _reference(self, found: Any) -> tuple[Any, Types | None]:
        reference = found.PropertyReference
        if reference is None:
            return None, None
        info = reference.get_info(recursive=False, include_identifier=False)
        values = {key: plain(value) for key, value in info.items() if isinstance(value, str | bool | int | float)}
        return {"class": values.pop("type", reference.is_a()), **values}, _typed(str(reference.is_a()), None)

    def _complex(self, parts: Iterable[Any] | None) -> tuple[Any, Types | None]:
        values, types = self.read_all(parts)
        return values, {"type": "complex", "properties": types}

    def _quantity(self, found: Any) -> tuple[Any, Types | None]:
        """Read one IfcPhysicalSimpleQuantity: its value is the attribute behind Name, Description and Unit."""
        if not found.is_a("IfcPhysicalSimpleQuantity"):
            return None, None
        measure = _QUANTITIES.get(found.is_a(), "IfcNumericMeasure")
        unit = self._units.of(measure, found.Unit)
        return plain(unit.apply(found[3])), _typed(measure, unit.symbol)


_QUANTITIES = {
    "IfcQuantityLength": "IfcLengthMeasure",
    "IfcQuantityArea": "IfcAreaMeasure",
    "IfcQuantityVolume": "IfcVolumeMeasure",
    "IfcQuantityWeight": "IfcMassMeasure",
    "IfcQuantityTime": "IfcTimeMeasure",
    "IfcQuantityCount": "IfcCountMeasure",
}


def _typed(kind: str, unit: str | None) -> Types:
    return {"type": kind, "unit": unit} if unit else {"type": kind}


def plain(value: Any) -> Any:
    """Return a value that JSON can hold: False stays False, zero stays zero, NaN becomes None."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {text(key): plain(item) for key, item in value.items() if key != "id"}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return text(value)


def text_or_none(value: Any) -> str | None:
    """Return a text without what PostgreSQL refuses, None for missing or blank ones."""
    return (text(value).strip() or None) if value is not None else None


def text(value: Any) -> str:
    """Return a text without NUL and lone surrogates of broken escapes, which cannot be stored."""
    return str(value).replace("\0", "").encode("utf-8", "replace").decode()
