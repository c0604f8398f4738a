"""Objects of city models (CityJSON, CityGML): their surfaces, and the footprint and heights that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.sources.geometry import polygons_of

Ring = NDArray[np.float64]

#: Name of a boundary surface -> its letter; see ``building_source.lod2_surfaces``.
SURFACE_KINDS = {"GroundSurface": "G", "WallSurface": "W", "RoofSurface": "R", "ClosureSurface": "C"}
OTHER_KIND = "O"
#: Of its object's box: what projects to less is a wall.
_UPRIGHT = 1e-9


@dataclass(frozen=True)
class Surface:
    """One polygon in space.

    Attributes
    ----------
    lod
        The first digit of its level of detail.
    kind
        A letter of ``SURFACE_KINDS``.
    rings
        Arrays n x 3 in the file's CRS, x east, heights in metres; the outer ring first; not closed.
    """

    lod: str
    kind: str
    rings: list[Ring]

    def polygon(self) -> shapely.Polygon | None:
        """Return the polygon, or None where a ring has fewer than three points."""
        rings = [ring for ring in self.rings if len(ring) > 2]
        if not rings or len(self.rings[0]) < 3:
            return None
        return shapely.Polygon(rings[0], rings[1:])


@dataclass
class CityObject:
    """One object of the first level with all of its parts.

    Attributes
    ----------
    place
        Where it stands in the file.
    point
        Where an object without surfaces stands.
    fault
        Reason and detail, where it cannot be read.
    """

    key: str
    kind: str
    place: str
    attributes: dict[str, Any] = field(default_factory=dict)
    surfaces: list[Surface] = field(default_factory=list)
    parts: int = 0
    point: Ring | None = None
    fault: tuple[str, str] | None = None

    def height_range(self) -> tuple[float, float] | None:
        """Return the lowest and the highest height, metres."""
        rings = [ring for surface in self.surfaces if surface.lod != "0" for ring in surface.rings]
        heights = np.concatenate([ring[:, 2] for ring in rings]) if rings else np.empty(0)
        return (float(heights.min()), float(heights.max())) if heights.size else None

    def footprint(self) -> shapely.Geometry | None:
        """Return what covers the ground, in the file's CRS: ground surfaces, else a level 0 outline, else all."""
        solid = [surface for surface in self.surfaces if surface.lod != "0"]
        for chosen in (
            [surface for surface in solid if surface.kind == "G"],
            [surface for surface in self.surfaces if surface.lod == "0"],
            [surface for surface in solid if surface.kind != "W"],
            solid,
        ):
            found = _covered(chosen)
            if found is not None:
                return found
        return None

    def outline(self) -> shapely.Geometry | None:
        """Return the level 0 outline, in the file's CRS."""
        return _covered([surface for surface in self.surfaces if surface.lod == "0"])

    def shell(self) -> tuple[shapely.Geometry | None, str | None]:
        """Return the surfaces of level 2 (else 3) as one MultiPolygon Z, and the letter of each."""
        for lod in ("2", "3"):
            found = [(surface.polygon(), surface.kind) for surface in self.surfaces if surface.lod == lod]
            whole = [(polygon, kind) for polygon, kind in found if polygon is not None]
            if whole:
                polygons = shapely.multipolygons([polygon for polygon, _ in whole])
                return polygons, "".join(kind for _, kind in whole)
        return None, None


def _covered(surfaces: list[Surface]) -> shapely.Geometry | None:
    polygons = [polygon for surface in surfaces if (polygon := surface.polygon()) is not None]
    if not polygons:
        return None
    flat = shapely.force_2d(np.array(polygons, object))
    west, south, east, north = shapely.total_bounds(flat)
    lying = flat[shapely.area(flat) > _UPRIGHT * max(east - west, north - south) ** 2]
    if not len(lying):
        return None
    crossing = ~shapely.is_valid(lying)
    lying[crossing] = shapely.make_valid(lying[crossing], method="structure", keep_collapsed=False)
    found = polygons_of(shapely.union_all(lying))
    return None if shapely.is_empty(found) else found
