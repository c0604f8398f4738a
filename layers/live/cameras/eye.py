"""Where a camera's eye is: on a pole, over a roof, or on the wall of the building in whose footprint it is drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from layers.live.cameras.camera import Camera
from layers.live.cameras.surface import Surface

#: So far a camera that is drawn inside of a building is taken out to its wall; farther in it hangs indoors.
MAX_SHIFT_M = 30.0
#: A camera that looks at least so wide has no front.
_DOME_DEG = 180.0


class Eye(NamedTuple):
    """A place to look from: row and column of the surface's cell, and the height in the datum of the surface.

    Attributes
    ----------
    mount
        pole | roof | wall | indoors. Indoors it sees nothing of the streets.
    moved_m
        How far it was taken out to the wall.
    """

    row: int
    column: int
    height_m: float
    mount: str
    moved_m: float


def place_eye(surface: Surface, camera: Camera) -> Eye:
    """Return the eye of a camera; its mounting height counts from the ground below it.

    Over the roof of the building under it it stands on that roof, which hides what lies at its foot. Below the roof it
    hangs on a wall: the one before it in the direction in which it looks, the nearest one if it looks all round.
    """
    row, column = surface.cell_at(camera.x, camera.y)
    eye_m = float(surface.ground[row, column]) + camera.mount_height_m
    if not surface.is_building[row, column]:
        return Eye(row, column, eye_m, "pole", 0.0)
    if eye_m >= surface.heights[row, column]:
        return Eye(row, column, eye_m, "roof", 0.0)
    found = _nearest_free(surface, row, column, eye_m) if camera.hfov_deg >= _DOME_DEG else None
    if found is None:
        found = _free_ahead(surface, row, column, eye_m, camera.azimuth_deg)
    if found is None:
        return Eye(row, column, eye_m, "indoors", 0.0)
    moved = float(np.hypot(found[0] - row, found[1] - column)) * surface.cell_m
    return Eye(*found, eye_m, "wall", moved)


def _free_ahead(surface: Surface, row: int, column: int, eye_m: float, azimuth_deg: float) -> tuple[int, int] | None:
    """Return the first cell in a direction over which the eye is above everything."""
    away = np.arange(1, int(MAX_SHIFT_M / surface.cell_m) + 1)
    turn = np.deg2rad(azimuth_deg)
    rows = row + np.rint(-np.cos(turn) * away).astype(int)
    columns = column + np.rint(np.sin(turn) * away).astype(int)
    is_inside = (rows >= 0) & (rows < surface.heights.shape[0]) & (columns >= 0) & (columns < surface.heights.shape[1])
    rows, columns = rows[is_inside], columns[is_inside]
    free = np.flatnonzero(surface.heights[rows, columns] < eye_m)
    return (int(rows[free[0]]), int(columns[free[0]])) if len(free) else None


def _nearest_free(surface: Surface, row: int, column: int, eye_m: float) -> tuple[int, int] | None:
    reach = int(MAX_SHIFT_M / surface.cell_m)
    top, left = max(0, row - reach), max(0, column - reach)
    rows, columns = np.nonzero(surface.heights[top : row + reach + 1, left : column + reach + 1] < eye_m)
    if not len(rows):
        return None
    away = np.hypot(rows + top - row, columns + left - column)
    nearest = int(away.argmin())
    return (int(rows[nearest]) + top, int(columns[nearest]) + left) if away[nearest] <= reach else None
