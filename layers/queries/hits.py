"""The one statement that finds all objects in a zone, table by table.

Membership: an object is in the zone when its geometry intersects the zone (touching the boundary counts); a unit,
which has no geometry, when its building is. Lengths and areas are those of the part inside, geodesic; counts are of
whole objects, and so are all other sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from geoalchemy2 import Geography
from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.dialects.postgresql.psycopg import dialect

from cim.tables import GEOGRAPHIC_SRID, building, building_source, object_history, unit
from layers.queries.asof import as_of, moment_parameter
from layers.queries.small_counts import is_personal, without_small
from layers.queries.visible import VisibleLayer, field_text, table_of

#: Vertices above which a zone is cut into parts: the index and the predicates then work on small pieces.
DIVIDE_ABOVE = 2000
PART_VERTICES = 128
#: Decimals of a degree in lists: a centimetre.
_PLACES = 7

#: table -> numeric columns that are summed over whole objects
SUMMED = {
    "building": ("households", "residents", "legal_entities"),
    "unit": ("area_m2",),
    "space": ("floor_area_m2",),
    "parking": ("capacity", "free"),
    "resource": ("capacity",),
}
#: table -> columns of which the first that is not null describes an object in a list
DETAILS = {
    "building": ("address", "code"),
    "unit": ("address", "code"),
    "element": ("ifc_class",),
    "space": ("long_name",),
    "camera": ("code",),
    "sensor": ("kind", "code"),
    "event": ("type", "state"),
    "resource": ("address", "kind"),
    "grid_cell": ("code",),
    "pipe": ("network",),
    "pipe_node": ("kind", "network"),
    "road": ("class",),
    "river": ("class",),
    "model": ("status",),
    "zone": ("kind",),
}
#: table -> columns that stand in for a missing name
NAMES = {
    "building": ("code",),
    "unit": ("room", "code"),
    "element": ("global_id",),
    "camera": ("code",),
    "sensor": ("code",),
    "event": ("title",),
    "grid_cell": ("code",),
}


class Grouping(NamedTuple):
    """A layer and the field by which its objects are grouped."""

    layer_id: str
    table_name: str
    field: str | None


class Manner(NamedTuple):
    """How the zone is asked about.

    Attributes
    ----------
    is_divided
        The zone is cut into parts.
    has_area
        The caller is kept in an area.
    is_past
        The state of an earlier moment is asked for.
    hides_small
        Buildings with small counts of people are left out of the sums of these.
    """

    is_divided: bool = False
    has_area: bool = False
    is_past: bool = False
    hides_small: bool = False


class Prepared(NamedTuple):
    """SQL in the driver's form and the parameters that it always has."""

    sql: str
    parameters: dict[str, Any]


def groupings(layers: Sequence[VisibleLayer]) -> tuple[Grouping, ...]:
    """Return what shapes the statement for these layers; the same layers give the same statement."""
    return tuple(
        Grouping(entry.id, entry.table.name, entry.legend_field if entry.legend_field in entry.fields else None)
        for entry in layers
        if "geom" in entry.table.c or entry.table is unit
    )


@lru_cache(maxsize=64)
def statement_for(layers: tuple[Grouping, ...], manner: Manner) -> Prepared:
    """Return the statement for these layers, compiled once.

    It takes ``zone`` and ``core``, a box inside it or null (WKB, EPSG:4490), ``list_limit`` and, where the manner has
    them, ``area`` and ``asof``. Its rows: layer_id, count, sums, groups, items, datasets (ids).
    """
    zone = _zone(manner.is_divided)
    by_table: dict[str, list[Grouping]] = {}
    for grouping in layers:
        by_table.setdefault(grouping.table_name, []).append(grouping)
    houses = by_table.get("building", [Grouping("buildings", "building", None)])
    inside = _hits(building, houses, zone, manner) if {"unit", "building"} & set(by_table) else None
    answers = []
    for name, group in by_table.items():
        table = table_of(name)
        if table is building and inside is not None:
            hits = inside
        elif table is unit and inside is not None:
            hits = _unit_hits(group, inside, manner)
        else:
            hits = _hits(table, group, zone, manner)
        answers.append(_answer(table, group, hits, manner))
    return compiled(union_all(*answers))


