"""Footprints, register and units: clean but for the planted faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from district.make import make_town
from district.models import model_sites
from district.scales import SCALES

FILE = "gis/buildings.gpkg"
REGISTER = "registers/buildings.csv"
Keys = dict[tuple[str, str], list[str]]


@pytest.fixture(scope="module")
def footprints(sample_district: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(sample_district / FILE, layer="建筑物")


@pytest.fixture(scope="module")
def register(sample_district: Path) -> pd.DataFrame:
    return pd.read_csv(sample_district / REGISTER, encoding="utf-8-sig", dtype={"建筑编码": str})


def test_footprints_are_in_the_metric_crs(footprints: gpd.GeoDataFrame) -> None:
    assert footprints.crs.to_epsg() == 4547
    assert set(footprints.geom_type) == {"Polygon"}
    west, south, east, north = SCALES["sample"].bounds
    assert shapely.box(west, south, east, north).covers(shapely.box(*footprints.total_bounds))


def test_codes_are_unique_but_for_the_planted(footprints: gpd.GeoDataFrame, fault_keys: Keys) -> None:
    codes = footprints["建筑编码"]
    assert codes.str.fullmatch(r"440307\d{13}").all()
    assert sorted(codes[codes.duplicated()]) == sorted(fault_keys["duplicate_code", FILE])


def test_rings_are_valid_but_for_the_planted(footprints: gpd.GeoDataFrame, fault_keys: Keys) -> None:
    broken = footprints.loc[~footprints.is_valid, "建筑编码"]
    assert sorted(broken) == sorted(fault_keys["self_crossing", FILE])


def test_footprints_keep_apart(footprints: gpd.GeoDataFrame) -> None:
    geometry = footprints.geometry[footprints.is_valid].to_numpy()
    a, b = shapely.STRtree(geometry).query(geometry, predicate="intersects")
    assert (a == b).all()


def test_footprints_leave_streets_and_water_free(sample_district: Path, footprints: gpd.GeoDataFrame) -> None:
    tree = shapely.STRtree(footprints.geometry.to_numpy())
    half_width = {"主干路": 19.0, "次干路": 13.0, "支路": 7.0, "巷道": 4.0}
    roads = gpd.read_file(sample_district / "gis/roads.gpkg", layer="道路中心线")
    for rank, width in half_width.items():
        lines = roads.geometry[roads["等级"] == rank].to_numpy()
        assert tree.query(lines, predicate="dwithin", distance=width).size == 0
    water = gpd.read_file(sample_district / "gis/river_areas.geojson").to_crs(4547)
    assert tree.query(water.geometry.to_numpy(), predicate="intersects").size == 0


def test_heights_fit_the_storeys(footprints: gpd.GeoDataFrame) -> None:
    per_storey = footprints["高度"] / footprints["地上层数"]
    assert per_storey.between(2.8, 10.6).all()
    assert footprints["地下层数"].between(0, 4).all()


def test_addresses_are_complete(footprints: gpd.GeoDataFrame) -> None:
    pattern = r"深圳市龙岗区\S+街道\S+社区\S+(大道|路|街)\d+号\S+"
    assert footprints["地址"].str.fullmatch(pattern).all()


def test_buildings_stand_on_the_ground(sample_district: Path, footprints: gpd.GeoDataFrame) -> None:
    import rasterio

    with rasterio.open(sample_district / "raster/dem_5m.tif") as raster:
        assert raster.crs.to_epsg() == 4547
        assert raster.nodata == -9999.0
        points = shapely.get_coordinates(shapely.centroid(footprints.geometry[footprints.is_valid].to_numpy()))
        ground = np.array([height for (height,) in raster.sample(points)])
    # Courts have their centroid elsewhere than the point that the level was taken at.
    assert np.abs(ground - footprints.loc[footprints.is_valid, "基底标高"]).quantile(0.99) < 0.6


def test_register_agrees_but_for_the_planted(
    footprints: gpd.GeoDataFrame, register: pd.DataFrame, fault_keys: Keys
) -> None:
    both = footprints.drop_duplicates("建筑编码").merge(register, on="建筑编码", suffixes=("", "_2"))
    assert len(both) == len(register)
    storeys = both.loc[both["地上层数"] != both["地上层数_2"], "建筑编码"]
    heights = both.loc[both["高度"] != both["高度_2"], "建筑编码"]
    assert sorted(storeys) == sorted(fault_keys["storeys_disagree", REGISTER])
    assert sorted(heights) == sorted(fault_keys["height_disagrees", REGISTER])
    assert (both["名称"] == both["名称_2"]).all()


def test_register_points_lie_in_their_footprints(footprints: gpd.GeoDataFrame, register: pd.DataFrame) -> None:
    points = gpd.GeoSeries.from_xy(register["经度"], register["纬度"], crs=4490).to_crs(4547)
    points.index = pd.Index(register["建筑编码"])
    good = footprints[footprints.is_valid].drop_duplicates("建筑编码").set_index("建筑编码").geometry
    assert good.covers(points.loc[good.index], align=True).all()


def test_units_belong_to_buildings(sample_district: Path, footprints: gpd.GeoDataFrame) -> None:
    units = pd.read_csv(sample_district / "registers/units.csv", encoding="utf-8-sig", dtype=str)
    assert units["单元编码"].is_unique
    assert (units["单元编码"].str[:19] == units["建筑编码"]).all()
    assert set(units["建筑编码"]) == set(footprints["建筑编码"])
    storeys = footprints.drop_duplicates("建筑编码").set_index("建筑编码")["地上层数"]
    highest = units["楼层"].astype(int).groupby(units["建筑编码"]).max()
    pd.testing.assert_series_equal(highest, storeys.loc[highest.index], check_names=False, check_dtype=False)


def test_truth_knows_every_conflict(truth: dict[str, Any], footprints: gpd.GeoDataFrame) -> None:
    rows = footprints.drop_duplicates("建筑编码").set_index("建筑编码")
    conflicts = {fault["key"] for fault in truth["faults"] if fault["expect"] == "conflict"}
    slugs = {known["ifc"] for known in truth["buildings"].values()}
    assert conflicts <= set(truth["buildings"]) | slugs
    for code, known in truth["buildings"].items():
        assert known["storeys_above"] == rows.loc[code, "地上层数"]
        assert known["height_m"] == rows.loc[code, "高度"]


@pytest.mark.parametrize("seed", [1, 20260301])
def test_pilot_has_its_size_and_all_models(seed: int) -> None:
    town = make_town(SCALES["pilot"], seed)
    table = town.buildings.table
    assert len(table) == 12_000
    sites = model_sites(town.buildings)
    assert len({site.program.slug for site in sites}) == 37
    for site in sites:
        angle = np.deg2rad(site.rotation_deg)
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        origin = np.array([site.easting_m, site.northing_m])
        x, y = along * site.program.length_m, across * site.program.width_m
        rectangle = shapely.Polygon([origin, origin + x, origin + x + y, origin + y])
        row = table[table["建筑编码"] == site.building_code].iloc[0]
        assert row.geometry.symmetric_difference(rectangle).area < 1.0
        assert row["名称"] == site.program.name_zh
        assert row["地址"] == site.address_zh
