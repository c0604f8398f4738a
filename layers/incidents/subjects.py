"""What additions may change besides adding entries: fields of the incident, and zones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import shapely
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from layers.zones.making import settled
from layers.zones.wish import parse_wish
from layers.zones.zones import change_zone, read_zone

Values = Mapping[str, Any]


def zone_values(connection: Connection, zone_id: int, caller: Caller) -> Values:
    """Return what of a zone may be changed, nothing of one that is gone or out of sight."""
    try:
        found = read_zone(connection, zone_id, caller)
    except NotFound:
        return {}
    told = found["properties"]
    return {"name": told["name"], "kind": told["kind"], "note": told["note"], "geometry": found["geometry"]}


def write_zone(connection: Connection, zone_id: int, values: Values, caller: Caller, *, by: str) -> dict[str, Any]:
    """Give a zone new values; what is not among them stays. Returns it as a GeoJSON feature.

    Raises
    ------
    Forbidden, NotFound, InvalidInput
    """
    found = read_zone(connection, zone_id, caller)
    was = {name: value for name, value in zone_values(connection, zone_id, caller).items() if value is not None}
    new = {name: value for name, value in (was | dict(values)).items() if value is not None}
    body = new | {"by": by, "version": found["properties"]["version"]}
    return change_zone(connection, zone_id, parse_wish(body, is_new=False), caller)


def same(one: Any, other: Any) -> bool:
    """Tell whether two values say the same; shapes, whichever way round they are written."""
    if _is_shape(one) and _is_shape(other):
        return _outline(one) == _outline(other)
    return bool(_plain(one) == _plain(other))


def _is_shape(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("type") in ("Polygon", "MultiPolygon")


def _outline(value: Mapping[str, Any]) -> bytes:
    try:
        shape = shapely.from_geojson(orjson.dumps(value))
    except shapely.errors.GEOSException:
        raise InvalidInput("a geometry is no GeoJSON Polygon or MultiPolygon", "shape_not_polygon") from None
    outline: bytes = shapely.to_wkb(settled(shape))
    return outline


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return round(float(value), 9) if isinstance(value, int | float) and not isinstance(value, bool) else value or None
