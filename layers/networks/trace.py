"""What lies up- or downstream of a node, or is connected with it.

The walk is done in memory (:mod:`layers.networks.flow_graph`): on networks of 40,000 pipes it takes less than a
millisecond, where a recursive statement takes up to 150, and pgRouting 70 to 200 for any trace, because it reads all
edges first (``bench/network_trace.py``). What it costs: the graph is read anew, in about half a second, after a change.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, Text, any_, cast, func, literal, select

from cim.access import Caller
from cim.errors import InvalidInput
from cim.tables import building, building_service, pipe, pipe_node
from layers.networks.flow_graph import Direction, FlowGraph, PipeFacts, flow_graph
from layers.networks.graph import Numbers
from layers.networks.named import require_network
from layers.networks.origin import Origin, find_origin
from layers.queries.note import note
from layers.queries.receipt import make_receipt
from layers.queries.visible import VisibleLayer, in_area, visible_layers
from layers.said import require_limit

DIRECTIONS = ("up", "down", "connected")
LIMIT = 1000
MAX_LIMIT = 20_000
_DECIMALS = 9


class TraceRequest(NamedTuple):
    """What is asked: ``origin`` is a node's id or key or 'lon,lat'; ``limit`` bounds lists, never totals."""

    network: str
    origin: str
    direction: str
    limit: int = LIMIT
    with_geometry: bool = False


class _Found(NamedTuple):
    """Numbers of edges and nodes that were reached, nodes where the walk was stopped, and those where it ends."""

    edges: Numbers
    nodes: Numbers
    closed: Numbers
    last: Numbers


def trace(connection: Connection, request: TraceRequest, caller: Caller) -> dict[str, Any]:
    """Return the pipes and nodes that a trace reaches, where closed valves stopped it, whom it serves, and a receipt.

    Raises
    ------
    InvalidInput
        An unknown direction, or a limit that is out of range.
    NotFound
        No such network or node, or the caller may not see pipes.
    """
    direction = _direction(request)
    layers = require_network(connection, request.network, caller)
    origin = find_origin(connection, request.network, request.origin, caller)
    graph = flow_graph(connection, request.network)
    found = _within(connection, graph, _walk(graph, origin, direction), caller)
    facts = _facts(graph, found.edges)
    counts = {"pipes": facts["pipes"], "pipe_nodes": len(found.nodes)}
    return {
        "network": request.network,
        "direction": request.direction,
        "from": origin._asdict(),
        "totals": {
            "pipes": facts["pipes"],
            "nodes": len(found.nodes),
            "length_m": round(float(graph.length_m[found.edges].sum()), 2),
            "buildings": _buildings(connection, graph, found, caller),
        },
        "bounds": facts["bounds"],
        "pipes": _pipes(connection, graph, found.edges, request),
        "nodes": _nodes(connection, graph.node_ids[found.nodes], request.limit),
        "stopped_at": _stops(connection, graph, found, request.limit),
        "ends": _nodes(connection, graph.node_ids[found.last], request.limit),
        "truncated": max(facts["pipes"], len(found.nodes)) > request.limit,
        "receipt": _receipt(connection, layers, counts, facts, request, origin, caller),
    }


def _direction(request: TraceRequest) -> Direction:
    require_limit(request.limit, MAX_LIMIT)
    for known in DIRECTIONS:
        if request.direction == known:
            return known  # type: ignore[return-value]
    raise InvalidInput(f"direction is '{request.direction[:40]}'; {', '.join(DIRECTIONS)} are right")


def _walk(graph: FlowGraph, origin: Origin, direction: Direction) -> _Found:
    start = graph.number(origin.id)
    none = np.empty(0, np.int64)
    if start is None:
        return _Found(none, none, none, none)
    nodes, edges = graph.reach(start, direction)
    reached, kept = np.flatnonzero(nodes), np.flatnonzero(edges)
    onward = np.zeros(len(graph.node_ids) + 1, bool)
    if direction != "up":
        onward[graph.source[kept]] = True
    if direction != "down":
        onward[graph.target[kept]] = True
    closed = reached[graph.is_closed[reached] & (reached != start)]
    last = reached[~onward[reached] & ~graph.is_closed[reached]] if direction != "connected" else none
    return _Found(kept, reached, closed, last)


def _within(connection: Connection, graph: FlowGraph, found: _Found, caller: Caller) -> _Found:
    """Leave out what lies outside of the caller's area."""
    if caller.area_code is None:
        return found
    pipes = _allowed(connection, pipe, graph.pipe_ids[found.edges], caller)
    nodes = _allowed(connection, pipe_node, graph.node_ids[found.nodes], caller)
    kept = np.flatnonzero(np.isin(graph.node_ids, nodes))
    return _Found(
        found.edges[np.isin(graph.pipe_ids[found.edges], pipes)],
        *(part[np.isin(part, kept)] for part in (found.nodes, found.closed, found.last)),
    )


def _allowed(connection: Connection, table: Any, ids: Numbers, caller: Caller) -> Numbers:
    rows = connection.execute(select(table.c.id).where(_among(table.c.id, ids), in_area(table, caller))).scalars()
    return np.array(rows.all(), np.int64)


def _among(column: Any, ids: Collection[int] | Numbers) -> ColumnElement[bool]:
    numbers = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
    condition: ColumnElement[bool] = column == any_(cast(literal(numbers, ARRAY(BigInteger)), ARRAY(BigInteger)))
    return condition


