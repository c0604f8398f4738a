"""Buildings: footprints with codes, names, storeys, heights and addresses."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from district.admin import Division
from district.arrays import FloatArray, IntArray, ObjectArray, objects, random_stream
from district.blocks import Blocks, choose_kinds, make_blocks
from district.kinds import COMMERCE, FACTORY, HOSPITAL, KINDS, OFFICE, SCHOOL, SLAB, TOWER, VILLAGE
from district.lots import Lots, make_lots
from district.names import garden_names, village_names, works_names
from district.plan import Plan
from district.roads import Roads
from district.scales import METRIC_CRS
from district.specials import Specials, kind_of_model, place_models

_CLEAR_M = 9.0
_NUMBERED = {TOWER: "{}栋", SLAB: "{}栋", FACTORY: "{}号厂房", OFFICE: "{}座", COMMERCE: "{}座"}
_NUMBERED |= {SCHOOL: "{}号楼", HOSPITAL: "{}号楼"}


@dataclass(frozen=True)
class Buildings:
    """All buildings of the district, sorted by code.

    Attributes
    ----------
    table
        The layer 建筑物, EPSG:4547.
    kind
        Index in `KINDS` of each row.
    models
        The IFC programme's place on the plan.
    model_rows
        Row of each model in `table`.
    spare
        Footprints of empty lots, for buildings that a fault adds; EPSG:4547.
    """

    table: gpd.GeoDataFrame
    kind: IntArray
    models: Specials
    model_rows: IntArray
    spare: ObjectArray


def make_buildings(plan: Plan, roads: Roads, division: Division) -> Buildings:
    """Build the town: lots, the models' places, then everything that a register says."""
    blocks = make_blocks(plan, roads.node_xy)
    kind_of_block = choose_kinds(plan, blocks, plan.scale.buildings)
    lots = make_lots(plan, blocks, kind_of_block)
    models = place_models(plan, blocks, kind_of_block)
    lots, spare = _thin(plan, _clear_of(lots, models), plan.scale.buildings - len(models.program))
    extra = Lots(
        models.block,
        np.full(len(models.block), -1),
        np.full(len(models.block), -1),
        np.array([kind_of_model(p) for p in models.program], dtype=np.int64),
        models.centre,
        models.outline,
    )
    names = Lots.__dataclass_fields__
    lots = Lots(*(np.concatenate((getattr(lots, n), getattr(extra, n))) for n in names))
    table = _describe(plan, roads, division, blocks, lots)
    _describe_models(table, models)
    table["建筑编码"] = _codes(table)
    order = np.argsort(table["建筑编码"].to_numpy(), kind="stable")
    first_model = len(table) - len(models.program)
    model_rows = np.argsort(order)[first_model:]
    frame = gpd.GeoDataFrame(
        table.drop(columns="社区").iloc[order].reset_index(drop=True), geometry=lots.outline[order], crs=METRIC_CRS
    )
    return Buildings(frame, lots.kind[order], models, model_rows, spare)


def _clear_of(lots: Lots, models: Specials) -> Lots:
    """Drop the lots too near to a model."""
    tree = shapely.STRtree(lots.outline)
    near = np.unique(tree.query(shapely.buffer(models.outline, _CLEAR_M), predicate="intersects")[1])
    kept = np.ones(len(lots.block), dtype=bool)
    kept[near] = False
    return lots.pick(kept)


def _thin(plan: Plan, lots: Lots, wanted: int) -> tuple[Lots, ObjectArray]:
    """Keep exactly `wanted` lots, and hand back the outlines of those left empty."""
    if len(lots.block) < wanted:
        raise ValueError(f"the plan holds {len(lots.block)} lots, {wanted} are wanted: take a larger extent or fewer")
    order = random_stream(plan.seed, "thinning").permutation(len(lots.block))
    return lots.pick(np.sort(order[:wanted])), lots.outline[order[wanted:]]


def _between(rng: np.random.Generator, ranges: list[tuple[int, int]], kind: IntArray, per: IntArray) -> IntArray:
    """Draw whole numbers of a kind's range, one for each value of `per`, handed to all that share it."""
    share = rng.uniform(size=int(per.max()) + 1)[per]
    low, high = np.array(ranges).T
    drawn: IntArray = (low[kind] + share * (high[kind] - low[kind] + 1)).astype(np.int64)
    np.minimum(drawn, high[kind], out=drawn)
    return drawn


