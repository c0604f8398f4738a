"""What is known of an object besides its shape: property sets, quantities, materials, classification, documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from bim_import.associations import classifications, documents, with_inherited
from bim_import.materials import MaterialReader
from bim_import.property_values import Types, ValueReader, plain, text, text_or_none
from bim_import.relations import Relations
from bim_import.units import Units

__all__ = ["Properties", "PropertyReader", "common_types", "own_types", "plain", "text_or_none"]

#: Groups that are systems by their class only.
_NO_SYSTEMS = ("IfcZone", "IfcStructuralAnalysisModel")


class Properties(NamedTuple):
    """JSON-ready values; False and zero are values, missing is None or absent.

    Attributes
    ----------
    types
        Set -> property -> {"type", "unit"}, a mapping for each set in the order in which they were merged.
    type
        Name, class and GlobalId of the type object.
    """

    psets: dict[str, dict[str, Any]]
    quantities: dict[str, dict[str, Any]]
    materials: list[dict[str, Any]]
    type_name: str | None
    predefined_type: str | None
    classifications: list[dict[str, Any]]
    systems: list[str]
    documents: list[dict[str, Any]]
    type: dict[str, Any] | None
    types: tuple[tuple[str, Types], ...]


class _Set(NamedTuple):
    name: str
    values: dict[str, Any]
    types: Types
    is_quantity: bool


class _Type(NamedTuple):
    """What all objects of a type have from it."""

    definitions: list[Any]
    predefined: str | None
    description: dict[str, Any] | None


_NO_TYPE = _Type([], None, None)


class PropertyReader:
    """Reads objects of one file; what many share (types, sets, materials) is read once."""

    def __init__(self, file: Any, metres_per_unit: float, relations: Relations) -> None:
        self._relations = relations
        self._values = ValueReader(Units(file))
        self._materials = MaterialReader(metres_per_unit, self._values, self._relations)
        self._types: dict[int, _Type] = {}
        self._sets: dict[int, _Set | None] = {}
        self._systems = _systems(file)
        self._classifications = classifications(file)
        self._documents = documents(file)

    def read(self, product: Any) -> Properties:
        """Return all of one object, what its type says included."""
        psets: dict[str, dict[str, Any]] = {}
        quantities: dict[str, dict[str, Any]] = {}
        kind = self._relations.types.get(product.id())
        of_type = self._of_type(kind) if kind is not None else _NO_TYPE
        types = []
        for definition in [*of_type.definitions, *self._relations.definitions.get(product.id(), ())]:
            found = self._set(definition)
            if found is None:
                continue
            target = quantities if found.is_quantity else psets
            # What the product says goes before what its type says, value by value.
            target[found.name] = target[found.name] | found.values if found.name in target else found.values
            types.append((found.name, found.types))
        return Properties(
            psets,
            quantities,
            self._materials.of(product),
            of_type.description["name"] if of_type.description else None,
            text_or_none(of_type.predefined or _predefined(product, "ObjectType")),
            with_inherited(self._classifications, product, kind, "system"),
            self._systems.get(product.id(), []),
            with_inherited(self._documents, product, kind, "identification"),
            of_type.description,
            tuple(types),
        )

    def _of_type(self, kind: Any) -> _Type:
        if kind.id() not in self._types:
            word = _predefined(kind, "ElementType", "ProcessType")
            self._types[kind.id()] = _Type(
                list(getattr(kind, "HasPropertySets", None) or ()),
                None if word == "NOTDEFINED" else word,
                {"name": text_or_none(kind.Name), "ifc_class": kind.is_a(), "global_id": kind.GlobalId},
            )
        return self._types[kind.id()]

    def _set(self, definition: Any) -> _Set | None:
        if definition.id() not in self._sets:
            self._sets[definition.id()] = self._read_set(definition)
        return self._sets[definition.id()]

    def _read_set(self, definition: Any) -> _Set | None:
        name = text(definition.Name or definition.is_a())
        if definition.is_a("IfcPropertySet"):
            return _Set(name, *self._values.read_all(definition.HasProperties), False)
        if definition.is_a("IfcElementQuantity"):
            return _Set(name, *self._values.read_all(definition.Quantities), True)
        values, types = self._values.attributes(definition)
        return _Set(name, values, types, False) if values else None


def _predefined(entity: Any, *own_words: str) -> str | None:
    """Return the predefined type, of a user-defined one the word that the user has for it."""
    word = getattr(entity, "PredefinedType", None)
    if word and word != "USERDEFINED":
        return str(word)
    return next((getattr(entity, name) for name in own_words if hasattr(entity, name)), None)


def _systems(file: Any) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for relation in file.by_type("IfcRelAssignsToGroup"):
        group = relation.RelatingGroup
        if group is not None and group.is_a("IfcSystem") and not any(group.is_a(name) for name in _NO_SYSTEMS):
            name = text(group.Name or getattr(group, "LongName", None) or group.GlobalId)
            for member in relation.RelatedObjects or ():
                found.setdefault(member.id(), []).append(name)
    return found


def common_types(properties: Iterable[Properties]) -> dict[str, dict[str, Any]]:
    """Return set -> property -> {"type", "unit"} as most objects of a model have it."""
    uses: Counter[int] = Counter()
    sets: dict[int, tuple[str, Types]] = {}
    for known in properties:
        for name, types in known.types:
            uses[id(types)] += 1
            sets[id(types)] = (name, types)
    votes: dict[tuple[str, str], Counter[str]] = {}
    kinds: dict[str, Any] = {}
    for key, (name, types) in sets.items():
        for word, kind in types.items():
            kinds[repr(kind)] = kind
            votes.setdefault((name, word), Counter())[repr(kind)] += uses[key]
    common: dict[str, dict[str, Any]] = {}
    for (name, word), counts in sorted(votes.items()):
        # Of equally frequent ones the same in every run.
        best = min(counts, key=lambda kind: (-counts[kind], kind))
        common.setdefault(name, {})[word] = kinds[best]
    return common


def own_types(known: Properties, common: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the types of an object's values that are not the model's common ones."""
    merged: dict[tuple[str, str], Any] = {}
    for name, types in known.types:
        usual = common.get(name, {})
        for word, kind in types.items():
            if (name, word) in merged or usual.get(word) != kind:
                merged[name, word] = kind
    own: dict[str, dict[str, Any]] = {}
    for (name, word), kind in merged.items():
        if common.get(name, {}).get(word) != kind:
            own.setdefault(name, {})[word] = kind
    return own
