"""What stands in zones and who lives there, as counts: a building belongs to the zone in which its middle lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import shapely
from sqlalchemy import Connection, func, select

from cim.access import Caller
from cim.tables import unit_tally
from layers.queries.ranges import summed_range
from layers.queries.small_counts import SMALL, sees_all
from layers.queries.visible import visible_layers
from layers.sql import statement
from layers.zones.blocks import ThreeZones
from layers.zones.case import Case

_PEOPLE = ("residents", "households")

Counts = dict[str, dict[str, Any]]


def count_inhabitants(
    connection: Connection, zones: ThreeZones, district: shapely.Geometry, cases: Sequence[Case], caller: Caller
) -> Counts:
    """Return zone -> {"buildings", "units", "residents", "households"}; people are ranges where not all say them.

    Of a building of which single units are sealed, only these count as sealed.
    """
    rows = connection.execute(
        statement("zone_inhabitants"),
        {
            "sealed": shapely.to_wkb(zones.sealed),
            "controlled": shapely.to_wkb(zones.controlled),
            "district": shapely.to_wkb(district),
            "layers": [layer.id for layer in visible_layers(connection, caller) if layer.table.name == "building"],
            "area": caller.area_code,
            "sees_all": sees_all(caller),
            "small": SMALL,
        },
    )
    found = {row.kind: row for row in rows}
    counts = {kind: _told(found.get(kind)) for kind in ThreeZones._fields}
    _seal_units_only(connection, counts, cases)
    return counts


def _told(row: Any) -> dict[str, Any]:
    if row is None:
        return {"buildings": 0, "units": 0} | {name: summed_range(0, 0, 0, None) for name in _PEOPLE}
    said = row._mapping
    return {"buildings": int(row.buildings), "units": int(row.units or 0)} | {
        name: summed_range(
            None if said[name] is None else int(said[name]), int(said[f"{name}_known"]), int(row.buildings),
            said[f"{name}_most"],
        )
        for name in _PEOPLE
    }  # fmt: skip


def _seal_units_only(connection: Connection, counts: Counts, cases: Sequence[Case]) -> None:
    """Count the other units of buildings of which single units are sealed as controlled."""
    whole = {case.building_id for case in cases if case.unit_id is None}
    sealed = Counter({(case.building_id, case.unit_id) for case in cases if case.building_id not in whole})
    single = Counter(building_id for building_id, _ in sealed)
    if not single:
        return
    rows = connection.execute(
        select(unit_tally.c.building_id, func.sum(unit_tally.c.units).label("units"))
        .where(unit_tally.c.building_id.in_(list(single)))
        .group_by(unit_tally.c.building_id)
    )
    others = sum(max(0, int(row.units) - single[row.building_id]) for row in rows)
    counts["sealed"]["units"] -= others
    counts["controlled"]["units"] += others
    counts["sealed"]["single_units"] = sum(single.values())
