"""Scenes' objects with heights: pipes at the depths that were written, waters on the plane that was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Geod, Transformer
from rasterio import Affine
from sqlalchemy import Connection, update

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import layer
from tiles.scene_heights import LIFT_M, LINE_LIFT_M, scene_tile
from tiles.tile import tile_matrix_set

ADMIN = Caller("admin")
LONGITUDE, LATITUDE = 114.22, 22.70
Z = 14


@pytest.fixture
def ground(tmp_path: Path, add_rows: Any) -> Path:
    """A plane that rises 20 m a kilometre to the east from 50 m in the middle, as the deployment's raster."""
    to_metric = Transformer.from_crs("EPSG:4490", "EPSG:4547", always_xy=True)
    east, north = to_metric.transform(LONGITUDE, LATITUDE)
    steps = np.arange(-4000, 4000, 10) + 5.0
    heights = np.broadcast_to(50 + 0.02 * steps, (800, 800)).astype("float32")
    (tmp_path / "terrain").mkdir()
    with rasterio.open(
        tmp_path / "terrain" / "plane.tif", "w", driver="GTiff", width=800, height=800, count=1, dtype="float32",
        crs="EPSG:4547", transform=Affine(10, 0, east - 4000, 0, -10, north + 4000),
    ) as file:  # fmt: skip
        file.write(heights, 1)
    corners = shapely.get_coordinates(shapely.box(east - 4000, north - 4000, east + 4000, north + 4000))
    degrees = np.column_stack(to_metric.transform(corners[:, 0], corners[:, 1], direction="INVERSE"))
    row = {"geom": shapely.MultiPolygon([shapely.Polygon(degrees)]), "file_key": "plane", "kind": "dtm"}
    add_rows("terrain", "terrain", [row | {"crs": "EPSG:4547", "resolution_m": 10.0}])
    return tmp_path


def plane(longitude: Any) -> Any:
    metres = Transformer.from_crs("EPSG:4490", "EPSG:4547", always_xy=True)
    here, _ = metres.transform(longitude, np.full(np.shape(longitude), LATITUDE))
    return 50 + 0.02 * (here - metres.transform(LONGITUDE, LATITUDE)[0])


def tile_of(longitude: float = LONGITUDE, latitude: float = LATITUDE) -> tuple[int, int]:
    found = tile_matrix_set().tile(longitude, latitude, Z)
    return found.x, found.y


def features(connection: Connection, files: Path, name: str, at: tuple[int, int], caller: Caller = ADMIN) -> Any:
    return json.loads(scene_tile(connection, files, name, Z, *at, caller))["features"]


def line(*points: tuple[float, float, float]) -> shapely.MultiLineString:
    return shapely.MultiLineString([[(LONGITUDE + x / 1000, LATITUDE + y / 1000, z) for x, y, z in points]])


def test_pipes_lie_at_their_depth(connection: Connection, ground: Path, add_rows: Any) -> None:
    shape = line((0, 0, 44.0), (1, 0, 44.0), (4, 0, 44.0))
    ids = add_rows(
        "pipe", "pipes",
        [{"network": "water", "geom": shape} | more for more in (
            {"start_depth_m": 1.0, "end_depth_m": 3.0, "depth_m": 2.0, "diameter_mm": 300},
            {"depth_m": 1.5},
            {"start_depth_m": 2.0},
            {"start_invert_level_m": 44.0, "end_invert_level_m": 44.0},
            {},
        )],
    )  # fmt: skip
    found = {each["id"]: each for each in features(connection, ground, "pipes", tile_of())}
    heights = [[point[2] for point in found[each]["geometry"]["coordinates"][0]] for each in ids]
    # a quarter of the way along: a quarter of the fall
    assert heights[0] == pytest.approx([-1.0, -1.5, -3.0], abs=1e-3)
    assert heights[1] == [-1.5] * 3
    along = np.array([0, 1, 4]) / 1000 + LONGITUDE
    assert heights[3] == pytest.approx(-(plane(along) - 44.0), abs=0.01)
    assert heights[2] == heights[4] == [0.0] * 3
    assert [found[each]["properties"]["depth_known"] for each in ids] == [True, True, False, True, False]
    assert found[ids[0]]["properties"]["diameter_mm"] == 300
    assert found[ids[0]]["properties"]["network"] == "water"


