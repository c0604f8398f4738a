"""Terrain tiles: decoded heights against the surface that was written."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rasterio import Affine
from rasterio.errors import NotGeoreferencedWarning
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from sqlalchemy import Connection

from cim.errors import InvalidInput
from layers.terrain.heights import sample_heights
from tiles.terrain import render_tile, terrain_json
from tiles.terrain_fill import REACH_PX, coarse_ground, fill, spread
from tiles.tile import Envelope

HALF_WORLD = 20037508.342789244
LONGITUDE, LATITUDE = 114.22, 22.70


def decode(png: bytes | None) -> Any:
    assert png is not None
    # a PNG has no place of its own, which rasterio finds worth a warning
    with pytest.warns(NotGeoreferencedWarning), rasterio.open(io.BytesIO(png)) as image:
        red, green, blue = image.read().astype(np.int64)
    return -10000 + (red * 65536 + green * 256 + blue) * 0.1


def tile_at(z: int) -> tuple[int, int]:
    x, y = Transformer.from_crs("EPSG:4490", "EPSG:3857", always_xy=True).transform(LONGITUDE, LATITUDE)
    side = 2 * HALF_WORLD / 2**z
    return int((x + HALF_WORLD) // side), int((HALF_WORLD - y) // side)


def pixel_centres(z: int, x: int, y: int, crs: str) -> Any:
    side = 2 * HALF_WORLD / 2**z
    steps = (np.arange(256) + 0.5) * side / 256
    east, north = np.meshgrid(x * side - HALF_WORLD + steps, HALF_WORLD - y * side - steps)
    return Transformer.from_crs("EPSG:3857", crs, always_xy=True).transform(east, north)


def surface(east: Any, north: Any) -> Any:
    return 50.0 + 0.02 * east - 0.01 * north


@pytest.fixture
def add_raster(tmp_path: Path, add_rows: Any) -> Any:
    """Write a tilted plane in EPSG:4547 as GeoTIFF and its row; returns the middle (easting, northing)."""

    def add(key: str, half_m: float, resolution_m: float, lift_m: float = 0.0, hole: Any = None) -> Any:
        to_metric = Transformer.from_crs("EPSG:4490", "EPSG:4547", always_xy=True)
        east, north = to_metric.transform(LONGITUDE, LATITUDE)
        size = int(2 * half_m / resolution_m)
        steps = (np.arange(size) + 0.5) * resolution_m - half_m
        x, y = np.meshgrid(steps, -steps)
        heights = (surface(x, y) + lift_m).astype("float32")
        if hole is not None:
            heights[np.hypot(x, y) < hole] = -9999
        (tmp_path / "terrain").mkdir(exist_ok=True)
        with rasterio.open(
            tmp_path / "terrain" / f"{key}.tif", "w", driver="GTiff", width=size, height=size, count=1,
            dtype="float32", crs="EPSG:4547", nodata=-9999 if hole is not None else None,
            transform=Affine(resolution_m, 0, east - half_m, 0, -resolution_m, north + half_m),
        ) as file:  # fmt: skip
            file.write(heights, 1)
        corners = shapely.get_coordinates(shapely.box(east - half_m, north - half_m, east + half_m, north + half_m))
        degrees = np.column_stack(to_metric.transform(corners[:, 0], corners[:, 1], direction="INVERSE"))
        row = {"geom": shapely.MultiPolygon([shapely.Polygon(degrees)]), "file_key": key, "kind": "dtm"}
        add_rows("terrain", "terrain", [row | {"crs": "EPSG:4547", "resolution_m": resolution_m, "source_key": key}])
        return east, north

    return add


@pytest.mark.parametrize("z", [14, 15])
def test_heights_are_those_of_the_raster(connection: Connection, tmp_path: Path, add_raster: Any, z: int) -> None:
    east, north = add_raster("plane", 3000, 5.0)
    x, y = tile_at(z)
    heights = decode(render_tile(connection, tmp_path, z, x, y))
    x_m, y_m = pixel_centres(z, x, y, "EPSG:4547")
    expected = surface(x_m - east, y_m - north)
    # a tenth of a metre is the step of the encoding
    assert np.abs(heights - expected).max() < 0.12


def test_the_finest_raster_is_on_top_and_the_rest_is_filled(
    connection: Connection, tmp_path: Path, add_raster: Any
) -> None:
    east, north = add_raster("coarse", 3000, 20.0)
    add_raster("fine", 100, 2.0, lift_m=30.0)
    z = 15
    x, y = tile_at(z)
    heights = decode(render_tile(connection, tmp_path, z, x, y))
    x_m, y_m = pixel_centres(z, x, y, "EPSG:4547")
    expected = surface(x_m - east, y_m - north)
    inside = (np.abs(x_m - east) < 90) & (np.abs(y_m - north) < 90)
    outside = (np.abs(x_m - east) > 130) | (np.abs(y_m - north) > 130)
    assert inside.sum() > 100
    assert np.abs(heights - expected - 30)[inside].max() < 0.5
    assert np.abs(heights - expected)[outside].max() < 0.5


def test_voids_are_filled_from_their_neighbours(connection: Connection, tmp_path: Path, add_raster: Any) -> None:
    east, north = add_raster("holed", 3000, 5.0, hole=60.0)
    z = 15
    x, y = tile_at(z)
    heights = decode(render_tile(connection, tmp_path, z, x, y))
    x_m, y_m = pixel_centres(z, x, y, "EPSG:4547")
    hole = np.hypot(x_m - east, y_m - north) < 55
    assert hole.sum() > 50
    # the rim lies within 60 m * slope of the plane's middle
    assert np.abs(heights[hole] - 50.0).max() < 3.0


def border_tiles(connection: Connection, files: Path, z: int) -> Any:
    """Return the heights of three by three tiles around the one over the raster's eastern border, put together."""
    half = Transformer.from_crs("EPSG:4547", "EPSG:3857", always_xy=True).transform(*metric(3000, 0))
    side = 2 * HALF_WORLD / 2**z
    x, y = int((half[0] + HALF_WORLD) // side), int((HALF_WORLD - half[1]) // side)
    rows = [[render_tile(connection, files, z, column, row) for column in (x - 1, x)] for row in (y - 1, y, y + 1)]
    heights = np.vstack([np.hstack([decode(png) for png in row]) for row in rows])
    places = [[pixel_centres(z, column, row, "EPSG:4547") for column in (x - 1, x)] for row in (y - 1, y, y + 1)]
    east, north = (np.vstack([np.hstack([place[axis] for place in row]) for row in places]) for axis in (0, 1))
    return heights, east - metric(0, 0)[0], north - metric(0, 0)[1]


def metric(x: float, y: float) -> tuple[float, float]:
    east, north = Transformer.from_crs("EPSG:4490", "EPSG:4547", always_xy=True).transform(LONGITUDE, LATITUDE)
    return east + x, north + y


@pytest.mark.parametrize("z", [13, 15])
def test_no_cliff_is_drawn_around_a_raster_nor_between_tiles(
    connection: Connection, tmp_path: Path, add_raster: Any, z: int
) -> None:
    add_raster("plane", 3000, 10.0)
    heights, x, y = border_tiles(connection, tmp_path, z)
    inside = np.maximum(np.abs(x), np.abs(y)) < 2980
    assert 0.05 < inside.mean() < 0.95
    assert np.abs(heights - surface(x, y))[inside].max() < 0.3
    # steps between neighbouring pixels: those of the plane and of what is encoded, but for the filling's own bends
    pixel_m = abs(x[0, 1] - x[0, 0])
    steps = max(np.abs(np.diff(heights, axis=0)).max(), np.abs(np.diff(heights, axis=1)).max())
    assert steps < 0.02 * pixel_m * 4 + 0.3
    # beside the border, off its corners, it is as high as the nearest ground, looked up here in all that was written
    steps_m = np.arange(-3000, 3000, 10.0) + 5.0
    written = np.column_stack([axis.ravel() for axis in np.meshgrid(steps_m, steps_m)])
    near = ~inside & (np.abs(x) < 3000 + 4 * pixel_m) & (np.abs(y) < 2500)
    assert near.sum() > 500
    _, found = cKDTree(written).query(np.column_stack([x[near], y[near]]))
    assert np.abs(heights[near] - surface(*written[found].T)).max() < 0.02 * pixel_m * 10 + 0.3
    # and nothing is higher or lower than all ground
    assert surface(*written.T).min() - 0.2 < heights.min() < heights.max() < surface(*written.T).max() + 0.2


def test_a_place_of_which_no_height_is_known_has_none(connection: Connection, tmp_path: Path, add_raster: Any) -> None:
    add_raster("plane", 3000, 10.0)
    to_degrees = Transformer.from_crs("EPSG:4547", "EPSG:4490", always_xy=True)
    lon, lat = to_degrees.transform(*zip(metric(2990, 0), metric(3010, 0), metric(5000, 0), strict=True))
    assert np.isnan(sample_heights(connection, tmp_path, lon, lat)).tolist() == [False, True, True]


def test_far_heights_are_means_of_all_that_are_known_the_near_ones_first() -> None:
    random = np.random.default_rng(5)
    heights = random.uniform(0, 100, (20, 20)).astype(np.float32)
    heights[random.random((20, 20)) < 0.6] = np.nan
    places = np.argwhere(np.ones_like(heights, bool))
    known = np.isfinite(heights).ravel()
    weights = 1 / np.maximum(cdist(places, places[known]), 0.5) ** 3
    expected = weights @ heights.ravel()[known] / weights.sum(axis=1)
    filled = spread(heights).ravel()
    assert (filled[known] == heights.ravel()[known]).all()
    assert np.abs(filled - expected)[~known].max() < 1e-3


def test_windows_that_overlap_are_filled_alike() -> None:
    def read(box: Envelope, pixels: int) -> Any:
        """Hills, known west of a winding line."""
        steps = (np.arange(pixels) + 0.5) / pixels
        x = box.west + steps[None, :] * (box.east - box.west)
        y = box.north - steps[:, None] * (box.north - box.south)
        heights = 100 + 30 * np.sin(x / 300) * np.cos(y / 200)
        return np.where(x < 500 + 200 * np.sin(y / 150), heights, np.nan).astype(np.float32)

    ground = coarse_ground(read, Envelope(-2000, -2000, 900, 2000))
    pixels, moved = 192 + 2 * REACH_PX, 64
    first, second = (Envelope(west, 0, west + 4 * pixels, 4 * pixels) for west in (0.0, 4.0 * moved))
    left, right = (fill(read(box, pixels), box, ground) for box in (first, second))
    assert 0.2 < np.isnan(read(first, pixels)).mean() < 0.8
    inside = slice(REACH_PX, pixels - REACH_PX)
    shared = left[inside, REACH_PX + moved : pixels - REACH_PX]
    assert np.abs(shared - right[inside, REACH_PX : pixels - REACH_PX - moved]).max() < 0.01


def test_nothing_where_no_raster_is(connection: Connection, tmp_path: Path, add_raster: Any) -> None:
    x, y = tile_at(14)
    assert render_tile(connection, tmp_path, 14, x, y) is None
    add_raster("plane", 500, 5.0)
    assert render_tile(connection, tmp_path, 14, x + 5, y) is None
    (tmp_path / "terrain" / "plane.tif").unlink()
    assert render_tile(connection, tmp_path, 14, x, y) is None
    with pytest.raises(InvalidInput, match="z is '99'"):
        render_tile(connection, tmp_path, 99, 0, 0)


def test_a_raster_that_is_replaced_is_read_anew(connection: Connection, tmp_path: Path, add_raster: Any) -> None:
    add_raster("plane", 3000, 20.0)
    x, y = tile_at(14)
    before = decode(render_tile(connection, tmp_path, 14, x, y))
    path = tmp_path / "terrain" / "plane.tif"
    with rasterio.open(path) as file:
        heights, profile = file.read(1) + 7, file.profile
    fresh = path.with_suffix(".new")
    with rasterio.open(fresh, "w", **profile) as file:
        file.write(heights, 1)
    fresh.replace(path)
    after = decode(render_tile(connection, tmp_path, 14, x, y))
    assert np.abs(after - before - 7).max() < 0.2


def test_terrain_json_says_where_it_is(connection: Connection, add_raster: Any) -> None:
    assert "bounds" not in terrain_json(connection, "")
    add_raster("plane", 500, 5.0)
    document = terrain_json(connection, "http://localhost:8000")
    west, south, east, north = document["bounds"]
    assert west < LONGITUDE < east
    assert south < LATITUDE < north
    assert document["encoding"] == "mapbox"
    assert document["tiles"] == ["http://localhost:8000/terrain/{z}/{x}/{y}.png"]
