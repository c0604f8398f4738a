"""Which attributes a tile carries: the catalogue's allow-list, turned into columns of the layer's table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    LargeBinary,
    Select,
    Table,
    Text,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from cim.tables import conflict, model
from tiles.tile import MAX_ZOOM

#: Never shown, whatever the catalogue says.
HIDDEN = frozenset({"id", "layer_id", "dataset_id", "source_key", "attributes", "content_hash", "geom", "geom_3857"})

#: PostgreSQL allows 100 arguments of a function: 50 pairs.
PAIRS_A_CALL = 50

#: Conflicts are looked up for each tile: not for those of whole districts.
CONFLICTS_MIN_ZOOM = 13


def tile_columns(table: Table, fields: Mapping[str, Any], zoom: int) -> list[ColumnElement[Any]]:
    """Return the labelled columns of a layer's attributes at a zoom.

    Parameters
    ----------
    fields
        The layer's allow-list: name -> {"type", "title", "min_zoom", "tile_name"}. A name that is no column of the
        table is looked up in the object's free attributes.
    """
    columns: list[ColumnElement[Any]] = []
    free: list[str] = []
    for name, field in fields.items():
        if name in HIDDEN or field.get("min_zoom", 0) > zoom or _is_derived(table, name):
            continue
        column = table.c.get(name)
        if column is None:
            free.append(name)
        elif (shown := _scalar(column)) is not None:
            columns.append(shown.label(field.get("tile_name", name)))
    columns += _derived(table)
    if free:
        columns.append(_free_attributes(table, free).label("attributes"))
    return columns


def with_conflicts(shown: Select[Any]) -> Select[Any]:
    """Return a selection of buildings with the number of ``conflicts`` that are open.

    All are looked up together: a look for each building costs as much as to clip it.
    """
    buildings = shown.cte("shown")
    ids = func.array(select(buildings.c.id).scalar_subquery())
    disputed = (
        select(conflict.c.building_id, func.count().label("conflicts"))
        .where(conflict.c.building_id == func.any(ids), conflict.c.status == "open")
        .group_by(conflict.c.building_id)
        .subquery("disputed")
    )
    return select(buildings, func.coalesce(disputed.c.conflicts, 0).label("conflicts")).select_from(
        buildings.outerjoin(disputed, disputed.c.building_id == buildings.c.id)
    )


def field_titles(table: Table, fields: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> description of every attribute that a tile may carry, as TileJSON's ``fields``."""
    titles = {
        field.get("tile_name", name): f"{field['type']}: {field['title']['zh']} / {field['title']['en']}"
        for name, field in fields.items()
        if name not in HIDDEN and field.get("min_zoom", 0) <= MAX_ZOOM and not _is_derived(table, name)
    }
    if table.name == "building":
        titles |= {
            "has_model": "boolean: 有BIM模型 / A BIM model stands here",
            "conflicts": "integer: 数据冲突数 / Fields on which sources disagree",
        }
    return titles


def _scalar(column: ColumnElement[Any]) -> ColumnElement[Any] | None:
    """Return a column as a tile can carry it, or None for binary and structured ones."""
    if isinstance(column.type, DateTime):
        utc = func.timezone("UTC", column)
        return func.to_char(utc, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    if isinstance(column.type, LargeBinary | JSONB) or column.type.__class__.__name__ == "Geometry":
        return None
    return column


def _is_derived(table: Table, name: str) -> bool:
    return table.name == "building" and name in {"has_model", "conflicts"}


def _derived(table: Table) -> list[ColumnElement[Any]]:
    if table.name != "building":
        return []
    # Few buildings have a model: their list is read once a tile, which costs less than a look for each building.
    modelled = select(model.c.building_id).where(model.c.building_id.is_not(None)).scalar_subquery()
    has_model: Any = table.c.id == func.any(func.array(modelled))
    return [has_model.label("has_model")]


def _free_attributes(table: Table, names: list[str]) -> ColumnElement[Any]:
    """Pick names out of the free attributes; ST_AsMVT spreads the JSON object and keeps each value's own type."""
    picked: ColumnElement[Any] | None = None
    for start in range(0, len(names), PAIRS_A_CALL):
        pairs: list[ColumnElement[Any]] = []
        for name in names[start : start + PAIRS_A_CALL]:
            pairs += [cast(literal(name), Text), table.c.attributes[name]]
        part: ColumnElement[Any] = func.jsonb_build_object(*pairs, type_=JSONB)
        picked = part if picked is None else picked.op("||")(part)
    return func.jsonb_strip_nulls(picked, type_=JSONB)
