"""Contour lines against the surface they are drawn on, their neighbours' tiles and voids."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import mapbox_vector_tile
import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rasterio import Affine
from sqlalchemy import Connection

from cim.errors import InvalidInput
from layers.terrain.heights import sample_heights
from tiles.contours import contour_tile, contours_json, interval_m, smooth
from tiles.terrain import terrain_json

HALF_WORLD = 20037508.342789244
LONGITUDE, LATITUDE = 114.22, 22.70
EXTENT, BUFFER = 4096, 64
#: TileJSON 3.0, section 3: what every document has, and what a vector layer says.
TILEJSON = {
    "type": "object",
    "required": ["tilejson", "tiles", "vector_layers"],
    "properties": {
        "tilejson": {"const": "3.0.0"},
        "tiles": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "{z}.*{x}.*{y}"}},
        "scheme": {"enum": ["xyz", "tms"]},
        "minzoom": {"type": "integer", "minimum": 0, "maximum": 30},
        "maxzoom": {"type": "integer", "minimum": 0, "maximum": 30},
        "bounds": {"type": "array", "minItems": 4, "maxItems": 4, "items": {"type": "number"}},
        "vector_layers": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "fields"],
                "properties": {"fields": {"type": "object", "additionalProperties": {"type": "string"}}},
            },
        },
    },
}


def hills(east: Any, north: Any) -> Any:
    """Metres of height at metres from the middle: 30 to 150 m, slopes up to a third."""
    return 90 + 40 * np.sin(east / 310) * np.cos(north / 270) + 20 * np.sin((east + 2 * north) / 900)


@pytest.fixture
def add_ground(tmp_path: Path, add_rows: Any) -> Any:
    """Write the hills as a raster in EPSG:4547 and its row; void within ``hole_m`` of the middle."""

    def add(half_m: float = 4000, resolution_m: float = 5.0, hole_m: float = 0.0, key: str = "hills") -> None:
        to_metric = transformer("EPSG:4490", "EPSG:4547")
        east, north = to_metric.transform(LONGITUDE, LATITUDE)
        size = int(2 * half_m / resolution_m)
        steps = (np.arange(size) + 0.5) * resolution_m - half_m
        x, y = np.meshgrid(steps, -steps)
        heights = hills(x, y).astype("float32")
        heights[np.hypot(x, y) < hole_m] = -9999
        (tmp_path / "terrain").mkdir(exist_ok=True)
        with rasterio.open(
            tmp_path / "terrain" / f"{key}.tif", "w", driver="GTiff", width=size, height=size, count=1,
            dtype="float32", crs="EPSG:4547", nodata=-9999,
            transform=Affine(resolution_m, 0, east - half_m, 0, -resolution_m, north + half_m),
        ) as file:  # fmt: skip
            file.write(heights, 1)
        corners = shapely.get_coordinates(shapely.box(east - half_m, north - half_m, east + half_m, north + half_m))
        degrees = np.column_stack(to_metric.transform(corners[:, 0], corners[:, 1], direction="INVERSE"))
        shape = shapely.MultiPolygon([shapely.Polygon(degrees)])
        row = {"geom": shape, "file_key": key, "kind": "dtm", "crs": "EPSG:4547", "resolution_m": resolution_m}
        add_rows("terrain", "terrain", [row | {"source_key": key}])

    return add


def tile_at(z: int) -> tuple[int, int]:
    x, y = transformer("EPSG:4490", "EPSG:3857").transform(LONGITUDE, LATITUDE)
    side = 2 * HALF_WORLD / 2**z
    return int((x + HALF_WORLD) // side), int((HALF_WORLD - y) // side)


def decode(body: bytes | None) -> list[tuple[shapely.Geometry, float, bool]]:
    assert body is not None
    layers = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True})
    assert list(layers) == ["contours"]
    assert layers["contours"]["extent"] == EXTENT
    return [
        (shapely.from_geojson(json.dumps(each["geometry"])), each["properties"]["height_m"],
         each["properties"]["is_index"])
        for each in layers["contours"]["features"]
    ]  # fmt: skip


def places(shape: shapely.Geometry, z: int, x: int, y: int, crs: str) -> tuple[Any, Any]:
    """Where a line's vertices are."""
    units, side = shapely.get_coordinates(shape), 2 * HALF_WORLD / 2**z
    east = (x + units[:, 0] / EXTENT) * side - HALF_WORLD
    north = HALF_WORLD - (y + units[:, 1] / EXTENT) * side
    found: tuple[Any, Any] = transformer("EPSG:3857", crs).transform(east, north)
    return found


@cache
def transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