def compiled(statement: Any) -> Prepared:
    """Return a statement in the driver's form; parameters without a value are left to the caller."""
    made = statement.compile(dialect=dialect(), compile_kwargs={"render_postcompile": True})  # type: ignore[no-untyped-call]
    return Prepared(str(made), {key: value for key, value in made.params.items() if value is not None})


def name_of(table: Any) -> ColumnElement[Any]:
    """Return the name of an object, or what stands in for it."""
    return func.coalesce(table.c.name, *[table.c[column] for column in NAMES.get(table.name, ())])


def detail_of(table: Any) -> ColumnElement[Any]:
    """Return what describes an object in a list: an address, a code, a kind."""
    columns = [cast(table.c[column], Text) for column in DETAILS.get(table.name, ())]
    return func.coalesce(*columns) if columns else cast(null(), Text)


def center_of(geometry: Any) -> ColumnElement[Any]:
    """Return [longitude, latitude] of a geometry's centroid as JSON, or null."""
    # As GeoJSON, for the centroid is then computed once: with X and Y by themselves lists took twice as long.
    point = cast(func.ST_AsGeoJSON(func.ST_Centroid(geometry), _PLACES), JSONB)
    return func.nullif(point["coordinates"], literal([], JSONB))


def _zone(is_divided: bool) -> CTE:
    whole: Any = func.ST_GeomFromWKB(bindparam("zone", type_=LargeBinary, required=False), GEOGRAPHIC_SRID)
    geometry = func.ST_Subdivide(whole, PART_VERTICES) if is_divided else whole
    core: Any = func.ST_GeomFromWKB(bindparam("core", type_=LargeBinary, required=False), GEOGRAPHIC_SRID)
    return select(geometry.label("geom"), core.label("core")).cte("asked").prefix_with("MATERIALIZED")


def _hits(table: Table, group: list[Grouping], zone: CTE, manner: Manner) -> CTE:
    rows = _rows(table, manner, exists(select(zone.c.geom).where(zone.c.geom.op("&&")(object_history.c.bounds))))
    measure, value = _measure(table, rows, zone), _group_value(table, rows, group)
    columns = [rows.c.id, rows.c.layer_id, rows.c.dataset_id, value.label("value")]
    columns += [_summed(table, rows, name, manner) for name in SUMMED.get(table.name, ())]
    grouped = columns
    if measure is not None:
        columns = [*columns, (func.sum(measure) if manner.is_divided else measure).label("measure")]
    found = (
        select(*columns)
        .select_from(zone.join(rows, _touches(zone, rows)))
        .where(rows.c.layer_id.in_([entry.layer_id for entry in group]))
        .where(_in_area(rows, manner.has_area))
    )
    if manner.is_divided:
        # Of a table the other columns depend on the key, so grouping by it is enough.
        found = found.group_by(*grouped) if manner.is_past else found.group_by(rows.c.id)
    return found.cte(f"hit_{table.name}").prefix_with("MATERIALIZED")


def _touches(zone: CTE, rows: Any) -> ColumnElement[bool]:
    """Tell what is in the zone; what lies in its core needs no exact test, which costs more than all else."""
    # as a choice, for the planner would look up the two sides of an 'or' in the index one after the other
    is_hit = case((_in_core(zone, rows), true()), else_=func.ST_Intersects(zone.c.geom, rows.c.geom))
    return and_(zone.c.geom.op("&&", is_comparison=True)(rows.c.geom), is_hit)


def _in_core(zone: CTE, rows: Any) -> ColumnElement[bool]:
    is_inside: ColumnElement[bool] = rows.c.geom.op("@", is_comparison=True)(zone.c.core)
    return is_inside


