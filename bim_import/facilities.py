"""Rows of sites, roads, railways, bridges and their parts: the spatial structure besides buildings and storeys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import shapely

from bim_import.content import Content
from bim_import.described import Describe
from bim_import.frame import Frame
from bim_import.geometry import Geometry
from bim_import.outlines import union
from bim_import.properties import Properties
from bim_import.property_values import text_or_none
from bim_import.spatial import Tree

FACILITY_LEVEL = 4


class Facilities:
    """The facilities of a file and which of them each element belongs to."""

    def __init__(self, content: Content, tree: Tree) -> None:
        self._content, self._tree = content, tree
        self._facilities = {one.id() for one in content.facilities}
        self._ends = {one.id() for one in [*content.buildings, *content.storeys]}

    def of(self, product: int) -> int | None:
        """Return the nearest facility that holds a product (STEP ids); what is in a building belongs to that."""
        return next(self._above(product), None)

    def _above(self, product: int) -> Iterator[int]:
        for ancestor in self._tree.ancestors(product):
            if ancestor in self._ends:
                return
            if ancestor in self._facilities:
                yield ancestor

    def rows(
        self, properties: dict[int, Properties], geometry: Geometry, frame: Frame, describe: Describe
    ) -> list[dict[str, Any]]:
        """Return the rows of the table ``facility``; ``parent_global_id`` is the key of the facility above."""
        members: dict[int, list[Any]] = defaultdict(list)
        for element in self._content.elements:
            for facility in self._above(element.id()):
                members[facility].append(element)
        return [
            self._row(facility, members[facility.id()], properties, geometry, frame, describe)
            for facility in self._content.facilities
        ]

    def _row(
        self,
        facility: Any,
        members: list[Any],
        properties: dict[int, Properties],
        geometry: Geometry,
        frame: Frame,
        describe: Describe,
    ) -> dict[str, Any]:
        known = properties[facility.id()]
        parent = self.of(facility.id())
        drawn = [geometry.instances[one.id()] for one in members if one.id() in geometry.instances]
        area = frame.shape(union(members, geometry)) if drawn else None
        row: dict[str, Any] = {
            "source_key": self._content.keys[facility.id()],
            "cim_level": FACILITY_LEVEL,
            "name": text_or_none(facility.Name) or text_or_none(getattr(facility, "LongName", None)),
            "long_name": text_or_none(getattr(facility, "LongName", None)),
            "global_id": facility.GlobalId,
            "parent_global_id": self._content.keys[parent] if parent is not None else None,
            "ifc_class": facility.is_a(),
            "predefined_type": known.predefined_type,
            "element_count": len(members),
            "psets": known.psets,
            "quantities": known.quantities,
            "attributes": describe(facility) | _usage(facility),
            "geom": str(shapely.to_wkb(area, hex=True)) if area is not None else None,
        }
        if drawn:
            row["min_height_m"] = frame.height_m(min(one.min_z_m for one in drawn))
            row["max_height_m"] = frame.height_m(max(one.max_z_m for one in drawn))
        return row


def _usage(facility: Any) -> dict[str, Any]:
    usage = text_or_none(getattr(facility, "UsageType", None))
    return {"usage_type": usage} if usage else {}
