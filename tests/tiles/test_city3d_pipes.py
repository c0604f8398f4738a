"""Pipes as 3D Tiles: tubes around axes that pyproj places."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import Connection

from tests.tiles.city3d_reader import TO_EARTH, check_glbs, check_places, degrees, of_feature, read
from tests.tiles.conftest import LATITUDE, LONGITUDE
from tiles.tiles3d.city import layout


@pytest.fixture
def pipes(add_rows: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A main at its heights, a bent drain, a gas pipe of which only depth and ground are known, and others."""
    monkeypatch.setattr(layout, "FEW_OBJECTS", 12)
    middle = shapely.Point(LONGITUDE, LATITUDE, 0)
    ends = [{"network": "gas", "ground_height_m": height, "geom": middle} for height in (50.0, 54.0)]
    nodes = add_rows("pipe_node", "pipe_nodes", ends)

    def line(*points: tuple[float, float, float]) -> shapely.MultiLineString:
        return shapely.MultiLineString([[(*degrees([point[:2]])[0], point[2]) for point in points]])

    rows: list[dict[str, Any]] = [
        {"network": "water", "diameter_mm": 800.0, "material": "球墨铸铁", "depth_m": 1.5, "start_invert_level_m": 39.6,
         "end_invert_level_m": 40.6, "geom": line((0, 0, 40), (60, 0, 41))},
        {"network": "drainage", "diameter_mm": 500.0, "start_depth_m": 2.0, "end_depth_m": 3.0,
         "geom": line((0, 50, 38), (40, 50, 37.5), (40, 90, 37))},
        {"network": "gas", "diameter_mm": 200.0, "depth_m": 1.2, "from_node_id": nodes[0], "to_node_id": nodes[1],
         "geom": line((0, 100, 0), (80, 100, 0))},
    ]  # fmt: skip
    # it turns back on itself
    rows.append({"network": "heat", "geom": line((0, -700, 40), (30, -700, 40), (0, -700, 40))})
    rows += [{"network": "water", "diameter_mm": 110.0, "depth_m": 1.0, "geom": line((x, y, 42), (x + 45, y, 42))}
             for x in range(-600, 600, 100) for y in range(-600, 0, 150)]  # fmt: skip
    return dict(zip(("main", "drain", "gas"), add_rows("pipe", "pipes", rows), strict=False))


def axis(*points: tuple[float, float, float]) -> Any:
    """Return geocentric points of metres east and north, and heights."""
    places = degrees([point[:2] for point in points])
    return np.column_stack(TO_EARTH.transform(*places.T, [point[2] for point in points]))


#: Name -> ground -> start and end of an axis; the radius in metres. Cover and radius are above the axis.
LAID = {
    "main": ({"true": [(0, 0, 40), (60, 0, 41)], "flat": [(0, 0, -1.9), (60, 0, -1.9)]}, 0.4),
    "gas": ({"true": [(0, 100, 48.7), (80, 100, 52.7)], "flat": [(0, 100, -1.3), (80, 100, -1.3)]}, 0.1),
}


@pytest.mark.parametrize("ground", ["true", "flat"])
def test_tubes_lie_around_their_axes(connection: Connection, pipes: dict[str, int], ground: Any) -> None:
    tiles = read(connection, "pipes", ground=ground)
    rows = {row["id"]: (tile, number, row) for tile in tiles for number, row in enumerate(tile.table())}
    assert len(rows) == sum(len(tile.table()) for tile in tiles) == 52
    for name, (places, radius) in LAID.items():
        start, end = axis(*places[ground])
        tile, number, _ = rows[pipes[name]]
        vertices, triangles = of_feature(tile, number)
        along = (end - start) / np.linalg.norm(end - start)
        away = vertices - start - ((vertices - start) @ along)[:, None] * along
        assert np.abs(np.linalg.norm(away, axis=1) - radius).max() < 0.01
        reach = (vertices - start) @ along
        assert (len(vertices), len(triangles)) == (16, 16)
        assert [reach.min(), reach.max()] == pytest.approx([0, np.linalg.norm(end - start)], abs=0.01)
        across = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
        aside = triangles.mean(axis=1) - start
        aside -= (aside @ along)[:, None] * along
        assert ((across * aside).sum(axis=1) > 0).all()
    said = rows[pipes["main"]][2]
    assert [said[name] for name in ("network", "material", "diameter_mm")] == ["water", "球墨铸铁", 800.0]
    assert [said["start_invert_level_m"], said["end_invert_level_m"]] == pytest.approx([39.6, 40.6])
    assert rows[pipes["gas"]][2]["start_invert_level_m"] is None


def test_a_bent_tube_is_as_thick_as_its_pipe(connection: Connection, pipes: dict[str, int]) -> None:
    (tile,) = [tile for tile in read(connection, "pipes") if pipes["drain"] in [row["id"] for row in tile.table()]]
    number = [row["id"] for row in tile.table()].index(pipes["drain"])
    vertices, _ = of_feature(tile, number)
    first, bend, last = axis((0, 50, 38), (40, 50, 37.5), (40, 90, 37))
    away = []
    for start, end in ((first, bend), (bend, last)):
        along = (end - start) / np.linalg.norm(end - start)
        away.append(np.linalg.norm(vertices - start - ((vertices - start) @ along)[:, None] * along, axis=1))
    assert np.abs(np.min(away, axis=0) - 0.25).max() < 0.01
    # the ring at the bend lies on both
    assert (np.abs(np.array(away) - 0.25) < 0.01).all(axis=0).sum() == 8


@pytest.mark.parametrize("ground", ["true", "flat"])
def test_tubes_lie_in_the_regions_of_their_tiles(connection: Connection, pipes: dict[str, int], ground: Any) -> None:
    tiles = read(connection, "pipes", ground=ground)
    assert len({tile.address[0] for tile in tiles}) >= 2
    check_places(tiles)
    check_glbs(tiles)
