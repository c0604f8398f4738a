"""The tree of a file: which product is part of, lies in, or fills which; storeys with their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ifcopenshell
import ifcopenshell.util.placement
import numpy as np

_BELOW = re.compile(r"地下|负|^-\d|basement|keller|untergeschoss|\bUG\b|^B\d", re.IGNORECASE)
_NO_STOREY = re.compile(
    r"^roof|roof$|屋面|屋顶|天面|屋根|ceiling|^dach$|parapet|t/fdn|foundation|footing|fundament|基础", re.IGNORECASE
)
_RELATIONS = (
    ("IfcRelContainedInSpatialStructure", "RelatingStructure", "RelatedElements"),
    ("IfcRelAggregates", "RelatingObject", "RelatedObjects"),
    ("IfcRelNests", "RelatingObject", "RelatedObjects"),
    ("IfcRelVoidsElement", "RelatingBuildingElement", "RelatedOpeningElement"),
    ("IfcRelFillsElement", "RelatingOpeningElement", "RelatedBuildingElement"),
)
#: Levels closer than this are one storey in two parts; a level that much below zero is a basement.
_SAME_M = 0.3
_BASEMENT_M = 1.2


@dataclass(frozen=True)
class Storey:
    """One IfcBuildingStorey.

    Attributes
    ----------
    number
        1 is the ground floor, -1 the first basement; there is no 0.
    z_m
        In file metres (the model's offset not taken off).
    is_counted
        False for roofs and foundations, which are levels but not storeys of the building.
    """

    entity: Any
    number: int
    z_m: float
    height_m: float | None
    is_counted: bool
    building: int | None


class Tree:
    """Parents of all products, by STEP id."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.parents: dict[int, int] = {}
        for parent, child in _links(file):
            self.parents.setdefault(child, parent)
        self._classes: dict[int, str] = {}

    def ancestors(self, product: int) -> Iterator[int]:
        """Yield parents, grandparents and so on (each once, also where a file has a circle)."""
        seen = {product}
        current = self.parents.get(product)
        while current is not None and current not in seen:
            seen.add(current)
            yield current
            current = self.parents.get(current)

    def nearest(self, product: int, ifc_class: str) -> int | None:
        """Return the nearest ancestor of a class, or None."""
        for ancestor in self.ancestors(product):
            if self._class(ancestor) == ifc_class:
                return ancestor
        return None

    def _class(self, product: int) -> str:
        if product not in self._classes:
            self._classes[product] = self._file.by_id(product).is_a()
        return self._classes[product]


def _links(file: Any) -> Iterator[tuple[int, int]]:
    """Yield (parent, child); containment in a storey goes before being part of something that fills an opening."""
    for name, parent_name, children_name in _RELATIONS:
        for relation in file.by_type(name):
            parent, children = getattr(relation, parent_name), getattr(relation, children_name)
            if parent is None or children is None:
                continue
            for child in children if isinstance(children, tuple) else (children,):
                yield parent.id(), child.id()


def position_m(product: Any, metres_per_unit: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return x, y, z of a product's placement in file metres; zeros where it has none."""
    if product.ObjectPlacement is None or not product.ObjectPlacement.is_a("IfcLocalPlacement"):
        return np.zeros(3)
    matrix = np.asarray(ifcopenshell.util.placement.get_local_placement(product.ObjectPlacement))
    return np.asarray(matrix[:3, 3] * metres_per_unit, dtype=np.float64)


def read_storeys(file: Any, tree: Tree, metres_per_unit: float) -> list[Storey]:
    """Return the storeys of all buildings of a file, each building's from below."""
    by_building: dict[int | None, list[Any]] = {}
    for entity in file.by_type("IfcBuildingStorey"):
        by_building.setdefault(tree.nearest(entity.id(), "IfcBuilding"), []).append(entity)
    found: list[Storey] = []
    for building, entities in by_building.items():
        base = float(position_m(file.by_id(building), metres_per_unit)[2]) if building is not None else 0.0
        found += _numbered(entities, _levels(entities, base, metres_per_unit), base, building)
    return found


def _levels(entities: list[Any], base_m: float, metres_per_unit: float) -> list[float]:
    placed = [float(position_m(entity, metres_per_unit)[2]) for entity in entities]
    if len(entities) > 1 and max(placed) - min(placed) < _SAME_M:
        # Some exporters place all storeys at zero and say the level in the attribute only.
        stated = [base_m + float(entity.Elevation or 0.0) * metres_per_unit for entity in entities]
        return stated if max(stated) - min(stated) >= _SAME_M else placed
    return placed


def _numbered(entities: list[Any], levels: list[float], base_m: float, building: int | None) -> list[Storey]:
    order = sorted(range(len(entities)), key=lambda index: (levels[index], str(entities[index].Name)))
    ranks = _ranks([levels[index] for index in order])
    ground = _ground_rank(
        [(ranks[i], levels[order[i]] - base_m, str(entities[order[i]].Name or "")) for i in range(len(order))]
    )
    found = []
    for position, index in enumerate(order):
        above = [levels[other] for other in order if levels[other] - levels[index] >= _SAME_M]
        difference = ranks[position] - ground
        entity = entities[index]
        name = f"{entity.Name or ''}".strip()
        found.append(
            Storey(
                entity,
                difference + 1 if difference >= 0 else difference,
                levels[index],
                round(min(above) - levels[index], 6) if above else None,
                not _NO_STOREY.search(name),
                building,
            )
        )
    return found


def _ranks(levels: list[float]) -> list[int]:
    ranks: list[int] = []
    start = None
    for level in levels:
        if start is None or level - start >= _SAME_M:
            ranks.append(ranks[-1] + 1 if ranks else 0)
            start = level
        else:
            ranks.append(ranks[-1])
    return ranks


def _ground_rank(storeys: list[tuple[int, float, str]]) -> int:
    """Return the rank of the ground floor: the lowest that no name and no level puts below the ground."""
    for rank, level, name in storeys:
        if level > -_BASEMENT_M and not _BELOW.search(name) and not re.search("fdn|found|基础", name, re.IGNORECASE):
            return rank
    return storeys[-1][0] + 1 if storeys else 0
