"""Fields of entities that a client sends, checked (18-088, 8.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
import shapely

from cim.errors import InvalidInput
from cim.tables import GEOGRAPHIC_SRID
from layers.live.sensors.reading import check_json

GEOJSON = frozenset({"application/geo+json", "application/vnd.geo+json"})
MAX_TEXT = 10_000
MAX_VERTICES = 10_000

#: Set -> field -> column, the reader of its values, and whether it must be there.
Field = tuple[str, Callable[[str, Any], Any], bool]


def read_text(name: str, value: Any) -> str:
    """Return a text; raises InvalidInput."""
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\0" in value:
        raise InvalidInput(f"{name} must be a text of at most {MAX_TEXT} characters without NUL")
    return value


def read_object(name: str, value: Any) -> dict[str, Any]:
    """Return a JSON object, empty for null; raises InvalidInput."""
    if value is not None and not isinstance(value, dict):
        raise InvalidInput(f"{name} must be a JSON object")
    check_json(value, name)
    return value or {}


def read_any(name: str, value: Any) -> Any:
    """Return any JSON but null; raises InvalidInput."""
    if value is None:
        raise InvalidInput(f"{name} is null; give it a value")
    check_json(value, name)
    return value


_DESCRIBED: dict[str, Field] = {
    "name": ("name", read_text, True),
    "description": ("description", read_text, True),
    "properties": ("properties", read_object, False),
}
_ENCODING: dict[str, Field] = {"encodingType": ("encoding_type", read_text, True)}
FIELDS: dict[str, dict[str, Field]] = {
    "Things": _DESCRIBED,
    "Locations": _DESCRIBED | _ENCODING | {"location": ("location", read_any, True)},
    "Datastreams": _DESCRIBED
    | {
        "observationType": ("observation_type", read_text, True),
        "unitOfMeasurement": ("unit_of_measurement", read_object, True),
    },
    "Sensors": _DESCRIBED | _ENCODING | {"metadata": ("metadata", read_any, True)},
    "ObservedProperties": _DESCRIBED | {"definition": ("definition", read_text, True)},
    "FeaturesOfInterest": _DESCRIBED | _ENCODING | {"feature": ("feature", read_any, True)},
}
#: What a server computes; clients that send back what they read may name it.
COMPUTED = frozenset({"id", "phenomenonTime", "resultTime", "observedArea", "observation_area"})


def read_fields(plural: str, said: Any, links: Mapping[str, Any], *, is_whole: bool = True) -> dict[str, Any]:
    """Return columns and values of an entity.

    Parameters
    ----------
    links
        Names that may stand there as well; they are read by others.
    is_whole
        Whether all that must be there must be there: not in a PATCH.

    Raises
    ------
    InvalidInput
        Naming the field.
    """
    fields = FIELDS[plural]
    if not isinstance(said, dict):
        raise InvalidInput(f"an entity of {plural} is a JSON object")
    unknown = [
        name
        for name in said
        if name not in fields and name not in links and name not in COMPUTED and "@iot." not in name
    ]
    if unknown:
        raise InvalidInput(f"unknown field '{str(unknown[0])[:60]}' in {plural}; use some of {', '.join(fields)}")
    missing = [name for name, (_, _, is_needed) in fields.items() if is_needed and said.get(name) is None]
    if is_whole and missing:
        raise InvalidInput(f"{plural}: {', '.join(missing)} must be there")
    found = {column: read(name, said[name]) for name, (column, read, _) in fields.items() if name in said}
    for name in ("location", "feature"):
        if name in found:
            found["geom"] = read_geometry(name, found[name], said.get("encodingType", "application/geo+json"))
    return found


def read_geometry(name: str, value: Any, encoding: str) -> str | None:
    """Return the EWKT of GeoJSON (EPSG:4326, longitude first; kept as EPSG:4490), None of any other encoding."""
    if encoding not in GEOJSON:
        return None
    inner = value.get("geometry", value) if isinstance(value, dict) else value
    try:
        shape = shapely.from_geojson(orjson.dumps(inner))
    except (shapely.errors.GEOSException, TypeError):
        raise InvalidInput(f"{name} is no GeoJSON geometry; write longitude, then latitude, in degrees") from None
    if shape is None or shape.is_empty or shapely.get_num_coordinates(shape) > MAX_VERTICES or not shape.is_valid:
        raise InvalidInput(f"{name} is empty, not valid, or has more than {MAX_VERTICES} vertices")
    west, south, east, north = shape.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput(f"{name} lies outside of the world; GeoJSON is degrees, longitude first")
    return f"SRID={GEOGRAPHIC_SRID};{shapely.to_wkt(shapely.force_2d(shape), rounding_precision=-1)}"
