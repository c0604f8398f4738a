"""What a zone is to be made from, as a caller says it: checked, and not yet looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import shapely

from cim.errors import InvalidInput
from layers.queries.zone import parse_zone
from layers.routing.asked import IsochroneAsked, parse_isochrone
from layers.said import fields_of, text_in
from layers.zones.drawn import parse_drawn

#: The ways to make one; a request has exactly one of them.
SOURCES = ("geometry", "buffer", "isochrone", "area_code", "buildings", "units")
MOST_OBJECTS = 1000
MOST_BUFFER_M = 20_000.0
LENGTHS = {"name": 120, "kind": 60, "note": 2000, "by": 100}
FIELDS = frozenset({*SOURCES, *LENGTHS, "buffer_m", "version"})


@dataclass(frozen=True)
class Wish:
    """A zone to be made or changed.

    Attributes
    ----------
    by
        Who says so.
    source
        One of ``SOURCES``.
    shape
        EPSG:4490: what was drawn, or what is to be buffered; None where it is looked up.
    codes
        A code of an area, or ids and codes of buildings or units.
    buffer_m
        Metres around it.
    reach
        What is reached by road, of which the one number of minutes is taken.
    version
        The version that is to be changed, None for a new zone.
    """

    name: str
    by: str
    source: str
    shape: shapely.Geometry | None = None
    object_id: int | None = None
    codes: tuple[str, ...] = ()
    reach: IsochroneAsked | None = None
    buffer_m: float = 0.0
    kind: str | None = None
    note: str | None = None
    version: int | None = None

    def told(self) -> dict[str, Any]:
        """Return what was asked for, as the log keeps it."""
        shape = None if self.shape is None else orjson.loads(shapely.to_geojson(self.shape))
        told = {"name": self.name, "kind": self.kind, "note": self.note, "source": self.source, "shape": shape,
                "object_id": self.object_id, "codes": list(self.codes), "buffer_m": self.buffer_m,
                "isochrone": None if self.reach is None else self.reach.told()}  # fmt: skip
        return {name: value for name, value in told.items() if value not in (None, [], 0.0)}


def parse_wish(body: Any, *, is_new: bool = True) -> Wish:
    """Read a request to make or change a zone.

    Raises
    ------
    InvalidInput, InvalidGeometry, TooLarge
        Naming the field, its value and what would be right.
    """
    body = fields_of(body, sorted(FIELDS), '{"name": ..., "by": ..., "geometry": {...}}')
    given = [name for name in SOURCES if body.get(name) is not None]
    if len(given) != 1:
        raise InvalidInput(
            f"a zone is made from exactly one of {', '.join(SOURCES)}; given: {', '.join(given) or '-'}",
            "zone_needs_one_source", choices=SOURCES, given=given,
        )  # fmt: skip
    [source] = given
    words = {name: text_in(body, name, longest) for name, longest in LENGTHS.items()}
    if not words["name"] or not words["by"]:
        raise InvalidInput(
            "name and by are missing: what the zone is called, and who draws it", "missing", fields=["name", "by"]
        )
    shape, object_id, distance_m = _shape(source, body[source])
    buffer_m = distance_m if source == "buffer" else _metres(body, "buffer_m", least=0.0)
    if source == "geometry" and buffer_m:
        raise InvalidInput(
            "buffer_m does not go with geometry; use buffer with geometry and distance_m", "buffer_with_geometry"
        )
    return Wish(
        str(words["name"]), str(words["by"]), source, shape, object_id, _codes(source, body[source]),
        _reach(source, body[source]), buffer_m, words["kind"], words["note"], None if is_new else _version(body),
    )  # fmt: skip


def _shape(source: str, value: Any) -> tuple[shapely.Geometry | None, int | None, float]:
    if source == "geometry":
        return parse_zone({"geometry": value}).geometry, None, 0.0
    if source != "buffer":
        return None, None, 0.0
    if not isinstance(value, Mapping) or ("geometry" in value) == ("object" in value):
        raise InvalidInput(
            "buffer is an object with distance_m, and with either geometry (GeoJSON) or object (an id)", "buffer_wrong"
        )
    distance_m = _metres(value, "distance_m", least=0.1)
    if "geometry" in value:
        return parse_drawn(value["geometry"]), None, distance_m
    number = value["object"]
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 2**63:
        raise InvalidInput(
            f"buffer.object is {str(number)[:40]!r}; the id of an object is right",
            "not_an_id", field="buffer.object", given=str(number)[:40],
        )  # fmt: skip
    return None, number, distance_m


def _reach(source: str, value: Any) -> IsochroneAsked | None:
    if source != "isochrone":
        return None
    minutes = value.get("minutes") if isinstance(value, Mapping) else None
    if isinstance(minutes, bool) or not isinstance(minutes, int | float):
        raise InvalidInput('isochrone is an object such as {"from": [longitude, latitude], "minutes": 10}, with one'
                           " number of minutes; profile, direction and closed may go with it",
                           "isochrone_wrong")  # fmt: skip
    return parse_isochrone(value)


def _codes(source: str, value: Any) -> tuple[str, ...]:
    if source == "area_code":
        if not isinstance(value, str) or not value.isascii() or not value.isdigit() or not 6 <= len(value) <= 15:
            raise InvalidInput(
                f"area_code is {str(value)[:40]!r}; 6 to 15 digits are right", "area_code_wrong", given=str(value)[:40]
            )
        return (value,)
    if source not in ("buildings", "units"):
        return ()
    if not isinstance(value, list) or not 0 < len(value) <= MOST_OBJECTS:
        raise InvalidInput(
            f"{source} is a list of 1 to {MOST_OBJECTS} ids or codes",
            "not_a_list_of_ids", field=source, most=MOST_OBJECTS,
        )  # fmt: skip
    for one in value:
        if isinstance(one, bool) or not isinstance(one, int | str) or not 0 < len(str(one)) <= 100 or "\0" in str(one):
            raise InvalidInput(
                f"{source} has {str(one)[:40]!r}; ids (numbers) or codes (text) are right",
                "not_an_id_or_code", field=source, given=str(one)[:40],
            )  # fmt: skip
    return tuple(dict.fromkeys(str(one) for one in value))


def _metres(body: Mapping[str, Any], name: str, *, least: float) -> float:
    value = body.get(name, 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= MOST_BUFFER_M:
        raise InvalidInput(
            f"{name} is {str(value)[:40]!r}; metres from {least:g} to {MOST_BUFFER_M:g} are right",
            "metres_wrong", field=name, given=str(value)[:40], least=least, most=MOST_BUFFER_M,
        )  # fmt: skip
    return float(value)


def _version(body: Mapping[str, Any]) -> int:
    value = body.get("version")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise InvalidInput(f"version is {str(value)[:40]!r}; the version that you have seen is needed, so that nobody's"
                           " change is overwritten unseen", "version_needed", given=str(value)[:40])  # fmt: skip
    return value
