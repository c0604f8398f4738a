"""CityGML 1, 2 and 3 (OGC 08-007r1, 12-019, 20-010): members streamed one by one, no entity and no network read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree

from cim.errors import InvalidFile
from layers.sources.city_object import OTHER_KIND, SURFACE_KINDS, CityObject, Surface
from layers.sources.city_object import Ring as RingArray

_MEMBERS = ("{*}cityObjectMember", "{*}featureMember")
_LOD = re.compile(r"lod(\d)")
_ID = "{http://www.opengis.net/gml}id"
_ID_32 = "{http://www.opengis.net/gml/3.2}id"
_HREF = "{http://www.w3.org/1999/xlink}href"
_BOUNDARIES = {"boundedBy", "boundary"}
_PARTS = {"BuildingPart"}
#: Holds geometry of its own that is not the outside of its building.
_INSIDE = {
    "interiorRoom",
    "buildingRoom",
    "opening",
    "interiorFurniture",
    "roomInstallation",
    "interiorBuildingInstallation",
}
#: Containers of simple attributes, whose name stands in an attribute or a child.
_GENERIC = re.compile(r"(string|int|double|date|uri|measure)Attribute$", re.IGNORECASE)


@dataclass(frozen=True)
class CityGml:
    """A file whose beginning has been read.

    Attributes
    ----------
    crs
        The ``srsName`` of its first envelope or geometry.
    """

    path: Path
    version: str
    crs: str | None

    @property
    def format(self) -> str:
        """The name of the format with its version."""
        return f"CityGML {self.version}"

    def objects(self) -> Iterator[CityObject]:
        """Yield the members; coordinates in the order in which the file has them."""
        for number, member in enumerate(_members(self.path), 1):
            for item in member:
                if isinstance(item.tag, str):
                    yield _object(item, number)


def open_citygml(path: Path, head: bytes) -> CityGml:
    """Find version and system of a file; raises InvalidFile."""
    found = re.search(rb"opengis\.net/citygml/(\d\.\d)", head)
    return CityGml(path, found[1].decode() if found else "2.0", _srs_name(path))


def _srs_name(path: Path) -> str | None:
    """Return the first system that is named: that of the model's envelope, or of the first geometry."""
    for _, element in _parse(path, None, ("start",)):
        name = element.get("srsName")
        if name:
            return str(name)
        if len(element) == 0 and element.getparent() is not None:
            previous = element.getprevious()
            if previous is not None:
                element.getparent().remove(previous)
    return None


def _members(path: Path) -> Iterator[Any]:
    for _, member in _parse(path, _MEMBERS, ("end",)):
        yield member
        member.clear()
        # What has been read stays no longer in memory than its next sibling.
        while member.getprevious() is not None:
            del member.getparent()[0]


def _parse(path: Path, tags: Any, events: tuple[str, ...]) -> Iterator[Any]:
    options: dict[str, Any] = {
        "resolve_entities": False,
        "no_network": True,
        "load_dtd": False,
        "remove_comments": True,
    }
    try:
        with path.open("rb") as handle:
            yield from etree.iterparse(handle, events=events, tag=tags, **options)
    except etree.XMLSyntaxError as error:
        raise InvalidFile(f"the XML cannot be read to its end: {error}; deliver it again") from None


def _object(item: Any, number: int) -> CityObject:
    key = item.get(_ID_32) or item.get(_ID) or item.get("id")
    found = CityObject(key or f"member {number}", _name(item), key or f"member {number}")
    try:
        found.attributes = _attributes(item)
        found.parts = sum(1 for part in item.iter() if _name(part) in _PARTS)
        found.surfaces = list(_surfaces(item))
        if not found.surfaces:
            found.point = _point(item)
    except (ValueError, IndexError) as error:
        found.fault = ("unreadable_geometry", f"the member's geometry does not follow the standard: {error}")
    return found


# -- geometry ---------------------------------------------------------------------------------------------------


