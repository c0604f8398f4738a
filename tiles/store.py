"""Tiles in the database, as they are sent: read, built, and kept as long as nothing changes under them.

A tile is one layer for the readers of one area; who may see the layer at all is decided before. What a tile is built
from may change while it is built. The snapshot that a tile was built from is therefore compared with the changes over
it when it is kept (``tile_keep.sql``), and those who keep tiles and the one who marks them exclude each other.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Connection, LargeBinary, column, exists, null, select

from cim.access import Caller
from cim.gzip_body import packed, unpacked
from layers.catalogue import LayerRow
from layers.queries.prepared import Prepared, compiled, run
from tiles.form import form_of
from tiles.mvt import MOST_KNOWN, area_of, encode_layer, is_drawn, parameters, snapshot, tile_select, tile_statement
from tiles.overview import is_made_of_sums
from tiles.settle import KEEPING_LOCK, settle
from tiles.sql import statement
from tiles.tile import BUFFER, Tile, envelope

TAG_BYTES = 12
#: What is longer is packed in a thread, lest others wait.
LONG_BYTES = 64 * 1024


class Body(NamedTuple):
    """A tile as it is sent: the hash of its content, and gzip; empty where nothing is there."""

    tag: bytes
    data: bytes


class Place(NamedTuple):
    """Where a tile is kept: layer, address, and the area of its readers (empty: all)."""

    layer_id: str
    tile: Tile
    area: str


def place_of(row: LayerRow, tile: Tile, caller: Caller) -> Place:
    """Return where the tile of a layer is kept that a caller may see."""
    return Place(row.id, tile, area_of(row, caller))


def pack(content: bytes) -> Body:
    """Return an encoded tile as it is sent."""
    tag = hashlib.blake2s(content, digest_size=TAG_BYTES).digest()
    return Body(tag, packed(content))


def join(bodies: Sequence[Body]) -> Body:
    """Return one tile of several layers: vector tiles that are joined end to end are a tile."""
    if len(bodies) == 1:
        return bodies[0]
    return pack(b"".join(unpacked(body.data) for body in bodies))


async def warm_up(connection: psycopg.AsyncConnection[Any]) -> None:
    """Let a new connection load what its first tile would wait for."""
    await connection.execute(_prepared("tile_warm").sql.encode())


async def read_stored(connection: psycopg.AsyncConnection[Any], place: Place, form: bytes) -> Body | None:
    """Return a stored tile, or None where there is none that still holds."""
    # binary: as text every byte would be sent as two
    cursor = await connection.execute(
        _prepared("tile_read").sql.encode(), _columns(place) | {"form": form}, prepare=True, binary=True
    )
    found = await cursor.fetchone()
    return None if found is None else Body(bytes(found[0]), bytes(found[1] or b""))


class Built(NamedTuple):
    """A tile that was built, to be kept: its place, the form of its layer, and the snapshot that it shows."""

    place: Place
    form: bytes
    body: Body
    snapshot: str


async def build_tile(connection: psycopg.AsyncConnection[Any], row: LayerRow, place: Place, form: bytes) -> Built:
    """Build a tile from the model; where it is made of sums these are to be settled before (``settle``)."""
    if not is_drawn(row, place.tile.z):
        return Built(place, form, pack(b""), "")
    snapshot, content = await _one(connection, tile_statement(row, form, place.tile.z, place.area), place, form)
    return Built(place, form, await _pack(bytes(content or b"")), snapshot)


async def read_or_build(
    connection: psycopg.AsyncConnection[Any], row: LayerRow, place: Place, form: bytes
) -> Body | Built:
    """Return a stored tile that still holds, else build it: one statement, as two cost a tenth of a tile more."""
    if not is_drawn(row, place.tile.z):
        return Built(place, form, pack(b""), "")
    tag, body, snapshot, content = await _one(connection, _read_or_build(row, form, place), place, form)
    if tag is not None:
        return Body(bytes(tag), bytes(body or b""))
    return Built(place, form, await _pack(bytes(content or b"")), snapshot)


async def _one(connection: psycopg.AsyncConnection[Any], prepared: Prepared, place: Place, form: bytes) -> Any:
    """Return the row of a tile's statement."""
    values = prepared.parameters | parameters(place.tile) | _columns(place) | {"form": form}
    cursor = await connection.execute(prepared.sql.encode(), values, prepare=True, binary=True)
    return await cursor.fetchone()


