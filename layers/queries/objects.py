"""One object of the city: attributes, where they came from, and what it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, MetaData, RowMapping, Select, Table, Text, case, cast, func, null, select
from sqlalchemy.dialects.postgresql import JSONB

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import building, dataset, grid_cell, model, object_history
from cim.tables.buildings import MERGED
from layers.queries.asof import as_of, past_layer
from layers.queries.labels import name_of
from layers.queries.relations import relation_links, value_types
from layers.queries.small_counts import shown_fields
from layers.queries.visible import VisibleLayer, field_value, in_area, table_of, visible_layers

#: The view of all objects (made by the first migration).
_OBJECT = Table("object", MetaData(), Column("id"), Column("table_name", Text), Column("layer_id", Text), schema="cim")

#: column -> (relation, table) of what an object belongs to
_PARENTS = {
    "building_id": ("building", "building"),
    "storey_id": ("storey", "storey"),
    "space_id": ("space", "space"),
    "model_id": ("model", "model"),
    "river_id": ("river", "river"),
    "facility_id": ("facility", "facility"),
    "parent_id": ("part_of", "facility"),
}
#: JSON columns of elements that are shown beside the attributes.
_ELEMENT_EXTRA = ("psets", "quantities", "materials")
DECIMALS = 9


def get_object(connection: Connection, object_id: int, caller: Caller, asof: datetime | None = None) -> dict[str, Any]:
    """Return one object with its provenance and links.

    Parameters
    ----------
    asof
        The object as it was recorded at this moment; links are those of now.

    Raises
    ------
    NotFound
        No object has this id (at that moment), or the caller may not see it.
    """
    layer = layer_of(connection, object_id, caller, asof)
    row = connection.execute(_statement(layer.table, layer, object_id, caller, asof)).mappings().one_or_none()
    if row is None:
        raise _unknown(object_id)
    answer = {
        "id": object_id,
        "layer": layer.id,
        "layer_title": layer.title,
        "name": row["_name"],
        "geometry": row["_geometry"],
        "bounds": row["_bounds"],
        "attributes": _attributes(layer, row, caller),
        "extra": _extra(layer, row),
        "cim_level": row["_cim_level"],
        "valid_from": _plain(row["_valid_from"]),
        "valid_to": _plain(row["_valid_to"]),
        "recorded_at": _plain(row["_recorded_at"]),
        "provenance": _provenance(connection, row),
    }
    if layer.table is building:
        answer["fields"] = fields_of(row["_provenance"], answer["attributes"])
    answer["links"] = _links(connection, layer, row, caller)
    types = value_types(connection, row.get("_model_id"), answer["extra"])
    if types:
        answer["extra"]["value_types"] = types
    return answer


def _attributes(layer: VisibleLayer, row: RowMapping, caller: Caller) -> dict[str, Any]:
    """Return the values of the layer's fields; counts that are too small for the caller are null."""
    found = {name: _plain(row[f"f_{name}"]) for name in layer.fields if f"f_{name}" in row}
    return shown_fields(found, caller) if layer.table is building else found


def layer_of(connection: Connection, object_id: int, caller: Caller, asof: datetime | None = None) -> VisibleLayer:
    """Return the layer of an object of now or of a moment, if the caller may see it (else raises NotFound)."""
    if not 0 < object_id < 2**63:
        raise _unknown(object_id)
    found = connection.execute(select(_OBJECT.c.layer_id).where(_OBJECT.c.id == object_id)).scalar_one_or_none()
    if found is None and asof is not None:
        found = past_layer(connection, object_id, asof)
    layers = visible_layers(connection, caller, [found]) if found else []
    if not layers:
        raise _unknown(object_id)
    return layers[0]


