"""CityJSON 1.0 to 2.0 and CityJSON sequences (https://www.cityjson.org/specs/2.0.1): objects with their surfaces.

A CityJSON file keeps its vertices at one place and is read whole, up to a limit; a sequence has a feature a line and is
streamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from cim.errors import InvalidFile, TooLarge
from layers.sources.city_object import OTHER_KIND, SURFACE_KINDS, CityObject, Surface

MAXIMUM_BYTES = 256 * 2**20
_LINE_BYTES = 64 * 2**20
_VERSIONS = ("1.0", "1.1", "2.0")
#: type of geometry -> how many lists lie around its surfaces
_SURFACE_DEPTH = {"MultiSurface": 0, "CompositeSurface": 0, "Solid": 1, "MultiSolid": 2, "CompositeSolid": 2}


@dataclass(frozen=True)
class CityJson:
    """A file whose header has been read.

    Attributes
    ----------
    document
        The whole file; of a sequence its first line.
    """

    path: Path
    document: dict[str, Any]
    is_sequence: bool

    @property
    def format(self) -> str:
        """The name of the format with its version."""
        name = "CityJSONSeq" if self.is_sequence else "CityJSON"
        return f"{name} {self.document.get('version', '')}".strip()

    @property
    def crs(self) -> str | None:
        """The text of the reference system."""
        found = (self.document.get("metadata") or {}).get("referenceSystem")
        return found if isinstance(found, str) and found else None

    def objects(self) -> Iterator[CityObject]:
        """Yield the objects of the first level."""
        if not self.is_sequence:
            yield from _objects(self.document, self.document.get("transform"))
            return
        transform = self.document.get("transform")
        with self.path.open("rb") as handle:
            next(handle)
            for number, line in enumerate(handle, 2):
                if line.strip():
                    yield from _feature(line, number, transform)


def open_cityjson(path: Path) -> CityJson:
    """Read a file's header; raises InvalidFile, TooLarge."""
    with path.open("rb") as handle:
        first = handle.readline(_LINE_BYTES)
        has_more = bool(handle.readline(1024).strip())
    document = _parsed(first)
    is_sequence = document is not None and has_more
    if document is None:
        size = path.stat().st_size
        if size > MAXIMUM_BYTES:
            raise TooLarge(
                f"a CityJSON file is read whole and this one has {size} bytes, of at most {MAXIMUM_BYTES}; "
                "convert it to a CityJSON sequence (cjseq), which is streamed"
            )
        document = _whole(path)
    if document.get("type") != "CityJSON":
        raise InvalidFile("the file is no JSON object of the type 'CityJSON'; deliver it again")
    version = str(document.get("version", ""))
    if not version.startswith(_VERSIONS):
        raise InvalidFile(f"CityJSON {version or 'without a version'} is not read; upgrade it to {_VERSIONS[-1]}")
    return CityJson(path, document, is_sequence)


def _whole(path: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise InvalidFile(f"the file is no valid JSON: {error}; deliver it again") from None
    return found if isinstance(found, dict) else {}


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _feature(line: bytes, number: int, transform: Any) -> Iterator[CityObject]:
    feature = _parsed(line)
    if feature is None or feature.get("type") != "CityJSONFeature":
        text = line[:200].decode("utf-8", "replace").strip()
        fault = ("unreadable_row", f"the line is no CityJSONFeature: {text}")
        yield CityObject(f"line {number}", "Building", f"line {number}", fault=fault)
        return
    yield from _objects(feature, transform)


def _objects(document: dict[str, Any], transform: Any) -> Iterator[CityObject]:
    objects: dict[str, Any] = document.get("CityObjects") or {}
    vertices = _vertices(document, transform)
    for key, item in objects.items():
        if any(parent in objects for parent in item.get("parents", ())):
            continue
        found = CityObject(key, str(item.get("type", "GenericCityObject")), key)
        try:
            _gather(found, key, objects, vertices, depth=0)
        except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
            found.fault = ("unreadable_geometry", f"the object's geometry does not follow the standard: {error!r}")
        yield found


def _vertices(document: dict[str, Any], transform: Any) -> NDArray[np.float64]:
    vertices = np.array(document.get("vertices") or np.empty((0, 3)), np.float64).reshape(-1, 3)
    if transform:
        vertices = vertices * np.array(transform["scale"], np.float64) + np.array(transform["translate"], np.float64)
    return vertices


def _gather(found: CityObject, key: str, objects: dict[str, Any], vertices: NDArray[np.float64], *, depth: int) -> None:
    """Add an object's attributes and surfaces and those of its parts; what the whole says of itself counts first."""
    item = objects[key]
    for name, value in (item.get("attributes") or {}).items():
        found.attributes.setdefault(name, value)
    for geometry in item.get("geometry") or ():
        _add_geometry(found, geometry, vertices)
    for child in item.get("children") or ():
        if child in objects and depth < 8:
            found.parts += 1
            _gather(found, child, objects, vertices, depth=depth + 1)


def _add_geometry(found: CityObject, geometry: dict[str, Any], vertices: NDArray[np.float64]) -> None:
    kind = geometry["type"]
    if kind == "GeometryInstance":
        found.point = vertices[geometry["boundaries"][0]]
        return
    if kind not in _SURFACE_DEPTH:
        first = np.ravel(np.array(_first(geometry["boundaries"])))
        found.point = vertices[int(first[0])] if first.size else None
        return
    lod = str(geometry.get("lod", ""))[:1]
    semantics = geometry.get("semantics") or {}
    kinds = [SURFACE_KINDS.get(surface.get("type", ""), OTHER_KIND) for surface in semantics.get("surfaces") or ()]
    pairs = _flat(geometry["boundaries"], semantics.get("values"), _SURFACE_DEPTH[kind])
    for rings, index in pairs:
        letter = kinds[index] if isinstance(index, int) and index < len(kinds) else OTHER_KIND
        found.surfaces.append(Surface(lod, letter, [_ring(ring, vertices) for ring in rings]))


def _ring(indices: list[int], vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    if min(indices, default=0) < 0:
        raise IndexError("a vertex has a negative number")
    return vertices[np.array(indices, np.int64)]


def _first(boundaries: Any) -> Any:
    return boundaries[0] if boundaries and isinstance(boundaries[0], list) else boundaries


def _flat(boundaries: list[Any], values: Any, depth: int) -> Iterator[tuple[list[Any], Any]]:
    """Yield each surface with the number of its meaning; values may end at any depth in null."""
    for number, part in enumerate(boundaries):
        value = values[number] if isinstance(values, list) and number < len(values) else None
        if depth:
            yield from _flat(part, value, depth - 1)
        else:
            yield part, value
