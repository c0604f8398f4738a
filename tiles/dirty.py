"""Stored tiles that show what has changed since they were built: which are next, and building them anew."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select

from cim.access import OPEN_CALLER, Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import tile
from layers.catalogue import get_layer
from tiles.mvt import is_drawn, layer_table
from tiles.overview import policy_of
from tiles.store import Place, build_and_keep
from tiles.tile import Tile

#: A tile that has just become dirty is left to those who look at it: they ask for it now, and may change it again.
SETTLED_S = 1.0


def next_dirty(connection: Connection, most: int, *, settled_s: float = SETTLED_S) -> list[Place]:
    """Return tiles that are dirty for a while, those first that were asked for last, then the nearest to the ground."""
    rows = connection.execute(
        select(tile.c.layer_id, tile.c.z, tile.c.x, tile.c.y, tile.c.area_code)
        .where(tile.c.dirty_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, settled_s))
        .order_by(tile.c.asked_at.desc().nulls_last(), tile.c.z.desc())
        .limit(most)
    )
    return [Place(layer_id, Tile(z, x, y), area) for layer_id, z, x, y, area in rows]


def rebuild(connection: Connection, place: Place) -> None:
    """Build a stored tile anew, or drop it where its layer has no tiles any more; commits."""
    try:
        row = get_layer(connection, place.layer_id, OPEN_CALLER)
        policy_of(row.overview)
    except (NotFound, InvalidInput):
        row = None
    connection.rollback()  # the tile's snapshot must be older than all that it is made of
    if row is None or layer_table(row) is None:
        connection.execute(delete(tile).where(tile.c.layer_id == place.layer_id))
        connection.commit()
        return
    if not is_drawn(row, place.tile.z):
        # The catalogue shows the layer from a nearer zoom on by now: nothing would be kept, and it would stay dirty.
        connection.execute(delete(tile).where(tile.c.layer_id == place.layer_id, tile.c.z < row.min_zoom))
        connection.commit()
        return
    build_and_keep(connection, row, place.tile, Caller("admin", place.area or None))
