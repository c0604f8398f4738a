"""The versions of layers, kept in memory: what ETags and tile keys are made of, without a query a request."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from api.single_flight import SingleFlight
from cim.access import OPEN_CALLER, Caller
from cim.errors import NotFound
from layers.catalogue import LayerRow, get_layer

#: Notices of changes come at once; this is for those that were lost with a connection.
MEMORY_S = 5.0
REMEMBERED_LAYERS = 2048

Read = Callable[[Connection], list[LayerRow | None]]


class LayerVersions:
    """Rows of the catalogue, each read again when its layer changes and every few seconds."""

    def __init__(self, read: Callable[[Read], Awaitable[list[LayerRow | None]]]) -> None:
        self._read = read
        self._known: OrderedDict[str, tuple[float, LayerRow | None]] = OrderedDict()
        self._changes = 0
        self._reading: SingleFlight[list[LayerRow | None]] = SingleFlight()

    async def rows(self, layer_ids: Sequence[str], caller: Caller) -> list[LayerRow]:
        """Return the rows of layers.

        Raises
        ------
        NotFound
            For a layer that does not exist or that the caller may not see.
        """
        now = time.monotonic()
        found = {name: self._known[name][1] for name in layer_ids if now - self._read_at(name) <= MEMORY_S}
        missing = [name for name in layer_ids if name not in found]
        if missing:
            changes = self._changes
            # What was begun before a change is told does not know of it.
            rows = await self._reading.do((changes, *missing), partial(self._read, partial(_find_all, missing)))
            found |= dict(zip(missing, rows, strict=True))
            if changes == self._changes:
                for name in missing:
                    self._remember(name, now, found[name])
        return [_visible(name, found[name], caller) for name in layer_ids]

    def hear(self, notice: Mapping[str, Any]) -> None:
        """Take in that a layer has changed: its new version, where the notice says that nothing else of its row has."""
        self._changes += 1
        name = str(notice.get("layer"))
        read_at, row = self._known.get(name, (0.0, None))
        if row is None or "updated_at" not in notice:
            self.forget(name)
        elif notice["version"] > row.version:
            updated_at = datetime.fromisoformat(notice["updated_at"])
            self._known[name] = (read_at, row._replace(version=notice["version"], updated_at=updated_at))

    def forget(self, layer_id: str | None = None) -> None:
        """Read a layer (or all) again at the next request."""
        self._changes += 1
        if layer_id is None:
            self._known.clear()
        else:
            self._known.pop(layer_id, None)

    def _read_at(self, name: str) -> float:
        return self._known.get(name, (float("-inf"), None))[0]

    def _remember(self, name: str, read_at: float, row: LayerRow | None) -> None:
        self._known[name] = (read_at, row)
        self._known.move_to_end(name)
        if len(self._known) > REMEMBERED_LAYERS:
            self._known.popitem(last=False)


def _find_all(layer_ids: Sequence[str], connection: Connection) -> list[LayerRow | None]:
    return [_find(connection, name) for name in layer_ids]


def _find(connection: Connection, layer_id: str) -> LayerRow | None:
    try:
        return get_layer(connection, layer_id, OPEN_CALLER)
    except NotFound:
        return None


def _visible(name: str, row: LayerRow | None, caller: Caller) -> LayerRow:
    if row is None or row.visibility not in caller.visible_levels():
        raise NotFound(
            f"there is no layer '{name[:100]}'; /api/layers lists those that you may see",
            "no_such_layer", layer=name[:100],
        )  # fmt: skip
    return row
