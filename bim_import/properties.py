"""What is known of a product besides its shape: property sets, quantities, materials, classification, system."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import ifcopenshell
import ifcopenshell.util.element
import ifcopenshell.util.unit

#: What a classification reference calls its code, before and after IFC4.
_CODE = ("Identification", "ItemReference")
_SETS = {"IfcPropertySet", "IfcElementQuantity"}


class Properties(NamedTuple):
    """JSON-ready values; False and zero are values, missing is None or absent."""

    psets: dict[str, dict[str, Any]]
    quantities: dict[str, dict[str, Any]]
    materials: list[dict[str, Any]]
    type_name: str | None
    predefined_type: str | None
    classifications: list[dict[str, Any]]
    systems: list[str]


class PropertyReader:
    """Reads products of one file; what many share (materials, kinds of sets) is read once."""

    def __init__(self, file: Any, metres_per_unit: float) -> None:
        self._file = file
        self._metres_per_unit = metres_per_unit
        self._types: dict[int, list[Any]] = {}
        self._sets: dict[int, tuple[str, dict[str, Any], bool]] = {}
        self._materials: dict[int, list[dict[str, Any]]] = {}
        self._systems = _systems(file)
        self._classifications = _classifications(file)

    def read(self, product: Any) -> Properties:
        """Return all of one product, what its type says included."""
        psets: dict[str, dict[str, Any]] = {}
        quantities: dict[str, dict[str, Any]] = {}
        kind = ifcopenshell.util.element.get_type(product)
        for definition in [*self._of_type(kind), *_definitions(product)]:
            name, values, is_quantity = self._set(definition)
            target = quantities if is_quantity else psets
            # What the product says goes before what its type says, value by value.
            target[name] = target.get(name, {}) | values
        return Properties(
            psets,
            quantities,
            self._materials_of(product),
            text_or_none(kind.Name) if kind is not None and kind.id() != product.id() else None,
            text_or_none(ifcopenshell.util.element.get_predefined_type(product)),
            self._classifications.get(product.id(), []),
            self._systems.get(product.id(), []),
        )

    def _of_type(self, kind: Any | None) -> list[Any]:
        if kind is None:
            return []
        if kind.id() not in self._types:
            self._types[kind.id()] = [found for found in kind.HasPropertySets or () if found.is_a() in _SETS]
        return self._types[kind.id()]

    def _set(self, definition: Any) -> tuple[str, dict[str, Any], bool]:
        if definition.id() not in self._sets:
            found = ifcopenshell.util.element.get_property_definition(definition)
            values = {_text(key): plain(value) for key, value in found.items() if key != "id"}
            name = _text(definition.Name or definition.is_a())
            self._sets[definition.id()] = (name, values, bool(definition.is_a("IfcElementQuantity")))
        return self._sets[definition.id()]

    def _materials_of(self, product: Any) -> list[dict[str, Any]]:
        material = ifcopenshell.util.element.get_material(product, should_inherit=True)
        if material is None:
            return []
        if material.id() not in self._materials:
            self._materials[material.id()] = list(self._describe(material))
        return self._materials[material.id()]

    def _describe(self, material: Any) -> list[dict[str, Any]]:
        if material.is_a("IfcMaterial"):
            return [{"name": text_or_none(material.Name)}]
        if material.is_a("IfcMaterialLayerSetUsage"):
            return self._describe(material.ForLayerSet)
        if material.is_a("IfcMaterialProfileSetUsage"):
            return self._describe(material.ForProfileSet)
        if material.is_a("IfcMaterialLayerSet"):
            return [
                {
                    "name": text_or_none(layer.Material.Name) if layer.Material else None,
                    "thickness_m": round(float(layer.LayerThickness) * self._metres_per_unit, 6),
                }
                for layer in material.MaterialLayers
            ]
        if material.is_a("IfcMaterialList"):
            return [{"name": text_or_none(part.Name)} for part in material.Materials]
        parts = getattr(material, "MaterialProfiles", None) or getattr(material, "MaterialConstituents", None) or ()
        return [
            {
                "name": text_or_none(part.Material.Name) if part.Material else None,
                "part": text_or_none(part.Name),
            }
            for part in parts
        ]


def _definitions(product: Any) -> Iterator[Any]:
    for relation in getattr(product, "IsDefinedBy", ()):
        if relation.is_a("IfcRelDefinesByProperties"):
            definition = relation.RelatingPropertyDefinition
            if definition is not None and definition.is_a() in _SETS:
                yield definition


def _systems(file: Any) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for relation in file.by_type("IfcRelAssignsToGroup"):
        group = relation.RelatingGroup
        if group is not None and group.is_a("IfcSystem"):
            name = _text(group.Name or getattr(group, "LongName", None) or group.GlobalId)
            for member in relation.RelatedObjects or ():
                found.setdefault(member.id(), []).append(name)
    return found


def _classifications(file: Any) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for relation in file.by_type("IfcRelAssociatesClassification"):
        reference = relation.RelatingClassification
        if reference is None or not reference.is_a("IfcClassificationReference"):
            continue
        source = reference.ReferencedSource
        record = {
            "code": text_or_none(
                getattr(reference, "Identification", None) or getattr(reference, "ItemReference", None)
            ),
            "name": text_or_none(reference.Name),
            "system": text_or_none(getattr(source, "Name", None)),
        }
        for member in relation.RelatedObjects or ():
            found.setdefault(member.id(), []).append(record)
    return found


def plain(value: Any) -> Any:
    """Return a value that JSON can hold: False stays False, zero stays zero, NaN becomes None."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_text(key): plain(item) for key, item in value.items() if key != "id"}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return _text(value)


def text_or_none(value: Any) -> str | None:
    """Return a text without what PostgreSQL refuses, None for missing or blank ones."""
    return (_text(value).strip() or None) if value is not None else None


def _text(value: Any) -> str:
    # NUL and lone surrogates (broken \X2\ escapes) cannot be stored.
    return str(value).replace("\0", "").encode("utf-8", "replace").decode()
