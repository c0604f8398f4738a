"""Events: what happens, of which kind, where, who answers for it, and every step until it is closed."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from cim.tables.columns import geometry, json_column, metadata, now_column, object_table, reference

#: ``code`` begins with the kind: P parts and E events of GB/T 30428.2 with its four digits, V found in video, H
#: hotline, A alarms. Reports of types of one ``merge_group`` within distance and time of one another are taken for the
#: same.
event_type = Table(
    "event_type",
    metadata,
    Column("code", Text, primary_key=True),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("aliases", ARRAY(Text), nullable=False, server_default="{}"),
    Column("severity", SmallInteger, nullable=False),
    Column("merge_group", Text, nullable=False),
    Column("merge_distance_m", Double, nullable=False),
    Column("merge_minutes", Integer, nullable=False),
)

#: How long an event may stay in a state; the row of the longest ``type_code`` (a beginning of codes, empty: all)
#: counts, and of these the one that names the severity.
event_clock = Table(
    "event_clock",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("type_code", Text, nullable=False, server_default=""),
    Column("severity", SmallInteger),
    Column("state", Text, nullable=False),
    Column("limit_minutes", Integer, nullable=False),
    UniqueConstraint("type_code", "severity", "state", postgresql_nulls_not_distinct=True),
)

#: Who answers for events of some types (``type_code``: a beginning of codes) in an area (a beginning of its code).
#: Lists are versions: a new one ends the rows of the one before it.
responsibility = Table(
    "responsibility",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("area_code", Text, nullable=False, server_default=""),
    Column("type_code", Text, nullable=False, server_default=""),
    Column("party", Text, nullable=False),
    Column("contact", Text),
    now_column("valid_from"),
    Column("valid_to", DateTime(timezone=True)),
    Index("responsibility_area_code_idx", "area_code", postgresql_where=text("valid_to IS NULL")),
)

#: ``source`` and ``source_key`` name it; repeating the intake changes nothing. ``state``: the seven steps of GB/T 30428
#: (``layers.live.events.states``). ``height_m`` is above the ground; ``location`` says by what the place is known:
#: {"by", "confidence", "reasons"}. ``merged_into_id``: the event of which this is another report. ``area``: where it is
#: more than a point.
event = object_table(
    "event",
    Column("source", Text, nullable=False),
    Column("type", Text),
    Column("title", Text),
    Column("description", Text),
    Column("severity", SmallInteger),
    Column("occurred_at", DateTime(timezone=True)),
    Column("state", Text, nullable=False, server_default="collect"),
    Column("address", Text),
    Column("grid_cell_code", Text),
    reference("building_id", "building.id"),
    reference("storey_id", "storey.id"),
    reference("space_id", "space.id"),
    Column("type_code", Text, ForeignKey("cim.event_type.code")),
    Column("height_m", Double),
    Column("storey_number", SmallInteger),
    Column("room", Text),
    Column("device_code", Text),
    reference("sensor_id", "sensor.id"),
    reference("camera_id", "camera.id"),
    json_column("location"),
    Column("responsible", Text),
    Column("responsibility_id", BigInteger, ForeignKey("cim.responsibility.id")),
    now_column("received_at"),
    now_column("state_since"),
    Column("due_at", DateTime(timezone=True)),
    Column("reminded_at", DateTime(timezone=True)),
    reference("merged_into_id", "event.id"),
    geometry("GEOMETRY", "area"),
    UniqueConstraint("source", "source_key", name="event_source_source_key_key"),
    Index("event_building_id_idx", "building_id"),
    Index("event_storey_id_idx", "storey_id"),
    Index("event_space_id_idx", "space_id"),
    Index("event_occurred_at_idx", "occurred_at"),
    Index("event_merged_into_id_idx", "merged_into_id", postgresql_where=text("merged_into_id IS NOT NULL")),
    Index("event_due_at_idx", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    geom=geometry("POINT"),
)

# What a new report may be another report of; the states are those of layers.live.events.states.OPEN_STATES.
Index(
    "event_open_geom_idx",
    event.c.geom,
    postgresql_using="gist",
    postgresql_where=text("merged_into_id IS NULL AND state IN ('collect', 'file', 'dispatch', 'handle', 'feedback')"),
)

event_log = Table(
    "event_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", BigInteger, ForeignKey("cim.event.id", ondelete="CASCADE"), nullable=False),
    Column("action", Text, nullable=False),
    Column("actor", Text),
    json_column("detail"),
    now_column("recorded_at"),
    Index("event_log_event_id_idx", "event_id"),
)
