"""Products that look the same are computed once; the rest of them stands where the kernel would have put it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ifcopenshell
import numpy as np
import pytest

from bim_import.content import sort_content
from bim_import.content_hash import ContentHash
from bim_import.geometry import Geometry, MeshInfo, plan, same_forms, with_body
from bim_import.geometry_messages import Instance, Open
from bim_import.geometry_pool import GeometryLimits, GeometryPool
from bim_import.outlines import is_outlined
from bim_import.relations import Relations
from bim_import.shape_key import ShapeKeys

OFFSET_M = (1.0, -2.0, 3.0)


@pytest.fixture(scope="module")
def pool() -> Iterator[GeometryPool]:
    made = GeometryPool(2)
    yield made
    made.close()


class Shapes:
    """The bodies of a file, computed one by one or with copies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = file = ifcopenshell.open(str(path))  # its products live as long as it does
        content = sort_content(file)
        self.bodies = with_body([*content.elements, *content.spaces])
        self.outlined = frozenset(product.id() for product in self.bodies if is_outlined(product))
        keys = ShapeKeys(file, ContentHash(path.read_bytes()), Relations(file), OFFSET_M)
        self.leaders, self.copies = same_forms(self.bodies, keys.forms(self.bodies))

    def compute(self, pool: GeometryPool, products: list[Any], copies: dict[int, list[int]]) -> Geometry:
        made = Geometry()
        order = Open(str(self.path), OFFSET_M)
        made.outcomes = pool.compute(order, plan(products), self.outlined, made.receive, copies)
        return made


def assert_copies_are_true(path: Path, pool: GeometryPool) -> Shapes:
    shapes = Shapes(path)
    single = shapes.compute(pool, shapes.bodies, {})
    copied = shapes.compute(pool, shapes.leaders, shapes.copies)
    assert copied.outcomes == single.outcomes
    assert copied.instances.keys() == single.instances.keys()
    for product, one in single.instances.items():
        other = copied.instances[product]
        assert other.materials == one.materials, product
        assert other.mesh_hash == one.mesh_hash or is_reordered(single, one, copied, other), product
        assert np.allclose(other.placement, one.placement, rtol=0, atol=2e-6), product
        assert np.allclose(other.rectangle, one.rectangle, rtol=0, atol=2e-6), product
        assert np.allclose([other.min_z_m, other.max_z_m], [one.min_z_m, one.max_z_m], rtol=0, atol=2e-6), product
        assert (other.outline is None) == (one.outline is None), product
    return shapes


def is_reordered(single: Geometry, one: Instance, copied: Geometry, other: Instance) -> bool:
    """Tell whether two meshes differ in order only: cgal gives some bodies another one from run to run."""
    first, second = single.meshes[one.mesh_hash], copied.meshes[other.mesh_hash]
    assert isinstance(first, MeshInfo)
    assert isinstance(second, MeshInfo)
    is_same_size = first[1:3] == second[1:3]
    return is_same_size and np.allclose([*first.bounds, first.volume_m3], [*second.bounds, second.volume_m3], atol=1e-5)


def walls(author: Callable[..., Any], path: Path, count: int) -> Path:
    made = author()
    ground = made.storey("1F", 0.0)
    for index in range(count):
        made.product("IfcWall", ground, (7 * (index % 9), index, 0, 11.0 * index), (4, 0.2, 3))
    return Path(made.write(path))


@pytest.mark.parametrize("unit_m", [1.0, 0.001])
def test_a_house_with_equal_walls(
    make_house: Callable[..., Any], tmp_path: Path, pool: GeometryPool, unit_m: float
) -> None:
    shapes = assert_copies_are_true(make_house(unit_m=unit_m).write(tmp_path / "house.ifc"), pool)
    assert 0 < len(shapes.leaders) < len(shapes.bodies)


@pytest.mark.parametrize(
    "name",
    [
        "ifc2x3/Office_A_20110811.ifc",
        "ifc4/AC20-FZK-Haus.ifc",
        "ifc2x3/japanese_revit2013_unicode.ifc",
        "ifc4/chinese_TestModel_IFC4Add2.ifc",
    ],
)
def test_real_models(shared_data: Path, name: str, pool: GeometryPool) -> None:
    shapes = assert_copies_are_true(shared_data / "ifc" / name, pool)
    assert len(shapes.leaders) < 0.8 * len(shapes.bodies)


def test_a_worker_that_dies_among_copies_costs_nothing(author: Callable[..., Any], tmp_path: Path) -> None:
    shapes = Shapes(walls(author, tmp_path / "walls.ifc", 1200))
    assert len(shapes.leaders) == 1
    pool = GeometryPool(2)
    made = Geometry()
    killed: list[int] = []

    def receive(message: Any) -> None:
        made.receive(message)
        if not killed and len(made.instances) > 100:
            killed.append(pool.process_ids[0])
            os.kill(killed[0], signal.SIGKILL)

    try:
        order = Open(str(shapes.path), OFFSET_M)
        outcomes = pool.compute(order, plan(shapes.leaders), frozenset(), receive, shapes.copies)
    finally:
        pool.close()
    assert killed
    assert {outcome.status for outcome in outcomes.values()} == {"ok"}
    assert set(outcomes) == set(made.instances) == {body.id() for body in shapes.bodies}


def test_copies_end_as_what_they_are_copies_of(author: Callable[..., Any], tmp_path: Path) -> None:
    shapes = Shapes(walls(author, tmp_path / "walls.ifc", 5))
    pool = GeometryPool(1, GeometryLimits(file_s=0.0))
    try:
        made = shapes.compute(pool, shapes.leaders, shapes.copies)
    finally:
        pool.close()
    assert {made.outcomes[body.id()].status for body in shapes.bodies} == {"timed_out"}
