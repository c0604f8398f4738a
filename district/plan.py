"""The town's plan in the bent frame: main lines, zones between them, and their inner streets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.random import Generator

from district.arrays import BoolArray, FloatArray, IntArray, random_stream
from district.frame import Frame, make_frame
from district.scales import Scale
from district.terrain import Terrain, Tributary, make_waves

RIVER_HALF_WIDTH_M = 30.0
TRIBUTARY_HALF_WIDTH_M = 7.0
_RIVER_STRIP_M = 60.0
_TRIBUTARY_STRIP_M = 28.0
_STEP_M = 860.0
PARTS = 12


class Street(IntEnum):
    """Ranks of streets, widest first."""

    ARTERIAL = 0
    COLLECTOR = 1
    LOCAL = 2
    LANE = 3


#: Half the width between building lines, metres, by rank.
HALF_WIDTH_M = np.array([20.0, 14.0, 8.0, 4.5])


class Zone(IntEnum):
    """What the area between main lines is for."""

    WATER = 0
    GREEN = 1
    RESIDENTIAL = 2
    CENTRE = 3
    INDUSTRY = 4
    VILLAGE = 5


#: An inner street at every n-th of the twelve parts of a superblock.
STRIDE = {
    Zone.WATER: 12,
    Zone.GREEN: 12,
    Zone.RESIDENTIAL: 3,
    Zone.CENTRE: 3,
    Zone.INDUSTRY: 4,
    Zone.VILLAGE: 2,
}
_INNER_RANK = {Zone.VILLAGE: Street.LANE}


def inner_rank(zone: Zone) -> Street:
    """Rank of the streets inside a superblock."""
    return _INNER_RANK.get(zone, Street.LOCAL)


@dataclass(frozen=True)
class Lines:
    """Main lines of one direction.

    Attributes
    ----------
    at_m
        Frame coordinate of each line, ascending.
    rank
        `Street` of each line.
    strip
        Whether the interval after each line (one fewer than lines) is a watercourse's strip.
    parts_m
        Positions of the twelfths inside each interval, ``(intervals, 11)``.
    """

    at_m: FloatArray
    rank: IntArray
    strip: BoolArray
    parts_m: FloatArray


@dataclass(frozen=True)
class Plan:
    """All that the other parts are drawn on."""

    scale: Scale
    seed: int
    frame: Frame
    terrain: Terrain
    u: Lines
    v: Lines
    zone: IntArray

    def splits(self, column: int, row: int) -> tuple[FloatArray, FloatArray]:
        """Positions of a superblock's inner streets, (u of the lines along v, v of those along u)."""
        stride = STRIDE[Zone(self.zone[column, row])]
        inner = slice(stride - 1, None, stride)
        return self.u.parts_m[column, inner], self.v.parts_m[row, inner]

    def inside(self, points: FloatArray, margin_m: float = 0.0) -> BoolArray:
        """Whether EPSG:4547 points ``(..., 2)`` lie inside the extent, by at least a margin."""
        west, south, east, north = self.scale.bounds
        e, n = points[..., 0], points[..., 1]
        inside: BoolArray = (
            (e >= west + margin_m) & (e <= east - margin_m) & (n >= south + margin_m) & (n <= north - margin_m)
        )
        return inside


def _frame_extent(frame: Frame, scale: Scale) -> tuple[float, float, float, float]:
    west, south, east, north = scale.bounds
    e, n = np.meshgrid(np.linspace(west, east, 60), np.linspace(south, north, 60))
    u, v = frame.local(e, n)
    return float(u.min()) - 40, float(u.max()) + 40, float(v.min()) - 40, float(v.max()) + 40


def _make_lines(
    low: float, high: float, strips: list[tuple[float, float]], strip_rank: Street, rng: Generator
) -> Lines:
    """Lay lines between `low` and `high`, about `_STEP_M` apart, with a pair of them along each strip."""
    edges = [low, *[edge for strip in strips for edge in strip], high]
    at: list[float] = []
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        n = max(1, round((b - a) / _STEP_M))
        inner = np.linspace(a, b, n + 1)
        inner[1:-1] += rng.uniform(-70, 70, n - 1)
        at.extend(inner.tolist())
    lines = np.array(at)
    starts = np.array([strip[0] for strip in strips])
    strip = np.isin(lines[:-1], starts)
    rank = np.where(np.arange(len(lines)) % 2 == 0, Street.ARTERIAL, Street.COLLECTOR)
    rank[np.isin(lines, np.array(strips).ravel())] = strip_rank
    shares = (np.arange(1, PARTS) + rng.uniform(-0.13, 0.13, (len(lines) - 1, PARTS - 1))) / PARTS
    parts = lines[:-1, None] + np.diff(lines)[:, None] * shares
    return Lines(lines, rank.astype(np.int64), strip, parts)


