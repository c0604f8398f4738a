"""Subtrees of implicit tiling: which tiles and contents there are, a bit each, and the region of every tile.

3D Tiles 1.1, sections 8.3 to 8.5.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.tiles3d.city.grid import Cell
from tiles.tiles3d.city.layout import Layout, cell_of, code_of

#: Levels of a subtree: with 8, one is enough for a district; some readers fetch all at the start.
SUBTREE_LEVELS = 8
#: What the tileset says of the regions that come with subtrees.
SCHEMA: dict[str, Any] = {
    "id": "cim_tiles",
    "classes": {
        "tile": {
            "properties": {
                "region": {
                    "type": "SCALAR",
                    "componentType": "FLOAT64",
                    "array": True,
                    "count": 6,
                    "semantic": "TILE_BOUNDING_REGION",
                }
            }
        }
    },
}


def write_subtree(layout: Layout, root: Cell, ground: str) -> bytes | None:
    """Return the subtree that begins at a cell, or None where there is no tile."""
    regions = layout.regions[ground]
    if code_of(root) not in regions:
        return None
    tiles = np.zeros(_tile_count(SUBTREE_LEVELS), np.bool_)
    contents = tiles.copy()
    subtrees = np.zeros(4**SUBTREE_LEVELS, np.bool_)
    found: dict[int, list[float]] = {}
    with_content = set(layout.codes.tolist())
    for code, region in regions.items():
        cell = cell_of(code)
        up = cell.level - root.level
        if not 0 <= up <= SUBTREE_LEVELS or (cell.x >> up, cell.y >> up) != root[1:]:
            continue
        local = Cell(up, cell.x - (root.x << up), cell.y - (root.y << up))
        if up == SUBTREE_LEVELS:
            subtrees[_morton(local)] = True
            continue
        bit = _tile_count(up) + _morton(local)
        tiles[bit], contents[bit] = True, code in with_content
        found[bit] = region
    ordered = np.array([found[bit] for bit in sorted(found)], "<f8")
    return _container(tiles, contents, subtrees, ordered)


def _tile_count(levels: int) -> int:
    return ((1 << 2 * levels) - 1) // 3


def _morton(cell: Cell) -> int:
    """Return the bits of x and y in turn, x last."""
    return sum((cell.x >> bit & 1) << 2 * bit | (cell.y >> bit & 1) << 2 * bit + 1 for bit in range(cell.level))


class _Views:
    """Buffer views as they come; each starts at a multiple of 8 bytes."""

    def __init__(self) -> None:
        self.views: list[dict[str, Any]] = []
        self.blocks: list[bytes] = []
        self.size = 0

    def add(self, block: bytes) -> int:
        self.views.append({"buffer": 0, "byteOffset": self.size, "byteLength": len(block)})
        self.blocks.append(block + bytes(-len(block) % 8))
        self.size += len(self.blocks[-1])
        return len(self.views) - 1

    def availability(self, bits: NDArray[np.bool_]) -> dict[str, int]:
        count = int(bits.sum())
        if count in (0, len(bits)):
            return {"constant": int(count > 0)}
        return {"bitstream": self.add(np.packbits(bits, bitorder="little").tobytes()), "availableCount": count}


def _container(
    tiles: NDArray[np.bool_], contents: NDArray[np.bool_], subtrees: NDArray[np.bool_], regions: NDArray[np.float64]
) -> bytes:
    views = _Views()
    document: dict[str, Any] = {
        "tileAvailability": views.availability(tiles),
        "contentAvailability": [views.availability(contents)],
        "childSubtreeAvailability": views.availability(subtrees),
        "propertyTables": [
            {"class": "tile", "count": len(regions), "properties": {"region": {"values": views.add(regions.tobytes())}}}
        ],
        "tileMetadata": 0,
    }
    document |= {"buffers": [{"byteLength": views.size}], "bufferViews": views.views}
    text = orjson.dumps(document)
    text += b" " * (-len(text) % 8)
    return struct.pack("<4sIQQ", b"subt", 1, len(text), views.size) + text + b"".join(views.blocks)
