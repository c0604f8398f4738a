"""Datasets: where objects came from, what was rejected, and which layers a change touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from cim.db import notify
from cim.reports import DatasetDescription, ImportReport, Rejected, WriteResult
from cim.sources import Source
from cim.tables import OBJECT_TABLES, dataset, layer, metadata, quarantine


def find_dataset(connection: Connection, name: str) -> Row[Any] | None:
    """Return the row of a dataset, or None."""
    return connection.execute(select(dataset).where(dataset.c.name == name)).one_or_none()


def record_dataset(
    connection: Connection, name: str, source: Source, description: DatasetDescription, checksum: bytes
) -> tuple[int, set[str]]:
    """Add or renew a dataset's row; return its id and the ids of the layers that it fed before."""
    known = find_dataset(connection, name)
    values = asdict(description) | {
        "name": name,
        "file_name": source.name,
        "origin": source.origin,
        "checksum": checksum,
        "size_bytes": source.size_bytes,
        "recorded_at": func.now(),
    }
    statement = upsert(dataset).values(values)
    statement = statement.on_conflict_do_update(
        index_elements=["name"], set_={key: statement.excluded[key] for key in values if key != "name"}
    )
    dataset_id = connection.execute(statement.returning(dataset.c.id)).scalar_one()
    return dataset_id, set((known.report or {}).get("layers", {})) if known else set()


def remove_vanished(connection: Connection, dataset_id: int, layer_ids: set[str]) -> None:
    """Remove the objects of layers that the new version of a dataset no longer has."""
    for layer_id in sorted(layer_ids):
        row = connection.execute(select(layer.c.table_name).where(layer.c.id == layer_id)).scalar_one_or_none()
        if row in OBJECT_TABLES and row != "building":
            table = metadata.tables[f"cim.{row}"]
            connection.execute(delete(table).where(table.c.dataset_id == dataset_id, table.c.layer_id == layer_id))
            touch_layers(connection, [layer_id], None, None)


def finish_dataset(connection: Connection, dataset_id: int, report: ImportReport, result: WriteResult) -> None:
    """Keep the report on the dataset and tell the world which layers have changed."""
    body = report.as_dict() | {"quarantined": len(result.rejected)}
    connection.execute(
        update(dataset)
        .where(dataset.c.id == dataset_id)
        .values(report=orjson.loads(orjson.dumps(body)), recipes=result.recipes)
    )
    changed = [layer_id for layer_id, counts in result.layers.items() if counts.is_changed]
    touch_layers(connection, changed, report.dataset, result.bounds)


def touch_layers(
    connection: Connection,
    layer_ids: Sequence[str],
    dataset_name: str | None,
    bounds: tuple[float, float, float, float] | None,
    *,
    only_objects: bool = False,
) -> None:
    """Raise the version of layers whose data has changed and notify listeners on commit.

    Where ``only_objects`` have changed and nothing that the catalogue says of the layers, the notice has
    ``updated_at``: who knows a layer's row has the new one with it, without a query for each of many changes a second.
    """
    for layer_id in sorted(set(layer_ids)):
        row = connection.execute(
            update(layer)
            .where(layer.c.id == layer_id)
            .values(version=layer.c.version + 1, updated_at=func.now())
            .returning(layer.c.version, layer.c.updated_at)
        ).one_or_none()
        notice = {"type": "layer", "layer": layer_id, "version": row and row.version, "dataset": dataset_name}
        if row and only_objects:
            notice["updated_at"] = row.updated_at.isoformat()
        notify(connection, notice | {"bounds": bounds})


def replace_quarantine(
    connection: Connection,
    dataset_name: str,
    file_name: str,
    rejected: Iterable[Rejected],
    mended: Iterable[Rejected] = (),
) -> None:
    """Make the quarantine of a dataset say what its newest version left out, and what was mended in it, and no more."""
    connection.execute(delete(quarantine).where(quarantine.c.dataset_name == dataset_name))
    for rows, is_resolved in ((rejected, False), (mended, True)):
        names = {"dataset_name": dataset_name, "file_name": file_name, "is_resolved": is_resolved}
        for batch in _batches(asdict(row) | names for row in rows):
            connection.execute(insert(quarantine), batch)


def _batches(rows: Iterable[dict[str, Any]], size: int = 1_000) -> Iterator[list[dict[str, Any]]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, size)):
        yield batch
