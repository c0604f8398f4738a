"""Cameras along the streets, sensors of eight kinds, and what the sensors last said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import shapely

from district.arrays import FloatArray, IntArray, ObjectArray, objects, random_stream
from district.buildings import Buildings
from district.kinds import VILLAGE
from district.pipes import Network
from district.plan import HALF_WIDTH_M, Plan, Street
from district.roads import Roads
from district.write import DELIVERY_DATE, lonlat

CHINA_TIME = timezone(timedelta(hours=8))
START = datetime.fromisoformat(DELIVERY_DATE).replace(tzinfo=CHINA_TIME)
_CAMERA_CENTRE = "44030700"
_CAMERA_WEIGHTS = np.array([6.0, 4.0, 2.0, 0.6])
_OWNERS = np.array(["公安分局", "交警大队", "街道办事处", "城管局"])


@dataclass(frozen=True)
class SensorKind:
    """One kind of sensor.

    Attributes
    ----------
    usual, spread
        Mean and standard deviation of its readings, in `unit`.
    place
        ``river``, ``street``, ``manhole``, ``home`` or ``village``.
    """

    name: str
    unit: str
    share: float
    interval_s: int
    usual: float
    spread: float
    place: str


SENSOR_KINDS = (
    SensorKind("水位", "m", 0.08, 300, 1.2, 0.15, "river"),
    SensorKind("雨量", "mm", 0.05, 600, 0.4, 0.5, "street"),
    SensorKind("可燃气体", "%LEL", 0.15, 60, 1.5, 1.0, "manhole"),
    SensorKind("烟感", "dB/m", 0.30, 60, 0.02, 0.02, "home"),
    SensorKind("倾斜", "°", 0.12, 3600, 0.05, 0.03, "village"),
    SensorKind("空气质量", "μg/m3", 0.06, 900, 38.0, 9.0, "street"),
    SensorKind("噪声", "dB", 0.06, 60, 58.0, 6.0, "street"),
    SensorKind("井盖", "°", 0.18, 3600, 1.0, 0.6, "manhole"),
)


@dataclass(frozen=True)
class Roadside:
    """Points beside streets.

    Attributes
    ----------
    xy
        EPSG:4547, ``(n, 2)``.
    bearing_deg
        Direction of the street there, clockwise from north.
    edge
        Edge of the street graph.
    """

    xy: FloatArray
    bearing_deg: FloatArray
    edge: IntArray


def roadside(plan: Plan, roads: Roads, rng: np.random.Generator, count: int, at_crossings: float) -> Roadside:
    """Draw points at the kerb, wide streets more often.

    Parameters
    ----------
    at_crossings
        Share of the points that stand ten metres from a crossing.
    """
    weights = _CAMERA_WEIGHTS[roads.rank]
    edge = rng.choice(len(weights), size=count, p=weights / weights.sum())
    a, b = roads.node_uv[roads.start[edge]], roads.node_uv[roads.end[edge]]
    length = np.abs(b - a).sum(axis=1)
    near = np.minimum(10.0 / length, 0.5)
    share = np.where(rng.uniform(size=count) < at_crossings, near, rng.uniform(0.1, 0.9, count))
    forth = rng.uniform(size=count) < 0.5
    share = np.where(forth, share, 1 - share)[:, None]
    here = a * (1 - share) + b * share
    ahead = here + (b - a) / length[:, None]
    xy, onward = plan.frame.world(here[:, 0], here[:, 1]), plan.frame.world(ahead[:, 0], ahead[:, 1])
    along = (onward - xy) / np.hypot(*(onward - xy).T)[:, None]
    side = np.where(rng.uniform(size=count) < 0.5, 1.0, -1.0) * (HALF_WIDTH_M[roads.rank[edge]] - 1.5)
    xy = xy + np.column_stack((-along[:, 1], along[:, 0])) * side[:, None]
    bearing = np.rad2deg(np.arctan2(along[:, 0], along[:, 1])) + np.where(forth, 180.0, 0.0)
    return Roadside(xy, bearing % 360.0, edge)


def make_cameras(plan: Plan, roads: Roads) -> pd.DataFrame:
    """Make the register of cameras, EPSG:4490; GB/T 28181 codes of twenty digits, type 132."""
    rng = random_stream(plan.seed, "cameras")
    count = plan.scale.cameras
    spots = roadside(plan, roads, rng, count, 0.6)
    position = lonlat(spots.xy)
    first_class = roads.rank[spots.edge] <= Street.COLLECTOR
    names = roads.name[spots.edge]
    return pd.DataFrame(
        {
            "设备编码": [f"{_CAMERA_CENTRE}01132{k + 1:07d}" for k in range(count)],
            "名称": [f"{name}{k + 1:05d}号" for k, name in enumerate(names.tolist())],
            "经度": position[:, 0],
            "纬度": position[:, 1],
            "安装高度": np.round(rng.choice([4.5, 6.0, 6.5, 8.0], count) + rng.uniform(-0.2, 0.2, count), 1),
            "方位角": np.round((spots.bearing_deg + rng.normal(0, 12, count)) % 360.0, 1) % 360.0,
            "俯仰角": np.round(-rng.uniform(4, 24, count), 1),
            "水平视场角": rng.choice([46, 58, 72, 84, 95], count),
            "可视距离": rng.choice([60, 80, 100, 120, 150, 200], count),
            "类别": np.where(first_class, "一类", "二类"),
            "权属单位": _OWNERS[rng.integers(0, len(_OWNERS), count)],
            "状态": np.where(rng.uniform(size=count) < 0.96, "在线", "离线"),
        }
    )


def _river_spots(plan: Plan, rng: np.random.Generator, count: int) -> FloatArray:
    u = rng.uniform(plan.u.at_m[0], plan.u.at_m[-1], count * 4 + 20)
    points = plan.frame.world(u, np.full_like(u, plan.terrain.river_v_m))
    return points[plan.inside(points, 5.0)][:count]


def _places(
    plan: Plan, roads: Roads, buildings: Buildings, sewers: Network, kind: SensorKind, count: int
) -> tuple[FloatArray, ObjectArray]:
    """Where sensors of a kind stand (EPSG:4547), and the building's code of those inside one."""
    rng = random_stream(plan.seed, f"sensors {kind.name}")
    outside = objects([""] * count)
    if kind.place == "river":
        return _river_spots(plan, rng, count), outside
    if kind.place == "street":
        return roadside(plan, roads, rng, count, 0.2).xy, outside
    if kind.place == "manhole":
        manholes = np.flatnonzero(sewers.node_type == "检查井")
        return sewers.node_xyz[rng.choice(manholes, count, replace=len(manholes) < count), :2], outside
    village = buildings.kind == VILLAGE
    rows = rng.choice(np.flatnonzero(village if kind.place == "village" else ~village), count)
    inner = shapely.point_on_surface(buildings.table.geometry.to_numpy()[rows])
    return shapely.get_coordinates(inner), buildings.table["建筑编码"].to_numpy(dtype=object)[rows]


