"""Triangles of flat polygons, against the area that shapely says."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from tiles.tiles3d.city.triangulate import triangulate

Ring = list[tuple[float, float]]
SQUARE: Ring = [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0)]


def areas(polygons: list[list[Ring]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the signed area of each triangle, and the polygon that it is of."""
    rings = [ring for polygon in polygons for ring in polygon]
    points = np.array([point for ring in rings for point in ring], float)
    ring_of = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    polygon_of = np.repeat(np.arange(len(polygons)), [len(polygon) for polygon in polygons])
    corners = triangulate(points, ring_of, polygon_of)
    a, b, c = points[corners[:, 0]], points[corners[:, 1]], points[corners[:, 2]]
    u, v = b - a, c - a
    return (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2, polygon_of[ring_of[corners[:, 0]]]


def test_polygons_are_covered_once() -> None:
    random = np.random.default_rng(1)
    polygons: list[list[Ring]] = [[SQUARE]]
    for _ in range(60):
        turns = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(5, 30))))
        reach = random.uniform(3, 10, len(turns))
        star = shapely.Polygon(np.column_stack([reach * np.cos(turns), reach * np.sin(turns)]))
        hole = shapely.Point(0, 0).buffer(0.4, quad_segs=2)
        if not star.is_valid or not star.contains(hole):
            continue
        shape = shapely.orient_polygons(shapely.Polygon(star.exterior, [hole.exterior]))
        polygons.append([list(ring.coords) for ring in (shape.exterior, *shape.interiors)])
    found, owner = areas(polygons)
    assert len(polygons) > 20
    assert (found > 0).all()
    for number, (outer, *inner) in enumerate(polygons):
        assert found[owner == number].sum() == pytest.approx(shapely.Polygon(outer, inner).area)


@pytest.mark.parametrize(
    ("ring", "area"),
    [
        # a spike of no width; a ring that touches itself; one that holds nothing
        ([(0, 0), (4, 0), (4, 4), (2, 4), (2, 6), (2, 4), (0, 4), (0, 0)], 16.0),
        ([(0, 0), (2, 2), (4, 0), (4, 4), (2, 2), (0, 4), (0, 0)], 8.0),
        ([(0, 0), (4, 0), (0, 0), (0, 0)], 0.0),
    ],
)
def test_rings_that_are_not_valid_draw_no_rays(ring: Ring, area: float) -> None:
    found, _ = areas([[SQUARE], [ring]])
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(16.0 + area)


def test_a_hole_that_touches_its_outline_stays_one() -> None:
    hole: Ring = [(0, 0), (0, 2), (2, 0), (0, 0)]
    found, _ = areas([[SQUARE, hole]])
    assert found.sum() == pytest.approx(14.0)
