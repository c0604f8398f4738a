"""One building, one file: the merged record, its sources and conflicts, units, storeys and models."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import building, building_source, conflict, dataset, storey, unit
from layers.catalogue import list_models
from layers.queries.objects import get_object, layer_of
from layers.queries.visible import visible_layers


def get_dossier(connection: Connection, building_id: int, caller: Caller) -> dict[str, Any]:
    """Return the file of one building.

    Raises
    ------
    NotFound
        No building has this id, or the caller may not see it.
    """
    if layer_of(connection, building_id, caller).table is not building:
        raise NotFound(f"the object {building_id} is no building")
    record = get_object(connection, building_id, caller)
    visible = {entry.id for entry in visible_layers(connection, caller)}
    models = [entry for entry in list_models(connection, caller) if entry["building_id"] == building_id]
    return {
        "building": record,
        "sources": _sources(connection, building_id),
        "conflicts": _conflicts(connection, building_id, record["attributes"]),
        "units": _units(connection, building_id) if "units" in visible else None,
        "storeys": _storeys(connection, building_id) if "storeys" in visible else [],
        "models": models,
    }


def _sources(connection: Connection, building_id: int) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(building_source, dataset.c.name.label("dataset"))
        .join(dataset)
        .where(building_source.c.building_id == building_id)
        .order_by(building_source.c.kind, building_source.c.id)
    )
    return [
        {
            "id": row.id,
            "kind": row.kind,
            "dataset": row.dataset,
            "source_key": row.source_key,
            "score": row.score,
            "reason": row.reason,
            "fields": row.fields if row.code is None else {"code": row.code} | row.fields,
            "recorded_at": row.recorded_at.isoformat(),
        }
        for row in rows
    ]


def _conflicts(connection: Connection, building_id: int, chosen: dict[str, Any]) -> list[dict[str, Any]]:
    spoken = {
        row.id: {"source_id": row.id, "kind": row.kind, "dataset": row.name}
        for row in connection.execute(
            select(building_source.c.id, building_source.c.kind, dataset.c.name)
            .join(dataset)
            .where(building_source.c.building_id == building_id)
        )
    }
    rows = connection.execute(
        select(conflict)
        .where(conflict.c.building_id == building_id)
        .order_by(conflict.c.severity.desc(), conflict.c.field)
    )
    return [
        {
            "id": row.id,
            "field": row.field,
            "severity": row.severity,
            "values": [spoken[claim["source_id"]] | {"value": claim["value"]} for claim in row.claims],
            "chosen": chosen.get(row.field),
            "status": row.status,
        }
        for row in rows
    ]


def _units(connection: Connection, building_id: int) -> dict[str, Any]:
    rows = connection.execute(
        select(unit.c.use, func.count().label("number"), func.sum(unit.c.area_m2).label("area_m2"))
        .where(unit.c.building_id == building_id)
        .group_by(unit.c.use)
        .order_by(func.count().desc(), unit.c.use)
    ).all()
    return {
        "count": sum(row.number for row in rows),
        "by_use": {row.use or "": row.number for row in rows},
        "area_m2": round(sum(row.area_m2 or 0 for row in rows), 2),
        "list": f"/ogc/collections/units/items?building_id={building_id}",
    }


def _storeys(connection: Connection, building_id: int) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(storey.c.id, storey.c.name, storey.c.number, storey.c.elevation_m, storey.c.height_m)
        .where(storey.c.building_id == building_id)
        .order_by(storey.c.elevation_m, storey.c.id)
    )
    return [dict(row) for row in rows.mappings()]
