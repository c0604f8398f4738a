"""One building, one file: the merged record, its sources and conflicts, units, storeys and models."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import building, building_source, conflict, dataset, storey, unit
from layers.buildings.conflicts import conflict_as_json, conflicts_statement, sources_of
from layers.buildings.small_cells import hide_small_cells
from layers.catalogue import list_models
from layers.queries.objects import get_object, layer_of
from layers.queries.small_counts import PERSONAL, sees_all, shown_fields
from layers.queries.visible import visible_layers


def get_dossier(connection: Connection, building_id: int, caller: Caller) -> dict[str, Any]:
    """Return the file of one building.

    Raises
    ------
    NotFound
        No building has this id, or the caller may not see it.
    """
    if layer_of(connection, building_id, caller).table is not building:
        raise NotFound(f"the object {building_id} is no building", "not_a_building", id=building_id)
    record = get_object(connection, building_id, caller)
    visible = {entry.id for entry in visible_layers(connection, caller)}
    models = [entry for entry in list_models(connection, caller) if entry["building_id"] == building_id]
    return {
        "building": record,
        "sources": _sources(connection, building_id, caller),
        "conflicts": _conflicts(connection, building_id, caller),
        "units": _units(connection, building_id, caller) if "units" in visible else None,
        "people": _people(connection, building_id, caller),
        "storeys": _storeys(connection, building_id) if "storeys" in visible else [],
        "models": models,
    }


def _sources(connection: Connection, building_id: int, caller: Caller) -> list[dict[str, Any]]:
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
            "fields": shown_fields(row.fields if row.code is None else {"code": row.code} | row.fields, caller),
            "recorded_at": row.recorded_at.isoformat(),
        }
        for row in rows
    ]


def _conflicts(connection: Connection, building_id: int, caller: Caller) -> list[dict[str, Any]]:
    rows = connection.execute(
        conflicts_statement()
        .where(conflict.c.building_id == building_id)
        .order_by(conflict.c.severity.desc(), conflict.c.field)
    ).all()
    spoken = sources_of(connection, {claim["source_id"] for row in rows for claim in row.claims})
    return [conflict_as_json(row, spoken, caller) for row in rows]


def _units(connection: Connection, building_id: int, caller: Caller) -> dict[str, Any]:
    rows = connection.execute(
        select(unit.c.use, func.count().label("number"), func.sum(unit.c.area_m2).label("area_m2"))
        .where(unit.c.building_id == building_id)
        .group_by(unit.c.use)
        .order_by(func.count().desc(), unit.c.use)
    ).all()
    by_use: dict[str, int | None] = {row.use or "": row.number for row in rows}
    total: int | None = sum(row.number for row in rows)
    if not sees_all(caller):
        by_use, total = hide_small_cells({row.use or "": row.number for row in rows})
    return {
        "count": total,
        "by_use": by_use,
        "area_m2": round(sum(row.area_m2 or 0 for row in rows), 2),
        "list": f"/ogc/collections/units/items?building_id={building_id}",
    }


def _people(connection: Connection, building_id: int, caller: Caller) -> dict[str, Any]:
    """Return how many live and work there: numbers only, and of small ones only that they are small."""
    columns = [building.c[name] for name in PERSONAL["building"]]
    row = connection.execute(select(*columns).where(building.c.id == building_id)).mappings().one()
    found = {str(name): value for name, value in row.items()}
    seen = shown_fields(found, caller)
    return seen | {"suppressed": [name for name, value in found.items() if value is not None and seen[name] is None]}


def _storeys(connection: Connection, building_id: int) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(storey.c.id, storey.c.name, storey.c.number, storey.c.elevation_m, storey.c.height_m)
        .where(storey.c.building_id == building_id)
        .order_by(storey.c.elevation_m, storey.c.id)
    )
    return [dict(row) for row in rows.mappings()]
