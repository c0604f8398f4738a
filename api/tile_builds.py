"""Tiles that are built because somebody waits for them: answered at once, and kept a moment later, many together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg_pool import AsyncConnectionPool

from api.gate import Gate
from cim.errors import Busy, DatabaseUnavailable
from layers.catalogue import LayerRow
from tiles.overview import is_made_of_sums
from tiles.store import Body, Built, Place, build_tile, keep_tiles, read_or_build, read_stored

log = logging.getLogger("api.tiles")

#: Tiles that are built within this time are kept together.
GATHER_S = 0.2
#: Tiles that wait to be kept; of more some are not kept, and built again when they are asked for again.
MOST_WAITING = 512

Pool = AsyncConnectionPool[psycopg.AsyncConnection[Any]]


class Found(NamedTuple):
    """A tile, if there is one, and where it came from."""

    body: Body | None
    source: str


NOT_FOUND = Found(None, "")


class TileBuilds:
    """Reads stored tiles, builds the others, and keeps what was built."""

    def __init__(self, pool: Pool, gate: Gate) -> None:
        self._pool = pool
        self._gate = gate
        #: Layers and zooms of which the last tile was not stored: the next is read and built in one statement. Where
        #: tiles are stored, one statement for all layers reads them.
        self._unstored: set[tuple[str, int]] = set()
        self._waiting: dict[Place, Built] = {}
        self._keeping: asyncio.Task[None] | None = None

    async def find(self, row: LayerRow, place: Place, form: bytes) -> Found:
        """Return a stored tile; where there is none that still holds, one built at once if that needs no waiting.

        Raises
        ------
        Busy, DatabaseUnavailable
        """
        kind = (row.id, place.tile.z)
        async with self._connection() as connection:
            if kind not in self._unstored or self._gate.is_full or is_made_of_sums(row, place.tile.z):
                stored = await read_stored(connection, place, form)
                if stored is not None:
                    return Found(stored, "store")
                self._unstored.add(kind)
                if self._gate.is_full or is_made_of_sums(row, place.tile.z):
                    return NOT_FOUND
            # On the connection that is at hand: to take another costs as much as to read a tile.
            async with self._gate.enter():
                found = await read_or_build(connection, row, place, form)
        if isinstance(found, Built):
            return Found(self._keep_later(found), "built")
        self._unstored.discard(kind)
        return Found(found, "store")

    async def build(self, row: LayerRow, place: Place, form: bytes) -> Body:
        """Return a tile built from the model, when it is its turn.

        Raises
        ------
        Busy, DatabaseUnavailable
        """
        async with self._gate.enter(), self._connection() as connection:
            built = await build_tile(connection, row, place, form)
        return self._keep_later(built)

    async def stop(self) -> None:
        """Keep what waits."""
        if self._keeping is not None:
            await self._keeping

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        try:
            async with self._pool.connection() as connection:
                # One who leaves at the very moment of getting it is cancelled and never told so: the statement would
                # outlive its client.
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise asyncio.CancelledError
                yield connection
        except psycopg.errors.QueryCanceled:
            raise Busy("the tile took longer to build than the service allows; try again in a moment") from None
        except psycopg.OperationalError:
            raise DatabaseUnavailable from None

    def _keep_later(self, built: Built) -> Body:
        if built.snapshot and len(self._waiting) < MOST_WAITING:
            self._waiting[built.place] = built
            if self._keeping is None or self._keeping.done():
                self._keeping = asyncio.create_task(self._keep())
        return built.body

    async def _keep(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_S)
            built, self._waiting = self._waiting, {}
            try:
                async with self._pool.connection() as connection:
                    await keep_tiles(connection, list(built.values()))
            except psycopg.Error as error:
                log.warning("%d tiles are not kept (%s)", len(built), type(error).__name__)
