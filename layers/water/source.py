"""Where the water of a flood by level comes from: a point, a river or a line, and the window that is looked at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import river
from layers.queries.visible import in_area, visible_layers
from layers.water.asked import FloodRequest
from layers.water.inundation import Flags
from layers.water.reach import level_along
from layers.water.window import Box, Metres, Window
from layers.zones.shape import zone_shape

#: Without 'within' the window reaches so far from a point, and from a river, metres.
AROUND_POINT_M = 2500.0
AROUND_RIVER_M = 500.0
#: Beyond 'within' so much ground is looked at, metres: water may come round from outside.
MARGIN_M = 300.0
_DEGREE_M = 111_000.0


class Start(NamedTuple):
    """Where water comes from: a shape (EPSG:4490), and which way it runs where that is known."""

    shape: shapely.Geometry
    is_forward: bool | None = None
    dataset_id: int | None = None

    @property
    def is_point(self) -> bool:
        """Tell whether it is a place, not a line."""
        return isinstance(self.shape, shapely.Point)


class Level(NamedTuple):
    """The level of the water: one for all or one a cell, the cells that it comes from, and what is told of it."""

    level_m: Metres | float
    seeds: Flags
    highest_m: float
    lowest_m: float


def find_start(connection: Connection, request: FloodRequest, caller: Caller) -> Start:
    """Return where the water comes from; raises NotFound for a river that is not there or may not be seen."""
    if request.point is not None:
        return Start(shapely.Point(request.point))
    if request.line is not None:
        return Start(request.line)
    own = [entry.id for entry in visible_layers(connection, caller) if entry.table is river]
    merged = func.ST_LineMerge(river.c.geom)
    row = connection.execute(
        select(func.ST_AsBinary(merged).label("shape"), river.c.direction, river.c.direction_source, river.c.dataset_id,
               func.ST_AsBinary(river.c.geom).label("drawn"))
        .where(river.c.id == request.river, river.c.layer_id.in_(own), in_area(river, caller))
    ).one_or_none()  # fmt: skip
    if row is None or row.drawn is None:
        raise NotFound(
            f"there is no river {request.river}; /ogc/collections/rivers/items lists them",
            "no_such_river", id=request.river,
        )  # fmt: skip
    drawn = shapely.from_wkb(row.drawn)
    if row.direction_source == "drawn" or row.direction is None:
        # Nobody knows better than the ground.
        return Start(shapely.from_wkb(row.shape), None, row.dataset_id)
    # Merging may turn pieces round; as drawn they have the direction that is known.
    return Start(drawn, row.direction == "forward", row.dataset_id)


def asked_area(connection: Connection, request: FloodRequest, caller: Caller) -> shapely.Geometry | None:
    """Return the area that is looked at (EPSG:4490), None where nothing was said; raises NotFound."""
    return zone_shape(connection, request.zone, caller) if request.zone is not None else request.within


def window_bounds(start: Start | None, within: shapely.Geometry | None) -> Box:
    """Return the bounds of the ground that is needed, degrees.

    Raises
    ------
    InvalidInput
        A point that is not within the area.
    """
    if start is None:
        assert within is not None
        return _grown(shapely.bounds(within).tolist(), 0.0)
    if within is None:
        return _grown(shapely.bounds(start.shape).tolist(), AROUND_POINT_M if start.is_point else AROUND_RIVER_M)
    if not shapely.intersects(shapely.envelope(within), start.shape):
        raise InvalidInput(
            "the water comes from outside of 'within'; it is to lie within the bounds of the area", "water_outside_area"
        )
    return _grown(shapely.bounds(within).tolist(), MARGIN_M)


def level_from(window: Window, start: Start, request: FloodRequest) -> Level:
    """Return the level of the water over a window.

    Raises
    ------
    InvalidInput
        A point without a height, or a level that is not above the ground there.
    """
    if not start.is_point:
        lines = np.array([start.shape], dtype=object)
        found = level_along(window, lines, start.is_forward, rise_m=request.rise_m, level_m=request.level_m)
        return Level(found.level_m, found.seeds, found.highest_m, found.lowest_m)
    xy = shapely.get_coordinates(start.shape)
    row, column = window.cells_of(xy[:, 0], xy[:, 1])
    ground = float(window.heights[row[0], column[0]]) if window.has(row, column)[0] else float("nan")
    if not np.isfinite(ground):
        raise InvalidInput(
            f"no raster knows the height of the ground at {xy[0, 0]}, {xy[0, 1]}: take a place beside",
            "no_height_there", place=f"{xy[0, 0]}, {xy[0, 1]}",
        )  # fmt: skip
    level = request.level_m if request.level_m is not None else ground + (request.rise_m or 0.0)
    if level <= ground:
        raise InvalidInput(
            f"level_m is {level:g}, and the ground at {xy[0, 0]}, {xy[0, 1]} lies at {ground:.2f} m: nothing is under"
            " water; say a higher level, or a place that lies lower",
            "level_below_ground", level_m=level, ground_m=round(ground, 2), place=f"{xy[0, 0]}, {xy[0, 1]}",
        )  # fmt: skip
    seeds = np.zeros(window.heights.shape, bool)
    seeds[row[0], column[0]] = True
    return Level(level, seeds, level, level)


def cells_within(window: Window, within: shapely.Geometry) -> NDArray[np.bool_]:
    """Return the cells whose middle lies in an area (EPSG:4490)."""
    import rasterio.features

    [shape] = window.metric(np.array([within], dtype=object))
    inside: NDArray[np.bool_] = rasterio.features.geometry_mask(
        [shape], window.heights.shape, window.place, invert=True
    )
    return inside


def _grown(bounds: list[float], metres: float) -> Box:
    west, south, east, north = bounds
    dy = metres / _DEGREE_M
    dx = dy / max(0.05, float(np.cos(np.deg2rad(max(abs(south), abs(north))))))
    return max(-180.0, west - dx), max(-90.0, south - dy), min(180.0, east + dx), min(90.0, north + dy)
