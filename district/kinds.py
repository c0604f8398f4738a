"""Kinds of buildings: how large, how high, of what, and how many units a floor."""

from __future__ import annotations

from dataclasses import dataclass

from district.plan import Zone

#: Outlines in the unit square around the origin, counter-clockwise.
OUTLINES: dict[str, tuple[tuple[float, float], ...]] = {
    "box": ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)),
    "ell": ((-0.5, -0.5), (0.5, -0.5), (0.5, -0.05), (-0.05, -0.05), (-0.05, 0.5), (-0.5, 0.5)),
    "court": (
        (-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (0.26, 0.5), (0.26, -0.2), (-0.26, -0.2), (-0.26, 0.5), (-0.5, 0.5),
    ),
    "cross": (
        (-0.2, -0.5), (0.2, -0.5), (0.2, -0.24), (0.5, -0.24), (0.5, 0.24), (0.2, 0.24),
        (0.2, 0.5), (-0.2, 0.5), (-0.2, 0.24), (-0.5, 0.24), (-0.5, -0.24), (-0.2, -0.24),
    ),
    "tee": (
        (-0.5, -0.5), (0.5, -0.5), (0.5, 0.0), (0.2, 0.0), (0.2, 0.5), (-0.2, 0.5), (-0.2, 0.0), (-0.5, 0.0),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """One kind of building; ranges are (least, most).

    Attributes
    ----------
    pitch_m
        Size of a lot along and across the street.
    length_m, depth_m
        Footprint along and across the street.
    storeys, basements
        Counts above and below ground.
    units_per_floor
        Units of the register on each floor.
    outlines
        Names in `OUTLINES`, drawn alike often.
    """

    use: str
    structure: str
    pitch_m: tuple[float, float]
    length_m: tuple[float, float]
    depth_m: tuple[float, float]
    storeys: tuple[int, int]
    basements: tuple[int, int]
    storey_height_m: float
    units_per_floor: tuple[int, int]
    outlines: tuple[str, ...]


PARK = -1
TOWER, SLAB, VILLAGE, FACTORY, OFFICE, COMMERCE, SCHOOL, HOSPITAL, STATION = range(9)
KINDS: tuple[Kind, ...] = (
    Kind("住宅", "剪力墙", (54, 56), (26, 36), (20, 28), (16, 33), (1, 3), 2.95, (4, 5), ("cross", "tee", "box")),
    Kind("住宅", "框架", (64, 36), (44, 56), (12, 15), (6, 8), (0, 0), 3.0, (3, 5), ("box",)),
    Kind("城中村住宅", "砖混", (15, 14.5), (10, 12.8), (9, 12), (3, 8), (0, 0), 3.0, (1, 2), ("box",)),
    Kind("厂房", "框架", (92, 56), (56, 84), (24, 40), (2, 6), (0, 0), 4.8, (1, 2), ("box", "box", "ell")),
    Kind("办公", "框架核心筒", (62, 62), (30, 46), (26, 40), (8, 36), (1, 4), 4.1, (4, 9), ("box", "tee")),
    Kind("商业", "框架", (72, 62), (40, 60), (30, 46), (2, 6), (1, 2), 4.8, (4, 10), ("box", "ell")),
    Kind("学校", "框架", (96, 78), (64, 84), (46, 60), (4, 6), (0, 1), 3.8, (1, 1), ("court", "ell")),
    Kind("医院", "框架", (108, 80), (60, 90), (40, 60), (6, 14), (1, 2), 4.0, (1, 2), ("court", "tee")),
    Kind("轨道交通", "框架", (200, 40), (160, 170), (20, 22), (1, 1), (2, 2), 6.0, (1, 1), ("box",)),
)

#: Chances of each kind of block by zone, villages apart (they are laid until the count is reached).
MIX: dict[Zone, dict[int, float]] = {
    Zone.RESIDENTIAL: {TOWER: 50, SLAB: 27, COMMERCE: 7, SCHOOL: 6, OFFICE: 3, HOSPITAL: 1, PARK: 6},
    Zone.CENTRE: {OFFICE: 40, COMMERCE: 20, TOWER: 25, PARK: 11, HOSPITAL: 4},
    Zone.INDUSTRY: {FACTORY: 78, SLAB: 12, OFFICE: 5, PARK: 5},
    Zone.VILLAGE: {SLAB: 50, COMMERCE: 20, SCHOOL: 14, FACTORY: 16},
}
#: The smaller, the sooner a block of the zone becomes an urban village; (base, spread of chance).
VILLAGE_RELUCTANCE: dict[Zone, tuple[float, float]] = {
    Zone.VILLAGE: (0.0, 0.8),
    Zone.INDUSTRY: (0.9, 1.2),
    Zone.RESIDENTIAL: (0.8, 1.6),
}
