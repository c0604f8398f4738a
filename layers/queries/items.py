"""Items of one layer as OGC API Features hands them out: bytes of GeoJSON made by the database, page by page."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    DateTime,
    Double,
    Select,
    Subquery,
    Table,
    Text,
    cast,
    func,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by

from cim.access import Caller
from cim.errors import Forbidden, InvalidInput, NotFound
from cim.tables import GEOGRAPHIC_SRID, object_history
from layers.catalogue import LayerRow
from layers.queries.asof import Interval, as_of, valid_during
from layers.queries.cql import condition
from layers.queries.small_counts import is_personal, sees_all, without_small
from layers.queries.visible import field_text, field_value, in_area, table_of
from layers.said import require_limit

MAX_LIMIT = 10_000
DEFAULT_LIMIT = 100
DECIMALS = 8


@dataclass(frozen=True)
class ItemsQuery:
    """What a page of items is asked for.

    Attributes
    ----------
    bbox
        West, south, east, north in degrees; where west > east the box crosses the antimeridian.
    cursor
        The ``next_cursor`` of the page before: the id of its last item.
    filters
        Field of the layer's allow-list -> the text that its value must equal.
    cql
        A filter in CQL2 text, see :mod:`layers.queries.cql`.
    asof
        The items as they were recorded at this moment.
    valid
        Only items that were so in the world at some time of this interval.
    """

    bbox: tuple[float, float, float, float] | None = None
    limit: int = DEFAULT_LIMIT
    cursor: int | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    cql: str | None = None
    count_matched: bool = False
    asof: datetime | None = None
    valid: Interval | None = None


@dataclass(frozen=True)
class ItemsPage:
    """A page: ``body`` is the JSON array of GeoJSON features, nothing around it."""

    body: bytes
    next_cursor: int | None
    number_returned: int
    number_matched: int | None = None


def list_items(connection: Connection, layer: LayerRow, query: ItemsQuery, caller: Caller) -> ItemsPage:
    """Return one page of a layer's items, by id.

    Raises
    ------
    InvalidInput
        Naming the parameter and its value.
    """
    table = _table(layer)
    require_limit(query.limit, MAX_LIMIT)
    past = _past(table, layer, query)
    rows = table if past is None else past
    conditions = [rows.c.layer_id == layer.id, in_area(rows, caller), *_conditions(table, layer, query, past, caller)]
    page = select(rows.c.id).where(*conditions).order_by(rows.c.id).limit(query.limit + 1)
    if query.cursor is not None:
        page = page.where(rows.c.id > query.cursor)
    ids = list(connection.execute(page).scalars())
    shown = ids[: query.limit]
    matched = None
    if query.count_matched:
        matched = connection.execute(select(func.count()).select_from(rows).where(*conditions)).scalar_one()
    again = None if query.asof is None else as_of(table, query.asof, object_history.c.id.in_(shown))
    return ItemsPage(
        _features(connection, table, layer, shown, caller, again),
        shown[-1] if len(ids) > query.limit else None,
        len(shown),
        matched,
    )


def get_item(
    connection: Connection, layer: LayerRow, item_id: int, caller: Caller, asof: datetime | None = None
) -> bytes:
    """Return one item, as it was recorded at a moment, as a GeoJSON feature (raises NotFound)."""
    table = _table(layer)
    found = None
    if 0 < item_id < 2**63:
        past = None if asof is None else as_of(table, asof, object_history.c.id == item_id)
        rows = table if past is None else past
        found = connection.execute(
            select(cast(feature_of(table, layer, caller, past), Text)).where(
                rows.c.id == item_id, rows.c.layer_id == layer.id, in_area(rows, caller)
            )
        ).scalar_one_or_none()
    if found is None:
        raise NotFound(f"the layer '{layer.id}' has no item {item_id}", "no_such_item", layer=layer.id, id=item_id)
    return bytes(found, "utf-8")


def queryables(layer: LayerRow) -> dict[str, Any]:
    """Return the JSON schema of the properties that items can be filtered by."""
    table = _table(layer)
    properties: dict[str, Any] = {}
    if "geom" in table.c:
        properties["geometry"] = {"$ref": "https://geojson.org/schema/Geometry.json"}
    for name, described in layer.fields.items():
        if field_text(table, name) is not None:
            properties[name] = {"title": described["title"]["en"], **_schema(described["type"])}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "title": layer.title_en,
        "properties": properties,
        "additionalProperties": False,
    }


def _schema(kind: str) -> dict[str, str]:
    return {"type": "string", "format": "date-time"} if kind == "datetime" else {"type": kind}


def _table(layer: LayerRow) -> Table:
    try:
        return table_of(layer.table_name)
    except KeyError:
        raise NotFound(f"the layer '{layer.id}' has no items", "layer_without_objects", layer=layer.id) from None


def _past(table: Table, layer: LayerRow, query: ItemsQuery) -> Subquery | None:
    """Return the rows of an earlier moment, sought by layer, page and place."""
    if query.asof is None:
        return None
    if query.cql is not None:
        raise InvalidInput(
            "a CQL2 filter cannot be asked together with asof; filter with bbox and the queryables", "filter_with_asof"
        )
    among = [object_history.c.layer_id == layer.id]
    if query.cursor is not None:
        among.append(object_history.c.id > query.cursor)
    if query.bbox is not None:
        among.append(_in_box(table, query.bbox, object_history.c.bounds))
    return as_of(table, query.asof, *among)


def _conditions(
    table: Table, layer: LayerRow, query: ItemsQuery, past: Subquery | None, caller: Caller
) -> list[ColumnElement[bool]]:
    rows = table if past is None else past
    _require_open(table, layer, query, caller)
    conditions = [_equals(table, layer, name, value, past) for name, value in query.filters.items()]
    if query.bbox is not None:
        conditions.append(_in_box(table, query.bbox, rows.c.geom if "geom" in table.c else None))
    if query.valid is not None:
        conditions.append(valid_during(rows, query.valid))
    if query.cql is not None:
        conditions.append(condition(layer, query.cql))
    return conditions


def _require_open(table: Table, layer: LayerRow, query: ItemsQuery, caller: Caller) -> None:
    """Refuse filters that would tell small counts which the caller is not shown."""
    if sees_all(caller):
        return
    for name in layer.fields:
        asked = name in query.filters or (query.cql and re.search(rf"\b{name}\b", query.cql, re.IGNORECASE))
        if asked and is_personal(table.name, name):
            raise Forbidden(
                f"the role '{caller.role}' may not filter by '{name}', which has counts too small to show",
                "filter_of_small_counts", role=caller.role, field=name,
            )  # fmt: skip


def _equals(table: Table, layer: LayerRow, name: str, value: str, past: Subquery | None) -> ColumnElement[bool]:
    column = field_text(table, name, past) if name in layer.fields else None
    if column is None:
        raise InvalidInput(
            f"'{name[:100]}' is no queryable of '{layer.id}'; there are: {', '.join(layer.fields)}",
            "unknown_field", given=name[:100], known=[*layer.fields],
        )  # fmt: skip
    if "\x00" in value:
        raise InvalidInput(f"the value of '{name}' has a NUL character", "nul_character", field=name)
    kind = layer.fields[name]["type"]
    if kind in {"integer", "number"}:
        return cast(column, Double) == _number(name, value)
    if kind == "boolean":
        if value not in {"true", "false"}:
            raise InvalidInput(
                f"'{name}' is '{value[:40]}'; true or false is right", "not_a_flag", field=name, given=value[:40]
            )
        return cast(column, Boolean) == (value == "true")
    if kind == "datetime" and name in table.c:
        return (table if past is None else past).c[name] == cast(_moment(name, value), DateTime(timezone=True))
    return column == value


def _number(name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidInput(
            f"'{name}' is '{value[:40]}'; a number is right", "not_a_number", field=name, given=value[:40]
        )
    return number


def _moment(name: str, value: str) -> str:
    try:
        return datetime.fromisoformat(value).isoformat()
    except ValueError:
        raise InvalidInput(
            f"'{name}' is '{value[:40]}'; a time like 2025-06-01T08:00:00+08:00 is right",
            "not_a_time", field=name, given=value[:40],
        ) from None  # fmt: skip


def _in_box(table: Table, bbox: tuple[float, float, float, float], shape: Any) -> ColumnElement[bool]:
    if "geom" not in table.c:
        raise InvalidInput("the items of this layer have no geometry; ask without bbox", "items_without_places")
    west, south, east, north = bbox
    in_range = all(map(math.isfinite, bbox)) and -180 <= west <= 180 and -180 <= east <= 180
    if not (in_range and -90 <= south <= north <= 90):
        raise InvalidInput(
            f"bbox is {','.join(map(str, bbox))}; west,south,east,north in degrees is right",
            "bbox_wrong", given=",".join(map(str, bbox)),
        )  # fmt: skip
    if west <= east:
        return func.ST_Intersects(shape, func.ST_MakeEnvelope(west, south, east, north, GEOGRAPHIC_SRID))
    left = func.ST_MakeEnvelope(west, south, 180, north, GEOGRAPHIC_SRID)
    right = func.ST_MakeEnvelope(-180, south, east, north, GEOGRAPHIC_SRID)
    return func.ST_Intersects(shape, left) | func.ST_Intersects(shape, right)


def _features(
    connection: Connection, table: Table, layer: LayerRow, ids: list[int], caller: Caller, past: Subquery | None
) -> bytes:
    rows = table if past is None else past
    feature = aggregate_order_by(feature_of(table, layer, caller, past), rows.c.id)
    statement: Select[Any] = select(
        cast(func.coalesce(func.json_agg(feature), literal_column("'[]'::json")), Text)
    ).where(rows.c.id.in_(ids))
    return bytes(connection.execute(statement).scalar_one(), "utf-8")


def feature_of(table: Table, layer: LayerRow, caller: Caller, past: Subquery | None = None) -> ColumnElement[Any]:
    """Return the expression of an object as a GeoJSON feature with what the caller may see of it."""
    rows = table if past is None else past
    geometry: Any = null()
    if "geom" in table.c:
        geometry = cast(func.ST_AsGeoJSON(rows.c.geom, DECIMALS, 0), JSON)
    pairs: list[Any] = []
    for name in layer.fields:
        value = field_value(table, name, past)
        if value is not None:
            hidden = is_personal(table.name, name) and not sees_all(caller)
            pairs += [cast(name, Text), without_small(value) if hidden else value]
    properties = [func.json_build_object(*pairs[at : at + 80]) for at in range(0, len(pairs), 80)]
    return func.json_build_object(
        "type", "Feature", "id", rows.c.id, "geometry", geometry, "properties", _joined(properties)
    )


def _joined(parts: list[Any]) -> Any:
    """Return one JSON object of several: a function takes at most 100 arguments."""
    if not parts:
        return literal_column("'{}'::json")
    if len(parts) == 1:
        return parts[0]
    from sqlalchemy.dialects.postgresql import JSONB

    joined: Any = cast(parts[0], JSONB)
    for part in parts[1:]:
        joined = joined.op("||")(cast(part, JSONB))
    return joined
