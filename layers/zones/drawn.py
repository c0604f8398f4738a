"""What a caller draws to put a zone around: a point, a line or an area."""

from __future__ import annotations

from typing import Any

import shapely

from cim.errors import InvalidGeometry
from layers.queries.zone import is_position, parse_zone
from layers.terrain.profile import parse_line


def parse_drawn(value: Any) -> shapely.Geometry:
    """Return a GeoJSON Point, LineString, Polygon or MultiPolygon (EPSG:4490, longitude first).

    Raises
    ------
    InvalidGeometry, TooLarge
        Naming the value and what would be right.
    """
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "LineString":
        return parse_line(value)[0]
    if kind != "Point":
        return parse_zone({"geometry": value}).geometry
    position = value.get("coordinates")
    if not is_position(position) or abs(position[0]) > 180 or abs(position[1]) > 90:
        raise InvalidGeometry(
            f"the point is {str(position)[:60]}; [longitude, latitude] in degrees is right",
            "not_a_position", field="point", given=str(position)[:60],
        )  # fmt: skip
    return shapely.Point(float(position[0]), float(position[1]))
