"""Offices: a corridor between two rows of rooms, glass outside, a core in the middle."""

from __future__ import annotations

from district.bim.facade import curtain
from district.bim.furnishing import CABINET, CHAIR, DESK, Furnishing
from district.bim.kinds.basement import basement, grid_points
from district.bim.kinds.core import core, lifts
from district.bim.model import Level, Model
from district.bim.openings import GLASS_DOOR, ROOM_DOOR, door
from district.bim.services import COLD_WATER, SPRINKLER, Network
from district.bim.shapes import Place
from district.bim.spaces import room
from district.bim.structure import Rect, columns, footprint, roof, slab
from district.bim.walls import LIGHT, PARTITION, wall

_CORRIDOR_M = 2.4
_ROOM_M = 14.0
_FUNCTIONS = ("办公室", "办公室", "会议室", "办公室", "档案室")


def author(model: Model, furnishing: Furnishing) -> None:
    """Build the office."""
    rect = footprint(model)
    core_rect = _core_rect(rect)
    for level in model.below:
        basement(model, furnishing, level, core_rect)
    for level in model.above:
        slab(model, level, rect)
        columns(model, level, grid_points(rect, _ROOM_M, core_rect), 0.6)
        curtain(model, level, rect, 12.0)
        core(model, level, core_rect, flights=2)
        _floor(model, furnishing, level, rect, core_rect)
    roof(model, model.above[-1], rect)
    lifts(model, core_rect, 2)
    _pipes(model, rect, core_rect)


def _core_rect(rect: Rect) -> Rect:
    """Give the core: on the north side of the corridor, in the middle."""
    y0 = rect.dy / 2 + _CORRIDOR_M / 2
    dx = 9.6
    return Rect((rect.dx / 2 - dx / 2, y0, rect.dx / 2 + dx / 2, rect.dy - 0.6))


def _floor(model: Model, furnishing: Furnishing, level: Level, rect: Rect, core_rect: Rect) -> None:
    inner = rect.inset(0.3)
    south_y, north_y = rect.dy / 2 - _CORRIDOR_M / 2, rect.dy / 2 + _CORRIDOR_M / 2
    count = max(3, round(rect.dx / _ROOM_M))
    south = [(inner[0] + i * inner.dx / count, inner[0] + (i + 1) * inner.dx / count) for i in range(count)]
    wings = ((inner[0], core_rect[0] - 0.1), (core_rect[2] + 0.1, inner[2]))
    north = [half for x0, x1 in wings for half in _halves(x0, x1, count // 2)]
    glazed = LIGHT.thickness_m
    south_wall = wall(model, level, LIGHT, Place(inner[0], south_y - glazed), inner.dx)
    door(model, south_wall, inner.dx / 2 - 0.9, GLASS_DOOR)
    north_walls = [wall(model, level, LIGHT, Place(x0, north_y), x1 - x0) for x0, x1 in wings]
    number = 1
    for i, (x0, x1) in enumerate(south):
        area = Rect((x0 + 0.1, inner[1], x1 - 0.1, south_y - glazed))
        if i:
            wall(model, level, PARTITION, Place(x0 + 0.075, area[1], 0.0, 90.0), area.dy)
            door(model, south_wall, x0 - inner[0] + 0.8, ROOM_DOOR)
        _furnish(model, furnishing, level, area, number)
        number += 1
    for x0, x1 in north:
        area = Rect((x0 + 0.1, north_y + glazed, x1 - 0.1, inner[3]))
        wing = 0 if x1 <= core_rect[0] else 1
        door(model, north_walls[wing], x0 - wings[wing][0] + 0.8, ROOM_DOOR)
        if x0 not in (wings[0][0], wings[1][0]):
            wall(model, level, PARTITION, Place(x0 + 0.075, area[1], 0.0, 90.0), area.dy)
        _furnish(model, furnishing, level, area, number)
        number += 1
    room(model, level, Rect((inner[0], south_y, inner[2], north_y)), 80, "走廊")


def _halves(x0: float, x1: float, count: int) -> list[tuple[float, float]]:
    count = max(1, count)
    return [(x0 + i * (x1 - x0) / count, x0 + (i + 1) * (x1 - x0) / count) for i in range(count)]


def _furnish(model: Model, furnishing: Furnishing, level: Level, area: Rect, number: int) -> None:
    space = room(model, level, area, number, _FUNCTIONS[number % len(_FUNCTIONS)])
    furnishing.grid(3, space, DESK, (2.4, 2.0), margin_m=1.0)
    furnishing.grid(4, space, CHAIR, (2.4, 2.0), margin_m=1.6)
    furnishing.grid(5, space, CABINET, (1.0, 40.0), margin_m=0.3, limit=4)
    furnishing.ceiling(space)


def _pipes(model: Model, rect: Rect, core_rect: Rect) -> None:
    water = Network(model, COLD_WATER)
    water.riser(model.levels, core_rect[2] - 0.8, core_rect[3] - 0.8, 80)
    water.close()
    sprinkler = Network(model, SPRINKLER)
    for level in model.above:
        start = Place(0.6, rect.dy / 2, level.height_m - 0.6)
        sprinkler.main(level, start, (rect.dx - 1.2) / 2, 2, 100)
    sprinkler.close()
