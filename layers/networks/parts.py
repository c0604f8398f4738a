"""Parts of a network as answers list them: totals, pipes with the parts of them, nodes, shutters."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, Text, any_, cast, func, literal, select

from cim.access import Caller
from cim.tables import GEOGRAPHIC_SRID, pipe, pipe_node
from layers.networks.graph import Numbers
from layers.networks.segments import Plan
from layers.networks.start import Start
from layers.networks.supply import Served
from layers.queries.visible import in_area

_DECIMALS = 9
_MM = 1000.0


def within_area(connection: Connection, plan: Plan, part: Served, caller: Caller) -> Served:
    """Leave out what lies outside of the caller's area."""
    if caller.area_code is None:
        return part
    graph = plan.graph
    pipes = _allowed(connection, pipe, np.unique(graph.pipe_ids[part.edges]), caller)
    nodes = _allowed(connection, pipe_node, graph.node_ids[part.nodes], caller)
    return Served(part.nodes & np.isin(graph.node_ids, nodes), part.edges & np.isin(graph.pipe_ids, pipes))


def _allowed(connection: Connection, table: Any, ids: Numbers, caller: Caller) -> Numbers:
    rows = connection.execute(select(table.c.id).where(among(table.c.id, ids), in_area(table, caller))).scalars()
    return np.array(rows.all(), np.int64)


def among(column: Any, ids: Numbers) -> ColumnElement[bool]:
    """Return the condition that a column is one of some ids."""
    condition: ColumnElement[bool] = column == any_(cast(literal(ids.tolist(), ARRAY(BigInteger)), ARRAY(BigInteger)))
    return condition


def totals(plan: Plan, part: Served) -> dict[str, Any]:
    """Return counts, length and volume of a part; pipes without a diameter are counted and have no volume."""
    graph, devices = plan.graph, plan.devices
    diameter, length = devices.diameter_mm[part.edges] / _MM, graph.length_m[part.edges]
    demand = devices.demand_m3_s[part.nodes]
    is_known = ~np.isnan(diameter)
    return {
        "pipes": len(np.unique(graph.pipe_ids[part.edges])),
        "nodes": int(part.nodes.sum()),
        "length_m": round(float(length.sum()), 2),
        "volume_m3": round(float((np.pi / 4 * diameter**2 * length)[is_known].sum()), 3) if is_known.any() else None,
        "pipes_without_diameter": len(np.unique(graph.pipe_ids[part.edges][~is_known])),
        "hydrants": int((part.nodes & devices.is_hydrant).sum()),
        "pumps": int((part.nodes & devices.is_pump).sum() + (part.edges & devices.is_edge_pump).sum()),
        "customers": int((part.nodes & devices.is_customer).sum()),
        "demand_m3_s": None if np.isnan(demand).all() else round(float(np.nansum(demand)), 6),
    }


def pipes_of(
    connection: Connection, plan: Plan, part: Served, limit: int, *, with_geometry: bool = False
) -> list[dict[str, Any]]:
    """Return the pipes of a part by id, each with the fractions of it that belong to the part."""
    edges = np.flatnonzero(part.edges)
    ids = np.unique(plan.graph.pipe_ids[edges])[:limit]
    fractions = _fractions(plan, edges, ids)
    shape = cast(func.ST_AsGeoJSON(pipe.c.geom, _DECIMALS, 0), Text) if with_geometry else literal(None)
    rows = connection.execute(
        select(
            pipe.c.id, pipe.c.source_key, pipe.c.kind, pipe.c.length_m, pipe.c.diameter_mm, pipe.c.material,
            shape.label("geometry"),
        )
        .where(among(pipe.c.id, ids))
        .order_by(pipe.c.id)
    ).mappings()  # fmt: skip
    listed = []
    for row in rows:
        entry = dict(row) | {"parts": fractions[row["id"]]}
        shown = entry.pop("geometry")
        listed.append(entry | {"geometry": orjson.loads(shown)} if with_geometry else entry)
    return listed


def _fractions(plan: Plan, edges: Numbers, pipe_ids: Numbers) -> dict[int, list[list[float]]]:
    """Return the fractions of each pipe that some edges are, pieces that meet as one."""
    graph, facts = plan.graph, plan.graph.pipes
    assert facts is not None
    own = edges[np.isin(graph.pipe_ids[edges], pipe_ids)]
    own = own[np.lexsort((facts.start_fraction[own], graph.pipe_ids[own]))]
    found: dict[int, list[list[float]]] = {}
    columns = (graph.pipe_ids[own], facts.start_fraction[own], facts.end_fraction[own])
    for pipe_id, start, end in zip(*(column.tolist() for column in columns), strict=True):
        known = found.setdefault(pipe_id, [])
        if known and known[-1][1] == start:
            known[-1][1] = end
        else:
            known.append([start, end])
    return found


def nodes_of(connection: Connection, ids: Numbers, limit: int) -> list[dict[str, Any]]:
    """Return nodes by their ids."""
    node = pipe_node.c
    rows = connection.execute(
        select(
            node.id, node.source_key, node.name, node.kind, node.state, func.ST_X(node.geom).label("longitude"),
            func.ST_Y(node.geom).label("latitude"),
        )
        .where(among(node.id, ids[:limit]))
        .order_by(node.id)
    ).mappings()  # fmt: skip
    return [dict(row) for row in rows]


def shutters_of(
    connection: Connection, plan: Plan, numbers: Numbers, caller: Caller, start: Start | None = None
) -> list[dict[str, Any]]:
    """Return shutters with what is known of them, the nearest to the start first; those of other areas are left out."""
    shutters = plan.segments.shutters
    listed = []
    for table, is_pipe in ((pipe_node, False), (pipe, True)):
        own = numbers[shutters.is_pipe[numbers] == is_pipe]
        by_id = dict(zip(shutters.ids[own].tolist(), own.tolist(), strict=True))
        rows = connection.execute(_shutters(table, np.array(list(by_id), np.int64), caller, start)).mappings()
        for row in rows:
            number = by_id[row["id"]]
            layer = "pipes" if is_pipe else "pipe_nodes"
            away = None if row["distance_m"] is None else round(row["distance_m"], 2)
            known = {"layer": layer, "distance_m": away, "fault": shutters.fault[number], "number": number}
            listed.append(dict(row) | known)
    listed.sort(key=lambda entry: (entry["distance_m"] or 0.0, entry["id"]))
    return listed


def _shutters(table: Any, ids: Numbers, caller: Caller, start: Start | None) -> Any:
    flat = func.ST_Force2D(table.c.geom)
    point = func.ST_ClosestPoint(flat, func.ST_Centroid(flat))
    distance: Any = literal(None)
    if start is not None:
        place = func.ST_SetSRID(func.ST_MakePoint(start.longitude, start.latitude), GEOGRAPHIC_SRID)
        distance = func.ST_Distance(func.geography(flat), func.geography(place))
    return select(
        table.c.id, table.c.source_key, table.c.name, table.c.kind, table.c.state, func.ST_X(point).label("longitude"),
        func.ST_Y(point).label("latitude"), distance.label("distance_m"),
    ).where(among(table.c.id, ids), in_area(table, caller))  # fmt: skip
