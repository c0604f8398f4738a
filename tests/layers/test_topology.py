"""Topology from places alone, findings, buildings that are served, and roads that pgRouting walks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import networkx
import numpy as np
import pytest
import shapely
from shapely import LineString, Point, Polygon
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from cim.access import Caller
from cim.cli import build
from district.make import make_town
from district.pipes import make_drainage, network_layers
from district.roads import road_lines
from district.scales import SCALES
from layers.networks.graph import MISSING, UNKNOWN, Lines, Nodes, connect, edges_of
from layers.networks.trace import TraceRequest, trace

E0, N0 = 522_000.0, 2_511_000.0
NO_NODES = Nodes(np.empty((0, 2)), np.empty(0), np.empty(0, bool))


def lines(*shapes: LineString, level: list[int] | None = None) -> Lines:
    unknown = np.full(len(shapes), UNKNOWN)
    levels = np.array(level) if level is not None else None
    return Lines(np.array(shapes, object), unknown, unknown.copy(), levels)


def test_ends_within_the_tolerance_are_one_node_and_others_are_not() -> None:
    for gap, tolerance, nodes in ((0.05, 0.1, 3), (0.15, 0.1, 4), (0.15, 0.2, 3)):
        graph = connect(lines(LineString([(0, 0), (10, 0)]), LineString([(10 + gap, 0), (20, 0)])), NO_NODES, tolerance)
        assert len(graph.new_xy) == nodes


def test_a_line_is_cut_where_another_ends_on_it() -> None:
    graph = connect(lines(LineString([(0, 0), (10, 0)]), LineString([(4, 5), (4, 0.05)])), NO_NODES, 0.1)
    edges = edges_of(graph)
    assert edges.line.tolist() == [0, 0, 1]
    assert edges.start_fraction.tolist() == pytest.approx([0, 0.4, 0])
    assert edges.target[0] == edges.source[1] == edges.target[2]


def test_crossing_lines_do_not_meet_and_shared_vertices_do() -> None:
    across, along = LineString([(5, -5), (5, 0), (5, 5)]), LineString([(0, 0), (5, 0), (10, 0)])
    assert len(edges_of(connect(lines(across, along), NO_NODES, 0.1)).line) == 2
    shared = connect(lines(across, along, level=[0, 1]), NO_NODES, 0.1, is_shared_vertex_a_node=True)
    assert len(edges_of(shared).line) == 4
    plain = connect(lines(LineString([(5, -5), (5, 5)]), along), NO_NODES, 0.1, is_shared_vertex_a_node=True)
    assert len(edges_of(plain).line) == 2


def test_a_ramp_does_not_join_the_bridge_above_it() -> None:
    bridge, ramp = LineString([(0, 0), (10, 0)]), LineString([(5, -5), (5, 0)])
    for level, edges in (([1, 0], 2), ([0, 0], 3)):
        graph = connect(lines(bridge, ramp, level=level), NO_NODES, 0.1, is_shared_vertex_a_node=True)
        assert len(edges_of(graph).line) == edges


def test_a_node_far_below_a_pipe_is_not_on_it() -> None:
    pipe = lines(LineString([(0, 0, 10), (10, 0, 10)]))
    for z, edges in ((10.2, 2), (8.0, 1), (np.nan, 2)):
        nodes = Nodes(np.array([[5.0, 0.0]]), np.array([z]), np.array([False]))
        assert len(edges_of(connect(pipe, nodes, 0.1, clearance_m=0.5)).line) == edges


def test_an_end_whose_node_is_missing_stays_open() -> None:
    one = lines(LineString([(0, 0), (10, 0)]))
    one.end[0] = MISSING
    edges = edges_of(connect(one, NO_NODES, 0.1))
    assert (edges.source.tolist(), edges.target.tolist()) == ([0], [MISSING])


def test_places_give_the_graph_that_keys_give(take: Any, ask: Any, tmp_path: Path) -> None:
    """The sewers of a district without any node or key: the graph is the same but for the names of its nodes."""
    town = make_town(SCALES["sample"], 7)
    frame = network_layers(town.plan, make_drainage(town.plan, town.roads))["管线"]
    path = tmp_path / "drainage.gpkg"
    frame.drop(columns=["起点编码", "终点编码"]).to_file(path, layer="管线", engine="pyogrio")
    take(path)
    keyed = networkx.DiGraph(list(zip(frame["起点编码"], frame["终点编码"], strict=True)))
    rows = ask("select p.source_key, e.source_id, e.target_id from pipe_edge e join pipe p on p.id = e.pipe_id")
    assert len(rows) == len(frame)
    of_pipe = {row[0]: (row[1], row[2]) for row in rows}
    names: dict[str, set[int]] = {}
    for code, start, end in zip(frame["管线编码"], frame["起点编码"], frame["终点编码"], strict=True):
        names.setdefault(start, set()).add(of_pipe[code][0])
        names.setdefault(end, set()).add(of_pipe[code][1])
    assert all(len(ids) == 1 for ids in names.values())
    assert len({next(iter(ids)) for ids in names.values()}) == keyed.number_of_nodes()
    kinds = {row[0]: row[1] for row in ask("select kind, count(*) from pipe_node group by 1")}
    degrees = [degree for _, degree in keyed.degree()]
    assert kinds["end"] == degrees.count(1)
    assert kinds.get("tee", 0) == degrees.count(3)
    # The same again changes nothing.
    before = ask("select id, source_key, recorded_at from pipe_node order by id")
    frame.drop(columns=["起点编码", "终点编码", "材质"]).to_file(path, layer="管线", engine="pyogrio")
    take(path)
    assert ask("select id, source_key, recorded_at from pipe_node order by id") == before


def write(path: Path, layer: str, columns: dict[str, Any], geometry: list[Any]) -> Path:
    frame = geopandas.GeoDataFrame(columns, geometry=geometry, crs="EPSG:4547")
    frame.to_file(path, layer=layer, engine="pyogrio", mode="a" if path.exists() else "w")
    return path


def line(*xy: tuple[float, float]) -> LineString:
    return LineString([(E0 + x, N0 + y) for x, y in xy])


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """One fault of each kind among gas pipes, and sewers of which one is drawn up its fall."""
    path = tmp_path / "gas.gpkg"
    rows = [
        ("OK", "A", "B", line((0, 0), (100, 0))), ("DANGLING", "B", "NOWHERE", line((100, 0), (200, 0))),
        ("LOOSE", None, None, line((0, 0), (0, 98))), ("CROSS", None, None, line((50, -50), (50, 50))),
        ("AGAIN", "A", "B", line((100, 0), (0, 0))), ("OFF", "A", "B", line((0, 0), (100, 7))),
    ]  # fmt: skip
    columns = {name: [row[k] for row in rows] for k, name in enumerate(("管线编码", "起点编码", "终点编码"))}
    write(path, "管线", columns, [row[3] for row in rows])
    places = {"A": (0, 0), "B": (100, 0), "B2": (100, 0.02), "ALONE": (300, 300), "NEAR": (0, 100)}
    return write(path, "管点", {"管点编码": list(places)}, [Point(E0 + x, N0 + y) for x, y in places.values()])


def test_each_kind_of_fault_is_found_and_told(take: Any, ask: Any, faulty: Path, engine: Engine) -> None:
    report = take(faulty)
    found = {(row[0], row[1]) for row in ask("select kind, source_key from network_finding where network = 'gas'")}
    assert found == {
        ("dangling_pipe", "DANGLING"), ("loose_end", "LOOSE"), ("loose_end", "CROSS"), ("end_off_node", "OFF"),
        ("end_off_node", "AGAIN"), ("crossing", "OK"), ("crossing", "CROSS"),
        ("duplicate_pipe", "AGAIN"), ("duplicate_node", "B2"),
        ("orphan_node", "ALONE"), ("orphan_node", "NEAR"), ("orphan_node", "B2"),
    }  # fmt: skip
    told = {note.code: note.message for note in report.notes}
    assert "DANGLING (NOWHERE)" in told["dangling_pipe"]
    assert "node NEAR" in told["loose_end"]
    assert "7.0 m from B" in told["end_off_node"]
    [(longitude, latitude)] = ask("select ST_X(geom), ST_Y(geom) from network_finding where kind = 'dangling_pipe'")
    [(at,)] = ask("select ST_AsText(ST_EndPoint(ST_GeometryN(geom, 1))) from pipe where source_key = 'DANGLING'")
    assert shapely.from_wkt(at).distance(Point(longitude, latitude)) < 1e-8


def test_the_command_lists_them(take: Any, faulty: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    take(faulty)
    monkeypatch.setenv("CIM_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    run = CliRunner().invoke(build(), ["networks", "check", "--network", "gas", "--kind", "dangling_pipe", "--json"])
    assert run.exit_code == 0, run.output
    assert '"source_key": "DANGLING"' in run.output
    again = CliRunner().invoke(build(), ["networks", "connect", "--snap", "3", "--network", "gas", "--json"])
    assert again.exit_code == 0, again.output
    with engine.connect() as connection:
        # Within three metres the loose end finds the node it was meant to reach.
        end = connection.execute(
            text("select n.source_key from pipe p join pipe_node n on n.id = p.to_node_id where p.source_key = 'LOOSE'")
        ).scalar_one()
    assert end == "NEAR"


def test_sewers_flow_down_their_levels(take: Any, ask: Any, tmp_path: Path) -> None:
    path = tmp_path / "sewer.gpkg"
    columns = {"管线编码": ["DOWN", "UP", "FLAT", "SAID"], "起点高程": [10.0, 8.0, 8.0, 9.0],
               "终点高程": [9.0, 9.0, 8.0, 8.0], "流向": [None, None, None, "反向"]}  # fmt: skip
    report = take(write(path, "污水管线", columns, [line((0, y), (50, y)) for y in (0, 20, 40, 60)]))
    rows = ask("select source_key, direction, direction_source from pipe order by 1")
    assert [tuple(row) for row in rows] == [
        ("DOWN", "forward", "invert_levels"), ("FLAT", "forward", "drawn"),
        ("SAID", "backward", "flow"), ("UP", "backward", "invert_levels"),
    ]  # fmt: skip
    assert "UP (8.00 m to 9.00 m)" in next(note.message for note in report.notes if note.code == "against_fall")
    assert ask("select network from pipe limit 1") == [("sewer",)]


def test_buildings_know_what_serves_them(take: Any, ask: Any, tmp_path: Path, engine: Engine) -> None:
    def house(x: float, y: float) -> Polygon:
        return shapely.box(E0 + x, N0 + y, E0 + x + 10, N0 + y + 10)

    network = write(tmp_path / "water.gpkg", "管线", {"管线编码": ["MAIN", "FAR"]},
                    [line((0, 0), (300, 0)), line((0, 90), (300, 90))])  # fmt: skip
    columns = {"管点编码": ["S1", "S2", "V"], "类型": ["connection", "meter", "阀门"], "建筑编码": ["H1", None, None]}
    write(network, "管点", columns, [Point(E0 + 200, N0), Point(E0 + 150, N0 + 90), Point(E0 + 60, N0)])
    houses = {"H1": (0, 20), "H2": (140, 75), "H3": (60, 20), "H4": (0, 500)}
    towns = write(
        tmp_path / "buildings.gpkg", "建筑物", {"建筑编码": list(houses)}, [house(*xy) for xy in houses.values()]
    )
    wanted = [
        # H1 stands 20 m from MAIN, but a connection 191 m away says that it serves it.
        ("H1", "code", "MAIN", "S1", pytest.approx(np.hypot(190, 20), abs=0.05)),
        ("H2", "connection", "FAR", "S2", pytest.approx(5.0, abs=0.01)),
        ("H3", "nearest", "MAIN", None, pytest.approx(20.0, abs=0.01)),
    ]
    query = (
        "select b.code, s.rule, p.source_key, n.source_key as node, s.distance_m from building_service s"
        " join building b on b.id = s.building_id left join pipe p on p.id = s.pipe_id"
        " left join pipe_node n on n.id = s.node_id order by 1"
    )
    take(network)
    take(towns)
    assert [tuple(row) for row in ask(query)] == wanted
    with engine.connect() as connection:
        for area, served in ((None, 2), ("440307", 2)):
            answer = trace(connection, TraceRequest("water", "S1", "connected"), Caller("admin", area))
            # MAIN serves H1 and H3.
            assert answer["totals"]["buildings"] == served
    # A pipe that comes later is nearer to H3.
    take(write(tmp_path / "water_new.gpkg", "管线", {"管线编码": ["NEW"]}, [line((0, 40), (300, 40))]))
    assert [row[2] for row in ask(query)] == ["MAIN", "FAR", "NEW"]


@pytest.mark.slow
def test_pgrouting_and_networkx_agree_on_the_roads(take: Any, engine: Engine, tmp_path: Path) -> None:
    """By length and by time, one-way streets included, from a file without nodes or keys."""
    town = make_town(SCALES["sample"], 7)
    frame = road_lines(town.plan, town.roads)
    path = tmp_path / "roads.gpkg"
    frame.drop(columns=["起点编码", "终点编码"]).to_file(path, layer="道路中心线", engine="pyogrio")
    take(path)
    geographic = frame.to_crs(4490)
    from pyproj import Geod

    metres = [Geod(ellps="GRS80").geometry_length(shape) for shape in geographic.geometry]
    graph = networkx.DiGraph()
    for k, row in enumerate(frame.itertuples()):
        way = {"metres": metres[k], "seconds": metres[k] * 3.6 / row.限速}
        for a, b in ((row.起点编码, row.终点编码), (row.终点编码, row.起点编码))[: 1 if row.单行 == "是" else 2]:
            if graph.get_edge_data(a, b, {"seconds": np.inf})["seconds"] > way["seconds"]:
                graph.add_edge(a, b, **way)
    first = dict(zip(frame["道路编码"], frame["起点编码"], strict=True))
    with engine.connect() as connection:
        rows = connection.execute(
            text("select r.source_key, e.source from road_edge e join road r on r.id = e.road_id where part = 0")
        ).all()
        number = {first[row.source_key]: row.source for row in rows}
        random = np.random.default_rng(5)
        names = sorted(number)
        route = text("select max(agg_cost) from pgr_dijkstra(:edges, :start, :end, true)")
        by_time = "select id, source, target, cost, reverse_cost from cim.road_edge"
        by_length = (
            "select id, source, target, length_m as cost, case when reverse_cost < 0 then -1 else length_m end"
            " as reverse_cost from cim.road_edge"
        )
        for start, end in random.choice(names, (15, 2)):
            for edges, weight in ((by_time, "seconds"), (by_length, "metres")):
                values = {"edges": edges, "start": number[start], "end": number[end]}
                ours = connection.execute(route, values).scalar_one()
                try:
                    theirs = networkx.dijkstra_path_length(graph, start, end, weight=weight)
                except networkx.NetworkXNoPath:
                    theirs = None
                if start == end:
                    assert not ours
                else:
                    assert ours == (theirs if theirs is None else pytest.approx(theirs, rel=1e-6))


@pytest.mark.shared
def test_roads_of_openstreetmap_meet_at_their_shared_nodes(take: Any, ask: Any, shared_data: Path) -> None:
    """Every node that two ways share is a node of the graph, as osmium counts them."""
    import osmium

    source = shared_data / "osm" / "monaco-2021.osm.pbf"
    take(source)
    users: dict[int, int] = {}
    ends: set[int] = set()
    ways = 0
    for way in osmium.FileProcessor(str(source), osmium.osm.WAY):
        if "highway" in way.tags and way.tags.get("area") != "yes":
            ways += 1
            nodes = [node.ref for node in way.nodes]
            for node in set(nodes):
                users[node] = users.get(node, 0) + 1
            ends |= {nodes[0], nodes[-1]}
    wanted = len({node for node, count in users.items() if count > 1} | ends)
    assert ask("select count(*) from road")[0][0] == ways
    # Nodes of OpenStreetMap that lie within 0.1 m of each other are one; an end on another way's middle joins it.
    [(count,)] = ask("select count(*) from road_node")
    assert abs(count - wanted) <= 0.002 * wanted
    [(open_ends,)] = ask("select count(*) from road_edge where source is null or target is null")
    assert open_ends == 0
