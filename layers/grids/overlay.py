"""Several grids laid over one another and cut into one clean grid, each new cell with the shares of the old ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

Shapes = NDArray[np.object_]
#: Vertices of several surveys that are closer than this are one; metres.
SNAP_M = 0.01


class OldCell(NamedTuple):
    """A cell that goes into the merge; ``shape`` in a metric CRS."""

    grid: str
    code: str
    shape: shapely.Geometry


class Share(NamedTuple):
    """How much of a new cell an old one covers, and how much of the old one the new cell takes; 0 to 1."""

    grid: str
    code: str
    share: float
    share_of_old: float


class NewCell(NamedTuple):
    """A cell of the merged grid (metric CRS) and all old cells that it came from, the largest share first."""

    shape: shapely.Geometry
    lineage: list[Share]


def overlay(grids: Mapping[str, Sequence[OldCell]], min_area_m2: float) -> list[NewCell]:
    """Return one grid that keeps every border of the old ones whose parts are large enough.

    All borders are noded and cut the ground into faces. A face smaller than ``min_area_m2`` joins the neighbour with
    which it shares most old cells and, among those, the longest border; so borders that run beside one another
    become one. New cells are made of whole faces of one noded set of lines: they neither overlap nor leave gaps
    where the old grids had none, and neighbours share their edges vertex by vertex.
    """
    cells = [cell for group in grids.values() for cell in group]
    if not cells:
        return []
    old = np.asarray([cell.shape for cell in cells], dtype=object)
    faces = _faces(old)
    owners = _owners(faces, old)
    keep = np.array([bool(group) for group in owners])
    faces, owners = faces[keep], [group for group in owners if group]
    groups = _join_small(faces, owners, min_area_m2)
    merged = [shapely.union_all(faces[members]) for members in groups]
    return [NewCell(shape, _lineage(shape, cells, old)) for shape in merged]


def _faces(old: Shapes) -> Shapes:
    lines = shapely.node(shapely.union_all(shapely.boundary(old), grid_size=SNAP_M))
    return np.asarray(shapely.get_parts(shapely.polygonize([lines])), dtype=object)


def _owners(faces: Shapes, old: Shapes) -> list[frozenset[int]]:
    """Return the old cells in which each face lies."""
    points = shapely.point_on_surface(faces)
    face, cell = shapely.STRtree(old).query(points, predicate="within")
    found: dict[int, set[int]] = defaultdict(set)
    for one, owner in zip(face.tolist(), cell.tolist(), strict=True):
        found[one].add(owner)
    return [frozenset(found[index]) for index in range(len(faces))]


def _join_small(faces: Shapes, owners: Sequence[frozenset[int]], min_area_m2: float) -> list[list[int]]:
    """Join faces that are too small to their best neighbour, the smallest first; return the faces of each group."""
    areas = {index: float(area) for index, area in enumerate(shapely.area(faces))}
    belongs = {index: set(group) for index, group in enumerate(owners)}
    members = {index: [index] for index in range(len(faces))}
    borders = _borders(faces)
    small = sorted((index for index in areas if areas[index] < min_area_m2), key=lambda index: areas[index])
    while small:
        index = small.pop(0)
        if index not in members or areas[index] >= min_area_m2 or not borders[index]:
            continue
        best = max(
            borders[index], key=lambda other: (len(belongs[index] & belongs[other]), borders[index][other], other)
        )
        for other, length in borders.pop(index).items():
            del borders[other][index]
            if other != best:
                borders[best][other] = borders[best].get(other, 0.0) + length
                borders[other][best] = borders[best][other]
        members[best] += members.pop(index)
        if areas[index] > areas[best]:
            # the larger of two small faces says whose they are
            belongs[best] = belongs[index]
        areas[best] += areas.pop(index)
        if areas[best] < min_area_m2:
            small.append(best)
            small.sort(key=lambda one: areas.get(one, 0.0))
    return list(members.values())


def _borders(faces: Shapes) -> dict[int, dict[int, float]]:
    """Return the length of the common border of each pair of faces."""
    first, second = shapely.STRtree(faces).query(faces, predicate="touches")
    pairs = first < second
    common = shapely.length(shapely.intersection(faces[first[pairs]], faces[second[pairs]]))
    found: dict[int, dict[int, float]] = {index: {} for index in range(len(faces))}
    for one, other, length in zip(first[pairs].tolist(), second[pairs].tolist(), common.tolist(), strict=True):
        if length > 0:
            found[one][other] = found[other][one] = length
    return found


def _lineage(shape: shapely.Geometry, cells: Sequence[OldCell], old: Shapes) -> list[Share]:
    near = np.flatnonzero(shapely.intersects(old, shape))
    parts = shapely.area(shapely.intersection(old[near], shape))
    whole = shapely.area(shape)
    found = [
        Share(cells[index].grid, cells[index].code, float(part / whole), float(part / shapely.area(old[index])))
        for index, part in zip(near.tolist(), parts.tolist(), strict=True)
        if part > SNAP_M * 10
    ]
    return sorted(found, key=lambda one: (-one.share, one.grid, one.code))