@pytest.mark.parametrize(("z", "step_m"), [(11, 50), (13, 20), (14, 10), (15, 5), (17, 5)])
def test_lines_lie_at_their_height_on_the_raster(
    connection: Connection, tmp_path: Path, add_ground: Any, z: int, step_m: int
) -> None:
    add_ground()
    x, y = tile_at(z)
    lines = decode(contour_tile(connection, tmp_path, z, x, y))
    assert lines
    for _, height_m, is_index in lines:
        assert height_m % step_m == 0
        assert is_index == (height_m % (5 * step_m) == 0)
    # the raster's own heights, read by other code; smoothing wears a crest down by decimetres, by more far away
    drawn = np.concatenate([np.full(shapely.get_num_coordinates(shape), height) for shape, height, _ in lines])
    every = shapely.GeometryCollection([shape for shape, _, _ in lines])
    told = sample_heights(connection, tmp_path, *places(every, z, x, y, "EPSG:4490"))
    assert np.nanmax(np.abs(told - drawn)) < {11: 25, 13: 4, 14: 1.5}.get(z, 0.5)
    if z >= 14:
        middle = transformer("EPSG:4490", "EPSG:4547").transform(LONGITUDE, LATITUDE)
        side = 2 * HALF_WORLD / 2**z
        corners = np.array(np.meshgrid(np.linspace(0, EXTENT, 90), np.linspace(0, EXTENT, 90))).reshape(2, -1).T
        east, north = places(shapely.MultiPoint(corners), z, x, y, "EPSG:4547")
        all_heights = hills(east - middle[0], north - middle[1])
        inner = np.arange(np.ceil((all_heights.min() + 1) / step_m), np.floor((all_heights.max() - 1) / step_m) + 1)
        assert {height for _, height, _ in lines} >= set(inner * step_m), f"a height is missing within {side:.0f} m"


@pytest.mark.parametrize("z", [13, 15])
def test_lines_go_on_in_the_next_tile(connection: Connection, tmp_path: Path, add_ground: Any, z: int) -> None:
    add_ground()
    x, y = tile_at(z)
    here = decode(contour_tile(connection, tmp_path, z, x, y))
    for dx, dy in ((1, 0), (0, 1)):
        other = decode(contour_tile(connection, tmp_path, z, x + dx, y + dy))
        axis = 0 if dx else 1
        ends = shapely.LineString([(EXTENT, 0), (EXTENT, EXTENT)] if dx else [(0, EXTENT), (EXTENT, EXTENT)])
        starts = shapely.LineString([(0, 0), (0, EXTENT)] if dx else [(0, 0), (EXTENT, 0)])
        leaving, entering = crossings(here, ends, 1 - axis), crossings(other, starts, 1 - axis)
        assert leaving
        assert [height for height, _ in leaving] == [height for height, _ in entering]
        apart = [abs(a - b) for (_, a), (_, b) in zip(leaving, entering, strict=True)]
        assert max(apart) <= 1


def crossings(lines: list[tuple[shapely.Geometry, float, bool]], edge: shapely.LineString, axis: int) -> Any:
    """Height and place along an edge of every line that crosses it, in order."""
    found = []
    for shape, height_m, _ in lines:
        met = shapely.get_parts(shapely.intersection(shape, edge))
        found += [(height_m, float(shapely.get_coordinates(point)[0, axis])) for point in met if not point.is_empty]
    return sorted(found)


def test_voids_have_no_lines(connection: Connection, tmp_path: Path, add_ground: Any) -> None:
    add_ground(hole_m=300.0)
    z = 15
    x, y = tile_at(z)
    middle = transformer("EPSG:4490", "EPSG:4547").transform(LONGITUDE, LATITUDE)
    nearest = []
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            for shape, height_m, _ in decode(contour_tile(connection, tmp_path, z, x + dx, y + dy)):
                east, north = places(shape, z, x + dx, y + dy, "EPSG:4547")
                nearest.append(np.hypot(east - middle[0], north - middle[1]).min())
                told = hills(east - middle[0], north - middle[1])
                assert np.abs(told - height_m).max() < 1.5
    assert 280 < min(nearest) < 340


def test_nothing_where_nothing_is_known(connection: Connection, tmp_path: Path, add_ground: Any) -> None:
    x, y = tile_at(14)
    assert contour_tile(connection, tmp_path, 14, x, y) is None
    add_ground(half_m=300)
    assert contour_tile(connection, tmp_path, 14, x + 4, y) is None
    with pytest.raises(InvalidInput, match="z is '77'"):
        contour_tile(connection, tmp_path, 77, 0, 0)


def test_smoothing_leaves_slopes_and_voids_as_they_are() -> None:
    row, column = np.mgrid[0:60, 0:60]
    slope = (4000 + 0.7 * row - 0.3 * column).astype("float32")
    slope[20:25, 20:25] = np.nan
    made = smooth(slope)
    assert np.isnan(made[20:25, 20:25]).all()
    assert np.isfinite(made).sum() == 60 * 60 - 25
    far = np.ones_like(slope, bool)
    far[15:30, 15:30] = False
    far[:5] = far[-5:] = far[:, :5] = far[:, -5:] = False
    assert np.abs(made - slope)[far].max() < 1e-3


def test_intervals_follow_the_zoom() -> None:
    assert [interval_m(z) for z in (8, 11, 12, 13, 14, 15, 20)] == [50, 50, 20, 20, 10, 5, 5]


def test_the_tilejson_is_one(connection: Connection, add_ground: Any) -> None:
    assert "bounds" not in contours_json(connection, "")
    add_ground(half_m=500)
    document = contours_json(connection, "http://localhost:1")
    for each in (document, terrain_json(connection, "http://localhost:1")):
        jsonschema.validate(each, TILEJSON)
    west, south, east, north = document["bounds"]
    assert west < LONGITUDE < east
    assert south < LATITUDE < north
    assert document["tiles"] == ["http://localhost:1/terrain/contours/{z}/{x}/{y}.mvt"]
    assert document["minzoom"] < document["maxzoom"]
