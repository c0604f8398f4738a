"""What the cameras near a place see: brought up to date where it is asked, within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from sqlalchemy import Connection, Select, func, select

from cim.access import Caller
from cim.errors import TooLarge
from cim.tables import GEOGRAPHIC_SRID, camera, camera_viewshed
from layers.live.cameras.camera import MAX_RANGE_M, Camera, camera_layers, cameras_of, seen_by, select_cameras
from layers.live.cameras.kept import Ground, announce, blocks, is_to_do, refresh, select_to_do, surface_for
from layers.live.cameras.viewshed import TARGET_HEIGHT_M, viewshed_of

#: Viewsheds that one request waits for; for more there is the command.
AT_ONCE = 300
MAX_CAMERAS = 3000
_KEPT = camera_viewshed.c


class View(NamedTuple):
    """A camera and what it sees (multipolygon, EPSG:4490), and whether the terrain under it is known."""

    camera: Camera
    geometry: shapely.Geometry
    terrain: str
    datasets: tuple[int, ...]


def announce_near(connection: Connection, ground: Ground, zone: shapely.Geometry, caller: Caller) -> int:
    """Note which viewsheds are to be made that may reach into a zone (EPSG:4490), and return how many.

    Raises
    ------
    NotFound, TooLarge
    """
    near = select_to_do().where(is_near(zone))
    cameras = cameras_of(
        connection.execute(seen_by(near, camera_layers(connection, caller), caller)).all(), ground.metric_crs
    )
    announce(connection, cameras, ground.metric_crs)
    count = len(_to_do_in(connection, zone, caller))
    if count > AT_ONCE:
        raise TooLarge(
            f"{count} viewsheds that reach into the zone are not computed yet, at most {AT_ONCE} are while one waits: "
            "draw a smaller zone, or let the operator run 'cim viewsheds'",
            "viewsheds_missing", count=count, most=AT_ONCE,
        )  # fmt: skip
    return count


def refresh_near(connection: Connection, ground: Ground, zone: shapely.Geometry, caller: Caller) -> int:
    """Make the announced viewsheds that reach into a zone; return how many were kept."""
    return refresh(connection, ground, _to_do_in(connection, zone, caller))


def views_near(
    connection: Connection, ground: Ground, zone: shapely.Geometry, height_m: float, caller: Caller
) -> list[View]:
    """Return the cameras that see something of a zone, and what; of another height than the kept one, computed now.

    Raises
    ------
    NotFound, TooLarge
    """
    layers = camera_layers(connection, caller)
    if height_m == TARGET_HEIGHT_M:
        kept = _select_kept(zone).where(_KEPT.geom.op("&&")(_shape(zone)), _KEPT.dirty_at.is_(None))
        rows = connection.execute(seen_by(kept, layers, caller)).all()
        _require_few(len(rows), MAX_CAMERAS)
        cameras = cameras_of(rows, ground.metric_crs)
        return [
            View(one, shapely.from_wkb(row.seen), row.terrain, tuple(row.datasets))
            for one, row in zip(cameras, rows, strict=True)
        ]
    rows = connection.execute(seen_by(_select_kept(zone), layers, caller)).all()
    _require_few(len(rows), AT_ONCE)
    return _views_at(connection, ground, cameras_of(rows, ground.metric_crs), height_m)


def _views_at(connection: Connection, ground: Ground, cameras: Sequence[Camera], height_m: float) -> list[View]:
    by_id = {one.id: one for one in cameras}
    views = []
    for block in blocks(cameras):
        group = [by_id[number] for number in block]
        surface = surface_for(connection, ground, group)
        for one in group:
            shed = viewshed_of(surface, one, ground.metric_crs, height_m)
            views.append(View(one, shed.geometry, shed.terrain, tuple(sorted(surface.datasets))))
    return views


def _require_few(count: int, most: int) -> None:
    if count > most:
        raise TooLarge(
            f"{count} cameras reach into the zone, at most {most} are compared at once: draw a smaller zone",
            "too_many_cameras", count=count, most=most,
        )  # fmt: skip


def _shape(zone: shapely.Geometry) -> Any:
    return func.ST_GeomFromWKB(shapely.to_wkb(zone), GEOGRAPHIC_SRID)


def _select_kept(zone: shapely.Geometry) -> Select[Any]:
    """Return the statement for cameras whose reach meets a zone's box, with what is kept of them."""
    return (
        select_cameras()
        .add_columns(func.ST_AsBinary(_KEPT.geom).label("seen"), _KEPT.terrain, _KEPT.datasets)
        .join(camera_viewshed, _KEPT.camera_id == camera.c.id)
        .where(_KEPT.reach.op("&&")(_shape(zone)))
    )


def _to_do_in(connection: Connection, zone: shapely.Geometry, caller: Caller) -> list[int]:
    found = (
        select(camera.c.id)
        .join(camera_viewshed, _KEPT.camera_id == camera.c.id)
        .where(is_to_do(), _KEPT.reach.op("&&")(_shape(zone)))
    )
    return list(connection.execute(seen_by(found, camera_layers(connection, caller), caller)).scalars())


def is_near(zone: shapely.Geometry) -> Any:
    """Return the condition on cameras that stand near enough to a zone to see into it, however far they see."""
    west, south, east, north = shapely.bounds(zone).tolist()
    north_deg = MAX_RANGE_M / 110_000
    east_deg = north_deg / max(0.05, float(np.cos(np.deg2rad(max(abs(south), abs(north))))))
    box = (west - east_deg, south - north_deg, east + east_deg, north + north_deg)
    return camera.c.geom.op("&&")(func.ST_MakeEnvelope(*box, GEOGRAPHIC_SRID))
