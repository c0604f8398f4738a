"""Which layers and objects a caller may see, and the columns that show them."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Table,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    func,
    null,
    or_,
    select,
    true,
)

from cim.access import Caller
from cim.tables import OBJECT_TABLES, building, conflict, layer, metadata, model, theme
from layers.queries.prepared import Prepared, compiled, run

#: Columns of every table that are never answered as attributes.
INTERNAL = frozenset({"geom", "geom_3857", "content_hash", "attributes", "layer_id", "dataset_id", "provenance"})

#: Level (CJJ/T 315) of a building that a BIM model describes.
MODELLED = 4


class VisibleLayer(NamedTuple):
    """A layer as queries need it; ``fields`` is the allow-list, ``legend_field`` the field that groups it, if any."""

    id: str
    title: dict[str, str]
    theme_id: str
    theme_title: dict[str, str]
    table: Table
    geometry_type: str
    fields: dict[str, Any]
    legend_field: str | None
    version: int
    updated_at: Any


def visible_layers(connection: Connection, caller: Caller, ids: Collection[str] | None = None) -> list[VisibleLayer]:
    """Return the layers that a caller may see (of ``ids``, or all), in the order of the catalogue."""
    values: dict[str, Any] = {"levels": caller.visible_levels()}
    if ids is not None:
        values["ids"] = list(ids)
    return [
        VisibleLayer(
            row.id,
            {"zh": row.title_zh, "en": row.title_en},
            row.theme_id,
            {"zh": row.theme_zh, "en": row.theme_en},
            table_of(row.table_name),
            row.geometry_type,
            row.fields,
            row.style.get("legend_field"),
            row.version,
            row.updated_at,
        )
        for row in run(connection, _visible(ids is not None), values)
    ]


@lru_cache(maxsize=2)
def _visible(with_ids: bool) -> Prepared:
    """Return the statement that finds layers: it is asked in every answer, and not to be put together each time."""
    statement = (
        select(layer, theme.c.title_zh.label("theme_zh"), theme.c.title_en.label("theme_en"))
        .join(theme)
        .where(layer.c.visibility == any_(_texts("levels")), layer.c.table_name.in_(OBJECT_TABLES))
        .order_by(theme.c.position, theme.c.id, layer.c.position, layer.c.id)
    )
    return compiled(statement.where(layer.c.id == any_(_texts("ids"))) if with_ids else statement)


def _texts(name: str) -> BindParameter[Any]:
    return bindparam(name, None, ARRAY(Text))


def table_of(name: str) -> Table:
    """Return the table of objects with this name."""
    return metadata.tables[f"cim.{name}"]


def in_area(table: Any, caller: Caller) -> ColumnElement[bool]:
    """Return the condition that keeps a caller in its area; objects without an area code are everybody's."""
    if caller.area_code is None:
        return true()
    return or_(table.c.area_code.is_(None), func.starts_with(table.c.area_code, caller.area_code))


def field_value(table: Table, name: str, past: Any = None) -> ColumnElement[Any] | None:
    """Return the expression of an allow-listed field, or None where the table has no such thing.

    A field is a column of the table, else one of the two that are computed for buildings, else a key of
    ``attributes`` (as JSON).

    Parameters
    ----------
    past
        The table as of an earlier moment, to take the values from. Conflicts have no history and are null there.
    """
    source = table if past is None else past
    if name in table.c and name not in INTERNAL:
        column: ColumnElement[Any] = source.c[name]
        return column
    if past is not None and table is building and name in {"has_model", "conflicts"}:
        return past.c.cim_level >= MODELLED if name == "has_model" else cast(null(), Integer)
    if table is building and name == "has_model":
        return exists(select(model.c.id).where(model.c.building_id == building.c.id))
    if table is building and name == "conflicts":
        return (
            select(func.count())
            .where(and_(conflict.c.building_id == building.c.id, conflict.c.status == "open"))
            .scalar_subquery()
        )
    if name in INTERNAL:
        return None
    value: ColumnElement[Any] = source.c.attributes[name]
    return value


def field_text(table: Table, name: str, past: Any = None) -> ColumnElement[Any] | None:
    """Return the expression of a field as text; ``past`` as in ``field_value``."""
    if name not in table.c and name not in INTERNAL | {"has_model", "conflicts"}:
        source = table if past is None else past
        text: ColumnElement[Any] = source.c.attributes[name].astext
        return text
    value = field_value(table, name, past)
    return None if value is None else cast(value, Text)
