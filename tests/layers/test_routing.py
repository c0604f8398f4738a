"""Routes: on small roads by hand, and on real ones against networkx and pgRouting."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import Connection, Engine, insert, text, update

from cim.access import Caller
from cim.errors import InvalidGeometry, InvalidInput, NotFound
from cim.provenance import touch_layers
from cim.tables import layer, road, zone
from layers.routing.asked import Closed, RouteAsked, parse_route
from layers.routing.graph import road_graph
from layers.routing.path import turn
from layers.routing.route import find_route
from layers.routing.search import search
from layers.routing.snapping import OnEdge
from layers.routing.travel import travel
from tests.layers.laid_networks import place
from tests.layers.laid_roads import GEOD, EveryVertex, Way, lay_roads, ways_of

ADMIN = Caller("admin")
ONE_WAY = {"oneway": True}
#: 36 km/h, ten metres a second: a block of 400 x 300 m, a street of it one-way, a bridge, a path, and an island.
TOWN: list[tuple[str, list[tuple[float, float]], dict[str, Any]]] = [
    ("south", [(0, 0), (400, 0)], {}),
    ("east", [(400, 0), (400, 300)], ONE_WAY),
    ("north", [(400, 300), (0, 300)], {}),
    ("west", [(0, 0), (0, 300)], {}),
    ("bridge", [(400, 0), (900, 0)], {"layer_number": 1}),
    ("ford", [(400, 300), (900, 300), (900, 0)], {}),
    ("path", [(0, 0), (400, 300)], {"class": "footway"}),
    ("fast", [(0, 300), (0, 900)], {"class": "motorway"}),
    ("island", [(3000, 0), (3400, 0)], {}),
]


@pytest.fixture
def town(connection: Connection) -> Connection:
    lay_roads(connection, TOWN)
    return connection


def go(connection: Connection, start: tuple[float, float], end: tuple[float, float], **more: Any) -> dict[str, Any]:
    caller = more.pop("caller", ADMIN)
    floods = more.pop("floods", None)
    more["via"] = tuple(place(*one) for one in more.pop("via", ()))
    return find_route(connection, RouteAsked(place(*start), place(*end), **more), caller, floods)


def names(answer: dict[str, Any]) -> list[str]:
    return [step["name"] for step in answer["steps"]]


def area(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    corners = ((west, south), (east, south), (east, north), (west, north))
    return shapely.Polygon([place(*corner) for corner in corners])


def add_zone(connection: Connection, shape: shapely.Geometry, **columns: Any) -> int:
    values = {"layer_id": "zones", "source_key": str(columns), "name": "z", "kind": "drawn", "author": "a",
              "geom": f"SRID=4490;{shapely.to_wkt(shapely.MultiPolygon([shape]), rounding_precision=-1)}"}  # fmt: skip
    number = int(connection.execute(insert(zone).values(values | columns).returning(zone.c.id)).scalar_one())
    touch_layers(connection, ["zones"], None, None)
    return number


def test_a_part_of_one_road_is_reckoned_exactly(town: Connection) -> None:
    answer = go(town, (100, 12), (250, -7))
    assert answer["state"] == "found"
    assert (answer["distance_m"], answer["seconds"]) == (pytest.approx(150, abs=0.1), pytest.approx(15, abs=0.1))
    assert (answer["origin"]["beside_m"], answer["aim"]["beside_m"]) == (12.0, 7.0)
    assert answer["origin"]["position"] == pytest.approx(place(100, 0), abs=2e-8)
    line = answer["geometry"]["coordinates"]
    assert line[0] == pytest.approx(place(100, 0), abs=2e-8)
    assert line[-1] == pytest.approx(place(250, 0), abs=2e-8)
    assert answer["receipt"]["layers"]["roads"]["state"] == "data"
    back = go(town, (250, -7), (100, 12))
    assert back["geometry"]["coordinates"] == line[::-1]
    nowhere = go(town, (100, 12), (100, 12))
    assert (nowhere["state"], nowhere["distance_m"], len(nowhere["geometry"]["coordinates"])) == ("found", 0.0, 2)


def test_one_way_streets_are_gone_round_by_car_and_not_on_foot(town: Connection) -> None:
    up = go(town, (400, 100), (400, 200))
    assert up["seconds"] == pytest.approx(10, abs=0.1)
    down = go(town, (400, 200), (400, 100))
    # 100 up, 400 west, 300 down, 400 east, 100 up
    assert names(down) == ["east", "north", "west", "south", "east"]
    assert down["distance_m"] == pytest.approx(1300, abs=0.5)
    assert [step["turn"] for step in down["steps"]] == ["depart", "left", "left", "left", "left"]
    assert sum(step["distance_m"] for step in down["steps"]) == pytest.approx(down["distance_m"], abs=0.3)
    walked = go(town, (400, 200), (400, 100), profile="foot")
    assert walked["seconds"] == pytest.approx(100 * 3.6 / 4.8, abs=0.1)
    across = go(town, (0, 0), (400, 300), profile="foot")
    assert names(across) == ["path"]
    # 500 m, and nobody walks on the motorway
    assert across["distance_m"] == pytest.approx(500, abs=0.3)
    far = go(town, (100, 300), (0, 800), profile="foot")
    assert far["aim"]["road"] != "fast"
    assert go(town, (100, 300), (0, 800))["aim"]["road"] == "fast"


def test_via_places_are_passed_in_their_order(town: Connection) -> None:
    plain, round_about = go(town, (100, 0), (300, 0)), go(town, (100, 0), (300, 0), via=[(0, 150)])
    assert plain["distance_m"] == pytest.approx(200, abs=0.1)
    assert round_about["distance_m"] == pytest.approx(100 + 150 + 150 + 300, abs=0.3)
    assert round_about["via"][0]["road"] == "west"
    assert names(round_about) == ["south", "west", "south"]


def test_floods_leave_bridges_open_and_zones_close_them(town: Connection) -> None:
    over = [(500, 0), (850, 0)]
    assert names(go(town, *over)) == ["bridge"]
    river = area(600, -50, 700, 350)
    flooded = go(town, (380, 300), (900, 20), closed=Closed(flood={}), floods=lambda *_: river)
    # the ford is cut, the bridge is not
    assert flooded["closed_edges"] == 1
    assert names(flooded)[-2:] == ["south", "bridge"]
    number = add_zone(town, river)
    sealed = go(town, (380, 300), (890, 200), closed=Closed(zones=(number,)))
    assert sealed["closed_edges"] == 2
    # the ford and the bridge are each one edge and both are cut: the nearest open road is that west of the river
    assert sealed["aim"]["road"] == "east"
    assert sealed["aim"]["beside_m"] == pytest.approx(490, abs=1)
    assert sealed["receipt"]["layers"]["zones"]["state"] == "data"
    with pytest.raises(InvalidInput, match=r"closed\.flood"):
        go(town, *over, closed=Closed(flood={}))


def test_where_there_is_no_way_the_closure_is_named(town: Connection) -> None:
    wall = shapely.LineString([place(-50, 150), place(450, 150)])
    here, there = (100, 0), (100, 300)
    number = add_zone(town, area(640, -50, 660, 350))
    answer = go(town, here, there, closed=Closed(zones=(number,), geometry=wall))
    assert (answer["state"], answer["geometry"], answer["seconds"]) == ("unreachable", None, None)
    blocked = answer["blocked"]
    assert (blocked["reason"], blocked["closed_by"], blocked["roads"]) == ("closed", [{"kind": "drawn"}], ["west"])
    assert answer["receipt"]["hash"].startswith("sha256:")
    lonely = go(town, here, (3100, 0))
    assert lonely["blocked"]["reason"] == "not_connected"
    assert lonely["blocked"]["closed_by"] == []


def test_what_a_caller_does_not_see_is_not_used(town: Connection) -> None:
    hidden = add_zone(town, area(100, -10, 120, 10), area_code="440306001")
    with pytest.raises(NotFound, match=f"zone {hidden}"):
        go(town, (50, 0), (300, 0), closed=Closed(zones=(hidden,)), caller=Caller("planner", "440307"))
    town.execute(update(road).where(road.c.source_key == "south").values(area_code="440306001"))
    touch_layers(town, ["roads"], "test", None)
    mine = Caller("viewer", "440307")
    assert "south" not in names(go(town, (0, 50), (380, 300), caller=mine))
    assert go(town, (50, 0), (300, 0), caller=mine)["origin"]["road"] == "west"
    assert names(go(town, (50, 0), (300, 0), caller=Caller("viewer", "440306"))) == ["south"]
    town.execute(update(layer).where(layer.c.id == "roads").values(visibility="commander"))
    touch_layers(town, ["roads"], "test", None)
    with pytest.raises(NotFound, match="no layer of roads"):
        go(town, (50, 0), (300, 0), caller=mine)


def test_off_the_roads_and_without_roads_is_said(connection: Connection) -> None:
    with pytest.raises(NotFound, match="import a layer of roads"):
        go(connection, (0, 0), (1, 1))
    lay_roads(connection, TOWN)
    with pytest.raises(NotFound, match=r"is off the roads: the nearest one that is open is 5\.0 km away"):
        go(connection, (100, -5000), (300, 0))
    with pytest.raises(NotFound, match=r"(far|km) away"):
        find_route(connection, RouteAsked((-65.0, -22.0), place(0, 0)), ADMIN)
    with pytest.raises(NotFound, match="closed for this profile"):
        go(connection, (0, 0), (300, 0), closed=Closed(geometry=shapely.box(-180, -90, 180, 90)))


def test_the_graph_is_read_once_and_anew_after_a_change(engine: Engine) -> None:
    with engine.begin() as connection:
        lay_roads(connection, TOWN)

    def read(_: int) -> Any:
        with engine.connect() as each:
            return road_graph(each)

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(read, range(8))
    assert all(other is first for other in others)
    with engine.begin() as connection:
        connection.execute(update(road).where(road.c.source_key == "south").values(speed_kmh=18.0))
        lay_roads(connection, [("new", [(0, 0), (400, -300)], {})])
    again = read(0)
    assert again is not first
    assert len(again.ids) == len(first.ids) + 1
    with engine.connect() as connection:
        assert go(connection, (100, 0), (200, 0))["seconds"] == pytest.approx(20, abs=0.1)


def test_edges_without_a_node_can_be_driven_to_their_end(town: Connection) -> None:
    town.execute(text("update cim.road_edge set target = null where road_id in"
                      " (select id from cim.road where source_key in ('bridge', 'ford'))"))  # fmt: skip
    touch_layers(town, ["roads"], "test", None)
    assert go(town, (400, 0), (800, 0))["distance_m"] == pytest.approx(400, abs=0.3)
    # their loose ends are not one
    assert go(town, (890, -1), (901, 20))["distance_m"] == pytest.approx(490 + 300 + 500 + 280, abs=1)


def test_roads_of_several_parts_are_one(connection: Connection) -> None:
    a, b, c, d = (" ".join(map(repr, place(*point))) for point in ((0, 0), (100, 0), (100, 50), (300, 50)))
    shape = f"SRID=4490;MULTILINESTRING(({a}, {b}), ({c}, {d}))"
    connection.execute(
        insert(road).values(layer_id="roads", source_key="two", geom=shape, speed_kmh=36.0)
    )  # fmt: skip
    lay_roads(connection, [("end", [(300, 50), (300, 400)], {})])
    answer = go(connection, (0, 0), (300, 150))
    assert answer["distance_m"] == pytest.approx(100 + 200 + 100, abs=0.2)


@pytest.mark.parametrize(
    ("after", "word"),
    [((1, 0), "straight"), ((1, 1), "slight left"), ((0, 1), "left"), ((-1, 0.5), "sharp left"), ((-1, 0), "back"),
     ((0, -1), "right"), ((1, -1), "slight right")],
)  # fmt: skip
def test_turns_have_names(after: tuple[float, float], word: str) -> None:
    assert turn(np.array([1.0, 0.0]), np.array(after, float)) == word


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        ([], InvalidInput, "not an object"),
        ({}, InvalidInput, "'from' is missing"),
        ({"from": [1, 2]}, InvalidInput, "'to' is missing"),
        ({"from": "1;2", "to": [1, 2]}, InvalidInput, "longitude,latitude"),
        ({"from": [22.7, 114.2], "to": [1, 2]}, InvalidGeometry, "swapped"),
        ({"from": [float("nan"), 2], "to": [1, 2]}, InvalidGeometry, "degrees"),
        ({"from": [1, 2], "to": [1, 2], "profile": "boat"}, InvalidInput, "car or foot"),
        ({"from": [1, 2], "to": [1, 2], "speed": 3}, InvalidInput, "unknown field 'speed'"),
        ({"from": [1, 2], "to": [1, 2], "via": [1, 2]}, InvalidInput, "no list"),
        ({"from": [1, 2], "to": [1, 2], "via": [[1, 2]] * 11}, InvalidInput, "at most 10"),
        ({"from": [1, 2], "to": [1, 2], "closed": "a"}, InvalidInput, "ids of zones"),
        ({"from": [1, 2], "to": [1, 2], "closed": {"zones": [True]}}, InvalidInput, "ids of zones"),
        ({"from": [1, 2], "to": [1, 2], "closed": {"zones": list(range(1, 60))}}, InvalidInput, "at most 50"),
        ({"from": [1, 2], "to": [1, 2], "closed": {"zone": 1}}, InvalidInput, "closed is an object"),
        ({"from": [1, 2], "to": [1, 2], "closed": {"flood": 1}}, InvalidInput, r"closed\.flood"),
        (
            {"from": [1, 2], "to": [1, 2], "closed": {"geometry": {"type": "Point", "coordinates": [1, 2]}}},
            InvalidGeometry,
            "across the road",
        ),
    ],
)
def test_bad_questions_say_what_would_be_right(body: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        parse_route(body)


def test_words_of_an_address_are_read_like_a_body() -> None:
    said = parse_route({"from": "1,2", "to": "3,4", "via": "5,6;7,8", "closed": "9,7"})
    asked = {"from": [1, 2], "to": [3, 4], "via": [[5, 6], [7, 8]], "closed": {"zones": [7, 9]}}
    assert said == parse_route(asked)
    assert said.closed.zones == (7, 9)


def test_random_streets_agree_with_a_graph_of_every_vertex_and_with_pgrouting(connection: Connection) -> None:
    """A crooked grid with one-way streets, speeds and a drawn closure; every way as networkx finds it."""
    random = np.random.default_rng(3)
    corners = {(i, j): (300 * i + random.uniform(-60, 60), 300 * j + random.uniform(-60, 60))
               for i in range(7) for j in range(7)}  # fmt: skip
    roads = []
    for (i, j), start in corners.items():
        for other in ((i + 1, j), (i, j + 1)):
            if other in corners and random.uniform() < 0.85:
                end = corners[other]
                bend = np.mean([start, end], axis=0) + random.uniform(-50, 50, 2)
                columns = {"speed_kmh": float(random.integers(2, 9) * 10), "oneway": bool(random.uniform() < 0.3)}
                roads.append((f"{i}{j}-{other[0]}{other[1]}", [start, tuple(bend), end], columns))
    lay_roads(connection, roads)
    ways = ways_of(connection, "car", {}, ())
    wall = shapely.LineString([place(200, 1000), place(1300, 700)])
    for closed, is_closed in ((Closed(), None), (Closed(geometry=wall), wall)):
        compare(connection, ways, closed, is_closed, random, 40)
    graph = road_graph(connection)
    ask = text("select end_vid, agg_cost from pgr_dijkstraCost('select id, source, target, cost, reverse_cost"
               " from cim.road_edge', cast(:start as bigint), cast(:ends as bigint[]), true)")  # fmt: skip
    for start in random.integers(0, len(graph.nodes), 5).tolist():
        theirs = {row.end_vid: row.agg_cost for row in connection.execute(
            ask, {"start": int(graph.nodes[start]), "ends": graph.nodes.tolist()})}  # fmt: skip
        edge = int(np.flatnonzero(graph.source == start)[0]) if (graph.source == start).any() else None
        if edge is None:
            continue
        found = search(graph, travel(graph, "car"), OnEdge(np.array([edge]), np.zeros(1), np.zeros(1)))
        for number, seconds in enumerate(found.seconds.tolist()):
            expected = 0.0 if number == start else theirs.get(int(graph.nodes[number]), np.inf)
            assert seconds == pytest.approx(expected, rel=1e-9)


def compare(
    connection: Connection, ways: list[Way], closed: Closed, wall: Any, random: Any, pairs: int, profile: str = "car"
) -> int:
    """Compare the ways between places chosen at random with those of networkx; returns how many there were."""
    every = EveryVertex(ways, lambda way: wall is not None and shapely.LineString(way.line).intersects(wall))
    vertices = np.concatenate([way.line for way in every.ways])
    found = 0
    for number in range(pairs):
        (a, b), shift = vertices[random.integers(0, len(vertices), 2)], random.uniform(-3e-4, 3e-4, (2, 2))
        start, end = (a + shift[0]).tolist(), (b + shift[1]).tolist()
        answer = find_route(connection, RouteAsked(tuple(start), tuple(end), closed=closed, profile=profile), ADMIN)
        beside = [every.put(f"{name}{number}", *at) for name, at in (("a", start), ("b", end))]
        expected = every.seconds(f"a{number}", f"b{number}")
        told = (answer["origin"]["beside_m"], answer["aim"]["beside_m"])
        assert told == pytest.approx(beside, rel=0.01, abs=0.3)
        if expected is None:
            assert answer["state"] == "unreachable"
            continue
        found += 1
        assert answer["seconds"] == pytest.approx(expected, rel=2e-3, abs=0.15), (start, end)
        line = np.array(answer["geometry"]["coordinates"])
        assert GEOD.line_length(*line.T) == pytest.approx(answer["distance_m"], rel=2e-3, abs=0.2)
        assert sum(step["seconds"] for step in answer["steps"]) == pytest.approx(answer["seconds"], abs=0.06 * 40)
    return found
