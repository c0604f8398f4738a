"""The street network: noded edges along the plan's lines, with names, ranks and one connected graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely

from district.arrays import BoolArray, FloatArray, IntArray, ObjectArray, objects, random_stream
from district.names import street_names
from district.plan import Plan, Street, Zone, inner_rank
from district.scales import METRIC_CRS

RANK_NAMES = np.array(["主干路", "次干路", "支路", "巷道"])
_LANES = np.array([6, 4, 2, 1])
_SPEED_KMH = np.array([60, 50, 30, 15])
_DENSIFY_M = 40.0
#: Streets are left out where the ground rises this far above the valley, metres, by rank.
_HILL_LIMIT_M = np.array([np.inf, 45.0, 18.0, 12.0])


@dataclass(frozen=True)
class Roads:
    """The street graph.

    Attributes
    ----------
    node_uv, node_xy
        Crossings in the bent frame and in EPSG:4547, ``(nodes, 2)``.
    node_code
        Text code of each crossing.
    start, end
        Node of each edge's ends.
    rank
        `Street` of each edge.
    name
        Street name of each edge.
    one_way
        Whether traffic runs only from start to end.
    street_of
        Street name by the plan's line: ``v3``, ``u2``, or ``b1,2,v0`` for an inner street.
    """

    node_uv: FloatArray
    node_xy: FloatArray
    node_code: ObjectArray
    start: IntArray
    end: IntArray
    rank: IntArray
    name: ObjectArray
    one_way: BoolArray
    street_of: Mapping[str, str]

    def edge_points(self, step_m: float) -> tuple[FloatArray, IntArray]:
        """Sample all edges, about every `step_m` metres, ends included.

        Returns
        -------
        tuple
            Frame coordinates ``(points, 2)`` and the edge of each point, ascending.
        """
        a, b = self.node_uv[self.start], self.node_uv[self.end]
        pieces = np.maximum(1, np.round(np.abs(b - a).sum(axis=1) / step_m)).astype(np.int64)
        edge = np.repeat(np.arange(len(a)), pieces + 1)
        within = np.arange(len(edge)) - np.repeat(np.cumsum(pieces + 1) - (pieces + 1), pieces + 1)
        share = (within / pieces[edge])[:, None]
        return a[edge] * (1 - share) + b[edge] * share, edge

    def lines(self, plan: Plan) -> ObjectArray:
        """Draw the edges' centrelines in EPSG:4547."""
        points, edge = self.edge_points(_DENSIFY_M)
        return np.asarray(shapely.linestrings(plan.frame.world(points[:, 0], points[:, 1]), indices=edge))


#: (start u, start v, end u, end v, rank, line key): an edge before its nodes are numbered.
_Edge = tuple[float, float, float, float, int, str]


def _chain(at: float, stops: FloatArray, along_u: bool, rank: int, key: str) -> Iterator[_Edge]:
    for a, b in zip(stops[:-1].tolist(), stops[1:].tolist(), strict=True):
        yield (a, at, b, at, rank, key) if along_u else (at, a, at, b, rank, key)


def _stops(ends: FloatArray, *splits: FloatArray) -> FloatArray:
    return np.unique(np.concatenate((ends, *splits)))


def _main_edges(plan: Plan) -> Iterator[_Edge]:
    """Edges along the main lines, split wherever an inner street of either side meets them."""
    columns, rows = plan.zone.shape
    for i in range(columns):
        for j in range(1, rows):
            splits = (plan.splits(i, j - 1)[0], plan.splits(i, j)[0])
            stops = _stops(plan.u.at_m[i : i + 2], *splits)
            yield from _chain(float(plan.v.at_m[j]), stops, True, int(plan.v.rank[j]), f"v{j}")
    for i in range(1, columns):
        bank = plan.u.rank[i] == Street.LOCAL
        for j in range(rows):
            if bank and plan.v.strip[j]:
                continue
            splits = (plan.splits(i - 1, j)[1], plan.splits(i, j)[1])
            stops = _stops(plan.v.at_m[j : j + 2], *splits)
            yield from _chain(float(plan.u.at_m[i]), stops, False, int(plan.u.rank[i]), f"u{i}")


def _inner_edges(plan: Plan, rng: np.random.Generator) -> Iterator[_Edge]:
    """Edges inside the superblocks; some are left out, so that blocks join and lanes end."""
    for i, j in np.ndindex(plan.zone.shape):
        zone = Zone(int(plan.zone[i, j]))
        us, vs = plan.splits(i, j)
        rank = int(inner_rank(zone))
        u_stops = _stops(plan.u.at_m[i : i + 2], us)
        v_stops = _stops(plan.v.at_m[j : j + 2], vs)
        edges = [e for k, v in enumerate(vs.tolist()) for e in _chain(v, u_stops, True, rank, f"b{i},{j},v{k}")]
        edges += [e for k, u in enumerate(us.tolist()) for e in _chain(u, v_stops, False, rank, f"b{i},{j},u{k}")]
        kept = rng.uniform(size=len(edges)) > 0.10
        yield from (edge for edge, keep in zip(edges, kept.tolist(), strict=True) if keep)


