"""Water, drainage and gas: pipes and nodes under the streets, connected, with depth and level."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely

from district.arrays import BoolArray, FloatArray, IntArray, ObjectArray, objects, random_stream
from district.flow import downhill_ways, gravity_levels, shortest_ways, without_branches
from district.plan import Plan, Street
from district.roads import Roads
from district.scales import METRIC_CRS

_HILL_LIMIT_M = 14.0
_SEWER_COVER_M = 1.6
_SEWER_SLOPE = 0.0012
_SEWER_DEEPEST_M = 9.0
_SEWER_SIZES_MM = np.array([300, 400, 500, 600, 800, 1000, 1200, 1500, 1800, 2200])
_SEWER_STEPS_M = np.array([400, 900, 1800, 3500, 7000, 13000, 22000, 36000, 60000])


@dataclass(frozen=True)
class Service:
    """How one network is laid.

    Attributes
    ----------
    offset_m
        Shift of the whole network from the streets' centrelines, easting and northing.
    spacing_m
        Distance between nodes along a street.
    lowest_rank
        The narrowest streets that have it.
    sizes_mm
        Diameter by rank of street.
    fittings
        Kinds of nodes along a street, with their chances.
    """

    file: str
    prefix: str
    owner: str
    offset_m: tuple[float, float]
    spacing_m: float
    lowest_rank: Street
    depth_m: tuple[float, float]
    sizes_mm: tuple[int, int, int, int]
    materials: tuple[str, str]
    fittings: tuple[tuple[str, float], ...]
    source: str
    station: str


WATER = Service(
    "water_supply", "GS", "区供水公司", (2.2, -1.7), 60.0, Street.LANE, (1.0, 1.5), (800, 400, 200, 110),
    ("球墨铸铁", "PE"), (("消火栓", 0.42), ("阀门", 0.28), ("直通", 0.30)), "水厂", "泵站",
)  # fmt: skip
DRAINAGE = Service(
    "drainage", "PS", "区排水公司", (-1.0, 0.8), 45.0, Street.LANE, (1.6, 1.6), (0, 0, 0, 0),
    ("钢筋混凝土", "HDPE"), (("检查井", 0.8), ("雨水口", 0.2)), "排放口", "泵站",
)  # fmt: skip
GAS = Service(
    "gas", "RQ", "区燃气公司", (-2.6, -2.0), 90.0, Street.LOCAL, (0.9, 1.3), (300, 200, 110, 63),
    ("钢管", "PE"), (("阀门", 0.3), ("凝水缸", 0.15), ("直通", 0.55)), "门站", "调压站",
)  # fmt: skip
#: Pipes at least this wide are of the first material.
_WIDE_MM = 300


@dataclass(frozen=True)
class Network:
    """A network ready to be written.

    Attributes
    ----------
    node_xyz
        Nodes on the pipes' axis, EPSG:4547 and Yellow Sea metres, ``(nodes, 3)``.
    start, end
        Nodes of each pipe; water flows from start to end.
    """

    service: Service
    node_xyz: FloatArray
    ground_m: FloatArray
    node_type: ObjectArray
    start: IntArray
    end: IntArray
    diameter_mm: IntArray


def _split_streets(roads: Roads, service: Service, kept: BoolArray) -> tuple[FloatArray, IntArray, IntArray, IntArray]:
    """Nodes in the frame, and start, end and rank of the pipes along the kept streets."""
    points, edge = roads.edge_points(service.spacing_m)
    points, edge = points[kept[edge]], edge[kept[edge]]
    nodes, number = np.unique(np.round(points, 3), axis=0, return_inverse=True)
    same = edge[:-1] == edge[1:]
    return nodes, number[:-1][same], number[1:][same], roads.rank[edge[:-1][same]]


def _streets_for(plan: Plan, roads: Roads, service: Service) -> BoolArray:
    """Streets that get the service: wide enough, and not over a hill."""
    middle = (roads.node_xy[roads.start] + roads.node_xy[roads.end]) / 2
    hill = plan.terrain.hill_m(middle[:, 0], middle[:, 1])
    kept: BoolArray = (roads.rank <= service.lowest_rank) & (hill < _HILL_LIMIT_M)
    return kept


def _ground(plan: Plan, service: Service, node_uv: FloatArray) -> tuple[FloatArray, FloatArray]:
    xy = plan.frame.world(node_uv[:, 0], node_uv[:, 1]) + np.array(service.offset_m)
    xy = np.round(xy, 3)
    return xy, np.round(plan.terrain.at(xy), 3)


def _lengths(xy: FloatArray, start: IntArray, end: IntArray) -> FloatArray:
    length: FloatArray = np.hypot(*(xy[end] - xy[start]).T)
    return length


def make_pressure_network(plan: Plan, roads: Roads, service: Service) -> Network:
    """Lay a looped network that one source feeds; pipes point away from it."""
    rng = random_stream(plan.seed, service.file)
    node_uv, start, end, rank = _split_streets(roads, service, _streets_for(plan, roads, service))
    xy, ground = _ground(plan, service, node_uv)
    length = _lengths(xy, start, end)
    widest = np.bincount(np.concatenate((start, end)), np.concatenate((rank == 0, rank == 0)), len(xy)) > 0
    source = np.array([int(np.argmax(np.where(widest, node_uv[:, 1] - node_uv[:, 0], -np.inf)))])
    tree = shortest_ways(len(xy), start, end, length, length, source)
    away = tree.distance_m[start] <= tree.distance_m[end]
    start, end = np.where(away, start, end), np.where(away, end, start)
    laid = tree.reached[start]
    depth = rng.uniform(*service.depth_m, len(xy))
    types = _node_types(rng, service, np.bincount(np.concatenate((start, end)), minlength=len(xy)), source)
    xyz = np.column_stack((xy, np.round(ground - depth, 3)))
    sizes = np.array(service.sizes_mm)[rank[laid]]
    return _compact(Network(service, xyz, ground, types, start[laid], end[laid], sizes))


def _node_types(rng: np.random.Generator, service: Service, degree: IntArray, source: IntArray) -> ObjectArray:
    names, chances = zip(*service.fittings, strict=True)
    types = rng.choice(objects(list(names)), size=len(degree), p=np.array(chances))
    types[degree == 1] = "管堵"
    types[degree == 3] = "三通"
    types[degree >= 4] = "四通"
    joints = np.flatnonzero(degree == 3)
    types[rng.choice(joints, size=min(len(joints), 1 + len(degree) // 900), replace=False)] = service.station
    types[source] = service.source
    return types


def _compact(network: Network) -> Network:
    """Drop nodes without a pipe."""
    used, number = np.unique(np.concatenate((network.start, network.end)), return_inverse=True)
    half = len(network.start)
    return Network(
        network.service,
        network.node_xyz[used],
        network.ground_m[used],
        network.node_type[used],
        number[:half],
        number[half:],
        network.diameter_mm,
    )


def _outfalls(plan: Plan, node_uv: FloatArray) -> tuple[IntArray, FloatArray]:
    """Nodes beside the water from which a pipe leads into it, and the mouths in the frame."""
    terrain = plan.terrain
    u, v = node_uv.T
    across = v - terrain.river_v_m
    nodes = [np.flatnonzero(np.abs(np.abs(across) - 60.0) < 1.0)[::3]]
    mouths = [
        np.column_stack((u[nodes[0]], terrain.river_v_m + np.sign(across[nodes[0]]) * (terrain.river_half_width_m + 1)))
    ]
    for t in terrain.tributaries:
        beside = (np.abs(np.abs(u - t.u_m) - 28.0) < 1.0) & (t.side * across > 70.0)
        nodes.append(np.flatnonzero(beside)[::4])
        side = np.sign(u[nodes[-1]] - t.u_m)
        mouths.append(np.column_stack((t.u_m + side * (t.half_width_m + 1), v[nodes[-1]])))
    return np.concatenate(nodes), np.concatenate(mouths)


def make_drainage(plan: Plan, roads: Roads) -> Network:
    """Lay sewers as trees that fall all the way to an outfall at the water."""
    service = DRAINAGE
    rng = random_stream(plan.seed, service.file)
    node_uv, start, end, _ = _split_streets(roads, service, _dry_streets(plan, roads, service))
    outfalls, mouths = _outfalls(plan, node_uv)
    xy, ground = _ground(plan, service, np.concatenate((node_uv, mouths)))
    mouth_numbers = len(node_uv) + np.arange(len(mouths))
    start, end = np.concatenate((start, mouth_numbers)), np.concatenate((end, outfalls))
    length = _lengths(xy, start, end)
    tree = downhill_ways(start, end, length, ground, mouth_numbers)
    highest = _highest(ground, len(mouths))
    deep = ground - gravity_levels(tree, length, highest, _SEWER_SLOPE)[0] > _SEWER_DEEPEST_M
    tree = without_branches(tree, deep)
    level, drained = gravity_levels(tree, length, highest, _SEWER_SLOPE)
    upper = tree.order[tree.parent[tree.order] >= 0]
    types = rng.choice(objects([n for n, _ in service.fittings]), size=len(xy), p=[c for _, c in service.fittings])
    types[mouth_numbers] = service.source
    xyz = np.column_stack((xy, np.round(level, 3)))
    size = _SEWER_SIZES_MM[np.searchsorted(_SEWER_STEPS_M, drained[upper])]
    return _compact(Network(service, xyz, ground, types, upper, tree.parent[upper], size))


def _dry_streets(plan: Plan, roads: Roads, service: Service) -> BoolArray:
    """Leave out bridges: a sewer does not cross a watercourse."""
    middle = (roads.node_uv[roads.start] + roads.node_uv[roads.end]) / 2
    across = middle[:, 1] - plan.terrain.river_v_m
    wet = np.abs(across) < plan.terrain.river_half_width_m
    for t in plan.terrain.tributaries:
        wet |= (np.abs(middle[:, 0] - t.u_m) < 2.0) & (t.side * across > 0)
    return _streets_for(plan, roads, service) & ~wet


def _highest(ground: FloatArray, mouths: int) -> FloatArray:
    """Highest level of the sewers: below the street, and at the mouths (the last nodes) just below the bank."""
    highest = ground - _SEWER_COVER_M
    highest[len(ground) - mouths :] = ground[len(ground) - mouths :] - 0.2
    return highest


def network_layers(plan: Plan, network: Network) -> dict[str, gpd.GeoDataFrame]:
    """Make the layers 管线 (LineStringZ) and 管点 (PointZ), EPSG:4547; depths are to the pipe's axis."""
    service, z, ground = network.service, network.node_xyz[:, 2], network.ground_m
    rng = random_stream(plan.seed, f"{service.file} attributes")
    node_code = objects([f"{service.prefix}D{k + 1:07d}" for k in range(len(z))])
    a, b = network.start, network.end
    count = len(a)
    pipes = {
        "管线编码": [f"{service.prefix}X{k + 1:07d}" for k in range(count)],
        "起点编码": node_code[a],
        "终点编码": node_code[b],
        "管径": network.diameter_mm,
        "材质": np.where(network.diameter_mm >= _WIDE_MM, *service.materials),
        "起点埋深": np.round(ground[a] - z[a], 3),
        "终点埋深": np.round(ground[b] - z[b], 3),
        "起点高程": z[a],
        "终点高程": z[b],
        "敷设年份": 1992 + (rng.beta(2.2, 1.6, count) * 32).astype(np.int64),
        "权属单位": service.owner,
    }
    closed = (network.node_type == "阀门") & (rng.uniform(size=len(z)) < 0.02)
    state = np.where(network.node_type == "阀门", np.where(closed, "关", "开"), "正常")
    nodes = {
        "管点编码": node_code,
        "类型": network.node_type,
        "状态": state,
        "地面高程": ground,
        "埋深": np.round(ground - z, 3),
    }
    lines = shapely.linestrings(np.stack((network.node_xyz[a], network.node_xyz[b]), axis=1))
    return {
        "管线": gpd.GeoDataFrame(pipes, geometry=lines, crs=METRIC_CRS),
        "管点": gpd.GeoDataFrame(nodes, geometry=shapely.points(network.node_xyz), crs=METRIC_CRS),
    }
