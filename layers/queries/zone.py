"""The zone that a caller draws: GeoJSON in, one valid polygon out, or an error that says where it is wrong."""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any, NamedTuple

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon

from cim.crs import area_m2
from cim.errors import InvalidGeometry, InvalidInput, TooLarge
from cim.ids import layer_id

MAX_VERTICES = 100_000
MAX_AREA_M2 = 10_000_000e6  # a little more than the whole of China
MAX_LIST = 10_000
DEFAULT_LIST = 100


class ZoneRequest(NamedTuple):
    """A zone (polygonal, EPSG:4490, longitude first), the layers asked for (None: all) and the size of previews."""

    geometry: shapely.Geometry
    layers: tuple[str, ...] | None
    list_limit: int


def parse_zone(body: Any) -> ZoneRequest:
    """Read a request for a zone.

    Parameters
    ----------
    body
        GeoJSON Polygon, MultiPolygon, Feature or FeatureCollection of one, or an object with the members
        ``geometry``, ``layers`` and ``list_limit``.

    Raises
    ------
    InvalidGeometry, TooLarge, InvalidInput
        Naming the value or the place (lon lat) and what would be right.
    """
    if not isinstance(body, dict):
        raise InvalidInput(
            'the body is not an object; send a GeoJSON polygon, or {"geometry": {...}}',
            "not_an_object", wanted='{"geometry": {...}}',
        )  # fmt: skip
    is_request = "geometry" in body and body.get("type") != "Feature"
    geometry = _polygonal(body["geometry"] if is_request else body)
    if not is_request:
        return ZoneRequest(geometry, None, DEFAULT_LIST)
    return ZoneRequest(geometry, _layers(body.get("layers")), _limit(body.get("list_limit")))


def _layers(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value) or len(value) > 1000:
        raise InvalidInput(
            "'layers' is not a list of layer ids; leave it out for all layers", "not_a_list_of_layers", field="layers"
        )
    for name in value:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,99}", name):
            raise InvalidInput(
                f"'{name[:100]}' is no layer id; one like '{layer_id(name[:100] or 'x')}' would be",
                "no_such_layer", layer=name[:100],
            )  # fmt: skip
    return tuple(sorted(set(value)))


def _limit(value: Any) -> int:
    if value is None:
        return DEFAULT_LIST
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_LIST:
        raise InvalidInput(
            f"'list_limit' is {str(value)[:40]!r}; a whole number from 0 to {MAX_LIST} is right",
            "whole_number_wrong", field="list_limit", given=str(value)[:40], least=0, most=MAX_LIST,
        )  # fmt: skip
    return value


def _polygonal(value: Any) -> shapely.Geometry:
    value = _unwrapped(value)
    kind = value.get("type")
    if kind not in {"Polygon", "MultiPolygon"}:
        raise InvalidGeometry(
            f"the geometry is {str(kind)[:40]!r}; a Polygon or MultiPolygon is needed", "shape_not_polygon"
        )
    coordinates = value.get("coordinates")
    parts = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(parts, list) or not parts or not all(isinstance(part, list) for part in parts):
        raise InvalidGeometry(f"'coordinates' of the {kind} are empty or not a list of rings", "polygon_broken")
    if not all(part and all(isinstance(ring, list) for ring in part) for part in parts):
        raise InvalidGeometry(
            f"a polygon of the {kind} has no rings, or a ring is not a list of positions", "polygon_broken"
        )
    count = sum(len(ring) for part in parts for ring in part)
    if count > MAX_VERTICES:
        raise TooLarge(
            f"the zone has {count} vertices; at most {MAX_VERTICES} are taken: simplify it",
            "too_many_vertices", count=count, most=MAX_VERTICES,
        )  # fmt: skip
    polygons = [Polygon(rings[0], rings[1:]) for rings in ([_ring(ring) for ring in part] for part in parts)]
    geometry = polygons[0] if len(polygons) == 1 else MultiPolygon(polygons)
    _require_valid(geometry)
    return geometry


