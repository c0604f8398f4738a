"""Vector tiles in this process: bodies and tags in memory, one fetch for all who wait, nothing of what has changed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from prometheus_client import Counter

from api.tile_cache import TileCache
from tiles.store import Body, Place
from tiles.tile import MAX_ZOOM, Envelope, Tile, tiles_that_show

#: The layers of a tile, each with the form of its row in the catalogue.
Key = tuple[tuple[Place, bytes], ...]
Fetch = Callable[[], Awaitable[Body]]

#: Tags are kept longer than bodies: who has a tile already needs no more.
MOST_TAGS = 32_768
#: Of more tiles than this a change is compared with what is held instead of looked up.
MOST_LOOKED_UP = 1024


@dataclass
class Fetching:
    """A body on its way, and how many wait for it."""

    task: asyncio.Task[Body]
    waiting: int = 0


class TileShelf:
    """The tiles that this process holds, bounded in bytes and in number."""

    def __init__(self, limit_bytes: int, counted: Counter) -> None:
        self._bodies = TileCache(limit_bytes)
        self._tags: OrderedDict[Key, bytes] = OrderedDict()
        self._fetching: dict[Key, Fetching] = {}
        #: layer -> tile -> what is held or on its way of it
        self._of: defaultdict[str, dict[Tile, set[Key]]] = defaultdict(dict)
        self._counted = counted
        #: Looked at since somebody took note of it.
        self.asked: set[Place] = set()

    @property
    def size_bytes(self) -> int:
        """The bytes of the bodies in memory."""
        return self._bodies.size_bytes

    def tag(self, key: Key) -> bytes | None:
        """Return the tag of a tile, if it is known."""
        return self._tags.get(key)

    def get(self, key: Key) -> Body | None:
        """Return a tile from memory."""
        data = self._bodies.get(key)
        if data is None:
            return None
        self._counted.labels("memory").inc()
        self._note(key)
        return Body(self._tags[key], data)

    async def fetch(self, key: Key, fetch: Fetch) -> Body:
        """Return a tile, from memory or fetched; who leaves does not take it from others, but the last one ends it."""
        held = self.get(key)
        if held is not None:
            return held
        self._note(key)
        fetching = self._fetching.get(key)
        if fetching is None:
            fetching = self._fetching[key] = Fetching(asyncio.create_task(self._fetch(key, fetch)))
            self._index(key)
        fetching.waiting += 1
        try:
            return await asyncio.shield(fetching.task)
        finally:
            fetching.waiting -= 1
            if not fetching.waiting and not fetching.task.done():
                self._leave(key, fetching)
                fetching.task.cancel()

    def drop(self, layer_id: str, boxes: Sequence[Envelope]) -> None:
        """Forget the tiles that show something of boxes (EPSG:3857); what is on its way is not kept."""
        held = self._of.get(layer_id)
        if not held:
            return
        for zoom in {tile.z for tile in held} if len(held) < MAX_ZOOM else range(MAX_ZOOM + 1):
            for box in boxes:
                shown = tiles_that_show(box, zoom)
                touched = shown.tiles() if shown.count <= MOST_LOOKED_UP else [tile for tile in held if tile in shown]
                for tile in touched:
                    for key in tuple(held.get(tile, ())):
                        self._forget(key)

    def clear(self) -> None:
        """Forget all: what was told while nobody listened is unknown."""
        for key in {*self._tags, *self._fetching}:
            self._forget(key)

    async def _fetch(self, key: Key, fetch: Fetch) -> Body:
        own = asyncio.current_task()
        try:
            body = await fetch()
        finally:
            fetching = self._fetching.get(key)
            is_current = fetching is not None and fetching.task is own
            if fetching is not None and is_current:
                self._leave(key, fetching)
        if is_current:
            self._keep(key, body)
        return body

    def _keep(self, key: Key, body: Body) -> None:
        self._tags[key] = body.tag
        self._tags.move_to_end(key)
        self._bodies.put(key, body.data)
        self._index(key)
        while len(self._tags) > MOST_TAGS:
            self._forget(next(iter(self._tags)))

    def _leave(self, key: Key, fetching: Fetching) -> None:
        """Take a body that is on its way out of sight: who comes now begins anew."""
        if self._fetching.get(key) is fetching:
            del self._fetching[key]
            if key not in self._tags:
                self._unindex(key)

    def _forget(self, key: Key) -> None:
        self._tags.pop(key, None)
        self._bodies.remove(key)
        self._fetching.pop(key, None)
        self._unindex(key)

    def _index(self, key: Key) -> None:
        for place, _ in key:
            self._of[place.layer_id].setdefault(place.tile, set()).add(key)

    def _unindex(self, key: Key) -> None:
        for place, _ in key:
            tiles = self._of[place.layer_id]
            keys = tiles.get(place.tile, set())
            keys.discard(key)
            if not keys:
                tiles.pop(place.tile, None)

    def _note(self, key: Key) -> None:
        self.asked.update(place for place, _ in key)