def _rows(table: Table, manner: Manner, among: ColumnElement[bool]) -> Any:
    """Return the table, or its rows of an earlier moment; ``among`` helps to find those in history."""
    return as_of(table, moment_parameter(), among) if manner.is_past else table


def _summed(table: Table, rows: Any, name: str, manner: Manner) -> ColumnElement[Any]:
    value: ColumnElement[Any] = rows.c[name]
    hides = manner.hides_small and is_personal(table.name, name)
    return without_small(value).label(name) if hides else value


def _unit_hits(group: list[Grouping], inside: CTE, manner: Manner) -> CTE:
    houses = select(inside.c.id).order_by(inside.c.id).subquery()
    layer_ids = [entry.layer_id for entry in group]
    rows = _rows(unit, manner, object_history.c.layer_id.in_(layer_ids))
    columns = [rows.c.id, rows.c.layer_id, rows.c.dataset_id, _group_value(unit, rows, group).label("value")]
    columns += [rows.c[name] for name in SUMMED["unit"]]
    columns.append(houses.c.id.label("building_id"))
    return (
        select(*columns)
        .select_from(houses.join(rows, rows.c.building_id == houses.c.id))
        .where(rows.c.layer_id.in_(layer_ids))
        .cte("hit_unit")
        # Far more than all else: counted as they are read, and the first ones read again for the list.
        .prefix_with("NOT MATERIALIZED")
    )


def _in_area(table: Any, has_area: bool) -> Any:
    if not has_area:
        return true()
    return table.c.area_code.is_(None) | func.starts_with(
        table.c.area_code, bindparam("area", type_=Text, required=False)
    )


def _measure(table: Table, rows: Any, zone: CTE) -> ColumnElement[Any] | None:
    """Return length or area of the part inside: the stored one where the whole object is inside."""
    if "geom" not in table.c:
        return None
    inside = or_(_in_core(zone, rows), func.ST_Covers(zone.c.geom, rows.c.geom))
    part = cast(func.ST_Intersection(func.ST_Force2D(rows.c.geom), zone.c.geom), Geography(srid=GEOGRAPHIC_SRID))
    if "length_m" in table.c:
        return case((inside, rows.c.length_m), else_=func.ST_Length(part))
    if "area_m2" in table.c:
        return case((inside, rows.c.area_m2), else_=func.ST_Area(part))
    return None


def _group_value(table: Table, rows: Any, group: list[Grouping]) -> ColumnElement[Any]:
    by_field: dict[str, list[str]] = {}
    for entry in group:
        if entry.field:
            by_field.setdefault(entry.field, []).append(entry.layer_id)
    choices = [
        (rows.c.layer_id.in_(ids), value)
        for field, ids in by_field.items()
        if (value := field_text(table, field, None if rows is table else rows)) is not None
    ]
    if len(choices) == 1 and all(entry.field for entry in group):
        return choices[0][1]  # of one field there is nothing to choose, which tells with many rows
    return case(*choices) if choices else cast(null(), Text)


def _answer(table: Table, group: list[Grouping], hits: CTE, manner: Manner) -> Select[Any]:
    tally = _tally(table, hits)
    counted, grouped, listed = _counted(table, hits, tally), _grouped(group, tally), _listed(table, group, hits, manner)
    columns: list[Any] = [counted.c.layer_id, counted.c["count"], counted.c.sums]
    columns += [grouped.c.groups, listed.c["items"], counted.c.datasets]
    return select(*columns).select_from(
        counted.outerjoin(grouped, grouped.c.layer_id == counted.c.layer_id).outerjoin(
            listed, listed.c.layer_id == counted.c.layer_id
        )
    )


def _sums(table: Table, hits: CTE) -> dict[str, Any]:
    sums: dict[str, Any] = {name: hits.c[name] for name in SUMMED.get(table.name, ())}
    if "measure" in hits.c:
        sums["length_m" if "length_m" in table.c else "area_m2"] = hits.c.measure
    return sums


