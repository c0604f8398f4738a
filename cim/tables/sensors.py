"""What OGC SensorThings says of sensors (18-088, 8.2), and the thresholds of their readings.

A datastream is a row of ``sensor``: its id is the sensor's, so that ``observation`` and ``last_observation`` are the
one truth for the map and for SensorThings. The thing and the location of a sensor of a register have the sensor's id
too; all other ids come from the sequence of all objects.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
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
)
from sqlalchemy.dialects.postgresql import JSONB

from cim.tables.columns import geometry, json_column, metadata, now_column, object_id_seq, reference


def _described(*columns: Any, name: str) -> Table:
    """Declare a table of entities that have a name, a description and free properties."""
    return Table(
        name,
        metadata,
        Column("id", BigInteger, object_id_seq, server_default=object_id_seq.next_value(), primary_key=True),
        Column("name", Text, nullable=False),
        Column("description", Text, nullable=False, server_default=""),
        json_column("properties"),
        now_column("recorded_at"),
        *columns,
    )


#: ``is_registered``: kept up from the row of ``sensor`` that has the same id.
thing = _described(
    Column("area_code", Text),
    Column("is_registered", Boolean, nullable=False, server_default="false"),
    reference("building_id", "building.id"),
    reference("space_id", "space.id"),
    reference("pipe_node_id", "pipe_node.id"),
    reference("river_id", "river.id"),
    Index("thing_building_id_idx", "building_id"),
    Index("thing_space_id_idx", "space_id"),
    Index("thing_pipe_node_id_idx", "pipe_node_id"),
    Index("thing_river_id_idx", "river_id"),
    name="thing",
)

#: ``location`` is as the client wrote it; ``geom`` is the same where it is GeoJSON.
location = _described(
    Column("encoding_type", Text, nullable=False),
    Column("location", JSONB, nullable=False),
    Column("area_code", Text),
    Column("is_registered", Boolean, nullable=False, server_default="false"),
    geometry("GEOMETRY"),
    Index("location_geom_idx", "geom", postgresql_using="gist"),
    name="location",
)

thing_location = Table(
    "thing_location",
    metadata,
    reference("thing_id", "thing.id", ondelete="CASCADE", primary_key=True),
    reference("location_id", "location.id", ondelete="CASCADE", primary_key=True),
    Index("thing_location_location_id_idx", "location_id"),
)

historical_location = Table(
    "historical_location",
    metadata,
    Column("id", BigInteger, object_id_seq, server_default=object_id_seq.next_value(), primary_key=True),
    reference("thing_id", "thing.id", ondelete="CASCADE", nullable=False),
    now_column("time"),
    Index("historical_location_thing_id_idx", "thing_id"),
)

historical_place = Table(
    "historical_place",
    metadata,
    reference("historical_location_id", "historical_location.id", ondelete="CASCADE", primary_key=True),
    reference("location_id", "location.id", ondelete="CASCADE", primary_key=True),
    Index("historical_place_location_id_idx", "location_id"),
)

#: The Sensor of SensorThings: a procedure or a make of devices; of a register one for each ``kind``.
procedure = _described(
    Column("encoding_type", Text, nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("kind", Text, unique=True),
    name="procedure",
)

observed_property = _described(
    Column("definition", Text, nullable=False),
    Column("kind", Text, unique=True),
    name="observed_property",
)

feature_of_interest = _described(
    Column("encoding_type", Text, nullable=False),
    Column("feature", JSONB, nullable=False),
    Column("area_code", Text),
    geometry("GEOMETRY"),
    Index("feature_of_interest_geom_idx", "geom", postgresql_using="gist"),
    name="feature_of_interest",
)

#: ``feature_of_interest_id``: of its observations that name no other one.
datastream = Table(
    "datastream",
    metadata,
    Column("id", BigInteger, ForeignKey("cim.sensor.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    json_column("properties"),
    Column("observation_type", Text, nullable=False),
    json_column("unit_of_measurement"),
    reference("thing_id", "thing.id", ondelete="CASCADE", nullable=False),
    reference("procedure_id", "procedure.id", ondelete="CASCADE", nullable=False),
    reference("observed_property_id", "observed_property.id", ondelete="CASCADE", nullable=False),
    reference("feature_of_interest_id", "feature_of_interest.id"),
    now_column("recorded_at"),
    Index("datastream_thing_id_idx", "thing_id"),
    Index("datastream_procedure_id_idx", "procedure_id"),
    Index("datastream_observed_property_id_idx", "observed_property_id"),
    Index("datastream_feature_of_interest_id_idx", "feature_of_interest_id"),
)

#: The few observations that say more than a time and a result.
observation_detail = Table(
    "observation_detail",
    metadata,
    reference("sensor_id", "sensor.id", ondelete="CASCADE", primary_key=True),
    Column("phenomenon_time", DateTime(timezone=True), primary_key=True),
    Column("phenomenon_end", DateTime(timezone=True)),
    Column("result_time", DateTime(timezone=True)),
    Column("valid_from", DateTime(timezone=True)),
    Column("valid_to", DateTime(timezone=True)),
    Column("result_quality", JSONB(none_as_null=True)),
    Column("parameters", JSONB(none_as_null=True)),
    reference("feature_of_interest_id", "feature_of_interest.id"),
    Index("observation_detail_feature_of_interest_id_idx", "feature_of_interest_id"),
)

#: Of one sensor, or of all of a kind that have none of their own. A reading is beyond it ``above`` or ``below`` the
#: limit, which is the sensor's own where ``attribute`` names a number among its attributes (a river's bank); it is over
#: once it is back by ``hysteresis``.
threshold = Table(
    "threshold",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    reference("sensor_id", "sensor.id", ondelete="CASCADE"),
    Column("kind", Text),
    Column("direction", Text, nullable=False),
    Column("limit_value", Double),
    Column("attribute", Text),
    Column("hysteresis", Double, nullable=False, server_default="0"),
    Column("duration_s", Integer, nullable=False, server_default="0"),
    Column("type_code", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    CheckConstraint("num_nonnulls(sensor_id, kind) = 1", name="whose"),
    CheckConstraint("direction IN ('above', 'below')", name="direction"),
    UniqueConstraint("sensor_id", "kind", "direction", "type_code", postgresql_nulls_not_distinct=True),
    Index("threshold_kind_idx", "kind"),
)

#: Where a sensor is beyond a threshold: since when, and the event that was raised once it had lasted.
crossing = Table(
    "crossing",
    metadata,
    reference("threshold_id", "threshold.id", ondelete="CASCADE", primary_key=True),
    reference("sensor_id", "sensor.id", ondelete="CASCADE", primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False),
    reference("event_id", "event.id"),
    Index("crossing_sensor_id_idx", "sensor_id"),
    Index("crossing_event_id_idx", "event_id"),
)
