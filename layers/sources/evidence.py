"""What one file says of buildings: rows of ``building_source``, merged by key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from cim.db import driver
from cim.reports import LayerCounts
from layers.buildings.founding import found_buildings

COLUMNS = ("source_key", "kind", "code", "fields", "attributes", "geom", "lod2", "lod2_surfaces")

_UPSERT = sql.SQL(
    "WITH written AS ("
    " INSERT INTO cim.building_source AS t"
    " (dataset_id, source_key, kind, code, fields, attributes, geom, lod2, lod2_surfaces, content_hash)"
    " SELECT %(dataset)s, s.source_key, s.kind, s.code, s.fields, s.attributes,"
    "  ST_SetSRID(ST_Force2D(s.geom), 4490), ST_SetSRID(s.lod2, 4490), s.lod2_surfaces, s.content_hash"
    " FROM {source} s"
    " ON CONFLICT (dataset_id, source_key) DO UPDATE"
    " SET kind = excluded.kind, code = excluded.code, fields = excluded.fields, attributes = excluded.attributes,"
    "  geom = excluded.geom, lod2 = excluded.lod2, lod2_surfaces = excluded.lod2_surfaces,"
    "  content_hash = excluded.content_hash, recorded_at = now()"
    " WHERE t.content_hash IS DISTINCT FROM excluded.content_hash"
    " RETURNING (xmax = 0) AS is_new)"
    " SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written"
)
_REMOVE = sql.SQL(
    "DELETE FROM cim.building_source t WHERE t.dataset_id = %(dataset)s"
    " AND NOT EXISTS (SELECT FROM {source} s WHERE s.source_key = t.source_key)"
)


def hashed(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """Yield rows of ``COLUMNS`` with the hash that tells whether a source has changed."""
    for row in rows:
        content = "\0".join("" if value is None else value for value in row)
        yield (*row, hashlib.md5(content.encode(), usedforsecurity=False).hexdigest())


def merge_sources(connection: Connection, staging: str, dataset_id: int, *, remove_missing: bool = True) -> LayerCounts:
    """Merge staged rows; those that the dataset no longer has are removed, unless rows are added to it only."""
    source = sql.Identifier("pg_temp", staging)
    parameters = {"dataset": dataset_id}
    with driver(connection).cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(source))
        read = (cursor.fetchone() or (0,))[0]
        # Removing comes first: the planner does not know yet how many rows an insert has added.
        removed = 0
        if remove_missing:
            cursor.execute(_REMOVE.format(source=source), parameters)
            removed = cursor.rowcount
        founded = found_buildings(connection, dataset_id, read)
        added = changed = 0
        if founded < read:
            cursor.execute(_UPSERT.format(source=source), parameters)
            added, changed = cursor.fetchone() or (0, 0)
    added += founded
    return LayerCounts(read=read, added=added, changed=changed, unchanged=read - added - changed, removed=removed)
