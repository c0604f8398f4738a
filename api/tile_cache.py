"""Bodies in memory, bounded in bytes, the least recently used one out first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

#: What an entry costs beside its body: the key, the dictionary's slot.
ENTRY_BYTES = 512


class TileCache:
    """Bodies by key; an empty tile is kept as an empty body."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._bodies: OrderedDict[Hashable, bytes] = OrderedDict()
        self.size_bytes = 0

    def get(self, key: Hashable) -> bytes | None:
        """Return a body, or None where it is not kept."""
        body = self._bodies.get(key)
        if body is not None:
            self._bodies.move_to_end(key)
        return body

    def put(self, key: Hashable, body: bytes) -> None:
        """Keep a body, in place of the oldest ones."""
        self.remove(key)
        self._bodies[key] = body
        self.size_bytes += len(body) + ENTRY_BYTES
        while self.size_bytes > self._limit_bytes and self._bodies:
            _, oldest = self._bodies.popitem(last=False)
            self.size_bytes -= len(oldest) + ENTRY_BYTES

    def remove(self, key: Hashable) -> None:
        """Forget a body, if it is kept."""
        body = self._bodies.pop(key, None)
        if body is not None:
            self.size_bytes -= len(body) + ENTRY_BYTES
