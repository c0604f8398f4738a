"""Addresses of tiles in WebMercatorQuad, and what they cover."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import morecantile
from sqlalchemy import ColumnElement, Double, Integer, bindparam, cast, func, literal

from cim.errors import InvalidInput

MAX_ZOOM = 22
#: Coordinates inside a vector tile run from 0 to EXTENT; the buffer of BUFFER units keeps borders seamless.
EXTENT = 4096
BUFFER = 64
#: The side of a tile on the screen, in CSS pixels, as MapLibre draws vector tiles.
SCREEN_PIXELS = 512

MERCATOR_SRID = 3857
EARTH_RADIUS_M = 6378137.0
CIRCUMFERENCE_M = 2 * math.pi * EARTH_RADIUS_M
#: From the middle of the map to its edges.
HALF_M = CIRCUMFERENCE_M / 2


class Tile(NamedTuple):
    """A tile of WebMercatorQuad; y counts from the north."""

    z: int
    x: int
    y: int


class Envelope(NamedTuple):
    """West, south, east, north in EPSG:3857 (metres of the projection)."""

    west: float
    south: float
    east: float
    north: float


@lru_cache(maxsize=1)
def tile_matrix_set() -> morecantile.TileMatrixSet:
    """Return the tile matrix set of all tiles that are served."""
    return morecantile.tms.get("WebMercatorQuad")


def parse_tile(z: object, x: object, y: object) -> Tile:
    """Return the tile at an address, given as numbers or as text.

    Raises
    ------
    InvalidInput
        Naming the value that is out of range and the range.
    """
    zoom = _whole_number("z", z, MAX_ZOOM)
    last = 2**zoom - 1
    return Tile(zoom, _whole_number("x", x, last), _whole_number("y", y, last))


def envelope(tile: Tile, *, buffer: int = 0) -> Envelope:
    """Return what a tile covers, widened by ``buffer`` units of its grid on every side."""
    box = tile_matrix_set().xy_bounds(morecantile.Tile(x=tile.x, y=tile.y, z=tile.z))
    margin = (box.right - box.left) * buffer / EXTENT
    return Envelope(box.left - margin, box.bottom - margin, box.right + margin, box.top + margin)


@dataclass(frozen=True)
class TileRange:
    """Tiles of one zoom, the last ones included."""

    z: int
    west: int
    north: int
    east: int
    south: int

    @property
    def count(self) -> int:
        """How many tiles these are."""
        return (self.east - self.west + 1) * (self.south - self.north + 1)

    def __contains__(self, tile: Tile) -> bool:
        return tile.z == self.z and self.west <= tile.x <= self.east and self.north <= tile.y <= self.south

    def tiles(self) -> Iterator[Tile]:
        """Yield the tiles, row by row."""
        for y in range(self.north, self.south + 1):
            for x in range(self.west, self.east + 1):
                yield Tile(self.z, x, y)


def tiles_that_show(box: Envelope, zoom: int, *, buffer: int = BUFFER) -> TileRange:
    """Return the tiles of a zoom that show something of a box (EPSG:3857), be it in their buffer."""
    side = CIRCUMFERENCE_M / 2**zoom
    margin, last = side * buffer / EXTENT, 2**zoom - 1
    columns = ((box.west - margin + HALF_M) // side, (box.east + margin + HALF_M) // side)
    rows = ((HALF_M - box.north - margin) // side, (HALF_M - box.south + margin) // side)
    west, east, north, south = (min(max(int(value), 0), last) for value in (*columns, *rows))
    return TileRange(zoom, west, north, east, south)


def mercator_box(sides: Sequence[Any]) -> ColumnElement[Any]:
    """Return an envelope in SQL; its sides (west, south, east, north in EPSG:3857) are numbers or columns."""
    return func.ST_MakeEnvelope(*sides, mercator_srid())


def box_parameters(name: str) -> list[ColumnElement[float]]:
    """Return parameters for the sides of a box: ``{name}_west`` and so on, to be given when the statement runs."""
    return [bindparam(f"{name}_{side}", type_=Double) for side in Envelope._fields]


def box_values(name: str, box: Envelope) -> dict[str, float]:
    """Return the values of the parameters of a box."""
    return {f"{name}_{side}": value for side, value in box._asdict().items()}


def mercator_srid() -> ColumnElement[int]:
    """Return 3857 with the type that PostGIS expects; an untyped parameter could be any of its functions'."""
    return cast(literal(MERCATOR_SRID), Integer)


def ground_pixel_m(tile: Tile) -> float:
    """Return the metres on the ground of one screen pixel in the middle of a tile."""
    north = math.pi * (1 - 2 * (tile.y + 0.5) / 2**tile.z)
    return float(projected_pixel_m(tile.z) / math.cosh(north))


def projected_pixel_m(zoom: int) -> float:
    """Return the metres of EPSG:3857 of one screen pixel."""
    return CIRCUMFERENCE_M / (SCREEN_PIXELS * float(2**zoom))


def _whole_number(name: str, value: object, largest: int) -> int:
    text = str(value)
    # Digits of other scripts and signs are numbers to int(), but not to an address.
    if len(text) > 8 or not (text.isascii() and text.isdigit()) or int(text) > largest:
        raise InvalidInput(f"tile address: {name} is '{text[:20]}'; use a whole number from 0 to {largest}")
    return int(text)
