"""What a caller asks of the roads: the same names in an address and in a JSON body, checked, not yet looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, NamedTuple

import shapely

from cim.errors import InvalidGeometry, InvalidInput
from layers.queries.zone import is_position
from layers.routing.travel import PROFILES
from layers.said import fields_of
from layers.zones.drawn import parse_drawn

Position = tuple[float, float]

MOST_VIA, MOST_ZONES, MOST_BANDS, MOST_KINDS = 10, 50, 6, 20
MOST_MINUTES = 120.0
MOST_NEAREST = 100
WITHIN_M, MOST_WITHIN_M = 20_000.0, 50_000.0
DIRECTIONS = ("from", "to")
MANNERS = ("road", "straight")
MINUTES = (5.0, 10.0, 15.0)
_WAY = frozenset({"profile", "closed"})


class Closed(NamedTuple):
    """What is closed: zones by id, a drawn line or area (EPSG:4490), and a flood as POST /terrain/flood takes it."""

    zones: tuple[int, ...] = ()
    geometry: shapely.Geometry | None = None
    flood: Mapping[str, Any] | None = None

    def told(self) -> dict[str, Any] | None:
        """Return it for a receipt."""
        drawn = None if self.geometry is None else shapely.to_wkt(self.geometry, rounding_precision=9)
        told = {"zones": list(self.zones), "geometry": drawn, "flood": self.flood}
        return {name: value for name, value in told.items() if value} or None


class RouteAsked(NamedTuple):
    """A way from a place to another, by places between."""

    start: Position
    end: Position
    via: tuple[Position, ...] = ()
    profile: str = "car"
    closed: Closed = Closed()


class NearestAsked(NamedTuple):
    """The nearest ``n`` objects of a layer to a place; ``kinds`` empty for all."""

    place: Position
    layer: str = "resources"
    kinds: tuple[str, ...] = ()
    n: int = 5
    by: str = "road"
    profile: str = "car"
    direction: str = "to"
    within_m: float = WITHIN_M
    closed: Closed = Closed()


class IsochroneAsked(NamedTuple):
    """What is reached from a place (or from where it is reached) in some minutes, in rising order."""

    place: Position
    minutes: tuple[float, ...] = MINUTES
    profile: str = "car"
    direction: str = "from"
    closed: Closed = Closed()

    def told(self) -> dict[str, Any]:
        """Return it for a receipt or a log."""
        return {
            "from": list(self.place), "minutes": list(self.minutes), "profile": self.profile,
            "direction": self.direction, "closed": self.closed.told(),
        }  # fmt: skip


def parse_route(body: Any) -> RouteAsked:
    """Read what is asked of a route; raises InvalidInput or InvalidGeometry, which name what would be right."""
    asked = _members(body, {"from", "to", "via"} | _WAY)
    via = _listed(asked.get("via"), ";", _is_position_list)
    if len(via) > MOST_VIA:
        raise InvalidInput(
            f"via has {len(via)} places; at most {MOST_VIA} are taken",
            "too_many", field="via", count=len(via), most=MOST_VIA,
        )  # fmt: skip
    return RouteAsked(
        _position(asked, "from"), _position(asked, "to"), tuple(_place(one, "via") for one in via),
        _choice(asked, "profile", PROFILES), _closed(asked.get("closed")),
    )  # fmt: skip


def parse_nearest(body: Any) -> NearestAsked:
    """Read what is asked of the nearest; raises InvalidInput or InvalidGeometry."""
    asked = _members(body, {"from", "layer", "kind", "n", "by", "direction", "within_m"} | _WAY)
    kinds = _listed(asked.get("kind"), ",", lambda value: isinstance(value, list))
    if len(kinds) > MOST_KINDS or not all(isinstance(kind, str) and 0 < len(kind.strip()) <= 60 for kind in kinds):
        raise InvalidInput(
            f"kind is a list of at most {MOST_KINDS} words, such as 消防站",
            "not_a_list_of_words", field="kind", most=MOST_KINDS,
        )  # fmt: skip
    layer = asked.get("layer") or "resources"
    if not isinstance(layer, str) or len(layer) > 100 or "\0" in layer:
        raise InvalidInput(
            f"layer is {str(layer)[:40]!r}; the id of a layer is right, such as resources",
            "not_a_layer_id", given=str(layer)[:40],
        )  # fmt: skip
    return NearestAsked(
        _position(asked, "from"), layer, tuple(kind.strip() for kind in kinds),
        int(_number(asked, "n", 5, 1, MOST_NEAREST, is_whole=True)), _choice(asked, "by", MANNERS),
        _choice(asked, "profile", PROFILES), _choice(asked, "direction", ("to", "from")),
        _number(asked, "within_m", WITHIN_M, 1, MOST_WITHIN_M), _closed(asked.get("closed")),
    )  # fmt: skip


def parse_isochrone(body: Any) -> IsochroneAsked:
    """Read what is asked of an isochrone; raises InvalidInput or InvalidGeometry."""
    asked = _members(body, {"from", "minutes", "direction"} | _WAY)
    given = asked.get("minutes")
    if isinstance(given, int | float):
        given = [given]
    listed = _listed(given, ",", lambda value: isinstance(value, list)) or list(MINUTES)
    if len(listed) > MOST_BANDS:
        raise InvalidInput(
            f"minutes has {len(listed)} values; at most {MOST_BANDS} are taken",
            "too_many", field="minutes", count=len(listed), most=MOST_BANDS,
        )  # fmt: skip
    minutes = {_number({"minutes": one}, "minutes", 0, 0.1, MOST_MINUTES) for one in listed}
    return IsochroneAsked(
        _position(asked, "from"), tuple(sorted(minutes)), _choice(asked, "profile", PROFILES),
        _choice(asked, "direction", DIRECTIONS), _closed(asked.get("closed")),
    )  # fmt: skip


def _members(body: Any, known: set[str]) -> Mapping[str, Any]:
    return fields_of(body, sorted(known), '{"from": [longitude, latitude], ...}')


def _position(asked: Mapping[str, Any], name: str) -> Position:
    if asked.get(name) is None:
        raise InvalidInput(
            f"'{name}' is missing; longitude and latitude in degrees are needed", "missing", fields=[name]
        )
    return _place(asked[name], name)


def _place(value: Any, name: str) -> Position:
    if isinstance(value, str):
        try:
            value = [float(part) for part in value.split(",")]
        except ValueError:
            raise InvalidInput(
                f"'{name}' is '{value[:60]}'; write longitude,latitude in degrees",
                "not_a_position", field=name, given=value[:60],
            ) from None  # fmt: skip
    if not is_position(value):
        raise InvalidGeometry(
            f"'{name}' is {str(value)[:60]}; [longitude, latitude] in degrees is right",
            "not_a_position", field=name, given=str(value)[:60],
        )  # fmt: skip
    longitude, latitude = float(value[0]), float(value[1])
    if abs(longitude) > 180 or abs(latitude) > 90:
        swapped = abs(latitude) <= 180 and abs(longitude) <= 90
        hint = "; they look swapped: longitude comes first" if swapped else ""
        raise InvalidGeometry(
            f"'{name}' ({longitude:.7g}, {latitude:.7g}) is no place on earth{hint}",
            "coordinates_swapped" if swapped else "out_of_range", place=f"{longitude:.7g} {latitude:.7g}",
        )  # fmt: skip
    return longitude, latitude


def _is_position_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, list) for one in value)


def _listed(value: Any, separator: str, is_list: Callable[[Any], bool]) -> list[Any]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return value.split(separator)
    if not is_list(value):
        raise InvalidInput(
            f"{str(value)[:60]!r} is no list; in JSON send a list, in an address '{separator}' between",
            "not_a_list", given=str(value)[:60],
        )  # fmt: skip
    return list(value)


def _choice(asked: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """Return one of some words; the first of them where nothing is said."""
    value = asked.get(name)
    if value is None:
        return choices[0]
    if value not in choices:
        raise InvalidInput(
            f"{name} is {str(value)[:40]!r}; {' or '.join(choices)} is right",
            "not_one_of", field=name, given=str(value)[:40], choices=choices,
        )  # fmt: skip
    return str(value)


def _number(
    asked: Mapping[str, Any], name: str, default: float, least: float, most: float, *, is_whole: bool = False
) -> float:
    value = asked.get(name)
    if value is None:
        return default
    noun = "whole number" if is_whole else "number"
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not isfinite(number) or not least <= number <= most or (is_whole and number != int(number)):
        raise InvalidInput(
            f"{name} is {str(value)[:40]!r}; a {noun} from {least:g} to {most:g} is right",
            "whole_number_wrong" if is_whole else "number_wrong", field=name, given=str(value)[:40], least=least,
            most=most,
        )  # fmt: skip
    return number


def _closed(value: Any) -> Closed:
    if value is None or value == "":
        return Closed()
    if isinstance(value, str):
        return Closed(zones=_zones(value.split(",")))
    if not isinstance(value, Mapping) or set(map(str, value)) - {"zones", "geometry", "flood"}:
        raise InvalidInput(
            "closed is an object with 'zones' (ids), 'geometry' (GeoJSON) or 'flood' (as of a flood)", "closed_wrong"
        )
    flood = value.get("flood")
    if flood is not None and not isinstance(flood, Mapping):
        raise InvalidInput(
            f"closed.flood is {str(flood)[:40]!r}; an object as POST /terrain/flood takes it is right", "closed_wrong"
        )
    zones = value.get("zones")
    if zones is not None and not isinstance(zones, list):
        raise InvalidInput(f"closed.zones is {str(zones)[:40]!r}; a list of ids of zones is right", "closed_wrong")
    return Closed(_zones(zones or []), _line_or_area(value.get("geometry")), flood)


def _zones(values: list[Any]) -> tuple[int, ...]:
    if len(values) > MOST_ZONES:
        raise InvalidInput(
            f"closed names {len(values)} zones; at most {MOST_ZONES} are taken",
            "too_many", field="closed.zones", count=len(values), most=MOST_ZONES,
        )  # fmt: skip
    for value in values:
        is_number = not isinstance(value, bool) and str(value).isascii() and str(value).isdigit()
        if not is_number or not 0 < int(str(value)[:20]) < 2**63:
            raise InvalidInput(
                f"closed names zone {str(value)[:40]!r}; ids of zones are right, GET /zones lists them",
                "not_an_id", field="closed.zones", given=str(value)[:40],
            )  # fmt: skip
    return tuple(sorted({int(value) for value in values}))


def _line_or_area(value: Any) -> shapely.Geometry | None:
    if value is None:
        return None
    drawn = parse_drawn(value)
    if isinstance(drawn, shapely.Point):
        raise InvalidGeometry(
            "closed.geometry is a Point; draw a LineString across the road, or a Polygon", "closed_is_a_point"
        )
    return drawn
