"""The data of a scene, taken from the model: what its page would ask the service for, by address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import morecantile
import orjson
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import InvalidInput
from layers.catalogue import get_layer
from layers.queries.items import MAX_LIMIT, ItemsQuery, list_items
from tiles.mvt import build_tile
from tiles.scene_heights import scene_tile
from tiles.scene_layers import TERRAIN
from tiles.terrain import render_tile
from tiles.tile import tile_matrix_set
from tiles.tiles3d.models import content, tileset

#: A layer's tiles are taken to the nearest zoom at which no more than this many cover the extent.
MOST_TILES = 400
#: Farther off than where this many cover it, a page need not go.
FEWEST_TILES = 4
LIVE_HOURS = 24

DeckLayer = dict[str, Any]
Extent = tuple[float, float, float, float]
Body = tuple[str, bytes]
Read = Callable[["Source", str, morecantile.Tile], bytes | None]
Take = Callable[[DeckLayer, "Source"], Iterator[Body]]


class Source(NamedTuple):
    """Where the data come from, how much of them, and for whom."""

    connection: Connection
    files: Path
    caller: Caller
    extent: Extent
    max_zoom: int
    now: datetime


def take(layer: DeckLayer, source: Source) -> Iterator[Body]:
    """Yield address and body of all that a layer of a deck asks for; the layer is told how far its tiles go.

    Raises
    ------
    InvalidInput
        Where a layer would need too many tiles even at its farthest zoom.
    """
    yield from TAKERS[layer["@@type"]](layer, source)


def zoom_range(layer: DeckLayer, source: Source) -> range:
    """Return the zooms at which a layer's tiles are taken.

    Raises
    ------
    InvalidInput
    """
    lowest, highest = layer["minZoom"], max(min(layer["maxZoom"], source.max_zoom), layer["minZoom"])
    while highest > lowest and _count(source.extent, highest) > MOST_TILES:
        highest -= 1
    if _count(source.extent, highest) > MOST_TILES:
        raise InvalidInput(
            f"the layer '{layer['id']}' would need {_count(source.extent, highest)} tiles at zoom {highest}, its "
            f"farthest; at most {MOST_TILES} are written: choose a smaller extent with --bbox"
        )
    while lowest < highest and _count(source.extent, lowest + 1) <= FEWEST_TILES:
        lowest += 1
    return range(lowest, highest + 1)


def _tiled(template: str, read: Read) -> Take:
    """Return what takes the tiles of a layer; ``{id}`` of the template is the layer's id."""

    def taker(layer: DeckLayer, source: Source) -> Iterator[Body]:
        zooms = zoom_range(layer, source)
        layer |= {"minZoom": zooms[0], "maxZoom": zooms[-1], "extent": list(source.extent)}
        for tile in tile_matrix_set().tiles(*source.extent, zooms=list(zooms)):
            body = read(source, layer["id"], tile)
            if body:
                yield template.format(id=layer["id"], z=tile.z, x=tile.x, y=tile.y), body

    return taker


def _mvt(source: Source, layer_id: str, tile: morecantile.Tile) -> bytes | None:
    return build_tile(source.connection, [layer_id], tile.z, tile.x, tile.y, source.caller)


def _geojson(source: Source, layer_id: str, tile: morecantile.Tile) -> bytes | None:
    return scene_tile(source.connection, source.files, layer_id, tile.z, tile.x, tile.y, source.caller)


def _terrain(source: Source, _layer_id: str, tile: morecantile.Tile) -> bytes | None:
    return render_tile(source.connection, source.files, tile.z, tile.x, tile.y)


def _items(layer: DeckLayer, source: Source) -> Iterator[Body]:
    """Take the objects of the last day, as the page asks the OGC service for them."""
    since = (source.now.astimezone(UTC) - timedelta(hours=LIVE_HOURS)).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = get_layer(source.connection, layer["id"], source.caller)
    features, cursor = [], None
    while True:
        query = ItemsQuery(source.extent, MAX_LIMIT, cursor, cql=f"occurred_at >= TIMESTAMP('{since}')")
        page = list_items(source.connection, row, query, source.caller)
        features += orjson.loads(page.body)
        cursor = page.next_cursor
        if cursor is None:
            break
    yield layer["data"], orjson.dumps({"type": "FeatureCollection", "features": features})


def _model(layer: DeckLayer, source: Source) -> Iterator[Body]:
    """Take a model's tileset and all of its contents."""
    path = layer["data"].partition("?")[0]
    model_id = int(layer["id"].partition(":")[2])
    made = tileset(source.connection, model_id, source.caller, ground="flat")
    body = orjson.dumps(made)
    yield path, body
    folder = path.rpartition("/")[0]
    for name in dict.fromkeys(re.findall(r'"uri":"([^"]+)\.glb"', body.decode())):
        yield f"{folder}/{name}.glb", content(source.connection, model_id, name, source.caller)


def _count(extent: Extent, zoom: int) -> int:
    west, south, east, north = extent
    first, last = (tile_matrix_set().tile(lon, lat, zoom) for lon, lat in ((west, north), (east, south)))
    return int((last.x - first.x + 1) * (last.y - first.y + 1))


#: By type of deck.gl layer.
TAKERS: dict[str, Take] = {
    "MVTLayer": _tiled("/tiles/{id}/{z}/{x}/{y}.mvt", _mvt),
    "TileLayer": _tiled("/scenes/data/{id}/{z}/{x}/{y}.geojson", _geojson),
    "TerrainLayer": _tiled(TERRAIN, _terrain),
    "Tile3DLayer": _model,
    "GeoJsonLayer": _items,
}
