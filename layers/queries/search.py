"""Search over names, codes, addresses and model elements: exact codes first, then beginnings, then likeness."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Integer,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
    tuple_,
    union_all,
)

from cim.access import Caller
from cim.errors import InvalidInput
from cim.tables import GEOGRAPHIC_SRID, building, dataset
from layers.queries.address_hits import Hit, find_by_address
from layers.queries.labels import center_of, detail_of, name_of
from layers.queries.prepared import Prepared, compiled, run
from layers.queries.visible import VisibleLayer, table_of, visible_layers
from layers.said import require_limit

MAX_LENGTH = 200
MAX_LIMIT = 100
#: Likeness (pg_trgm) below which a name is no answer; queries shorter than this many characters are not likened.
LIKE_FROM = 3

#: table -> columns whose text is searched; a column named here first is a code, which an exact query must equal
TEXTS = {
    "building": ("code", "name", "address"),
    "camera": ("code", "name"),
    "sensor": ("code", "name"),
    "grid_cell": ("code", "name"),
    "element": ("name",),
    "space": ("name", "long_name"),
    "storey": ("name",),
    "event": ("title",),
    "parking": ("name",),
    "resource": ("name", "address"),
    "road": ("name",),
    "river": ("name",),
    "river_area": ("name",),
    "catchment": ("name",),
    "water_work": ("name",),
    "zone": ("name",),
    "model": ("name",),
    "feature": ("name",),
}
#: tables whose owner's keys are searched, exactly
KEYED = ("unit", "pipe", "pipe_node", "road", "element")
CODES = frozenset({"code", "global_id"})
#: added to the score: buildings before all, parts of models after all
PREFERENCE = {"building": 0.04, "element": -0.3, "space": -0.3, "storey": -0.3}
#: tables whose many pieces of one name are one answer
PIECES = frozenset({"road", "river", "river_area", "element", "pipe"})
#: too many and too alike for likeness
NOT_LIKENED = frozenset({"element", "space", "storey"})


class _Shape(NamedTuple):
    """What the statement depends on; its values are parameters."""

    layers: tuple[tuple[str, tuple[str, ...]], ...]
    words: int
    is_cased: bool
    has_bbox: bool
    area: bool


def search(
    connection: Connection,
    text: str,
    caller: Caller,
    *,
    limit: int = 10,
    layers: Collection[str] | None = None,
    bbox: tuple[float, float, float, float] | None = None,
) -> dict[str, Any]:
    """Return the objects that a text may mean, the best first.

    Addresses are taken apart and matched, and names and addresses may be typed in pinyin, in full or by initials
    (``layers.addresses``). The score is 1 for an equal code, 0.95 for an equal name, 0.94 times its own score for an
    address that is matched, 0.8 to 0.9 where the text begins with the query, 0.5 to 0.7 where it holds it, at most 0.5
    where it is only alike; buildings come before others of the same kind of match.

    Raises
    ------
    InvalidInput
        An empty or too long text, or a limit out of range.
    """
    query = _query(text)
    require_limit(limit, MAX_LIMIT)
    visible = {entry.id: entry for entry in visible_layers(connection, caller, layers)}
    by_table: dict[str, list[str]] = {}
    for entry in visible.values():
        by_table.setdefault(entry.table.name, []).append(entry.id)
    words = query.split()
    shape = _Shape(
        tuple((name, tuple(ids)) for name, ids in by_table.items()),
        len(words),
        query.lower() != query.upper(),
        bbox is not None,
        caller.area_code is not None,
    )
    parameters = _parameters(query, words, shape, limit, bbox, caller)
    found = _run(connection, _containing(shape), parameters)
    found += find_by_address(connection, query, by_table, caller.area_code, bbox)
    best = _best(found, visible, limit)
    if len(best) < limit and len(query) >= LIKE_FROM:
        best = _best([*found, *_run(connection, _alike(shape), parameters)], visible, limit)
    return {"query": text, "results": _results(connection, best, visible)}


def _query(text: str) -> str:
    query = " ".join(unicodedata.normalize("NFKC", text).replace("\x00", " ").split())
    if not query:
        raise InvalidInput("the search text is empty; give a name, a code or an address", "search_empty")
    if len(query) > MAX_LENGTH:
        raise InvalidInput(
            f"the search text has {len(query)} characters; at most {MAX_LENGTH} are taken",
            "search_too_long", count=len(query), most=MAX_LENGTH,
        )  # fmt: skip
    return query


def _parameters(
    query: str,
    words: Sequence[str],
    shape: _Shape,
    limit: int,
    bbox: tuple[float, float, float, float] | None,
    caller: Caller,
) -> dict[str, Any]:
    plain = query.lower() if shape.is_cased else query
    # Pieces of one name are folded later, so more are taken than are shown.
    parameters: dict[str, Any] = {"query": plain, "exact": query, "take": 5 * limit + 20}
    for number, word in enumerate(words):
        escaped = word.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        parameters[f"word_{number}"] = f"%{escaped}%"
    if bbox is not None:
        parameters |= dict(zip(("west", "south", "east", "north"), map(float, bbox), strict=True))
    if caller.area_code is not None:
        parameters["area"] = caller.area_code
    return parameters


def _run(connection: Connection, prepared: Prepared | None, parameters: Mapping[str, Any]) -> list[Hit | Row[Any]]:
    return [] if prepared is None else [*run(connection, prepared, parameters)]


@lru_cache(maxsize=256)
def _containing(shape: _Shape) -> Prepared | None:
    """Return the statement that finds texts which equal, begin with or hold the query."""
    selects: list[Select[Any]] = []
    for name, ids in shape.layers:
        table = table_of(name)
        for column in TEXTS.get(name, ()):
            score = _text_score(table.c[column], shape.is_cased, column in CODES) + PREFERENCE.get(name, 0.0)
            conditions = [_holds(table.c[column], number, shape.is_cased) for number in range(shape.words)]
            selects.append(_candidates(table, ids, shape, score, conditions))
        selects += [
            _candidates(table, ids, shape, literal(1.0), [condition]) for condition in _exact_conditions(table, ids)
        ]
    return compiled(union_all(*selects)) if selects else None


@lru_cache(maxsize=256)
def _alike(shape: _Shape) -> Prepared | None:
    """Return the statement that finds names like the query."""
    query = bindparam("query", type_=Text, required=False)
    selects = []
    for name, ids in shape.layers:
        if name not in TEXTS or name in NOT_LIKENED or "name" not in TEXTS[name]:
            continue
        table = table_of(name)
        score = 0.5 * func.similarity(table.c.name, query) + PREFERENCE.get(name, 0.0)
        selects.append(_candidates(table, ids, shape, score, [table.c.name.op("%")(query)]))
    return compiled(union_all(*selects)) if selects else None


def _candidates(
    table: Table,
    ids: Iterable[str],
    shape: _Shape,
    score: ColumnElement[Any],
    conditions: Iterable[ColumnElement[bool]],
) -> Select[Any]:
    total = cast(score, Double).label("score")
    statement = select(
        table.c.id, table.c.layer_id, total, name_of(table).label("name"), detail_of(table).label("detail")
    ).where(table.c.layer_id.in_(tuple(ids)), *conditions)
    if shape.area:
        code = table.c.area_code
        statement = statement.where(
            code.is_(None) | func.starts_with(code, bindparam("area", type_=Text, required=False))
        )
    if shape.has_bbox and "geom" in table.c:
        corners = [bindparam(side, type_=Double, required=False) for side in ("west", "south", "east", "north")]
        statement = statement.where(table.c.geom.op("&&")(func.ST_MakeEnvelope(*corners, GEOGRAPHIC_SRID)))
    ordered = statement.order_by(total.desc(), table.c.id).limit(bindparam("take", type_=Integer, required=False))
    return select(ordered.subquery())


def _holds(column: ColumnElement[Any], number: int, is_cased: bool) -> ColumnElement[bool]:
    pattern = bindparam(f"word_{number}", type_=Text, required=False)
    return column.ilike(pattern) if is_cased else column.like(pattern)


def _text_score(column: ColumnElement[Any], is_cased: bool, is_code: bool) -> ColumnElement[Any]:
    query = bindparam("query", type_=Text, required=False)
    text = func.lower(column) if is_cased else column
    share = cast(func.char_length(query), Double) / func.greatest(func.char_length(column), 1)
    return case(
        (text == query, 1.0 if is_code else 0.95),
        (func.starts_with(text, query), 0.8 + 0.1 * share),
        else_=0.5 + 0.2 * func.least(share, 1.0),
    )


def _exact_conditions(table: Table, ids: Sequence[str]) -> list[ColumnElement[bool]]:
    exact = bindparam("exact", type_=Text, required=False)
    conditions = []
    if "global_id" in table.c:
        conditions.append(table.c.global_id == exact)
    if table.name in KEYED:
        # Through the unique key (dataset, layer, key): an index look-up for each dataset.
        keys = [select(dataset.c.id, literal(layer_id, Text), exact) for layer_id in ids]
        conditions.append(tuple_(table.c.dataset_id, table.c.layer_id, table.c.source_key).in_(union_all(*keys)))
    return conditions


def _best(found: Iterable[Hit | Row[Any]], visible: Mapping[str, VisibleLayer], limit: int) -> list[Hit | Row[Any]]:
    best: list[Hit | Row[Any]] = []
    seen: set[Any] = set()
    for row in sorted(found, key=lambda row: (-row.score, row.id)):
        folded = visible[row.layer_id].table.name in PIECES and row.name
        key = (row.layer_id, row.name, row.detail) if folded else row.id
        if key in seen or row.id in seen:
            continue
        seen |= {key, row.id}
        best.append(row)
        if len(best) == limit:
            break
    return best


def _results(
    connection: Connection, best: Sequence[Hit | Row[Any]], visible: Mapping[str, VisibleLayer]
) -> list[dict[str, Any]]:
    places: dict[int, Any] = {}
    for name in {visible[row.layer_id].table.name for row in best}:
        places |= _places(connection, name, [row.id for row in best if visible[row.layer_id].table.name == name])
    return [
        {
            "id": row.id,
            "layer": row.layer_id,
            "layer_title": visible[row.layer_id].title,
            "name": row.name,
            "detail": row.detail,
            "score": round(min(row.score, 1.0), 4),
            "center": places[row.id].center,
            "bounds": places[row.id].bounds,
        }
        for row in best
    ]


def _places(connection: Connection, table_name: str, ids: Sequence[int]) -> dict[int, Any]:
    table = table_of(table_name)
    # A unit has no place of its own: its building's is shown.
    home = table if "geom" in table.c else building
    shape: Any = home.c.geom
    box = func.jsonb_build_array(func.ST_XMin(shape), func.ST_YMin(shape), func.ST_XMax(shape), func.ST_YMax(shape))
    statement = select(
        table.c.id, center_of(shape).label("center"), case((shape.is_not(None), box), else_=null()).label("bounds")
    ).where(table.c.id.in_(ids))
    if home is not table:
        statement = statement.select_from(table.outerjoin(building, building.c.id == table.c.building_id))
    found: dict[int, Any] = {row.id: row for row in connection.execute(statement)}
    return found
