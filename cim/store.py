"""Bulk writing: COPY into a staging table, then one statement that adds, changes and removes by source key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from geoalchemy2 import Geometry
from psycopg import sql
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql

from cim.db import copy_rows, driver
from cim.reports import LayerCounts
from cim.tables.columns import GEOGRAPHIC_SRID

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


class Lookup(NamedTuple):
    """A column whose value is found by joining the staged rows ``s`` with what the model has."""

    column: str
    join: sql.Composable
    value: sql.Composable


def stage(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """COPY rows for a table of objects into a temporary table and return its name.

    Parameters
    ----------
    columns
        Names of ``table``'s columns, ``layer_id`` and ``source_key`` among them; each (layer, key) at most once.
    rows
        Tuples in that order; geometries as hexadecimal WKB in the stored CRS, JSON as text.
    """
    name = f"stage_{table.name}"
    definitions = [
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(_staging_type(table, column))) for column in columns
    ]
    with driver(connection).cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("pg_temp", name)))
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(
                sql.Identifier(name), sql.SQL(", ").join(definitions)
            )
        )
    copy_rows(connection, name, columns, rows)
    return name


def merge(
    connection: Connection,
    table: Table,
    staging: str,
    columns: Sequence[str],
    *,
    dataset_id: int,
    layer_id: str,
    remove_missing: bool = True,
    lookup: Lookup | None = None,
) -> LayerCounts:
    """Merge staged rows of one dataset and layer into a table of objects.

    A row whose staged values are the same as last time is not touched; rows of the dataset and layer that are not
    staged are removed (their last state stays in ``object_history``). ``read`` counts the staged rows.

    Parameters
    ----------
    lookup
        A further column; it is no part of what tells whether the source has changed.
    """
    index_staging(connection, staging)
    source = sql.Identifier("pg_temp", staging)
    parameters = {"dataset": dataset_id, "layer": layer_id}
    with driver(connection).cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {} WHERE layer_id = %(layer)s").format(source), parameters)
        read = _first(cursor)[0]
        removed = 0
        if remove_missing:
            # Before the upsert: what it adds is in no statistics yet, and would be looked up one by one.
            cursor.execute(_REMOVE.format(target=sql.Identifier("cim", table.name), source=source), parameters)
            removed = cursor.rowcount
        cursor.execute(_upsert(table, source, columns, lookup), parameters)
        added, changed = _first(cursor)
    return LayerCounts(read=read, added=added, changed=changed, unchanged=read - added - changed, removed=removed)


_REMOVE = sql.SQL(
    "DELETE FROM {target} t WHERE t.dataset_id = %(dataset)s AND t.layer_id = %(layer)s"
    " AND NOT EXISTS (SELECT FROM {source} s WHERE s.layer_id = t.layer_id AND s.source_key = t.source_key)"
)
_UPSERT = sql.SQL(
    "WITH written AS ("
    " INSERT INTO {target} AS t (dataset_id, content_hash, {names})"
    " SELECT %(dataset)s, decode(md5(s::text), 'hex'), {values} FROM {source} s {join}"
    " WHERE s.layer_id = %(layer)s"
    " ON CONFLICT (dataset_id, layer_id, source_key) DO UPDATE"
    " SET content_hash = excluded.content_hash, recorded_at = now(), {updates}"
    " WHERE t.content_hash IS DISTINCT FROM excluded.content_hash"
    " RETURNING (xmax = 0) AS is_new)"
    " SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written"
)


def _upsert(table: Table, source: sql.Identifier, columns: Sequence[str], lookup: Lookup | None) -> sql.Composed:
    names, values = list(columns), [_value(table, column) for column in columns]
    if lookup is not None:
        names, values = [*names, lookup.column], [*values, lookup.value]
    updated = [sql.Identifier(name) for name in names if name not in {"layer_id", "source_key"}]
    return _UPSERT.format(
        target=sql.Identifier("cim", table.name),
        source=source,
        join=lookup.join if lookup is not None else sql.SQL(""),
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        values=sql.SQL(", ").join(values),
        updates=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in updated),
    )


def index_staging(connection: Connection, staging: str) -> None:
    """Index staged rows by key and tell the planner how many there are.

    Of rows that this transaction adds to the target the planner knows nothing, and may look up each of them by itself
    in the staged rows: that must not be a scan.
    """
    with driver(connection).cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} (layer_id, source_key)").format(
                sql.Identifier(f"{staging}_key"), sql.Identifier("pg_temp", staging)
            )
        )
        cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier("pg_temp", staging)))


def _first(cursor: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] = cursor.fetchone()
    return row


def _staging_type(table: Table, column: str) -> str:
    kind = table.c[column].type
    return "geometry" if isinstance(kind, Geometry) else str(kind.compile(dialect=_DIALECT))


def _value(table: Table, column: str) -> sql.Composable:
    kind = table.c[column].type
    value: sql.Composable = sql.SQL("s.{}").format(sql.Identifier(column))
    if not isinstance(kind, Geometry):
        return value
    shape = kind.geometry_type or "GEOMETRY"
    if shape.startswith("MULTI"):
        value = sql.SQL("ST_Multi({})").format(value)
    value = sql.SQL("ST_Force3D({})" if shape.endswith("Z") else "ST_Force2D({})").format(value)
    return sql.SQL("ST_SetSRID({}, {})").format(value, sql.Literal(GEOGRAPHIC_SRID))
