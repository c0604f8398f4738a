"""Viewsheds in the database: which are to be made, made together where cameras stand close, and kept.

A change of what a viewshed rests on marks its row (triggers of the model). Whoever computes one notes the mark that
it found and keeps the result only where no other mark has come meanwhile; so none is kept that is older than its data.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from geoalchemy2.functions import ST_GeomFromWKB
from sqlalchemy import Connection, Select, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from cim.crs import to_geographic
from cim.tables import GEOGRAPHIC_SRID, camera, camera_viewshed, layer
from layers.live.cameras.camera import Camera, cameras_by_id, select_cameras
from layers.live.cameras.surface import Surface, read_surface
from layers.live.cameras.viewshed import Viewshed, box_around, cell_for, viewshed_of

_KEPT = camera_viewshed.c
#: Cells to a side of the squares whose cameras share a surface.
BLOCK_CELLS = 800
#: Straight sides of the metric CRS are bent in degrees.
_SEGMENT_M = 500.0


class Ground(NamedTuple):
    """Where surfaces come from: the deployment's folder of files and its metric CRS."""

    files: Path
    metric_crs: str


def is_to_do() -> Any:
    """Return the condition on cameras whose viewshed is missing or marked."""
    return or_(_KEPT.camera_id.is_(None), _KEPT.dirty_at.is_not(None))


def select_to_do() -> Select[Any]:
    """Return the statement for cameras whose viewshed is missing or marked, as ``cameras_of`` takes its rows."""
    return select_cameras().outerjoin(camera_viewshed, _KEPT.camera_id == camera.c.id).where(is_to_do())


def announce(connection: Connection, cameras: Sequence[Camera], metric_crs: str) -> None:
    """Note the reach of viewsheds that are to be made, so that changes mark them; commit before computing."""
    if not cameras:
        return
    cameras = sorted(cameras, key=lambda one: one.id)
    boxes = shapely.box(*np.array([box_around(one) for one in cameras]).T)
    # of the upright box of each, as drawn in degrees
    reach = shapely.envelope(to_geographic(metric_crs).geometries(shapely.segmentize(boxes, _SEGMENT_M)))
    rows = [
        {"camera_id": one.id, "reach": each} for one, each in zip(cameras, shapely.to_wkb(reach).tolist(), strict=True)
    ]
    shape = ST_GeomFromWKB(bindparam("reach"), GEOGRAPHIC_SRID)
    statement = upsert(camera_viewshed).values(
        camera_id=bindparam("camera_id"), reach=shape, dirty_at=func.clock_timestamp()
    )
    # A mark that is there stays: somebody else may be at work on it.
    statement = statement.on_conflict_do_update(
        index_elements=["camera_id"],
        set_={"reach": statement.excluded.reach, "dirty_at": func.coalesce(_KEPT.dirty_at, func.clock_timestamp())},
    )
    connection.execute(statement, rows)


def mark_all(connection: Connection) -> None:
    """Let all viewsheds be made anew."""
    connection.execute(update(camera_viewshed).values(dirty_at=func.clock_timestamp()))


def blocks(cameras: Sequence[Camera]) -> list[list[int]]:
    """Return the ids of cameras by the square in which they stand: those of one share a surface."""
    groups: dict[tuple[float, int, int], list[int]] = {}
    for one in cameras:
        cell = cell_for(one.range_m)
        width = cell * BLOCK_CELLS
        groups.setdefault((cell, int(one.y // width), int(one.x // width)), []).append(one.id)
    return [groups[key] for key in sorted(groups)]


def refresh(connection: Connection, ground: Ground, ids: Collection[int]) -> int:
    """Make the viewsheds of announced cameras that are marked, and keep them; return how many were kept.

    Cameras that stand close together share a surface. All are computed before the first is written, so that whoever
    marks viewsheds meanwhile does not wait for it.
    """
    marks = _marks(connection, ids)
    cameras = cameras_by_id(connection, list(marks), ground.metric_crs)
    by_id = {one.id: one for one in cameras}
    versions = layer_versions(connection)
    made = []
    for block in blocks(cameras):
        group = [by_id[number] for number in block]
        surface = surface_for(connection, ground, group)
        made += [(one, viewshed_of(surface, one, ground.metric_crs), sorted(surface.datasets)) for one in group]
    return _keep(connection, made, marks, versions)


def surface_for(connection: Connection, ground: Ground, cameras: Sequence[Camera]) -> Surface:
    """Return one surface that serves several cameras of one width of cells."""
    boxes = np.array([box_around(one) for one in cameras])
    box = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
    return read_surface(connection, ground.files, ground.metric_crs, box, cell_for(cameras[0].range_m))


def layer_versions(connection: Connection) -> dict[str, int]:
    """Return the versions of the layers that stand in the way of sight."""
    rows = connection.execute(
        select(layer.c.id, layer.c.version).where(layer.c.table_name.in_(["building", "terrain"]))
    )
    return {row.id: row.version for row in rows}


def _marks(connection: Connection, ids: Collection[int]) -> dict[int, datetime]:
    found = select(_KEPT.camera_id, _KEPT.dirty_at).where(_KEPT.camera_id.in_(ids), _KEPT.dirty_at.is_not(None))
    return {row.camera_id: row.dirty_at for row in connection.execute(found)}


def _keep(
    connection: Connection,
    made: Sequence[tuple[Camera, Viewshed, list[int]]],
    marks: dict[int, datetime],
    versions: dict[str, int],
) -> int:
    """Write viewsheds whose mark is still the one that was found, in the order of their cameras' ids.

    The order is that in which changes mark them: neither then waits for the other in a circle.
    """
    statement = (
        update(camera_viewshed)
        .where(_KEPT.camera_id == bindparam("camera"), _KEPT.dirty_at == bindparam("mark"))
        .values(
            geom=ST_GeomFromWKB(bindparam("outline"), GEOGRAPHIC_SRID),
            reach=ST_GeomFromWKB(bindparam("box"), GEOGRAPHIC_SRID),
            computed_at=func.clock_timestamp(),
            dirty_at=None,
            versions=versions,
        )
    )
    rows = [
        {
            "camera": one.id,
            "mark": marks[one.id],
            "outline": shed.geometry.wkb,
            "box": shed.reach.wkb,
            "datasets": datasets,
            "terrain": shed.terrain,
            "cell_m": shed.cell_m,
            "seen_m2": shed.seen_m2,
            "ground_m2": shed.ground_m2,
            "rings": shed.rings,
            "target_height_m": shed.target_height_m,
            "eye_height_m": shed.eye.height_m,
            "mount": shed.eye.mount,
            "moved_m": shed.eye.moved_m,
        }
        for one, shed, datasets in sorted(made, key=lambda each: each[0].id)
    ]
    return int(connection.execute(statement, rows).rowcount) if rows else 0
