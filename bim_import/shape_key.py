"""Keys of shapes: a hash of all in the file that a product's geometry is made from, whatever its numbers are.

References are replaced by the hash of what they mean, from the leaves upwards, so that the key does not change when
a program writes the same model again with other STEP numbers. What points *at* geometry (styles, colours, aspects) is
hashed as if the geometry pointed at it; openings and materials are added product by product.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import ifcopenshell
import ifcopenshell.util.element

from bim_import.geometry_pool import KERNELS

#: Raised when the same kernels would give other meshes, placements or outlines than before.
REVISION = 1
_DIGEST_BYTES = 16

_STATEMENT = re.compile(rb"#(\d+)\s*=\s*([^;']*(?:'[^']*'[^;']*)*);")
_COMMENT = re.compile(rb"'[^']*'|/\*.*?\*/", re.DOTALL)
_REFERENCE = re.compile(rb"#(\d+)")
_STRING = re.compile(rb"'[^']*'")
_BLANK = b" \t\r\n"
#: What points at geometry, or at a material, by its first attribute, by its last one, or by a list in the middle.
_POINTING = re.compile(
    rb"(IFCSTYLEDITEM|IFCINDEXEDCOLOURMAP|IFCSHAPEASPECT|IFCMATERIALDEFINITIONREPRESENTATION"
    rb"|IFCPRESENTATIONLAYERWITHSTYLE)\b"
)
_TARGETS = {
    b"IFCSTYLEDITEM": re.compile(rb"\(\s*(#\d+)"),
    b"IFCINDEXEDCOLOURMAP": re.compile(rb"\(\s*(#\d+)"),
    b"IFCSHAPEASPECT": re.compile(rb"(#\d+)\s*\)\s*$"),
    b"IFCMATERIALDEFINITIONREPRESENTATION": re.compile(rb"(#\d+)\s*\)\s*$"),
    b"IFCPRESENTATIONLAYERWITHSTYLE": re.compile(rb"\(\s*(#[#\d\s,]*)\)"),
}


class UnknownContent(Exception):
    """What is referred to is not in the file, or refers to itself."""


class ContentHash:
    """Hashes of the statements of one SPF file by STEP id."""

    def __init__(self, data: bytes) -> None:
        if b"/*" in data:
            data = _COMMENT.sub(lambda found: b"" if found[0].startswith(b"/*") else found[0], data)
        self._bodies: dict[int, bytes] = {}
        self._pointing: dict[int, list[int]] = defaultdict(list)
        self._hashes: dict[int, bytes] = {}
        for found in _STATEMENT.finditer(data):
            number, body = int(found[1]), found[2]
            kind = _POINTING.match(body)
            if kind is not None:
                body = self._turn(number, kind[1], body)
            self._bodies[number] = body

    def _turn(self, number: int, kind: bytes, body: bytes) -> bytes:
        """Note what a statement points at and return it without that."""
        found = _TARGETS[kind].search(body)
        if found is None:
            return body
        for target in _REFERENCE.findall(found[1]):
            self._pointing[int(target)].append(number)
        return body[: found.start(1)] + body[found.end(1) :]

    def of(self, number: int) -> bytes:
        """Return the hash of a statement and of all that it refers to.

        Raises
        ------
        UnknownContent
        """
        hashes = self._hashes
        path: list[int] = [number]
        opened: dict[int, tuple[bytes, list[int], list[int]]] = {}
        while path:
            current = path[-1]
            if current in hashes:
                path.pop()
                continue
            seen = opened.get(current)
            if seen is None:
                opened[current] = seen = self._parts(current)
                missing = [other for other in (*seen[1], *seen[2]) if other not in hashes]
                if missing:
                    path += missing
                    continue
            hashes[current] = self._combine(*seen)
            del opened[current]
            path.pop()
        return hashes[number]

    def _parts(self, number: int) -> tuple[bytes, list[int], list[int]]:
        """Return the text without references, the references, and what points here."""
        body = self._bodies.get(number)
        if body is None:
            raise UnknownContent(f"#{number}")
        if b"'" in body and b"#" in body:
            body = _STRING.sub(lambda found: found[0].replace(b"#", b"\0"), body)
        pieces = _REFERENCE.split(body)
        text = b"#".join(pieces[::2]).translate(None, _BLANK)
        return text, [int(piece) for piece in pieces[1::2]], self._pointing.get(number, [])

    def _combine(self, text: bytes, references: list[int], pointing: list[int]) -> bytes:
        hashes = self._hashes
        total = blake2b(text, digest_size=_DIGEST_BYTES)
        try:
            for reference in references:
                total.update(hashes[reference])
            if pointing:
                total.update(b"<".join([b"", *sorted(hashes[number] for number in pointing)]))
        except KeyError as error:  # a circle
            raise UnknownContent(f"#{error.args[0]}") from None
        return total.digest()


class ShapeKeys:
    """Keys of the shapes of products of one open file."""

    def __init__(self, file: Any, path: Path, offset_m: tuple[float, float, float]) -> None:
        self._content = ContentHash(path.read_bytes())
        units = [self._content.of(project.UnitsInContext.id()) for project in file.by_type("IfcProject")[:1]
                 if project.UnitsInContext is not None]  # fmt: skip
        version: Any = ifcopenshell
        self._common = repr((REVISION, version.version, KERNELS, offset_m, file.schema_identifier, units)).encode()
        self._materials: dict[int, bytes] = {}

    def of(self, products: Iterable[Any], outlined: frozenset[int]) -> dict[int, bytes]:
        """Return STEP id -> key; products whose content refers to nothing or in a circle are left out."""
        found = {}
        for product in products:
            try:
                parts = list(self._parts(product))
            except UnknownContent:
                continue
            parts.append(b"outlined" if product.id() in outlined else b"")
            found[product.id()] = blake2b(b"|".join(parts), digest_size=_DIGEST_BYTES).digest()
        return found

    def _parts(self, product: Any) -> Iterator[bytes]:
        yield self._common
        yield product.is_a().encode()
        yield from self._shape(product)
        for host in _hosts(product):
            cuts = [b"".join(self._shape(opening)) for opening in _openings(host)]
            yield b",".join(sorted(cuts))
        yield self._material(product)

    def _shape(self, product: Any) -> Iterator[bytes]:
        for part in (product.Representation, product.ObjectPlacement):
            yield self._content.of(part.id()) if part is not None else b"-"

    def _material(self, product: Any) -> bytes:
        material = ifcopenshell.util.element.get_material(product, should_inherit=True)
        return self._content.of(material.id()) if material is not None else b"-"


def _hosts(product: Any) -> Iterator[Any]:
    """Yield the product and the wholes that it is part of: an opening in a whole is cut from its parts."""
    seen: set[int] = set()
    current = product
    while current is not None and current.id() not in seen:
        seen.add(current.id())
        yield current
        relations = [link for link in getattr(current, "Decomposes", ()) if link.is_a("IfcRelAggregates")]
        current = relations[0].RelatingObject if relations else None


def _openings(host: Any) -> list[Any]:
    found = [link.RelatedOpeningElement for link in getattr(host, "HasOpenings", ())]
    return [opening for opening in found if opening is not None]
