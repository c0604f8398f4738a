"""Tiles that are built because somebody waits for them: answered at once, and kept a moment later, many together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from api.gate import Gate
from cim.access import Caller
from cim.errors import Busy, DatabaseUnavailable
from layers.catalogue import LayerRow
from tiles.store import Body, Built, Place, build_tile, keep_tiles, read_stored
from tiles.tile import Tile

log = logging.getLogger("api.tiles")

#: Tiles that are built within this time are kept together.
GATHER_S = 0.05
#: Tiles that wait to be kept; of more some are not kept, and built again when they are asked for again.
MOST_WAITING = 512

Pool = AsyncConnectionPool[psycopg.AsyncConnection[Any]]


class TileBuilds:
    """Reads stored tiles, builds the others, and keeps what was built."""

    def __init__(self, pool: Pool, gate: Gate) -> None:
        self._pool = pool
        self._gate = gate
        self._waiting: dict[Place, Built] = {}
        self._keeping: asyncio.Task[None] | None = None

    async def read(self, place: Place, form: bytes) -> Body | None:
        """Return a stored tile, or None where there is none that still holds.

        Raises
        ------
        DatabaseUnavailable
        """
        async with self._connection() as connection:
            return await read_stored(connection, place, form)

    async def build(self, row: LayerRow, tile: Tile, caller: Caller) -> Body:
        """Return a tile built from the model.

        Raises
        ------
        Busy, DatabaseUnavailable
        """
        async with self._gate.enter(), self._connection() as connection:
            built = await build_tile(connection, row, tile, caller)
        if built.snapshot and len(self._waiting) < MOST_WAITING:
            self._waiting[built.place] = built
            if self._keeping is None or self._keeping.done():
                self._keeping = asyncio.create_task(self._keep())
        return built.body

    async def stop(self) -> None:
        """Keep what waits."""
        if self._keeping is not None:
            await self._keeping

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except psycopg.errors.QueryCanceled:
            raise Busy("the tile took longer to build than the service allows; try again in a moment") from None
        except psycopg.OperationalError:
            raise DatabaseUnavailable from None

    async def _keep(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_S)
            built, self._waiting = self._waiting, {}
            try:
                async with self._pool.connection() as connection:
                    await keep_tiles(connection, list(built.values()))
            except psycopg.Error as error:
                log.warning("%d tiles are not kept (%s)", len(built), type(error).__name__)
