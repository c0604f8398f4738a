"""Rivers flow downhill, have Strahler's order and two banks, and works know their river."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import networkx
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from shapely import LineString, Point, Polygon

from layers.water.banks import find_banks
from layers.water.order import strahler

E0, N0 = 522_000.0, 2_511_000.0
Write = Callable[..., Path]


def number(edges: list[tuple[str, str]]) -> tuple[Any, Any]:
    names = {name: k for k, name in enumerate(dict.fromkeys(node for edge in edges for node in edge))}
    return np.array([names[a] for a, _ in edges]), np.array([names[b] for _, b in edges])


def test_orders_rise_where_two_of_the_same_meet() -> None:
    # Two springs meet at C, two at F; both meet at G (order 3); a spring joins at H and changes nothing.
    edges = [("A", "C"), ("B", "C"), ("C", "G"), ("D", "F"), ("E", "F"), ("F", "G"), ("G", "H"), ("I", "H"), ("H", "J")]
    assert strahler(*number(edges)).tolist() == [1, 1, 2, 1, 1, 2, 3, 1, 3]


def test_an_island_does_not_raise_the_order() -> None:
    edges = [("A", "B"), ("B", "C"), ("B", "D"), ("C", "E"), ("D", "E"), ("E", "F"), ("G", "F"), ("F", "H")]
    assert strahler(*number(edges)).tolist() == [1, 1, 1, 1, 1, 1, 1, 2]


def test_a_circle_has_no_order() -> None:
    assert strahler(*number([("A", "B"), ("B", "C"), ("C", "B"), ("C", "D")])).tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("seed", range(10))
def test_orders_of_trees_equal_the_definition(seed: int) -> None:
    tree = networkx.bfs_tree(networkx.random_labeled_tree(80, seed=seed), 0).reverse()
    edges = list(tree.edges)

    def order(node: int) -> int:
        above = sorted((order(a) for a, _ in tree.in_edges(node)), reverse=True)
        if not above:
            return 1
        return above[0] + (len(above) > 1 and above[0] == above[1])

    found = strahler(np.array([a for a, _ in edges]), np.array([b for _, b in edges]))
    assert found.tolist() == [order(a) for a, _ in edges]


def test_banks_of_a_surface_lie_left_and_right() -> None:
    river = LineString([(0, 0), (100, 0)])
    surface = Polygon([(-10, -5), (110, -5), (110, 8), (-10, 8)])
    for is_reversed, sides in ((False, (8, -5)), (True, (-5, 8))):
        banks = find_banks(
            np.array([river], object), np.array([is_reversed]), np.array([np.nan]), np.array([surface], object)
        )
        assert [(bank.side, bank.method) for bank in banks] == [("left", "surface"), ("right", "surface")]
        assert [shapely.get_coordinates(bank.shape)[:, 1].mean() for bank in banks] == list(sides)
        # Only beside the river, give or take a step of ten metres.
        assert all(90 <= bank.shape.length <= 110 for bank in banks)


def test_banks_of_a_width_are_parallel() -> None:
    river = LineString([(0, 0), (100, 0)])
    for is_reversed, left in ((False, 6.0), (True, -6.0)):
        banks = find_banks(np.array([river], object), np.array([is_reversed]), np.array([12.0]), np.empty(0, object))
        assert {bank.side: shapely.get_coordinates(bank.shape)[0, 1] for bank in banks} == {
            "left": left,
            "right": -left,
        }
        assert {bank.method for bank in banks} == {"width"}


def slope(path: Path) -> Path:
    """A plane of five-metre pixels that falls one metre in a hundred to the east, from 60 m."""
    heights = np.repeat((60 - 0.01 * (2.5 + 5 * np.arange(400)))[None, :], 400, axis=0).astype("float32")
    transform = Affine(5, 0, E0, 0, -5, N0 + 2000)
    with rasterio.open(path, "w", driver="GTiff", width=400, height=400, count=1, dtype="float32", crs="EPSG:4547",
                       transform=transform) as raster:  # fmt: skip
        raster.write(heights, 1)
    return path


def at(x: float, y: float) -> tuple[float, float]:
    return E0 + x, N0 + y


@pytest.fixture
def streams(tmp_path: Path) -> Path:
    """A main stream to the east; a tributary drawn uphill, away from it; one along the slope's contour."""
    lines = {
        "M1": LineString([at(200, 1000), at(800, 1000)]),
        "M2": LineString([at(800, 1000), at(1500, 1000)]),
        "T1": LineString([at(800, 1000), at(300, 1400)]),
        "L1": LineString([at(900, 200), at(900, 600)]),
    }
    frame = geopandas.GeoDataFrame(
        {"河道编码": list(lines), "河宽": [20.0] * 4}, geometry=list(lines.values()), crs=4547
    )
    path = tmp_path / "rivers.gpkg"
    frame.to_file(path, layer="河道", engine="pyogrio")
    works = geopandas.GeoDataFrame(
        {"设施编码": ["W1", "W2"], "类型": ["水闸", "泵站"]},
        geometry=[Point(at(1150, 1006)), Point(at(1900, 1900))],
        crs=4547,
    )
    works.to_file(tmp_path / "works.gpkg", layer="水利设施", engine="pyogrio")
    return path


