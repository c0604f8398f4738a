"""Traces reach what networkx reaches, on drawn networks, on the synthetic district and on real ones."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas
import networkx
import numpy as np
import pyogrio
import pytest
from shapely import LineString, Point
from sqlalchemy import Engine

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.importing import ImportContext, ImportOptions, import_paths
from district.make import make_town
from district.pipes import WATER, Network, make_drainage, make_pressure_network, network_layers
from district.scales import SCALES
from layers.networks.flow_graph import FlowGraph
from layers.networks.trace import TraceRequest, trace
from layers.sources.inp import InpImporter

ADMIN = Caller("admin")
E0, N0 = 522_000.0, 2_511_000.0


def expected(edges: Iterable[tuple[Any, Any]], closed: set[Any], start: Any, direction: str) -> set[Any]:
    """What networkx reaches when nothing leaves a closed node but the first."""
    graph = networkx.MultiDiGraph()
    graph.add_node(start)
    for source, target in edges:
        if direction == "connected":
            graph.add_edge(source, target)
            graph.add_edge(target, source)
        else:
            graph.add_edge(*((source, target) if direction == "down" else (target, source)))
    graph.remove_edges_from([edge for edge in list(graph.edges) if edge[0] in closed and edge[0] != start])
    return {start} | networkx.descendants(graph, start)


@pytest.mark.parametrize("seed", range(20))
def test_the_walk_equals_networkx_on_random_graphs(seed: int) -> None:
    random = np.random.default_rng(seed)
    size, count = 60, 90
    source, target = random.integers(0, size, (2, count))
    used = np.unique(np.concatenate([source, target]))
    source, target = np.searchsorted(used, source), np.searchsorted(used, target)
    closed = random.random(len(used)) < 0.15
    shut = random.random(count) < 0.1
    numbers = np.arange(count)
    graph = FlowGraph(used, numbers, numbers, source, target, np.ones(count), closed, shut)
    edges = [pair for pair, is_shut in zip(zip(source.tolist(), target.tolist(), strict=True), shut, strict=True)
             if not is_shut]  # fmt: skip
    for start in range(len(used)):
        for direction in ("up", "down", "connected"):
            nodes, reached = graph.reach(start, direction)
            wanted = expected(edges, set(np.flatnonzero(closed).tolist()), start, direction)
            assert set(np.flatnonzero(nodes).tolist()) == wanted
            passable = {n for n in wanted if not closed[n] or n == start}
            near = {"down": (source,), "up": (target,), "connected": (source, target)}[direction]
            along = [not shut[k] and any(int(side[k]) in passable for side in near) for k in range(count)]
            assert reached.tolist() == along


def write(path: Path, layer: str, columns: dict[str, Any], geometry: list[Any]) -> Path:
    frame = geopandas.GeoDataFrame(columns, geometry=geometry, crs="EPSG:4547")
    frame.to_file(path, layer=layer, engine="pyogrio", mode="a" if path.exists() else "w")
    return path


def at(x: float, y: float = 0.0) -> Point:
    return Point(E0 + x, N0 + y)


@pytest.fixture
def main(tmp_path: Path) -> Path:
    """A - V (closed valve) - B - C as pipes P1 (through V), P2; a branch P3 without keys ends on the middle of P2."""
    path = tmp_path / "water.gpkg"
    lines = [LineString([at(0), at(200)]), LineString([at(200), at(400)]), LineString([at(300, 80), at(300, 0.03)])]
    ends = {"起点编码": ["A", "B", None], "终点编码": ["B", "C", None], "管径": [200, 200, 50]}
    write(path, "管线", {"管线编码": ["P1", "P2", "P3"], **ends}, lines)
    nodes = {"管点编码": ["A", "V", "B", "C"], "类型": ["水厂", "阀门", "三通", "管堵"], "状态": ["", "关", "", ""]}
    return write(path, "管点", nodes, [at(0), at(100), at(200), at(400)])


def keys(answer: dict[str, Any], what: str) -> set[str]:
    return {entry["source_key"] for entry in answer[what]}


def test_a_closed_valve_on_a_pipe_stops_a_trace(take: Any, main: Path, engine: Engine) -> None:
    take(main)
    with engine.connect() as connection:
        down = trace(connection, TraceRequest("water", "A", "down"), ADMIN)
        assert keys(down, "nodes") == {"A", "V"}
        assert [stop["source_key"] for stop in down["stopped_at"]] == ["V"]
        # The valve cuts P1 in two; the half before it is reached.
        [pipe] = down["pipes"]
        assert pipe["source_key"] == "P1"
        assert pipe["parts"] == [[0.0, pytest.approx(0.5, abs=1e-4)]]
        assert down["totals"]["length_m"] == pytest.approx(100, abs=0.05)
        beyond = trace(connection, TraceRequest("water", "V", "down"), ADMIN)
        # From the valve itself it goes on: P3 is drawn towards P2 and is no part of what is below.
        assert keys(beyond, "pipes") == {"P1", "P2"}
        assert keys(beyond, "ends") == {"C"}
        assert beyond["totals"]["length_m"] == pytest.approx(300, abs=0.1)
        connected = trace(connection, TraceRequest("water", "C", "connected"), ADMIN)
        assert keys(connected, "pipes") == {"P1", "P2", "P3"}
        assert {"V", "B", "C"} < keys(connected, "nodes")
        assert "A" not in keys(connected, "nodes")


def test_a_branch_that_ends_on_a_pipe_joins_it(take: Any, main: Path, engine: Engine, ask: Any) -> None:
    take(main)
    [(kind, origin)] = ask("select n.kind, n.origin from pipe p join pipe_node n on n.id = p.to_node_id"
                           " where p.source_key = 'P3'")  # fmt: skip
    assert (kind, origin) == ("tee", "topology")
    with engine.connect() as connection:
        up = trace(connection, TraceRequest("water", "C", "up", with_geometry=True), ADMIN)
    # Upstream of C: both halves of P2, P3, and P1 as far as the closed valve.
    parts = {pipe["source_key"]: pipe["parts"] for pipe in up["pipes"]}
    assert parts["P2"] == [[0.0, 1.0]]
    assert parts["P1"] == [[pytest.approx(0.5, abs=1e-4), 1.0]]
    assert parts["P3"] == [[0.0, 1.0]]
    assert up["pipes"][0]["geometry"]["type"] == "MultiLineString"
    assert up["totals"]["length_m"] == pytest.approx(100 + 200 + 79.97, abs=0.1)


def test_a_place_finds_its_nearest_node(take: Any, main: Path, engine: Engine, ask: Any) -> None:
    take(main)
    [(lon, lat)] = ask("select ST_X(geom), ST_Y(geom) from pipe_node where source_key = 'B'")
    with engine.connect() as connection:
        answer = trace(connection, TraceRequest("water", f"{lon},{lat + 0.0001}", "down"), ADMIN)
        assert answer["from"]["source_key"] == "B"
        # 0.0001 degrees of latitude at 22.7 degrees north (GRS 80): 11.074 m
        assert answer["from"]["distance_m"] == pytest.approx(11.074, abs=0.01)
        with pytest.raises(NotFound, match="within 200 m"):
            trace(connection, TraceRequest("water", f"{lon + 1},{lat}", "down"), ADMIN)


def test_bad_requests_are_told_what_is_right(take: Any, main: Path, engine: Engine) -> None:
    take(main)
    with engine.connect() as connection:
        for request, error, words in (
            (TraceRequest("water", "A", "sideways"), InvalidInput, "up, down, connected"),
            (TraceRequest("steam", "A", "up"), NotFound, "there are: water"),
            (TraceRequest("water", "nobody", "up"), NotFound, "no node 'nobody'"),
            (TraceRequest("water", "200,100", "up"), InvalidInput, "longitude first"),
            (TraceRequest("water", "key:", "up"), NotFound, "no node 'key:'"),
            (TraceRequest("water", "A", "up", 0), InvalidInput, "limit"),
        ):
            with pytest.raises(error, match=words):
                trace(connection, request, ADMIN)


def test_a_number_that_is_an_id_and_a_key_is_asked_about(take: Any, main: Path, engine: Engine, ask: Any) -> None:
    take(main)
    [(number,)] = ask("select id from pipe_node where source_key = 'A'")
    with engine.begin() as connection:
        assert trace(connection, TraceRequest("water", str(number), "up"), ADMIN)["from"]["source_key"] == "A"
        rename = "update cim.pipe_node set source_key = %s where source_key = 'C'"
        connection.exec_driver_sql(rename, (str(number),))
        with pytest.raises(InvalidInput, match=f"say id:{number} or key:{number}"):
            trace(connection, TraceRequest("water", str(number), "up"), ADMIN)
        named = {
            form: trace(connection, TraceRequest("water", f"{form}:{number}", "up"), ADMIN) for form in ("id", "key")
        }
    assert named["id"]["from"]["source_key"] == "A"
    assert named["key"]["from"]["source_key"] == str(number)


def test_the_receipt_says_what_it_rests_on(take: Any, main: Path, engine: Engine) -> None:
    take(main)
    with engine.connect() as connection:
        first, again = (trace(connection, TraceRequest("water", "V", "down", 1), ADMIN) for _ in range(2))
    receipt = first["receipt"]
    assert receipt["hash"] == again["receipt"]["hash"]
    assert [entry["name"] for entry in receipt["datasets"]] == ["water.gpkg"]
    assert {note["code"] for note in receipt["notes"]} >= {"closed", "drawn_direction"}
    assert first["truncated"]
    assert len(first["pipes"]) == 1
    assert first["totals"]["pipes"] == 2


def write_network(folder: Path, made: Network, seed_plan: Any) -> Path:
    path = folder / f"{made.service.file}.gpkg"
    for name, frame in network_layers(seed_plan, made).items():
        frame.to_file(path, layer=name, engine="pyogrio", mode="a" if path.exists() else "w")
    return path


@pytest.mark.slow
def test_traces_of_the_district_equal_networkx(take: Any, engine: Engine, tmp_path: Path) -> None:
    town = make_town(SCALES["sample"], 7)
    water = make_pressure_network(town.plan, town.roads, WATER)
    sewers = make_drainage(town.plan, town.roads)
    for made, network in ((water, "water"), (sewers, "drainage")):
        path = write_network(tmp_path, made, town.plan)
        take(path)
        pipes = pyogrio.read_dataframe(path, layer="管线")
        nodes = pyogrio.read_dataframe(path, layer="管点")
        edges = list(zip(pipes["起点编码"], pipes["终点编码"], strict=True))
        closed = set(nodes.loc[nodes["状态"] == "关", "管点编码"])
        random = np.random.default_rng(3)
        with engine.connect() as connection:
            for key in random.choice(nodes["管点编码"], 12, replace=False):
                for direction in ("up", "down", "connected"):
                    answer = trace(connection, TraceRequest(network, str(key), direction, 20_000), ADMIN)
                    wanted = expected(edges, closed, key, direction)
                    assert keys(answer, "nodes") == wanted
                    assert {stop["source_key"] for stop in answer["stopped_at"]} == (wanted & closed) - {key}
    # Sewers are laid from above to below: each manhole leads to an outfall.
    outfalls = set(nodes.loc[nodes["类型"] == "排放口", "管点编码"])
    with engine.connect() as connection:
        answer = trace(connection, TraceRequest("drainage", str(edges[0][0]), "down", 20_000), ADMIN)
    assert keys(answer, "ends") <= outfalls
    assert len(answer["ends"]) == 1


#: Models without a place of their own are put on a plane somewhere.
PLANE = "+proj=aeqd +lat_0=35 +lon_0=33 +ellps=WGS84 +units=m +type=crs"
MODELS = [("ky4.inp", "EPSG:3547"), ("L-TOWN.inp", PLANE), ("Net3.inp", PLANE)]


@pytest.mark.shared
@pytest.mark.parametrize(("name", "crs"), MODELS)
def test_models_have_the_topology_of_wntr(
    engine: Engine, settings: Any, shared_data: Path, ask: Any, name: str, crs: str
) -> None:
    """Nodes, links and connectivity are WNTR's, and so is what a trace reaches."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from wntr.network import WaterNetworkModel

        model = WaterNetworkModel(str(shared_data / "pipes" / name))
    context = ImportContext(ImportOptions(crs=crs), settings)
    [report] = import_paths(engine, [shared_data / "pipes" / name], context, [InpImporter()])
    assert report.status == "imported", report.error
    assert report.quarantined == 0
    links = {
        (key, link.start_node_name, link.end_node_name) for key, link in model.links()
    }  # fmt: skip
    rows = ask(
        "select p.source_key, a.source_key, b.source_key from pipe p left join pipe_node a on a.id = p.from_node_id"
        " left join pipe_node b on b.id = p.to_node_id"
    )
    assert {tuple(row) for row in rows} == links
    assert {row[0] for row in ask("select source_key from pipe_node")} == set(model.node_name_list)
    # One edge a link, the same way round, and nothing was made or cut.
    rows = ask(
        "select p.source_key, a.source_key, b.source_key from pipe_edge e join pipe p on p.id = e.pipe_id"
        " left join pipe_node a on a.id = e.source_id left join pipe_node b on b.id = e.target_id"
    )
    assert len(rows) == len(links)
    assert {tuple(row) for row in rows} == links
    graph = model.to_graph()
    shut = {key for key, link in model.links() if str(link.initial_status).lower().endswith("closed")
            and link.link_type != "Pump"}  # fmt: skip
    edges = [(a, b) for a, b, key in graph.edges(keys=True) if key not in shut]
    random = np.random.default_rng(11)
    with engine.connect() as connection:
        for key in random.choice(np.array(model.node_name_list), 15, replace=False).tolist():
            for direction in ("up", "down", "connected"):
                answer = trace(connection, TraceRequest("water", f"key:{key}", direction, 20_000), ADMIN)
                assert keys(answer, "nodes") == expected(edges, set(), key, direction), (key, direction)