def _surfaces(item: Any) -> Iterator[Surface]:
    referred = {
        member.get(_HREF)[1:]: kind
        for member in item.iter("{*}surfaceMember", "{*}baseSurface")
        if member.get(_HREF) and (kind := _context(member, item)[1]) is not None
    }
    for polygon in item.iter("{*}Polygon", "{*}Triangle"):
        lod, kind, is_inside = _context(polygon, item)
        if is_inside:
            continue
        own = polygon.get(_ID_32) or polygon.get(_ID) or ""
        rings = [_ring(ring) for ring in polygon.iter("{*}LinearRing")]
        if rings:
            yield Surface(lod, kind or referred.get(own) or OTHER_KIND, rings)


def _context(element: Any, item: Any) -> tuple[str, str | None, bool]:
    """Return the level of detail and the kind of surface that stand around an element, and whether it is indoors."""
    lod, kind, is_inside = "", None, False
    for parent in element.iterancestors():
        if parent is item:
            break
        name = _name(parent)
        level = _LOD.match(name)
        if level and not lod:
            lod = level[1]
        is_inside = is_inside or name in _INSIDE
        if kind is None and name in SURFACE_KINDS:
            kind = SURFACE_KINDS[name]
    return lod, kind, is_inside


def _ring(ring: Any) -> RingArray:
    """Return n x 3 coordinates without the last point, which repeats the first."""
    texts = [part.text or "" for part in ring.iter("{*}posList", "{*}pos", "{*}coordinates")]
    numbers = np.array(" ".join(texts).replace(",", " ").split(), np.float64)
    dimension = _dimension(ring, numbers.size)
    points = numbers.reshape(-1, dimension)
    if dimension == 2:
        points = np.column_stack([points, np.zeros(len(points))])
    return points[:-1] if len(points) > 1 and (points[0] == points[-1]).all() else points


def _dimension(ring: Any, size: int) -> int:
    for element in (*ring, ring, *ring.iterancestors()):
        said = element.get("srsDimension")
        if said:
            return int(said)
    return 3 if size % 3 == 0 else 2


def _point(item: Any) -> RingArray | None:
    for position in item.iter("{*}pos"):
        numbers = np.array((position.text or "").split(), np.float64)
        if numbers.size >= 2:
            return numbers if numbers.size > 2 else np.append(numbers, 0.0)
    return None


# -- attributes -------------------------------------------------------------------------------------------------


def _attributes(item: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in item:
        name = _name(child)
        if name and not (name in _BOUNDARIES or name in _INSIDE or _LOD.match(name)):
            _add_attribute(found, name, child)
    return found


def _add_attribute(found: dict[str, Any], name: str, child: Any) -> None:
    if _GENERIC.search(name) or name == "genericAttribute":
        _add_generic(found, child)
    elif name == "address":
        _add(found, "address", " ".join(text for _, text in _leaves(child)))
    elif len(child) == 0:
        _add(found, name, (child.text or "").strip())
    elif next(child.iter("{*}Polygon", *("{*}" + part for part in _PARTS)), None) is None:
        for leaf, text in _leaves(child):
            _add(found, leaf, text)


def _add_generic(found: dict[str, Any], element: Any) -> None:
    name = element.get("name") or next((leaf.text for leaf in element.iter("{*}name")), None)
    value = next((leaf.text for leaf in element.iter("{*}value")), None)
    if name and value:
        _add(found, name.strip(), value.strip())


def _add(found: dict[str, Any], name: str, value: str) -> None:
    if value:
        found[name] = f"{found[name]}; {value}" if name in found else value


def _leaves(element: Any) -> Iterator[tuple[str, str]]:
    """Yield name and text of the elements without children."""
    for leaf in element.iter():
        if isinstance(leaf.tag, str) and len(leaf) == 0 and leaf.text and leaf.text.strip():
            yield _name(leaf), leaf.text.strip()


def _name(element: Any) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
