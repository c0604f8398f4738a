"""Whom parts of a network serve: buildings, units, storeys, persons, hospitals and other places that help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, Row

from cim.access import Caller
from layers.networks.segments import Plan
from layers.networks.supply import Served
from layers.queries.ranges import range_of, sum_known
from layers.queries.small_counts import SMALL, sees_all
from layers.queries.visible import VisibleLayer, visible_layers
from layers.sql import statement

#: A hospital's point may be drawn so far from its building.
REACH_M = 10.0
#: Words for a hospital, in uses of buildings and kinds of resources.
HOSPITALS = ("医院", "hospital", "卫生院", "clinic")


class CutOff(NamedTuple):
    """Who is cut off.

    Attributes
    ----------
    buildings
        A row each, with ``part``: the number of the part that serves it.
    critical
        Resources that stand in them.
    """

    buildings: list[Row[Any]]
    critical: list[dict[str, Any]]
    sees_units: bool

    def ids(self, part: int | None = None) -> list[int]:
        """Return the ids of the buildings of a part, or of all."""
        return [row.id for row in self.buildings if part is None or row.part == part]


def cut_off(connection: Connection, plan: Plan, network: str, parts: Sequence[Served], caller: Caller) -> CutOff | None:
    """Return the buildings that parts of a network serve, each once; None where the caller may not see buildings."""
    layers = {entry.id: entry for entry in visible_layers(connection, caller)}
    if "buildings" not in layers:
        return None
    values = _values(plan, parts) | {
        "network": network,
        "sees_all": sees_all(caller),
        "small": SMALL,
        "area": caller.area_code,
    }
    rows = list(connection.execute(statement("isolate_buildings"), values))
    return CutOff(rows, _critical(connection, layers, rows, caller), "units" in layers)


def _values(plan: Plan, parts: Sequence[Served]) -> dict[str, Any]:
    """Return pipes with the fractions of them, and nodes, by part; an edge belongs to the first part that has it."""
    graph = plan.graph
    assert graph.pipes is not None
    which, of_node = np.full(len(graph.edge_ids), -1), np.full(len(graph.node_ids), -1)
    for number in reversed(range(len(parts))):
        which[parts[number].edges] = number
        of_node[parts[number].nodes] = number
    edges = np.flatnonzero(which >= 0)
    starts, ends = graph.pipes.start_fraction[edges], graph.pipes.end_fraction[edges]
    nodes = np.flatnonzero(of_node >= 0)
    return {
        "pipe_ids": graph.pipe_ids[edges].tolist(),
        "starts": starts.tolist(),
        "ends": ends.tolist(),
        "parts": which[edges].tolist(),
        "node_ids": graph.node_ids[nodes].tolist(),
        "node_parts": of_node[nodes].tolist(),
    }


def _critical(
    connection: Connection, layers: dict[str, VisibleLayer], rows: Sequence[Row[Any]], caller: Caller
) -> list[dict[str, Any]]:
    own = [name for name, entry in layers.items() if entry.table.name == "resource"]
    part = {row.id: row.part for row in rows}
    values = {"reach_m": REACH_M, "layers": own, "buildings": list(part), "area": caller.area_code}
    found = [
        dict(row) | {"part": part[row["building_id"]]}
        for row in connection.execute(statement("isolate_resources"), values).mappings()
    ]
    known = {entry["building_id"] for entry in found if is_hospital(entry["kind"])}
    return found + [
        {"id": row.id, "layer_id": "buildings", "source_key": row.code, "name": row.name, "kind": row.use,
         "capacity": None, "dataset_id": row.dataset_id, "building_id": row.id, "part": row.part}
        for row in rows
        if is_hospital(row.use) and row.id not in known
    ]  # fmt: skip


def is_hospital(words: str | None) -> bool:
    """Tell whether a use or a kind is that of a hospital."""
    return words is not None and any(word in words.lower() for word in HOSPITALS)


def counts_of(found: CutOff, part: int | None = None) -> dict[str, Any]:
    """Return counts of a part, or of all parts together; sums of persons leave out what the caller may not see."""
    rows = [row for row in found.buildings if part is None or row.part == part]
    critical = [entry for entry in found.critical if part is None or entry["part"] == part]
    return {
        "buildings": len(rows),
        "units": sum(row.units or 0 for row in rows) if found.sees_units else None,
        "storeys": sum((row.storeys_above or 0) + (row.storeys_below or 0) for row in rows),
        "highest_storey": max((row.storeys_above for row in rows if row.storeys_above is not None), default=None),
        "residents": sum_known([row.residents for row in rows]),
        "households": sum_known([row.households for row in rows]),
        "ranges": {name: range_of([row._mapping[name] for row in rows]) for name in ("residents", "households")},
        "hospitals": sum(is_hospital(entry["kind"]) for entry in critical),
        "critical": dict(Counter(entry["kind"] for entry in critical)),
        "by_rule": dict(Counter(row.rule for row in rows)),
    }
