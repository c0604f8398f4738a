"""What a file holds, sorted: elements, spaces, structure, groups, and what is left out and why; keys for all of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cim.reports import Note

_STRUCTURE = (
    "IfcSite",
    "IfcBuilding",
    "IfcFacility",
    "IfcFacilityPart",
    "IfcSpatialElement",
    "IfcSpatialStructureElement",
)
#: Products that are no objects of the city, by the word that the counts use.
_EXCLUDED = {
    "openings": ("IfcFeatureElement",),
    "ports": ("IfcPort",),
    "annotations": ("IfcAnnotation",),
    "grids": ("IfcGrid",),
    "referents": ("IfcReferent",),
    "structural_analysis": ("IfcStructuralItem", "IfcStructuralActivity"),
}
#: Words for the classes that are objects of the city, the more particular ones first.
_OBJECTS = {
    "spaces": ("IfcSpace",),
    "storeys": ("IfcBuildingStorey",),
    "alignments": ("IfcAlignment",),
    "elements": ("IfcElement", "IfcProxy"),
    # the layouts and segments that alignments are made of
    "alignment_parts": ("IfcLinearElement", "IfcLinearPositioningElement"),
}


@dataclass
class Content:
    """The products of a file.

    Attributes
    ----------
    counts
        ``products`` and what they were taken for; the others sum to it.
    facilities
        Parts of the spatial structure that are no building, storey or space: sites, roads, bridges, spatial zones.
    groups
        Systems, zones and other groups; they are no products.
    keys
        STEP id -> key: the GlobalId, with '#2' and so on behind repeated ones.
    """

    elements: list[Any] = field(default_factory=list)
    spaces: list[Any] = field(default_factory=list)
    storeys: list[Any] = field(default_factory=list)
    buildings: list[Any] = field(default_factory=list)
    facilities: list[Any] = field(default_factory=list)
    alignments: list[Any] = field(default_factory=list)
    groups: list[Any] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    keys: dict[int, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def described(self) -> list[Any]:
        """Return all that has property sets and becomes a row of its own."""
        return [
            *self.elements, *self.spaces, *self.storeys, *self.facilities, *self.alignments, *self.groups,
        ]  # fmt: skip


def sort_content(file: Any) -> Content:
    """Return the products of a file, each in exactly one place."""
    content = Content()
    known = _class_names(file)
    kinds = {kind: _kind(file, kind, known) for kind in {product.is_a() for product in file.by_type("IfcProduct")}}
    seen: Counter[str] = Counter()
    for product in sorted(file.by_type("IfcProduct"), key=lambda entity: entity.id()):
        kind = kinds[product.is_a()]
        content.counts["products"] += 1
        content.counts[kind] += 1
        _give_key(content, product, seen)
        _put(content, kind, product)
    content.groups = sorted(file.by_type("IfcGroup"), key=lambda entity: entity.id())
    for group in content.groups:
        _give_key(content, group, seen)
    repeated = sorted(global_id for global_id, number in seen.items() if number > 1)
    if repeated:
        names = ", ".join(repeated[:10]) + (" ..." if len(repeated) > 10 else "")
        content.notes.append(
            Note("duplicate_global_id", f"{len(repeated)} GlobalIds are used more than once; '#2' is added: {names}")
        )
    return content


def _give_key(content: Content, entity: Any, seen: Counter[str]) -> None:
    global_id = str(entity.GlobalId or f"#{entity.id()}")
    seen[global_id] += 1
    content.keys[entity.id()] = global_id if seen[global_id] == 1 else f"{global_id}#{seen[global_id]}"


def _put(content: Content, kind: str, product: Any) -> None:
    targets = {
        "elements": content.elements,
        "spaces": content.spaces,
        "storeys": content.storeys,
        "alignments": content.alignments,
        "structure": content.facilities,
    }
    if product.is_a("IfcBuilding"):
        content.buildings.append(product)
    elif kind in targets:
        targets[kind].append(product)


def _class_names(file: Any) -> set[str]:
    import ifcopenshell.ifcopenshell_wrapper as wrapper

    schema = wrapper.schema_by_name(file.schema_identifier)
    return {str(declaration.name()) for declaration in schema.entities()}


def _kind(file: Any, ifc_class: str, known: set[str]) -> str:
    sample = file.by_type(ifc_class, include_subtypes=False)[0]

    def is_one_of(classes: tuple[str, ...]) -> bool:
        return any(sample.is_a(name) for name in classes if name in known)

    for word, classes in (_EXCLUDED | _OBJECTS | {"structure": _STRUCTURE}).items():
        if is_one_of(classes):
            return word
    return "other"
