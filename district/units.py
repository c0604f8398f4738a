"""The registers: every unit of every building, and the buildings once more with coordinates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from district.arrays import IntArray, random_stream
from district.buildings import Buildings
from district.kinds import KINDS
from district.plan import Plan
from district.write import lonlat

_CHUNK = 4000
_COLUMNS = ("单元编码", "建筑编码", "地址", "楼层", "房号", "面积", "用途")
_AREA_M2 = np.array([88.0, 76.0, 42.0, 900.0, 130.0, 85.0, 700.0, 900.0, 2500.0])


def units_per_floor(plan: Plan, buildings: Buildings) -> IntArray:
    """Draw how many units each floor of a building has."""
    rng = random_stream(plan.seed, "units per floor")
    low, high = np.array([k.units_per_floor for k in KINDS]).T
    drawn: IntArray = rng.integers(low[buildings.kind], high[buildings.kind] + 1)
    return drawn


def write_units(path: Path, plan: Plan, buildings: Buildings, per_floor: IntArray) -> int:
    """Write the register of units, a few thousand buildings at a time.

    Parameters
    ----------
    per_floor
        Units on each floor, by building.

    Returns
    -------
    int
        Rows written.
    """
    rng = random_stream(plan.seed, "units")
    table = buildings.table
    codes, addresses = table["建筑编码"].tolist(), table["地址"].tolist()
    uses = table["用途"].tolist()
    storeys = table["地上层数"].to_numpy()
    written = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(",".join(_COLUMNS) + "\n")
        for first in range(0, len(codes), _CHUNK):
            chunk = np.arange(first, min(first + _CHUNK, len(codes)))
            counts = storeys[chunk] * per_floor[chunk]
            building = np.repeat(chunk, counts)
            within = np.arange(len(building)) - np.repeat(np.cumsum(counts) - counts, counts)
            floor, room = within // per_floor[building] + 1, within % per_floor[building] + 1
            area = np.round(_AREA_M2[buildings.kind[building]] * rng.uniform(0.6, 1.5, len(building)), 1)
            rows = zip(building.tolist(), floor.tolist(), room.tolist(), area.tolist(), strict=True)
            file.writelines(
                f"{codes[b]}{f:03d}{r:02d},{codes[b]},{addresses[b]}{f}{r:02d}室,{f},{f}{r:02d},{a},{uses[b]}\n"
                for b, f, r, a in rows
            )
            written += len(building)
    return written


def building_register(buildings: Buildings, per_floor: IntArray) -> pd.DataFrame:
    """Make the second source of the buildings: a table with a point in each footprint, EPSG:4490."""
    table = buildings.table
    position = lonlat(shapely.get_coordinates(shapely.point_on_surface(table.geometry.to_numpy())))
    register = pd.DataFrame(table[["建筑编码", "名称", "地上层数", "高度", "用途", "地址"]])
    dwelling = register["用途"].str.contains("住宅").to_numpy()
    register["住户数"] = np.where(dwelling, table["地上层数"].to_numpy() * per_floor, 0)
    register["经度"], register["纬度"] = position.T
    return register
