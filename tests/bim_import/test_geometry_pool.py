from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import ifcopenshell
import pytest

from bim_import.geometry import Geometry, plan, with_body
from bim_import.geometry_messages import Open
from bim_import.geometry_pool import GeometryLimits, GeometryPool, Outcome


def row_of_walls(author: Any, path: Path, count: int) -> tuple[Path, list[Any]]:
    """Walls that all differ, so that none is computed for another."""
    made = author()
    ground = made.storey("1F", 0.0)
    for index in range(count):
        made.product("IfcWall", ground, (0, index, 0), (4 + index / 100, 0.2, 3))
    file = ifcopenshell.open(str(made.write(path)))
    return path, with_body(file.by_type("IfcWall"))


def compute(pool: GeometryPool, path: Path, walls: list[Any], on_message: Any = None) -> Geometry:
    geometry = Geometry()

    def receive(message: Any) -> None:
        geometry.receive(message)
        if on_message:
            on_message()

    geometry.outcomes = pool.compute(Open(str(path), (0.0, 0.0, 0.0)), plan(walls), frozenset(), receive)
    return geometry


def test_a_killed_worker_costs_nothing_that_another_can_do(author: Any, tmp_path: Path) -> None:
    path, walls = row_of_walls(author, tmp_path / "walls.ifc", 120)
    pool = GeometryPool(2)
    killed: list[int] = []

    def kill_once() -> None:
        if not killed:
            killed.append(pool.process_ids[0])
            os.kill(killed[0], signal.SIGKILL)

    try:
        geometry = compute(pool, path, walls, kill_once)
        assert killed
        assert killed[0] not in pool.process_ids
    finally:
        pool.close()
    assert {outcome.status for outcome in geometry.outcomes.values()} == {"ok"}
    assert set(geometry.instances) == {wall.id() for wall in walls}


def test_a_product_that_kills_every_worker_fails_alone(
    author: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, walls = row_of_walls(author, tmp_path / "walls.ifc", 20)
    victim = walls[7].id()
    # The worker's own start-up file makes one product deadly, as a kernel's segmentation fault does.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, os\n"
        "if 'bim_import.geometry_worker' in ' '.join(sys.orig_argv):\n"
        "    import ifcopenshell.geom as geom\n"
        "    start = geom.iterator.__init__\n"
        "    def deadly(self, settings, file, threads, include=None, geometry_library=''):\n"
        f"        if any(product.id() == {victim} for product in include):\n"
        "            os.abort()\n"
        "        start(self, settings, file, threads, include=include, geometry_library=geometry_library)\n"
        "    geom.iterator.__init__ = deadly\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pool = GeometryPool(2)
    try:
        geometry = compute(pool, path, walls)
    finally:
        pool.close()
    assert geometry.outcomes.pop(victim) == Outcome("failed", "opencascade")
    assert {outcome.status for outcome in geometry.outcomes.values()} == {"ok"}
    assert len(geometry.outcomes) == len(walls) - 1


def test_a_product_that_hangs_times_out_alone(author: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, walls = row_of_walls(author, tmp_path / "walls.ifc", 6)
    victim = walls[2].id()
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\n"
        "if 'bim_import.geometry_worker' in ' '.join(sys.orig_argv):\n"
        "    import ifcopenshell.geom as geom\n"
        "    start = geom.iterator.__init__\n"
        "    def slow(self, settings, file, threads, include=None, geometry_library=''):\n"
        f"        if any(product.id() == {victim} for product in include):\n"
        "            time.sleep(3600)\n"
        "        start(self, settings, file, threads, include=include, geometry_library=geometry_library)\n"
        "    geom.iterator.__init__ = slow\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pool = GeometryPool(2, GeometryLimits(product_s=4.0, open_s=30.0))
    try:
        geometry = compute(pool, path, walls)
    finally:
        pool.close()
    assert geometry.outcomes.pop(victim).status == "timed_out"
    assert {outcome.status for outcome in geometry.outcomes.values()} == {"ok"}


def test_the_limit_of_a_file_keeps_what_is_done(author: Any, tmp_path: Path) -> None:
    path, walls = row_of_walls(author, tmp_path / "walls.ifc", 40)
    pool = GeometryPool(1, GeometryLimits(file_s=0.0))
    try:
        geometry = compute(pool, path, walls)
    finally:
        pool.close()
    assert {outcome.status for outcome in geometry.outcomes.values()} == {"timed_out"}
    assert len(geometry.outcomes) == 40
