"""Blocks between streets: where they lie, on which street, and what is built on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely

from district.arrays import BoolArray, FloatArray, IntArray, ObjectArray, objects, random_stream
from district.kinds import KINDS, MIX, PARK, VILLAGE, VILLAGE_RELUCTANCE
from district.plan import HALF_WIDTH_M, Plan, Zone, inner_rank

_SETBACK_M = 3.0
_HILL_LIMIT_M = 11.0
_SURPLUS = 1.04


@dataclass(frozen=True)
class Blocks:
    """Rectangles of the bent frame, between building lines.

    Attributes
    ----------
    low, high
        Frame coordinates of opposite corners, ``(blocks, 2)``.
    superblock
        Column and row of the superblock, ``(blocks, 2)``.
    zone
        `Zone` of each.
    line
        The plan's line on the lower side, whose street the address names.
    number
        House number on that street; odd.
    """

    low: FloatArray
    high: FloatArray
    superblock: IntArray
    zone: IntArray
    line: ObjectArray
    number: IntArray

    def pick(self, chosen: BoolArray) -> Blocks:
        """Keep some."""
        return Blocks(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    @property
    def size(self) -> FloatArray:
        """Extents in the frame, ``(blocks, 2)``."""
        return self.high - self.low


_Row = tuple[float, float, float, float, int, int, int, str, int]


def _margins(plan: Plan, column: int, row: int, parts: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Half widths of the streets at all stops of a superblock, along u and along v."""
    inner = HALF_WIDTH_M[inner_rank(Zone(plan.zone[column, row]))]
    margins = []
    for lines, at, count in ((plan.u, column, parts[0]), (plan.v, row, parts[1])):
        half = np.full(count, inner)
        half[[0, -1]] = HALF_WIDTH_M[lines.rank[at : at + 2]]
        margins.append(half + _SETBACK_M)
    return margins[0], margins[1]


def _superblock_rows(plan: Plan, i: int, j: int) -> Iterator[_Row]:
    us, vs = plan.splits(i, j)
    u = np.concatenate((plan.u.at_m[i : i + 1], us, plan.u.at_m[i + 1 : i + 2]))
    v = np.concatenate((plan.v.at_m[j : j + 1], vs, plan.v.at_m[j + 1 : j + 2]))
    margin_u, margin_v = _margins(plan, i, j, (len(u), len(v)))
    low_u, high_u = (u[:-1] + margin_u[:-1]).tolist(), (u[1:] - margin_u[1:]).tolist()
    low_v, high_v = (v[:-1] + margin_v[:-1]).tolist(), (v[1:] - margin_v[1:]).tolist()
    zone = int(plan.zone[i, j])
    for b in range(len(low_v)):
        line = f"v{j}" if b == 0 else f"b{i},{j},v{b - 1}"
        for a in range(len(low_u)):
            number = 2 * (12 * i + a) + 1 if b == 0 else 2 * a + 1
            yield low_u[a], low_v[b], high_u[a], high_v[b], i, j, zone, line, number


def make_blocks(plan: Plan, crossings: FloatArray) -> Blocks:
    """Lay the blocks that can be built on: inside the extent, not on a hill, and near a street.

    Parameters
    ----------
    crossings
        EPSG:4547 points of the street graph's nodes, ``(n, 2)``.
    """
    built = np.argwhere(plan.zone > Zone.GREEN).tolist()
    raw = [row for i, j in built for row in _superblock_rows(plan, i, j)]
    low_u, low_v, high_u, high_v, column, line_row, zone, line, number = zip(*raw, strict=True)
    low, high = np.column_stack((low_u, low_v)), np.column_stack((high_u, high_v))
    blocks = Blocks(
        low, high, np.column_stack((column, line_row)), np.array(zone), objects(list(line)), np.array(number)
    )
    middle = (low + high) / 2
    corner_u = np.column_stack((low[:, 0], high[:, 0], high[:, 0], low[:, 0], middle[:, 0]))
    corner_v = np.column_stack((low[:, 1], low[:, 1], high[:, 1], high[:, 1], middle[:, 1]))
    points = plan.frame.world(corner_u, corner_v)
    hill = plan.terrain.hill_m(points[..., 0], points[..., 1]).max(axis=1)
    large = (blocks.size > 12.0).all(axis=1)
    reach = 0.7 * np.hypot(blocks.size[:, 0], blocks.size[:, 1]) + 12.0
    near = shapely.STRtree(np.asarray(shapely.points(crossings))).query(shapely.points(points[:, 4]), "dwithin", reach)[
        0
    ]
    served = np.bincount(near, minlength=len(low)) >= 2
    return blocks.pick(plan.inside(points, 8.0).all(axis=1) & (hill < _HILL_LIMIT_M) & large & served)


def lot_counts(blocks: Blocks, kind: IntArray) -> IntArray:
    """Lots along u and v that each block holds for a kind, ``(blocks, 2)``; none on a park."""
    pitch = np.array([k.pitch_m for k in KINDS])
    counts: IntArray = np.floor(blocks.size / pitch[np.maximum(kind, 0)]).astype(np.int64)
    counts[kind == PARK] = 0
    return counts


def choose_kinds(plan: Plan, blocks: Blocks, wanted: int) -> IntArray:
    """Choose what each block is built with, so that the lots come to a little more than `wanted`.

    The zones' own mix comes first; then blocks turn into urban villages, the readiest first.
    """
    rng = random_stream(plan.seed, "blocks")
    kind = np.full(len(blocks.zone), PARK, dtype=np.int64)
    reluctance = np.full(len(blocks.zone), np.inf)
    for zone, mix in MIX.items():
        own = blocks.zone == zone
        chances = np.array(list(mix.values()))
        kind[own] = rng.choice(np.array(list(mix)), size=int(own.sum()), p=chances / chances.sum())
        if zone in VILLAGE_RELUCTANCE:
            base, spread = VILLAGE_RELUCTANCE[zone]
            reluctance[own] = base + spread * rng.uniform(size=int(own.sum()))
    order = np.argsort(reluctance, kind="stable")
    order = order[np.isfinite(reluctance[order])]
    before = lot_counts(blocks, kind).prod(axis=1)
    after = lot_counts(blocks, np.full_like(kind, VILLAGE)).prod(axis=1)
    reached = before.sum() + np.cumsum((after - before)[order])
    count = int(np.searchsorted(reached, wanted * _SURPLUS / 0.93)) + 1
    kind[order[:count]] = VILLAGE
    return kind
