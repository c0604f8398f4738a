"""Layers of the city as 3D Tiles: the tileset, its subtrees, and the contents of its tiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from layers.catalogue import LayerRow, get_layer
from tiles.tiles3d.city.building_rows import building_extents
from tiles.tiles3d.city.buildings import draw_buildings
from tiles.tiles3d.city.glb import Column, write_content
from tiles.tiles3d.city.grid import Cell, parse_cell
from tiles.tiles3d.city.kept import find_content, keep_content, state_of
from tiles.tiles3d.city.layout import PART_OF_SIDE, Layout, code_of
from tiles.tiles3d.city.local import Local, local_at
from tiles.tiles3d.city.pipe_rows import pipe_extents
from tiles.tiles3d.city.pipes import draw_pipes
from tiles.tiles3d.city.remembered import ReadExtents, remembered_layout
from tiles.tiles3d.city.subtree import SCHEMA, SUBTREE_LEVELS, write_subtree
from tiles.tiles3d.city.wanted import Wanted
from tiles.tiles3d.frame import column_major
from tiles.tiles3d.merge import Primitive

#: An object that is not drawn counts as an error of this many times its size, so that it comes when it is some four
#: pixels large to a reader with the usual bound of 16.
ERROR_OF_SIZE = 4.0
ROOT = Cell(0, 0, 0)

Drawn = tuple[list[Primitive], Mapping[str, Column]]


class Kind(NamedTuple):
    """How the objects of a table are found and drawn."""

    extents: ReadExtents
    draw: Callable[[Connection, LayerRow, Sequence[int], Local, Wanted], Drawn]


KINDS = {"building": Kind(building_extents, draw_buildings), "pipe": Kind(pipe_extents, draw_pipes)}


def city_tileset(connection: Connection, layer_id: str, wanted: Wanted) -> dict[str, Any]:
    """Return the tileset.json of a layer; addresses of subtrees and contents are relative to it.

    Raises
    ------
    NotFound
        For a layer that does not exist, may not be seen, has no 3D tiles, or has nothing to draw.
    """
    row = city_layer(connection, layer_id, wanted.caller)
    layout = city_layout(connection, row, wanted)
    side_m = layout.grid.side_m
    west, south, east, north = map(math.radians, layout.grid.box(ROOT))
    low, high = layout.regions[wanted.ground][code_of(ROOT)][4:]
    return {
        "asset": {"version": "1.1", "tilesetVersion": str(row.version), "generator": "cim"},
        "schema": SCHEMA,
        "geometricError": side_m,
        "root": {
            "boundingVolume": {"region": [west, south, east, north, low, high]},
            "transform": column_major(_origin(layout, ROOT).to_earth),
            "refine": "ADD",
            "geometricError": ERROR_OF_SIZE * PART_OF_SIDE * side_m,
            "content": {"uri": f"content/{{level}}/{{x}}/{{y}}.glb{wanted.query}"},
            "implicitTiling": {
                "subdivisionScheme": "QUADTREE",
                "subtreeLevels": SUBTREE_LEVELS,
                "availableLevels": layout.depth + 1,
                "subtrees": {"uri": f"subtrees/{{level}}/{{x}}/{{y}}.subtree{wanted.query}"},
            },
        },
    }


def city_subtree(connection: Connection, layer_id: str, level: object, x: object, y: object, wanted: Wanted) -> bytes:
    """Return the subtree that begins at a tile.

    Raises
    ------
    InvalidInput
        For an address out of range, or a level at which no subtree begins.
    NotFound
        For a layer as above, or where there are no tiles.
    """
    row, cell = city_layer(connection, layer_id, wanted.caller), parse_cell(level, x, y)
    if cell.level % SUBTREE_LEVELS:
        raise InvalidInput(
            f"3D tile address: no subtree begins at level {cell.level}; they do at multiples of {SUBTREE_LEVELS}"
        )
    layout = city_layout(connection, row, wanted)
    subtree = write_subtree(layout, cell, wanted.ground)
    if subtree is None:
        raise NotFound(f"the layer '{row.id}' has no tiles below {cell.level}/{cell.x}/{cell.y}")
    return subtree


def city_content(
    connection: Connection, layer_id: str, level: object, x: object, y: object, wanted: Wanted
) -> bytes | None:
    """Return the glb of a tile, or None where it has no content.

    Raises
    ------
    InvalidInput
        For an address out of range.
    NotFound
        For a layer as above.
    """
    row, cell = city_layer(connection, layer_id, wanted.caller), parse_cell(level, x, y)
    return _draw(connection, row, city_layout(connection, row, wanted), cell, wanted)


def kept_content(
    connection: Connection, layer_id: str, level: object, x: object, y: object, wanted: Wanted
) -> bytes | None:
    """Return the glb of a tile as ``city_content`` does, kept from an earlier time or drawn and kept; commits."""
    row, cell = city_layer(connection, layer_id, wanted.caller), parse_cell(level, x, y)
    layout = city_layout(connection, row, wanted)
    if not len(layout.objects_in(cell)):
        return None
    state = state_of(connection, row, layout, cell, wanted)
    found = find_content(connection, row, cell, wanted, state)
    if found is None:
        found = _draw(connection, row, layout, cell, wanted) or b""
        keep_content(connection, row, cell, wanted, state, found)
        connection.commit()
    return found or None


def _draw(connection: Connection, row: LayerRow, layout: Layout, cell: Cell, wanted: Wanted) -> bytes | None:
    ids = layout.objects_in(cell)
    if not len(ids):
        return None
    origin = _origin(layout, cell)
    primitives, columns = KINDS[row.table_name].draw(connection, row, ids.tolist(), origin, wanted)
    if not primitives:
        return None
    return write_content(primitives, origin.within(_origin(layout, ROOT)), columns, row.table_name)


def city_layer(connection: Connection, layer_id: str, caller: Caller) -> LayerRow:
    """Return the catalogue's row of a layer that is drawn in 3D; raises NotFound."""
    row = get_layer(connection, layer_id, caller)
    if row.table_name not in KINDS:
        raise NotFound(f"the layer '{row.id}' has no 3D tiles; layers of buildings and of pipes have")
    return row


def city_layout(connection: Connection, row: LayerRow, wanted: Wanted) -> Layout:
    """Return which object is in which tile; raises NotFound where there is nothing to draw."""
    found = remembered_layout(connection, row, wanted, KINDS[row.table_name].extents)
    if found is None:
        raise NotFound(f"the layer '{row.id}' has nothing to draw in 3D for you")
    return found


def _origin(layout: Layout, cell: Cell) -> Local:
    return local_at(*layout.grid.middle(cell))
