"""The quadtree of a layer: a square of degrees around all of it, cut into four again and again."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cim.errors import InvalidInput

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]

#: No tile lies deeper; a cell there is smaller than a house.
MAX_LEVEL = 15
#: The side of the square is this many degrees times a power of two.
LEAST_SIDE_DEG = 0.001
#: The square's corner lies on a raster of this part of its side, so that it stays where it is when a few objects come.
CORNERS_A_SIDE = 16
#: What a tile draws reaches over the edges of its cell by at most this part of the cell's side.
OVERHANG = 1 / 32
#: Boxes are this much wider than what is in them, for contents are float32: some 2 mm.
SLACK_DEG = 2e-8
METRES_A_DEGREE = 111_000.0


class Cell(NamedTuple):
    """The address of a tile: x counts from the west, y from the south."""

    level: int
    x: int
    y: int


class Grid(NamedTuple):
    """The root's square (EPSG:4490, degrees)."""

    west: float
    south: float
    side: float

    @property
    def side_m(self) -> float:
        """The square's height in metres, near enough for errors and sizes."""
        return self.side * METRES_A_DEGREE

    def box(self, cell: Cell) -> Box:
        """Return west, south, east, north of a cell in degrees, as the subdivision of a region gives them."""
        side = self.side / 2**cell.level
        west, south = self.west + side * cell.x, self.south + side * cell.y
        return west, south, west + side, south + side

    def middle(self, cell: Cell) -> tuple[float, float]:
        """Return the longitude and latitude of a cell's middle."""
        west, south, east, north = self.box(cell)
        return (west + east) / 2, (south + north) / 2


def grid_around(boxes: Floats) -> Grid:
    """Return the smallest of the allowed squares around boxes (n x 4: west, south, east, north; degrees)."""
    west, south = boxes[:, :2].min(axis=0) - SLACK_DEG
    east, north = boxes[:, 2:].max(axis=0) + SLACK_DEG
    side = LEAST_SIDE_DEG
    while True:
        step = side / CORNERS_A_SIDE
        corner = math.floor(west / step) * step, math.floor(south / step) * step
        if east <= corner[0] + side and north <= corner[1] + side:
            return Grid(*corner, side)
        side *= 2


def deepest_cells(grid: Grid, boxes: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, of boxes, the deepest level at which the cell of its middle holds each but for OVERHANG of its side.

    Returns
    -------
    levels, places
        n; n x 2, the column and row of each box's middle in cells of MAX_LEVEL.
    """
    low = (boxes[:, :2] - [grid.west, grid.south]) / grid.side
    high = (boxes[:, 2:] - [grid.west, grid.south]) / grid.side
    middle = np.clip((low + high) / 2, 0.0, np.nextafter(1.0, 0.0))
    levels = np.zeros(len(boxes), np.int64)
    for level in range(1, MAX_LEVEL + 1):
        cell = np.floor(middle * 2**level)
        out = np.maximum(cell - low * 2**level, high * 2**level - (cell + 1)).max(axis=1)
        # what fits a cell fits the one above as well
        levels += out <= OVERHANG
    return levels, np.floor(middle * 2**MAX_LEVEL).astype(np.int64)


def parse_cell(level: object, x: object, y: object) -> Cell:
    """Return the cell at an address, given as numbers or as text; raises InvalidInput naming what is out of range."""
    depth = _whole_number("level", level, MAX_LEVEL)
    last = 2**depth - 1
    return Cell(depth, _whole_number("x", x, last), _whole_number("y", y, last))


def _whole_number(name: str, value: object, largest: int) -> int:
    text = str(value)
    if len(text) > 8 or not (text.isascii() and text.isdigit()) or int(text) > largest:
        raise InvalidInput(f"3D tile address: {name} is '{text[:20]}'; use a whole number from 0 to {largest}")
    return int(text)
