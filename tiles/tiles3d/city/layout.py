"""Which object is in which tile: each in one, large ones near the root, in the cell of its middle.

An object that reaches far over the edges of its cell is drawn by a larger cell; by no more than ``OVERHANG`` it may,
else all houses on the lines between large cells would be drawn from afar. Regions hold the whole of it.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiles.tiles3d.city.extents import Extents
from tiles.tiles3d.city.grid import MAX_LEVEL, SLACK_DEG, Cell, Grid, deepest_cells, grid_around

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: A cell with no more objects than this draws all of them and is not divided further.
FEW_OBJECTS = 400
#: A cell that is divided draws what is larger than this part of its side; what is smaller comes with the cells below.
PART_OF_SIDE = 1 / 32
#: Regions reach this much further up and down than what is in them, for contents are float32.
SLACK_M = 0.05
GROUNDS = ("true", "flat")
_ROW_BITS = 20
_LEVEL_SHIFT = 2 * _ROW_BITS
_ROWS = (1 << _ROW_BITS) - 1


class Layout(NamedTuple):
    """The tiles of a layer.

    Attributes
    ----------
    ids
        Ids of all objects, those of a tile together.
    codes, starts
        Of each tile with content, in ascending order: its number (``code_of``), and where its ids begin; ``starts``
        has one more at the end.
    states
        Of each tile with content: the hash of its objects and their states.
    regions
        Ground ('true' | 'flat') -> number of each tile -> west, south, east, north (radians), lowest and highest point
        (metres) of all that it and the tiles below it draw.
    """

    grid: Grid
    ids: Integers
    codes: Integers
    starts: Integers
    states: list[bytes]
    regions: dict[str, dict[int, list[float]]]

    @property
    def depth(self) -> int:
        """The deepest level with content."""
        return int(self.codes[-1] >> _LEVEL_SHIFT)

    def objects_in(self, cell: Cell) -> Integers:
        """Return the ids of a tile's objects; none for a tile without content."""
        place = self._place_of(cell)
        return np.empty(0, np.int64) if place is None else self.ids[self.starts[place] : self.starts[place + 1]]

    def state_of(self, cell: Cell) -> bytes:
        """Return the hash of a tile's objects and their states; none for a tile without content."""
        place = self._place_of(cell)
        return b"" if place is None else self.states[place]

    def _place_of(self, cell: Cell) -> int | None:
        place = int(np.searchsorted(self.codes, code_of(cell)))
        return place if place < len(self.codes) and self.codes[place] == code_of(cell) else None

    def cells(self) -> list[Cell]:
        """Return the tiles with content, from the root on."""
        return [cell_of(code) for code in self.codes.tolist()]


def code_of(cell: Cell) -> int:
    """Return the number of a cell, in the order of levels, columns and rows."""
    return cell.level << _LEVEL_SHIFT | cell.x << _ROW_BITS | cell.y


def cell_of(code: int) -> Cell:
    """Return the cell of a number."""
    return Cell(code >> _LEVEL_SHIFT, code >> _ROW_BITS & _ROWS, code & _ROWS)


def lay_out(extents: Extents, chosen: NDArray[np.bool_] | None = None) -> Layout:
    """Return the layout of at least one object.

    Parameters
    ----------
    chosen
        Which objects are drawn; the others count for the layout all the same, so that leaving some out moves none.
    """
    grid = grid_around(extents.boxes)
    levels, places = assign(grid, extents)
    codes = levels << _LEVEL_SHIFT | places[:, 0] << _ROW_BITS | places[:, 1]
    order = np.lexsort((extents.ids, codes))
    if chosen is not None:
        order = order[chosen[order]]
    found, starts = np.unique(codes[order], return_index=True)
    heights = [extents.heights[ground] for ground in GROUNDS]
    low = np.column_stack([extents.boxes[:, :2], *(low for low, _ in heights)])[order]
    high = np.column_stack([extents.boxes[:, 2:], *(high for _, high in heights)])[order]
    regions = _regions(found, np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts))
    bounds = np.r_[starts, len(order)]
    states = _states(extents.ids[order], extents.states[order], bounds)
    return Layout(grid, extents.ids[order], found, bounds, states, regions)


def assign(grid: Grid, extents: Extents) -> tuple[Integers, Integers]:
    """Return the level of each object and the column and row (n x 2) of its cell at that level."""
    inside, places = deepest_cells(grid, extents.boxes)
    sizes = np.maximum(extents.prominence_m, 1e-3)
    by_size = np.ceil(np.log2(grid.side_m * PART_OF_SIDE / sizes)).astype(np.int64)
    wanted = np.clip(np.minimum(inside, by_size), 0, MAX_LEVEL)
    levels = np.full(len(places), -1)
    waiting = np.arange(len(places))
    for level in range(MAX_LEVEL + 1):
        cell = places[waiting] >> (MAX_LEVEL - level)
        _, cell_of, counts = np.unique(cell[:, 0] << _ROW_BITS | cell[:, 1], return_inverse=True, return_counts=True)
        drawn = (counts[cell_of] <= FEW_OBJECTS) | (wanted[waiting] <= level)
        levels[waiting[drawn]] = level
        waiting = waiting[~drawn]
        if not len(waiting):
            break
    return levels, places >> (MAX_LEVEL - levels)[:, None]


def _states(ids: Integers, states: Floats, bounds: Integers) -> list[bytes]:
    """Return the hash of each content's objects, whose rows begin and end at bounds."""
    rows = np.ascontiguousarray(np.column_stack([ids.astype(np.float64), states]))
    pairs = pairwise(bounds.tolist())
    return [hashlib.blake2s(rows[start:end].tobytes(), digest_size=16).digest() for start, end in pairs]


def _regions(codes: Integers, low: Floats, high: Floats) -> dict[str, dict[int, list[float]]]:
    """Return the regions of tiles with content and of those above them.

    Parameters
    ----------
    low, high
        Of each content: west, south (degrees) and for each ground the lowest point; east, north and the highest.
    """
    levels = codes >> _LEVEL_SHIFT
    columns, rows = codes >> _ROW_BITS & _ROWS, codes & _ROWS
    above, content = [], []
    for level in range(int(levels.max()) + 1):
        mine = np.flatnonzero(levels >= level)
        up = levels[mine] - level
        above.append(level << _LEVEL_SHIFT | columns[mine] >> up << _ROW_BITS | rows[mine] >> up)
        content.append(mine)
    tiles, tile_of = np.unique(np.concatenate(above), return_inverse=True)
    lowest, highest = np.full((len(tiles), low.shape[1]), np.inf), np.full((len(tiles), low.shape[1]), -np.inf)
    np.minimum.at(lowest, tile_of, low[np.concatenate(content)])
    np.maximum.at(highest, tile_of, high[np.concatenate(content)])
    sides = np.radians(np.column_stack([lowest[:, :2] - SLACK_DEG, highest[:, :2] + SLACK_DEG]))
    return {
        ground: dict(
            zip(
                tiles.tolist(),
                np.column_stack([sides, lowest[:, 2 + i] - SLACK_M, highest[:, 2 + i] + SLACK_M]).tolist(),
                strict=True,
            )
        )
        for i, ground in enumerate(GROUNDS)
    }
