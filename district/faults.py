"""Faults planted in otherwise good layers; each function changes one layer and says what it did."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from district.arrays import IntArray, ObjectArray, random_stream
from district.buildings import Buildings
from district.truth import Fault

BUILDINGS_FILE, BUILDINGS_LAYER = "gis/buildings.gpkg", "建筑物"
REGISTER_FILE = "registers/buildings.csv"
CELLS_FILE, CELLS_LAYER = "gis/grid_cells.gpkg", "社区网格"
_DUPLICATES = 4
_BOW_TIES = 5
_DISAGREEMENTS = 3
_OVERLAP_M = 40.0
_SMALL_M2 = 200.0


def _victims(buildings: Buildings, seed: int) -> IntArray:
    """Rows that may carry a fault: four corners, no model; in a seeded order, the first ones are used."""
    corners = shapely.get_num_coordinates(buildings.table.geometry.to_numpy()) == 5
    corners[buildings.model_rows] = False
    return random_stream(seed, "faults").permutation(np.flatnonzero(corners))


def plant_footprint_faults(buildings: Buildings, seed: int) -> tuple[gpd.GeoDataFrame, list[Fault]]:
    """Add rows that repeat a code, and twist some footprints into bow ties."""
    table, victims = buildings.table.copy(), _victims(buildings, seed)
    faults = []
    twisted = victims[:_BOW_TIES]
    for row in twisted.tolist():
        ring = shapely.get_coordinates(table.geometry.iloc[row])
        table.loc[row, "geometry"] = shapely.Polygon(ring[[0, 2, 1, 3, 0]])
        detail = f"footprint of row {row + 1} crosses itself"
        faults.append(
            Fault("self_crossing", BUILDINGS_FILE, BUILDINGS_LAYER, table["建筑编码"].iloc[row], detail, "report")
        )
    small = buildings.spare[shapely.area(buildings.spare) < _SMALL_M2][:_DUPLICATES]
    copied = _neighbours(table, victims[_BOW_TIES + 2 * _DISAGREEMENTS :], small)
    sheds = table.iloc[copied].copy()
    sheds["名称"] = [f"{name}附属用房" for name in sheds["名称"]]
    sheds["地上层数"], sheds["地下层数"], sheds["高度"] = 1, 0, 3.6
    sheds["geometry"] = small
    for k, row in enumerate(copied.tolist()):
        detail = f"row {len(table) + k + 1} repeats the code of row {row + 1}"
        code = table["建筑编码"].iloc[row]
        faults.append(Fault("duplicate_code", BUILDINGS_FILE, BUILDINGS_LAYER, code, detail, "quarantine"))
    joined = gpd.GeoDataFrame(pd.concat((table, sheds), ignore_index=True), crs=table.crs)
    return joined, faults


def _neighbours(table: gpd.GeoDataFrame, rows: IntArray, sheds: ObjectArray) -> IntArray:
    """Choose for each shed the nearest of some rows: an owner's annex that was given the main building's code."""
    tree = shapely.STRtree(table.geometry.to_numpy()[rows])
    nearest: IntArray = rows[tree.query_nearest(sheds, all_matches=False)[1]]
    return nearest


def plant_register_faults(buildings: Buildings, register: pd.DataFrame, seed: int) -> list[Fault]:
    """Let the register disagree with the footprints, in place."""
    victims = _victims(buildings, seed)[_BOW_TIES : _BOW_TIES + 2 * _DISAGREEMENTS].tolist()
    faults = []
    for row in victims[:_DISAGREEMENTS]:
        was = int(register.loc[row, "地上层数"])
        register.loc[row, "地上层数"] = was + 3
        code, detail = register.loc[row, "建筑编码"], f"地上层数 is {was + 3} here, {was} in the footprint layer"
        faults.append(Fault("storeys_disagree", REGISTER_FILE, None, code, detail, "conflict"))
    for row in victims[_DISAGREEMENTS:]:
        height = float(register.loc[row, "高度"])
        changed = round(height * 1.4 + 2.0, 1)
        register.loc[row, "高度"] = changed
        code, detail = register.loc[row, "建筑编码"], f"高度 is {changed} here, {height} in the footprint layer"
        faults.append(Fault("height_disagrees", REGISTER_FILE, None, code, detail, "conflict"))
    return faults


def plant_dangling_pipe(layers: dict[str, gpd.GeoDataFrame], file: str) -> list[Fault]:
    """Take away the node at the end of a dead end, so that the pipe's end names no node."""
    pipes, nodes = layers["管线"], layers["管点"]
    dead_ends = set(nodes.loc[nodes["类型"] == "管堵", "管点编码"])
    candidates = pipes.index[pipes["终点编码"].isin(dead_ends)]
    if not len(candidates):
        return []
    pipe = candidates[len(candidates) // 2]
    missing = pipes.loc[pipe, "终点编码"]
    layers["管点"] = nodes[nodes["管点编码"] != missing].reset_index(drop=True)
    detail = f"终点编码 {missing} names no node of 管点"
    return [Fault("dangling_pipe", file, "管线", pipes.loc[pipe, "管线编码"], detail, "report")]


def plant_overlaps(cells: gpd.GeoDataFrame, seed: int, count: int = 2) -> list[Fault]:
    """Let a few cells reach into a neighbour, in place."""
    geometry = cells.geometry.to_numpy().copy()
    order = random_stream(seed, "overlapping cells").permutation(len(geometry)).tolist()
    tree = shapely.STRtree(geometry)
    used: set[int] = set()
    faults: list[Fault] = []
    for a in order:
        near = [int(b) for b in tree.query(geometry[a], predicate="touches")]
        near = [b for b in near if shapely.length(shapely.intersection(geometry[a], geometry[b])) > _OVERLAP_M]
        if len(faults) == count or not near or used & {a, *near}:
            continue
        b = near[0]
        used |= {a, *near}
        reach = shapely.intersection(geometry[b], shapely.buffer(geometry[a], _OVERLAP_M, join_style="mitre"))
        geometry[a] = shapely.union(geometry[a], reach)
        code, other = cells["网格编码"].iloc[a], cells["网格编码"].iloc[b]
        detail = f"reaches {_OVERLAP_M:.0f} m into {other}"
        faults.append(Fault("overlapping_cells", CELLS_FILE, CELLS_LAYER, code, detail, "report"))
    cells["geometry"] = geometry
    return faults
