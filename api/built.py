"""Bodies that cost something to build: gzip, kept in memory, and built once for all who wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from functools import partial

from prometheus_client import Counter

from api.single_flight import SingleFlight
from api.tile_cache import TileCache
from cim.gzip_body import packed


class BuiltBodies:
    """The bodies that are kept, and those that are being built."""

    def __init__(self, cache: TileCache, counted: Counter) -> None:
        self._cache = cache
        self._counted = counted
        self._building: SingleFlight[bytes] = SingleFlight()

    async def get(self, key: Hashable, build: Callable[[], Awaitable[bytes | None]]) -> bytes:
        """Return the gzip body, empty where there is nothing.

        Parameters
        ----------
        key
            All that the body depends on, versions and visibility included.
        """
        kept = self._cache.get(key)
        if kept is not None:
            self._counted.labels("memory").inc()
            return kept
        return await self._building.do(key, partial(self._build, key, build))

    async def _build(self, key: Hashable, build: Callable[[], Awaitable[bytes | None]]) -> bytes:
        raw = await build()
        body = await asyncio.to_thread(packed, raw or b"")
        self._cache.put(key, body)
        self._counted.labels("built").inc()
        return body