def test_a_pipe_is_in_one_tile_only(connection: Connection, ground: Path, add_rows: Any) -> None:
    x, y = tile_of()
    edge = tile_matrix_set().bounds(x, y, Z).right
    across = shapely.MultiLineString([[(edge - 1e-4, LATITUDE, 0), (edge + 1e-4, LATITUDE, 0)]])
    starting = shapely.MultiLineString([[(edge, LATITUDE, 0), (edge + 1e-4, LATITUDE, 0)]])
    first, second = add_rows("pipe", "pipes", [{"network": "gas", "geom": each} for each in (across, starting)])
    assert [each["id"] for each in features(connection, ground, "pipes", (x, y))] == [first]
    assert [each["id"] for each in features(connection, ground, "pipes", (x + 1, y))] == [second]


def test_waters_lie_on_the_ground(connection: Connection, ground: Path, add_rows: Any) -> None:
    x, y = tile_of()
    box = tile_matrix_set().bounds(x, y, Z)
    reach = shapely.LineString([(box.left - 0.005, LATITUDE), (box.right + 0.005, LATITUDE)])
    add_rows("river", "rivers", [{"geom": shapely.MultiLineString([reach]), "name": "龙岗河"}])
    surface = shapely.MultiPolygon([shapely.box(box.left - 0.001, LATITUDE, box.left + 0.002, LATITUDE + 0.001)])
    add_rows("river_area", "river_areas", [{"geom": surface, "source_key": "surface"}])
    lengths = []
    for at in ((x - 1, y), (x, y), (x + 1, y)):
        (river,) = features(connection, ground, "rivers", at)
        assert river["properties"]["name"] == "龙岗河"
        points = shapely.get_coordinates(shapely.from_geojson(json.dumps(river["geometry"])), include_z=True)
        assert np.abs(points[:, 2] - LINE_LIFT_M - plane(points[:, 0])).max() < 0.05
        assert np.diff(points[:, 0]).max() <= 0.00025 + 1e-9
        lengths.append(Geod(ellps="GRS80").line_length(points[:, 0], points[:, 1]))
    assert sum(lengths) == pytest.approx(Geod(ellps="GRS80").line_length(*reach.coords.xy), abs=0.01)
    areas = []
    for at in ((x - 1, y), (x, y)):
        (part,) = features(connection, ground, "river_areas", at)
        shape = shapely.from_geojson(json.dumps(part["geometry"]))
        points = shapely.get_coordinates(shape, include_z=True)
        assert np.abs(points[:, 2] - LIFT_M - plane(points[:, 0])).max() < 0.1
        areas.append(shape.area)
    assert sum(areas) == pytest.approx(surface.area, rel=1e-6)


def test_who_may_not_see_a_layer_gets_nothing_of_it(connection: Connection, ground: Path, add_rows: Any) -> None:
    shape = line((0, 0, 0), (1, 0, 0))
    rows = [{"network": "gas", "geom": shape, "area_code": code} for code in ("440307001", "440308001")]
    ids = add_rows("pipe", "pipes", rows)
    mine = Caller("planner", area_code="440307")
    assert [each["id"] for each in features(connection, ground, "pipes", tile_of(), mine)] == ids[:1]
    connection.execute(update(layer).where(layer.c.id == "pipes").values(visibility="commander"))
    with pytest.raises(NotFound):
        features(connection, ground, "pipes", tile_of(), mine)


def test_other_addresses_are_refused(connection: Connection, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="pipes, rivers, river_areas"):
        scene_tile(connection, tmp_path, "buildings", 14, 0, 0, ADMIN)
    with pytest.raises(InvalidInput, match="x is 'a'"):
        scene_tile(connection, tmp_path, "pipes", 14, "a", 0, ADMIN)
    assert json.loads(scene_tile(connection, tmp_path, "pipes", 3, 0, 0, ADMIN))["features"] == []
