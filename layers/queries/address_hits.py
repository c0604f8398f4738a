"""What a search text means as an address, or as a name typed in pinyin, among the layers that a caller may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from cim.tables import GEOGRAPHIC_SRID
from cim.tables.addresses import address
from layers.addresses.answer import match_typed
from layers.addresses.gazetteer import NAMED
from layers.addresses.latin import is_latin, names_typed
from layers.addresses.match import Match, match
from layers.addresses.parse import parse
from layers.addresses.pinyin import has_han
from layers.queries.labels import detail_of, name_of
from layers.queries.visible import table_of

Bounds = tuple[float, float, float, float]
#: An address that is matched comes after an equal code or name, a name in pinyin after one that begins as typed.
_MATCHED, _TYPED = 0.94, 0.85
_CANDIDATES = 10
_MOST = 60


class Hit(NamedTuple):
    """One object found, as the statements of the search give them."""

    id: int
    layer_id: str
    score: float
    name: str | None
    detail: str | None


def find_by_address(
    connection: Connection, query: str, layers: Mapping[str, Sequence[str]], area_code: str | None, bbox: Bounds | None
) -> list[Hit]:
    """Return buildings, units and named objects.

    Parameters
    ----------
    layers
        Table -> ids of its layers that may be shown.
    """
    if is_latin(query):
        typed = match_typed(connection, query, limit=_CANDIDATES)
        found = _scores(typed) if typed else {}
        return _hits(connection, found, layers, area_code, bbox) + _named(connection, query, layers, area_code, bbox)
    if not has_han(query) or not _is_address(query):
        return []
    [one] = match(connection, [query], limit=_CANDIDATES)
    return _hits(connection, _scores(one), layers, area_code, bbox)


def _is_address(query: str) -> bool:
    parts = parse(query)
    return bool(parts.block or parts.room or parts.number or (parts.road and parts.estate))


def _scores(one: Match) -> dict[tuple[str, int], float]:
    """Return (table, id) -> score of what an address may be."""
    # Candidates that are as good as others are shown all, and lower.
    found = {("building", other.building_id): 0.7 * other.score for other in one.candidates}
    if one.building_id is not None:
        found[("building", one.building_id)] = _MATCHED * one.score
    if one.unit_id is not None:
        found[("unit", one.unit_id)] = min(_MATCHED * one.score + 0.01, 1.0)
    return found


def _hits(
    connection: Connection,
    scores: Mapping[tuple[str, int], float],
    layers: Mapping[str, Sequence[str]],
    area_code: str | None,
    bbox: Bounds | None,
) -> list[Hit]:
    hits = []
    for name in ("building", "unit"):
        own = {key: score for (table_name, key), score in scores.items() if table_name == name}
        if own and name in layers:
            statement = _visible(name, layers[name], area_code, bbox).where(table_of(name).c.id.in_(own))
            hits += [
                Hit(row.id, row.layer_id, own[row.id], row.name, row.detail) for row in connection.execute(statement)
            ]
    return hits


def _named(
    connection: Connection, query: str, layers: Mapping[str, Sequence[str]], area_code: str | None, bbox: Bounds | None
) -> list[Hit]:
    """Return objects whose names are what was typed in pinyin; of an estate its buildings."""
    names = names_typed(connection, query)
    hits = []
    for table_name in layers.keys() & {*NAMED, "building"}:
        kinds = {"estate"} if table_name == "building" else {"name"}
        worth = {name: score for kind, name, score in names if kind in kinds}
        if not worth:
            continue
        statement = _visible(table_name, layers[table_name], area_code, bbox)
        table = table_of(table_name)
        if table_name == "building":
            statement = statement.join(address, address.c.building_id == table.c.id).add_columns(
                address.c.estate.label("typed")
            )
            statement = statement.where(address.c.estate.in_(worth))
        else:
            statement = statement.add_columns(table.c.name.label("typed")).where(table.c.name.in_(worth))
        rows = connection.execute(statement.order_by(table.c.id).limit(_MOST))
        hits += [Hit(row.id, row.layer_id, _TYPED * worth[row.typed], row.name, row.detail) for row in rows]
    return hits


def _visible(name: str, ids: Sequence[str], area_code: str | None, bbox: Bounds | None) -> Select[Any]:
    table = table_of(name)
    statement = select(
        table.c.id, table.c.layer_id, name_of(table).label("name"), detail_of(table).label("detail")
    ).where(table.c.layer_id.in_(ids))
    if area_code is not None:
        code = table.c.area_code
        statement = statement.where(code.is_(None) | func.starts_with(code, area_code))
    if bbox is not None and "geom" in table.c:
        statement = statement.where(table.c.geom.op("&&")(func.ST_MakeEnvelope(*bbox, GEOGRAPHIC_SRID)))
    return statement
