"""Viewsheds that no longer hold, made anew by and by without anybody asking; several servers take turns."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from cim.tables import camera_viewshed
from layers.live.cameras.camera import cameras_of
from layers.live.cameras.kept import Ground, announce, refresh, select_to_do

#: Made in one transaction; those who stand near each other share a surface.
AT_ONCE = 16
ANNOUNCED_AT_ONCE = 1000
_LOCK = "cim.viewsheds.renew"
_KEPT = camera_viewshed.c


def announce_missing(connection: Connection, ground: Ground) -> int:
    """Note the reach of cameras that have no viewshed yet, commit before computing; returns how many were noted."""
    missing = select_to_do().where(_KEPT.camera_id.is_(None)).limit(ANNOUNCED_AT_ONCE)
    rows = connection.execute(missing).all()
    if not rows:
        return 0
    cameras = cameras_of(rows, ground.metric_crs)
    announce(connection, cameras, ground.metric_crs)
    return len(cameras)


def renew_some(connection: Connection, ground: Ground) -> int:
    """Make the viewshed that has waited longest, and the marked ones around it; returns how many were kept.

    Nothing is done while another server does it.
    """
    if not connection.execute(select(func.pg_try_advisory_xact_lock(func.hashtext(_LOCK)))).scalar_one():
        return 0
    marked = select_to_do().where(_KEPT.dirty_at.is_not(None)).add_columns(_KEPT.reach)
    first = connection.execute(marked.order_by(_KEPT.dirty_at, _KEPT.camera_id).limit(1)).first()
    if first is None:
        return 0
    around = connection.execute(marked.order_by(_KEPT.reach.op("<->")(first.reach)).limit(AT_ONCE))
    return refresh(connection, ground, [row.id for row in around])
