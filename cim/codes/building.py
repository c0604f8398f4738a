"""The city's building code of 19 digits, and that of a room of 25.

SZDB/Z 287 (Shenzhen, unified addresses of social management): province 2, city 2, district 2, street 3, community 3,
basic grid 2, building 5, room 6. Registers that number the buildings of a community through use the seven digits of
grid and building as one; both are taken.
"""

from __future__ import annotations

from typing import NamedTuple

from cim.codes.area import require_community
from cim.codes.digits import require_digits
from cim.errors import InvalidCode

_BUILDING, _ROOM = 19, 25


class BuildingCode(NamedTuple):
    """The parts of a building's code; ``number`` is grid (2) and building (5) together."""

    district: str
    street: str
    community: str
    number: str


class RoomCode(NamedTuple):
    """The code of the building, and the room in it."""

    building: BuildingCode
    room: str


def parse_building(code: str) -> BuildingCode:
    """Take apart the 19 digits of a building; raises InvalidCode."""
    if len(code) == _ROOM and code.isascii() and code.isdigit():
        raise InvalidCode(
            f"'{code}' is no building code: its 25 digits name a room; its building is {code[:_BUILDING]}"
        )
    require_digits(code, _BUILDING, "building code", "district 6, street 3, community 3, building 7")
    require_community(code, "building code")
    if not code[12:].strip("0"):
        raise InvalidCode(f"'{code}' is no building code: digits 13 to 19 (number of the building) are all zero")
    return BuildingCode(code[:6], code[6:9], code[9:12], code[12:])


def parse_room(code: str) -> RoomCode:
    """Take apart the 25 digits of a room; raises InvalidCode."""
    require_digits(code, _ROOM, "room code", "building 19, room 6")
    building = parse_building(code[:_BUILDING])
    if not code[_BUILDING:].strip("0"):
        raise InvalidCode(f"'{code}' is no room code: digits 20 to 25 (room) are all zero")
    return RoomCode(building, code[_BUILDING:])
