"""Streets and pipes: connected, coded and, where it matters, downhill."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

Keys = dict[tuple[str, str], list[str]]
NETWORKS = ("water_supply", "drainage", "gas")


def _reached(start: pd.Series, end: pd.Series, sources: list[str]) -> set[str]:
    """All nodes that can be walked to, either way along the edges."""
    neighbours: dict[str, list[str]] = defaultdict(list)
    for a, b in zip(start, end, strict=True):
        neighbours[a].append(b)
        neighbours[b].append(a)
    seen, todo = set(sources), list(sources)
    while todo:
        for other in neighbours[todo.pop()]:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


def _network(directory: Path, name: str) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    file = directory / f"gis/{name}.gpkg"
    return gpd.read_file(file, layer="管线"), gpd.read_file(file, layer="管点")


def test_streets_are_one_graph(sample_district: Path) -> None:
    roads = gpd.read_file(sample_district / "gis/roads.gpkg", layer="道路中心线")
    nodes = gpd.read_file(sample_district / "gis/roads.gpkg", layer="道路节点")
    assert roads["道路编码"].is_unique
    assert nodes["节点编码"].is_unique
    assert _reached(roads["起点编码"], roads["终点编码"], [nodes["节点编码"].iloc[0]]) == set(nodes["节点编码"])


def test_streets_end_at_their_nodes_and_meet_nowhere_else(sample_district: Path) -> None:
    roads = gpd.read_file(sample_district / "gis/roads.gpkg", layer="道路中心线")
    nodes = gpd.read_file(sample_district / "gis/roads.gpkg", layer="道路节点").set_index("节点编码").geometry
    lines = roads.geometry.to_numpy()
    for position, column in ((0, "起点编码"), (-1, "终点编码")):
        ends = shapely.get_point(lines, position)
        assert shapely.distance(ends, nodes.loc[roads[column]].to_numpy()).max() < 0.001
    a, b = shapely.STRtree(lines).query(lines, predicate="crosses")
    assert len(a) == len(b) == 0


@pytest.mark.parametrize("name", NETWORKS)
def test_pipe_ends_name_nodes_but_for_the_planted(sample_district: Path, name: str, fault_keys: Keys) -> None:
    pipes, nodes = _network(sample_district, name)
    known = set(nodes["管点编码"])
    dangling = pipes.loc[~(pipes["起点编码"].isin(known) & pipes["终点编码"].isin(known)), "管线编码"]
    assert sorted(dangling) == sorted(fault_keys.get(("dangling_pipe", f"gis/{name}.gpkg"), []))
    assert known <= set(pipes["起点编码"]) | set(pipes["终点编码"])
    assert pipes["管线编码"].is_unique
    assert nodes["管点编码"].is_unique


@pytest.mark.parametrize("name", NETWORKS)
def test_levels_depths_and_geometry_say_the_same(sample_district: Path, name: str) -> None:
    pipes, nodes = _network(sample_district, name)
    assert nodes.has_z.all()
    assert pipes.has_z.all()
    z = shapely.get_z(nodes.geometry.to_numpy())
    assert np.abs(nodes["地面高程"] - nodes["埋深"] - z).max() < 0.002
    by_code = nodes.set_index("管点编码").geometry
    for position, code, level in ((0, "起点编码", "起点高程"), (-1, "终点编码", "终点高程")):
        there = pipes[code].isin(by_code.index)
        ends = shapely.get_point(pipes.geometry[there].to_numpy(), position)
        assert shapely.distance(ends, by_code.loc[pipes.loc[there, code]].to_numpy()).max() < 0.001
        assert np.abs(shapely.get_z(ends) - pipes.loc[there, level]).max() < 0.002
    assert nodes["埋深"].between(0.15, 9.5).all()


@pytest.mark.parametrize(("name", "source"), [("water_supply", "水厂"), ("gas", "门站"), ("drainage", "排放口")])
def test_every_pipe_is_served(sample_district: Path, name: str, source: str) -> None:
    pipes, nodes = _network(sample_district, name)
    sources = nodes.loc[nodes["类型"] == source, "管点编码"].tolist()
    assert sources
    assert set(nodes["管点编码"]) <= _reached(pipes["起点编码"], pipes["终点编码"], sources)


def test_sewers_fall_to_the_river(sample_district: Path) -> None:
    pipes, nodes = _network(sample_district, "drainage")
    fall = (pipes["起点高程"] - pipes["终点高程"]) / pipes.length
    assert fall.min() > 0.001
    # Each manhole has one way out; following it ends at an outfall.
    assert pipes["起点编码"].is_unique
    outfalls = nodes[nodes["类型"] == "排放口"]
    assert set(pipes["终点编码"]) - set(pipes["起点编码"]) <= set(outfalls["管点编码"])
    water = gpd.read_file(sample_district / "gis/river_areas.geojson").to_crs(4547).union_all()
    assert outfalls.distance(water).max() < 4.0


def test_wider_sewers_downstream(sample_district: Path) -> None:
    pipes, _ = _network(sample_district, "drainage")
    onward = pipes.merge(pipes, left_on="终点编码", right_on="起点编码", suffixes=("", "_next"))
    assert (onward["管径_next"] >= onward["管径"]).all()


def test_hydrants_and_valves_are_there(sample_district: Path) -> None:
    kinds = _network(sample_district, "water_supply")[1]["类型"].value_counts()
    assert kinds["消火栓"] > 40
    assert kinds["阀门"] > 40
    assert kinds["水厂"] == 1
