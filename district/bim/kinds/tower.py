"""Towers: glass office towers on a podium, and residential towers with balconies."""

from __future__ import annotations

from district.bim.facade import curtain, walled
from district.bim.furnishing import CHAIR, DESK, Furnishing
from district.bim.kinds.basement import basement
from district.bim.kinds.core import core, lifts
from district.bim.model import Level, Model
from district.bim.openings import FLAT_DOOR, WindowKind, door
from district.bim.services import COLD_WATER, SPRINKLER, Network
from district.bim.shapes import Place
from district.bim.spaces import room
from district.bim.structure import Rect, beams, columns, footprint, railing, roof, slab
from district.bim.walls import PARTITION, PRECAST, wall

_PODIUM_STOREYS = 4
_WINDOW = WindowKind("铝合金推拉窗 3000x1800", 3.0, 1.8, 3)
_BALCONY_M = 1.5
_LEDGE_M = 0.1


def author(model: Model, furnishing: Furnishing) -> None:
    """Build the tower."""
    if model.site.program.storey_height_m <= 3.3:
        _residential(model, furnishing)
    else:
        _office(model, furnishing)


def _core_rect(model: Model, rect: Rect, share: float) -> Rect:
    dx, dy = max(9.6, rect.dx * share), max(6.6, rect.dy * share)
    x, y = model.program.length_m / 2 - dx / 2, model.program.width_m / 2 - dy / 2
    return Rect((x, y, x + dx, y + dy))


def _shaft(model: Model, level: Level) -> Rect:
    """Give the outline of a storey: podium, shaft, and a crown that steps back."""
    rect = footprint(model)
    if level.index < _PODIUM_STOREYS:
        return rect
    crown = model.program.storeys_above - level.index <= 2
    return rect.inset(7.0 if crown else 4.5)


def _office(model: Model, furnishing: Furnishing) -> None:
    core_rect = _core_rect(model, footprint(model), 0.30)
    for level in model.below:
        basement(model, furnishing, level, core_rect)
    for level in model.above:
        rect = _shaft(model, level)
        slab(model, level, rect)
        columns(model, level, _perimeter(rect), 0.9)
        inner = rect.inset(1.2)
        beams(model, level, [Place(inner[0], y) for y in (inner[1], inner[3])], inner.dx, 0.7)
        core(model, level, core_rect)
        curtain(model, level, rect, rect.dx / 2)
        _office_rooms(model, furnishing, level, rect, core_rect)
        if _ends_a_step(model, level):
            roof(model, level, rect)
    lifts(model, core_rect, 4)
    _risers(model, core_rect)


def _perimeter(rect: Rect) -> list[tuple[float, float]]:
    x0, y0, x1, y1 = rect.inset(1.2)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return [(x0, y0), (x, y0), (x1, y0), (x1, y), (x1, y1), (x, y1), (x0, y1), (x0, y)]


def _ends_a_step(model: Model, level: Level) -> bool:
    """Tell whether the storey above is smaller, or there is none."""
    above = level.index + 1
    return above in (_PODIUM_STOREYS, model.program.storeys_above - 2, model.program.storeys_above)


def _office_rooms(model: Model, furnishing: Furnishing, level: Level, rect: Rect, core_rect: Rect) -> None:
    inner = rect.inset(0.3)
    function = "商业" if level.index < _PODIUM_STOREYS else "办公区"
    south = Rect((inner[0], inner[1], inner[2], core_rect[1] - 0.1))
    north = Rect((inner[0], core_rect[3] + 0.1, inner[2], inner[3]))
    for i, area in enumerate((south, north)):
        space = room(model, level, area, i + 1, function)
        furnishing.grid(3, space, DESK, (3.0, 2.4), margin_m=1.8)
        furnishing.grid(4, space, CHAIR, (3.0, 2.4), margin_m=1.5)
        furnishing.ceiling(space, 6.0, 6.0)


def _risers(model: Model, core_rect: Rect) -> None:
    x, y = core_rect[2] - 0.8, core_rect[3] - 0.8
    for kind, dx, dn_mm in ((COLD_WATER, 0.0, 100), (SPRINKLER, 0.35, 150)):
        network = Network(model, kind)
        network.riser(model.levels, x - dx, y, dn_mm)
        network.close()


def _residential(model: Model, furnishing: Furnishing) -> None:
    rect = footprint(model)
    core_rect = _core_rect(model, rect, 0.28)
    # Balconies stand out on the south: the body of the building begins behind them.
    body = Rect((rect[0], rect[1] + _BALCONY_M, rect[2], rect[3]))
    for level in model.below:
        basement(model, furnishing, level, core_rect)
    for level in model.above:
        # The floors stand out a little: a white line at each storey.
        slab(model, level, body, colour="plaster", edge_m=0.0)
        walled(model, level, body.inset(_LEDGE_M), PRECAST, _WINDOW, (4, 1, 4, 1))
        core(model, level, core_rect)
        _flats(model, furnishing, level, body, core_rect)
        if level.index > 0:
            _balconies(model, level, rect)
    top = model.above[-1]
    roof(model, top, body)
    lifts(model, core_rect, 2)
    network = Network(model, COLD_WATER)
    network.riser(model.levels, core_rect[2] - 0.8, core_rect[3] - 0.8, 80)
    network.close()


def _balconies(model: Model, level: Level, rect: Rect) -> None:
    width = rect.dx * 0.3
    for x in (rect.dx * 0.25 - width / 2, rect.dx * 0.75 - width / 2):
        slab(model, level, Rect((x, rect[1], x + width, rect[1] + _BALCONY_M)), 0.12, colour="plaster", edge_m=0.0)
        railing(model, level, Place(x, rect[1] + 0.02), width)


def _flats(model: Model, furnishing: Furnishing, level: Level, body: Rect, core_rect: Rect) -> None:
    """Lay out four flats around the core, parted by a wall south and a wall north of it."""
    middle = (core_rect[0] + core_rect[2]) / 2
    inner = body.inset(_LEDGE_M + PRECAST.thickness_m)
    thickness = PARTITION.thickness_m
    for i, (y0, y1) in enumerate(((inner[1], core_rect[1]), (core_rect[3], inner[3]))):
        if y1 - y0 > 1.0:
            party = wall(model, level, PARTITION, Place(middle + thickness / 2, y0, 0.0, 90.0), y1 - y0)
            if level.index > 0:
                door(model, party, max(0.1, (y1 - y0) / 2 - 0.5), FLAT_DOOR)
        halves = ((inner[0], middle - thickness), (middle + thickness, inner[2]))
        for j, (x0, x1) in enumerate(halves):
            function = "架空层" if level.index == 0 else "住宅"
            flat = room(model, level, Rect((x0, y0, x1, y1)), 2 * i + j + 1, function)
            furnishing.ceiling(flat, 4.0, 5.0)
