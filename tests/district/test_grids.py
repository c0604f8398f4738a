"""Grid cells tile the district but for the planted overlaps; the older grids each cover it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely

from district.scales import SCALES

FILE = "gis/grid_cells.gpkg"
EXTENT = shapely.box(*SCALES["sample"].bounds)


@pytest.fixture(scope="module")
def cells(sample_district: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(sample_district / FILE, layer="社区网格")


def test_codes_have_fifteen_digits(cells: gpd.GeoDataFrame) -> None:
    assert cells["网格编码"].str.fullmatch(r"440307\d{9}").all()
    assert cells["网格编码"].is_unique


def test_cells_overlap_only_where_planted(cells: gpd.GeoDataFrame, truth: dict[str, Any]) -> None:
    geometry = cells.geometry.to_numpy()
    assert shapely.is_valid(geometry).all()
    a, b = shapely.STRtree(geometry).query(geometry, predicate="intersects")
    once = a < b
    a, b = a[once], b[once]
    area = shapely.area(shapely.intersection(geometry[a], geometry[b]))
    code = cells["网格编码"].to_numpy()
    found = {frozenset((code[i], code[j])) for i, j in zip(a[area > 0.01], b[area > 0.01], strict=True)}
    planted = [f for f in truth["faults"] if f["kind"] == "overlapping_cells"]
    assert found == {frozenset((f["key"], f["detail"].rsplit(" ", 1)[1])) for f in planted}
    assert len(found) == 2


def test_cells_leave_no_gap(cells: gpd.GeoDataFrame) -> None:
    assert cells.union_all().symmetric_difference(EXTENT).area < 0.01


@pytest.mark.parametrize("layer", ["街道", "社区"])
def test_administrative_units_tile_the_district(sample_district: Path, layer: str) -> None:
    units = gpd.read_file(sample_district / "gis/admin.gpkg", layer=layer)
    assert shapely.coverage_is_valid(units.geometry.to_numpy())
    assert abs(units.area.sum() - EXTENT.area) < 0.01


def test_buildings_lie_in_the_community_of_their_code(sample_district: Path) -> None:
    communities = gpd.read_file(sample_district / "gis/admin.gpkg", layer="社区")
    buildings = gpd.read_file(sample_district / "gis/buildings.gpkg").drop_duplicates("建筑编码")
    buildings["geometry"] = buildings.geometry.centroid
    joined = buildings.sjoin(communities[["社区编码", "geometry"]], predicate="within")
    assert (joined["建筑编码"].str[:12] == joined["社区编码"]).all()


@pytest.mark.parametrize(("name", "code"), [("综治网格", "编号"), ("城管网格", "网格编号"), ("消防网格", "编号")])
def test_older_grids_cover_the_district(sample_district: Path, name: str, code: str) -> None:
    grid = gpd.read_file(sample_district / f"gis/grids/{name}.shp", encoding="GBK" if name == "城管网格" else None)
    assert grid.crs.to_epsg() == 4490
    assert grid[code].is_unique
    assert abs(grid.to_crs(4547).area.sum() / EXTENT.area - 1) < 1e-4


def test_older_grids_disagree(sample_district: Path) -> None:
    grids = [gpd.read_file(path).to_crs(4547) for path in sorted(sample_district.glob("gis/grids/*.shp"))]
    rim = EXTENT.boundary.buffer(1.0)
    borders = [grid.boundary.union_all().difference(rim) for grid in grids]
    for i in range(3):
        other = borders[(i + 1) % 3].buffer(1.0)
        assert borders[i].difference(other).length > 0.5 * borders[i].length
