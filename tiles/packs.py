"""Packs of tiles: a PMTiles file (version 3) that any of its clients reads, for stores, disks and other networks."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from pmtiles.tile import Compression, TileType
from pmtiles.writer import Writer
from sqlalchemy import ColumnElement, Connection, and_, or_, select, tuple_

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import tile
from layers.catalogue import LayerRow
from tiles.build import Zooms
from tiles.coverage import along_hilbert
from tiles.form import form_of
from tiles.mvt import area_of
from tiles.store import Body, join
from tiles.tile import MAX_ZOOM, Envelope, Tile, tiles_that_show
from tiles.tilejson import Bounds, joined_bounds, layer_bounds, vector_layer

#: Tiles that are in memory at a time.
_PAGE = 200
_E7 = 10_000_000


def write_pack(
    connection: Connection,
    file: Path,
    rows: Sequence[LayerRow],
    caller: Caller,
    *,
    zooms: Zooms | None = None,
    within: Envelope | None = None,
    bounds: Bounds | None = None,
) -> int:
    """Write the stored tiles of some layers, each tile with all of them; returns the number of tiles.

    The file is there when it is whole. Layers are those that its readers may see: who calls has asked the catalogue.

    Parameters
    ----------
    within, bounds
        The part of the map to write, in EPSG:3857 and in degrees; all of it without.

    Raises
    ------
    NotFound
        Where there is no tile to write.
    """
    places = sorted(_places(connection, rows, caller, zooms, within), key=along_hilbert)
    if not places:
        raise NotFound("there are no tiles to write: the layers have nothing at these zooms in this place")
    shown = bounds or joined_bounds([layer_bounds(connection, row) for row in rows])
    partial = file.with_name(file.name + ".partial")
    try:
        with partial.open("wb") as opened:
            writer: Any = Writer(opened)  # type: ignore[no-untyped-call]
            for place, body in _bodies(connection, places, rows, caller):
                writer.write_tile(along_hilbert(place), body.data)
            writer.finalize(_header(shown, places), _metadata(file.stem, rows))
            opened.flush()
            os.fsync(opened.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return len(places)


def _kept(rows: Sequence[LayerRow], caller: Caller) -> ColumnElement[bool]:
    """Return the condition of stored tiles of the layers that the caller may see, and that hold something."""
    own = [
        and_(tile.c.layer_id == row.id, tile.c.area_code == area_of(row, caller), tile.c.form == form_of(row))
        for row in rows
    ]
    return and_(or_(*own), tile.c.body.is_not(None))


def _places(
    connection: Connection, rows: Sequence[LayerRow], caller: Caller, zooms: Zooms | None, within: Envelope | None
) -> Iterator[Tile]:
    first, last = zooms or Zooms(0, MAX_ZOOM)
    found = connection.execute(
        select(tile.c.z, tile.c.x, tile.c.y).where(_kept(rows, caller), tile.c.z.between(first, last)).distinct()
    )
    limits = {zoom: tiles_that_show(within, zoom) for zoom in range(first, last + 1)} if within else None
    places = (Tile(*place) for place in found)
    return (place for place in places if limits is None or place in limits[place.z])


def _bodies(
    connection: Connection, places: Sequence[Tile], rows: Sequence[LayerRow], caller: Caller
) -> Iterator[tuple[Tile, Body]]:
    order = {row.id: number for number, row in enumerate(rows)}
    remaining = iter(places)
    while page := list(islice(remaining, _PAGE)):
        of: defaultdict[Tile, list[tuple[int, Body]]] = defaultdict(list)
        stored = connection.execute(
            select(tile.c.z, tile.c.x, tile.c.y, tile.c.layer_id, tile.c.tag, tile.c.body).where(
                _kept(rows, caller), tuple_(tile.c.z, tile.c.x, tile.c.y).in_([tuple(place) for place in page])
            )
        )
        for z, x, y, layer_id, tag, body in stored:
            of[Tile(z, x, y)].append((order[layer_id], Body(bytes(tag), bytes(body))))
        for place in page:
            yield place, join([body for _, body in sorted(of[place])])


def _header(bounds: Bounds, places: Sequence[Tile]) -> dict[str, Any]:
    west, south, east, north = bounds
    return {
        "tile_type": TileType.MVT,
        "tile_compression": Compression.GZIP,
        "min_lon_e7": round(west * _E7),
        "min_lat_e7": round(south * _E7),
        "max_lon_e7": round(east * _E7),
        "max_lat_e7": round(north * _E7),
        "center_zoom": min(max(place.z for place in places), 13),
        "center_lon_e7": round((west + east) / 2 * _E7),
        "center_lat_e7": round((south + north) / 2 * _E7),
    }


def _metadata(name: str, rows: Sequence[LayerRow]) -> dict[str, Any]:
    return {
        "name": name,
        "description": "; ".join(f"{row.title_zh} / {row.title_en}" for row in rows),
        "type": "overlay",
        "vector_layers": [vector_layer(row) for row in rows],
    }
