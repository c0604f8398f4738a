"""Contents of 3D tiles that are kept in the database: each as long as nothing that it shows has changed.

What a content shows is hashed (``state_of``): its objects and the state of their rows, the layer's look, and the way it
is drawn. A change of one building is a new state of the one content that draws it; all others are found again, by every
process and after a restart. Contents of cells that a layer has no more stay until the layer goes; a layer gets
other cells only where its extent outgrows the grid.
"""

from __future__ import annotations

import hashlib

import orjson
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from cim.gzip_body import packed, unpacked
from cim.tables import city_content, layer
from layers.catalogue import LayerRow
from tiles.tiles3d.city.grid import Cell
from tiles.tiles3d.city.layout import Layout
from tiles.tiles3d.city.wanted import Wanted

#: Of the way in which contents are made; raise it when that changes while neither data nor catalogue do.
FORM_VERSION = 1


def state_of(connection: Connection, row: LayerRow, layout: Layout, cell: Cell, wanted: Wanted) -> bytes:
    """Return the hash of all that a content shows."""
    # The ground under what has no height of its own.
    ground = connection.execute(select(layer.c.version).where(layer.c.id == "terrain")).scalar()
    look = (FORM_VERSION, row.table_name, row.fields, row.style, wanted.query, list(layout.grid), ground)
    told = orjson.dumps(look, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2s(told + layout.state_of(cell), digest_size=16).digest()


def find_content(connection: Connection, row: LayerRow, cell: Cell, wanted: Wanted, state: bytes) -> bytes | None:
    """Return a content that was kept in this state: empty where nothing is drawn, None where there is none."""
    kept = city_content.c
    found = connection.execute(
        select(func.coalesce(kept.body, b"")).where(
            kept.layer_id == row.id,
            kept.drawing == _drawing(wanted),
            kept.level == cell.level,
            kept.x == cell.x,
            kept.y == cell.y,
            kept.state == state,
        )
    ).scalar()
    return None if found is None else unpacked(bytes(found))


def keep_content(
    connection: Connection, row: LayerRow, cell: Cell, wanted: Wanted, state: bytes, content: bytes | None
) -> None:
    """Keep a content in place of the one of an earlier state; within the caller's transaction."""
    new = insert(city_content).values(
        layer_id=row.id,
        drawing=_drawing(wanted),
        **cell._asdict(),
        state=state,
        body=packed(content) if content else None,
    )
    changed = {"state": new.excluded.state, "body": new.excluded.body, "built_at": func.now()}
    connection.execute(new.on_conflict_do_update(index_elements=city_content.primary_key.columns, set_=changed))


def _drawing(wanted: Wanted) -> str:
    return f"{wanted.caller.area_code or ''}{wanted.query}"