def _make_tributaries(scale: Scale, low: float, high: float, rng: Generator) -> tuple[Tributary, ...]:
    places = low + (high - low) * (np.arange(scale.tributaries) + 0.5) / scale.tributaries
    places += rng.uniform(-0.12, 0.12, scale.tributaries) * (high - low) / scale.tributaries
    return tuple(Tributary(float(u), 1 if k % 2 == 0 else -1, TRIBUTARY_HALF_WIDTH_M) for k, u in enumerate(places))


def _make_zones(plan_seed: int, scale: Scale, terrain: Terrain, u: Lines, v: Lines) -> IntArray:
    """Give each superblock its use by hills, distance to the centres, and chance."""
    rng = random_stream(plan_seed, "zones")
    middle_u, middle_v = np.meshgrid((u.at_m[1:] + u.at_m[:-1]) / 2, (v.at_m[1:] + v.at_m[:-1]) / 2, indexing="ij")
    points = terrain.frame.world(middle_u, middle_v)
    e, n = points[..., 0], points[..., 1]
    offsets = np.linspace(-300.0, 300.0, 4)
    hill = np.mean([terrain.hill_m(e + a, n + b) for a in offsets for b in offsets], axis=0)
    centres = _centres(scale, rng)
    to_centre = np.min(np.hypot(e[..., None] - centres[:, 0], n[..., None] - centres[:, 1]), axis=-1)
    industry = make_waves(plan_seed, "industry", 9, 2200.0, 5200.0).value(e, n)
    chance = rng.uniform(size=e.shape)
    zone = np.full(e.shape, Zone.RESIDENTIAL, dtype=np.int64)
    zone[chance < 0.20] = Zone.VILLAGE
    zone[industry > 0.55] = Zone.INDUSTRY
    zone[to_centre < 950.0] = Zone.CENTRE
    zone[hill > 16.0] = Zone.GREEN
    zone[u.strip, :] = Zone.WATER
    zone[:, v.strip] = Zone.WATER
    return zone


def _centres(scale: Scale, rng: Generator) -> FloatArray:
    """Place the town's centres: one in the middle, and one more for every 40 square kilometres."""
    west, south, east, north = scale.bounds
    more = rng.uniform((west, south), (east, north), (int(scale.area_km2 // 40), 2))
    middle = np.array([[(west + east) / 2 + 200, (south + north) / 2 + 250]])
    return np.concatenate((middle, more))


def make_plan(scale: Scale, seed: int) -> Plan:
    """Draw the plan of one district.

    Parameters
    ----------
    scale
        How large.
    seed
        Everything follows from it.
    """
    rng = random_stream(seed, "plan")
    frame = make_frame(seed)
    low_u, high_u, low_v, high_v = _frame_extent(frame, scale)
    river_v = float(-0.07 * scale.depth_m + rng.uniform(-60, 60))
    tributaries = _make_tributaries(scale, low_u, high_u, rng)
    terrain = Terrain(
        frame,
        river_v,
        RIVER_HALF_WIDTH_M,
        tributaries,
        high_u,
        make_waves(seed, "hills", 14, 1700.0, 4200.0),
        make_waves(seed, "swells", 8, 350.0, 800.0),
    )
    strips = [(t.u_m - _TRIBUTARY_STRIP_M, t.u_m + _TRIBUTARY_STRIP_M) for t in tributaries]
    u = _make_lines(low_u, high_u, strips, Street.LOCAL, rng)
    river_strip = [(river_v - _RIVER_STRIP_M, river_v + _RIVER_STRIP_M)]
    v = _make_lines(low_v, high_v, river_strip, Street.ARTERIAL, rng)
    return Plan(scale, seed, frame, terrain, u, v, _make_zones(seed, scale, terrain, u, v))
