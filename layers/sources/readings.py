"""Observations of sensors, also of sensors whose register has not come yet."""

from __future__ import annotations

from psycopg import sql
from sqlalchemy import Column, Connection, DateTime, Double, MetaData, Table, Text

from cim.db import driver
from cim.reports import LayerCounts

#: State of a sensor of which only observations are known; its register takes it over.
UNREGISTERED = "unregistered"

#: How readings are staged: their sensors' ids are found afterwards.
STAGED = Table(
    "reading",
    MetaData(),
    Column("code", Text),
    Column("phenomenon_time", DateTime(timezone=True)),
    Column("value", Double),
)

_ADD_SENSORS = sql.SQL(
    "INSERT INTO cim.sensor (layer_id, dataset_id, source_key, code, state)"
    " SELECT DISTINCT 'sensors', %(dataset)s::bigint, s.code, s.code, 'unregistered' FROM {source} s"
    " WHERE NOT EXISTS (SELECT FROM cim.sensor k WHERE k.code = s.code)"
)
_ADOPT = sql.SQL(
    "UPDATE cim.sensor t SET dataset_id = %(dataset)s, content_hash = NULL, state = NULL FROM {source} s"
    " WHERE t.layer_id = 'sensors' AND t.state = 'unregistered' AND t.source_key = s.source_key"
    " AND t.dataset_id IS DISTINCT FROM %(dataset)s"
)
#: A code that several registers name belongs to the sensor of the newest.
_KNOWN = sql.SQL(
    "WITH known AS (SELECT DISTINCT ON (code) code, id FROM cim.sensor WHERE code IS NOT NULL"
    "  ORDER BY code, recorded_at DESC, id DESC) "
)
_COUNT = _KNOWN + sql.SQL(
    "SELECT count(*), count(*) FILTER (WHERE o.sensor_id IS NULL),"
    " count(*) FILTER (WHERE o.sensor_id IS NOT NULL AND o.value IS DISTINCT FROM s.value)"
    " FROM {source} s JOIN known USING (code)"
    " LEFT JOIN cim.observation o ON o.sensor_id = known.id AND o.phenomenon_time = s.phenomenon_time"
)
_MERGE = _KNOWN + sql.SQL(
    "INSERT INTO cim.observation AS t (sensor_id, phenomenon_time, value)"
    " SELECT known.id, s.phenomenon_time, s.value FROM {source} s JOIN known USING (code)"
    " ON CONFLICT (sensor_id, phenomenon_time) DO UPDATE SET value = excluded.value, recorded_at = now()"
    " WHERE t.value IS DISTINCT FROM excluded.value"
)
_LAST = sql.SQL(
    "INSERT INTO cim.last_observation AS l (sensor_id, phenomenon_time, value)"
    " SELECT DISTINCT ON (k.id) k.id, s.phenomenon_time, s.value FROM {source} s JOIN cim.sensor k ON k.code = s.code"
    " ORDER BY k.id, s.phenomenon_time DESC"
    " ON CONFLICT (sensor_id) DO UPDATE SET phenomenon_time = excluded.phenomenon_time, value = excluded.value"
    " WHERE excluded.phenomenon_time >= l.phenomenon_time"
)


def merge_observations(connection: Connection, staging: str, dataset_id: int) -> LayerCounts:
    """Add staged observations and renew the last one of each sensor; earlier observations are never removed."""
    source = sql.Identifier("pg_temp", staging)
    with driver(connection).cursor() as cursor:
        cursor.execute(_ADD_SENSORS.format(source=source), {"dataset": dataset_id})
        # A partitioned table does not tell an insert from an update: count before.
        cursor.execute(_fill(_COUNT, source))
        read, added, changed = cursor.fetchone() or (0, 0, 0)
        cursor.execute(_fill(_MERGE, source))
        cursor.execute(_LAST.format(source=source))
    return LayerCounts(read=read, added=added, changed=changed, unchanged=read - added - changed)


def _fill(statement: sql.Composed, source: sql.Identifier) -> sql.Composed:
    """Name the staging table in a statement put together of several parts."""
    return sql.Composed([part.format(source=source) if isinstance(part, sql.SQL) else part for part in statement])


def adopt_sensors(connection: Connection, staging: str, dataset_id: int) -> None:
    """Hand sensors that were known by their observations only over to the register that names them now."""
    with driver(connection).cursor() as cursor:
        cursor.execute(_ADOPT.format(source=sql.Identifier("pg_temp", staging)), {"dataset": dataset_id})
