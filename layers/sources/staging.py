"""Staged rows of one import, and the statements that merge them into the tables of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql
from sqlalchemy import Connection, Table

from cim import store
from cim.db import copy_rows, driver
from cim.reports import LayerCounts
from cim.tables import metadata
from layers.sources import evidence, occurrences, readings

#: rows
_ANALYZE_FROM = 1_000
#: table -> columns that joins of the steps after are planned by, where the others are wide
_PLANNED_BY = {"building_source": ("building_id", "dataset_id", "kind", "code", "geom")}
_STAGED_PLANNED_BY = {"building_source": ("source_key", "code", "kind")}
# Grouped first: a look for each unit would be a scan for each where the buildings are new and not counted yet.
_BUILDING_OF_CODE = sql.SQL(
    "LEFT JOIN (SELECT b.code, min(b.id) AS id FROM cim.building b"
    " WHERE b.code IN (SELECT building_code FROM {}) GROUP BY b.code) n ON n.code = s.building_code"
)


@dataclass
class StagedTable:
    """The temporary table that rows for one table of the model are copied into."""

    name: str
    columns: tuple[str, ...]


@dataclass
class Staging:
    """All rows of one import on their way into the model; rows of several layers may come in any order.

    Attributes
    ----------
    remove_missing
        What the dataset had before and is not staged goes; not where rows are only added to it.
    """

    connection: Connection
    dataset_id: int
    remove_missing: bool = True
    tables: dict[str, StagedTable] = field(default_factory=dict)

    def add(self, table_name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Copy rows for a table; the columns are the same each time."""
        if table_name == "building_source":
            columns, rows = (*columns, "content_hash"), evidence.hashed(rows)
        staged = self.tables.get(table_name)
        if staged is None:
            name = store.stage(self.connection, _staged_as(table_name), columns, ())
            staged = self.tables[table_name] = StagedTable(name, tuple(columns))
        copy_rows(self.connection, staged.name, staged.columns, rows)

    def note_repairs(self, rows: Sequence[tuple[str, str, str, str, str]]) -> None:
        """Record repaired rows: layer, the file's layer, place in the file, key, kind of repair."""
        if rows:
            names = ("dataset_id", "layer_id", "layer_name", "place", "source_key", "kind")
            copy_rows(self.connection, "repair", names, ((self.dataset_id, *row) for row in rows))

    def merge(self, table_name: str, layer_id: str) -> LayerCounts:
        """Merge the staged rows of one layer and return the counts."""
        staged = self.tables[table_name]
        with driver(self.connection).cursor() as cursor:
            if "source_key" in staged.columns and "layer_id" not in staged.columns:
                # as ``store.index_staging`` does for tables of objects
                cursor.execute(
                    sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} (source_key)").format(
                        sql.Identifier(f"{staged.name}_key"), sql.Identifier("pg_temp", staged.name)
                    )
                )
            part = _part(_STAGED_PLANNED_BY.get(table_name, ()))
            cursor.execute(sql.SQL("ANALYZE {}{}").format(sql.Identifier("pg_temp", staged.name), part))
        table = metadata.tables[f"cim.{table_name}"]
        counts = _MERGES.get(table_name, _merge_objects)(self, table, staged, layer_id)
        if counts.added + counts.changed + counts.removed >= _ANALYZE_FROM:
            # What follows in this transaction (merging buildings, connecting networks) is planned by these figures.
            with driver(self.connection).cursor() as cursor:
                part = _part(_PLANNED_BY.get(table_name, ()))
                cursor.execute(sql.SQL("ANALYZE {}{}").format(sql.Identifier("cim", table_name), part))
        return counts


def _part(columns: Sequence[str]) -> sql.Composable:
    """Return the list of columns of an ANALYZE; nothing for all of them."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL(" ({})").format(names) if columns else sql.SQL("")


def _staged_as(table_name: str) -> Table:
    return readings.STAGED if table_name == "observation" else metadata.tables[f"cim.{table_name}"]


def _merge_objects(
    staging: Staging, table: Table, staged: StagedTable, layer_id: str, lookup: store.Lookup | None = None
) -> LayerCounts:
    return store.merge(
        staging.connection,
        table,
        staged.name,
        staged.columns,
        dataset_id=staging.dataset_id,
        layer_id=layer_id,
        remove_missing=staging.remove_missing,
        lookup=lookup,
    )


def _merge_sources(staging: Staging, table: Table, staged: StagedTable, layer_id: str) -> LayerCounts:
    return evidence.merge_sources(
        staging.connection, staged.name, staging.dataset_id, remove_missing=staging.remove_missing
    )


def _merge_events(staging: Staging, table: Table, staged: StagedTable, layer_id: str) -> LayerCounts:
    known = occurrences.drop_known(staging.connection, staged.name, staging.dataset_id)
    counts = store.merge(
        staging.connection,
        table,
        staged.name,
        staged.columns,
        dataset_id=staging.dataset_id,
        layer_id=layer_id,
        # A newer file of a stream of events does not take the older ones back.
        remove_missing=False,
    )
    counts.read += known
    counts.unchanged += known
    return counts


def _merge_sensors(staging: Staging, table: Table, staged: StagedTable, layer_id: str) -> LayerCounts:
    readings.adopt_sensors(staging.connection, staged.name, staging.dataset_id)
    return _merge_objects(staging, table, staged, layer_id)


def _merge_units(staging: Staging, table: Table, staged: StagedTable, layer_id: str) -> LayerCounts:
    # Linked at once where the building is known: a later update would write millions of rows a second time.
    join = _BUILDING_OF_CODE.format(sql.Identifier("pg_temp", staged.name))
    return _merge_objects(staging, table, staged, layer_id, store.Lookup("building_id", join, sql.SQL("n.id")))


def _merge_observations(staging: Staging, table: Table, staged: StagedTable, layer_id: str) -> LayerCounts:
    return readings.merge_observations(staging.connection, staged.name, staging.dataset_id)


_MERGES: dict[str, Callable[[Staging, Table, StagedTable, str], LayerCounts]] = {
    "building_source": _merge_sources,
    "event": _merge_events,
    "sensor": _merge_sensors,
    "unit": _merge_units,
    "observation": _merge_observations,
}
