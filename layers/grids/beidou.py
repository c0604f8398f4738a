"""BeiDou grid location codes (GB/T 39409-2020, 5.1 and 5.2), two-dimensional, both ways.

Level 1 is a sheet of the map 1:1 000 000 (6 by 4 degrees); each level below divides its cell. Written here because no
maintained Python library has it. The codes of the other hemispheres mirror these; China lies in the north-eastern one,
and places elsewhere are refused, as are those within two degrees of the pole.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cim.errors import InvalidInput


class _Level(NamedTuple):
    """Columns and rows into which a cell of the level above is divided, and the digits that name them."""

    columns: int
    rows: int
    digits: int


#: Levels 2 to 10 (5.1 b to j). One digit: cells are counted row by row from the south-west, as the Z order has them.
_LEVELS = (
    _Level(12, 8, 2), _Level(2, 3, 1), _Level(15, 10, 2), _Level(15, 15, 2), _Level(2, 2, 1), _Level(8, 8, 2),
    _Level(8, 8, 2), _Level(8, 8, 2), _Level(8, 8, 2),
)  # fmt: skip
MAX_LEVEL = len(_LEVELS) + 1
#: Cells of level 10 are 1/2048 of a second of arc to a side: 3600 x 2048 to a degree.
_UNITS = 7_372_800
_SHEET_DEG = (6, 4)
_DIGITS = np.array(list("0123456789ABCDEF"))
_ROWS = "ABCDEFGHIJKLMNOPQRSTUV"
#: A place written in decimal degrees may fall short of a cell's edge by what floating point cannot say.
_ROUNDING = 1e-5


class Cell(NamedTuple):
    """The extent of a cell in degrees."""

    west: float
    south: float
    east: float
    north: float


def size_deg(level: int) -> tuple[float, float]:
    """Return width and height of the cells of a level in degrees.

    >>> size_deg(1), size_deg(2)
    ((6.0, 4.0), (0.5, 0.5))
    """
    width, height = (side * _UNITS for side in _SHEET_DEG)
    for each in _below(level):
        width, height = width // each.columns, height // each.rows
    return width / _UNITS, height / _UNITS


def encode(longitude: ArrayLike, latitude: ArrayLike, level: int) -> NDArray[np.str_]:
    """Return the codes of the cells in which places (degrees, CGCS2000) lie; a cell owns its south and west edges.

    Raises
    ------
    InvalidInput
        For a level that is none and places outside of 0 to 180 degrees east and 0 to 88 degrees north.

    Examples
    --------
    The standard's own (appendix B.2):

    >>> str(encode(116 + 18 / 60 + 45.37 / 3600, 39 + 59 / 60 + 35.38 / 3600, 8))
    'N50J47539B825534'
    """
    lon, lat = np.asarray(longitude, np.float64), np.asarray(latitude, np.float64)
    inside = (lon >= 0) & (lon < 180) & (lat >= 0) & (lat < 88)
    if not inside.all():
        index = int(np.flatnonzero(~np.ravel(inside))[0])
        raise InvalidInput(
            f"({np.ravel(lon)[index]}, {np.ravel(lat)[index]}) has no BeiDou grid code here: 0 to 180 degrees east and"
            " 0 to 88 degrees north do"
        )
    x, y = (np.floor(value * _UNITS + _ROUNDING).astype(np.int64) for value in (lon, lat))
    width, height = (side * _UNITS for side in _SHEET_DEG)
    column, row = x // width, y // height
    parts = [np.char.zfill((column + 31).astype(np.str_), 2), np.array(list(_ROWS))[row]]
    for each in _below(level):
        x, y = x - column * width, y - row * height
        width, height = width // each.columns, height // each.rows
        column, row = x // width, y // height
        parts += [_DIGITS[column], _DIGITS[row]] if each.digits == 2 else [_DIGITS[row * each.columns + column]]
    code: NDArray[np.str_] = np.asarray("N")
    for part in parts:
        code = np.char.add(code, np.asarray(part, np.str_))
    return code


def decode(code: str) -> Cell:
    """Return the cell that a code names; its length says the level.

    Raises
    ------
    InvalidInput
        Naming the digit that is wrong.

    >>> decode("N50J47")
    Cell(west=116.0, south=39.5, east=116.5, north=40.0)
    """
    text = code.strip().upper()
    if len(text) < 4 or text[0] != "N" or not text[1:3].isdigit() or text[3] not in _ROWS:
        raise InvalidInput(
            f"'{code[:40]}' is no BeiDou grid code; one begins like N50J (north, column 31 to 60, row A to V)"
        )
    width, height = (side * _UNITS for side in _SHEET_DEG)
    if not 31 <= int(text[1:3]) <= 60:
        raise InvalidInput(f"'{code[:40]}' begins with column {text[1:3]}; 31 to 60 lie east of Greenwich")
    x, y = (int(text[1:3]) - 31) * width, _ROWS.index(text[3]) * height
    rest = text[4:]
    for number, each in enumerate(_LEVELS, 2):
        if not rest:
            break
        column, row = _place(rest[: each.digits], each, number, code)
        width, height = width // each.columns, height // each.rows
        x, y, rest = x + column * width, y + row * height, rest[each.digits :]
    if rest:
        raise InvalidInput(f"'{code[:40]}' is longer than the 20 digits of level {MAX_LEVEL}")
    return Cell(x / _UNITS, y / _UNITS, (x + width) / _UNITS, (y + height) / _UNITS)


def _place(digits: str, level: _Level, number: int, code: str) -> tuple[int, int]:
    try:
        values = [int(digit, 16) for digit in digits]
    except ValueError:
        values = []
    if len(values) == level.digits:
        column, row = values if level.digits == 2 else (values[0] % level.columns, values[0] // level.columns)
        if column < level.columns and row < level.rows:
            return column, row
    raise InvalidInput(
        f"'{code[:40]}' has '{digits}' for level {number}; {level.digits} digits are right, for"
        f" {level.columns} x {level.rows} cells"
    )


def _below(level: int) -> tuple[_Level, ...]:
    if not 1 <= level <= MAX_LEVEL:
        raise InvalidInput(f"level {level} is none of BeiDou's grid; 1 to {MAX_LEVEL} are")
    return _LEVELS[: level - 1]
