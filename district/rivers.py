"""Rivers: reaches in flow direction, and the water's surface."""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import shapely

from district.arrays import FloatArray, ObjectArray
from district.plan import Plan
from district.scales import METRIC_CRS
from district.terrain import Tributary

_STEP_M = 20.0
_MAIN_NAME = "龙岗河"
_TRIBUTARY_NAMES = ("丁山河", "大康河", "爱联河", "回龙河", "南约河", "同乐河", "黄沙河", "梧桐山河", "龙西河")


def _inside_run(plan: Plan, points: FloatArray) -> FloatArray:
    """Keep the part of a line inside the extent."""
    return points[plan.inside(points)]


def _main_samples(plan: Plan) -> FloatArray:
    """Frame positions u along the main river, every step, within the extent."""
    u = np.arange(plan.u.at_m[0], plan.u.at_m[-1], _STEP_M)
    points = plan.frame.world(u, np.full_like(u, plan.terrain.river_v_m))
    return u[plan.inside(points)]


def _tributary_line(plan: Plan, tributary: Tributary) -> FloatArray:
    """Centreline of a tributary from its upper end to the main river's centreline, ``(n, 2)``."""
    far = plan.v.at_m[-1] if tributary.side > 0 else plan.v.at_m[0]
    steps = int(abs(far - plan.terrain.river_v_m) / _STEP_M)
    v = np.linspace(far, plan.terrain.river_v_m, steps + 1)
    return _inside_run(plan, plan.frame.world(np.full_like(v, tributary.u_m), v))


def make_rivers(plan: Plan) -> gpd.GeoDataFrame:
    """Draw the centrelines; each reach ends where the next begins, and 下游编码 names it.

    Returns
    -------
    GeoDataFrame
        EPSG:4547 lines in flow direction.
    """
    terrain = plan.terrain
    samples = _main_samples(plan)
    mouths = sorted(t.u_m for t in terrain.tributaries)
    breaks = [float(samples[0]), *mouths, float(samples[-1])]
    rows = []
    for k, (a, b) in enumerate(pairwise(breaks)):
        u = np.concatenate(([a], samples[(samples > a + 1) & (samples < b - 1)], [b]))
        line = plan.frame.world(u, np.full_like(u, terrain.river_v_m))
        following = f"R{k + 2:03d}" if b != breaks[-1] else ""
        rows.append((f"R{k + 1:03d}", _MAIN_NAME, "干流", 2 * terrain.river_half_width_m, following, line))
    for k, tributary in enumerate(terrain.tributaries):
        following = f"R{mouths.index(tributary.u_m) + 2:03d}"
        line = _tributary_line(plan, tributary)
        name = _TRIBUTARY_NAMES[k % len(_TRIBUTARY_NAMES)]
        rows.append((f"T{k + 1:03d}", name, "支流", 2 * tributary.half_width_m, following, line))
    codes, names, orders, widths, following_codes, lines = zip(*rows, strict=True)
    columns = {
        "河流编码": codes,
        "名称": names,
        "级别": orders,
        "河宽": widths,
        "起点河底高程": [round(float(terrain.at(line[0])), 2) for line in lines],
        "终点河底高程": [round(float(terrain.at(line[-1])), 2) for line in lines],
        "下游编码": following_codes,
    }
    return gpd.GeoDataFrame(columns, geometry=[shapely.LineString(line) for line in lines], crs=METRIC_CRS)


def _band(plan: Plan, low: FloatArray, high: FloatArray) -> shapely.Polygon:
    """Close a polygon of two banks given as frame coordinates ``(n, 2)``."""
    ring = np.concatenate((low, high[::-1]))
    return shapely.Polygon(plan.frame.world(ring[:, 0], ring[:, 1]))


def water_surfaces(plan: Plan) -> ObjectArray:
    """Draw the water's surface, the main river first, then the tributaries; EPSG:4547 polygons."""
    terrain = plan.terrain
    extent = shapely.box(*plan.scale.bounds)
    u = np.arange(plan.u.at_m[0], plan.u.at_m[-1], _STEP_M)
    half = terrain.river_half_width_m
    banks = [np.column_stack((u, np.full_like(u, terrain.river_v_m + side * half))) for side in (-1, 1)]
    main = _band(plan, *banks)
    surfaces = [main.intersection(extent)]
    for t in terrain.tributaries:
        far = plan.v.at_m[-1] if t.side > 0 else plan.v.at_m[0]
        v = np.linspace(terrain.river_v_m, far, int(abs(far - terrain.river_v_m) / _STEP_M) + 1)
        banks = [np.column_stack((np.full_like(v, t.u_m + side * t.half_width_m), v)) for side in (-1, 1)]
        surfaces.append(_band(plan, *banks).difference(main).intersection(extent))
    return np.array(surfaces, dtype=object)


def make_river_areas(plan: Plan) -> gpd.GeoDataFrame:
    """Draw the water's surface as an owner's layer, EPSG:4547."""
    surfaces = water_surfaces(plan)
    columns = {
        "水面编码": [f"W{k + 1:03d}" for k in range(len(surfaces))],
        "名称": [_MAIN_NAME, *_TRIBUTARY_NAMES[: len(surfaces) - 1]],
        "面积": np.round(shapely.area(surfaces), 1),
    }
    return gpd.GeoDataFrame(columns, geometry=surfaces, crs=METRIC_CRS)
