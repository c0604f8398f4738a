"""The box inside a zone: always inside, and of some use."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely.geometry import MultiPolygon, Polygon, box

from layers.queries.core import core_of


def star(seed: int) -> Polygon:
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(3, 400))))
    radius = random.uniform(0.002, 0.02, len(angles))
    return Polygon([114.2, 22.7] + np.column_stack([np.cos(angles), np.sin(angles)]) * radius[:, None])


def test_it_lies_in_the_zone() -> None:
    found = 0
    for seed in range(200):
        zone = shapely.make_valid(star(seed))
        core = core_of(zone)
        if core is not None:
            found += 1
            assert zone.covers(core), seed
    assert found > 150


def test_of_an_upright_box_it_is_nearly_all() -> None:
    zone = box(114.2, 22.69, 114.23, 22.7)
    core = core_of(zone)
    assert core is not None
    assert core.area > 0.95 * zone.area


def test_holes_are_left_out_and_of_parts_the_widest_is_taken() -> None:
    ring = box(0, 0, 10, 10).difference(box(4, 4, 6, 6))
    both = MultiPolygon([box(20, 0, 21, 1), *shapely.get_parts(ring)])
    core = core_of(both)
    assert core is not None
    assert both.covers(core)
    assert core.area > 20


def test_its_sides_are_numbers_of_32_bits() -> None:
    """PostGIS compares boxes in 32 bits: a camera 0.5 m outside would be taken for one inside."""
    for seed in range(50):
        core = core_of(shapely.make_valid(star(seed)))
        if core is not None:
            assert np.float32(core.bounds).tolist() == list(core.bounds)


@pytest.mark.parametrize("zone", [Polygon(), Polygon([(0, 0), (1, 0), (1, 0), (0, 0)])])
def test_where_there_is_no_inside_there_is_none(zone: Polygon) -> None:
    assert core_of(zone) is None
