"""Property sets, quantities and materials; equal ones are written once and related to many products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from district.bim.document import Document, Entity

#: A bare value, or the IFC measure and the value.
Value = bool | int | float | str | tuple[str, Any]

_QUANTITY_CLASSES = {"Length": "IfcQuantityLength", "Area": "IfcQuantityArea", "Volume": "IfcQuantityVolume"}


class Properties:
    """Collects which product has which set; `write_relations` writes them all."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._sets: dict[tuple[Any, ...], tuple[Entity, list[Entity]]] = {}
        self._materials: dict[str, tuple[Entity, list[Entity]]] = {}
        self._usages: dict[tuple[str, float], tuple[Entity, list[Entity]]] = {}
        self._layer_materials: dict[str, Entity] = {}

    def give(self, name: str, values: Mapping[str, Value], *products: Entity) -> None:
        """Give products a property set."""
        key = (name, tuple(values.items()))
        if key not in self._sets:
            self._sets[key] = (self.property_set(name, values), [])
        self._sets[key][1].extend(products)

    def measure(self, name: str, quantities: Mapping[str, tuple[str, float]], *products: Entity) -> None:
        """Give products a quantity set: name -> (``Length``, ``Area`` or ``Volume``, value in m, m2 or m3)."""
        key = (name, tuple(quantities.items()))
        if key not in self._sets:
            self._sets[key] = (self._quantity_set(name, quantities), [])
        self._sets[key][1].extend(products)

    def make_of(self, material: str, *products: Entity) -> None:
        """Relate products or types to a material."""
        if material not in self._materials:
            self._materials[material] = (self._material(material), [])
        self._materials[material][1].extend(products)

    def layer(self, set_name: str, layers: tuple[tuple[str, float], ...], *walls: Entity) -> None:
        """Relate walls to a layer set: (material, thickness in metres) from the reference line inwards."""
        key = (set_name, sum(thickness for _, thickness in layers))
        if key not in self._usages:
            self._usages[key] = (self._usage(set_name, layers), [])
        self._usages[key][1].extend(walls)

    def property_set(self, name: str, values: Mapping[str, Value]) -> Entity:
        """Create an IfcPropertySet without a relation, as a type holds it."""
        new = self._document.new
        properties = [
            new("IfcPropertySingleValue", Name=key, NominalValue=self._nominal(value)) for key, value in values.items()
        ]
        return self._document.rooted("IfcPropertySet", f"pset/{name}", Name=name, HasProperties=properties)

    def write_relations(self) -> None:
        """Write what was collected as relations, one a set or material."""
        rooted = self._document.rooted
        for definition, products in self._sets.values():
            rooted(
                "IfcRelDefinesByProperties",
                "rel/properties",
                RelatedObjects=products,
                RelatingPropertyDefinition=definition,
            )
        for material, products in [*self._materials.values(), *self._usages.values()]:
            rooted("IfcRelAssociatesMaterial", "rel/material", RelatedObjects=products, RelatingMaterial=material)

    def _nominal(self, value: Value) -> Entity:
        if isinstance(value, tuple):
            return self._document.value(*value)
        if isinstance(value, bool):
            return self._document.value("IfcBoolean", value)
        if isinstance(value, int):
            return self._document.value("IfcInteger", value)
        if isinstance(value, float):
            return self._document.value("IfcReal", value)
        return self._document.value("IfcLabel", value)

    def _quantity_set(self, name: str, quantities: Mapping[str, tuple[str, float]]) -> Entity:
        entities = []
        for key, (kind, value) in quantities.items():
            in_unit = self._document.length(value) if kind == "Length" else round(value, 4)
            entities.append(self._document.new(_QUANTITY_CLASSES[kind], Name=key, **{f"{kind}Value": in_unit}))
        return self._document.rooted("IfcElementQuantity", f"qto/{name}", Name=name, Quantities=entities)

    def _material(self, name: str) -> Entity:
        return self._document.new("IfcMaterial", Name=name)

    def _usage(self, set_name: str, layers: tuple[tuple[str, float], ...]) -> Entity:
        new = self._document.new
        material_layers = [
            new("IfcMaterialLayer", Material=self._layer_material(name), LayerThickness=self._document.length(t))
            for name, t in layers
        ]
        layer_set = new("IfcMaterialLayerSet", MaterialLayers=material_layers, LayerSetName=set_name)
        return new(
            "IfcMaterialLayerSetUsage",
            ForLayerSet=layer_set,
            LayerSetDirection="AXIS2",
            DirectionSense="POSITIVE",
            OffsetFromReferenceLine=0.0,
        )

    def _layer_material(self, name: str) -> Entity:
        if name not in self._layer_materials:
            self._layer_materials[name] = self._material(name)
        return self._layer_materials[name]
