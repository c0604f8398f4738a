"""The code of a management cell: 15 digits of GB/T 30428.1."""

from __future__ import annotations

from typing import NamedTuple

from cim.codes.area import require_community
from cim.codes.digits import require_digits
from cim.errors import InvalidCode


class GridCellCode(NamedTuple):
    """District (6 digits), street (3), community (3) and the cell's number in it (3)."""

    district: str
    street: str
    community: str
    sequence: str


def parse_grid_cell(code: str) -> GridCellCode:
    """Take apart the code of a cell; raises InvalidCode."""
    require_digits(code, 15, "grid code", "district 6, street 3, community 3, sequence 3")
    require_community(code, "grid code")
    if code[12:] == "000":
        raise InvalidCode(f"'{code}' is no grid code: digits 13 to 15 (number of the cell) are all zero")
    return GridCellCode(code[:6], code[6:9], code[9:12], code[12:])
