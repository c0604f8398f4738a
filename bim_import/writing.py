"""The rows of a model into the database: COPY and set-based statements only, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Table, Update, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from bim_import.geometry import MeshStore
from bim_import.identity import rename_keys
from bim_import.mapping import MODEL_KEY
from bim_import.meshes import drawing_hashes, remove_unused_meshes, write_instances, write_meshes
from bim_import.object_links import write_links
from bim_import.rows import ModelRows
from bim_import.solids import write_solids
from cim import db, store
from cim.reports import LayerCounts
from cim.tables import alignment, building_source, element, element_group, facility, model, space, storey

_OBJECT = ("layer_id", "source_key", "cim_level", "name", "attributes")
_MODEL = (
    *_OBJECT, "ifc_schema", "original_schema", "global_id", "status", "metric_crs", "placement", "georeference",
    "value_types", "longitude", "latitude", "height_m", "element_count", "geom",
)  # fmt: skip
_STOREY = (*_OBJECT, "model_id", "global_id", "number", "elevation_m", "base_height_m", "height_m", "geom")
_SPACE = (
    *_OBJECT, "model_id", "storey_id", "global_id", "long_name", "base_height_m", "height_m", "floor_area_m2",
    "volume_m3", "drawing_hash", "geom",
)  # fmt: skip
_ELEMENT = (
    *_OBJECT, "model_id", "storey_id", "space_id", "facility_id", "global_id", "parent_global_id", "ifc_class",
    "predefined_type", "type_name", "tag", "system", "psets", "quantities", "materials", "geometry_status", "kernel",
    "min_height_m", "max_height_m", "drawing_hash", "geom",
)  # fmt: skip
_FACILITY = (
    *_OBJECT, "model_id", "global_id", "parent_global_id", "long_name", "ifc_class", "predefined_type",
    "element_count", "min_height_m", "max_height_m", "psets", "quantities", "geom",
)  # fmt: skip
_ALIGNMENT = (
    *_OBJECT, "model_id", "facility_id", "global_id", "predefined_type", "start_station_m", "stated_length_m",
    "curve_length_m", "min_radius_m", "max_gradient", "psets", "quantities", "geom",
)  # fmt: skip
_GROUP = (
    *_OBJECT, "model_id", "global_id", "long_name", "ifc_class", "predefined_type", "member_count", "psets",
    "quantities",
)  # fmt: skip
_LAYERS = (
    (facility, "facilities"), (alignment, "alignments"), (storey, "storeys"), (space, "spaces"),
    (element, "elements"), (element_group, "element_groups"),
)  # fmt: skip


aliased_facility = facility.alias("above")


class Written(NamedTuple):
    """Counts by layer, and how many objects were found again under another key."""

    layers: dict[str, LayerCounts]
    renamed: int


def write_rows(connection: Connection, rows: ModelRows, meshes: MeshStore, dataset_id: int) -> Written:
    """Write a model and all that belongs to it."""
    counts = {"models": _merge(connection, model, "models", _MODEL, [rows.model], dataset_id)}
    model_id = _ids(connection, model, "models", dataset_id)[MODEL_KEY]
    drawn = drawing_hashes(rows.instances)
    renamed = 0
    for table, layer_id, found in (
        (storey, "storeys", rows.storeys),
        (space, "spaces", rows.spaces),
        (element, "elements", rows.elements),
    ):
        renamed += rename_keys(connection, table, layer_id, dataset_id, found, rows.instances)
    earlier = _drawn(connection, dataset_id)
    ids = _Ids(connection, dataset_id, model_id)
    counts["facilities"] = _merge(connection, facility, "facilities", _FACILITY, ids.rows(rows.facilities), dataset_id)
    connection.execute(link_facilities(model_id))
    ids.add(facility, "facilities", "facility")
    counts["alignments"] = _merge(
        connection, alignment, "alignments", _ALIGNMENT, ids.rows(rows.alignments), dataset_id
    )
    counts["storeys"] = _merge(connection, storey, "storeys", _STOREY, ids.rows(rows.storeys), dataset_id)
    ids.add(storey, "storeys", "storey")
    spaces = ids.rows(_drawn_rows(rows.spaces, "space", drawn))
    counts["spaces"] = _merge(connection, space, "spaces", _SPACE, spaces, dataset_id)
    ids.add(space, "spaces", "space")
    elements = ids.rows(_drawn_rows(rows.elements, "element", drawn))
    counts["elements"] = _merge(connection, element, "elements", _ELEMENT, elements, dataset_id)
    groups = ids.rows(rows.groups)
    counts["element_groups"] = _merge(connection, element_group, "element_groups", _GROUP, groups, dataset_id)
    write_buildings(connection, rows.buildings, dataset_id)
    if drawn != earlier:
        _draw(connection, rows, meshes, dataset_id, model_id, _changed(earlier, drawn))
    if rows.frame is not None:
        write_solids(connection, model_id, rows.frame)
    write_links(connection, model_id, rows.links, ids.all())
    if any(found.is_changed for found in counts.values()):
        db.notify(connection, {"type": "model", "id": model_id, "name": rows.model["name"], "bounds": rows.bounds})
    return Written(counts, renamed)


def link_facilities(model_id: int) -> Update:
    """Return the statement that gives the facilities of a model the ids of those that they are parts of."""
    above = aliased_facility.c
    parent = (
        select(above.id)
        .where(above.model_id == model_id, above.source_key == facility.c.parent_global_id)
        .scalar_subquery()
    )
    return (
        update(facility)
        .where(facility.c.model_id == model_id, facility.c.parent_id.is_distinct_from(parent))
        .values(parent_id=parent, recorded_at=func.now())
    )


def _drawn(connection: Connection, dataset_id: int) -> dict[tuple[str, str], str]:
    """Return (table, key) -> drawing hash of what the database draws."""
    return {
        (table.name, row.source_key): row.drawing_hash
        for table in (element, space)
        for row in connection.execute(
            select(table.c.source_key, table.c.drawing_hash).where(
                table.c.dataset_id == dataset_id, table.c.drawing_hash.is_not(None)
            )
        )
    }


def _drawn_rows(
    rows: Iterable[dict[str, Any]], table: str, drawn: Mapping[tuple[str, str], str]
) -> Iterator[dict[str, Any]]:
    return (row | {"drawing_hash": drawn.get((table, row["source_key"]))} for row in rows)


def _changed(earlier: Mapping[tuple[str, str], str], drawn: Mapping[tuple[str, str], str]) -> set[tuple[str, str]]:
    return {one for one, value in drawn.items() if earlier.get(one) != value}


def _draw(
    connection: Connection,
    rows: ModelRows,
    meshes: MeshStore,
    dataset_id: int,
    model_id: int,
    changed: set[tuple[str, str]],
) -> None:
    ids = {
        "element": _ids(connection, element, "elements", dataset_id),
        "space": _ids(connection, space, "spaces", dataset_id),
    }
    write_meshes(connection, meshes)
    write_instances(connection, model_id, [one for one in rows.instances if one[:2] in changed], ids)
    remove_unused_meshes(connection)


class _Ids:
    """Ids of rows by source key, put in the place of the keys that the rows of a file have for them."""

    def __init__(self, connection: Connection, dataset_id: int, model_id: int) -> None:
        self._connection, self._dataset_id, self._model_id = connection, dataset_id, model_id
        self._known: dict[str, dict[str, int]] = {}

    def add(self, table: Table, layer_id: str, name: str) -> None:
        """Learn the ids of a layer; they go to ``<name>_id`` of rows that have ``<name>_key``."""
        self._known[name] = _ids(self._connection, table, layer_id, self._dataset_id)

    def rows(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the rows with ids."""
        for row in rows:
            links = {f"{name}_id": ids.get(row.get(f"{name}_key") or "") for name, ids in self._known.items()}
            yield row | {"model_id": self._model_id} | links

    def all(self) -> dict[str, int]:
        """Return the ids of all objects of the model."""
        found = {MODEL_KEY: self._model_id}
        for table, layer_id in _LAYERS:
            found |= _ids(self._connection, table, layer_id, self._dataset_id)
        return found