async def _pack(content: bytes) -> Body:
    return await asyncio.to_thread(pack, content) if len(content) > LONG_BYTES else pack(content)


async def keep_tiles(connection: psycopg.AsyncConnection[Any], built: Sequence[Built]) -> None:
    """Keep tiles, but for those under which something has changed since; each place at most once."""
    async with connection.transaction():
        await connection.execute(_prepared("tile_lock").sql.encode(), {"name": KEEPING_LOCK}, prepare=True)
        await connection.execute(_prepared("tile_keep").sql.encode(), _rows(built), prepare=True)


def build_and_keep(connection: Connection, row: LayerRow, tile: Tile, caller: Caller) -> Body:
    """Build a tile from the model and keep it, unless something under it has changed meanwhile; commits.

    Parameters
    ----------
    connection
        At READ COMMITTED: what is committed while the tile is built must be seen when it is kept.
    """
    if not is_drawn(row, tile.z):
        return pack(b"")
    if is_made_of_sums(row, tile.z):
        # Sums are of what was settled; somebody who asks right after an import is not to find nothing.
        settle(connection)
        connection.commit()
    encoded = encode_layer(connection, row, tile, caller)
    built = Built(place_of(row, tile, caller), form_of(row), pack(encoded.content), encoded.snapshot)
    run(connection, _prepared("tile_lock"), {"name": KEEPING_LOCK})
    connection.exec_driver_sql(_prepared("tile_keep").sql, _rows([built]))
    connection.commit()
    return built.body


def _rows(built: Sequence[Built]) -> dict[str, Any]:
    """Return the columns of ``tile_keep.sql``, and the bodies end to end."""
    sizes = [len(one.body.data) for one in built]
    rows = [
        (*_columns(one.place).values(), one.form.hex(), one.body.tag.hex(), reach(one.place.tile), one.snapshot)
        for one in built
    ]
    names = ("layer", "z", "x", "y", "area", "form", "tag", "reach", "snapshot")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) | {
        "bodies": b"".join(one.body.data for one in built),
        "start": [1 + before for before in accumulate(sizes[:-1], initial=0)],
        "size": sizes,
    }


def note_asked(connection: Connection, places: Iterable[Place]) -> None:
    """Remember that somebody looks at tiles: they are rebuilt first when they change."""
    rows = [(place.layer_id, *place.tile, place.area) for place in places]
    if rows:
        columns = zip(("layer", "z", "x", "y", "area"), map(list, zip(*rows, strict=True)), strict=True)
        connection.execute(statement("tile_asked"), dict(columns))


def reach(tile: Tile) -> str:
    """Return all that a tile shows, its buffer included, as PostgreSQL's ``box`` (EPSG:3857)."""
    box = envelope(tile, buffer=BUFFER)
    return f"(({box.east!r},{box.north!r}),({box.west!r},{box.south!r}))"


def _columns(place: Place) -> dict[str, Any]:
    return {"layer": place.layer_id, **place.tile._asdict(), "area": place.area}


#: Statements that read a tile or build it, by layer, form, zoom and area.
_known: dict[tuple[str, bytes, int, str], Prepared] = {}


def _read_or_build(row: LayerRow, form: bytes, place: Place) -> Prepared:
    key = (row.id, form, place.tile.z, place.area)
    found = _known.get(key)
    if found is None:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        kept = statement("tile_read").columns(column("tag", LargeBinary), column("body", LargeBinary)).cte("kept")
        built = tile_select(row, place.tile.z, place.area).scalar_subquery()
        found = _known[key] = compiled(
            select(kept.c.tag, kept.c.body, null(), null()).union_all(
                select(null(), null(), snapshot(), built).where(~exists(select(kept.c.tag)))
            )
        )
    return found


@lru_cache(maxsize=8)
def _prepared(name: str) -> Prepared:
    return compiled(statement(name))
