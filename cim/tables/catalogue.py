"""Themes, layers, datasets, and what was rejected."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from cim.tables.columns import geometry, json_column, metadata, now_column, object_table

theme = Table(
    "theme",
    metadata,
    Column("id", Text, CheckConstraint("id ~ '^[a-z][a-z0-9_]*$'", name="id"), primary_key=True),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("position", SmallInteger, nullable=False, server_default="100"),
)

layer = Table(
    "layer",
    metadata,
    Column("id", Text, CheckConstraint("id ~ '^[a-z][a-z0-9_]*$'", name="id"), primary_key=True),
    Column("theme_id", Text, ForeignKey("cim.theme.id"), nullable=False),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    # the table that holds its objects, e.g. 'building', or 'feature' for the generic ones
    Column("table_name", Text, nullable=False),
    Column("geometry_type", Text, nullable=False),  # polygon | line | point | mixed | raster | none
    Column("owner", Text),
    Column("licence", Text),
    Column("source", Text),
    # what an operator says of the layer as a whole; where null, its datasets say it
    Column("data_date", Date),
    Column("crs", Text),
    Column("accuracy_m", Double),
    Column("min_zoom", SmallInteger, nullable=False, server_default="0"),
    Column("max_zoom", SmallInteger, nullable=False, server_default="22"),
    # how small scales are drawn, e.g. {"kind": "grid", "below": 13}; empty: by size (``tiles.overview``)
    json_column("overview"),
    # name -> {"type", "title": {"zh", "en"}, "min_zoom"}: what tiles and queries may show; an allow-list
    json_column("fields"),
    json_column("style"),
    # the least role that may see it
    Column("visibility", Text, nullable=False, server_default="viewer"),
    Column("position", SmallInteger, nullable=False, server_default="100"),
    Column("is_default_on", Boolean, nullable=False, server_default="true"),
    # raised by every change of its data; part of ETags and tile keys
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("updated_at", DateTime(timezone=True)),
)

dataset = Table(
    "dataset",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("file_name", Text, nullable=False),  # never a path of the server
    Column("origin", Text),  # SHA-256 of the folder it came from, to tell a new version from a namesake
    Column("format", Text, nullable=False),
    Column("checksum", LargeBinary, nullable=False),  # SHA-256 of the file and of the options that shape the result
    Column("size_bytes", BigInteger, nullable=False),
    Column("crs", Text),
    Column("vertical_crs", Text),
    Column("transform", Text),  # the operation that brought it to the stored CRS
    Column("accuracy_m", Double),  # of that operation; null when it is not known
    Column("is_ballpark", Boolean, nullable=False, server_default="false"),
    Column("owner", Text),
    Column("licence", Text),
    Column("source", Text),
    Column("data_date", Date),
    json_column("report"),
    # the file's own layer -> how its rows were read: what a mended row needs to take the same way
    json_column("recipes"),
    now_column("recorded_at"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("dataset_name", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("layer_name", Text),  # the file's own layer
    Column("place", Text, nullable=False),  # row number, GlobalId, OSM id ...: where in the file
    Column("reason", Text, nullable=False),  # a short code, e.g. 'duplicate_code'
    Column("detail", Text, nullable=False),
    Column("geom_wkt", Text),  # as read, in the file's own CRS
    Column("record", JSONB),
    Column("is_resolved", Boolean, nullable=False, server_default="false"),
    Column("crs", Text),  # of geom_wkt
    Column("fingerprint", Text),  # of the row as delivered, to know it again in the next version of its file
    # {"record", "geom_wkt", "at"}: the row as a person has mended it; in the model where is_resolved
    Column("mended", JSONB(none_as_null=True)),
    now_column("recorded_at"),
    Index("quarantine_dataset_name_idx", "dataset_name"),
)

#: What was changed in a row so that it could be taken. ``kind``: self_crossing | ring_order | duplicate_points |
#: unclosed_ring; a row may have several.
repair = Table(
    "repair",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("dataset_id", BigInteger, ForeignKey("cim.dataset.id", ondelete="CASCADE"), nullable=False),
    Column("layer_id", Text, nullable=False),
    Column("layer_name", Text),  # the file's own layer
    Column("place", Text, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Index("repair_dataset_id_idx", "dataset_id"),
)

#: Any layer at all that has no table of its own.
feature = object_table("feature", geom=geometry("GEOMETRY"))

#: Earlier states, from when they were recorded until they were corrected or removed. ``record`` holds every column but
#: the generated Web Mercator one, geometries as hexadecimal EWKB; ``bounds`` is the envelope of its geometry.
object_history = Table(
    "object_history",
    metadata,
    Column("id", BigInteger, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("layer_id", Text),
    Column("recorded_from", DateTime(timezone=True), nullable=False),
    Column("recorded_to", DateTime(timezone=True), nullable=False),
    Column("record", JSONB, nullable=False),
    geometry("GEOMETRY", "bounds"),
    Index("object_history_id_idx", "id", "recorded_from"),
    Index("object_history_layer_id_idx", "layer_id", "recorded_to"),
    Index("object_history_table_name_idx", "table_name", "recorded_to"),
    Index("object_history_bounds_idx", "bounds", postgresql_using="gist"),
)