def _line_keys(plan: Plan) -> Iterator[str]:
    """Name all lines of the plan, also those of which no street came to be: addresses may name them."""
    yield from (f"u{i}" for i in range(len(plan.u.at_m)))
    yield from (f"v{j}" for j in range(len(plan.v.at_m)))
    for i, j in np.ndindex(plan.zone.shape):
        us, vs = plan.splits(i, j)
        yield from (f"b{i},{j},u{k}" for k in range(len(us)))
        yield from (f"b{i},{j},v{k}" for k in range(len(vs)))


def largest_component(nodes: int, start: IntArray, end: IntArray) -> BoolArray:
    """Say which edges belong to the graph's largest connected part."""
    root = list(range(nodes))

    def find(x: int) -> int:
        while root[x] != x:
            root[x] = root[root[x]]
            x = root[x]
        return x

    for a, b in zip(start.tolist(), end.tolist(), strict=True):
        root[find(a)] = find(b)
    part = np.array([find(a) for a in start.tolist()])
    labels, counts = np.unique(part, return_counts=True)
    largest: BoolArray = part == labels[np.argmax(counts)]
    return largest


def _buildable(plan: Plan, ends_uv: FloatArray, rank: IntArray) -> BoolArray:
    """Whether edges ``(n, 2 ends, 2)`` lie inside the extent and not too high on a hill."""
    ends = plan.frame.world(ends_uv[..., 0], ends_uv[..., 1])
    middle = ends.mean(axis=1)
    hill = plan.terrain.hill_m(middle[:, 0], middle[:, 1])
    buildable: BoolArray = plan.inside(ends, 30.0).all(axis=1) & (hill < _HILL_LIMIT_M[rank])
    return buildable


def make_roads(plan: Plan) -> Roads:
    """Build the street graph of a plan."""
    rng = random_stream(plan.seed, "roads")
    raw = [*_main_edges(plan), *_inner_edges(plan, rng)]
    a_u, a_v, b_u, b_v, rank_list, keys = zip(*raw, strict=True)
    ends_uv = np.array([a_u, a_v, b_u, b_v]).T.reshape(-1, 2, 2)
    rank = np.array(rank_list, dtype=np.int64)
    kept = _buildable(plan, ends_uv, rank)
    ends_uv, rank, key = ends_uv[kept], rank[kept], objects(list(keys))[kept]
    node_uv, number = np.unique(np.round(ends_uv.reshape(-1, 2), 3), axis=0, return_inverse=True)
    ends = number.reshape(-1, 2)
    kept = largest_component(len(node_uv), ends[:, 0], ends[:, 1])
    used, number = np.unique(ends[kept].ravel(), return_inverse=True)
    ends, rank, key = number.reshape(-1, 2), rank[kept], key[kept]
    node_uv = node_uv[used]
    names = street_names(sorted(_line_keys(plan)), plan.seed)
    one_way = (rank >= Street.LOCAL) & (rng.uniform(size=len(rank)) < 0.12)
    return Roads(
        node_uv,
        plan.frame.world(node_uv[:, 0], node_uv[:, 1]),
        objects([f"RN{k + 1:06d}" for k in range(len(node_uv))]),
        ends[:, 0],
        ends[:, 1],
        rank,
        objects([names[k] for k in key.tolist()]),
        one_way,
        names,
    )


def road_lines(plan: Plan, roads: Roads) -> gpd.GeoDataFrame:
    """Make the layer 道路中心线, EPSG:4547."""
    columns = {
        "道路编码": [f"RD{k + 1:06d}" for k in range(len(roads.start))],
        "名称": roads.name,
        "等级": RANK_NAMES[roads.rank],
        "车道数": _LANES[roads.rank],
        "限速": _SPEED_KMH[roads.rank],
        "单行": np.where(roads.one_way, "是", "否"),
        "起点编码": roads.node_code[roads.start],
        "终点编码": roads.node_code[roads.end],
    }
    return gpd.GeoDataFrame(columns, geometry=roads.lines(plan), crs=METRIC_CRS)


def road_nodes(roads: Roads) -> gpd.GeoDataFrame:
    """Make the layer 道路节点, EPSG:4547."""
    degree = np.bincount(np.concatenate((roads.start, roads.end)), minlength=len(roads.node_code))
    kinds = np.where(degree >= 3, "交叉口", np.where(degree == 1, "断头", "转折点"))
    columns = {"节点编码": roads.node_code, "类型": kinds, "连接道路数": degree}
    return gpd.GeoDataFrame(columns, geometry=shapely.points(roads.node_xy), crs=METRIC_CRS)
