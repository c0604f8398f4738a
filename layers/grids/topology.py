"""What keeps cells from being a grid: overlaps, gaps, and edges that neighbours do not share vertex by vertex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from cim.crs import area_m2, length_m

#: Overlaps and gaps smaller than this are the rounding of coordinates.
MIN_AREA_M2 = 0.5
#: Edges of neighbours that are closer than this ought to be one.
_NEAR_DEG = 1e-6
#: An overlap or a gap whose mean width is less is a sliver: two surveys of one line.
SLIVER_M = 2.0


class Fault(NamedTuple):
    """One place where a grid is not clean.

    Attributes
    ----------
    size
        Square metres of an overlap or a gap, metres of edges; geodesic.
    place
        Longitude and latitude of a point in it.
    """

    kind: Literal["overlap", "gap", "edge"]
    codes: tuple[str, ...]
    size: float
    is_sliver: bool
    place: tuple[float, float]

    @property
    def message(self) -> str:
        """What is wrong, with its place."""
        where = f"at {self.place[0]:.6f} {self.place[1]:.6f}"
        sliver = " (a sliver)" if self.is_sliver else ""
        between = " and ".join(self.codes[:2])
        if self.kind == "overlap":
            return f"{between} overlap by {self.size:.1f} m2{sliver} {where}"
        if self.kind == "gap":
            return f"a gap of {self.size:.1f} m2{sliver} between {', '.join(self.codes[:4])} {where}"
        return (
            f"{self.codes[0]} does not share {self.size:.1f} m of its edge with its neighbour vertex by vertex {where}"
        )


def find_faults(codes: Sequence[str], cells: Sequence[shapely.Geometry]) -> list[Fault]:
    """Return what is wrong with the cells (EPSG:4490) of one grid: overlaps and gaps, the largest first, then edges.

    Holes of the whole grid count as gaps; what lies outside of it does not. Edges are those of cells without overlap,
    by GEOS's validation of polygonal coverages.
    """
    shapes = np.asarray(cells, dtype=object)
    overlaps = _overlaps(codes, shapes)
    gaps = _gaps(codes, shapes)
    crossed = {code for fault in (*overlaps, *gaps) for code in fault.codes}
    edges = _edges(codes, shapes, crossed)
    return [*sorted([*overlaps, *gaps], key=lambda fault: -fault.size), *edges]


def _overlaps(codes: Sequence[str], shapes: NDArray[np.object_]) -> list[Fault]:
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = first < second
    first, second = first[pairs], second[pairs]
    parts = shapely.intersection(shapes[first], shapes[second])
    found = []
    for one, other, part in zip(first, second, parts, strict=True):
        area = area_m2(part) if shapely.area(part) else 0.0
        if area > MIN_AREA_M2:
            found.append(Fault("overlap", (codes[one], codes[other]), round(area, 2), _is_sliver(part), _place(part)))
    return found


def _gaps(codes: Sequence[str], shapes: NDArray[np.object_]) -> list[Fault]:
    if len(shapes) == 0:
        return []
    whole = shapely.union_all(shapes)
    tree = shapely.STRtree(shapes)
    found = []
    for hole in (shapely.Polygon(ring) for part in shapely.get_parts(whole) for ring in part.interiors):
        area = area_m2(hole)
        if area <= MIN_AREA_M2:
            continue
        around = tuple(codes[index] for index in sorted(tree.query(hole, predicate="intersects")))
        found.append(Fault("gap", around, round(area, 2), _is_sliver(hole), _place(hole)))
    return found


def _edges(codes: Sequence[str], shapes: NDArray[np.object_], crossed: set[str]) -> list[Fault]:
    keep = [index for index, code in enumerate(codes) if code not in crossed]
    if len(keep) < 2:
        return []
    wrong = shapely.coverage_invalid_edges(shapes[keep], gap_width=_NEAR_DEG)
    found = []
    for index, lines in zip(keep, wrong, strict=True):
        if not shapely.is_empty(lines):
            size = sum(length_m(part) for part in shapely.get_parts(lines))
            place = shapely.get_coordinates(
                shapely.line_interpolate_point(shapely.get_parts(lines)[0], 0.5, normalized=True)
            )[0]
            found.append(Fault("edge", (codes[index],), round(size, 2), False, (float(place[0]), float(place[1]))))
    return found


def _is_sliver(part: shapely.Geometry) -> bool:
    rings = shapely.get_rings(shapely.get_parts(part))
    around = sum(length_m(ring) for ring in rings)
    return bool(around) and 2 * area_m2(part) / around < SLIVER_M


def _place(part: shapely.Geometry) -> tuple[float, float]:
    point = shapely.point_on_surface(part)
    return float(point.x), float(point.y)
