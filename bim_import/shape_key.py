"""Keys of shapes: a hash of all in the file that a product's geometry is made from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import ifcopenshell

from bim_import.content_hash import DIGEST_BYTES, ContentHash, UnknownContent
from bim_import.geometry_pool import KERNELS

#: Raised when the same kernels would give other meshes, placements or outlines than before.
REVISION = 1


class ShapeKeys:
    """Keys of the shapes of products of one open file.

    Beside representation and placement a key covers the openings of the product and of the wholes that it is part of
    (they are cut from the parts), their materials (for colours), the units, and the kernels and the library's version.
    """

    def __init__(self, file: Any, content: ContentHash, offset_m: tuple[float, float, float]) -> None:
        self._content = content
        projects = file.by_type("IfcProject")[:1]
        units = [content.of(one.UnitsInContext.id()) for one in projects if one.UnitsInContext is not None]
        version: Any = ifcopenshell
        self._common = repr((REVISION, version.version, KERNELS, offset_m, file.schema_identifier, units)).encode()
        self._wholes = dict(_pairs(file, "IfcRelAggregates", "RelatedObjects", "RelatingObject"))
        self._cuts: dict[int, list[Any]] = defaultdict(list)
        for relation in file.by_type("IfcRelVoidsElement"):
            if relation.RelatingBuildingElement is not None and relation.RelatedOpeningElement is not None:
                self._cuts[relation.RelatingBuildingElement.id()].append(relation.RelatedOpeningElement)
        self._materials: dict[int, set[int]] = defaultdict(set)
        for product, material in _pairs(file, "IfcRelAssociatesMaterial", "RelatedObjects", "RelatingMaterial"):
            self._materials[product].add(material)
        self._types = dict(_pairs(file, "IfcRelDefinesByType", "RelatedObjects", "RelatingType"))

    def of(self, products: Iterable[Any], outlined: frozenset[int]) -> dict[int, bytes]:
        """Return STEP id -> key; products whose content refers to nothing or in a circle are left out."""
        found = {}
        for product in products:
            number = product.id()
            try:
                parts = [*self._parts(product, number), b"outlined" if number in outlined else b""]
            except UnknownContent:
                continue
            found[number] = blake2b(b"|".join(parts), digest_size=DIGEST_BYTES).digest()
        return found

    def _parts(self, product: Any, number: int) -> Iterator[bytes]:
        yield self._common
        yield product.is_a().encode()
        yield self._shape(product)
        for whole in self._chain(number):
            yield b",".join(sorted(self._shape(opening) for opening in self._cuts.get(whole, ())))
            yield b",".join(sorted(map(self._content.of, self._materials_of(whole))))

    def _shape(self, product: Any) -> bytes:
        parts = (product.Representation, product.ObjectPlacement)
        return b"".join(self._content.of(part.id()) if part is not None else b"-" for part in parts)

    def _chain(self, number: int) -> Iterator[int]:
        """Yield a product and the wholes above it."""
        seen: set[int] = set()
        current: int | None = number
        while current is not None and current not in seen:
            seen.add(current)
            yield current
            current = self._wholes.get(current)

    def _materials_of(self, number: int) -> set[int]:
        return self._materials.get(number, set()) | self._materials.get(self._types.get(number, -1), set())


def _pairs(file: Any, relation_class: str, many: str, one: str) -> Iterator[tuple[int, int]]:
    for relation in file.by_type(relation_class):
        single = getattr(relation, one)
        if single is not None:
            for member in getattr(relation, many) or ():
                yield member.id(), single.id()
