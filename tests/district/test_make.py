"""The same seed writes the same files; every count is what a reader finds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import rasterio
from geopandas.testing import assert_geodataframe_equal

from district.make import make_district
from district.scales import SCALES

SEED = 11


def _digests(directory: Path) -> dict[str, str]:
    files = sorted(p for p in directory.rglob("*") if p.is_file())
    return {str(p.relative_to(directory)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("again")
    make_district(directory, SCALES["sample"], SEED, only="gis")
    return directory


def test_same_seed_writes_same_bytes(sample_district: Path, again: Path) -> None:
    first, second = _digests(sample_district), _digests(again)
    differing = {name for name in first | second if first.get(name) != second.get(name)}
    assert {name for name in differing if not name.endswith(".gpkg")} == set()


def test_same_seed_writes_same_geopackage_tables(sample_district: Path, again: Path) -> None:
    for path in sorted(sample_district.glob("gis/*.gpkg")):
        for layer, _ in pyogrio.list_layers(path):
            first = gpd.read_file(path, layer=layer)
            second = gpd.read_file(again / path.relative_to(sample_district), layer=layer)
            assert_geodataframe_equal(first, second)


def test_other_seed_draws_another_town(sample_district: Path, tmp_path: Path) -> None:
    make_district(tmp_path, SCALES["sample"], SEED + 1, only="gis")
    first, second = _digests(sample_district), _digests(tmp_path)
    assert set(first) == set(second)
    # The squares of 城管网格 are the same in every town; what their table says is not.
    fixed = {"gis/grids/城管网格.shp", "gis/grids/城管网格.shx"}
    alike = {name for name in first if first[name] == second[name]}
    assert {name for name in alike if not name.endswith((".prj", ".cpg"))} <= fixed


def test_counts_are_what_readers_find(sample_district: Path, truth: dict[str, Any]) -> None:
    for name, rows in truth["counts"].items():
        file, _, layer = name.partition(":")
        path = sample_district / file
        if path.suffix == ".csv":
            assert len(pd.read_csv(path, encoding="utf-8-sig", dtype=str)) == rows, name
        elif path.suffix == ".tif":
            with rasterio.open(path) as raster:
                assert raster.width * raster.height == rows
        else:
            assert pyogrio.read_info(path, layer=layer or None)["features"] == rows, name


def test_every_file_is_counted(sample_district: Path, truth: dict[str, Any]) -> None:
    counted = {name.partition(":")[0] for name in truth["counts"]}
    sidecars = {".shx", ".dbf", ".prj", ".cpg"}
    found = {str(p.relative_to(sample_district)) for p in sample_district.rglob("*") if p.is_file()}
    assert {name for name in found if Path(name).suffix not in sidecars} == counted | {"truth.json", "README.txt"}


def test_files_claim_the_fixed_date(sample_district: Path) -> None:
    from sqlite3 import connect

    connection = connect(sample_district / "gis/buildings.gpkg")
    assert connection.execute("select last_change from gpkg_contents").fetchall() == [("2026-03-01T00:00:00.000Z",)]
    connection.close()
