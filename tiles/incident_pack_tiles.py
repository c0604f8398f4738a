"""The tiles of a forward pack: built from the model with the caller's eyes, stored nowhere else."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pmtiles.tile import Compression, TileType
from pmtiles.writer import Writer
from sqlalchemy import Connection

from cim.access import Caller
from layers.catalogue import LayerRow, get_layer, list_layers
from tiles.coverage import along_hilbert
from tiles.mvt import MAX_LAYERS, build_tile, layer_table
from tiles.tile import Tile, tile_matrix_set
from tiles.tilejson import vector_layer

#: The nearest zoom is the one at which no more than this many cover the extent.
MOST_TILES = 150
NEAREST, FARTHEST = 16, 10
_E7 = 10_000_000

Extent = tuple[float, float, float, float]


def write_tiles(connection: Connection, file: Path, extent: Extent, caller: Caller) -> int:
    """Write a PMTiles file of all that has tiles in a box (degrees); returns how many tiles, 0 without a file."""
    rows = tiled_layers(connection, caller)
    places = sorted(_places(extent), key=along_hilbert)
    bodies = ((place, body) for place in places if (body := _body(connection, rows, place, caller)))
    first = next(bodies, None)
    if first is None:
        return 0
    with file.open("wb") as opened:
        writer: Any = Writer(opened)  # type: ignore[no-untyped-call]
        count = 0
        for place, body in _chained(first, bodies):
            writer.write_tile(along_hilbert(place), gzip.compress(body, 6, mtime=0))
            count += 1
        writer.finalize(_header(extent, places), {
            "name": file.stem, "type": "overlay", "vector_layers": [vector_layer(row) for row in rows],
        })  # fmt: skip
    return count


def tiled_layers(connection: Connection, caller: Caller) -> list[LayerRow]:
    """Return the layers that have vector tiles and something in them."""
    named = [told["id"] for told in list_layers(connection, caller) if told["tiles"] and told["count"]]
    return [row for name in named if layer_table(row := get_layer(connection, name, caller)) is not None]


def nearest_zoom(extent: Extent) -> int:
    """Return the nearest zoom at which not too many tiles cover a box."""
    zoom = NEAREST
    while zoom > FARTHEST and _count(extent, zoom) > MOST_TILES:
        zoom -= 1
    return zoom


def _count(extent: Extent, zoom: int) -> int:
    west, south, east, north = extent
    first, last = (tile_matrix_set().tile(lon, lat, zoom) for lon, lat in ((west, north), (east, south)))
    return int((last.x - first.x + 1) * (last.y - first.y + 1))


def _places(extent: Extent) -> Iterator[Tile]:
    for zoom in range(FARTHEST, nearest_zoom(extent) + 1):
        if _count(extent, zoom) <= MOST_TILES:
            yield from (Tile(one.z, one.x, one.y) for one in tile_matrix_set().tiles(*extent, zooms=[zoom]))


def _body(connection: Connection, rows: Sequence[LayerRow], place: Tile, caller: Caller) -> bytes:
    """Return a tile of all layers: the format lets tiles be joined end to end."""
    names = [row.id for row in rows if row.min_zoom <= place.z]
    parts = (names[start : start + MAX_LAYERS] for start in range(0, len(names), MAX_LAYERS))
    return b"".join(build_tile(connection, part, *place, caller) or b"" for part in parts)


def _chained(first: tuple[Tile, bytes], rest: Iterator[tuple[Tile, bytes]]) -> Iterator[tuple[Tile, bytes]]:
    yield first
    yield from rest


def _header(extent: Extent, places: Sequence[Tile]) -> dict[str, Any]:
    west, south, east, north = (round(value * _E7) for value in extent)
    return {
        "tile_type": TileType.MVT, "tile_compression": Compression.GZIP,
        "min_lon_e7": west, "min_lat_e7": south, "max_lon_e7": east, "max_lat_e7": north,
        "center_zoom": max(place.z for place in places), "center_lon_e7": (west + east) // 2,
        "center_lat_e7": (south + north) // 2,
    }  # fmt: skip