@pytest.mark.shared
def test_sant_boi_equals_networkx(take: Any, engine: Engine, shared_data: Path, ask: Any) -> None:
    path = shared_data / "place_santboi" / "santboi_networks.gpkg"
    take(path)
    arcs, nodes = (pyogrio.read_dataframe(path, layer=f"ud_{what}") for what in ("arc", "node"))
    known = set(nodes["node_id"])
    edges = []
    for row in arcs.itertuples():
        ends = (row.node_1, row.node_2)
        # Down the levels, but for pumped pipes; as drawn where they are equal.
        back = row.elev2 - row.elev1 >= 0.005 and row.arc_type != "PUMP_PIPE"
        if set(ends) <= known:
            edges.append(ends[::-1] if back else ends)
    reversed_rows = ask("select count(*) from pipe where network = 'drainage' and direction = 'backward'")
    assert reversed_rows[0][0] == sum(
        row.elev2 - row.elev1 >= 0.005 and row.arc_type != "PUMP_PIPE" for row in arcs.itertuples()
    )
    ours = {row[0] for row in ask("select source_key from pipe_node where network = 'drainage'")}

    def qualified(key: str) -> str:
        return f"drainage/{key}" if f"drainage/{key}" in ours else key

    with engine.connect() as connection:
        for key in sorted({edge[0] for edge in edges})[::8]:
            for direction in ("up", "down"):
                answer = trace(connection, TraceRequest("drainage", f"key:{qualified(key)}", direction, 20_000), ADMIN)
                # Keys that the water network of the same file uses too have their network before them.
                reached = {key.removeprefix("drainage/") for key in keys(answer, "nodes")}
                assert reached == expected(edges, set(), key, direction), (key, direction)
