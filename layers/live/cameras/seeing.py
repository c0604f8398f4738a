"""Which cameras see a place: each line of sight exactly, at the height that is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection

from cim.access import Caller
from cim.crs import GEOD, from_geographic
from layers.live.cameras.camera import Camera, camera_layers, cameras_of, seen_by, select_cameras
from layers.live.cameras.eye import MAX_SHIFT_M, place_eye
from layers.live.cameras.kept import Ground
from layers.live.cameras.near import is_near
from layers.live.cameras.sight import OWN_CELL, is_clear
from layers.live.cameras.surface import Surface, read_surface
from layers.live.cameras.told import camera_as_json, require_height, sight_receipt
from layers.live.cameras.viewshed import between_deg, cell_for
from layers.queries.note import note
from layers.said import require_on_earth

DEFAULT_LIMIT = 20
MAX_LIMIT = 500
#: A place in a footprint is on the wall when the wall is so near, in cells: what is before it there is that wall.
WALL_CELLS = 1.5
_NOTES = (
    note("exact", "each line from an eye to the place is checked on the surface at the asked height"),
    note("wall", "a place in a footprint is taken as on its wall: that wall, as near as 1.5 cells, does not hide it, "
         "the rest of the building does"),
)  # fmt: skip


def find_seeing(
    connection: Connection,
    ground: Ground,
    longitude: float,
    latitude: float,
    height_m: float | None,
    limit: int,
    caller: Caller,
    *,
    with_offline: bool = True,
) -> dict[str, Any]:
    """Return the cameras that see a place, the nearest first.

    Parameters
    ----------
    height_m
        Above the ground there; 1.5 m where None.
    with_offline
        Whether cameras count that are offline; each says whether it is.

    Raises
    ------
    NotFound, InvalidInput
    """
    require_on_earth(longitude, latitude)
    target_m = require_height(height_m)
    place = shapely.Point(longitude, latitude)
    layers = camera_layers(connection, caller)
    rows = connection.execute(seen_by(select_cameras().where(is_near(place)), layers, caller)).all()
    x, y = (float(part[0]) for part in from_geographic(ground.metric_crs).points([longitude], [latitude]))
    candidates = [one for one in cameras_of(rows, ground.metric_crs) if _is_in_sector(one, x, y)]
    if not with_offline:
        candidates = [one for one in candidates if not one.is_offline]
    seen, surfaces = _seeing(connection, ground, candidates, (x, y), target_m)
    listed = sorted((_as_json(one, longitude, latitude) for one in seen), key=lambda entry: entry["distance_m"])
    datasets = {number for surface in surfaces for number in surface.datasets}
    datasets |= {one.dataset_id for one in seen if one.dataset_id is not None}
    parameters = {"lon": longitude, "lat": latitude, "height_m": target_m, "offline": with_offline}
    return {
        "longitude": longitude,
        "latitude": latitude,
        "height_m": target_m,
        "count": len(listed),
        "looked_through": len(candidates),
        "cameras": listed[:limit],
        "cell_m": min((surface.cell_m for surface in surfaces), default=None),
        "terrain": sorted({surface.terrain for surface in surfaces}),
        "receipt": sight_receipt(
            connection, caller, len(listed), datasets, [surface.terrain for surface in surfaces], parameters, _NOTES
        ),
    }


def _is_in_sector(one: Camera, x: float, y: float) -> bool:
    east, north = x - one.x, y - one.y
    if np.hypot(east, north) > one.range_m:
        return False
    return between_deg(float(np.rad2deg(np.arctan2(east, north))), one.azimuth_deg) <= one.hfov_deg / 2


def _seeing(
    connection: Connection, ground: Ground, candidates: Sequence[Camera], place: tuple[float, float], target_m: float
) -> tuple[list[Camera], list[Surface]]:
    seen, surfaces = [], []
    for cell in sorted({cell_for(one.range_m) for one in candidates}):
        group = [one for one in candidates if cell_for(one.range_m) == cell]
        x, y = [one.x for one in group] + [place[0]], [one.y for one in group] + [place[1]]
        margin = MAX_SHIFT_M + 4 * cell
        box = (min(x) - margin, min(y) - margin, max(x) + margin, max(y) + margin)
        surface = read_surface(connection, ground.files, ground.metric_crs, box, cell)
        surfaces.append(surface)
        seen += [one for one in group if _sees(surface, one, place, target_m)]
    return seen, surfaces


def _sees(surface: Surface, one: Camera, place: tuple[float, float], target_m: float) -> bool:
    eye = place_eye(surface, one)
    if eye.mount == "indoors":
        return False
    cell = surface.cell_at(*place)
    height_m = float(surface.ground[cell]) + target_m
    row, column = (surface.north - place[1]) / surface.cell_m - 0.5, (place[0] - surface.west) / surface.cell_m - 0.5
    if one.vfov_deg is not None:
        away = np.hypot(row - eye.row, column - eye.column) * surface.cell_m
        if abs(np.rad2deg(np.arctan2(height_m - eye.height_m, away)) - one.tilt_deg) > one.vfov_deg / 2:
            return False
    spared = WALL_CELLS if surface.is_building[cell] else OWN_CELL
    return is_clear(surface.heights, (eye.row, eye.column, eye.height_m), (row, column, height_m), spared_cells=spared)


def _as_json(one: Camera, longitude: float, latitude: float) -> dict[str, Any]:
    bearing, _, distance = GEOD.inv(one.longitude, one.latitude, longitude, latitude)
    return camera_as_json(one) | {
        "distance_m": round(float(distance), 2),
        "bearing_deg": round(float(bearing) % 360, 2),
        "is_offline": one.is_offline,
    }