def _tally(table: Table, hits: CTE) -> CTE:
    """Return the hits by layer, group and dataset: one pass over many rows, whose few results are rolled up."""
    key = [hits.c.layer_id, hits.c.value, hits.c.dataset_id]
    sums = [func.sum(column).label(f"sum_{name}") for name, column in _sums(table, hits).items()]
    return (
        select(*key, func.count().label("count"), *sums)
        .group_by(*key)
        .cte(f"tally_{table.name}")
        .prefix_with("MATERIALIZED")
    )


def _counted(table: Table, hits: CTE, tally: CTE) -> Subquery:
    sums: list[Any] = []
    for name in _sums(table, hits):
        sums += [literal(name, Text), func.coalesce(func.sum(tally.c[f"sum_{name}"]), 0)]
    datasets: Any = func.array_agg(tally.c.dataset_id.distinct())
    if table is building:
        # what the merged records were made of
        inside = select(hits.c.id)
        sources = select(func.array_agg(building_source.c.dataset_id.distinct())).where(
            building_source.c.building_id.in_(inside)
        )
        datasets = func.array_cat(datasets, sources.scalar_subquery())
    return (
        select(
            tally.c.layer_id,
            func.sum(tally.c["count"]).label("count"),
            func.jsonb_build_object(*sums).label("sums"),
            datasets.label("datasets"),
        )
        .group_by(tally.c.layer_id)
        .subquery(f"count_{table.name}")
    )


def _grouped(group: list[Grouping], tally: CTE) -> Subquery:
    numbers = (
        select(tally.c.layer_id, tally.c.value, func.sum(tally.c["count"]).label("count"))
        .where(tally.c.layer_id.in_([entry.layer_id for entry in group if entry.field]))
        .group_by(tally.c.layer_id, tally.c.value)
        .subquery()
    )
    pair = func.jsonb_build_object("value", numbers.c.value, "count", numbers.c["count"])
    ordered = aggregate_order_by(pair, numbers.c["count"].desc(), numbers.c.value)
    return (
        select(numbers.c.layer_id, func.jsonb_agg(ordered).label("groups"))
        .group_by(numbers.c.layer_id)
        .subquery(f"group_{tally.name}")
    )


def _listed(table: Table, group: list[Grouping], hits: CTE, manner: Manner) -> Subquery:
    first: Any = _first(group, hits)
    if manner.is_past:
        first = first.select().cte(f"first_{table.name}").prefix_with("MATERIALIZED")
    rows = _rows(table, manner, object_history.c.id.in_(select(first.c.id)))
    home = building if table is unit else rows
    # json, not jsonb: what is only sent on is put together in half the time
    item = func.json_build_object(
        "id", first.c.id, "name", name_of(rows), "detail", detail_of(rows), "center", center_of(home.c.geom)
    )
    joined = first.join(rows, rows.c.id == first.c.id)
    if table is unit:
        # a building keeps its id, and one that is gone has no place to show
        joined = joined.join(building, building.c.id == rows.c.building_id, isouter=manner.is_past)
    return (
        select(first.c.layer_id, func.json_agg(aggregate_order_by(item, first.c.id)).label("items"))
        .select_from(joined)
        .group_by(first.c.layer_id)
        .subquery(f"list_{table.name}")
    )


def _first(group: list[Grouping], hits: CTE) -> Subquery:
    """Return the first hits of each layer by id (units: by building), of a single layer without sorting them all."""
    limit = bindparam("list_limit", type_=Integer, required=False)
    if "building_id" in hits.c:
        # They come building by building; sorting all of them to show a few would cost more than counting them.
        return select(hits.c.id, hits.c.layer_id).limit(limit).subquery()
    if len(group) == 1:
        return select(hits.c.id, hits.c.layer_id).order_by(hits.c.id).limit(limit).subquery()
    place = func.row_number().over(partition_by=hits.c.layer_id, order_by=hits.c.id)
    numbered = select(hits.c.id, hits.c.layer_id, place.label("place")).subquery()
    return select(numbered.c.id, numbered.c.layer_id).where(numbered.c.place <= limit).subquery()
