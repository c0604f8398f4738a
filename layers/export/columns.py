"""The columns of an exported layer: what every object has, what its table adds, and its owner's attributes.

Attributes get columns of their own where one plain type says them all; the others stay together as JSON text in the
column ``attributes``, so that nothing changes its type on the way out and in again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Double,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    case,
    cast,
    column,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by

from cim.tables import dataset
from layers.export.selection import Selection

GEOMETRY = "geom"
REST = "attributes"
#: First in every export, in this order.
COMMON = ("id", "source_key", "dataset", "layer", "cim_level", "name", "area_code", "valid_from", "valid_to",
          "recorded_at")  # fmt: skip
#: More columns than this no program shows.
MOST_ATTRIBUTES = 300
_LEFT_OUT = {"layer_id", "dataset_id", "content_hash", "attributes", "geom", "geom_3857"}
#: Names that GDAL and its formats give to columns of their own.
_TAKEN = {"fid", "ogc_fid", "rowid", "geometry", GEOMETRY, REST}
_TIME = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
_ARROW: tuple[tuple[type, Any], ...] = (
    (SmallInteger, pa.int16()),
    (BigInteger, pa.int64()),
    (Integer, pa.int32()),
    (Double, pa.float64()),
    (Boolean, pa.bool_()),
)
#: kind of an attribute -> types in the database and in the file
_ATTRIBUTES: Mapping[str, tuple[Any, Any]] = {
    "string": (Text, pa.string()),
    "integer": (BigInteger, pa.int64()),
    "number": (Double, pa.float64()),
    "boolean": (Boolean, pa.bool_()),
}
# Text that an import would trim, or take for nothing.
_PLAIN_TEXT = r"^[^\s\u3000\u00a0](.*[^\s\u3000\u00a0])?$"
_WHOLE_NUMBER = r"^-?[0-9]{1,17}$"
# What a float64 tells apart: numbers of more digits stay JSON.
_MOST_DIGITS = 17
_NO_DIGITS = r"^[-0.]+|[^0-9]"


@dataclass(frozen=True)
class ExportColumn:
    """A column of the file, and the expression that it is read by."""

    name: str
    kind: Any
    expression: ColumnElement[Any]


def export_columns(connection: Connection, selection: Selection, *, keeps_times: bool) -> list[ExportColumn]:
    """Return the columns of an export, the geometry last."""
    attributes = selection.rows.c.attributes
    found = object_columns(selection, keeps_times=keeps_times)
    kinds = attribute_kinds(connection, selection, taken={entry.name.casefold() for entry in found})
    found += [_attribute(attributes, name, kind) for name, kind in kinds.items()]
    rest = attributes.op("-")(cast(list(kinds), ARRAY(Text)))
    found.append(ExportColumn(REST, pa.string(), cast(func.nullif(rest, cast(literal("{}"), JSONB)), Text)))
    if GEOMETRY in selection.table.c:
        found.append(ExportColumn(GEOMETRY, pa.binary(), func.ST_AsBinary(selection.rows.c.geom, type_=LargeBinary)))
    return found


def object_columns(selection: Selection, *, keeps_times: bool) -> list[ExportColumn]:
    """Return what the table says of its objects besides their attributes and geometry."""
    special: dict[str, ColumnElement[Any]] = {
        "source_key": selection.source_key(),
        "dataset": dataset.c.name,
        "layer": literal(selection.layer_id, Text),
    }
    found = [ExportColumn(name, pa.string(), part) for name, part in special.items()]
    own = [entry for entry in selection.table.c if _is_shown(entry) and entry.name not in special]
    found += [typed_column(entry, selection.rows.c[entry.name], keeps_times) for entry in own]
    order = {name: place for place, name in enumerate(COMMON)}
    found.sort(key=lambda entry: order.get(entry.name, len(order)))
    return found


def attribute_kinds(connection: Connection, selection: Selection, taken: Collection[str]) -> dict[str, str]:
    """Return the attributes that get columns of their own: name -> string | integer | number | boolean.

    Parameters
    ----------
    taken
        Names, case-folded, that other columns have.
    """
    each = func.jsonb_each(selection.rows.c.attributes).table_valued("key", column("value", JSONB)).lateral("each")
    kind = func.jsonb_typeof(each.c.value)
    text = each.c.value.op("#>>")(cast(literal("{}"), ARRAY(Text)))
    digits = func.length(func.regexp_replace(text, _NO_DIGITS, "", "g"))
    statement = (
        select(
            each.c.key,
            func.array_agg(aggregate_order_by(kind.distinct(), kind)).label("kinds"),
            func.bool_and(
                case(
                    (kind == "string", text.op("~")(_PLAIN_TEXT)),
                    (kind == "number", digits <= _MOST_DIGITS),
                    else_=true(),
                )
            ).label("is_plain"),
            func.bool_and(case((kind == "number", text.op("~")(_WHOLE_NUMBER)), else_=true())).label("is_whole"),
        )
        .select_from(selection.rows.join(each, true()))
        .where(*selection.conditions)
        .group_by(each.c.key)
        .order_by(each.c.key)
    )
    names = {*taken, *_TAKEN}
    found: dict[str, str] = {}
    for key, kinds, is_plain, is_whole in connection.execute(statement):
        if len(kinds) != 1 or not is_plain or not key.strip() or key.casefold() in names:
            continue
        name = "integer" if kinds == ["number"] and is_whole else kinds[0]
        if name in _ATTRIBUTES and len(found) < MOST_ATTRIBUTES:
            found[key] = name
            names.add(key.casefold())
    return found


def schema_of(columns: list[ExportColumn], metadata: Mapping[bytes, bytes] | None = None) -> Any:
    """Return the schema of the file's batches."""
    return pa.schema([(entry.name, entry.kind) for entry in columns], metadata=metadata)


def _is_shown(entry: Column[Any]) -> bool:
    return entry.name not in _LEFT_OUT and not isinstance(entry.type, Geometry | LargeBinary)


def typed_column(entry: Column[Any], value: ColumnElement[Any], keeps_times: bool) -> ExportColumn:
    """Return a column of a table in the type that files have for it; times are text where they do not keep them."""
    name = str(entry.name)  # without the database's quotes
    if isinstance(entry.type, DateTime):
        if keeps_times:
            return ExportColumn(name, pa.timestamp("us", "UTC"), value)
        return ExportColumn(name, pa.string(), func.to_char(func.timezone("UTC", value), _TIME))
    for kind, arrow in _ARROW:
        if isinstance(entry.type, kind):
            return ExportColumn(name, arrow, value)
    return ExportColumn(name, pa.string(), value if isinstance(entry.type, String) else cast(value, Text))


def _attribute(attributes: Any, name: str, kind: str) -> ExportColumn:
    stored, arrow = _ATTRIBUTES[kind]
    return ExportColumn(name, arrow, cast(attributes[name].astext, stored))
