"""Tracing a network of pipes three ways: in memory (ours), by a recursive statement, and by pgRouting.

Run as ``python -m bench.network_trace`` (or ``./run bench network_trace``) with a district imported into the database
that the settings name. For each network the largest traces up and down of some hundred ends are taken; all three must
reach the same nodes. The first trace after a change of the data reads the graph once: that is a row of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from bench.lib.result import Goal, row, save
from cim.access import Caller
from cim.db import database_url, make_engine
from cim.settings import read_settings
from layers.networks.flow_graph import FlowGraph, read_graph
from layers.networks.pipes import networks_of
from layers.networks.trace import TraceRequest, trace

RUNS = 5
ENDS = 400
GOAL_MS = Goal(50.0)
RECURSIVE = {
    "down": text(
        "with recursive reached (id) as (select cast(:node as bigint) union select e.target_id from reached t"
        " join cim.pipe_node n on n.id = t.id join cim.pipe_edge e on e.source_id = t.id"
        " where e.target_id is not null and (n.state is distinct from 'closed' or n.id = :node))"
        " select array_agg(id) from reached"
    ),
    "up": text(
        "with recursive reached (id) as (select cast(:node as bigint) union select e.source_id from reached t"
        " join cim.pipe_node n on n.id = t.id join cim.pipe_edge e on e.target_id = t.id"
        " where e.source_id is not null and (n.state is distinct from 'closed' or n.id = :node))"
        " select array_agg(id) from reached"
    ),
}
PGROUTING = text("select array_agg(node) from pgr_drivingDistance(:edges, :node, 1e9, true)")
ENDS_OF = {"down": ("source_id", "target_id"), "up": ("target_id", "source_id")}


def edges_for(network: str, direction: str, node: int) -> str:
    """Return the edges as pgRouting reads them; it has no place for parameters."""
    start, end = ENDS_OF[direction]
    name = network.replace("'", "''")
    return (
        f"select e.id, e.{start} as source, e.{end} as target, e.length_m as cost, -1::float as reverse_cost"  # noqa: S608
        f" from cim.pipe_edge e join cim.pipe_node n on n.id = e.{start} where e.network = '{name}'"
        f" and e.{end} is not null and (n.state is distinct from 'closed' or n.id = {int(node)})"
    )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the median milliseconds of some runs, and what came out."""
    spent = []
    for _ in range(RUNS):
        began = time.perf_counter()
        value = work()
        spent.append((time.perf_counter() - began) * 1000)
    return median(spent), value


def largest(graph: FlowGraph, direction: str) -> int:
    """Return the node, of some at the ends of the network, from which most is reached."""
    inner = graph.target if direction == "down" else graph.source
    ends = np.setdiff1d(np.arange(len(graph.node_ids)), inner)[:ENDS]
    return int(max(ends.tolist() or [0], key=lambda node: int(graph.reach(node, direction)[0].sum())))


def measure(connection: Connection, network: str) -> list[dict[str, Any]]:
    """Return the rows of one network."""
    began = time.perf_counter()
    graph = read_graph(connection, network)
    rows = [row(f"{network}: read {len(graph.edge_ids)} edges", (time.perf_counter() - began) * 1000, "ms")]
    for direction in ("up", "down"):
        start = largest(graph, direction)
        node = int(graph.node_ids[start])
        ours, (nodes, _) = timed(lambda: graph.reach(start, direction))  # noqa: B023
        ids = set(graph.node_ids[np.flatnonzero(nodes)].tolist())
        work = f"{network}: {direction}, {len(ids)} nodes"
        values = {"node": node, "edges": edges_for(network, direction, node)}
        for peer, statement in (("recursive SQL", RECURSIVE[direction]), ("pgRouting", PGROUTING)):
            spent, found = timed(lambda: connection.execute(statement, values).scalar_one())  # noqa: B023
            if set(found) != ids:
                raise SystemExit(f"{work}: {peer} reaches {len(set(found))} nodes, ours {len(ids)}")
            rows.append(row(work, ours, "ms", peer=peer, peer_value=spent))
        request = TraceRequest(network, f"id:{node}", direction)
        spent, _ = timed(lambda: trace(connection, request, Caller("admin")))  # noqa: B023
        rows.append(row(f"{work}, the whole answer with its receipt", spent, "ms", goal=GOAL_MS))
    return rows


def main() -> None:
    settings = read_settings()
    engine = make_engine(database_url(settings))
    with engine.connect() as connection:
        rows = [entry for network in networks_of(connection) for entry in measure(connection, network)]
    save("network_trace", rows)


if __name__ == "__main__":
    main()
