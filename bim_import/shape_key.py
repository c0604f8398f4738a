"""Keys of shapes: a hash of all in the file that a product's geometry is made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Any

import ifcopenshell

from bim_import.content_hash import DIGEST_BYTES, ContentHash, UnknownContent
from bim_import.geometry_pool import KERNELS
from bim_import.object_placement import LocalPlacements
from bim_import.relations import Relations

#: Raised when the same kernels would give other meshes, placements or outlines than before.
REVISION = 2


class ShapeKeys:
    """Keys of the shapes of products of one open file.

    Beside representation and placement a key covers the openings of the product and of the wholes that it is part of
    (they are cut from the parts), their materials (for colours), the units, and the kernels and the library's version.
    """

    def __init__(
        self, file: Any, content: ContentHash, relations: Relations, offset_m: tuple[float, float, float]
    ) -> None:
        self._content, self._relations = content, relations
        projects = file.by_type("IfcProject")[:1]
        units = [content.of(one.UnitsInContext.id()) for one in projects if one.UnitsInContext is not None]
        version: Any = ifcopenshell
        self._common = repr((REVISION, version.version, KERNELS, offset_m, file.schema_identifier, units)).encode()
        self._local = LocalPlacements()

    def of(self, products: Iterable[Any], outlined: frozenset[int]) -> dict[int, bytes]:
        """Return STEP id -> key; products whose content refers to nothing or in a circle are left out."""
        return _hashed(
            products, lambda product: [*self._parts(product), b"outlined" if product.id() in outlined else b""]
        )

    def forms(self, products: Iterable[Any]) -> dict[int, bytes]:
        """Return STEP id -> key of what a product is like in its own coordinates, wherever it stands.

        Products with the same key have the same mesh. Those of which that is not certain are left out: they stand on a
        curve or a grid, or are cut by what is not placed relative to them.
        """
        return _hashed(products, self._form)

    def _form(self, product: Any) -> list[bytes] | None:
        placement = product.ObjectPlacement
        if placement is None or product.Representation is None or not self._local.is_local(placement):
            return None
        parts = [product.is_a().encode(), self._content.of(product.Representation.id())]
        for whole in self._chain(product.id()):
            cuts = []
            for opening in self._relations.openings.get(whole, ()):
                at = opening.ObjectPlacement
                above = at.PlacementRelTo if at is not None and at.is_a("IfcLocalPlacement") else None
                if above is None or above.id() != placement.id() or opening.Representation is None:
                    return None
                cuts.append(self._content.of(at.RelativePlacement.id()) + self._content.of(opening.Representation.id()))
            parts += [b",".join(sorted(cuts)), self._materials_key(whole)]
        return parts

    def _materials_key(self, number: int) -> bytes:
        return b",".join(sorted(map(self._content.of, self._materials_of(number))))

    def _parts(self, product: Any) -> Iterator[bytes]:
        yield self._common
        yield product.is_a().encode()
        yield self._shape(product)
        for whole in self._chain(product.id()):
            yield b",".join(sorted(self._shape(opening) for opening in self._relations.openings.get(whole, ())))
            yield self._materials_key(whole)

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
            current = self._relations.wholes.get(current)

    def _materials_of(self, number: int) -> set[int]:
        materials, kind = self._relations.materials, self._relations.types.get(number)
        return {material.id() for one in (number, kind.id() if kind else -1) for material in materials.get(one, ())}


def _hashed(products: Iterable[Any], parts_of: Callable[[Any], list[bytes] | None]) -> dict[int, bytes]:
    """Return STEP id -> hash of a product's parts; those without any, or with unknown content, are left out."""
    found = {}
    for product in products:
        try:
            parts = parts_of(product)
        except UnknownContent:
            continue
        if parts is not None:
            found[product.id()] = blake2b(b"|".join(parts), digest_size=DIGEST_BYTES).digest()
    return found
