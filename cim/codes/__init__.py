"""Official codes: what each is made of, and why one is wrong.

A scheme is a name ('building', 'grid_cell', 'device', 'warning', 'area', 'room') with a function that takes a code
apart or raises :class:`cim.errors.InvalidCode` saying what is wrong and what would be right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cim.codes.area import parse_area
from cim.codes.building import parse_building, parse_room
from cim.codes.device import parse_device
from cim.codes.grid_cell import parse_grid_cell
from cim.codes.warning import parse_warning
from cim.errors import InvalidCode, InvalidInput

SCHEMES: Mapping[str, Callable[[str], Any]] = {
    "area": parse_area,
    "building": parse_building,
    "room": parse_room,
    "grid_cell": parse_grid_cell,
    "device": parse_device,
    "warning": parse_warning,
}


def reason_if_wrong(scheme: str, code: str) -> str | None:
    """Return why a code does not follow a scheme, or None where it does.

    Raises
    ------
    InvalidInput
        For a scheme that there is not.
    """
    parse = SCHEMES.get(scheme)
    if parse is None:
        raise InvalidInput(f"'{scheme}' is no scheme of codes; there are {', '.join(SCHEMES)}")
    try:
        parse(code)
    except InvalidCode as error:
        return error.detail
    return None
