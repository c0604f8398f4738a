"""The core: shear walls around stair and lifts, and its lobby."""

from __future__ import annotations

from district.bim.model import Level, Model
from district.bim.openings import FIRE_DOOR, door
from district.bim.shapes import Place
from district.bim.spaces import room
from district.bim.structure import Rect, lift, stair
from district.bim.walls import CORE, wall


def core(model: Model, level: Level, rect: Rect, flights: int = 1) -> None:
    """Build a storey of the core: four walls, a fire door to the south, a stair, the lobby."""
    thickness = CORE.thickness_m
    for i, (place, length) in enumerate(rect.sides()):
        inset = thickness if i % 2 else 0.0
        side = wall(model, level, CORE, place.along(inset), length - 2 * inset)
        if i == 0:
            door(model, side, length / 2 - FIRE_DOOR.width_m / 2, FIRE_DOOR)
    inner = rect.inset(thickness)
    if level is not model.levels[-1]:
        stair(model, level, Place(inner[0] + 0.1, inner[3] - 2.9), 1.3, flights)
    room(model, level, inner, 90, "电梯厅")


def lifts(model: Model, rect: Rect, count: int) -> None:
    """Put lifts side by side along the south wall of the core, over the whole height."""
    first = model.levels[0]
    rise = len(model.levels) * first.height_m - 0.5
    inner = rect.inset(CORE.thickness_m)
    fitting = min(count, int(inner.dx / 2.1))
    for i in range(fitting):
        # The lobby door is in the middle of the south wall: lifts stand left and right of it.
        x = inner[0] + i * 2.1 if i % 2 == 0 else inner[2] - (i + 1) * 2.1 + 2.1 - 2.0
        lift(model, first, Place(x, inner[1] + 0.1), rise, f"电梯 {i + 1}")
