"""The one statement that finds all objects in a zone, table by table: counts, sums, groups and a first list."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import CTE, Integer, Select, Subquery, Table, Text, bindparam, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import aggregate_order_by

from cim.tables import building, building_source, element, object_history, unit
from layers.queries.labels import center_of, detail_of, name_of
from layers.queries.membership import Grouping, Manner, asked_zone, hits_in, rows_of, unit_hits
from layers.queries.prepared import Prepared, compiled
from layers.queries.small_counts import PERSONAL
from layers.queries.tallies import (
    Found,
    elements_in,
    is_element_tally_enough,
    is_unit_tally_enough,
    sums_of,
    tally_of,
    unit_tally_of,
)
from layers.queries.visible import VisibleLayer, table_of


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
    zone = asked_zone(manner.is_divided)
    by_table: dict[str, list[Grouping]] = {}
    for grouping in layers:
        by_table.setdefault(grouping.table_name, []).append(grouping)
    houses = by_table.get("building", [Grouping("buildings", "building", None)])
    inside = hits_in(building, houses, zone, manner) if {"unit", "building"} & set(by_table) else None
    answers = []
    for name, group in by_table.items():
        table = table_of(name)
        answers.append(_answer(table, group, _found(table, group, zone, inside, manner), manner))
    return compiled(union_all(*answers))


def _found(table: Table, group: list[Grouping], zone: CTE, inside: CTE | None, manner: Manner) -> Found:
    if table is element and is_element_tally_enough(group, manner):
        return elements_in(group[0], zone)
    if table is unit and inside is not None:
        hits = unit_hits(group, inside, manner)
        tally = unit_tally_of(group, inside) if is_unit_tally_enough(group, manner) else tally_of(table, hits)
        return Found(hits, tally)
    hits = inside if table is building and inside is not None else hits_in(table, group, zone, manner)
    return Found(hits, tally_of(table, hits))


def _answer(table: Table, group: list[Grouping], found: Found, manner: Manner) -> Select[Any]:
    hits, tally = found
    counted, grouped, listed = _counted(table, hits, tally), _grouped(group, tally), _listed(table, group, hits, manner)
    columns: list[Any] = [counted.c.layer_id, counted.c["count"], counted.c.sums]
    columns += [grouped.c.groups, listed.c["items"], counted.c.datasets]
    return select(*columns).select_from(
        counted.outerjoin(grouped, grouped.c.layer_id == counted.c.layer_id).outerjoin(
            listed, listed.c.layer_id == counted.c.layer_id
        )
    )


def _counted(table: Table, hits: CTE, tally: CTE) -> Subquery:
    sums: list[Any] = []
    for name in sums_of(table, hits):
        sums += [literal(name, Text), func.coalesce(func.sum(tally.c[f"sum_{name}"]), 0)]
    for name in PERSONAL.get(table.name, ()):
        sums += [literal(f"known_{name}", Text), func.sum(tally.c[f"known_{name}"])]
        sums += [literal(f"most_{name}", Text), func.max(tally.c[f"most_{name}"])]
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
    rows = rows_of(table, manner, object_history.c.id.in_(select(first.c.id)))
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
