"""Administrative units: 街道 and 社区 as groups of superblocks, and the cells that tile them."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely

from district.arrays import BoolArray, FloatArray, IntArray, ObjectArray, objects
from district.names import STREETS, community, street_office
from district.plan import PARTS, Lines, Plan
from district.scales import METRIC_CRS

DISTRICT_CODE = "440307"
_GROUP = 2
_STEP_M = 40.0
_LEAST_CELL_M2 = 25_000.0


@dataclass(frozen=True)
class Division:
    """Which 社区 each superblock belongs to, and the communities' codes and names.

    Attributes
    ----------
    community_of
        Index of the community by superblock ``(columns, rows)``.
    street, number
        Index of the 街道 and the number in it (from 1), by community.
    name
        Name of each community.
    """

    community_of: IntArray
    street: IntArray
    number: IntArray
    name: ObjectArray

    @property
    def code(self) -> ObjectArray:
        """Twelve digits: district, street, community."""
        pairs = zip(self.street.tolist(), self.number.tolist(), strict=True)
        return objects([f"{DISTRICT_CODE}{s + 1:03d}{n:03d}" for s, n in pairs])

    @property
    def street_name(self) -> ObjectArray:
        """Name of each community's 街道."""
        return objects([street_office(s) for s in self.street.tolist()])

    def at(self, plan: Plan, points: FloatArray) -> IntArray:
        """Community index of EPSG:4547 points ``(n, 2)``."""
        column, row = superblock_at(plan, points)
        return self.community_of[column, row]


def superblock_at(plan: Plan, points: FloatArray) -> tuple[IntArray, IntArray]:
    """Column and row of the superblocks in which EPSG:4547 points lie."""
    u, v = plan.frame.local(points[:, 0], points[:, 1])
    columns, rows = plan.zone.shape
    column = np.clip(np.searchsorted(plan.u.at_m, u) - 1, 0, columns - 1)
    row = np.clip(np.searchsorted(plan.v.at_m, v) - 1, 0, rows - 1)
    return column, row


def _kept_lines(lines: Lines) -> BoolArray:
    """Leave out the second line of each watercourse's strip, which then belongs to the next interval."""
    kept = np.ones(len(lines.at_m), dtype=bool)
    kept[1:][lines.strip] = False
    return kept


