"""Materials of products: single ones, lists, layers with their thickness, constituents, profiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bim_import.property_values import ValueReader, text, text_or_none
from bim_import.relations import Relations


class MaterialReader:
    """Reads the materials of one file, each definition once."""

    def __init__(self, metres_per_unit: float, values: ValueReader, relations: Relations) -> None:
        self._metres_per_unit, self._relations = metres_per_unit, relations
        self._values = values
        self._known: dict[int, list[dict[str, Any]]] = {}
        self._single: dict[int, dict[str, Any]] = {}

    def of(self, product: Any) -> list[dict[str, Any]]:
        """Return a product's materials, those of its type where it has none of its own.

        Each has ``name``, and where the file says so ``category``, ``properties`` (of the material), ``set`` (the name
        of the layer, constituent or profile set), ``part`` (its name in that), ``thickness_m``, ``is_ventilated``,
        ``fraction`` and ``profile``.
        """
        found, kind = self._relations.materials, self._relations.types.get(product.id())
        own = found.get(product.id()) or (found.get(kind.id()) if kind is not None else None)
        if not own:
            return []
        material = own[0]
        if material.id() not in self._known:
            self._known[material.id()] = list(self._describe(material))
        return self._known[material.id()]

    def _describe(self, material: Any) -> Iterator[dict[str, Any]]:
        kind = material.is_a()
        if kind == "IfcMaterialLayerSetUsage":
            yield from self._describe(material.ForLayerSet)
        elif kind == "IfcMaterialProfileSetUsage":
            yield from self._describe(material.ForProfileSet)
        elif kind == "IfcMaterial":
            yield self._material(material)
        elif kind == "IfcMaterialList":
            yield from map(self._material, material.Materials)
        else:
            parts = (
                getattr(material, "MaterialLayers", None)
                or getattr(material, "MaterialProfiles", None)
                or getattr(material, "MaterialConstituents", None)
                or [material]
            )
            # IfcMaterialLayerSet calls its name otherwise than the others.
            name = getattr(material, "LayerSetName", None) or getattr(material, "Name", None)
            for part in parts:
                yield self._part(part, text_or_none(name))

    def _part(self, part: Any, set_name: str | None) -> dict[str, Any]:
        thickness = getattr(part, "LayerThickness", None)
        profile = getattr(part, "Profile", None)
        material = getattr(part, "Material", None)
        found = {
            "set": set_name,
            "part": text_or_none(getattr(part, "Name", None)),
            "thickness_m": None if thickness is None else round(float(thickness) * self._metres_per_unit, 6),
            "is_ventilated": True if getattr(part, "IsVentilated", None) is True else None,
            "fraction": getattr(part, "Fraction", None),
            "profile": text_or_none(profile.ProfileName) if profile is not None else None,
        }
        base = self._material(material) if material is not None else {"name": None}
        return base | {name: value for name, value in found.items() if value is not None}

    def _material(self, material: Any) -> dict[str, Any]:
        if material.id() not in self._single:
            found = {"category": text_or_none(getattr(material, "Category", None)), "properties": self._sets(material)}
            self._single[material.id()] = {"name": text_or_none(material.Name)} | {
                name: value for name, value in found.items() if value
            }
        return self._single[material.id()]

    def _sets(self, material: Any) -> dict[str, dict[str, Any]]:
        """Return the property sets of a material; those of IFC2X3 that are attributes of classes are left out."""
        sets = {}
        for definition in getattr(material, "HasProperties", None) or ():
            properties = getattr(definition, "Properties", None)
            if properties:
                sets[text(definition.Name or definition.is_a())] = self._values.read_all(properties)[0]
        return sets
