"""An event as a source tells it, checked; the same for every way in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from cim.errors import InvalidInput
from layers.live.nesting import text_of

LENGTHS = {"source": 60, "source_key": 120, "type": 120, "title": 300, "description": 10_000, "address": 300,
           "room": 60, "device": 120}  # fmt: skip
MOST_ATTRIBUTES = 32_768
MOST_VERTICES = 10_000
EXAMPLE = "2026-03-01T08:00:00+08:00"


@dataclass(frozen=True)
class Incoming:
    """What a source says of one event.

    Attributes
    ----------
    source, source_key
        Name it: told again it changes nothing.
    longitude, latitude
        EPSG:4490, degrees (EPSG:4326 differs by less than a receiver's accuracy).
    accuracy_m
        How far off the place may be, where the source says so.
    height_m
        Above the ground.
    device
        Code of the sensor or camera that saw it.
    within
        The beginning of codes of areas in which it has to lie: what the key that tells it is limited to.
    """

    source: str
    source_key: str
    type: str | None = None
    title: str | None = None
    description: str | None = None
    severity: int | None = None
    occurred_at: datetime | None = None
    longitude: float | None = None
    latitude: float | None = None
    accuracy_m: float | None = None
    address: str | None = None
    height_m: float | None = None
    storey_number: int | None = None
    room: str | None = None
    device: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    area: BaseGeometry | None = None
    within: str | None = None


def read_incoming(said: Mapping[str, Any], *, now: datetime | None = None) -> Incoming:
    """Return an event from JSON values.

    Raises
    ------
    InvalidInput
        Naming the field, its value and what it should be.
    """
    if not isinstance(said, Mapping):
        raise InvalidInput("an event is a JSON object with at least source and source_key")
    unknown = set(said) - set(Incoming.__dataclass_fields__) | {"within"} & set(said)
    if unknown:
        named = ", ".join(sorted(map(str, unknown))[:5])[:200]
        raise InvalidInput(f"unknown fields: {named}; what has no field goes into 'attributes'")
    words = {name: _text(said, name) for name in LENGTHS}
    if not words["source"] or not words["source_key"]:
        raise InvalidInput("source and source_key are missing; they name an event, so that it is taken in once only")
    longitude, latitude = _number(said, "longitude", -180, 180), _number(said, "latitude", -90, 90)
    if (longitude is None) != (latitude is None):
        raise InvalidInput("longitude and latitude belong together; give both or neither")
    severity, storey = _number(said, "severity", 1, 4), _number(said, "storey_number", -20, 200)
    return Incoming(
        **words,  # type: ignore[arg-type]
        severity=None if severity is None else _whole("severity", severity),
        storey_number=None if storey is None else _whole("storey_number", storey),
        occurred_at=read_time(said.get("occurred_at"), now or datetime.now(UTC)),
        longitude=longitude,
        latitude=latitude,
        accuracy_m=_number(said, "accuracy_m", 0, 1e6),
        height_m=_number(said, "height_m", -500, 2000),
        attributes=_attributes(said.get("attributes")),
        area=_area(said.get("area")),
    )


def read_time(said: Any, now: datetime) -> datetime:
    """Return a time with its zone; now where nothing is said, and an error for one that is ahead or has no zone."""
    if said is None:
        return now
    if isinstance(said, datetime):
        found = said
    else:
        try:
            found = datetime.fromisoformat(str(said)[:64])
        except ValueError:
            raise InvalidInput(f"occurred_at is '{str(said)[:60]}'; write it like {EXAMPLE}") from None
    if found.tzinfo is None:
        raise InvalidInput(f"occurred_at is '{str(said)[:60]}', without its zone; write it like {EXAMPLE}")
    if (found - now).total_seconds() > 86_400 or found.year < 1990:
        raise InvalidInput(f"occurred_at is '{str(said)[:60]}', which is not a time of now or before; check the clock")
    return found.astimezone(UTC)


def read_time_asked(name: str, text: str | None) -> datetime | None:
    """Return a moment that a query asks for; raises InvalidInput."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text[:64].replace(" ", "+"))
    except ValueError:
        raise InvalidInput(f"{name} is '{text[:60]}'; write it like {EXAMPLE}") from None
    if found.tzinfo is None:
        raise InvalidInput(f"{name} is '{text[:60]}', without its zone; write it like {EXAMPLE}")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"{name} is '{text[:60]}', beyond the end of the calendar; write it in UTC") from None


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    if value is None:
        return None
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise InvalidInput(f"{name} must be text, not {type(value).__name__}")
    text = str(value).strip()
    if len(text) > LENGTHS[name]:
        raise InvalidInput(f"{name} has {len(text)} characters; use at most {LENGTHS[name]}")
    if "\0" in text:
        raise InvalidInput(f"{name} has a NUL character; leave it out")
    return text or None


def _number(said: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    value = said.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise InvalidInput(f"{name} is '{str(value)[:40]}'; use a number")
    if not low <= value <= high:
        raise InvalidInput(f"{name} is {value}; use a number from {low:g} to {high:g}")
    return float(value)


def _whole(name: str, value: float) -> int:
    if value != int(value):
        raise InvalidInput(f"{name} is {value}; use a whole number")
    return int(value)


def _attributes(said: Any) -> dict[str, Any]:
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise InvalidInput("attributes must be a JSON object")
    text = text_of(said, "attributes")
    if len(text) > MOST_ATTRIBUTES:
        raise InvalidInput(f"attributes has more than {MOST_ATTRIBUTES} bytes; link what is larger")
    if b"\\u0000" in text:
        raise InvalidInput("attributes has a NUL character; leave it out")
    return said


def _area(said: Any) -> BaseGeometry | None:
    if said is None:
        return None
    if isinstance(said, BaseGeometry):
        return said
    try:
        shape = shapely.from_geojson(text_of(said, "area"))
    except (shapely.errors.GEOSException, TypeError):
        raise InvalidInput("area must be a GeoJSON Polygon or MultiPolygon in degrees, longitude first") from None
    if shape is None or shape.geom_type not in ("Polygon", "MultiPolygon") or shape.is_empty:
        raise InvalidInput("area must be a GeoJSON Polygon or MultiPolygon in degrees, longitude first")
    if shapely.get_num_coordinates(shape) > MOST_VERTICES:
        raise InvalidInput(f"area has more than {MOST_VERTICES} vertices; send a simpler one")
    if not shape.is_valid:
        raise InvalidInput(f"area is not valid: {shapely.is_valid_reason(shape)}")
    west, south, east, north = shape.bounds
    if west < -180 or east > 180 or south < -90 or north > 90:
        raise InvalidInput("area lies outside of the world; GeoJSON is degrees, longitude first")
    return shape