def _merge(
    connection: Connection,
    table: Table,
    layer_id: str,
    columns: Sequence[str],
    rows: Iterable[dict[str, Any]],
    dataset_id: int,
) -> LayerCounts:
    staging = store.stage(connection, table, columns, _tuples(rows, layer_id, columns))
    return store.merge(connection, table, staging, columns, dataset_id=dataset_id, layer_id=layer_id)


def _tuples(rows: Iterable[dict[str, Any]], layer_id: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        values = row | {"layer_id": layer_id}
        yield tuple(_plain(values.get(column)) for column in columns)


def _plain(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def _ids(connection: Connection, table: Table, layer_id: str, dataset_id: int) -> dict[str, int]:
    rows = connection.execute(
        select(table.c.source_key, table.c.id).where(table.c.dataset_id == dataset_id, table.c.layer_id == layer_id)
    )
    return {row.source_key: row.id for row in rows}


def write_buildings(connection: Connection, rows: list[dict[str, Any]], dataset_id: int) -> None:
    """Write what the file says of its buildings; rows that say the same as before are left alone."""
    keys = [row["source_key"] for row in rows]
    connection.execute(
        delete(building_source).where(
            building_source.c.dataset_id == dataset_id, building_source.c.source_key.not_in(keys)
        )
    )
    for row in rows:  # a handful a file
        body = orjson.dumps(row, option=orjson.OPT_SORT_KEYS).decode()
        values = row | {"dataset_id": dataset_id, "content_hash": func.md5(body), "recorded_at": func.now()}
        values["geom"] = func.ST_GeomFromWKB(bytes.fromhex(row["geom"]), 4490) if row["geom"] else None
        statement = insert(building_source).values(values)
        changes = {name: statement.excluded[name] for name in values if name not in {"dataset_id", "source_key"}}
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["dataset_id", "source_key"],
                set_=changes,
                where=building_source.c.content_hash.is_distinct_from(statement.excluded.content_hash),
            )
        )
