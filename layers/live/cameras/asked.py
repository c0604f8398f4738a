"""What is asked of cameras in the body of a request: a line or a zone, and how targets and cameras are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import shapely

from cim.crs import area_m2, length_m
from cim.errors import InvalidGeometry, InvalidInput, TooLarge
from layers.live.cameras.told import require_height
from layers.queries.inventory import REPEAT_VERTICES
from layers.queries.zone import parse_zone, shape_digest
from layers.terrain.profile import parse_line

MAX_ZONE_M2 = 10e6
MAX_PLACING_M2 = 4e6
MAX_LINE_M = 20_000.0
MAX_VERTICES = 10_000


class Asked(NamedTuple):
    """A line or zone (EPSG:4490), the height of targets above ground, and whether cameras that are offline count."""

    geometry: shapely.Geometry
    height_m: float
    with_offline: bool

    @property
    def is_line(self) -> bool:
        """Whether it is a line."""
        return bool(shapely.get_dimensions(self.geometry) == 1)

    def parameters(self) -> dict[str, Any]:
        """Return what was asked, for the receipt."""
        return {"geometry": _repeated(self.geometry), "height_m": self.height_m, "offline": self.with_offline}


class Placing(NamedTuple):
    """Where one more camera is looked for, and what it would be.

    Attributes
    ----------
    along
        roads | ground: where it may stand.
    """

    asked: Asked
    mount_height_m: float
    range_m: float
    hfov_deg: float
    along: str
    candidates: int
    places: int

    def parameters(self) -> dict[str, Any]:
        """Return what was asked, for the receipt."""
        return self.asked.parameters() | {name: getattr(self, name) for name in Placing._fields if name != "asked"}


def parse_asked(body: Any, *, is_line_right: bool = False, max_m2: float = MAX_ZONE_M2) -> Asked:
    """Read a line or a zone: GeoJSON alone, or as ``geometry`` beside ``height_m`` and ``offline``.

    Parameters
    ----------
    is_line_right
        Whether a LineString may be asked for beside polygons.

    Raises
    ------
    InvalidInput, InvalidGeometry, TooLarge
    """
    if not isinstance(body, dict):
        raise InvalidInput(
            'the body is not an object; send GeoJSON, or {"geometry": {...}, "height_m": 1.5}',
            "not_an_object", wanted='{"geometry": {...}}',
        )  # fmt: skip
    is_request = "geometry" in body and body.get("type") != "Feature"
    shape = body["geometry"] if is_request or body.get("type") == "Feature" else body
    if is_line_right and isinstance(shape, dict) and shape.get("type") == "LineString":
        geometry = _line(shape)
    else:
        geometry = _zone(shape, max_m2)
    options = body if is_request else {}
    offline = options.get("offline", False)
    if not isinstance(offline, bool):
        raise InvalidInput(
            f"'offline' is {str(offline)[:40]!r}; true or false is right",
            "not_a_flag", field="offline", given=str(offline)[:40],
        )  # fmt: skip
    height_m = None if options.get("height_m") is None else _number(options, "height_m", 1.5, (0.0, 1000.0))
    return Asked(geometry, require_height(height_m), offline)


def parse_placing(body: Any) -> Placing:
    """Read where one more camera is looked for; see :func:`parse_asked` for the zone."""
    asked = parse_asked(body, max_m2=MAX_PLACING_M2)
    options = body if "geometry" in body and body.get("type") != "Feature" else {}
    along = options.get("along", "roads")
    if along not in ("roads", "ground"):
        raise InvalidInput(
            f"'along' is {str(along)[:40]!r}; roads or ground is right",
            "not_one_of", field="along", given=str(along)[:40], choices=["roads", "ground"],
        )  # fmt: skip
    return Placing(
        asked,
        _number(options, "mount_height_m", 6.0, (0.5, 200.0)),
        _number(options, "range_m", 100.0, (10.0, 500.0)),
        _number(options, "hfov_deg", 360.0, (1.0, 360.0)),
        along,
        int(_number(options, "candidates", 100.0, (1.0, 400.0))),
        int(_number(options, "places", 3.0, (1.0, 20.0))),
    )


def _repeated(geometry: shapely.Geometry) -> str:
    """Return a geometry as text where it is short, else the hash of it."""
    if shapely.get_num_coordinates(geometry) <= REPEAT_VERTICES:
        return str(shapely.to_wkt(geometry, rounding_precision=-1))
    return shape_digest(geometry)


def _line(shape: Mapping[str, Any]) -> shapely.Geometry:
    line, _ = parse_line(dict(shape))
    size_m = length_m(line)
    if not 0 < size_m <= MAX_LINE_M:
        raise TooLarge(
            f"the line is {size_m:.0f} m long; more than 0 and at most {MAX_LINE_M:.0f} m are right",
            "line_too_long", m=round(size_m), most_m=MAX_LINE_M,
        )  # fmt: skip
    return line


def _zone(shape: Any, max_m2: float) -> shapely.Geometry:
    if shape is None:
        raise InvalidGeometry("there is no geometry; a GeoJSON Polygon or MultiPolygon is needed", "shape_not_polygon")
    zone = parse_zone({"geometry": shape}).geometry
    count = int(shapely.get_num_coordinates(zone))
    if count > MAX_VERTICES:
        raise TooLarge(
            f"the zone has {count} vertices; at most {MAX_VERTICES} are taken: simplify it",
            "too_many_vertices", count=count, most=MAX_VERTICES,
        )  # fmt: skip
    size_m2 = area_m2(zone)
    if size_m2 > max_m2:
        raise TooLarge(
            f"the zone measures {size_m2 / 1e6:.3g} km2; at most {max_m2 / 1e6:g} km2 are taken",
            "zone_too_large", km2=size_m2 / 1e6, most_km2=max_m2 / 1e6,
        )  # fmt: skip
    return zone


def _number(options: Mapping[str, Any], name: str, usual: float, limits: tuple[float, float]) -> float:
    value = options.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not limits[0] <= value <= limits[1]:
        raise InvalidInput(
            f"'{name}' is {str(value)[:40]!r}; a number from {limits[0]:g} to {limits[1]:g} is right",
            "number_wrong", field=name, given=str(value)[:40], least=limits[0], most=limits[1],
        )  # fmt: skip
    return float(value)
