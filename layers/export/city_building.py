"""One building as objects of CityJSON 2.0: its outline, a block, and the surfaces that a city model gave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import shapely

from layers.export.shell import Surface, Vertices, block, flat_surface, is_closed, turned, volume

#: letter of ``building_source.lod2_surfaces`` -> semantic surface; O has none
SEMANTICS = {"G": "GroundSurface", "W": "WallSurface", "R": "RoofSurface", "C": "ClosureSurface"}
#: attribute of the model -> as CityGML and CityJSON call it
_STANDARD = {
    "height_m": "measuredHeight",
    "storeys_above": "storeysAboveGround",
    "storeys_below": "storeysBelowGround",
    "year_built": "yearOfConstruction",
    "use": "usage",
}


@dataclass(frozen=True)
class CityBuilding:
    """A building whose geometries are in metres.

    Attributes
    ----------
    footprint
        MultiPolygon or None.
    solid, kinds
        MultiPolygon Z of boundary surfaces and the letter of each, or None.
    """

    key: str
    record: Mapping[str, Any]
    footprint: shapely.Geometry | None
    solid: shapely.Geometry | None
    kinds: str | None

    def objects(self, vertices: Vertices) -> dict[str, Any]:
        """Return the building, and its parts where its footprint has several, by their ids."""
        polygons = [] if self.footprint is None else list(shapely.get_parts(self.footprint))
        base = float(self.record.get("base_height_m") or 0.0)
        height = self.record.get("height_m")
        whole: dict[str, Any] = {"type": "Building", "attributes": self._attributes()}
        geometry = _outline(polygons, base, vertices)
        blocks = [block(part, base, base + height, vertices) for part in polygons] if height and height > 0 else []
        solids = [_geometry("1", surfaces, letters) for surfaces, letters in blocks if surfaces]
        if len(solids) == 1:
            geometry += solids
        if self.solid is not None:
            geometry.append(_surfaces(self.solid, self.kinds or "", vertices))
        if geometry:
            whole["geometry"] = geometry
        found = {self.key: whole}
        if len(solids) > 1:
            # A building has one solid a level; blocks that stand apart are parts of it (CityJSON 2.0.1, 2.4).
            whole["children"] = [f"{self.key}-part-{number}" for number in range(1, len(solids) + 1)]
            for name, solid in zip(whole["children"], solids, strict=True):
                found[name] = {"type": "BuildingPart", "parents": [self.key], "geometry": [solid]}
        return found

    def _attributes(self) -> dict[str, Any]:
        said = {name: value for name, value in self.record.items() if value is not None}
        return said | {new: said[name] for name, new in _STANDARD.items() if name in said}


def _outline(polygons: list[shapely.Polygon], base_m: float, vertices: Vertices) -> list[dict[str, Any]]:
    surfaces = [surface for polygon in polygons if (surface := flat_surface(polygon, base_m, vertices))]
    return [{"type": "MultiSurface", "lod": "0", "boundaries": surfaces}] if surfaces else []


def _surfaces(solid: shapely.Geometry, kinds: str, vertices: Vertices) -> dict[str, Any]:
    """Return boundary surfaces as a solid that looks outward, or, where they do not close, as they are."""
    found: list[tuple[Surface, str]] = []
    for polygon, kind in zip(
        shapely.get_parts(solid), kinds.ljust(shapely.get_num_geometries(solid), "O"), strict=True
    ):
        rings = [vertices.ring(shapely.get_coordinates(ring, include_z=True)[:-1]) for ring in _rings(polygon)]
        if rings[0]:
            found.append(([ring for ring in rings if ring], kind))
    surfaces, letters = [surface for surface, _ in found], "".join(kind for _, kind in found)
    if not is_closed(surfaces):
        return _geometry("2", surfaces, letters, is_solid=False)
    return _geometry("2", turned(surfaces) if volume(surfaces, vertices) < 0 else surfaces, letters)


def _rings(polygon: shapely.Polygon) -> list[shapely.LinearRing]:
    return [polygon.exterior, *polygon.interiors]


def _geometry(lod: str, surfaces: list[Surface], letters: str, *, is_solid: bool = True) -> dict[str, Any]:
    used = [letter for letter in SEMANTICS if letter in letters]
    values = [used.index(letter) if letter in used else None for letter in letters]
    return {
        "type": "Solid" if is_solid else "MultiSurface",
        "lod": lod,
        "boundaries": [surfaces] if is_solid else surfaces,
        "semantics": {
            "surfaces": [{"type": SEMANTICS[letter]} for letter in used],
            "values": [values] if is_solid else values,
        },
    }