def fields_of(provenance: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return of each merged field its value and the source that gave it; ``*`` stands for all that is not named."""
    told = {name: origin for name, origin in provenance.items() if isinstance(origin, dict) and "kind" in origin}
    everything = told.pop("*", None)
    if everything is not None:
        merged = ["geometry", *(name for name in MERGED if values.get(name) is not None)]
        told = dict.fromkeys(merged, everything) | told
    return {name: {"value": values.get(name), **origin} for name, origin in told.items()}


def _unknown(object_id: int) -> NotFound:
    return NotFound(f"there is no object {object_id}", "no_such_object", id=object_id)


def _statement(table: Table, layer: VisibleLayer, object_id: int, caller: Caller, asof: datetime | None) -> Select[Any]:
    past = None if asof is None else as_of(table, asof, object_history.c.id == object_id)
    rows: Any = table if past is None else past
    values = {name: value for name in layer.fields if (value := field_value(table, name, past)) is not None}
    columns: list[Any] = [value.label(f"f_{name}") for name, value in values.items()]
    columns += [rows.c[name].label(f"_{name}") for name in _PARENTS if name in table.c]
    columns += [rows.c[name].label(f"x_{name}") for name in _ELEMENT_EXTRA if name in table.c]
    columns += [
        rows.c[name].label(f"_{name}")
        for name in ("cim_level", "valid_from", "valid_to", "recorded_at", "dataset_id", "source_key", "attributes")
    ]
    columns += [rows.c.id.label("_id"), name_of(rows).label("_name")]
    if "provenance" in table.c:
        columns.append(rows.c.provenance.label("_provenance"))
    if "geom" in table.c:
        shape: Any = rows.c.geom
        box = [func.ST_XMin(shape), func.ST_YMin(shape), func.ST_XMax(shape), func.ST_YMax(shape)]
        columns.append(cast(func.ST_AsGeoJSON(shape, DECIMALS, 0), JSONB).label("_geometry"))
        columns.append(case((shape.is_not(None), func.jsonb_build_array(*box))).label("_bounds"))
    else:
        columns += [cast(null(), JSONB).label("_geometry"), cast(null(), JSONB).label("_bounds")]
    return select(*columns).where(rows.c.id == object_id, in_area(rows, caller))


def _extra(layer: VisibleLayer, row: RowMapping) -> dict[str, Any]:
    """Return what the file said beyond the layer's fields; of generic layers the allow-list shows all there is."""
    if layer.table.name == "feature":
        return {}
    extra = dict(row["_attributes"])
    for name in _ELEMENT_EXTRA:
        if row.get(f"x_{name}"):
            extra[name] = row[f"x_{name}"]
    return extra


def _provenance(connection: Connection, row: RowMapping) -> dict[str, Any]:
    found = connection.execute(select(dataset).where(dataset.c.id == row["_dataset_id"])).one_or_none()
    if found is None:
        return {"dataset": None, "source_key": row["_source_key"]}
    described = {
        "id": found.id,
        "name": found.name,
        "file": found.file_name,
        "owner": found.owner,
        "date": _plain(found.data_date),
        "licence": found.licence,
        "crs": found.crs,
        "accuracy_m": found.accuracy_m,
        "transform": found.transform,
        "ballpark": found.is_ballpark,
    }
    return {"dataset": described, "source_key": row["_source_key"]}


def _links(connection: Connection, layer: VisibleLayer, row: RowMapping, caller: Caller) -> list[dict[str, Any]]:
    object_id = row["_id"]
    links = [{"rel": "self", "href": f"/objects/{object_id}", "title": row["_name"] or layer.title["zh"]}]
    links.append({"rel": "layer", "href": f"/ogc/collections/{layer.id}", "title": layer.title["zh"]})
    if layer.table is building:
        links.append({"rel": "dossier", "href": f"/buildings/{object_id}/dossier", "title": "一楼一档"})
    links += _parent_links(connection, layer, row, caller)
    if "geom" in layer.table.c and layer.table is not grid_cell:
        links += _grid_links(connection, layer, object_id, caller)
    links += relation_links(connection, object_id, caller)
    return links


def _parent_links(connection: Connection, layer: VisibleLayer, row: RowMapping, caller: Caller) -> list[dict[str, Any]]:
    links = []
    parents = {
        number: (relation, table_of(name))
        for column, (relation, name) in _PARENTS.items()
        if column in layer.table.c and (number := row[f"_{column}"]) is not None
    }
    if layer.table is building:
        own = select(model.c.id).where(model.c.building_id == row["_id"]).order_by(model.c.id)
        parents |= dict.fromkeys(connection.execute(own).scalars(), ("model", model))
    visible = {entry.id for entry in visible_layers(connection, caller)} if parents else set()
    for number, (relation, table) in parents.items():
        title = connection.execute(
            select(name_of(table)).where(table.c.id == number, in_area(table, caller), table.c.layer_id.in_(visible))
        ).one_or_none()
        if title is not None:
            links.append({"rel": relation, "href": f"/objects/{number}", "title": title[0] or str(number)})
    return links


def _grid_links(connection: Connection, layer: VisibleLayer, object_id: int, caller: Caller) -> list[dict[str, Any]]:
    """Return the management cells that the middle of an object lies in, the newest grid last."""
    if not visible_layers(connection, caller, ["grid_cells"]):
        return []
    table = layer.table
    point = select(func.ST_PointOnSurface(table.c.geom)).where(table.c.id == object_id).scalar_subquery()
    cells = connection.execute(
        select(grid_cell.c.id, name_of(grid_cell).label("title"))
        .where(func.ST_Intersects(grid_cell.c.geom, point), grid_cell.c.layer_id == "grid_cells")
        .order_by(grid_cell.c.grid, grid_cell.c.id)
        .limit(10)
    )
    return [{"rel": "grid_cell", "href": f"/objects/{cell.id}", "title": cell.title or ""} for cell in cells]


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
