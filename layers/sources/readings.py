"""Observations of sensors, also of sensors whose register has not come yet."""

from __future__ import annotations

from psycopg import sql
from sqlalchemy import Connection

from cim.db import driver
from cim.reports import LayerCounts

#: State of a sensor of which only observations are known; its register takes it over.
UNREGISTERED = "unregistered"

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
_MERGE = sql.SQL(
    "WITH known AS (SELECT DISTINCT ON (code) code, id FROM cim.sensor WHERE code IS NOT NULL"
    "  ORDER BY code, recorded_at DESC, id DESC),"
    " written AS ("
    " INSERT INTO cim.observation AS t (sensor_id, phenomenon_time, value)"
    " SELECT known.id, s.phenomenon_time, s.value FROM {source} s JOIN known USING (code)"
    " ON CONFLICT (sensor_id, phenomenon_time) DO UPDATE SET value = excluded.value, recorded_at = now()"
    " WHERE t.value IS DISTINCT FROM excluded.value"
    " RETURNING (xmax = 0) AS is_new)"
    " SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written"
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
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(source))
        read = (cursor.fetchone() or (0,))[0]
        cursor.execute(_ADD_SENSORS.format(source=source), {"dataset": dataset_id})
        cursor.execute(_MERGE.format(source=source))
        added, changed = cursor.fetchone() or (0, 0)
        cursor.execute(_LAST.format(source=source))
    return LayerCounts(read=read, added=added, changed=changed, unchanged=read - added - changed)


def adopt_sensors(connection: Connection, staging: str, dataset_id: int) -> None:
    """Hand sensors that were known by their observations only over to the register that names them now."""
    with driver(connection).cursor() as cursor:
        cursor.execute(_ADOPT.format(source=sql.Identifier("pg_temp", staging)), {"dataset": dataset_id})
