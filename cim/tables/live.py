"""Cameras, sensors, observations and the places that help."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from cim.tables.columns import geometry, json_column, metadata, now_column, object_table, reference

#: ``code``: 20 digits of GB/T 28181; azimuth clockwise from north; tilt negative downwards; heights above ground.
camera = object_table(
    "camera",
    Column("code", Text),
    Column("mount_height_m", Double),
    Column("azimuth_deg", Double),
    Column("tilt_deg", Double),
    Column("hfov_deg", Double),
    Column("range_m", Double),
    Column("class", Text),
    Column("owner", Text),
    Column("state", Text),
    Index("camera_code_idx", "code"),
    geom=geometry("POINT"),
)

#: What a camera sees of the ground (null: not computed yet). ``reach`` is the box of its sector: what changes outside
#: changes nothing that is seen; what changes within makes it ``dirty_at``. Areas are of open ground, ``rings`` by
#: distance; ``mount``: pole | roof | wall | indoors, ``moved_m`` how far the eye was taken out to the wall;
#: ``terrain``: whole | part | none; ``versions`` (layer -> version) and ``datasets`` (ids): what it was computed from.
camera_viewshed = Table(
    "camera_viewshed",
    metadata,
    Column("camera_id", BigInteger, ForeignKey("cim.camera.id", ondelete="CASCADE"), primary_key=True),
    geometry("MULTIPOLYGON"),
    geometry("POLYGON", "reach", nullable=False),
    Column("seen_m2", Double),
    Column("ground_m2", Double),
    json_column("rings", "[]"),
    Column("target_height_m", Double),
    Column("cell_m", Double),
    Column("eye_height_m", Double),
    Column("mount", Text),
    Column("moved_m", Double),
    Column("terrain", Text),
    json_column("versions"),
    json_column("datasets", "[]"),
    Column("computed_at", DateTime(timezone=True)),
    Column("dirty_at", DateTime(timezone=True)),
    Index("camera_viewshed_geom_idx", "geom", postgresql_using="gist"),
    Index("camera_viewshed_reach_idx", "reach", postgresql_using="gist"),
    Index("camera_viewshed_dirty_at_idx", "dirty_at", postgresql_where=text("dirty_at IS NOT NULL")),
)

sensor = object_table(
    "sensor",
    Column("code", Text),
    Column("kind", Text),
    Column("unit", Text),
    Column("expected_interval_s", Integer),
    Column("state", Text),
    Column("height_m", Double),
    Column("building_code", Text),
    reference("building_id", "building.id"),
    Index("sensor_code_idx", "code"),
    Index("sensor_building_id_idx", "building_id"),
    geom=geometry("POINT"),
)

#: Partitioned by month of ``phenomenon_time``; repeating an observation changes nothing.
observation = Table(
    "observation",
    metadata,
    Column("sensor_id", BigInteger, ForeignKey("cim.sensor.id", ondelete="CASCADE"), primary_key=True),
    Column("phenomenon_time", DateTime(timezone=True), primary_key=True),
    Column("value", Double),
    Column("result", JSONB),
    now_column("recorded_at"),
    postgresql_partition_by="RANGE (phenomenon_time)",
)

last_observation = Table(
    "last_observation",
    metadata,
    Column("sensor_id", BigInteger, ForeignKey("cim.sensor.id", ondelete="CASCADE"), primary_key=True),
    Column("phenomenon_time", DateTime(timezone=True), nullable=False),
    Column("value", Double),
    Column("result", JSONB),
)

parking = object_table(
    "parking",
    Column("capacity", Integer),
    Column("free", Integer),
    Column("observed_at", DateTime(timezone=True)),
    geom=geometry("POINT"),
)

#: Hospitals, fire stations, shelters, key units.
resource = object_table(
    "resource",
    Column("kind", Text),
    Column("capacity", Integer),
    Column("contact", Text),
    Column("address", Text),
    Index("resource_address_idx", "address", postgresql_using="gin", postgresql_ops={"address": "gin_trgm_ops"}),
    geom=geometry("POINT"),
)
