"""The hospital: two corridors around a core of treatment rooms, wards along the façades."""

from __future__ import annotations

from dataclasses import dataclass

from district.bim.furnishing import BASIN, BED, BEDSIDE, CABINET, CHAIR, DESK, TOILET, Furnishing
from district.bim.kinds.basement import basement
from district.bim.kinds.core import core, lifts
from district.bim.model import Level, Model
from district.bim.openings import BATH_DOOR, ROOM_DOOR, WARD_DOOR, DoorKind, WindowKind, door, window
from district.bim.services import COLD_WATER, DRAINAGE, SPRINKLER, Network
from district.bim.shapes import Place
from district.bim.spaces import room
from district.bim.structure import Rect, beams, columns, footprint, roof, slab
from district.bim.walls import FACADE, LIGHT, PARTITION, wall

_BAY_M = 6.0
_WARD_DEPTH_M = 9.0
_CORRIDOR_M = 2.4
_WINDOW = WindowKind("病房窗 4200x2000", 4.2, 2.0, 4)
_OUTPATIENT = ("诊室", "诊室", "检查室", "挂号收费", "药房", "诊室")
_CORE_ROOMS = ("护士站", "治疗室", "处置室", "医生办公室", "库房", "值班室")


@dataclass(frozen=True)
class _Row:
    """A row of rooms along a façade: ``sign`` is 1 where the façade is south, -1 where it is north."""

    facade_y: float
    corridor_y: float
    sign: int
    first_number: int


def author(model: Model, furnishing: Furnishing) -> None:
    """Build the hospital."""
    rect = footprint(model)
    core_rect = Rect((rect.dx / 2 - 6.0, 11.4, rect.dx / 2 + 6.0, rect.dy - 11.4))
    for level in model.below:
        basement(model, furnishing, level, core_rect, _BAY_M * 1.5)
    rows = (
        _Row(0.0, _WARD_DEPTH_M, 1, 1),
        _Row(rect.dy, rect.dy - _WARD_DEPTH_M, -1, 31),
    )
    sprinkler, water = Network(model, SPRINKLER), Network(model, COLD_WATER)
    for level in model.above:
        _structure(model, level, rect)
        core(model, level, core_rect, 2)
        for row in rows:
            _wards(model, furnishing, level, rect, row)
            _pipes(level, rect, row, sprinkler, water)
        _middle(model, furnishing, level, rect, core_rect)
        for i, y in enumerate((_WARD_DEPTH_M, rect.dy - _WARD_DEPTH_M - _CORRIDOR_M)):
            corridor = room(model, level, Rect((0.3, y, rect.dx - 0.3, y + _CORRIDOR_M)), 80 + i, "走廊")
            furnishing.ceiling(corridor)
    roof(model, model.above[-1], rect)
    lifts(model, core_rect, 4)
    drain = Network(model, DRAINAGE)
    for i in range(1, round(rect.dx / _BAY_M), 2):
        drain.riser(model.above, i * _BAY_M, _WARD_DEPTH_M - 0.5, 110)
        drain.riser(model.above, i * _BAY_M, rect.dy - _WARD_DEPTH_M + 0.5, 110)
    for network in (sprinkler, water, drain):
        network.close()


def _structure(model: Model, level: Level, rect: Rect) -> None:
    slab(model, level, rect)
    xs = [min(max(i * _BAY_M, 0.6), rect.dx - 0.6) for i in range(round(rect.dx / _BAY_M) + 1)]
    rows = (0.6, _WARD_DEPTH_M, rect.dy - _WARD_DEPTH_M, rect.dy - 0.6)
    columns(model, level, [(x, y) for x in xs for y in rows], 0.5)
    beams(model, level, [Place(x, 0.6, 0.0, 90.0) for x in xs], rect.dy - 1.2, 0.6)
    lines = [Place(x, y) for x in xs[:-1] for y in rows]
    beams(model, level, lines, _BAY_M - 0.6, 0.5)


def _wards(model: Model, furnishing: Furnishing, level: Level, rect: Rect, row: _Row) -> None:
    """Build one row: its façade, its partitions, its corridor wall, and its rooms."""
    turn = 0.0 if row.sign > 0 else 180.0
    depth = _WARD_DEPTH_M - FACADE.thickness_m
    for i in range(round(rect.dx / _BAY_M)):
        x0, x1 = i * _BAY_M, (i + 1) * _BAY_M
        start = Place(x0 if row.sign > 0 else x1, row.facade_y, 0.0, turn)
        outer = wall(model, level, FACADE, start, _BAY_M)
        window(model, outer, _BAY_M / 2 - _WINDOW.width_m / 2, 0.9, _WINDOW)
        inner = wall(model, level, PARTITION, start.along(0.0, _WARD_DEPTH_M - PARTITION.thickness_m), _BAY_M)
        door(model, inner, 0.4, _door(level))
        base = start.along(0.0, FACADE.thickness_m)
        if i:
            side = Place(x0, min(base.y, base.y + row.sign * depth), 0.0, 90.0)
            wall(model, level, PARTITION, side.along(0.0, -PARTITION.thickness_m / 2), depth - 0.15)
        y0, y1 = sorted((row.facade_y + row.sign * 0.25, row.corridor_y - row.sign * 0.15))
        number = row.first_number + i
        area = Rect((x0 + 0.1, y0, x1 - 0.1, y1))
        if level.index < 3:
            _clinic(model, furnishing, level, area, number)
        else:
            _ward(model, furnishing, level, area, number, start)


