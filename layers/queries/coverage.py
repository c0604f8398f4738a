"""How much of an area the data of a layer reaches: beyond the box of all its objects nobody has surveyed."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import shapely
from sqlalchemy import Connection

from layers.extent import measure_layers
from layers.queries.visible import VisibleLayer

#: Tables whose objects are everywhere in a district; of others nothing follows from where they are.
EVERYWHERE = frozenset({"building", "grid_cell", "road", "pipe", "pipe_node", "terrain"})
#: A district's edge is not drawn by a ruler: less than this is no gap.
_WHOLE = 0.995
_REMEMBER_S = 60.0
_REMEMBERED: dict[tuple[str | None, str, int], tuple[float, tuple[float, float, float, float] | None]] = {}
_MOST_REMEMBERED = 4096


def covered_shares(connection: Connection, layers: Sequence[VisibleLayer], area: shapely.Geometry) -> dict[str, float]:
    """Return layer -> share of an area that its data reaches, for those that do not reach all of it.

    Parameters
    ----------
    area
        EPSG:4490.

    Notes
    -----
    The box of a layer's objects is looked up once a minute at most: it bounds the data and does not move with an event.
    """
    wanted = [layer for layer in layers if layer.table.name in EVERYWHERE]
    boxes = _boxes(connection, wanted)
    whole = shapely.area(area)
    found = {}
    for layer in wanted:
        box = boxes[layer.id]
        if box is None or not whole:
            continue
        share = shapely.area(shapely.intersection(area, shapely.box(*box))) / whole
        if share < _WHOLE:
            found[layer.id] = float(share)
    return found


def count_range(count: int, share: float) -> dict[str, Any]:
    """Return {"low", "high", "covered"}: what was found, and what it comes to if the rest is like this part."""
    return {"low": count, "high": math.ceil(count / share) if share > 0 else None, "covered": round(share, 3)}


def _boxes(connection: Connection, layers: Sequence[VisibleLayer]) -> dict[str, Any]:
    database = connection.engine.url.database
    now = time.monotonic()
    keys = {layer.id: (database, layer.id, layer.version) for layer in layers}
    missing = [
        layer for layer in layers
        if (known := _REMEMBERED.get(keys[layer.id])) is None or now - known[0] > _REMEMBER_S
    ]  # fmt: skip
    if missing:
        if len(_REMEMBERED) > _MOST_REMEMBERED:
            _REMEMBERED.clear()
        measured = measure_layers(connection, {layer.id: (layer.table.name, layer.version) for layer in missing})
        for layer in missing:
            _REMEMBERED[keys[layer.id]] = (now, measured[layer.id].bounds)
    return {layer.id: _REMEMBERED[keys[layer.id]][1] for layer in layers}
