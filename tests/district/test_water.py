"""Rivers run down the terrain, end where the next begins, and lie in their water."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely


@pytest.fixture(scope="module")
def rivers(sample_district: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(sample_district / "gis/rivers.geojson").to_crs(4547).set_index("河流编码")


def test_terrain_falls_along_the_flow(sample_district: Path, rivers: gpd.GeoDataFrame) -> None:
    with rasterio.open(sample_district / "raster/dem_5m.tif") as raster:
        for line in rivers.geometry:
            points = shapely.get_coordinates(shapely.segmentize(line, 5.0))
            heights = np.array([h for (h,) in raster.sample(points)], dtype=float)
            heights = heights[heights > 0]
            # A cell is five metres wide: it may lie half a cell up or down the stream.
            assert (heights - np.minimum.accumulate(heights)).max() < 0.06
            assert heights[0] > heights[-1]


def test_river_lies_lower_than_its_banks(sample_district: Path, rivers: gpd.GeoDataFrame) -> None:
    with rasterio.open(sample_district / "raster/dem_5m.tif") as raster:
        for width, line in zip(rivers["河宽"], rivers.geometry, strict=True):
            middle = line.interpolate(0.4, normalized=True)
            for side in (1, -1):
                bank = line.offset_curve(side * (width / 2 + 14))
                bank_point = bank.interpolate(bank.project(middle))
                (low,), (high,) = raster.sample([(middle.x, middle.y), (bank_point.x, bank_point.y)])
                assert high > low + 2.0


def test_reaches_join_end_to_start(rivers: gpd.GeoDataFrame) -> None:
    for code, following in rivers["下游编码"].items():
        if following:
            end = shapely.get_point(rivers.geometry[code], -1)
            start = shapely.get_point(rivers.geometry[following], 0)
            assert end.distance(start) < 0.02
    assert (rivers["下游编码"].fillna("") == "").sum() == 1


def test_centrelines_lie_in_the_water(sample_district: Path, rivers: gpd.GeoDataFrame) -> None:
    areas = gpd.read_file(sample_district / "gis/river_areas.geojson").to_crs(4547)
    assert areas.is_valid.all()
    water = areas.union_all().buffer(0.05)
    for line in rivers.geometry:
        assert line.difference(water).length < 0.01 * line.length
