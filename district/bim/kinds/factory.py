"""Factories: steel frames, sandwich panels, ribbon windows, rooflights, machines in rows."""

from __future__ import annotations

from district.bim.facade import curtain_side
from district.bim.furnishing import MACHINE, SHELF, Furnishing
from district.bim.kinds.core import core
from district.bim.model import Level, Model
from district.bim.openings import ROLLER_DOOR, WindowKind, door, windows_along
from district.bim.services import GAS, SPRINKLER, Network
from district.bim.shapes import Box, Place
from district.bim.spaces import room
from district.bim.structure import Rect, beams, columns, footprint, roof, slab
from district.bim.walls import SANDWICH, wall

_FRAME_M = 12.0
_WINDOW = WindowKind("条形高窗 6000x1500", 6.0, 1.5, 4)


def author(model: Model, furnishing: Furnishing) -> None:
    """Build the factory."""
    rect = footprint(model)
    stairwell = Rect((0.2, 0.2, 8.2, 7.2))
    for level in model.above:
        slab(model, level, rect, 0.25, colour="concrete")
        _frames(model, level, rect)
        _skin(model, level, rect)
        if model.program.storeys_above > 1:
            core(model, level, stairwell, 2)
        _halls(model, furnishing, level, rect)
    top = model.above[-1]
    roof(model, top, rect, 0.9)
    _rooflights(model, top, rect)
    for kind, y, dn_mm in ((SPRINKLER, rect.dy * 0.3, 150), (GAS, rect.dy * 0.7, 80)):
        network = Network(model, kind)
        for level in model.above:
            start = Place(1.0, y, level.height_m - 1.4)
            network.main(level, start, _FRAME_M, round(rect.dx / _FRAME_M) - 1, dn_mm)
        network.close()


def _frames(model: Model, level: Level, rect: Rect) -> None:
    spans = max(2, round(rect.dy / 18.0))
    frames = round(rect.dx / _FRAME_M)
    inner = rect.inset(0.5)
    xs = [inner[0] + i * inner.dx / frames for i in range(frames + 1)]
    ys = [inner[1] + j * inner.dy / spans for j in range(spans + 1)]
    columns(model, level, [(x, y) for x in xs for y in ys], 0.5, "steel")
    beams(model, level, [Place(x, y, 0.0, 90.0) for x in xs for y in ys[:-1]], inner.dy / spans, 0.8, "steel")
    beams(model, level, [Place(x, y) for x in xs[:-1] for y in (ys[0], ys[-1])], inner.dx / frames, 0.5, "steel")


def _skin(model: Model, level: Level, rect: Rect) -> None:
    """Clad the four sides frame by frame: windows high up, gates at the gable ends of the ground floor."""
    sill = level.height_m - 2.6
    for i, (place, length) in enumerate(rect.sides()):
        if i == 0 and level.index == 0:
            # The office front: glass on the first bay.
            curtain_side(model, level, place, _FRAME_M, _FRAME_M)
            place, length = place.along(_FRAME_M), length - _FRAME_M
        inset = SANDWICH.thickness_m if i % 2 else 0.0
        count = max(1, round((length - 2 * inset) / _FRAME_M))
        bay = (length - 2 * inset) / count
        for j in range(count):
            panel = wall(model, level, SANDWICH, place.along(inset + j * bay), bay)
            windows_along(model, panel, _WINDOW, 1, sill)
            if i % 2 and j == 1 and level.index == 0 and sill > ROLLER_DOOR.height_m:
                door(model, panel, bay / 2 - ROLLER_DOOR.width_m / 2, ROLLER_DOOR)


def _halls(model: Model, furnishing: Furnishing, level: Level, rect: Rect) -> None:
    warehouse = "仓库" in model.program.name_zh
    inner = rect.inset(0.6)
    x = inner[0] + _FRAME_M
    hall = room(model, level, Rect((x, inner[1], inner[2], inner[3])), 1, "仓储区" if warehouse else "生产车间")
    side = room(model, level, Rect((inner[0], 8.0, x - 0.2, inner[3])), 2, "辅助用房")
    if warehouse:
        furnishing.grid(3, hall, SHELF, (2.8, 4.0), margin_m=3.0)
    else:
        furnishing.grid(3, hall, MACHINE, (6.0, 5.0), margin_m=3.0)
    furnishing.grid(4, side, SHELF, (3.6, 3.0), margin_m=1.0)
    furnishing.ceiling(hall, 6.0, 6.0)


def _rooflights(model: Model, top: Level, rect: Rect) -> None:
    """Set glass strips on the roof, one a frame."""
    name = "屋面采光带"
    frames = round(rect.dx / _FRAME_M)
    shapes = model.shapes
    width, length = 3.0, rect.dy * 0.7
    of = model.type_of(
        "IfcPlateType",
        name,
        shapes.box(Box("roof_metal", 0, 0, 0, width, length, 0.5)),
        shapes.box(Box("tint", 0.2, 0.2, 0.5, width - 0.4, length - 0.4, 0.08)),
        material="聚碳酸酯",
        PredefinedType="NOTDEFINED",
    )
    for i in range(frames):
        place = Place((i + 0.5) * rect.dx / frames - width / 2, rect.dy * 0.15, top.height_m)
        model.product("IfcPlate", top, name, place, of=of)
