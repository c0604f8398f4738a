"""The viewshed of one camera: as it is kept, or for another height of target as it is asked."""

from __future__ import annotations

from typing import Any

import orjson
import shapely
from sqlalchemy import Connection, Row, func, select

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import camera, camera_viewshed
from layers.live.cameras.camera import Camera, camera_layers, cameras_of, seen_by, select_cameras
from layers.live.cameras.kept import Ground, announce, layer_versions, refresh, select_to_do, surface_for
from layers.live.cameras.told import camera_as_json, require_height, sight_receipt
from layers.live.cameras.viewshed import TARGET_HEIGHT_M, Viewshed, viewshed_of
from layers.queries.note import Note, note

_DECIMALS = 8


def announce_one(connection: Connection, ground: Ground, camera_id: int, caller: Caller) -> None:
    """Note that a camera's viewshed is to be made where it is missing or marked; commit before asking for it.

    Raises
    ------
    NotFound
    """
    statement = seen_by(select_to_do().where(camera.c.id == camera_id), camera_layers(connection, caller), caller)
    announce(connection, cameras_of(connection.execute(statement).all(), ground.metric_crs), ground.metric_crs)


def get_viewshed(
    connection: Connection, ground: Ground, camera_id: int, height_m: float | None, caller: Caller
) -> dict[str, Any]:
    """Return a GeoJSON Feature of what a camera sees of the ground; made now and kept where it is not there.

    Parameters
    ----------
    height_m
        Of the target above ground; the kept one (1.5 m) where None.

    Raises
    ------
    NotFound, InvalidInput
    """
    target_m = require_height(height_m)
    one = _find(connection, ground, camera_id, caller)
    if target_m != TARGET_HEIGHT_M:
        return _computed(connection, ground, one, target_m, caller)
    refresh(connection, ground, [one.id])
    kept = connection.execute(
        select(camera_viewshed, func.ST_AsGeoJSON(camera_viewshed.c.geom, _DECIMALS).label("outline")).where(
            camera_viewshed.c.camera_id == one.id
        )
    ).one()
    return _feature(connection, one, orjson.loads(kept.outline), _kept_facts(kept), kept.datasets, target_m, caller)


def _find(connection: Connection, ground: Ground, camera_id: int, caller: Caller) -> Camera:
    statement = seen_by(select_cameras().where(camera.c.id == camera_id), camera_layers(connection, caller), caller)
    found = cameras_of(connection.execute(statement).all(), ground.metric_crs)
    if not found:
        raise NotFound(f"there is no camera {camera_id} with a place that you may see", "no_such_camera", id=camera_id)
    return found[0]


def _computed(connection: Connection, ground: Ground, one: Camera, target_m: float, caller: Caller) -> dict[str, Any]:
    surface = surface_for(connection, ground, [one])
    shed = viewshed_of(surface, one, ground.metric_crs, target_m)
    facts = _facts(shed) | {"computed_at": None, "versions": layer_versions(connection)}
    outline = orjson.loads(shapely.to_geojson(shapely.set_precision(shed.geometry, 10.0**-_DECIMALS, mode="pointwise")))
    return _feature(connection, one, outline, facts, sorted(surface.datasets), target_m, caller)


def _kept_facts(kept: Row[Any]) -> dict[str, Any]:
    names = ("seen_m2", "ground_m2", "rings", "cell_m", "eye_height_m", "mount", "moved_m", "terrain", "versions")
    return {name: getattr(kept, name) for name in names} | {"computed_at": kept.computed_at.isoformat()}


def _facts(shed: Viewshed) -> dict[str, Any]:
    return {
        "seen_m2": shed.seen_m2,
        "ground_m2": shed.ground_m2,
        "rings": shed.rings,
        "cell_m": shed.cell_m,
        "eye_height_m": shed.eye.height_m,
        "mount": shed.eye.mount,
        "moved_m": shed.eye.moved_m,
        "terrain": shed.terrain,
    }


def _feature(
    connection: Connection,
    one: Camera,
    outline: Any,
    facts: dict[str, Any],
    datasets: list[int],
    target_m: float,
    caller: Caller,
) -> dict[str, Any]:
    known = {number for number in (*datasets, one.dataset_id) if number is not None}
    parameters = {"camera": one.id, "height_m": target_m}
    share = round(facts["seen_m2"] / facts["ground_m2"], 4) if facts["ground_m2"] else None
    rounded = {name: round(facts[name], 2) for name in ("eye_height_m", "moved_m")}
    return {
        "type": "Feature",
        "id": one.id,
        "geometry": outline,
        "properties": {
            **camera_as_json(one),
            "target_height_m": target_m,
            **facts,
            **rounded,
            "share": share,
            "range_m": one.range_m,
            "hfov_deg": one.hfov_deg,
            "vfov_deg": one.vfov_deg,
            "mount_height_m": one.mount_height_m,
            "assumed": one.assumed,
            "is_offline": one.is_offline,
            "receipt": sight_receipt(connection, caller, 1, known, [facts["terrain"]], parameters, _notes(one)),
        },
    }


def _notes(one: Camera) -> list[Note]:
    notes = []
    if one.vfov_deg is None:
        message = "the register has no vertical field of view (vfov_deg, 垂直视场角): up and down nothing is cut off"
        notes.append(note("no_vertical_field", message))
    if one.assumed:
        taken = ", ".join(f"{name} {value:g}" for name, value in one.assumed.items())
        message = f"taken because the register has no value that can be: {taken}"
        notes.append(note("assumed", message, assumed=dict(one.assumed)))
    return notes
