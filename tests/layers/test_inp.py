"""EPANET and SWMM models: topology as WNTR has it, units by the file."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import shapely
from pyproj import Transformer

SWMM = """[TITLE]
;; two manholes, an outfall, one bad line
[OPTIONS]
FLOW_UNITS  {flow}
LINK_OFFSETS {offsets}
[JUNCTIONS]
;;Name Elev MaxDepth
J1  100.0  10.0  0 0 0
J2  98.0   8.0   0 0 0
J9  nought 8.0   0 0 0
[OUTFALLS]
O1  90.0  FREE
[STORAGE]
S1  95.0  12 0 FUNCTIONAL 10 0 0
[CONDUITS]
C1  J1 J2  300 0.013  {up} {down} 0 0
C2  J2 O1  400 0.013  * * 0 0
[PUMPS]
P1  S1 J2  curve ON
[XSECTIONS]
C1  CIRCULAR  1.5 0 0 0 2
C2  RECT_CLOSED  2.0 1.0 0 0 1
[SUBCATCHMENTS]
A1  RG1 J1  5.0 25 500 0.5 0
A2  RG1 J2  5.0 25 500 0.5 0
[COORDINATES]
J1  522000 2511000
J2  522100 2511000
J9  522100 2511050
O1  522200 2511000
S1  522100 2511000
[VERTICES]
C1  522050 2511020
[Polygons]
A1  522000 2511000
A1  522010 2511000
A1  522010 2511010
"""


def swmm(path: Path, flow: str = "CFS", offsets: str = "DEPTH", up: str = "0.5", down: str = "1.0") -> Path:
    path.write_text(SWMM.format(flow=flow, offsets=offsets, up=up, down=down), "utf-8")
    return path


def test_a_model_without_a_system_is_refused(take: Any, tmp_path: Path) -> None:
    report = take(swmm(tmp_path / "storm.inp"))
    assert report.status == "refused"
    assert "--crs" in report.error


@pytest.mark.parametrize(("flow", "metre"), [("CFS", 0.3048), ("MGD", 0.3048), ("LPS", 1.0), ("CMS", 1.0)])
def test_swmm_units(take: Any, ask: Any, tmp_path: Path, flow: str, metre: float) -> None:
    report = take(swmm(tmp_path / "storm.inp", flow), crs="EPSG:4547")
    assert {layer: (c.read, c.added, c.quarantined) for layer, c in report.layers.items()} == {
        "pipe_nodes": (5, 4, 1), "pipes": (3, 3, 0), "catchments": (2, 1, 1),
    }  # fmt: skip
    nodes = {
        row.source_key: row
        for row in ask(
            "select source_key, kind, network, invert_level_m i, depth_m d, ground_height_m g from pipe_node"
        )
    }
    j1 = nodes["J1"]
    assert (j1.kind, j1.network, j1.i, j1.d, j1.g) == (
        "junction", "drainage", pytest.approx(100 * metre), pytest.approx(10 * metre), pytest.approx(110 * metre),
    )  # fmt: skip
    assert (nodes["O1"].kind, nodes["O1"].i, nodes["O1"].d) == ("outfall", pytest.approx(90 * metre), None)
    pipes = {row.source_key: row for row in ask("select *, ST_AsText(ST_Force2D(geom)) wkt from pipe")}
    c1, c2, p1 = pipes["C1"], pipes["C2"], pipes["P1"]
    assert (c1.from_key, c1.to_key, c1.diameter_mm) == ("J1", "J2", pytest.approx(1500 * metre))
    assert c1.start_invert_level_m == pytest.approx(100.5 * metre)
    assert c1.end_invert_level_m == pytest.approx(99 * metre)
    assert c1.attributes["barrels"] == 2
    assert c1.attributes["stated_length_m"] == pytest.approx(300 * metre)
    assert (c2.diameter_mm, c2.attributes["shape"]) == (None, "rect_closed")
    assert c2.end_invert_level_m == pytest.approx(90 * metre)
    # The pump's nodes are drawn at one place; it connects them all the same.
    assert p1.kind == "pump"
    assert p1.from_node_id is not None
    assert p1.to_node_id is not None
    to_degrees = Transformer.from_crs(4547, 4490, always_xy=True)
    bend = shapely.get_coordinates(shapely.from_wkt(c1.wkt))[1]
    assert bend == pytest.approx(to_degrees.transform(522050, 2511020), abs=1e-12)
    [area] = ask("select attributes a from catchment")
    assert area.a["stated_area_m2"] == pytest.approx(5 * (4046.8564224 if metre < 1 else 10_000))
    waiting = sorted(ask("select place, reason from quarantine"))
    assert waiting == [("line 10", "unreadable_row"), ("line 25", "missing_geometry")]


def test_offsets_may_be_heights(take: Any, ask: Any, tmp_path: Path) -> None:
    take(swmm(tmp_path / "storm.inp", "CMS", "ELEVATION", "101.25", "*"), crs="EPSG:4547")
    [found] = ask("select start_invert_level_m s, end_invert_level_m e from pipe where source_key = 'C1'")
    assert tuple(found) == (101.25, 98.0)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "crs", "nodes", "links"),
    [("ky4", "EPSG:3547", 964, 1158), ("L-TOWN", "EPSG:3857", 785, 909), ("Net3", "EPSG:3857", 97, 119)],
)
def test_epanet_topology_is_wntrs(
    take: Any, ask: Any, shared_data: Path, name: str, crs: str, nodes: int, links: int
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import wntr

        model = wntr.network.WaterNetworkModel(str(shared_data / "pipes" / f"{name}.inp"))
    report = take(shared_data / "pipes" / f"{name}.inp", crs=crs)
    assert report.quarantined == 0
    found = {row.source_key: row for row in ask("select source_key, kind, ground_height_m h from pipe_node")}
    assert len(found) == nodes
    assert {key: row.kind for key, row in found.items()} == {key: n.node_type.lower() for key, n in model.nodes()}
    for key, node in model.junctions():
        assert found[key].h == pytest.approx(node.elevation)
    pipes = ask(
        "select p.source_key, a.source_key start, b.source_key stop, p.diameter_mm, p.kind, p.attributes from pipe p"
        " join pipe_node a on a.id = p.from_node_id join pipe_node b on b.id = p.to_node_id"
    )
    assert len(pipes) == links
    assert {(row.source_key, row.start, row.stop) for row in pipes} == {
        (key, link.start_node_name, link.end_node_name) for key, link in model.links()
    }
    for row in pipes:
        link = model.get_link(row.source_key)
        if link.link_type == "Pipe":
            assert row.diameter_mm == pytest.approx(link.diameter * 1000)
            assert row.attributes["stated_length_m"] == pytest.approx(link.length)
        assert row.kind == link.link_type.lower()


@pytest.mark.shared
def test_ky4_lies_where_its_geojson_does(take: Any, ask: Any, shared_data: Path) -> None:
    """An independent conversion of the same network; its feet are US survey feet."""
    take(shared_data / "pipes" / "ky4.inp", crs="EPSG:3547")
    take(shared_data / "pipes" / "ky4_pipes.geojson")
    [row] = ask(
        "select count(*), max(ST_HausdorffDistance(ST_Force2D(a.geom), ST_Force2D(b.geom))) apart,"
        " max(abs(a.diameter_mm - b.diameter_mm)) wider from pipe a"
        " join pipe b on a.source_key = b.source_key and a.dataset_id < b.dataset_id"
    )
    assert row[0] == 1156
    assert row.apart < 1e-7
    # The GeoJSON is in metres and does not say so.
    assert row.wider < 1e-6
