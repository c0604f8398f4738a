"""Floods on imported terrain: whom and what they reach, what is told of the ground, and who may see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Geod, Transformer
from scipy.ndimage import map_coordinates
from shapely.geometry import shape
from sqlalchemy import Connection, Engine, insert

from cim.access import Caller
from cim.errors import InvalidInput, NotFound, TooLarge
from cim.provenance import touch_layers
from cim.settings import Settings
from cim.tables import building, camera, pipe_node, resource, river, road, sensor, unit, water_work, zone
from layers.water import source
from layers.water.asked import parse_flood
from layers.water.flood import compute_flood, flood, flooded_area
from layers.water.window import cells_at_most, read_window
from tests.layers.flood_ground import NORTH, WEST, degrees, filled, shape_at, write

ADMIN, VIEWER, COMMANDER = Caller("admin"), Caller("viewer"), Caller("commander")
GEOD = Geod(ellps="GRS80")
Ask = Callable[..., dict[str, Any]]


def valley(cells: int = 200, pixel: float = 5.0) -> Any:
    """A valley along the middle that falls 1 % to the south, with sides of 5 %: metres, north up."""
    column, row = np.meshgrid(np.arange(cells) + 0.5, np.arange(cells) + 0.5)
    return 30 - row * pixel * 0.01 + np.abs(column - cells / 2) * pixel * 0.05


def drawn(geometry: Any) -> Any:
    return json.loads(shapely.to_geojson(geometry))


def wkt(geometry: Any, kind: str | None = None) -> str:
    found = shape_at(geometry)
    if kind == "MULTIPOLYGON":
        found = shapely.MultiPolygon([found])
    if kind == "MULTILINESTRING":
        found = shapely.MultiLineString([found])
    return f"SRID=4490;{shapely.to_wkt(found, rounding_precision=-1)}"


def house(connection: Connection, key: str, x: float, y: float, size: float = 8.0, **columns: Any) -> int:
    plan = wkt(shapely.box(x - size / 2, y - size / 2, x + size / 2, y + size / 2), "MULTIPOLYGON")
    values = {"layer_id": "buildings", "source_key": key, "code": key, "geom": plan} | columns
    return int(connection.execute(insert(building).values(values).returning(building.c.id)).scalar_one())


def way(connection: Connection, key: str, points: list[tuple[float, float]], **columns: Any) -> None:
    line = wkt(shapely.LineString(points), "MULTILINESTRING")
    connection.execute(insert(road).values({"layer_id": "roads", "source_key": key, "geom": line} | columns))


def put(connection: Connection, table: Any, layer: str, key: str, x: float, y: float, **columns: Any) -> None:
    kind = "POINT Z" if table is pipe_node else "POINT"
    lon, lat = degrees(x, y)
    height = " 0" if table is pipe_node else ""
    place = f"SRID=4490;{kind}({lon!r} {lat!r}{height})"
    connection.execute(insert(table).values({"layer_id": layer, "source_key": key, "geom": place} | columns))


@pytest.fixture
def town(take: Any, tmp_path: Path, engine: Engine) -> dict[str, int]:
    """A valley of 1 km2 at 5 m with houses, roads and works at known places."""
    take(write(tmp_path / "valley.tif", valley(), 5.0))
    with engine.begin() as connection:
        ids = {
            "low": house(connection, "LOW", 500, 500, residents=3, storeys_above=4, storeys_below=1, name="低楼"),
            "side": house(connection, "SIDE", 522, 500, residents=40, unit_count=12, area_code="440307001"),
            "hill": house(connection, "HILL", 700, 500, residents=50),
        }
        for number in range(3):
            values = {"layer_id": "units", "source_key": f"U{number}", "building_id": ids["low"]}
            connection.execute(insert(unit).values(values))
        way(connection, "ACROSS", [(300, 500), (700, 500)])
        way(connection, "BRIDGE", [(300, 520), (700, 520)], layer_number=1)
        way(connection, "TUNNEL", [(500, 600), (900, 600)], layer_number=-1)
        way(connection, "UNDER", [(300, 640), (700, 640)], layer_number=-1)
        way(connection, "HIGH", [(800, 100), (800, 900)])
        put(connection, pipe_node, "pipe_nodes", "PUMP", 500, 450, network="sewer", kind="pump")
        put(connection, pipe_node, "pipe_nodes", "MANHOLE", 500, 455, network="sewer", kind="manhole")
        put(connection, pipe_node, "pipe_nodes", "HYDRANT", 800, 450, network="water", kind="hydrant")
        put(connection, water_work, "water_works", "SLUICE", 500, 470, kind="sluice")
        put(connection, resource, "resources", "CLINIC", 500, 500, kind="医院")
        put(connection, resource, "resources", "SHELTER", 900, 500, kind="避难场所")
        put(connection, camera, "cameras", "LOWCAM", 500, 480, mount_height_m=1.0)
        put(connection, camera, "cameras", "POLE", 500, 485, mount_height_m=6.0)
        put(connection, sensor, "sensors", "GAUGE", 500, 490, kind="水位")
        put(connection, sensor, "sensors", "SMOKE", 501, 490, kind="烟感", height_m=60.0)
        put(connection, sensor, "sensors", "LID", 502, 490, kind="井盖")
        line = wkt(shapely.LineString([(500, 2), (500, 998)]), "MULTILINESTRING")
        values = {"layer_id": "rivers", "source_key": "R", "geom": line, "direction": "forward",
                  "direction_source": "heights"}  # fmt: skip
        ids["river"] = connection.execute(insert(river).values(values).returning(river.c.id)).scalar_one()
        values = {"layer_id": "zones", "source_key": "Z", "name": "Z",
                  "geom": wkt(shapely.box(400, 400, 600, 600), "MULTIPOLYGON")}  # fmt: skip
        ids["zone"] = connection.execute(insert(zone).values(values).returning(zone.c.id)).scalar_one()
        touch_layers(connection, ["buildings", "roads", "pipe_nodes", "rivers", "zones"], "test", None)
    return ids


@pytest.fixture
def ask_flood(engine: Engine, settings: Settings) -> Ask:
    """Ask as the address does."""

    def run(body: Any, caller: Caller = ADMIN) -> dict[str, Any]:
        with engine.connect() as connection:
            return flood(connection, settings.files, settings.metric_crs, parse_flood(body), caller)

    return run


def keys(part: dict[str, Any], name: str = "source_key") -> list[str]:
    return sorted(entry[name] for entry in part["items"])


def test_a_river_rises_and_reaches_the_town(town: dict[str, int], ask_flood: Ask) -> None:
    answer = ask_flood({"from": {"river": town["river"]}, "rise_m": 1.5})
    # 1.5 m above the river reaches 30 m to each side
    assert answer["area_m2"] == pytest.approx(1000 * 60, rel=0.002)
    assert answer["deepest_m"] == pytest.approx(1.5, abs=0.01)
    ground = valley()
    level = ground[:, 100:101] + 1.5
    depth = np.clip(level - ground, 0, None)
    assert answer["volume_m3"] == pytest.approx(depth.sum() * 25, rel=1e-3)
    # the window is larger than the terrain: where that ends nobody knows
    assert (answer["reaches_edge"], answer["ground"]["cell_m"], answer["ground"]["voids"] > 0) == (False, 5.0, True)
    assert {note["code"] for note in answer["notes"]} >= {"voids", "reach", "surface", "roads", "storeys"}
    assert answer["receipt"]["parameters"]["cell_m"] == 5.0
    assert answer["receipt"]["layers"]["terrain"]["state"] == "data"
    assert [one["name"] for one in answer["receipt"]["datasets"]] == ["valley.tif"]
    again = ask_flood({"from": {"river": town["river"]}, "rise_m": 1.5})
    assert again["receipt"]["hash"] == answer["receipt"]["hash"]


def test_buildings_are_counted_by_depth(town: dict[str, int], ask_flood: Ask) -> None:
    body = {"from": {"river": town["river"]}, "rise_m": 1.5}
    found = ask_flood(body)["buildings"]
    assert keys(found, "code") == ["LOW", "SIDE"]
    low, side = found["items"]
    # LOW stands on the river; the deepest cell that SIDE (518 to 526 m east) meets has its middle at 517.5 m
    assert low["depth_m"] == pytest.approx(1.5, abs=0.01)
    assert side["depth_m"] == pytest.approx(1.5 - (17.5 - 2.5) * 0.05, abs=0.02)
    assert (low["storeys_wet"], low["basements_wet"], low["units"]) == (1, 1, 3)
    assert (found["count"], found["units"], found["residents"], found["basements_wet"]) == (2, 15, 43, 1)
    by_depth = {band["depth_from_m"]: band["count"] for band in found["by_depth"]}
    assert by_depth == {0.0: 0, 0.15: 0, 0.3: 0, 0.6: 1, 1.0: 1, 2.0: 0}
    assert ask_flood(body | {"limit": 1})["buildings"]["truncated"]
    hidden = ask_flood(body, VIEWER)
    # fewer than five persons live in LOW
    assert hidden["buildings"]["residents"] == 40
    assert [band["residents"] for band in hidden["buildings"]["by_depth"]] == [None, None, None, 40, None, None]
    assert "small_counts" in {note["code"] for note in hidden["notes"]}
    elsewhere = ask_flood(body, Caller("commander", "440305"))["buildings"]
    assert keys(elsewhere, "code") == ["LOW"]


def test_roads_are_cut_but_for_bridges(town: dict[str, int], ask_flood: Ask) -> None:
    roads = ask_flood({"from": {"river": town["river"]}, "rise_m": 1.5})["roads"]
    cut = {entry["source_key"]: entry for entry in roads["items"]}
    # TUNNEL begins in the river; both ends of UNDER lie on the hills
    assert set(cut) == {"ACROSS", "TUNNEL"}
    ground = valley()[100]
    wet = (ground[100] + 1.5 - ground >= 0.3).sum() * 5
    assert cut["ACROSS"]["length_m"] == pytest.approx(wet, abs=0.1)
    assert cut["TUNNEL"]["length_m"] == pytest.approx(400, rel=1e-3)
    assert roads["count"] == 2
    lon, lat = cut["ACROSS"]["position"]
    assert GEOD.inv(lon, lat, *degrees(500, 500))[2] < 6


def test_works_and_places_that_help_are_lost(town: dict[str, int], ask_flood: Ask) -> None:
    answer = ask_flood({"from": {"river": town["river"]}, "rise_m": 1.5})
    works = answer["works"]
    assert keys(works) == ["PUMP", "SLUICE"]
    assert (works["pumps"], works["hydrants"], works["nodes"]) == (1, 0, 2)
    assert works["by_network"] == {"sewer": {"pump": 1, "manhole": 1}}
    assert keys(answer["resources"]) == ["CLINIC"]
    assert answer["resources"]["by_kind"] == {"医院": 1}
    assert [entry["mount_height_m"] for entry in answer["cameras"]["items"]] == [1.0]
    assert [entry["kind"] for entry in answer["sensors"]["items"]] == ["井盖"]
    assert answer["receipt"]["layers"]["pipe_nodes"]["state"] == "data"


def test_a_level_from_a_point_is_flat_and_within_an_area(town: dict[str, int], ask_flood: Ask) -> None:
    point = list(degrees(502, 998))  # 20.1 m: the lowest
    whole = ask_flood({"from": {"point": point}, "level_m": 23.0})
    ground = valley()
    depth = filled(ground, 23.0, np.pad([[True]], ((199, 0), (100, 99))))
    assert whole["volume_m3"] == pytest.approx(depth.sum() * 25, rel=1e-3)
    assert whole["area_m2"] == pytest.approx((depth > 0).sum() * 25, rel=1e-3)
    assert ask_flood({"from": {"point": point}, "rise_m": 23.0 - float(ground[199, 100])})["area_m2"] == pytest.approx(
        whole["area_m2"], rel=1e-6
    )
    square = shape_at(shapely.box(400, 800, 600, 1000))
    part = ask_flood({"from": {"point": point}, "level_m": 23.0, "within": drawn(square)})
    assert part["area_m2"] == pytest.approx((depth[160:, 80:120] > 0).sum() * 25, rel=1e-3)
    extent = shapely.union_all([shape(feature["geometry"]) for feature in part["extent"]["features"]])
    assert shapely.covers(square.buffer(1e-4), extent)
    zoned = ask_flood({"from": {"river": town["river"]}, "rise_m": 1.5, "within": {"zone": town["zone"]}})
    assert zoned["area_m2"] == pytest.approx(200 * 60, rel=0.002)


def test_what_routes_cannot_pass_is_where_cars_stop(
    town: dict[str, int], engine: Engine, settings: Settings, ask_flood: Ask
) -> None:
    body = {"from": {"river": town["river"]}, "rise_m": 1.5}
    with engine.connect() as connection:
        closed = flooded_area(connection, settings.files, settings.metric_crs, body, ADMIN)
    wide = (valley()[100, 100] + 1.5 - valley()[100] >= 0.3).sum() * 5
    assert abs(GEOD.geometry_area_perimeter(shapely.orient_polygons(closed))[0]) == pytest.approx(1000 * wide, rel=1e-3)
    assert shapely.covers(closed, shapely.Point(degrees(501, 300)))
    assert not shapely.intersects(closed, shapely.Point(degrees(540, 300)))


def test_wrong_places_get_clear_answers(town: dict[str, int], ask_flood: Ask) -> None:
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"from": {"point": [10.0, 50.0]}, "rise_m": 2}, NotFound, "no raster knows"),
        ({"from": {"point": list(degrees(500, 500))}, "level_m": 3}, InvalidInput, "nothing is under water"),
        ({"from": {"point": list(degrees(-100, 500))}, "level_m": 30}, InvalidInput, "take a place beside"),
        ({"from": {"river": 1}, "rise_m": 2}, NotFound, "no river 1"),
        (
            {"from": {"river": town["river"]}, "rise_m": 2, "within": {"zone": 1}},
            NotFound, "no zone 1",
        ),
        (
            {"from": {"point": list(degrees(500, 500))}, "rise_m": 2,
             "within": drawn(shape_at(shapely.box(0, 0, 50, 50)))},
            InvalidInput, "outside of 'within'",
        ),
        (
            {"from": {"point": list(degrees(500, 500))}, "rise_m": 2, "within": drawn(shapely.box(100, 10, 120, 30))},
            TooLarge, "km2",
        ),
    ]  # fmt: skip
    for body, error, word in wrong:
        with pytest.raises(error, match=word):
            ask_flood(body)


def test_larger_cells_are_means_and_are_told(
    take: Any, tmp_path: Path, engine: Engine, settings: Settings, ask_flood: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(2)
    values = (random.random((90, 120)) * 10).astype(np.float32).astype(float)
    values[7, 9] = np.nan
    take(write(tmp_path / "rough.tif", values, 2.0))
    west, north = degrees(0, 0)
    east, south = degrees(240, 180)
    bounds = (west, south, east, north)
    with engine.connect() as connection:
        own, coarse = (
            read_window(connection, settings.files, "EPSG:4547", bounds, cells_at_most(most)) for most in (10**6, 1500)
        )
    top, left = round((own.north - NORTH) / 2), round((WEST - own.west) / 2)
    assert (own.cell_m, min(top, left) >= 0) == (2.0, True)
    assert np.array_equal(own.heights[top : top + 90, left : left + 120], values, equal_nan=True)
    assert np.isnan(own.heights).sum() == own.heights.size - 90 * 120 + 1
    assert own.cell_area_m2 == pytest.approx(4.0, rel=2e-3)
    factor = round(coarse.cell_m / 2)
    top, left = round((coarse.north - NORTH) / 2), round((WEST - coarse.west) / 2)
    whole = np.full((coarse.heights.shape[0] * factor, coarse.heights.shape[1] * factor), np.nan)
    whole[top : top + 90, left : left + 120] = values
    blocks = whole.reshape(coarse.heights.shape[0], factor, coarse.heights.shape[1], factor)
    counts = np.isfinite(blocks).sum(axis=(1, 3))
    means = np.where(counts > 0, np.nansum(blocks, axis=(1, 3)) / np.maximum(counts, 1), np.nan)
    assert factor == 3
    assert np.allclose(coarse.heights, means, equal_nan=True)
    monkeypatch.setattr("layers.water.flood.MAX_CELLS", 1500)
    monkeypatch.setattr(source, "AROUND_POINT_M", 100.0)
    answer = ask_flood({"from": {"point": list(degrees(120, 90))}, "rise_m": 3})
    assert answer["ground"]["cell_m"] > answer["ground"]["pixel_m"] == 2.0
    assert "coarser" in {note["code"] for note in answer["notes"]}


def test_a_terrain_of_another_system_is_read_at_the_middles_of_cells(
    shared_data: Path, take: Any, engine: Engine, settings: Settings
) -> None:
    take(shared_data / "pipes" / "ky4_elevation.tif")
    with rasterio.open(shared_data / "pipes" / "ky4_elevation.tif") as raster:
        band, place, crs = raster.read(1).astype(float), raster.transform, raster.crs
    here = Transformer.from_crs(crs, 4490, always_xy=True).transform(*(place @ (290.0, 200.0)))
    request = parse_flood({"from": {"point": [float(part) for part in here]}, "rise_m": 8})
    with engine.connect() as connection:
        done = compute_flood(connection, settings.files, "EPSG:32616", request, ADMIN)
    ground = done.water.window
    assert not ground.is_own
    assert 27 < ground.cell_m < 29
    rows, columns = np.mgrid[0 : ground.heights.shape[0] : 7, 0 : ground.heights.shape[1] : 7]
    x, y = ground.west + (columns + 0.5) * ground.cell_m, ground.north - (rows + 0.5) * ground.cell_m
    to_raster = Transformer.from_crs(32616, crs, always_xy=True).transform(x, y)
    column, row = ~place @ to_raster
    expected = map_coordinates(band, [row - 0.5, column - 0.5], order=1, mode="nearest")
    known = np.isfinite(ground.heights[rows, columns])
    assert known.mean() > 0.9
    assert np.allclose(ground.heights[rows, columns][known], expected[known], atol=0.05)
    assert done.level is not None
    assert np.array_equal(done.water.depth, filled(ground.heights, done.level.level_m, done.level.seeds))
    assert done.water.depth.any()


def test_sant_boi_is_flooded_as_by_walking_from_cell_to_cell(
    shared_data: Path, take: Any, engine: Engine, settings: Settings
) -> None:
    take(shared_data / "place_santboi" / "santboi_dem_5m.tif")
    with rasterio.open(shared_data / "place_santboi" / "santboi_dem_5m.tif") as raster:
        band, place = raster.read(1).astype(float), raster.transform
        to_degrees = Transformer.from_crs(raster.crs, 4490, always_xy=True)
    row, column = np.unravel_index(band.argmin(), band.shape)
    line = [to_degrees.transform(*(place @ (column + 0.5 + step, row + 0.5))) for step in (-20.0, -10.0, 0.0)]
    bodies: list[Any] = [
        {"from": {"point": [float(part) for part in line[2]]}, "level_m": 30.0},
        {"from": {"line": {"type": "LineString", "coordinates": [list(map(float, one)) for one in line]}}, "rise_m": 4},
    ]
    for body in bodies:
        with engine.connect() as connection:
            done = compute_flood(connection, settings.files, "EPSG:25831", parse_flood(body), ADMIN)
        ground = done.water.window
        top, left = round((ground.north - place.f) / 5), round((place.c - ground.west) / 5)
        part = ground.heights[max(0, top) : top + 420, max(0, left) : left + 299]
        assert ground.is_own
        assert np.array_equal(part, band[max(0, -top) : max(0, -top) + part.shape[0],
                                         max(0, -left) : max(0, -left) + part.shape[1]])  # fmt: skip
        assert done.level is not None
        assert np.array_equal(done.water.depth, filled(ground.heights, done.level.level_m, done.level.seeds))
        assert 1000 < (done.water.depth > 0).sum() < 125_000
