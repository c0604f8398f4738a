"""Cameras as they look: what their register says, and what is taken for what it leaves out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, Double, Row, Select, case, cast, func, select

from cim.access import Caller
from cim.crs import from_geographic
from cim.errors import NotFound
from cim.tables import camera
from layers.queries.visible import VisibleLayer, in_area, visible_layers

MOUNT_HEIGHT_M = 5.0
RANGE_M = 100.0
#: Nothing is looked for farther away: without the earth's curvature it would be wrong.
MAX_RANGE_M = 1000.0
#: The field of view from top to bottom, degrees, where a register has it; it has no column of its own.
VERTICAL_FIELDS = ("vfov_deg", "vfov", "垂直视场角")
#: States in which a camera sees nothing.
OFFLINE = ("离线", "故障", "停用", "拆除", "offline", "fault", "broken", "disabled", "removed")
#: A step to the north, some 50 m.
_NORTHWARD_DEG = 0.0005
_NUMBER = r"^\s*\d{1,3}(\.\d+)?\s*$"


class Camera(NamedTuple):
    """One camera in the metric CRS, nothing left open.

    Attributes
    ----------
    azimuth_deg
        Clockwise from grid north.
    vfov_deg
        None: not limited; then ``tilt_deg`` does not matter.
    assumed
        Field -> the value taken because the register has none (or one that no camera has).
    """

    id: int
    code: str | None
    name: str | None
    state: str | None
    dataset_id: int | None
    longitude: float
    latitude: float
    x: float
    y: float
    mount_height_m: float
    azimuth_deg: float
    hfov_deg: float
    tilt_deg: float
    vfov_deg: float | None
    range_m: float
    assumed: dict[str, float]

    @property
    def is_offline(self) -> bool:
        """Whether its state says that it sees nothing."""
        return (self.state or "").strip().lower() in OFFLINE


def camera_layers(connection: Connection, caller: Caller) -> list[VisibleLayer]:
    """Return the layers of cameras that a caller may see.

    Raises
    ------
    NotFound
        Where there is none.
    """
    layers = [entry for entry in visible_layers(connection, caller) if entry.table is camera]
    if not layers:
        raise NotFound(
            "there is no layer of cameras that you may see; /api/layers lists those that you may see",
            "no_cameras_visible",
        )
    return layers


def seen_by(statement: Select[Any], layers: Sequence[VisibleLayer], caller: Caller) -> Select[Any]:
    """Return a statement on cameras for those alone that a caller may see."""
    return statement.where(camera.c.layer_id.in_([entry.id for entry in layers]), in_area(camera, caller))


def select_cameras() -> Select[Any]:
    """Return the statement for all cameras that have a place, as :func:`cameras_of` takes its rows."""
    columns = [camera.c[name] for name in ("id", "code", "name", "state", "dataset_id", "mount_height_m")]
    columns += [camera.c[name] for name in ("azimuth_deg", "tilt_deg", "hfov_deg", "range_m")]
    vertical = func.coalesce(*(camera.c.attributes[name].astext for name in VERTICAL_FIELDS))
    number = case((vertical.op("~")(_NUMBER), cast(vertical, Double)))
    place = [func.ST_X(camera.c.geom).label("longitude"), func.ST_Y(camera.c.geom).label("latitude")]
    return (
        select(*columns, number.label("vfov_deg"), *place)
        .where(camera.c.geom.is_not(None), ~func.ST_IsEmpty(camera.c.geom))
        .order_by(camera.c.id)
    )


def cameras_by_id(connection: Connection, ids: Collection[int], metric_crs: str) -> list[Camera]:
    """Return cameras, in the order of their ids; those without a place are left out."""
    return cameras_of(connection.execute(select_cameras().where(camera.c.id.in_(ids))).all(), metric_crs)


def cameras_of(rows: Sequence[Row[Any]], metric_crs: str) -> list[Camera]:
    """Return the cameras of rows of :func:`select_cameras`."""
    if not rows:
        return []
    lon, lat = (np.array([getattr(row, name) for row in rows], np.float64) for name in ("longitude", "latitude"))
    to_metric = from_geographic(metric_crs)
    x, y = to_metric.points(lon, lat)
    # true north in the grid
    x2, y2 = to_metric.points(lon, lat + _NORTHWARD_DEG)
    turn = np.rad2deg(np.arctan2(x2 - x, y2 - y))
    return [_camera(row, *place) for row, *place in zip(rows, x.tolist(), y.tolist(), turn.tolist(), strict=True)]


def _camera(row: Row[Any], x: float, y: float, turn_deg: float) -> Camera:
    assumed: dict[str, float] = {}
    hfov = _within(row.hfov_deg, 0.0, 360.0)
    if row.azimuth_deg is None or hfov is None:
        # A dome, or nobody knows: it looks all round.
        hfov = assumed["hfov_deg"] = 360.0
    azimuth = 0.0 if row.azimuth_deg is None else row.azimuth_deg
    azimuth = (azimuth + turn_deg) % 360
    mount = _within(row.mount_height_m, 0.0, 1000.0)
    if mount is None:
        mount = assumed["mount_height_m"] = MOUNT_HEIGHT_M
    reach = _within(row.range_m, 0.0, np.inf)
    if reach is None:
        reach = assumed["range_m"] = RANGE_M
    if reach > MAX_RANGE_M:
        reach = assumed["range_m"] = MAX_RANGE_M
    vfov = None if row.tilt_deg is None else _within(row.vfov_deg, 0.0, 180.0)
    return Camera(
        row.id, row.code, row.name, row.state, row.dataset_id, row.longitude, row.latitude, x, y,
        float(mount), float(azimuth), float(hfov), float(row.tilt_deg or 0.0), vfov, float(reach), assumed,
    )  # fmt: skip


def _within(value: float | None, low: float, high: float) -> float | None:
    """Return a value that lies above ``low`` and up to ``high``, else None."""
    return value if value is not None and low < value <= high else None
