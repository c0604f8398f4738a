"""Basements: retaining walls, columns, parking."""

from __future__ import annotations

from district.bim.furnishing import CAR, Furnishing
from district.bim.kinds.core import core
from district.bim.model import Level, Model
from district.bim.spaces import room
from district.bim.structure import Rect, columns, footprint, slab
from district.bim.walls import BASEMENT, wall


def basement(model: Model, furnishing: Furnishing, level: Level, core_rect: Rect, bay_m: float = 12.0) -> None:
    """Build one basement storey with its core and offer its parking spaces."""
    rect = footprint(model)
    deepest = level is model.levels[0]
    slab(model, level, rect, 0.6 if deepest else 0.2, "BASESLAB" if deepest else "FLOOR", colour="concrete")
    for i, (place, length) in enumerate(rect.sides()):
        inset = BASEMENT.thickness_m if i % 2 else 0.0
        wall(model, level, BASEMENT, place.along(inset), length - 2 * inset)
    columns(model, level, grid_points(rect, bay_m, core_rect), 0.7)
    core(model, level, core_rect)
    south = Rect((0.5, 0.5, rect[2] - 0.5, core_rect[1] - 0.1))
    north = Rect((0.5, core_rect[3] + 0.1, rect[2] - 0.5, rect[3] - 0.5))
    for i, area in enumerate((south, north)):
        if area.dy > 2.0:
            garage = room(model, level, area, i + 1, "停车库", parking=True)
            furnishing.grid(5, garage, CAR, (2.6, 6.0))
            furnishing.ceiling(garage, 6.0, 4.0)


def grid_points(rect: Rect, bay_m: float, hole: Rect) -> list[tuple[float, float]]:
    """Give a column grid over a rectangle, without the points in the hole."""
    inner = rect.inset(0.8)
    across, along = max(1, round(inner.dx / bay_m)), max(1, round(inner.dy / bay_m))
    points = [
        (inner[0] + i * inner.dx / across, inner[1] + j * inner.dy / along)
        for i in range(across + 1)
        for j in range(along + 1)
    ]
    return [(x, y) for x, y in points if not (hole[0] - 0.5 < x < hole[2] + 0.5 and hole[1] - 0.5 < y < hole[3] + 0.5)]
