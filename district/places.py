"""Car parks, and the places that help in an emergency."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely

from district.arrays import FloatArray, IntArray, random_stream
from district.buildings import Buildings
from district.devices import START
from district.kinds import COMMERCE, FACTORY, HOSPITAL, OFFICE, SCHOOL, TOWER
from district.plan import Plan
from district.write import lonlat

#: Category: kinds of building that host it, places per 26 km2, (least, most) capacity, who answers.
_RESOURCES: dict[str, tuple[tuple[int, ...], float, tuple[int, int], str]] = {
    "医院": ((HOSPITAL,), 12, (80, 900), "区卫生健康局"),
    "消防站": ((OFFICE, COMMERCE), 6, (20, 60), "区消防救援大队"),
    "避难场所": ((SCHOOL,), 24, (300, 3000), "区应急管理局"),
    "重点单位": ((FACTORY, COMMERCE, OFFICE), 45, (50, 2000), "区消防救援大队"),
}
_PREFIX = {"医院": "YY", "消防站": "XF", "避难场所": "BN", "重点单位": "ZD"}
_PILOT_KM2 = 26.29


def positions(buildings: Buildings, rows: IntArray) -> FloatArray:
    """EPSG:4490 longitude and latitude of a point inside each of some buildings."""
    inner = shapely.point_on_surface(buildings.table.geometry.to_numpy()[rows])
    return lonlat(shapely.get_coordinates(inner))


def hosts(buildings: Buildings, kinds: tuple[int, ...], count: int, rng: np.random.Generator) -> IntArray:
    """Choose up to `count` different buildings of some kinds."""
    rows = np.flatnonzero(np.isin(buildings.kind, kinds))
    return np.sort(rng.choice(rows, min(count, len(rows)), replace=False))


def make_parking(plan: Plan, buildings: Buildings) -> pd.DataFrame:
    """Make the register of car parks, EPSG:4490."""
    rng = random_stream(plan.seed, "parking")
    rows = hosts(buildings, (TOWER, OFFICE, COMMERCE), plan.scale.car_parks, rng)
    position = positions(buildings, rows)
    total = rng.integers(80, 1400, len(rows))
    return pd.DataFrame(
        {
            "编码": [f"440307TC{k + 1:05d}" for k in range(len(rows))],
            "名称": [f"{name}停车场" for name in buildings.table["名称"].iloc[rows]],
            "经度": position[:, 0],
            "纬度": position[:, 1],
            "总车位": total,
            "剩余车位": (total * rng.uniform(0, 0.7, len(rows))).astype(np.int64),
            "更新时间": START.isoformat(),
        }
    )


def make_resources(plan: Plan, buildings: Buildings) -> pd.DataFrame:
    """Make the register of hospitals, fire stations, shelters and key units, EPSG:4490."""
    rng = random_stream(plan.seed, "resources")
    parts = []
    for category, (kinds, density, capacity, answers) in _RESOURCES.items():
        rows = hosts(buildings, kinds, max(2, round(density * plan.scale.area_km2 / _PILOT_KM2)), rng)
        position = positions(buildings, rows)
        part = {
            "编码": [f"440307{_PREFIX[category]}{k + 1:05d}" for k in range(len(rows))],
            "名称": [f"{name}{'' if category == '医院' else category}" for name in buildings.table["名称"].iloc[rows]],
            "类别": category,
            "经度": position[:, 0],
            "纬度": position[:, 1],
            "容量": rng.integers(*capacity, len(rows)),
            "联系单位": answers,
            "地址": buildings.table["地址"].to_numpy(dtype=object)[rows],
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)
