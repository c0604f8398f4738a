"""Files whose whole point is a fault: encoding, missing CRS, GCJ-02, swapped axes."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from district.arrays import random_stream
from district.buildings import Buildings
from district.devices import roadside
from district.gcj02 import to_gcj02
from district.kinds import COMMERCE, OFFICE, SCHOOL
from district.pipes import Network
from district.places import hosts, positions
from district.plan import Plan
from district.roads import Roads
from district.scales import METRIC_CRS
from district.truth import Fault
from district.write import Delivery

GBK_FILE = "faults/道路设施_gbk.shp"
NO_CRS_FILE = "faults/井盖_no_crs.shp"
GCJ02_FILE = "faults/poi_gcj02.geojson"
SWAPPED_FILE = "faults/shelters_swapped.csv"


def write_gbk(delivery: Delivery, plan: Plan, roads: Roads) -> Fault:
    """Write street furniture as a shapefile in GBK that nowhere says so."""
    rng = random_stream(plan.seed, GBK_FILE)
    spots = roadside(plan, roads, rng, 120, 0.3)
    columns = {
        "设施编号": [f"LD{k + 1:05d}" for k in range(120)],
        "类型": rng.choice(["路灯", "护栏", "公交站牌", "交通信号灯", "路名牌"], 120),
        "所在道路": roads.name[spots.edge],
        "状态": rng.choice(["完好", "破损"], 120, p=[0.93, 0.07]),
    }
    frame = gpd.GeoDataFrame(columns, geometry=shapely.points(np.round(spots.xy, 3)), crs=METRIC_CRS)
    delivery.shapefile(GBK_FILE, frame, "GBK")
    delivery.forget_encoding(GBK_FILE)
    detail = "GBK text and column names; no .cpg and no code page in the .dbf"
    return Fault("gbk_without_cpg", GBK_FILE, None, GBK_FILE, detail, "report")


def write_no_crs(delivery: Delivery, plan: Plan, sewers: Network) -> Fault:
    """Write manhole covers as a shapefile without its ``.prj``; the coordinates are EPSG:4547."""
    rng = random_stream(plan.seed, NO_CRS_FILE)
    rows = np.sort(rng.choice(np.flatnonzero(sewers.node_type == "检查井"), 90, replace=False))
    columns = {"编号": [f"JG{k + 1:05d}" for k in range(90)], "材质": rng.choice(["铸铁", "复合"], 90)}
    points = shapely.points(sewers.node_xyz[rows, :2])
    delivery.shapefile(NO_CRS_FILE, gpd.GeoDataFrame(columns, geometry=points, crs=METRIC_CRS))
    delivery.path(NO_CRS_FILE).with_suffix(".prj").unlink()
    return Fault("no_crs", NO_CRS_FILE, None, NO_CRS_FILE, "no .prj; the coordinates are EPSG:4547", "refuse")


def write_gcj02(delivery: Delivery, plan: Plan, buildings: Buildings) -> Fault:
    """Write points of interest whose GeoJSON says WGS 84 by its format, but that are GCJ-02."""
    rng = random_stream(plan.seed, GCJ02_FILE)
    rows = hosts(buildings, (COMMERCE, OFFICE, SCHOOL), 60, rng)
    points = to_gcj02(positions(buildings, rows))
    columns = {
        "编码": [f"POI{k + 1:05d}" for k in range(len(rows))],
        "名称": buildings.table["名称"].to_numpy(dtype=object)[rows],
        "建筑编码": buildings.table["建筑编码"].to_numpy(dtype=object)[rows],
    }
    delivery.geojson(GCJ02_FILE, gpd.GeoDataFrame(columns, geometry=shapely.points(points), crs=4326))
    detail = "claims WGS 84; each point lies in the footprint of its 建筑编码 after GCJ-02 to WGS 84"
    return Fault("gcj02", GCJ02_FILE, None, GCJ02_FILE, detail, "refuse")


def write_swapped(delivery: Delivery, plan: Plan, buildings: Buildings) -> Fault:
    """Write shelters with longitude and latitude in each other's column."""
    rng = random_stream(plan.seed, SWAPPED_FILE)
    rows = hosts(buildings, (SCHOOL, OFFICE), 20, rng)
    position = positions(buildings, rows)
    columns = {
        "编码": [f"BNX{k + 1:04d}" for k in range(len(rows))],
        "名称": [f"{name}避难场所" for name in buildings.table["名称"].iloc[rows]],
        "经度": position[:, 1],
        "纬度": position[:, 0],
        "容量": rng.integers(100, 2000, len(rows)),
    }
    delivery.csv(SWAPPED_FILE, pd.DataFrame(columns))
    detail = "经度 holds latitudes and 纬度 longitudes, in all rows"
    return Fault("swapped_axes", SWAPPED_FILE, None, SWAPPED_FILE, detail, "refuse")
