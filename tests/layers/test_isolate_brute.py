"""Isolations equal brute force by networkx: on the synthetic district and on a real network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pyogrio
import pytest
from sqlalchemy import Connection, Engine, text

from cim.access import Caller
from cim.tables import pipe_node
from district.make import make_town
from district.pipes import GAS, WATER, make_pressure_network, network_layers
from district.scales import SCALES
from layers.networks.isolate import IsolateRequest, work_out
from layers.networks.segments import network_plan
from tests.layers.laid_networks import names_of

ADMIN = Caller("admin")
STARTS = 150


#: The name of an edge, and of the nodes at its ends.
Edge = tuple[str, str, str]


def brute(
    edges: list[Edge], valves: set[str], weak: set[str], closed: set[str], sources: set[str], bursts: set[str]
) -> tuple[set[str], set[str], set[str]]:
    """Return isolated pipes, valves to shut and pipes in the shadow, by networkx on the line graph of names."""
    holds = valves - weak
    whole = networkx.Graph()
    for name, start, end in edges:
        for node in (start, end):
            # A valve that holds is a different place for every pipe that ends at it.
            whole.add_edge(("pipe", name), ("node", node, name if node in holds else None))
    inside = set().union(*(networkx.node_connected_component(whole, ("pipe", burst)) for burst in bursts))
    isolated = {entry[1] for entry in inside if entry[0] == "pipe"}
    ends = {(name, node) for name, *pair in edges for node in pair}
    shut = {node for name, node in ends if node in holds and name in isolated}
    shut = {node for node in shut if any(n == node and name not in isolated for name, n in ends)}
    dry = {entry[1] for entry in inside if entry[0] == "node" and entry[2] is None}

    def fed(stopped: set[str], gone: set[str], alive: set[str]) -> set[str]:
        graph = networkx.MultiGraph()
        graph.add_nodes_from(alive)
        for name, start, end in edges:
            if name not in gone:
                # Nothing passes what is shut: it is one end of each of its pipes, and none is joined by it.
                pair = [(node, name) if node in stopped else node for node in (start, end)]
                graph.add_edge(*pair, name=name)
        reached = set().union(*(networkx.node_connected_component(graph, node) for node in alive), set())
        return {data["name"] for a, b, data in graph.edges(data=True) if a in reached or b in reached}

    shadow = fed(closed, set(), sources) - fed(closed | shut, isolated, sources - dry) - isolated
    return isolated, shut, shadow


def compare(
    connection: Connection, network: str, valves: set[str], closed: set[str], sources: set[str], seed: int
) -> int:
    """Compare isolations at random pipes with random valves out of order; return how many had a shadow."""
    random, shadows = np.random.default_rng(seed), 0
    pipe_of, edges = edges_of(connection, network)
    nodes = names_of(connection, pipe_node, network)
    for burst in random.choice(sorted(set(pipe_of.values())), STARTS).tolist():
        weak = set(random.choice(sorted(valves), min(len(valves), int(random.integers(0, 30))), replace=False).tolist())
        named = tuple(f"key:{name}" for name in weak)
        work = work_out(connection, IsolateRequest(network, f"pipe:{burst}", named), ADMIN)
        bursts = {name for name, key in pipe_of.items() if key == burst}
        isolated, shut, shadow = brute(edges, valves, weak, closed, sources, bursts)
        ids, found = work.plan.graph.edge_ids, work.isolation
        assert found.shadow is not None
        assert set(map(str, ids[found.isolated.edges].tolist())) == isolated, (burst, weak)
        assert {nodes[n] for n in work.plan.segments.shutters.ids[found.close].tolist()} == shut, (burst, weak)
        assert set(map(str, ids[found.shadow.edges].tolist())) == shadow, (burst, weak)
        shadows += bool(shadow)
    return shadows


def edges_of(connection: Connection, network: str) -> tuple[dict[str, str], list[Edge]]:
    """Return the pipe of each edge, and the edges with the keys of their nodes; an open end has its own."""
    rows = connection.execute(
        text(
            "SELECT e.id, p.source_key, coalesce(a.source_key, 'no ' || e.id), coalesce(b.source_key, 'no ' || e.id)"
            " FROM cim.pipe_edge e JOIN cim.pipe p ON p.id = e.pipe_id LEFT JOIN cim.pipe_node a ON a.id = e.source_id"
            " LEFT JOIN cim.pipe_node b ON b.id = e.target_id WHERE e.network = :network"
        ),
        {"network": network},
    ).all()
    return {str(row[0]): row[1] for row in rows}, [(str(row[0]), row[2], row[3]) for row in rows]


@pytest.mark.slow
def test_isolations_of_the_district_equal_brute_force(take: Any, engine: Engine, tmp_path: Path) -> None:
    town = make_town(SCALES["sample"], 7)
    for service, network, source in ((WATER, "water", "水厂"), (GAS, "gas", None)):
        made = make_pressure_network(town.plan, town.roads, service)
        path = tmp_path / f"{service.file}.gpkg"
        for name, frame in network_layers(town.plan, made).items():
            frame.to_file(path, layer=name, engine="pyogrio", mode="a" if path.exists() else "w")
        take(path)
        lines, points = (pyogrio.read_dataframe(path, layer=name) for name in ("管线", "管点"))
        valves = set(points.loc[points["类型"] == "阀门", "管点编码"])
        closed = set(points.loc[points["状态"] == "关", "管点编码"])
        below = set(lines["终点编码"])
        kinds = dict(zip(points["管点编码"], points["类型"], strict=True))
        first = {"泵站", "门站", "调压站"}
        sources = {key for key, kind in kinds.items() if kind == source or (kind in first and key not in below)}
        assert sources
        with engine.connect() as connection:
            assert compare(connection, network, valves, closed, sources, 5) > 0


@pytest.mark.shared
def test_isolations_of_sant_boi_equal_brute_force(take: Any, engine: Engine, shared_data: Path) -> None:
    """A real network: its valves are known by the catalogue of its owner (Giswater)."""
    path = shared_data / "place_santboi" / "santboi_networks.gpkg"
    take(path)
    points = pyogrio.read_dataframe(path, layer="ws_node")
    catalogue = {f"water/{row.node_id}": row.nodecat_id for row in points.itertuples()}
    catalogue |= {str(row.node_id): row.nodecat_id for row in points.itertuples()}
    with engine.connect() as connection:
        edges = edges_of(connection, "water")[1]
    used = {node for _, *pair in edges for node in pair}
    valves = {node for node in used if str(catalogue.get(node)).startswith("SHTFF-VALVE")}
    words = ("SOURCE", "TANK", "WATERWELL", "ETAP")
    sources = {node for node in used if str(catalogue.get(node)).startswith(words)}
    below = {end for _, _, end in edges}
    sources |= {node for node in used if str(catalogue.get(node)).startswith("PUMP") and node not in below}
    assert len(valves) > 30
    with engine.connect() as connection:
        plan = network_plan(connection, "water")
        names = names_of(connection, pipe_node, "water")
        assert {names[n] for n in plan.graph.node_ids[plan.devices.is_shutter].tolist()} == valves
        assert {names[n] for n in plan.graph.node_ids[plan.devices.is_source].tolist()} == sources
        compare(connection, "water", valves, set(), sources, 9)
