"""Which objects of a table lie in a zone, and what of them is counted and summed.

An object is in the zone when its geometry intersects the zone (touching the boundary counts); a unit, which has no
geometry, when its building is. Lengths and areas are those of the part inside, geodesic; counts are of whole objects,
and so are all other sums.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from geoalchemy2 import Geography
from sqlalchemy import (
    CTE,
    ColumnElement,
    LargeBinary,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    null,
    or_,
    select,
    true,
)

from cim.tables import GEOGRAPHIC_SRID, object_history, unit
from layers.queries.asof import as_of, moment_parameter
from layers.queries.small_counts import is_personal, without_small
from layers.queries.visible import field_text

#: Vertices above which a zone is cut into parts: the index and the predicates then work on small pieces.
DIVIDE_ABOVE = 2000
PART_VERTICES = 128

#: table -> numeric columns that are summed over whole objects
SUMMED = {
    "building": ("households", "residents", "legal_entities"),
    "unit": ("area_m2",),
    "space": ("floor_area_m2",),
    "parking": ("capacity", "free"),
    "resource": ("capacity",),
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


def asked_zone(is_divided: bool) -> CTE:
    """Return the zone (``geom``, in parts where it is divided) and its ``core``, a box inside it or null."""
    whole: Any = func.ST_GeomFromWKB(bindparam("zone", type_=LargeBinary, required=False), GEOGRAPHIC_SRID)
    geometry = func.ST_Subdivide(whole, PART_VERTICES) if is_divided else whole
    core: Any = func.ST_GeomFromWKB(bindparam("core", type_=LargeBinary, required=False), GEOGRAPHIC_SRID)
    return select(geometry.label("geom"), core.label("core")).cte("asked").prefix_with("MATERIALIZED")


def hits_in(table: Table, group: list[Grouping], zone: CTE, manner: Manner) -> CTE:
    """Return the objects in the zone: id, layer_id, dataset_id, value (to group by), what is summed, measure."""
    rows = rows_of(table, manner, exists(select(zone.c.geom).where(zone.c.geom.op("&&")(object_history.c.bounds))))
    measure, value = _measure(table, rows, zone), _group_value(table, rows, group)
    columns = [rows.c.id, rows.c.layer_id, rows.c.dataset_id, value.label("value")]
    columns += [_summed(table, rows, name, manner) for name in SUMMED.get(table.name, ())]
    grouped = columns
    if measure is not None:
        columns = [*columns, (func.sum(measure) if manner.is_divided else measure).label("measure")]
    found = (
        select(*columns)
        .select_from(zone.join(rows, and_(overlaps(zone, rows.c.geom), lies_in(zone, rows.c.geom))))
        .where(rows.c.layer_id.in_([entry.layer_id for entry in group]))
        .where(_in_area(rows, manner.has_area))
    )
    if manner.is_divided:
        # Of a table the other columns depend on the key, so grouping by it is enough.
        found = found.group_by(*grouped) if manner.is_past else found.group_by(rows.c.id)
    return found.cte(f"hit_{table.name}").prefix_with("MATERIALIZED")


def overlaps(zone: CTE, geometry: Any) -> ColumnElement[bool]:
    """Tell what has a box that overlaps the zone's: what the index on places finds."""
    is_near: ColumnElement[bool] = zone.c.geom.op("&&", is_comparison=True)(geometry)
    return is_near


def in_core(zone: CTE, geometry: Any) -> ColumnElement[bool]:
    """Tell what has a box inside the zone's core; null where the zone has none."""
    is_inside: ColumnElement[bool] = geometry.op("@", is_comparison=True)(zone.c.core)
    return is_inside


def lies_in(zone: CTE, geometry: Any) -> ColumnElement[bool]:
    """Tell what is in the zone; what lies in its core needs no exact test, which costs more than all else."""
    # as a choice, for the planner would look up the two sides of an 'or' in the index one after the other
    return case((in_core(zone, geometry), true()), else_=func.ST_Intersects(zone.c.geom, geometry))


def rows_of(table: Table, manner: Manner, among: ColumnElement[bool]) -> Any:
    """Return the table, or its rows of an earlier moment; ``among`` helps to find those in history."""
    return as_of(table, moment_parameter(), among) if manner.is_past else table


def _summed(table: Table, rows: Any, name: str, manner: Manner) -> ColumnElement[Any]:
    value: ColumnElement[Any] = rows.c[name]
    hides = manner.hides_small and is_personal(table.name, name)
    return without_small(value).label(name) if hides else value


def unit_hits(group: list[Grouping], inside: CTE, manner: Manner) -> CTE:
    """Return the units of the buildings inside, building by building."""
    houses = select(inside.c.id).order_by(inside.c.id).subquery()
    layer_ids = [entry.layer_id for entry in group]
    rows = rows_of(unit, manner, object_history.c.layer_id.in_(layer_ids))
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
    inside = or_(in_core(zone, rows.c.geom), func.ST_Covers(zone.c.geom, rows.c.geom))
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