def test_rivers_run_down_the_terrain_whichever_comes_first(take: Any, ask: Any, streams: Path, tmp_path: Path) -> None:
    take(streams)
    query = "select source_key, direction, direction_source, strahler from river order by source_key"
    # As drawn the tributary leaves the main stream: a fork, and one river all the way.
    assert [tuple(row) for row in ask(query)] == [
        ("L1", "forward", "drawn", 1), ("M1", "forward", "drawn", 1),
        ("M2", "forward", "drawn", 1), ("T1", "forward", "drawn", 1),
    ]  # fmt: skip
    take(slope(tmp_path / "dem.tif"))
    assert [tuple(row) for row in ask(query)] == [
        ("L1", "forward", "drawn", 1), ("M1", "forward", "heights", 1),
        ("M2", "forward", "heights", 2), ("T1", "backward", "heights", 1),
    ]  # fmt: skip
    [(upper, lower)] = ask("select upper_height_m, lower_height_m from river where source_key = 'T1'")
    # 0.01 * 300 m and 0.01 * 800 m below 60 m; heights come through EPSG:4490 and back
    assert (upper, lower) == (pytest.approx(57.0, abs=0.02), pytest.approx(52.0, abs=0.02))
    before = ask("select id, recorded_at from river order by id")
    take(tmp_path / "works.gpkg")
    assert ask("select id, recorded_at from river order by id") == before


def test_works_know_their_river_and_place(take: Any, ask: Any, streams: Path, tmp_path: Path) -> None:
    take(tmp_path / "works.gpkg")
    take(streams)
    rows = ask(
        "select w.source_key, r.source_key, w.river_fraction, w.river_distance_m from water_work w"
        " left join river r on r.id = w.river_id order by 1"
    )
    assert [tuple(row) for row in rows] == [
        ("W1", "M2", pytest.approx(0.5, abs=1e-4), pytest.approx(6.0, abs=0.01)),
        ("W2", None, None, None),
    ]


def test_banks_are_written_with_their_side(take: Any, ask: Any, streams: Path) -> None:
    take(streams)
    rows = ask(
        "select b.side, b.method, b.length_m, ST_Y(ST_Centroid(b.geom)) - ST_Y(ST_Centroid(r.geom)) from river_bank b"
        " join river r on r.id = b.river_id where r.source_key = 'M1' order by b.side"
    )
    assert [(row[0], row[1]) for row in rows] == [("left", "width"), ("right", "width")]
    # East-bound: left is north; ten metres are 9.03e-5 degrees of latitude here.
    assert [row[3] for row in rows] == [pytest.approx(9.03e-5, rel=0.01), pytest.approx(-9.03e-5, rel=0.01)]
    assert all(row[2] == pytest.approx(600, rel=1e-3) for row in rows)


@pytest.mark.shared
@pytest.mark.slow
def test_rivers_of_andorra_run_down(take: Any, ask: Any, shared_data: Path) -> None:
    """OpenStreetMap draws rivers downstream: on the terrain of SRTM nearly all of them fall, and they order up."""
    take(shared_data / "osm" / "andorra-2019.osm.pbf")
    assert ask("select max(strahler) from river")[0][0] >= 3
    take(shared_data / "dem" / "N42E001.hgt.zip")
    rows = {
        row[0]: row[1] for row in ask("select direction_source || ' ' || direction, count(*) from river group by 1")
    }
    assert rows["heights forward"] > 300
    # Against their drawing: less than two in a hundred.
    assert rows.get("heights backward", 0) < 0.02 * rows["heights forward"]
    valira = ask("select max(strahler) from river where name ilike '%valira%'")[0][0]
    assert valira == max(row[0] for row in ask("select strahler from river where strahler is not null"))


@pytest.mark.slow
def test_rivers_of_the_district(take: Any, ask: Any, tmp_path: Path) -> None:
    from district.make import make_town
    from district.rivers import make_river_areas, make_rivers
    from district.scales import SCALES

    plan = make_town(SCALES["pilot"], 7).plan
    rivers, areas = make_rivers(plan), make_river_areas(plan)
    for frame, name in ((rivers, "rivers"), (areas, "river_areas")):
        pyogrio.write_dataframe(frame.to_crs(4490), tmp_path / f"{name}.geojson", driver="GeoJSON")
        take(tmp_path / f"{name}.geojson")
    rows = {row[0]: row[1] for row in ask("select source_key, strahler from river")}
    # Two tributaries of order 1: the main river is of order 2 below the first, and stays so.
    below_first = sorted(key for key in rows if key.startswith("R"))
    assert [rows[key] for key in below_first] == [1] + [2] * (len(below_first) - 1)
    assert {rows[key] for key in rows if key.startswith("T")} == {1}
    sides = ask("select river_id, count(*), min(method) from river_bank group by river_id")
    assert len(sides) == len(rows)
    assert {(row[1], row[2]) for row in sides} == {(2, "surface")}
    # Every bank lies half a width from its centreline.
    for width, distance in ask(
        "select r.width_m, ST_Distance(b.geom::geography,"
        " ST_LineInterpolatePoint(ST_LineMerge(r.geom), 0.5)::geography)"
        " from river_bank b join river r on r.id = b.river_id"
    ):
        assert distance == pytest.approx(width / 2, rel=0.1)
