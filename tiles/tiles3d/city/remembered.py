"""Layouts of large layers, each made once for a version of the data."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from sqlalchemy import Connection, func, select

from cim.tables import layer
from layers.catalogue import LayerRow
from tiles.tiles3d.city.extents import Extents
from tiles.tiles3d.city.layout import Layout, lay_out
from tiles.tiles3d.city.wanted import Wanted

#: Layers of fewer objects are laid out anew each time, in milliseconds.
REMEMBER_ABOVE = 5_000
REMEMBER_AT_MOST = 16
#: Layers that a layout depends on beside its own.
FED_BY = ("models", "terrain", "pipe_nodes")

ReadExtents = Callable[[Connection, LayerRow, Wanted], Extents]

_KNOWN: OrderedDict[tuple[object, ...], Layout] = OrderedDict()
#: So that of several who ask at once for a layer that has changed only one lays it out.
_MAKING = threading.Lock()


def remembered_layout(
    connection: Connection, row: LayerRow, wanted: Wanted, read_extents: ReadExtents
) -> Layout | None:
    """Return the layout of a layer as a caller sees it, or None where there is nothing."""
    key = (*_versions(connection, row), wanted._replace(ground="true"))
    found = _KNOWN.get(key)
    if found is not None:
        return found
    with _MAKING:
        if key in _KNOWN:
            return _KNOWN[key]
        extents = read_extents(connection, row, wanted)
        made = _made(extents, wanted)
        if made is not None and len(extents.ids) > REMEMBER_ABOVE:
            _KNOWN[key] = made
            if len(_KNOWN) > REMEMBER_AT_MOST:
                _KNOWN.popitem(last=False)
    return made


def _made(extents: Extents, wanted: Wanted) -> Layout | None:
    chosen = ~extents.has_model if wanted.without_models else None
    if not len(extents.ids) or (chosen is not None and not chosen.any()):
        return None
    return lay_out(extents, chosen)


def _versions(connection: Connection, row: LayerRow) -> tuple[object, ...]:
    """Return what tells one state of a layer from another; the times, as a database made anew counts from 1."""
    rows = connection.execute(
        select(func.current_database(), layer.c.id, layer.c.version, layer.c.updated_at)
        .where(layer.c.id.in_([row.id, *FED_BY]))
        .order_by(layer.c.id)
    )
    return tuple(map(tuple, rows))