def _door(level: Level) -> DoorKind:
    return ROOM_DOOR if level.index < 3 else WARD_DOOR


def _clinic(model: Model, furnishing: Furnishing, level: Level, area: Rect, number: int) -> None:
    space = room(model, level, area, number, _OUTPATIENT[number % len(_OUTPATIENT)])
    furnishing.grid(3, space, DESK, (2.4, 3.0), margin_m=0.8, limit=4)
    furnishing.grid(3, space, CHAIR, (2.4, 3.0), margin_m=1.6, limit=4)
    furnishing.grid(4, space, CABINET, (1.0, 40.0), margin_m=0.3, limit=4)
    furnishing.ceiling(space)


def _ward(model: Model, furnishing: Furnishing, level: Level, area: Rect, number: int, facade: Place) -> None:
    """Furnish a ward: three beds head to the wall, a bathroom beside the door."""
    space = room(model, level, area, number, "病房")
    bath_depth = 2.0
    front = facade.along(_BAY_M - 2.2, _WARD_DEPTH_M - PARTITION.thickness_m - bath_depth)
    bath = wall(model, level, LIGHT, front, 2.1, level.height_m - 0.6)
    door(model, bath, 0.4, BATH_DOOR)
    turned = Place(front.x, front.y, 0.0, front.rotation_deg + 90.0)
    wall(model, level, LIGHT, turned, bath_depth, level.height_m - 0.6)
    for i in range(3):
        head = facade.along(2.2, 0.9 + i * 1.9)
        bed = Place(head.x, head.y, 0.0, head.rotation_deg + 90.0)
        furnishing.offer(1, level, BED, bed)
        furnishing.offer(2, level, BEDSIDE, facade.along(0.2, 2.0 + i * 1.9))
    furnishing.offer(1, level, BASIN, front.along(0.3, 1.5))
    furnishing.offer(1, level, TOILET, front.along(1.4, 1.2))
    furnishing.offer(3, level, CHAIR, facade.along(4.8, 0.8))
    furnishing.offer(3, level, CABINET, facade.along(5.0, 3.0))
    furnishing.ceiling(space)


def _middle(model: Model, furnishing: Furnishing, level: Level, rect: Rect, core_rect: Rect) -> None:
    """Build the rooms between the corridors, left and right of the core, and the two ends of the house."""
    y0, y1 = core_rect[1], core_rect[3]
    number = 61
    for x0, x1 in ((0.3, core_rect[0] - 0.2), (core_rect[2] + 0.2, rect.dx - 0.3)):
        width = (x1 - x0) / 4
        for i in range(4):
            area = Rect((x0 + i * width + 0.1, y0 + 0.15, x0 + (i + 1) * width - 0.1, y1 - 0.15))
            front = wall(model, level, PARTITION, Place(x0 + i * width, y0), width)
            door(model, front, width / 2 - 0.5, ROOM_DOOR)
            wall(model, level, PARTITION, Place(x0 + i * width, y1 - 0.15), width)
            wall(model, level, PARTITION, Place(x0 + (i + 1) * width, area[1], 0.0, 90.0), area.dy)
            space = room(model, level, area, number, _CORE_ROOMS[number % len(_CORE_ROOMS)])
            furnishing.grid(3, space, DESK, (3.0, 2.4), margin_m=1.0, limit=4)
            furnishing.grid(4, space, CABINET, (1.0, 40.0), margin_m=0.3, limit=6)
            furnishing.ceiling(space)
            number += 1
    for place, length in (rect.sides()[1], rect.sides()[3]):
        outer = wall(model, level, FACADE, place.along(0.25), length - 0.5)
        window(model, outer, _WARD_DEPTH_M + 0.2, 0.9, _END_WINDOW)


_END_WINDOW = WindowKind("走廊窗 1800x2400", 1.8, 2.4)


def _pipes(level: Level, rect: Rect, row: _Row, sprinkler: Network, water: Network) -> None:
    """Lead mains along the corridor, with a branch into each room."""
    turn = 180.0 if row.sign > 0 else 0.0
    x = rect.dx - 0.3 if row.sign > 0 else 0.3
    start = Place(x, row.corridor_y + row.sign * 0.6, level.height_m - 0.7, turn)
    count = round(rect.dx / _BAY_M)
    bay = (rect.dx - 0.6) / count
    # The main runs so that its left is the façade: the branches lead into the rooms.
    sprinkler.main(level, Place(start.x, start.y, start.z, turn + 0.0), bay, count, 100, 0.0)
    water.main(level, start.along(0.0, 0.3, 0.1), bay, count, 65, 2.4)
