"""Edges find their nodes, whichever comes first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
from shapely import LineString, Point

E, N = 522_000.0, 2_511_000.0


def write(path: Path, layer: str, columns: dict[str, Any], geometry: list[Any]) -> Path:
    frame = geopandas.GeoDataFrame(columns, geometry=geometry, crs="EPSG:4547")
    frame.to_file(path, layer=layer, engine="pyogrio", mode="a" if path.exists() else "w")
    return path


def nodes(path: Path, keys: list[str], xs: list[float], kinds: list[str] | None = None) -> Path:
    columns: dict[str, Any] = {"管点编码": keys, "状态": ["开"] * len(keys)}
    if kinds:
        columns["类型"] = kinds
    return write(path, "管点", columns, [Point(E + x, N, 10) for x in xs])


def pipes(path: Path, rows: list[tuple[str, str | None, str | None, float, float]]) -> Path:
    columns = {
        "管线编码": [row[0] for row in rows],
        "起点编码": [row[1] for row in rows],
        "终点编码": [row[2] for row in rows],
        "起点埋深": [1.0] * len(rows),
        "终点埋深": [2.0] * len(rows),
    }
    return write(path, "管线", columns, [LineString([(E + a, N, 8), (E + b, N, 8)]) for *_, a, b in rows])


ENDS = (
    "select p.source_key, a.source_key, b.source_key from pipe p left join pipe_node a on a.id = p.from_node_id"
    " left join pipe_node b on b.id = p.to_node_id order by p.source_key"
)


def test_pipes_are_linked_by_the_owners_keys(take: Any, ask: Any, tmp_path: Path) -> None:
    path = pipes(tmp_path / "water_supply.gpkg", [("P1", "A", "B", 0, 100), ("P2", "B", "X9", 100, 200)])
    nodes(path, ["A", "B"], [0, 100], ["阀门", "水厂"])
    report = take(path)
    assert ask(ENDS) == [("P1", "A", "B"), ("P2", "B", None)]
    [note] = [note for note in report.notes if note.code == "dangling_pipe"]
    assert "P2 (X9)" in note.message
    assert report.quarantined == 0
    assert ask("select kind, state, ST_Z(geom) from pipe_node order by source_key") == [
        ("valve", "open", 10.0),
        ("plant", "open", 10.0),
    ]
    assert ask(
        "select network, depth_m, ST_Z(ST_StartPoint(ST_GeometryN(geom, 1))) from pipe where source_key = 'P1'"
    ) == [("water", 1.5, 8.0)]


def test_nodes_of_another_network_are_not_taken(take: Any, ask: Any, tmp_path: Path) -> None:
    take(nodes(tmp_path / "gas_nodes.gpkg", ["A", "B"], [0, 100]))
    take(pipes(tmp_path / "water_pipes.gpkg", [("P1", "A", "B", 0, 100)]))
    assert ask(ENDS) == [("P1", None, None)]
    take(nodes(tmp_path / "water_nodes.gpkg", ["A"], [0]))
    assert ask(ENDS) == [("P1", "A", None)]


def test_pipes_without_keys_are_linked_by_place(take: Any, ask: Any, tmp_path: Path) -> None:
    path = pipes(tmp_path / "gas.gpkg", [("P1", None, None, 0, 100), ("P2", None, None, 100.05, 200)])
    nodes(path, ["A", "B", "C"], [0, 100, 205])
    report = take(path)
    [(_, *first), (_, start, end)] = ask(ENDS)
    assert (first, start) == (["A", "B"], "B")
    # No node stands where P2 ends: one is made there, in no owner's name, and C has no pipe.
    assert ask("select kind, origin, dataset_id from pipe_node where source_key = :key", key=end) == [
        ("end", "topology", None)
    ]
    assert {note.code for note in report.notes} >= {"loose_end", "orphan_node"}
    assert not [note for note in report.notes if note.code == "dangling_pipe"]


def test_a_corrected_key_moves_the_end(take: Any, ask: Any, tmp_path: Path) -> None:
    path = tmp_path / "gas.gpkg"
    nodes(pipes(path, [("P1", "A", "B", 0, 100)]), ["A", "B", "C"], [0, 100, 200])
    take(path)
    path.unlink()
    nodes(pipes(path, [("P1", "A", "C", 0, 200)]), ["A", "B", "C"], [0, 100, 200])
    take(path)
    assert ask(ENDS) == [("P1", "A", "C")]


def test_roads_wait_for_the_nodes_that_they_name(take: Any, ask: Any, tmp_path: Path) -> None:
    lines = [LineString([(114.2, 22.7), (114.201, 22.7)]), LineString([(114.201, 22.7), (114.202, 22.7)])]
    columns = {"道路编码": ["R1", "R2"], "起点编码": ["A", "B"], "终点编码": ["B", "C"]}
    geopandas.GeoDataFrame(columns, geometry=lines, crs=4490).to_file(tmp_path / "道路中心线.geojson")
    assert take(tmp_path / "道路中心线.geojson").status == "imported"
    assert ask("SELECT count(*) FROM cim.road_node")[0][0] == 0
    places = [Point(114.2, 22.7), Point(114.201, 22.7), Point(114.202, 22.7)]
    nodes = geopandas.GeoDataFrame({"节点编码": ["A", "B", "C"]}, geometry=places, crs=4490)
    nodes.to_file(tmp_path / "道路节点.geojson")
    take(tmp_path / "道路节点.geojson")
    ends = ask(
        "SELECT r.source_key, a.source_key, b.source_key FROM cim.road_edge e JOIN cim.road r ON r.id = e.road_id"
        " JOIN cim.road_node a ON a.id = e.source JOIN cim.road_node b ON b.id = e.target ORDER BY 1"
    )
    assert [tuple(row) for row in ends] == [("R1", "A", "B"), ("R2", "B", "C")]


def test_roads_are_linked_and_classed(take: Any, ask: Any, tmp_path: Path) -> None:
    path = write(
        tmp_path / "roads.gpkg",
        "道路中心线",
        {"道路编码": ["R1"], "名称": ["龙平大道"], "等级": ["主干路"], "车道数": [6], "限速": [60], "单行": ["否"],
         "起点编码": ["J1"], "终点编码": ["J2"]},
        [LineString([(E, N), (E + 300, N)])],
    )  # fmt: skip
    write(path, "道路节点", {"节点编码": ["J1", "J2"], "类型": ["交叉口", "断头"]}, [Point(E, N), Point(E + 300, N)])
    take(path)
    [road] = ask(
        "select r.class, r.lanes, r.speed_kmh, r.oneway, a.kind, b.kind as last from road r"
        " join road_node a on a.id = from_node_id join road_node b on b.id = to_node_id"
    )
    assert tuple(road) == ("primary", 6, 60.0, False, "crossing", "end")
