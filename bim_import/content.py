"""What a file holds, sorted: elements, spaces, structure, and what is left out and why; keys for all of it."""

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
    "grids": ("IfcGrid", "IfcReferent"),
    "structural_analysis": ("IfcStructuralItem", "IfcStructuralActivity"),
}
_ELEMENTS = ("IfcElement", "IfcProxy", "IfcAlignment", "IfcLinearElement", "IfcLinearPositioningElement")


@dataclass
class Content:
    """The products of a file.

    Attributes
    ----------
    counts
        ``products`` and what they were taken for; the others sum to it.
    keys
        STEP id -> key: the GlobalId, with '#2' and so on behind repeated ones.
    """

    elements: list[Any] = field(default_factory=list)
    spaces: list[Any] = field(default_factory=list)
    storeys: list[Any] = field(default_factory=list)
    buildings: list[Any] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    keys: dict[int, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def sort_content(file: Any) -> Content:
    """Return the products of a file, each in exactly one place."""
    content = Content()
    known = _class_names(file)
    kinds = {kind: _kind(file, kind, known) for kind in {product.is_a() for product in file.by_type("IfcProduct")}}
    seen: Counter[str] = Counter()
    repeated: set[str] = set()
    for product in sorted(file.by_type("IfcProduct"), key=lambda entity: entity.id()):
        kind = kinds[product.is_a()]
        content.counts["products"] += 1
        content.counts[kind] += 1
        global_id = str(product.GlobalId or f"#{product.id()}")
        seen[global_id] += 1
        if seen[global_id] > 1:
            repeated.add(global_id)
        content.keys[product.id()] = global_id if seen[global_id] == 1 else f"{global_id}#{seen[global_id]}"
        _put(content, kind, product)
    if repeated:
        names = ", ".join(sorted(repeated)[:10]) + (" ..." if len(repeated) > 10 else "")
        content.notes.append(
            Note("duplicate_global_id", f"{len(repeated)} GlobalIds are used more than once; '#2' is added: {names}")
        )
    return content


def _put(content: Content, kind: str, product: Any) -> None:
    targets = {"elements": content.elements, "spaces": content.spaces, "storeys": content.storeys}
    if kind in targets:
        targets[kind].append(product)
    elif kind == "structure" and product.is_a("IfcBuilding"):
        content.buildings.append(product)


def _class_names(file: Any) -> set[str]:
    import ifcopenshell.ifcopenshell_wrapper as wrapper

    schema = wrapper.schema_by_name(file.schema_identifier)
    return {str(declaration.name()) for declaration in schema.entities()}


def _kind(file: Any, ifc_class: str, known: set[str]) -> str:
    sample = file.by_type(ifc_class, include_subtypes=False)[0]

    def is_one_of(classes: tuple[str, ...]) -> bool:
        return any(sample.is_a(name) for name in classes if name in known)

    if is_one_of(("IfcSpace",)):
        return "spaces"
    if is_one_of(("IfcBuildingStorey",)):
        return "storeys"
    for word, classes in _EXCLUDED.items():
        if is_one_of(classes):
            return word
    if is_one_of(_ELEMENTS):
        return "elements"
    return "structure" if is_one_of(_STRUCTURE) else "other"
