"""Which positions a key of one area may tell: of units that belong there or nowhere, as long as they are there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, Double, FromClause, Select, func, literal, or_, select

from cim.tables import feature, grid_cell, last_position, mobile_unit
from layers.live.area import lies_within
from layers.live.tracks.incoming import Position


def refusals(connection: Connection, positions: Sequence[Position]) -> dict[int, str]:
    """Return place in the list -> why not, of the positions that their keys may not tell."""
    limited = {place: one for place, one in enumerate(positions) if one.within is not None}
    if not limited:
        return {}
    units = unit_areas(connection, {one.code for one in limited.values()})
    codes = connection.execute(select_areas(list(limited.values()))).scalars()
    reasons = ((place, _reason(one, code, units)) for (place, one), code in zip(limited.items(), codes, strict=True))
    return {place: reason for place, reason in reasons if reason is not None}


def settled(connection: Connection, positions: Sequence[Position]) -> Iterator[Position]:
    """Yield positions; a unit that is new and says no area belongs to that of its key."""
    known = unit_areas(connection, {one.code for one in positions if one.within is not None})
    for one in positions:
        is_bare = one.within is not None and one.area_code is None and one.code not in known
        yield one.model_copy(update={"area_code": one.within}) if is_bare else one


def unit_areas(connection: Connection, codes: Collection[str]) -> dict[str, str | None]:
    """Return the area of each unit that is known: its own, else that in which it is."""
    if not codes:
        return {}
    area = func.coalesce(mobile_unit.c.area_code, last_position.c.area_code)
    found = (
        select(mobile_unit.c.code, area.label("area_code"))
        .outerjoin(last_position, last_position.c.unit_id == mobile_unit.c.id)
        .where(mobile_unit.c.code == func.any(list(codes)))
    )
    return {row.code: row.area_code for row in connection.execute(found)}


def select_areas(positions: Sequence[Position]) -> Select[Any]:
    """Return the statement for the cell, else the administrative area, in which each position lies, in their order."""
    columns = ([one.longitude for one in positions], [one.latitude for one in positions])
    said = (
        func.unnest(*(literal(column, ARRAY(Double)) for column in columns))
        .table_valued("lon", "lat", with_ordinality="number")
        .render_derived(name="said")
    )
    point = func.ST_SetSRID(func.ST_MakePoint(said.c.lon, said.c.lat), 4490)
    area = func.coalesce(_cell_at(point, said), _admin_at(point, said))
    return select(area).select_from(said).order_by(said.c.number)


def _cell_at(point: ColumnElement[str], said: FromClause) -> ColumnElement[str]:
    cell = grid_cell.c
    return (
        select(func.coalesce(cell.code, cell.source_key))
        .where(func.ST_Intersects(cell.geom, point), or_(cell.valid_to.is_(None), cell.valid_to > func.now()))
        .order_by((func.length(cell.code) == 15).desc().nulls_last(), cell.area_m2, cell.id)
        .limit(1)
        .correlate(said)
        .scalar_subquery()
    )


def _admin_at(point: ColumnElement[str], said: FromClause) -> ColumnElement[str]:
    area = feature.c
    return (
        select(area.area_code)
        .where(area.layer_id == "admin_areas", func.ST_Intersects(area.geom, point), area.area_code.is_not(None))
        .order_by(func.length(area.area_code).desc(), area.id)
        .limit(1)
        .correlate(said)
        .scalar_subquery()
    )


def _reason(one: Position, place: str | None, units: Mapping[str, str | None]) -> str | None:
    area = one.within
    if not lies_within(one.area_code, area):
        return f"area_code is '{one.area_code}'; the key is for {area} and what begins with it"
    if not lies_within(units.get(one.code), area):
        return f"the unit does not belong to {area}, the area of the key that tells it"
    if not lies_within(place, area):
        return f"this position does not lie in {area}, the area of the key that tells it"
    return None
