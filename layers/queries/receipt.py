"""The receipt of an analysis: which data it rests on, how old and how exact they are, and a hash to compare reruns."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Connection, Row, literal, select, union_all

from cim.tables import dataset
from layers.queries.note import Note, note
from layers.queries.prepared import Prepared, compiled, run
from layers.queries.visible import VisibleLayer, table_of

#: What is told of a dataset; its report alone may be a hundred times as long.
_DATASET = ("id", "name", "data_date", "recorded_at", "crs", "accuracy_m", "is_ballpark")


#: Data that nobody has renewed for so long is named as old.
STALE_DAYS = 365
#: As many datasets and layers are named in a note.
_NAMED = 20
_NAMED_LAYERS = 50


def make_receipt(
    connection: Connection,
    layers: Sequence[VisibleLayer],
    counts: Mapping[str, int],
    dataset_ids: Collection[int],
    parameters: Mapping[str, Any],
    notes: Sequence[Note],
) -> dict[str, Any]:
    """Return the receipt of an answer.

    Parameters
    ----------
    counts
        Layer id -> objects found; a layer that is not in it has none.

    Notes
    -----
    The hash is SHA-256 over the canonical JSON (sorted keys) of parameters, layer versions and counts: the same
    question on the same data gives the same hash, whenever it is asked.
    """
    datasets = _datasets(connection, dataset_ids)
    silent = [entry for entry in layers if not counts.get(entry.id)]
    filled = _filled(connection, silent)
    states = {
        entry.id: {
            "version": entry.version,
            "updated_at": entry.updated_at.isoformat() if entry.updated_at else None,
            "found": counts.get(entry.id, 0),
            "state": "data" if counts.get(entry.id) else ("empty" if entry.id in filled else "no_data"),
        }
        for entry in layers
    }
    return {
        "generated_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "datasets": [_dataset_as_json(row) for row in datasets],
        "layers": states,
        "parameters": dict(parameters),
        "notes": [*notes, *_data_notes(datasets, states)],
        "hash": _hash(parameters, layers, counts),
    }


def _hash(parameters: Mapping[str, Any], layers: Sequence[VisibleLayer], counts: Mapping[str, int]) -> str:
    body = {
        "parameters": dict(parameters),
        "versions": {entry.id: entry.version for entry in layers},
        "counts": {entry.id: counts.get(entry.id, 0) for entry in layers},
    }
    return "sha256:" + hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _datasets(connection: Connection, ids: Collection[int]) -> Sequence[Row[Any]]:
    if not ids:
        return []
    columns = [dataset.c[name] for name in _DATASET]
    return connection.execute(select(*columns).where(dataset.c.id.in_(ids)).order_by(dataset.c.id)).all()


def _filled(connection: Connection, layers: Sequence[VisibleLayer]) -> set[str]:
    """Return the ids of those layers that have any object at all."""
    if not layers:
        return set()
    return {row.id for row in run(connection, _probe(tuple((entry.id, entry.table.name) for entry in layers)))}


@lru_cache(maxsize=256)
def _probe(layers: tuple[tuple[str, str], ...]) -> Prepared:
    """Return the statement that finds which of these layers (id, table) have an object."""
    probes = []
    for layer_id, table_name in layers:
        table = table_of(table_name)
        has_any = select(table.c.id).where(table.c.layer_id == layer_id).limit(1).exists()
        probes.append(select(literal(layer_id).label("id")).where(has_any))
    return compiled(union_all(*probes))


def _dataset_as_json(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "version_date": row.data_date.isoformat() if row.data_date else None,
        "recorded_at": row.recorded_at.isoformat(),
        "age_days": _age_days(row),
        "crs": row.crs,
        "accuracy_m": row.accuracy_m,
        "ballpark": row.is_ballpark,
    }


def _age_days(row: Row[Any]) -> int:
    days: int = (datetime.now(UTC).date() - (row.data_date or row.recorded_at.date())).days
    return days


def _data_notes(datasets: Sequence[Row[Any]], states: Mapping[str, Mapping[str, Any]]) -> list[Note]:
    notes = []
    ballpark = [row.name for row in datasets if row.is_ballpark]
    if ballpark:
        named = ballpark[:_NAMED]
        said = f"brought to the map without a known datum shift: {', '.join(named)}"
        notes.append(note("ballpark", said, datasets=named))
    old = [row.name for row in datasets if _age_days(row) > STALE_DAYS]
    if old:
        named = old[:_NAMED]
        notes.append(
            note("stale", f"older than {STALE_DAYS} days: {', '.join(named)}", days=STALE_DAYS, datasets=named)
        )
    gaps = [layer_id for layer_id, state in states.items() if state["state"] == "no_data"]
    if gaps:
        named = gaps[:_NAMED_LAYERS]
        notes.append(note("no_data", f"nothing was ever imported into: {', '.join(named)}", layers=named))
    return notes