def _describe(plan: Plan, roads: Roads, division: Division, blocks: Blocks, lots: Lots) -> pd.DataFrame:
    """Draw the attributes of all buildings."""
    rng = random_stream(plan.seed, "buildings")
    n = len(lots.block)
    # An estate's buildings are alike; village houses are each their owner's.
    alike = np.where(lots.kind == VILLAGE, len(blocks.zone) + np.arange(n), lots.block)
    storeys = _between(rng, [k.storeys for k in KINDS], lots.kind, alike)
    low = np.array([k.storeys[0] for k in KINDS])[lots.kind]
    storeys = np.maximum(low, storeys - (rng.uniform(size=n) < 0.25) * (lots.kind != VILLAGE))
    basements = _between(rng, [k.basements for k in KINDS], lots.kind, alike)
    storey_height = np.array([k.storey_height_m for k in KINDS])[lots.kind]
    names, addresses = _names(plan, roads, division, blocks, lots)
    return pd.DataFrame(
        {
            "建筑编码": "",
            "名称": names,
            "地上层数": storeys,
            "地下层数": basements,
            "高度": np.round(storeys * storey_height + rng.uniform(0.6, 1.5, n), 1),
            "用途": objects([k.use for k in KINDS])[lots.kind],
            "结构": objects([k.structure for k in KINDS])[lots.kind],
            "建成年份": 1986 + (rng.beta(2.4, 1.9, len(blocks.zone))[lots.block] * 38).astype(np.int64),
            "地址": addresses,
            "基底标高": np.round(plan.terrain.at(lots.centre), 2),
            "社区": division.code[division.community_of[tuple(blocks.superblock[lots.block].T)]],
        }
    )


def _names(plan: Plan, roads: Roads, division: Division, blocks: Blocks, lots: Lots) -> tuple[ObjectArray, ObjectArray]:
    """Name and address of every building."""
    count = len(blocks.zone)
    gardens, works = garden_names(count, plan.seed), works_names(count, plan.seed)
    column, row = blocks.superblock[:, 0], blocks.superblock[:, 1]
    villages = village_names(plan.zone.size, plan.seed)
    community = division.community_of[column, row]
    prefixes = [
        f"深圳市龙岗区{division.street_name[c]}{division.name[c]}{roads.street_of[line]}{number}号"
        for c, line, number in zip(community.tolist(), blocks.line.tolist(), blocks.number.tolist(), strict=True)
    ]
    village_of = (column * plan.zone.shape[1] + row).tolist()
    block_of_village = _running(np.array(village_of))
    within = _running(lots.block)
    names = []
    for b, k, i, a, r in zip(lots.block, lots.kind, within, lots.column, lots.row, strict=True):
        if k == VILLAGE:
            names.append(f"{villages[village_of[b]]}{block_of_village[b] + 1}区{r + 1}巷{a + 1}号")
        else:
            names.append(_estate(k, gardens[b], works[b]) + _NUMBERED.get(k, "{}").format(i + 1))
    addresses = [prefixes[b] + name for b, name in zip(lots.block.tolist(), names, strict=True)]
    return objects(names), objects(addresses)


def _estate(kind: int, garden: str, works: str) -> str:
    """Name what a block's buildings belong to."""
    if kind in (TOWER, SLAB):
        return garden
    stem = garden[:2]
    tails = {FACTORY: works, OFFICE: f"{stem}大厦", COMMERCE: f"{stem}商业广场", SCHOOL: f"{stem}学校"}
    return tails.get(kind, f"{stem}医院")


def _running(group: IntArray) -> IntArray:
    """Give each member its place in its group, from 0, in order of appearance."""
    return pd.Series(group).groupby(group).cumcount().to_numpy().astype(np.int64)


def _describe_models(table: pd.DataFrame, models: Specials) -> None:
    """Let the last rows, which are the models', say what the programme says."""
    program = models.program
    rows = table.index[len(table) - len(program) :]
    table.loc[rows, "地上层数"] = [p.storeys_above for p in program]
    table.loc[rows, "地下层数"] = [p.storeys_below for p in program]
    table.loc[rows, "高度"] = [round(p.storeys_above * p.storey_height_m, 1) for p in program]
    old = table.loc[rows, ["名称", "地址"]].to_numpy().tolist()
    table.loc[rows, "名称"] = [p.name_zh for p in program]
    table.loc[rows, "地址"] = [
        address.removesuffix(name) + p.name_zh for (name, address), p in zip(old, program, strict=True)
    ]


def _codes(table: pd.DataFrame) -> ObjectArray:
    """Nineteen digits: district, street, community, and a running number of seven in the community."""
    community = table["社区"].to_numpy()
    serial = table.groupby("社区").cumcount().to_numpy() + 1
    return objects([f"{c}{n:07d}" for c, n in zip(community, serial.tolist(), strict=True)])


def site_heights(buildings: Buildings) -> FloatArray:
    """Ground floor level of each model, metres."""
    heights: FloatArray = buildings.table["基底标高"].to_numpy(dtype=np.float64)[buildings.model_rows]
    return heights