def _unwrapped(value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and value.get("type") == "FeatureCollection":
        features = value.get("features")
        if not isinstance(features, list) or len(features) != 1:
            found = len(features) if isinstance(features, list) else "no"
            raise InvalidGeometry(
                f"the FeatureCollection has {found} features; exactly one zone is needed", "zone_needs_one_feature"
            )
        value = features[0]
    if isinstance(value, dict) and value.get("type") == "Feature":
        value = value.get("geometry")
    if not isinstance(value, dict):
        raise InvalidGeometry("there is no geometry; a GeoJSON Polygon or MultiPolygon is needed", "shape_not_polygon")
    return value


def _ring(ring: list[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    for index, position in enumerate(ring):
        if not is_position(position):
            raise InvalidGeometry(
                f"position {index} of a ring is {str(position)[:60]}; [longitude, latitude] in degrees is right",
                "not_a_position", field="ring", given=str(position)[:60],
            )  # fmt: skip
    points = np.array([position[:2] for position in ring], dtype=np.float64).reshape(-1, 2)
    _require_range(points)
    if len(points) < 4:
        raise InvalidGeometry(
            f"a ring has {len(points)} positions; at least 4 are needed, the last one equal to the first",
            "ring_too_short", count=len(points),
        )  # fmt: skip
    if not np.array_equal(points[0], points[-1]):
        raise InvalidGeometry(
            f"a ring is not closed: it begins at {_place(points[0])} and ends at {_place(points[-1])};"
            " repeat the first position at the end",
            "ring_not_closed", first=_place(points[0]), last=_place(points[-1]),
        )  # fmt: skip
    return points


def is_position(value: Any) -> bool:
    """Tell whether a value of GeoJSON is a position: two to four finite numbers."""
    return (
        isinstance(value, list)
        and 2 <= len(value) <= 4
        and all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in value)
        and all(_is_finite(number) for number in value)
    )


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _require_range(points: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    outside = (np.abs(points[:, 0]) > 180) | (np.abs(points[:, 1]) > 90)
    if not outside.any():
        return
    first = points[outside.argmax()]
    swapped = np.abs(points[:, 1]).max() <= 180 and np.abs(points[:, 0]).max() <= 90
    if swapped:
        raise InvalidGeometry(
            f"the position {_place(first)} is out of range; latitude and longitude look swapped: longitude comes first",
            "coordinates_swapped", place=_place(first),
        )  # fmt: skip
    hint = "; these look like metres: send longitude and latitude in degrees" if np.abs(first).max() > 1000 else ""
    raise InvalidGeometry(
        f"the position {_place(first)} is out of range (longitude +-180, latitude +-90){hint}",
        "out_of_range", place=_place(first),
    )  # fmt: skip


def _require_valid(geometry: shapely.Geometry) -> None:
    if not shapely.is_valid(geometry):
        # GEOS says e.g. 'Self-intersection[114.22 22.7]'
        reason, _, place = shapely.is_valid_reason(geometry).partition("[")
        where = f" at {place.rstrip(']')} (lon lat)" if place else ""
        raise InvalidGeometry(
            f"the zone is not valid: {reason.lower()}{where}; draw it without crossing itself",
            "zone_crosses_itself", place=place.rstrip("]"),
        )  # fmt: skip
    size_m2 = area_m2(geometry)
    if not 0 < size_m2 <= MAX_AREA_M2:
        raise InvalidGeometry(
            f"the zone measures {size_m2:.3g} m2; more than 0 and at most {MAX_AREA_M2:.0g} m2 is right",
            "zone_size_wrong", m2=size_m2, most_m2=MAX_AREA_M2,
        )  # fmt: skip


def _place(point: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    return f"{point[0]:.7g} {point[1]:.7g}"


def shape_digest(geometry: shapely.Geometry) -> str:
    """Return SHA-256 of a geometry's WKB."""
    return "sha256:" + hashlib.sha256(shapely.to_wkb(geometry)).hexdigest()
