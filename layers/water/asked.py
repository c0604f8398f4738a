"""What is asked of a flood: where the water comes from and how high it stands, or how much it rains; checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import shapely

from cim.errors import InvalidInput
from layers.queries.zone import is_position, parse_zone
from layers.said import fields_of, require_known
from layers.terrain.profile import parse_line

LIMIT = 1000
MAX_LIMIT = 20_000
FIELDS = frozenset({"from", "level_m", "rise_m", "within", "rain", "limit"})
_STARTS = ("point", "river", "line")
_RAIN = ("mm", "hours", "runoff")
LEVELS_M = (-500.0, 9000.0)
RISES_M = (0.01, 200.0)
MM = (0.1, 2000.0)
HOURS = (0.05, 24.0)
#: Share of the rain that runs off: roofs and asphalt have 0.85 to 0.95, and drains are taken for full.
RUNOFF = 0.9


@dataclass(frozen=True)
class Rain:
    """Rain that falls evenly: millimetres in hours, and the share of it that runs off."""

    mm: float
    hours: float
    runoff: float = RUNOFF


@dataclass(frozen=True)
class FloodRequest:
    """What is asked.

    Attributes
    ----------
    point, line, river
        Where the water comes from (EPSG:4490, or the id of a river); none of them for rain.
    level_m, rise_m
        Height in the terrain's datum, or metres above the ground or the river's surface. One of them.
    within, zone
        Where it is looked at (polygonal, EPSG:4490), or the id of a zone.
    limit
        Bounds lists, never totals.
    """

    point: tuple[float, float] | None = None
    line: shapely.LineString | None = None
    river: int | None = None
    level_m: float | None = None
    rise_m: float | None = None
    rain: Rain | None = None
    within: shapely.Geometry | None = None
    zone: int | None = None
    limit: int = LIMIT

    def told(self) -> dict[str, Any]:
        """Return what was asked, as the receipt keeps it."""
        shapes = {"line": self.line, "within": self.within}
        told: dict[str, Any] = {
            "point": self.point, "river": self.river, "zone": self.zone, "level_m": self.level_m,
            "rise_m": self.rise_m, "limit": self.limit,
        }  # fmt: skip
        told |= {name: orjson.loads(shapely.to_geojson(shape)) for name, shape in shapes.items() if shape is not None}
        if self.rain is not None:
            told["rain"] = {"mm": self.rain.mm, "hours": self.rain.hours, "runoff": self.rain.runoff}
        return {name: value for name, value in told.items() if value is not None}


def parse_flood(body: Any) -> FloodRequest:
    """Read a request for a flood.

    Raises
    ------
    InvalidInput, InvalidGeometry, TooLarge
        Naming the field, its value and what would be right.
    """
    body = fields_of(body, sorted(FIELDS), '{"from": {"point": [lon, lat]}, "level_m": ...}')
    within, zone = _within(body.get("within"))
    limit = _whole(body.get("limit", LIMIT), "limit", 1, MAX_LIMIT)
    if body.get("rain") is not None:
        given = [name for name in ("from", "level_m", "rise_m") if body.get(name) is not None]
        if given:
            raise InvalidInput(
                f"{given[0]} does not go with rain, which falls on the whole window", "not_with_rain", field=given[0]
            )
        if within is None and zone is None:
            raise InvalidInput(
                "rain needs 'within': the area on which it falls, a GeoJSON polygon or {'zone': id}", "rain_needs_area"
            )
        return FloodRequest(rain=parse_rain(body["rain"]), within=within, zone=zone, limit=limit)
    level, rise = (_optional(body, name, *range_m) for name, range_m in (("level_m", LEVELS_M), ("rise_m", RISES_M)))
    if (level is None) == (rise is None):
        raise InvalidInput(
            "say either level_m, a height, or rise_m, metres above the ground or the river's surface", "level_or_rise"
        )
    point, line, river = _start(body.get("from"))
    return FloodRequest(point, line, river, level, rise, None, within, zone, limit)


def _start(value: Any) -> tuple[tuple[float, float] | None, shapely.LineString | None, int | None]:
    if not isinstance(value, Mapping) or len(value) != 1 or next(iter(value)) not in _STARTS:
        raise InvalidInput(
            '\'from\' says where the water comes from: {"point": [lon, lat]}, {"river": id} or {"line": GeoJSON}',
            "water_from_wrong",
        )
    if "line" in value:
        return None, parse_line(value["line"])[0], None
    if "river" in value:
        return None, None, _whole(value["river"], "from.river", 1, 2**63 - 1)
    position = value["point"]
    if not is_position(position) or abs(position[0]) > 180 or abs(position[1]) > 90:
        raise InvalidInput(
            f"from.point is {str(position)[:60]}; [longitude, latitude] in degrees is right",
            "not_a_position", field="from.point", given=str(position)[:60],
        )  # fmt: skip
    return (float(position[0]), float(position[1])), None, None


def parse_rain(value: Any, *, with_runoff: bool = True) -> Rain:
    """Read a rain; raises InvalidInput."""
    if not isinstance(value, Mapping):
        raise InvalidInput('rain is an object such as {"mm": 80, "hours": 2}', "rain_wrong")
    require_known(value, sorted(_RAIN if with_runoff else _RAIN[:2]), "field of rain")
    mm, hours = (_number(value, name, *limits) for name, limits in (("mm", MM), ("hours", HOURS)))
    runoff = _optional(value, "runoff", 0.01, 1.0)
    return Rain(mm, hours, RUNOFF if runoff is None else runoff)


def _within(value: Any) -> tuple[shapely.Geometry | None, int | None]:
    if value is None:
        return None, None
    if isinstance(value, Mapping) and set(value) == {"zone"}:
        return None, _whole(value["zone"], "within.zone", 1, 2**63 - 1)
    return parse_zone({"geometry": value}).geometry, None


def _optional(body: Mapping[str, Any], name: str, least: float, most: float) -> float | None:
    return None if body.get(name) is None else _number(body, name, least, most)


def _number(body: Mapping[str, Any], name: str, least: float, most: float) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise InvalidInput(
            f"{name} is {str(value)[:40]!r}; a number from {least:g} to {most:g} is right",
            "number_wrong", field=name, given=str(value)[:40], least=least, most=most,
        )  # fmt: skip
    return float(value)


def _whole(value: Any, name: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidInput(
            f"{name} is {str(value)[:40]!r}; a whole number from {least} to {most} is right",
            "whole_number_wrong", field=name, given=str(value)[:40], least=least, most=most,
        )  # fmt: skip
    return value
