"""Schools: classrooms in a row behind an open gallery."""

from __future__ import annotations

from district.bim.furnishing import BOARD, CHAIR, PUPIL_DESK, Furnishing
from district.bim.kinds.core import core
from district.bim.model import Level, Model
from district.bim.openings import ROOM_DOOR, WindowKind, door, window, windows_along
from district.bim.services import COLD_WATER, DRAINAGE, Network
from district.bim.shapes import Place
from district.bim.spaces import room
from district.bim.structure import Rect, beams, columns, footprint, railing, roof, slab
from district.bim.walls import BASEMENT, FACADE, PARTITION, wall

_GALLERY_M = 2.4
_CLASSROOM_M = 9.0
_WINDOW = WindowKind("教室窗 2100x1800", 2.1, 1.8, 3)
_LAB_FUNCTIONS = ("物理实验室", "化学实验室", "生物实验室", "准备室")


def author(model: Model, furnishing: Furnishing) -> None:
    """Build the school."""
    rect = footprint(model)
    stairwell = Rect((0.0, _GALLERY_M, _CLASSROOM_M, rect.dy))
    count = round((rect.dx - _CLASSROOM_M) / _CLASSROOM_M)
    bay = (rect.dx - _CLASSROOM_M) / count
    for level in model.below:
        slab(model, level, rect, 0.5, "BASESLAB", colour="concrete")
        for place, length in rect.sides():
            wall(model, level, BASEMENT, place, length)
        room(model, level, rect.inset(0.5), 1, "设备用房")
        core(model, level, stairwell, 2)
    for level in model.above:
        slab(model, level, rect)
        core(model, level, stairwell, 2)
        _structure(model, level, rect, bay, count)
        _classrooms(model, furnishing, level, rect, bay, count)
    roof(model, model.above[-1], rect)
    for kind, x, dn_mm in ((COLD_WATER, rect.dx - 0.5, 65), (DRAINAGE, rect.dx - 0.9, 110)):
        network = Network(model, kind)
        network.riser(model.levels, x, _GALLERY_M + 0.6, dn_mm)
        network.close()


def _structure(model: Model, level: Level, rect: Rect, bay: float, count: int) -> None:
    xs = [_CLASSROOM_M + i * bay for i in range(count + 1)]
    columns(model, level, [(min(x, rect.dx - 0.25), y) for x in xs for y in (0.25, rect.dy - 0.5)], 0.45)
    beams(model, level, [Place(x, 0.5, 0.0, 90.0) for x in xs[1:-1]], rect.dy - 1.0, 0.6)
    if level.index > 0:
        railing(model, level, Place(0.0, 0.02), _CLASSROOM_M, "plaster")
        for i in range(count):
            railing(model, level, Place(_CLASSROOM_M + i * bay, 0.02), bay, "plaster")


def _classrooms(model: Model, furnishing: Furnishing, level: Level, rect: Rect, bay: float, count: int) -> None:
    thickness = FACADE.thickness_m
    y0, y1 = _GALLERY_M + thickness, rect.dy - thickness
    end = wall(model, level, FACADE, Place(rect.dx, _GALLERY_M + thickness, 0.0, 90.0), y1 - y0)
    windows_along(model, end, _WINDOW, 1, 1.0)
    lab = "实验" in model.program.name_zh
    for i in range(count):
        x = _CLASSROOM_M + i * bay
        front = wall(model, level, FACADE, Place(x, _GALLERY_M), bay)
        door(model, front, 0.6, ROOM_DOOR)
        window(model, front, bay / 2 - 1.05, 1.0, _WINDOW)
        door(model, front, bay - 1.6, ROOM_DOOR)
        back = wall(model, level, FACADE, Place(x + bay, rect.dy, 0.0, 180.0), bay)
        windows_along(model, back, _WINDOW, 3, 1.0)
        if i < count - 1:
            wall(model, level, PARTITION, Place(x + bay, y0, 0.0, 90.0), y1 - y0)
        function = _LAB_FUNCTIONS[i % len(_LAB_FUNCTIONS)] if lab else "教室"
        classroom = room(model, level, Rect((x + 0.1, y0, x + bay - 0.25, y1)), i + 1, function)
        furnishing.offer(3, level, BOARD, Place(x + 0.2, y0 + 6.2, 0.0, 270.0))
        furnishing.grid(4, classroom, PUPIL_DESK, (1.2, 1.1), margin_m=1.2)
        furnishing.grid(5, classroom, CHAIR, (1.2, 1.1), margin_m=0.8)
        furnishing.ceiling(classroom)
    room(model, level, Rect((_CLASSROOM_M, 0.3, rect.dx, _GALLERY_M)), 80, "外廊")