def make_sensors(plan: Plan, roads: Roads, buildings: Buildings, sewers: Network) -> pd.DataFrame:
    """Make the register of sensors, EPSG:4490, heights Yellow Sea metres."""
    shares = np.array([kind.share for kind in SENSOR_KINDS])
    counts = np.diff(np.round(np.concatenate(([0.0], np.cumsum(shares))) * plan.scale.sensors)).astype(np.int64)
    parts = []
    for number, (kind, count) in enumerate(zip(SENSOR_KINDS, counts.tolist(), strict=True), 1):
        xy, building = _places(plan, roads, buildings, sewers, kind, count)
        position = lonlat(xy)
        part = {
            "设备编码": [f"440307CG{number:02d}{k + 1:06d}" for k in range(count)],
            "名称": [f"{kind.name}监测点{k + 1:04d}" for k in range(count)],
            "类型": kind.name,
            "经度": position[:, 0],
            "纬度": position[:, 1],
            "高程": np.round(plan.terrain.at(xy), 2),
            "单位": kind.unit,
            "上报间隔秒": kind.interval_s,
            "建筑编码": building,
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def make_observations(plan: Plan, sensors: pd.DataFrame, step_min: int = 30) -> pd.DataFrame:
    """Make one day of readings of every sensor, in order of time."""
    rng = random_stream(plan.seed, "observations")
    moments = [START + timedelta(minutes=m) for m in range(0, 24 * 60, step_min)]
    kinds = {kind.name: kind for kind in SENSOR_KINDS}
    usual = np.array([kinds[name].usual for name in sensors["类型"]])
    spread = np.array([kinds[name].spread for name in sensors["类型"]])
    values = usual + spread * rng.normal(size=(len(moments), len(sensors)))
    return pd.DataFrame(
        {
            "设备编码": np.tile(sensors["设备编码"].to_numpy(dtype=object), len(moments)),
            "时间": np.repeat(objects([m.isoformat() for m in moments]), len(sensors)),
            "值": np.round(np.maximum(values, 0.0), 3).ravel(),
        }
    )
