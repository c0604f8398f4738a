"""Places for the buildings that have an IFC model: a block each, big enough, along its street."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from district.arrays import FloatArray, IntArray, ObjectArray
from district.bim.program import PROGRAM, ModelProgram
from district.blocks import Blocks
from district.kinds import COMMERCE, FACTORY, HOSPITAL, OFFICE, SCHOOL, SLAB, STATION, TOWER
from district.lots import fitting_size, outlines
from district.plan import Plan, Zone
from district.scales import CENTRE_EASTING_M, CENTRE_NORTHING_M

_MARGIN_M = 5.0
#: Zones by preference, for each kind of model.
_ZONES: dict[str, tuple[Zone, ...]] = {
    "tower": (Zone.CENTRE, Zone.RESIDENTIAL),
    "office": (Zone.CENTRE, Zone.INDUSTRY, Zone.RESIDENTIAL),
    "school": (Zone.RESIDENTIAL, Zone.VILLAGE, Zone.CENTRE),
    "hospital": (Zone.RESIDENTIAL, Zone.CENTRE),
    "factory": (Zone.INDUSTRY,),
    "metro_station": (Zone.CENTRE, Zone.RESIDENTIAL),
}
_KIND_OF_MODEL = {
    "tower": TOWER,
    "office": OFFICE,
    "school": SCHOOL,
    "hospital": HOSPITAL,
    "factory": FACTORY,
    "metro_station": STATION,
}
#: Towers with floors this high are offices.
_OFFICE_STOREY_M = 4.0
#: Blocks that may be given to a model; it would be lost among village houses.
_HOSTS = (TOWER, SLAB, FACTORY, OFFICE, COMMERCE, SCHOOL, HOSPITAL, -1)


def kind_of_model(program: ModelProgram) -> int:
    """Index in `KINDS` of a model's building."""
    if program.kind == "tower" and program.storey_height_m >= _OFFICE_STOREY_M:
        return OFFICE
    return _KIND_OF_MODEL[program.kind]


@dataclass(frozen=True)
class Specials:
    """Footprints of the models, in the order of `program`.

    Attributes
    ----------
    block
        Index of the block of each.
    corner
        EPSG:4547 position of the models' local origin, ``(n, 2)``.
    rotation_rad
        Direction of the local x axis, counter-clockwise from grid east.
    """

    program: tuple[ModelProgram, ...]
    block: IntArray
    centre: FloatArray
    corner: FloatArray
    rotation_rad: FloatArray
    outline: ObjectArray


def _rank_blocks(plan: Plan, blocks: Blocks, kind_of_block: IntArray) -> dict[str, FloatArray]:
    """How well each block suits each kind of model; smaller is better, inf is never."""
    middle = (blocks.low + blocks.high) / 2
    points = plan.frame.world(middle[:, 0], middle[:, 1])
    distance = np.hypot(points[:, 0] - CENTRE_EASTING_M, points[:, 1] - CENTRE_NORTHING_M)
    hosts = np.isin(kind_of_block, _HOSTS)
    ranks = {}
    for model, zones in _ZONES.items():
        rank = np.full(len(distance), np.inf)
        for order, zone in enumerate(zones):
            rank[blocks.zone == zone] = distance[blocks.zone == zone] + 1500.0 * order
        ranks[model] = np.where(hosts, rank, np.inf)
    return ranks


def place_models(plan: Plan, blocks: Blocks, kind_of_block: IntArray) -> Specials:
    """Give each model of the programme a block, the longest first.

    A district too small for all of them leaves out those without a block.
    """
    ranks = _rank_blocks(plan, blocks, kind_of_block)
    middle = (blocks.low + blocks.high) / 2
    fit = fitting_size(plan.frame, middle, blocks.size - 2 * _MARGIN_M)
    taken = np.zeros(len(middle), dtype=bool)
    placed: list[tuple[int, ModelProgram, int]] = []
    by_length = sorted(enumerate(PROGRAM), key=lambda item: (-item[1].length_m, item[0]))
    for number, program in by_length:
        fits = (fit[:, 2] >= program.width_m) & (fit[:, 0] - fit[:, 1] * program.width_m >= program.length_m)
        rank = np.where(fits & ~taken, ranks[program.kind], np.inf)
        best = int(np.argmin(rank))
        if np.isfinite(rank[best]):
            taken[best] = True
            placed.append((number, program, best))
    placed.sort(key=lambda item: item[0])
    return _lay_out(plan, middle, tuple(p for _, p, _ in placed), np.array([b for _, _, b in placed], dtype=np.int64))


def _lay_out(plan: Plan, middle: FloatArray, program: tuple[ModelProgram, ...], block: IntArray) -> Specials:
    at = middle[block]
    centre = plan.frame.world(at[:, 0], at[:, 1])
    angle = np.deg2rad(np.round(np.rad2deg(plan.frame.axes(at[:, 0], at[:, 1]).angle_rad), 6))
    size = np.array([(p.length_m, p.width_m) for p in program]).reshape(-1, 2)
    c, s = np.cos(angle), np.sin(angle)
    half = size / 2
    corner = centre - np.column_stack((c * half[:, 0] - s * half[:, 1], s * half[:, 0] + c * half[:, 1]))
    corner = np.round(corner, 3)
    outline = outlines(centre, angle, size, np.zeros(len(block), dtype=np.int64))
    return Specials(program, block, centre, corner, angle, outline)
