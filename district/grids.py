"""Management grids: one clean grid of cells, and three older ones that never agreed."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from district.admin import Division
from district.arrays import IntArray, ObjectArray, objects, random_stream
from district.plan import Plan
from district.scales import GEOGRAPHIC_CRS, METRIC_CRS

_SQUARE_M = 500.0
_FAMILY = "陈李张黄林刘吴王郑何罗梁谢曾周叶许徐朱邓"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚"


def grid_cells(division: Division, cells: ObjectArray, label: IntArray) -> gpd.GeoDataFrame:
    """Make the merged 社区网格: fifteen digits, a sequence of three in each community; EPSG:4547."""
    sequence = pd.Series(label).groupby(label).cumcount().to_numpy() + 1
    codes = [f"{c}{n:03d}" for c, n in zip(division.code[label], sequence.tolist(), strict=True)]
    names = [f"{c}第{n}网格" for c, n in zip(division.name[label], sequence.tolist(), strict=True)]
    columns = {
        "网格编码": codes,
        "网格名称": names,
        "街道": division.street_name[label],
        "社区": division.name[label],
        "面积": np.round(shapely.area(cells), 1),
    }
    return gpd.GeoDataFrame(columns, geometry=cells, crs=METRIC_CRS)


def _voronoi(plan: Plan, name: str, per_km2: float) -> ObjectArray:
    """Divide the extent by distance to random points, one on each square of a loose raster."""
    rng = random_stream(plan.seed, name)
    west, south, east, north = plan.scale.bounds
    step = 1000.0 / np.sqrt(per_km2)
    e, n = np.meshgrid(np.arange(west + step / 2, east, step), np.arange(south + step / 2, north, step))
    points = np.column_stack((e.ravel(), n.ravel())) + rng.uniform(-0.35, 0.35, (e.size, 2)) * step
    extent = shapely.box(*plan.scale.bounds)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points), extend_to=extent))
    clipped = shapely.intersection(cells, extent)
    kept: ObjectArray = clipped[shapely.area(clipped) > 1.0]
    return kept


def _squares(plan: Plan) -> ObjectArray:
    west, south, east, north = plan.scale.bounds
    e, n = np.meshgrid(np.arange(west, east, _SQUARE_M), np.arange(south, north, _SQUARE_M))
    e, n = e.ravel(), n.ravel()
    squares: ObjectArray = shapely.box(e, n, np.minimum(e + _SQUARE_M, east), np.minimum(n + _SQUARE_M, north))
    return squares


def _people(plan: Plan, name: str, count: int) -> list[str]:
    rng = random_stream(plan.seed, f"people of {name}")
    family = rng.integers(0, len(_FAMILY), count).tolist()
    given = rng.integers(0, len(_GIVEN), (count, 2)).tolist()
    return [_FAMILY[f] + _GIVEN[a] + _GIVEN[b] for f, (a, b) in zip(family, given, strict=True)]


def old_grids(plan: Plan, division: Division) -> dict[str, gpd.GeoDataFrame]:
    """Make the three older grids, EPSG:4490; each covers the extent with borders of its own.

    Returns
    -------
    dict
        By file stem. 城管网格 has longer column names: it is for a table in GBK.
    """
    grids = {}
    sources = (
        ("综治网格", "ZZ", _voronoi(plan, "综治网格", 6.0), ("编号", "责任人", "社区")),
        ("城管网格", "CG", _squares(plan), ("网格编号", "网格长", "所属社区")),
        ("消防网格", "XF", _voronoi(plan, "消防网格", 1.6), ("编号", "责任人", "社区")),
    )
    for name, prefix, cells, (code, person, community) in sources:
        inner = shapely.get_coordinates(shapely.point_on_surface(cells))
        columns = {
            code: [f"{prefix}{k + 1:05d}" for k in range(len(cells))],
            person: objects(_people(plan, name, len(cells))),
            community: division.name[division.at(plan, inner)],
        }
        grids[name] = gpd.GeoDataFrame(columns, geometry=cells, crs=METRIC_CRS).to_crs(GEOGRAPHIC_CRS)
    return grids
