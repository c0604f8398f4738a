"""Devices, places and events: codes, positions, times and ranges."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from district.scales import SCALES

SCALE = SCALES["sample"]


def _read(directory: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(directory / name, encoding="utf-8-sig", dtype={"设备编码": str, "建筑编码": str})


def _points(table: pd.DataFrame) -> gpd.GeoSeries:
    return gpd.GeoSeries.from_xy(table["经度"], table["纬度"], crs=4490).to_crs(4547)


@pytest.mark.parametrize(
    "name", ["registers/cameras.csv", "registers/sensors.csv", "registers/parking.csv", "registers/resources.csv"]
)
def test_positions_lie_in_the_district(sample_district: Path, name: str) -> None:
    points = _points(_read(sample_district, name))
    assert points.within(shapely.box(*SCALE.bounds)).all()


def test_cameras(sample_district: Path) -> None:
    cameras = _read(sample_district, "registers/cameras.csv")
    assert len(cameras) == SCALE.cameras
    assert cameras["设备编码"].is_unique
    assert cameras["设备编码"].str.fullmatch(r"44030700\d{2}132\d{7}").all()
    assert cameras["方位角"].between(0, 360, inclusive="left").all()
    assert (cameras["俯仰角"] < 0).all()
    assert set(cameras["类别"]) == {"一类", "二类"}
    footprints = gpd.read_file(sample_district / "gis/buildings.gpkg").geometry
    inside = shapely.STRtree(footprints[footprints.is_valid].to_numpy()).query(_points(cameras).to_numpy(), "within")
    assert inside.size == 0


def test_sensors_of_eight_kinds(sample_district: Path) -> None:
    sensors = _read(sample_district, "registers/sensors.csv")
    assert len(sensors) == SCALE.sensors
    assert set(sensors["类型"]) == {"水位", "雨量", "可燃气体", "烟感", "倾斜", "空气质量", "噪声", "井盖"}
    assert sensors["设备编码"].is_unique
    inside = sensors.dropna(subset="建筑编码")
    assert set(inside["类型"]) == {"烟感", "倾斜"}
    footprints = gpd.read_file(sample_district / "gis/buildings.gpkg")
    footprints = footprints[footprints.is_valid].drop_duplicates("建筑编码").set_index("建筑编码").geometry
    known = inside[inside["建筑编码"].isin(footprints.index)]
    places = footprints.loc[known["建筑编码"]].reset_index(drop=True)
    assert places.covers(_points(known).reset_index(drop=True)).all()


def test_observations_are_of_known_sensors(sample_district: Path) -> None:
    sensors = _read(sample_district, "registers/sensors.csv")
    observations = _read(sample_district, "live/observations.csv")
    assert set(observations["设备编码"]) == set(sensors["设备编码"])
    assert not observations.duplicated(["设备编码", "时间"]).any()
    assert observations["时间"].is_monotonic_increasing


def test_events_are_in_order_with_offset(sample_district: Path) -> None:
    events = _read(sample_district, "live/events.csv")
    times = [datetime.fromisoformat(text) for text in events["发生时间"]]
    assert all(t.utcoffset() == timedelta(hours=8) for t in times)
    assert times == sorted(times)
    assert events["事件编号"].is_unique
    assert set(events["来源"].astype(str)) == {"12345", "网格", "AI视频", "传感器"}
    assert events["等级"].between(1, 4).all()


def test_car_parks_have_no_more_free_than_spaces(sample_district: Path) -> None:
    parking = _read(sample_district, "registers/parking.csv")
    assert (parking["剩余车位"] <= parking["总车位"]).all()
    assert len(parking) == SCALE.car_parks


def test_resources_of_four_categories(sample_district: Path) -> None:
    resources = _read(sample_district, "registers/resources.csv")
    assert set(resources["类别"]) == {"医院", "消防站", "避难场所", "重点单位"}
    assert resources["编码"].is_unique
