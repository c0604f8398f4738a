"""Each faulty file has its fault, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from district.gcj02 import to_gcj02


def test_gbk_shapefile_says_nothing_of_its_encoding(sample_district: Path) -> None:
    path = sample_district / "faults/道路设施_gbk.shp"
    assert not path.with_suffix(".cpg").exists()
    table = path.with_suffix(".dbf").read_bytes()
    assert table[29] == 0
    assert "设施编号".encode("gbk") in table
    frame = gpd.read_file(path, encoding="GBK")
    assert set(frame["类型"]) <= {"路灯", "护栏", "公交站牌", "交通信号灯", "路名牌"}
    assert frame.crs.to_epsg() == 4547


def test_shapefile_without_crs(sample_district: Path) -> None:
    path = sample_district / "faults/井盖_no_crs.shp"
    assert not path.with_suffix(".prj").exists()
    frame = gpd.read_file(path)
    assert frame.crs is None
    sewers = gpd.read_file(sample_district / "gis/drainage.gpkg", layer="管点")
    tree = shapely.STRtree(shapely.force_2d(sewers.geometry.to_numpy()))
    distance = tree.query_nearest(frame.geometry.to_numpy(), return_distance=True)[1]
    assert distance.max() < 0.01


@pytest.mark.parametrize(
    ("wgs84", "gcj02"),
    [
        # Published test values of eviltransform.
        ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
        ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
        ((116.404, 39.915), (116.41024449916938, 39.91640428150164)),
    ],
)
def test_gcj02_as_published(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    np.testing.assert_allclose(to_gcj02(np.array([wgs84]))[0], gcj02, atol=2e-8)


def test_gcj02_points_are_shifted_from_their_buildings(sample_district: Path) -> None:
    points = gpd.read_file(sample_district / "faults/poi_gcj02.geojson")
    assert points.crs.to_epsg() == 4326
    register = pd.read_csv(sample_district / "registers/buildings.csv", encoding="utf-8-sig", dtype={"建筑编码": str})
    true = register.set_index("建筑编码").loc[points["建筑编码"], ["经度", "纬度"]].to_numpy()
    given = shapely.get_coordinates(points.geometry.to_numpy())
    metres = np.hypot(*((given - true) * [102_700.0, 111_000.0]).T)
    assert metres.min() > 300
    assert metres.max() < 800
    np.testing.assert_allclose(given, to_gcj02(true), atol=2e-8)


def test_swapped_axes(sample_district: Path) -> None:
    table = pd.read_csv(sample_district / "faults/shelters_swapped.csv", encoding="utf-8-sig")
    assert table["经度"].between(22, 23).all()
    assert table["纬度"].between(113.5, 115).all()


def test_truth_names_each_faulty_file(truth: dict[str, Any], sample_district: Path) -> None:
    expected = {
        "faults/道路设施_gbk.shp": "report",
        "faults/井盖_no_crs.shp": "refuse",
        "faults/poi_gcj02.geojson": "refuse",
        "faults/shelters_swapped.csv": "refuse",
    }
    told = {f["file"]: f["expect"] for f in truth["faults"] if f["file"].startswith("faults/")}
    assert told == expected
    assert all((sample_district / name).exists() for name in told)
