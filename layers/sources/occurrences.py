"""Events that a file reports and that the city knows already from elsewhere."""

from __future__ import annotations

from psycopg import sql
from sqlalchemy import Connection

from cim.db import driver

_DROP_KNOWN = sql.SQL(
    "DELETE FROM {source} s USING cim.event e"
    " WHERE e.source = s.source AND e.source_key = s.source_key AND e.dataset_id IS DISTINCT FROM %(dataset)s"
)


def drop_known(connection: Connection, staging: str, dataset_id: int) -> int:
    """Drop staged events that came by another way before (the service's intake, another file); return how many."""
    with driver(connection).cursor() as cursor:
        cursor.execute(_DROP_KNOWN.format(source=sql.Identifier("pg_temp", staging)), {"dataset": dataset_id})
        return cursor.rowcount
