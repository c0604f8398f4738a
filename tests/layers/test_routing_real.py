"""Ways and isochrones on real roads (Monaco, Vaduz) against a graph of every vertex, made without any of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import osmium
import pytest
import shapely
from sqlalchemy import Engine, text

from cim.access import Caller
from cim.db import make_engine
from cim.importing import ImportContext, ImportOptions, import_paths, importers
from cim.settings import Settings
from layers.networks.roads import ON_FOOT, SPEED_KMH
from layers.routing.asked import Closed, IsochroneAsked
from layers.routing.isochrone import BESIDE_M, find_reach, lines_in_plane
from tests.conftest import CloneDatabase
from tests.layers.laid_roads import EveryVertex, ways_of
from tests.layers.test_routing import compare

#: West, south, east, north in degrees.
VADUZ = (9.50, 47.12, 9.56, 47.17)
NEVER = frozenset({"proposed", "construction", "platform", "raceway", "rest_area"})


@contextmanager
def imported(clone_database: CloneDatabase, folder: Path, extract: Path) -> Iterator[Engine]:
    """Import an extract of OpenStreetMap into a database of its own."""
    with clone_database() as url:
        engine = make_engine(url)
        context = ImportContext(ImportOptions(), Settings(home=folder, database_url=url))
        known = [importer for importer in importers() if importer.name == "osm"]
        list(import_paths(engine, [extract], context, known))
        yield engine
        engine.dispose()


@pytest.fixture(scope="module")
def monaco(
    clone_database: CloneDatabase, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The roads of Monaco, from OpenStreetMap: one-way, in tunnels, on bridges, steps and paths."""
    folder = tmp_path_factory.mktemp("monaco")
    with imported(clone_database, folder, shared_data / "osm" / "monaco-2021.osm.pbf") as engine:
        yield engine


@pytest.fixture
def vaduz(clone_database: CloneDatabase, shared_data: Path, tmp_path: Path) -> Iterator[Engine]:
    """The roads around the capital of Liechtenstein, cut out of the country: valley, hillside and hairpins."""
    whole, cut = shared_data / "place_liechtenstein" / "liechtenstein-2022-07.osm.pbf", tmp_path / "vaduz.osm.pbf"
    window = osmium.osm.Box(*VADUZ)
    ways = osmium.FileProcessor(whole, osmium.osm.NODE | osmium.osm.WAY).with_locations()
    ways = ways.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY)).with_filter(osmium.filter.KeyFilter("highway"))
    with osmium.BackReferenceWriter(cut, ref_src=whole) as writer:
        for way in ways:
            if all(node.location.valid() and window.contains(node.location) for node in way.nodes):
                writer.add(way)
    with imported(clone_database, tmp_path, cut) as engine:
        yield engine


@pytest.mark.shared
@pytest.mark.parametrize("profile", ["car", "foot"])
def test_ways_through_monaco_are_those_of_networkx(monaco: Engine, profile: str) -> None:
    never = NEVER | (ON_FOOT if profile == "car" else {"motorway", "motorway_link"})
    with monaco.connect() as connection:
        ways = ways_of(connection, profile, SPEED_KMH, never)
        found = compare(connection, ways, Closed(), None, np.random.default_rng(8), 25, profile)
    assert found > 12


@pytest.mark.shared
def test_ways_around_vaduz_are_those_of_networkx(vaduz: Engine) -> None:
    with vaduz.connect() as connection:
        ways = ways_of(connection, "car", SPEED_KMH, NEVER | ON_FOOT)
        assert len(ways) > 500
        assert compare(connection, ways, Closed(), None, np.random.default_rng(3), 25) > 12


@pytest.mark.shared
@pytest.mark.parametrize("direction", ["from", "to"])
def test_what_is_reached_in_monaco_is_what_networkx_reaches(monaco: Engine, direction: str) -> None:
    """Of places on roads chosen at random, each is reached where its seconds say so, and only then."""
    random = np.random.default_rng(6)
    middle, limit_s = (7.4205, 43.7350), 150.0
    with monaco.connect() as connection:
        ways = ways_of(connection, "car", SPEED_KMH, NEVER | ON_FOOT)
        asked = IsochroneAsked(middle, (limit_s / 60,), direction=direction)
        found = find_reach(connection, asked, Caller("admin"))
        roads = dict(connection.execute(text("select source_key, id from cim.road")).all())
    [band] = found.bands
    graph, lines = found.roads.graph, lines_in_plane(found.roads.graph, band.parts)
    of_road = graph.road_ids[band.parts.edge]
    every = EveryVertex(ways)
    every.put("middle", *middle)
    inside = []
    for number in range(150):
        way = int(random.integers(len(every.ways)))
        segment, share = int(random.integers(len(every.ways[way].line) - 1)), float(random.uniform())
        place = every.put_on(f"p{number}", way, segment, share)
        ends = ("middle", f"p{number}") if direction == "from" else (f"p{number}", "middle")
        seconds = every.seconds(*ends)
        if seconds is not None and abs(seconds - limit_s) < 0.5:
            continue
        point = shapely.Point(graph.metres(place)[0])
        mine = lines[of_road == roads[every.ways[way].key]]
        is_reached = len(mine) > 0 and shapely.distance(point, mine).min() < 0.05
        inside.append(is_reached)
        assert is_reached == (seconds is not None and seconds < limit_s), (place, seconds)
        assert not is_reached or shapely.contains(band.area, shapely.Point(place))
    assert 20 < sum(inside) < len(inside) - 20
    area = graph.plane.there.geometries(np.array([band.area], object))[0]
    # two thirds of a cell of 20 m; blocks are small enough to be filled
    narrow, wide = (shapely.union_all(shapely.buffer(lines, BESIDE_M + d, quad_segs=16)) for d in (-13, 13))
    filled = shapely.union_all(shapely.polygons(shapely.get_exterior_ring(shapely.get_parts(wide))))
    assert shapely.difference(narrow, area).area < 1
    assert shapely.difference(area, filled).area < 1
