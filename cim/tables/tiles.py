"""Stored tiles, what has changed under them, and sums of objects for small scales."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType

from cim.tables.columns import metadata, now_column


class Box(UserDefinedType[str]):
    """PostgreSQL's own ``box``: west, south, east, north in EPSG:3857 as doubles, which PostGIS boxes are not."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the name of the type."""
        return "box"


# What reads a schema from the database is to know the type again.
ischema_names["box"] = Box

#: Tiles as they are sent. ``area_code`` is that of the readers (empty: they see all areas); ``form`` is the hash of all
#: that shapes a tile beside the data, ``tag`` that of its content; ``body`` is gzip, null where nothing is there.
#: ``reach`` is all that the tile shows, its buffer included: whatever changes within makes it ``dirty_at`` once.
tile = Table(
    "tile",
    metadata,
    Column("layer_id", Text, ForeignKey("cim.layer.id", ondelete="CASCADE"), primary_key=True),
    Column("z", SmallInteger, primary_key=True, autoincrement=False),
    Column("x", Integer, primary_key=True, autoincrement=False),
    Column("y", Integer, primary_key=True, autoincrement=False),
    Column("area_code", Text, primary_key=True, server_default=""),
    Column("form", LargeBinary, nullable=False),
    Column("tag", LargeBinary, nullable=False),
    Column("body", LargeBinary),
    Column("reach", Box, nullable=False),
    now_column("built_at"),
    Column("asked_at", DateTime(timezone=True)),
    Column("dirty_at", DateTime(timezone=True)),
    Index("tile_reach_idx", "reach", postgresql_using="gist"),
    Index("tile_dirty_at_idx", "asked_at", postgresql_where=text("dirty_at IS NOT NULL")),
)

#: What a statement changed: boxes of old and new objects, in one row each or, of many objects, by region. ``done_at``:
#: the tiles over it are marked, and sums of small scales made anew, by the transaction ``done_by``. Kept for a while
#: after that, for those who were building a tile meanwhile.
tile_change = Table(
    "tile_change",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("layer_id", Text, nullable=False),
    Column("reach", Box, nullable=False),
    Column("objects", Integer, nullable=False),
    # compared with what a reader's snapshot can see; the order of ids is not that of commits
    Column("transaction", Text, nullable=False, server_default=text("pg_current_xact_id()::text")),
    now_column("recorded_at"),
    Column("done_at", DateTime(timezone=True)),
    Column("done_by", Text),
    Index("tile_change_layer_id_idx", "layer_id", "done_at"),
    Index("tile_change_done_at_idx", "done_at"),
)

#: Objects of a layer counted and summed by small cells of the tile grid, of which tiles of small scales are made.
#: A cell is ``x``, ``y`` at the level ``tiles.overview.CELL_LEVEL``; objects count where the middle of their box lies.
overview_cell = Table(
    "overview_cell",
    metadata,
    Column("layer_id", Text, ForeignKey("cim.layer.id", ondelete="CASCADE"), primary_key=True),
    Column("x", Integer, primary_key=True, autoincrement=False),
    Column("y", Integer, primary_key=True, autoincrement=False),
    Column("area_code", Text, primary_key=True, server_default=""),
    Column("value", Text, primary_key=True, server_default=""),
    Column("objects", Integer, nullable=False),
    Column("first_id", BigInteger, nullable=False),
    # EPSG:3857, of the middles of the objects
    Column("sum_x", Double, nullable=False),
    Column("sum_y", Double, nullable=False),
    Column("sums", ARRAY(Double), nullable=False),
)

#: Contents of the city's 3D Tiles as they are sent. ``drawing`` is the area of the readers and how the layer is drawn;
#: ``state`` is the hash of all that a content shows, so that one of another state is none; ``body`` is gzip, null where
#: nothing is drawn.
city_content = Table(
    "city_content",
    metadata,
    Column("layer_id", Text, ForeignKey("cim.layer.id", ondelete="CASCADE"), primary_key=True),
    Column("drawing", Text, primary_key=True),
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("x", Integer, primary_key=True, autoincrement=False),
    Column("y", Integer, primary_key=True, autoincrement=False),
    Column("state", LargeBinary, nullable=False),
    Column("body", LargeBinary),
    now_column("built_at"),
)
