"""What answers about sight say beside the sight itself: notes, the receipt, a camera in a few words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import InvalidInput
from layers.live.cameras.camera import Camera
from layers.live.cameras.viewshed import TARGET_HEIGHT_M
from layers.queries.note import Note, note
from layers.queries.receipt import make_receipt
from layers.queries.visible import visible_layers

#: Higher than any building that stands.
MAX_TARGET_M = 1000.0
_TABLES = ("camera", "building", "terrain")
NOTES = (
    note("ground", "targets stand on open ground; the ground inside of buildings counts as not seen", "sight"),
    note("roofs", "buildings are opaque from the ground to their height, 6 m where it is not known; trees, walls, "
         "bridges and vehicles are not known and hide nothing"),
)  # fmt: skip
_NO_TERRAIN = note(
    "no_terrain",
    "no raster knows the ground there (or not all of it): it is taken as even, or as high as the nearest known, and "
    "buildings stand on it",
)
_AREA = note("area", "only cameras of your area count", "cameras")


def require_height(height_m: float | None) -> float:
    """Return the height of a target above ground, metres; as kept where none is given (raises InvalidInput)."""
    if height_m is None:
        return TARGET_HEIGHT_M
    if not 0 <= height_m <= MAX_TARGET_M:
        raise InvalidInput(
            f"height_m is {height_m}; metres above ground from 0 to {MAX_TARGET_M:g} are right",
            "number_wrong", field="height_m", given=height_m, least=0, most=MAX_TARGET_M,
        )  # fmt: skip
    return float(height_m)


def sight_receipt(
    connection: Connection,
    caller: Caller,
    cameras: int,
    datasets: Collection[int],
    terrain: Collection[str],
    parameters: Mapping[str, Any],
    notes: Collection[Note] = (),
) -> dict[str, Any]:
    """Return the receipt of an answer that rests on cameras, buildings and terrain.

    Parameters
    ----------
    cameras
        How many were looked through.
    terrain
        What the surfaces say of their ground: whole | part | none.
    """
    layers = [entry for entry in visible_layers(connection, caller) if entry.table.name in _TABLES]
    counts = {
        entry.id: cameras if entry.table.name == "camera" else int(entry.table.name == "building" or "whole" in terrain)
        for entry in layers
    }
    told = [*NOTES, *notes]
    if set(terrain) - {"whole"}:
        told.append(_NO_TERRAIN)
    if caller.area_code is not None:
        told.append(_AREA)
    return make_receipt(connection, layers, counts, datasets, parameters, told)


def camera_as_json(camera: Camera) -> dict[str, Any]:
    """Return what lists say of a camera."""
    return {
        "id": camera.id,
        "code": camera.code,
        "name": camera.name,
        "state": camera.state,
        "longitude": camera.longitude,
        "latitude": camera.latitude,
    }