def _facts(graph: FlowGraph, edges: Numbers) -> dict[str, Any]:
    """Return the number of pipes, their datasets, how many flow as drawn only, and their bounds."""
    ids, first = np.unique(graph.pipe_ids[edges], return_index=True)
    facts, which = _pipe_facts(graph), edges[first]
    datasets = np.unique(facts.dataset[which])
    bounds = None
    if len(which):
        box = facts.box[which]
        bounds = [*box[:, :2].min(axis=0).tolist(), *box[:, 2:].max(axis=0).tolist()]
    return {
        "pipes": len(ids),
        "datasets": set(datasets[datasets >= 0].tolist()),
        "drawn": int(facts.is_drawn[which].sum()),
        "bounds": bounds,
    }


def _pipe_facts(graph: FlowGraph) -> PipeFacts:
    assert graph.pipes is not None
    return graph.pipes


def _pipes(connection: Connection, graph: FlowGraph, edges: Numbers, request: TraceRequest) -> list[dict[str, Any]]:
    """Return the pipes that were reached; of a pipe that was reached in part, which part."""
    ids = np.unique(graph.pipe_ids[edges])[: request.limit]
    shape = cast(func.ST_AsGeoJSON(pipe.c.geom, _DECIMALS, 0), Text) if request.with_geometry else literal(None)
    statement = (
        select(
            pipe.c.id, pipe.c.source_key, pipe.c.length_m, pipe.c.diameter_mm, pipe.c.direction,
            pipe.c.direction_source, shape.label("geometry"),
        )
        .where(_among(pipe.c.id, ids))
        .order_by(pipe.c.id)
    )  # fmt: skip
    parts = _parts(graph, edges, ids)
    listed = []
    for row in connection.execute(statement).mappings():
        entry = dict(row) | {"parts": parts.get(row["id"], [[0.0, 1.0]])}
        if request.with_geometry:
            entry["geometry"] = orjson.loads(entry["geometry"])
        else:
            del entry["geometry"]
        listed.append(entry)
    return listed


def _parts(graph: FlowGraph, edges: Numbers, pipe_ids: Numbers) -> dict[int, list[list[float]]]:
    """Return of pipes of several edges the fractions that were reached."""
    facts = _pipe_facts(graph)
    own = edges[np.isin(graph.pipe_ids[edges], pipe_ids)]
    own = own[(facts.start_fraction[own] > 0) | (facts.end_fraction[own] < 1)]
    own = own[np.lexsort((facts.start_fraction[own], graph.pipe_ids[own]))]
    parts: dict[int, list[list[float]]] = {}
    columns = (graph.pipe_ids[own], facts.start_fraction[own], facts.end_fraction[own])
    for pipe_id, start, end in zip(*(column.tolist() for column in columns), strict=True):
        known = parts.setdefault(pipe_id, [])
        if known and known[-1][1] == start:
            known[-1][1] = end
        else:
            known.append([start, end])
    return parts


def _nodes(connection: Connection, ids: Numbers, limit: int) -> list[dict[str, Any]]:
    node = pipe_node.c
    statement = (
        select(
            node.id, node.source_key, node.kind, node.state, func.ST_X(node.geom).label("longitude"),
            func.ST_Y(node.geom).label("latitude"),
        )
        .where(_among(node.id, ids[:limit]))
        .order_by(node.id)
    )  # fmt: skip
    return [dict(row) for row in connection.execute(statement).mappings()]


def _stops(connection: Connection, graph: FlowGraph, found: _Found, limit: int) -> list[dict[str, Any]]:
    """Return the closed valves and shut pipes that the trace came to."""
    reached = np.zeros(len(graph.node_ids) + 1, bool)
    reached[found.nodes] = True
    reached[-1] = False
    shut = graph.is_shut & (reached[graph.source] | reached[graph.target])
    stops = [entry | {"layer": "pipe_nodes"} for entry in _nodes(connection, graph.node_ids[found.closed], limit)]
    rows = connection.execute(
        select(pipe.c.id, pipe.c.source_key, pipe.c.kind, pipe.c.state)
        .where(_among(pipe.c.id, np.unique(graph.pipe_ids[shut])[:limit]))
        .order_by(pipe.c.id)
    ).mappings()
    return stops + [dict(row) | {"layer": "pipes"} for row in rows]


def _buildings(connection: Connection, graph: FlowGraph, found: _Found, caller: Caller) -> int | None:
    """Return how many buildings the reached pipes serve; None where the caller may not see buildings."""
    if not visible_layers(connection, caller, ["buildings"]):
        return None
    if caller.area_code is None:
        _, first = np.unique(graph.pipe_ids[found.edges], return_index=True)
        return int(_pipe_facts(graph).served[found.edges[first]].sum())
    served = building_service.c
    return int(
        connection.execute(
            select(func.count())
            .select_from(building_service.join(building, building.c.id == served.building_id))
            .where(_among(served.pipe_id, np.unique(graph.pipe_ids[found.edges])), in_area(building, caller))
        ).scalar_one()
    )


def _receipt(
    connection: Connection,
    layers: Sequence[VisibleLayer],
    counts: dict[str, int],
    facts: dict[str, Any],
    request: TraceRequest,
    origin: Origin,
    caller: Caller,
) -> dict[str, Any]:
    parameters = {
        "network": request.network,
        "from": request.origin,
        "node": origin.id,
        "direction": request.direction,
        "limit": request.limit,
        "area": caller.area_code,
    }
    notes = [
        note("closed", "closed valves and shut pipes stop a trace; a valve that it begins at does not", "trace"),
        note("lengths", "lengths are geodesic, of the pipes as drawn, in metres"),
    ]
    if request.direction != "connected" and facts["drawn"]:
        drawn, pipes = facts["drawn"], facts["pipes"]
        message = f"{drawn} of {pipes} pipes flow as drawn: nobody says their flow or levels"
        notes.append(note("drawn_direction", message, drawn=drawn, pipes=pipes))
    return make_receipt(connection, layers, counts, facts["datasets"], parameters, notes)