def _groups(lines: Lines, at: IntArray) -> IntArray:
    """Group the intervals by twos; those that the extent hardly touches go with their neighbour.

    Parameters
    ----------
    at
        Intervals of many points spread evenly over the extent.
    """
    interval = np.cumsum(_kept_lines(lines))[:-1] - 1
    counts = np.bincount(interval[at], minlength=int(interval[-1]) + 1)
    full = np.flatnonzero(counts > 0.4 * np.median(counts))
    compact = np.clip(interval, full[0], full[-1]) - full[0]
    last = max(0, (int(compact[-1]) + 1) // _GROUP - 1)
    groups: IntArray = np.minimum(compact // _GROUP, last)
    return groups


def make_division(plan: Plan) -> Division:
    """Divide the superblocks among communities and these among 街道."""
    west, south, east, north = plan.scale.bounds
    e, n = np.meshgrid(np.linspace(west, east, 160), np.linspace(south, north, 160))
    column, row = superblock_at(plan, np.column_stack((e.ravel(), n.ravel())))
    group_u, group_v = _groups(plan.u, column), _groups(plan.v, row)
    width, depth = int(group_u.max()) + 1, int(group_v.max()) + 1
    label = group_u[:, None] * depth + group_v[None, :]
    used = np.bincount(label[column, row], minlength=width * depth)
    label = _absorb_slivers(label, used, depth)
    present, community_of = np.unique(label, return_inverse=True)
    street_u = (present // depth) * plan.scale.street_columns // width
    street_v = (present % depth) * plan.scale.street_rows // depth
    street = np.minimum(street_u * plan.scale.street_rows + street_v, len(STREETS) - 1)
    number = np.array([int((street[:k] == s).sum()) + 1 for k, s in enumerate(street.tolist())])
    pairs = zip(street.tolist(), number.tolist(), strict=True)
    names = objects([community(s, k - 1, plan.seed) for s, k in pairs])
    return Division(community_of.reshape(label.shape), street, number, names)


def _absorb_slivers(label: IntArray, used: IntArray, depth: int) -> IntArray:
    """Give communities of which the extent holds little to the nearest larger one."""
    large = np.flatnonzero(used > 0.3 * np.median(used[used > 0]))
    place = np.column_stack(np.divmod(np.arange(len(used)), depth))
    distance = np.abs(place[:, None, :] - place[None, large, :]).sum(axis=2)
    nearest: IntArray = large[np.argmin(distance, axis=1)]
    return nearest[label]


def _frame_line(plan: Plan, a: tuple[float, float], b: tuple[float, float]) -> shapely.LineString:
    n = max(2, int(max(abs(b[0] - a[0]), abs(b[1] - a[1])) / _STEP_M) + 1)
    return shapely.LineString(plan.frame.world(np.linspace(a[0], b[0], n), np.linspace(a[1], b[1], n)))


def _cell_lines(plan: Plan) -> list[shapely.LineString]:
    """Lines that bound the cells: main lines, and the middles of the superblocks.

    The middle lines reach one metre past their ends, so that they surely meet the bent main lines.
    """
    us, vs = plan.u.at_m[_kept_lines(plan.u)], plan.v.at_m[_kept_lines(plan.v)]
    lines = [_frame_line(plan, (u, vs[0]), (u, vs[-1])) for u in us.tolist()]
    lines += [_frame_line(plan, (us[0], v), (us[-1], v)) for v in vs.tolist()]
    for i, j in np.ndindex(plan.zone.shape):
        if plan.u.strip[i] or plan.v.strip[j]:
            continue
        u, v = float(plan.u.parts_m[i, PARTS // 2 - 1]), float(plan.v.parts_m[j, PARTS // 2 - 1])
        low_u = float(us[np.searchsorted(us, plan.u.at_m[i], side="right") - 1])
        low_v = float(vs[np.searchsorted(vs, plan.v.at_m[j], side="right") - 1])
        lines.append(_frame_line(plan, (u, low_v - 1), (u, plan.v.at_m[j + 1] + 1)))
        lines.append(_frame_line(plan, (low_u - 1, v), (plan.u.at_m[i + 1] + 1, v)))
    return lines


def make_cells(plan: Plan, division: Division) -> tuple[ObjectArray, IntArray]:
    """Tile the extent with management cells.

    Returns
    -------
    tuple
        EPSG:4547 polygons that share their edges exactly, and the community of each.
    """
    extent = shapely.box(*plan.scale.bounds)
    lines = [*shapely.intersection(_cell_lines(plan), extent), extent.exterior]
    noded = shapely.union_all(lines, grid_size=0.001)
    cells = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    inner = shapely.get_coordinates(shapely.point_on_surface(cells))
    cells, label = _merge_slivers(cells, division.at(plan, inner))
    middle = shapely.get_coordinates(shapely.centroid(cells))
    order = np.lexsort((np.round(middle[:, 0], 1), np.round(-middle[:, 1], 1), label))
    return shapely.normalize(cells[order]), label[order]


def _merge_slivers(cells: ObjectArray, label: IntArray) -> tuple[ObjectArray, IntArray]:
    """Join each small cell to the neighbour with the longest common edge, of its own community if it can."""
    cells = cells.copy()
    alive = np.ones(len(cells), dtype=bool)
    tree = shapely.STRtree(cells)
    place = np.arange(len(cells))
    areas = shapely.area(cells)
    for k in np.flatnonzero(areas < _LEAST_CELL_M2)[np.argsort(areas[areas < _LEAST_CELL_M2])].tolist():
        near = np.unique(place[tree.query(cells[k], predicate="intersects")])
        near = near[alive[near] & (near != k)]
        shared = shapely.length(shapely.intersection(cells[near], cells[k]))
        own = shared * np.where(label[near] == label[k], 1000.0, 1.0)
        if not len(near) or shared.max() <= 0 or shapely.area(cells[k]) >= _LEAST_CELL_M2:
            continue
        target = int(near[np.argmax(own)])
        cells[target] = shapely.union(cells[target], cells[k])
        alive[k] = False
        place[place == k] = target
    return cells[alive], label[alive]


def admin_layers(division: Division, cells: ObjectArray, label: IntArray) -> dict[str, gpd.GeoDataFrame]:
    """Make the layers 街道 and 社区 by joining the cells, EPSG:4547."""
    frame = gpd.GeoDataFrame({"社区编码": division.code[label]}, geometry=cells, crs=METRIC_CRS)
    frame["街道编码"] = [code[:9] for code in frame["社区编码"]]
    names = dict(zip(division.code, division.name, strict=True))
    street_names = {code[:9]: name for code, name in zip(division.code, division.street_name, strict=True)}
    layers = {}
    for layer, key, lookup in (("街道", "街道编码", street_names), ("社区", "社区编码", names)):
        joined = frame.dissolve(by=key, method="coverage").reset_index()[[key, "geometry"]]
        joined.insert(1, "名称", [lookup[code] for code in joined[key]])
        joined["面积"] = joined.area.round(1)
        layers[layer] = joined
    layers["社区"].insert(2, "街道编码", [code[:9] for code in layers["社区"]["社区编码"]])
    return layers
