"""What was found in a zone, counted by layer, group and dataset: from the objects, or from counts that are kept.

Units are counted by building and elements by model when they change (``unit_tally``, ``element_tally``), for a zone of
2 km2 may hold tens of thousands of either. What a kept count cannot answer is counted object by object.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    Integer,
    Table,
    Text,
    bindparam,
    case,
    column,
    false,
    func,
    literal,
    not_,
    select,
    true,
    union_all,
)

from cim.tables import element, element_tally, unit_tally
from layers.queries.membership import SUMMED, Grouping, Manner, lies_in, overlaps
from layers.queries.small_counts import PERSONAL


class Found(NamedTuple):
    """What is found of a table: its counts, and hits to take the first of each layer from."""

    hits: CTE
    tally: CTE


def is_unit_tally_enough(group: list[Grouping], manner: Manner) -> bool:
    """Tell whether the units that are counted by building have all that is asked for."""
    return not manner.is_past and all(entry.field in {None, unit_tally.c.use.name} for entry in group)


def is_element_tally_enough(group: list[Grouping], manner: Manner) -> bool:
    """Tell whether the elements that are counted by model have all that is asked for.

    Not within an area, which elements have one by one, and not for several layers, of which the first hits are not
    found as simply.
    """
    is_plain = not (manner.is_past or manner.has_area or manner.is_divided)
    return is_plain and len(group) == 1 and group[0].field in {None, element.c.ifc_class.name}


def sums_of(table: Table, hits: CTE) -> dict[str, Any]:
    """Return what is summed of the hits, by the name of the sum."""
    sums: dict[str, Any] = {name: hits.c[name] for name in SUMMED.get(table.name, ())}
    if "measure" in hits.c:
        sums["length_m" if "length_m" in table.c else "area_m2"] = hits.c.measure
    return sums


def tally_of(table: Table, hits: CTE) -> CTE:
    """Return the hits by layer, group and dataset: one pass over many rows, whose few results are rolled up."""
    key = [hits.c.layer_id, hits.c.value, hits.c.dataset_id]
    sums = [func.sum(column).label(f"sum_{name}") for name, column in sums_of(table, hits).items()]
    for name in PERSONAL.get(table.name, ()):
        # not every building says it: how many do, and how much the largest of them has
        sums += [func.count(hits.c[name]).label(f"known_{name}"), func.max(hits.c[name]).label(f"most_{name}")]
    return (
        select(*key, func.count().label("count"), *sums)
        .group_by(*key)
        .cte(f"tally_{table.name}")
        .prefix_with("MATERIALIZED")
    )


def unit_tally_of(group: list[Grouping], inside: CTE) -> CTE:
    """Return the counts of units, from those that are kept of each building inside."""
    key = [unit_tally.c.layer_id, unit_tally.c.use.label("value"), unit_tally.c.dataset_id]
    sums = [func.sum(unit_tally.c.units).label("count"), func.sum(unit_tally.c.area_m2).label("sum_area_m2")]
    return (
        select(*key, *sums)
        .select_from(inside.join(unit_tally, unit_tally.c.building_id == inside.c.id))
        .where(unit_tally.c.layer_id.in_([entry.layer_id for entry in group]))
        .group_by(*key)
        .cte("tally_unit")
        .prefix_with("MATERIALIZED")
    )


def elements_in(grouping: Grouping, zone: CTE) -> Found:
    """Return the elements in a zone: kept counts of models that it covers, and of others what lies in it."""
    models = (
        select(
            element_tally.c.model_id,
            element_tally.c.counts,
            func.ST_Covers(zone.c.geom, element_tally.c.bounds).label("is_whole"),
        )
        .select_from(zone.join(element_tally, overlaps(zone, element_tally.c.bounds)))
        .cte("near_model")
        .prefix_with("MATERIALIZED")
    )
    # by model, not by place: the index on places would be read once for every model
    is_hit = case((overlaps(zone, element.c.geom), lies_in(zone, element.c.geom)), else_=false())
    single = (
        select(element.c.id, element.c.layer_id, element.c.dataset_id, element.c.ifc_class.label("value"))
        .select_from(models.join(element, element.c.model_id == models.c.model_id).join(zone, is_hit))
        .where(not_(models.c.is_whole), element.c.layer_id == grouping.layer_id)
        .cte("hit_element")
        .prefix_with("MATERIALIZED")
    )
    return Found(_shown_elements(grouping, models, single), _element_counts(grouping, models, single))


def _element_counts(grouping: Grouping, models: CTE, single: CTE) -> CTE:
    fields = (column("layer_id", Text), column("dataset_id", BigInteger), column("ifc_class", Text))
    kept = func.jsonb_to_recordset(models.c.counts).table_valued(*fields, column("elements", Integer))
    kept = kept.render_derived(with_types=True)
    counts = union_all(
        select(kept.c.layer_id, kept.c.ifc_class.label("value"), kept.c.dataset_id, kept.c.elements.label("count"))
        .select_from(models.join(kept, true()))
        .where(models.c.is_whole, kept.c.layer_id == grouping.layer_id),
        select(single.c.layer_id, single.c.value, single.c.dataset_id, literal(1, Integer)),
    ).subquery()
    key = [counts.c.layer_id, counts.c.value, counts.c.dataset_id]
    summed = select(*key, func.sum(counts.c["count"]).label("count")).group_by(*key)
    return summed.cte("tally_element").prefix_with("MATERIALIZED")


def _shown_elements(grouping: Grouping, models: CTE, single: CTE) -> CTE:
    """Return the hits among which the first of all are: of a whole model only as many as a list can show."""
    first = (
        select(element.c.id, element.c.layer_id)
        .where(element.c.model_id == models.c.model_id, element.c.layer_id == grouping.layer_id)
        .where(not_(func.ST_IsEmpty(element.c.geom)))
        .order_by(element.c.id)
        .limit(bindparam("list_limit", type_=Integer, required=False))
        .correlate(models)
        .lateral("first_element")
    )
    whole = select(first.c.id, first.c.layer_id).select_from(models.join(first, true())).where(models.c.is_whole)
    return union_all(select(single.c.id, single.c.layer_id), whole).cte("shown_element")
