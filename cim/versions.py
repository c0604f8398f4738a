"""Earlier states of the city: objects as of a time, the times at which they changed, and what a transaction changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from geoalchemy2 import Geometry
from sqlalchemy import BigInteger, Connection, Label, Select, Table, cast, func, literal, select, union_all

from cim.tables import OBJECT_TABLES, dataset, layer, metadata, object_history

#: Columns that say when something was noted, not what.
_NOTES = {"recorded_at", "content_hash", "geom_3857"}
_HISTORY = object_history.c


class Difference(NamedTuple):
    """One object that is ``added``, ``changed`` or ``removed``; ``fields``: path -> (before, after)."""

    kind: str
    layer: str
    key: str
    name: str | None
    fields: dict[str, tuple[Any, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        fields = {path: {"before": before, "after": after} for path, (before, after) in self.fields.items()}
        return self._asdict() | {"fields": fields}


def table_of(connection: Connection, layer_id: str) -> Table | None:
    """Return the table of a layer of objects, or None."""
    name = connection.execute(select(layer.c.table_name).where(layer.c.id == layer_id)).scalar_one_or_none()
    return metadata.tables[f"cim.{name}"] if name in OBJECT_TABLES else None


def objects_as_of(table: Table, layer_id: str, dataset_name: str, at: datetime) -> Select[Any]:
    """Return the statement for a dataset's objects of a layer as the database knew them at a time.

    Columns ``id``, ``source_key``, ``recorded_from`` and ``record`` (all columns as JSON, geometries as hexadecimal
    EWKB), in order of key.
    """
    source = select(dataset.c.id).where(dataset.c.name == dataset_name).scalar_subquery()
    now = select(
        table.c.id, table.c.source_key, table.c.recorded_at.label("recorded_from"), _record(table).label("record")
    ).where(table.c.layer_id == layer_id, table.c.dataset_id == source, table.c.recorded_at <= at)
    before = select(
        _HISTORY.id, _HISTORY.record["source_key"].astext.label("source_key"), _HISTORY.recorded_from, _HISTORY.record
    ).where(
        _HISTORY.table_name == table.name,
        _HISTORY.record["layer_id"].astext == layer_id,
        cast(_HISTORY.record["dataset_id"].astext, BigInteger) == source,
        _HISTORY.recorded_from <= at,
        _HISTORY.recorded_to > at,
    )
    both = union_all(now, before).subquery()
    return select(both).order_by(both.c.source_key)


def versions_of(table: Table, layer_id: str, dataset_name: str) -> Select[Any]:
    """Return the statement for the times at which a dataset's objects of a layer changed, the latest first.

    Columns ``at``, ``began`` (states that begin then) and ``ended`` (states that end then: changed or removed).
    """
    source = select(dataset.c.id).where(dataset.c.name == dataset_name).scalar_subquery()
    was = (
        _HISTORY.table_name == table.name,
        _HISTORY.record["layer_id"].astext == layer_id,
        cast(_HISTORY.record["dataset_id"].astext, BigInteger) == source,
    )
    now = (table.c.layer_id == layer_id, table.c.dataset_id == source)
    steps = union_all(
        select(table.c.recorded_at.label("at"), literal(1).label("began"), literal(0).label("ended")).where(*now),
        select(_HISTORY.recorded_from, literal(1), literal(0)).where(*was),
        select(_HISTORY.recorded_to, literal(0), literal(1)).where(*was),
    ).subquery()
    return (
        select(steps.c.at, func.sum(steps.c.began).label("began"), func.sum(steps.c.ended).label("ended"))
        .group_by(steps.c.at)
        .order_by(steps.c.at.desc())
    )


def differences(connection: Connection) -> Iterator[Difference]:
    """Yield what the current transaction has changed in the objects of the city so far."""
    for name in OBJECT_TABLES:
        table = metadata.tables[f"cim.{name}"]
        for row in connection.execute(removed_now(table)):
            yield Difference("removed", row.record["layer_id"], row.record["source_key"], row.record["name"], {})
        for row in connection.execute(added_now(table)):
            yield Difference("added", row.layer_id, row.source_key, row.name, {})
        for row in connection.execute(changed_now(table)):
            fields = dict(_compare(row.record, row.now))
            if fields:
                yield Difference("changed", row.now["layer_id"], row.now["source_key"], row.now["name"], fields)


def removed_now(table: Table) -> Select[Any]:
    """Return the statement for the last states of objects that this transaction has removed."""
    return (
        select(_HISTORY.record)
        .where(_is_replaced(table), ~select(table.c.id).where(table.c.id == _HISTORY.id).exists())
        .order_by(_HISTORY.id)
    )


def added_now(table: Table) -> Select[Any]:
    """Return the statement for objects that this transaction has added."""
    earlier = select(_HISTORY.id).where(_is_replaced(table), _HISTORY.id == table.c.id)
    return (
        select(table.c.layer_id, table.c.source_key, table.c.name)
        .where(table.c.recorded_at == func.now(), ~earlier.exists())
        .order_by(table.c.id)
    )


def changed_now(table: Table) -> Select[Any]:
    """Return the statement for the state before (``record``) and after (``now``) of objects changed just now."""
    return (
        select(_HISTORY.record, _record(table).label("now"))
        .join(table, table.c.id == _HISTORY.id)
        .where(_is_replaced(table))
        .order_by(_HISTORY.id)
    )


def _is_replaced(table: Table) -> Any:
    return (_HISTORY.table_name == table.name) & (_HISTORY.recorded_to == func.now())


def _record(table: Table) -> Label[Any]:
    """Return an object as JSON, as the history keeps it."""
    parts: list[Any] = []
    for column in table.c:
        if column.name == "geom_3857":
            continue
        is_shape = isinstance(column.type, Geometry)
        # the outer function keeps the driver from asking for the geometry in another form
        parts += [literal(str(column.name)), func.encode(func.ST_AsEWKB(column), "hex") if is_shape else column]
    # a function takes at most 100 arguments
    halves = [func.jsonb_build_object(*parts[start : start + 80]) for start in range(0, len(parts), 80)]
    joined: Any = halves[0]
    for half in halves[1:]:
        joined = joined.op("||")(half)
    return Label("record", joined, type_=_HISTORY.record.type)


def _compare(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and (before, after) of every value that differs; of nested values, the innermost."""
    for name in sorted(before.keys() | after.keys()):
        if not path and name in _NOTES:
            continue
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _compare(old, new, f"{path}{name}.")
        elif old != new:
            yield path + name, (old, new)
