"""Where events are: cell, area, building, storey and room, each with what it is known by, and how surely.

The confidence is that the named place (room, else storey, else building, else cell) is the right one: the product of
one factor for each step that led there. The factors are estimates, not statistics; each is answered with its reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from layers.addresses.answer import find
from layers.live.events.incoming import Incoming
from layers.sql import statement

#: Outside of a building but so near that it is meant: receivers in streets are off by as much.
NEAREST_M = 15.0
#: Coordinates and address that are farther apart than this name different places.
APART_M = 200.0
FACTORS = {
    "coordinates": 0.98,
    "device": 0.99,
    "address": 1.0,
    "inside": 0.97,
    "apart": 0.7,
    "number": 0.97,
    "height": 0.9,
    "reckoned": 0.6,
    "name": 0.97,
    "place": 0.85,
}
_STOREY = re.compile(
    r"(?<![\d.])(-?\d{1,3}|负[一二三四五]|[一二三四五六七八九十]{1,3})\s*(?:层|楼(?!栋)|/?[Ff](?![a-zA-Z]))"
)
_HAN = {han: number for number, han in enumerate("一二三四五六七八九", 1)}


class Place(NamedTuple):
    """Where one event is; None: not known."""

    longitude: float | None
    latitude: float | None
    area_code: str | None
    grid_cell_code: str | None
    manager: str | None
    building_id: int | None
    storey_id: int | None
    storey_number: int | None
    space_id: int | None
    room: str | None
    height_m: float | None
    sensor_id: int | None
    camera_id: int | None
    location: dict[str, Any]


def locate(connection: Connection, incoming: Sequence[Incoming]) -> list[Place]:
    """Return the places of events, in their order; one statement for all, and one more where addresses must be read."""
    if not incoming:
        return []
    homes = _homes(connection, incoming)
    storeys = [storey_said(one) for one in incoming]
    columns = {
        "number": list(range(len(incoming))),
        "lon": [one.longitude for one in incoming],
        "lat": [one.latitude for one in incoming],
        "building": [homes[number]["building_id"] if number in homes else None for number in range(len(incoming))],
        "height": [one.height_m for one in incoming],
        "storey": storeys,
        "room": [one.room for one in incoming],
        "device": [one.device for one in incoming],
    }
    rows = connection.execute(
        statement("event_locate"), columns | {"nearest_m": NEAREST_M, "apart_m": APART_M}
    ).mappings()
    return [_place(row, incoming[row["number"]], homes.get(row["number"])) for row in rows]


def storey_said(one: Incoming) -> int | None:
    """Return the storey that a source names, in its field or in the words of the address (7层, 七楼, 7F, 负一层)."""
    if one.storey_number is not None:
        return one.storey_number
    found = _STOREY.search(one.address or "")
    if not found:
        return None
    number = _number(found[1])
    return number if number is not None and number != 0 and -20 <= number <= 200 else None


def _number(text: str) -> int | None:
    if text.lstrip("-").isascii():
        return int(text)
    if text[0] == "负":
        return -_HAN[text[1]]
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return _HAN.get(text)
    return 10 * (_HAN.get(tens, 1) if tens else 1) + _HAN.get(ones, 0)


def _homes(connection: Connection, incoming: Sequence[Incoming]) -> dict[int, dict[str, Any]]:
    """Return the buildings that addresses name."""
    asked = [number for number, one in enumerate(incoming) if one.address]
    found = find(connection, [incoming[number].address or "" for number in asked], limit=1) if asked else []
    homes = {}
    for number, answer in zip(asked, found, strict=True):
        if answer["building"] is not None:
            homes[number] = {"building_id": answer["building"]["id"], "score": answer["score"]}
    return homes


def _place(row: Any, said: Incoming, home: dict[str, Any] | None) -> Place:
    steps = [*_steps_outside(row, said, home), *_steps_inside(row)]
    confidence = math.prod(factor for _, factor in steps) if steps else 0.0
    number = row["storey_number"]
    return Place(
        longitude=row["lon"],
        latitude=row["lat"],
        area_code=row["area_code"],
        grid_cell_code=row["cell_code"],
        manager=row["manager"],
        building_id=row["building_id"],
        storey_id=row["storey_id"],
        storey_number=None if number is None else int(number),
        space_id=row["space_id"],
        room=row["room"],
        height_m=row["height_m"],
        sensor_id=row["sensor_id"],
        camera_id=row["camera_id"],
        location={
            "confidence": round(confidence, 3),
            "reasons": [{"by": by, "factor": round(factor, 3)} for by, factor in steps],
        },
    )


def _steps_outside(row: Any, said: Incoming, home: dict[str, Any] | None) -> Iterator[tuple[str, float]]:
    """Yield what leads to the place and the building."""
    score = home["score"] if home else 1.0
    if row["placed_by"]:
        yield row["placed_by"], score if row["placed_by"] == "address" else FACTORS[row["placed_by"]]
    if said.accuracy_m and row["placed_by"] == "coordinates":
        yield f"accuracy {said.accuracy_m:g} m", 1 / (1 + said.accuracy_m / 50)
    if row["building_by"] == "near":
        yield f"near {row['distance_m']:.0f} m", 0.8 * (1 - row["distance_m"] / (2 * NEAREST_M))
    elif row["building_by"] == "address" and row["placed_by"] != "address":
        yield "address", score
    elif row["building_by"] in ("inside", "device"):
        yield f"building {row['building_by']}", FACTORS[row["building_by"]]
    if row["apart_m"] is not None:
        yield f"the address is {row['apart_m']:.0f} m away and left out", FACTORS["apart"]


def _steps_inside(row: Any) -> Iterator[tuple[str, float]]:
    """Yield what leads to the storey and the room."""
    if row["storey_by"]:
        yield f"storey by {row['storey_by']}", FACTORS[row["storey_by"]]
    elif row["is_reckoned"] and row["storey_number"] is not None:
        yield "storey reckoned from the height", FACTORS["reckoned"]
    if row["space_by"]:
        yield f"room by {row['space_by']}", FACTORS[row["space_by"]]
