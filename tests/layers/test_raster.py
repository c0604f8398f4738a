"""Rasters made by hand, through the whole import, and heights read back from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from pyproj import Geod, Transformer
from rasterio.transform import Affine
from sqlalchemy import Engine

from cim.settings import Settings
from layers.terrain.heights import sample_heights

WEST, NORTH = 522_000.0, 2_511_000.0
WIDTH, HEIGHT, PIXEL = 1300, 700, 5.0


def from_origin(west: float, north: float, width: float, height: float) -> Affine:
    return Affine(width, 0.0, west, 0.0, -height, north)


def plane(x: Any, y: Any) -> Any:
    """A slope on which bilinear interpolation is exact."""
    return 40.0 + (x - WEST) * 0.01 + (NORTH - y) * 0.02


def write(path: Path, values: Any, crs: str | None = "EPSG:4547", transform: Any = None, **more: Any) -> Path:
    bands = values if values.ndim == 3 else values[None]
    profile = {
        "driver": "GTiff",
        "count": len(bands),
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": bands.dtype,
        "crs": crs,
        "transform": transform or from_origin(WEST, NORTH, PIXEL, PIXEL),
    }
    with rasterio.open(path, "w", **(profile | more)) as raster:
        raster.write(bands)
    return path


@pytest.fixture
def dem(tmp_path: Path) -> Path:
    """A slope with a hole of 10 x 10 voids at rows and columns 100 to 109."""
    column, row = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    values = plane(WEST + (column + 0.5) * PIXEL, NORTH - (row + 0.5) * PIXEL).astype(np.float32)
    values[100:110, 100:110] = -9999
    return write(tmp_path / "dem_5m.tif", values, nodata=-9999)


def test_a_raster_becomes_a_cloud_optimised_file_and_a_row(take: Any, ask: Any, dem: Path, settings: Settings) -> None:
    counts = take(dem).layers["terrain"]
    assert (counts.read, counts.added) == (1, 1)
    [row] = ask("select *, ST_AsText(ST_Envelope(geom)) from terrain")
    assert (row.kind, row.crs, row.name) == ("dtm", "EPSG:4547", "dem_5m")
    assert row.resolution_m == pytest.approx(PIXEL, rel=1e-3)
    assert row.void_share == pytest.approx(100 / (WIDTH * HEIGHT))
    assert row.min_height_m == pytest.approx(plane(WEST + 2.5, NORTH - 2.5), abs=1e-3)
    assert row.max_height_m == pytest.approx(plane(WEST + WIDTH * PIXEL - 2.5, NORTH - HEIGHT * PIXEL + 2.5), abs=1e-3)
    kept = settings.files / "terrain" / f"{row.file_key}.tif"
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
    with rasterio.open(kept) as copy, rasterio.open(dem) as original:
        assert copy.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert copy.overviews(1)
        assert np.array_equal(copy.read(1), original.read(1))
        assert (copy.crs, copy.transform) == (original.crs, original.transform)
    assert take(dem).status == "unchanged"


def test_what_a_killed_import_left_is_swept(take: Any, dem: Path, settings: Settings) -> None:
    folder = settings.files / "terrain"
    folder.mkdir(parents=True)
    old, new = folder / ".import-old.tif", folder / ".import-new.tif"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert take(dem).layers["terrain"].added == 1
    assert not old.exists()
    assert new.exists()


def test_heights_are_those_of_the_slope(take: Any, engine: Engine, dem: Path, settings: Settings) -> None:
    take(dem)
    generator = np.random.default_rng(3)
    x = WEST + generator.uniform(5, WIDTH * PIXEL - 5, 5_000)
    y = NORTH - generator.uniform(5, HEIGHT * PIXEL - 5, 5_000)
    is_void = (x > WEST + 497) & (x < WEST + 553) & (y < NORTH - 497) & (y > NORTH - 553)
    x[:2], y[:2] = [WEST + 525, WEST - 100], [NORTH - 525, NORTH]
    lon, lat = Transformer.from_crs(4547, 4490, always_xy=True).transform(x, y)
    with engine.connect() as connection:
        heights = sample_heights(connection, settings.files, lon, lat)
        assert sample_heights(connection, settings.files, [], []).shape == (0,)
    assert np.isnan(heights[:2]).all()
    far = ~is_void
    far[:2] = False
    assert np.abs(heights[far] - plane(x, y)[far]).max() < 1e-3


def test_of_several_rasters_the_finest_counts(take: Any, engine: Engine, tmp_path: Path, settings: Settings) -> None:
    take(
        write(tmp_path / "coarse.tif", np.full((20, 20), 10.0, np.float32), transform=from_origin(WEST, NORTH, 50, 50))
    )
    fine = np.full((40, 40), 20.0, np.float32)
    fine[:, :20] = np.nan
    take(write(tmp_path / "fine.tif", fine, nodata=np.nan))
    take(
        write(tmp_path / "roof_dsm.tif", np.full((40, 40), 99.0, np.float32), transform=from_origin(WEST, NORTH, 1, 1))
    )
    lon, lat = Transformer.from_crs(4547, 4490, always_xy=True).transform(
        np.array([WEST + 150, WEST + 20, WEST + 800]), np.array([NORTH - 20, NORTH - 20, NORTH - 800])
    )
    with engine.connect() as connection:
        assert sample_heights(connection, settings.files, lon, lat).tolist() == [20.0, 10.0, 10.0]


def test_a_raster_without_crs_is_refused_unless_told(take: Any, ask: Any, tmp_path: Path, settings: Settings) -> None:
    path = write(tmp_path / "plain.tif", np.full((30, 30), 5.0, np.float32), crs=None)
    report = take(path)
    assert report.status == "refused"
    assert "plain.tif" in report.error
    assert "--crs" in report.error
    assert not settings.files.exists()
    assert take(path, crs="EPSG:4547").layers["terrain"].added == 1
    [row] = ask("select file_key, crs from terrain")
    with rasterio.open(settings.files / "terrain" / f"{row.file_key}.tif") as kept:
        assert kept.crs.to_epsg() == 4547
        assert (kept.read(1) == 5.0).all()


def test_an_srtm_tile_is_placed_by_its_name(take: Any, ask: Any, tmp_path: Path) -> None:
    heights = np.full((1201, 1201), 500, ">i2")
    heights[:600] = -32768
    path = tmp_path / "N47E009.hgt"
    path.write_bytes(heights.tobytes())
    take(path)
    [row] = ask("select *, ST_XMin(geom) w, ST_YMin(geom) s, ST_XMax(geom) e, ST_YMax(geom) n from terrain")
    half = 0.5 / 1200
    assert (row.w, row.s, row.e, row.n) == pytest.approx((9 - half, 47 - half, 10 + half, 48 + half), abs=1e-6)
    assert (row.vertical_crs, row.min_height_m, row.max_height_m) == ("EPSG:5773", 500.0, 500.0)
    assert row.void_share == pytest.approx(600 / 1201)
    ground = Geod(ellps="GRS80").line_length([9, 10, 10, 9, 9], [47, 47, 48, 48, 47]) / 4 / 1200
    assert row.resolution_m == pytest.approx(ground, rel=0.01)


def test_what_is_no_height_raster_is_refused(take: Any, ask: Any, tmp_path: Path, dem: Path) -> None:
    picture = write(tmp_path / "photo.tif", np.zeros((3, 20, 20), np.uint8))
    assert "picture" in take(picture).error
    void = write(tmp_path / "void.tif", np.full((20, 20), -9999, np.float32), nodata=-9999)
    assert "void" in take(void).error
    cut = tmp_path / "cut.tif"
    cut.write_bytes(dem.read_bytes()[:100_000])
    report = take(cut)
    assert report.status == "refused"
    assert "cut.tif" in report.error
    assert str(tmp_path) not in report.error
    assert ask("select count(*) from dataset") == [(0,)]
