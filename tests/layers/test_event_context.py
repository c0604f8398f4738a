"""What the map knows around an event, against shapely and networkx."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import shapely
from pyproj import Geod
from sqlalchemy import Connection, insert, select, update

from cim.access import Caller
from cim.tables import (
    building,
    camera,
    event,
    last_observation,
    layer,
    pipe,
    pipe_node,
    resource,
    river,
    road,
    road_edge,
    road_node,
    sensor,
)
from layers.live.cameras.kept import Ground
from layers.live.events.context import PARTS, event_context
from layers.live.events.intake import take_in
from tests.layers.events_town import add, at, build_town, said, square

ADMIN = Caller("admin")
GEOD = Geod(ellps="GRS80")


@pytest.fixture
def town(connection: Connection) -> dict[str, int]:
    return build_town(connection)


def happen(connection: Connection, x: float, y: float, **more: Any) -> int:
    lon, lat = at(x, y)
    key = f"{x}/{y}/{len(more)}"
    return take_in(connection, [said(key, longitude=lon, latitude=lat, **more)], actor="test")[0].id


def context_of(connection: Connection, number: int, caller: Caller) -> dict[str, Any]:
    return event_context(connection, number, caller, Ground(Path("nowhere"), "EPSG:4547"))


def apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(GEOD.inv(*one, *other)[2])


def test_none_is_told_from_no_data(connection: Connection, town: dict[str, int]) -> None:
    context = context_of(connection, happen(connection, -100, -100), ADMIN)
    states = {name: context[name]["state"] for name in PARTS}
    assert states == {
        "cell": "found", "building": "none", "room": "none", "cameras": "none", "sensors": "none", "pipes": "no_data",
        "pipe_nodes": "no_data", "rivers": "no_data", "hazards": "no_data", "help": "no_data", "events": "none",
    }  # fmt: skip
    assert context["cell"]["items"][0]["manager"] == "manager 0"
    assert {"id", "version", "age_s"} <= set(context["cell"]["layers"][0])
    placeless = take_in(connection, [said("nowhere")], actor="test")[0].id
    assert context_of(connection, placeless, ADMIN)["sensors"]["state"] == "no_place"
    connection.execute(update(layer).where(layer.c.id == "sensors").values(visibility="commander"))
    seen = context_of(connection, happen(connection, -100, -90), Caller("viewer"))
    assert seen["sensors"] == {"state": "not_visible", "layers": [], "radius_m": 200, "count": 0, "items": []}


def test_house_storey_and_room_are_named(connection: Connection, town: dict[str, int]) -> None:
    context = context_of(connection, happen(connection, 130, 110, height_m=19.0, type="烟雾报警"), ADMIN)
    [house] = context["building"]["items"]
    assert (house["id"], house["storeys_above"], house["units"]) == (town["house"], 12, 0)
    [room] = context["room"]["items"]
    assert (room["storey_number"], room["space_id"], room["room"]) == (7, town["room702"], "702")
    assert 0 < context["room"]["confidence"] < 1


def test_sensors_come_nearest_first_with_their_last_reading(connection: Connection, town: dict[str, int]) -> None:
    random = np.random.default_rng(4)
    now = datetime.now(UTC)
    places = {}
    for number, (x, y) in enumerate(random.uniform(-300, 300, (60, 2))):
        number_of = add(connection, sensor, "sensors", f"s{number}", code=f"s{number}", kind="水位",
                        expected_interval_s=300, geom=shapely.Point(at(x, y)))  # fmt: skip
        places[number_of] = at(x, y)
        if number % 3:
            silent = timedelta(minutes=10 if number % 3 == 1 else 30)
            connection.execute(
                insert(last_observation).values(sensor_id=number_of, phenomenon_time=now - silent, value=float(number))
            )
    places[town["gas"]] = at(130, 110)
    part = context_of(connection, happen(connection, 20, 30), ADMIN)["sensors"]
    distances = {number: apart(place, at(20, 30)) for number, place in places.items()}
    expected = [number for number in sorted(distances, key=lambda n: distances[n]) if distances[number] <= 200][:20]
    assert [item["id"] for item in part["items"]] == expected
    assert part["count"] == sum(distance <= 200 for distance in distances.values()) > len(expected)
    for item in part["items"]:
        assert item["distance_m"] == pytest.approx(distances[item["id"]], abs=0.06)
        kind = int(item["code"][1:]) % 3 if item["code"].startswith("s") else 0
        # silent for ten minutes is two intervals of three that are allowed; half an hour is too long
        assert item["is_stale"] == (kind != 1)
        assert (item["value"] is None) == (kind == 0)


def test_pipes_valves_and_rivers_are_those_within_reach(connection: Connection, town: dict[str, int]) -> None:
    random = np.random.default_rng(6)
    lines = {}
    for number, (x, y, dx, dy) in enumerate(random.uniform(-250, 250, (80, 4))):
        line = shapely.LineString([(*at(x, y), 0.0), (*at(x + dx / 4, y + dy / 4), 0.0)])
        lines[add(connection, pipe, "pipes", f"p{number}", network="water", geom=shapely.MultiLineString([line]))] = (
            line
        )
    nodes = {}
    for number, (x, y) in enumerate(random.uniform(-250, 250, (80, 2))):
        kind = ("valve", "hydrant", "manhole")[number % 3]
        point = shapely.Point(*at(x, y), 0.0)
        key = add(connection, pipe_node, "pipe_nodes", f"n{number}", network="water", kind=kind, geom=point)
        nodes[key] = (kind, at(x, y))
    bank = shapely.MultiLineString([shapely.LineString([at(-900, 260), at(900, 260)])])
    add(connection, river, "rivers", "r", name="龙岗河", geom=bank)
    context = context_of(connection, happen(connection, 0, 0), ADMIN)
    here = shapely.Point(at(0, 0))
    to_line = {}
    for number, line in lines.items():
        nearest = line.interpolate(line.project(here))
        # degrees are not square; the foot of the perpendicular moves by centimetres at these distances
        to_line[number] = min(apart((point.x, point.y), at(0, 0)) for point in (
            nearest, *(line.interpolate(share, normalized=True) for share in np.linspace(0, 1, 400))))  # fmt: skip
    expected = {number for number, distance in to_line.items() if distance <= 59.9}
    found = {item["id"] for item in context["pipes"]["items"]}
    assert expected <= found
    assert found <= {number for number, distance in to_line.items() if distance <= 60.2}
    valves = {n for n, (kind, place) in nodes.items() if kind != "manhole" and apart(place, at(0, 0)) <= 150}
    assert {item["id"] for item in context["pipe_nodes"]["items"]} == set(
        sorted(valves, key=lambda n: apart(nodes[n][1], at(0, 0)))[:20]
    )
    [reach] = context["rivers"]["items"]
    assert (reach["name"], reach["distance_m"]) == ("龙岗河", pytest.approx(260, abs=1.0))


def build_roads(connection: Connection) -> tuple[dict[tuple[int, int], int], nx.DiGraph]:
    """Write a grid of streets of 100 m, one column of them broken, some one-way; nodes, and the graph in seconds."""
    graph = nx.DiGraph()
    place = lambda i, j: at(-350 + 100 * i, -350 + 100 * j)  # noqa: E731
    cells = [(i, j) for i in range(8) for j in range(8)]
    ids = {
        (i, j): add(connection, road_node, "road_nodes", f"{i}/{j}", geom=shapely.Point(place(i, j))) for i, j in cells
    }
    random = np.random.default_rng(2)
    pairs = [((i, j), other) for i, j in cells for other in ((i + 1, j), (i, j + 1)) if other in ids]
    for start, end in pairs:
        if start[0] == 3 and end[0] == 4 and start[1] > 0:
            continue
        shape = shapely.MultiLineString([[place(*start), place(*end)]])
        way = add(connection, road, "roads", f"{start}-{end}", geom=shape)
        cost = float(random.uniform(5, 20))
        back = -1.0 if random.uniform() < 0.2 else cost
        connection.execute(
            insert(road_edge).values(road_id=way, part=0, source=ids[start], target=ids[end], start_fraction=0.0,
                                     end_fraction=1.0, length_m=100.0, speed_kmh=30.0, cost=cost, reverse_cost=back)
        )  # fmt: skip
        graph.add_edge(ids[start], ids[end], weight=cost)
        if back > 0:
            graph.add_edge(ids[end], ids[start], weight=back)
    return ids, graph


def test_help_comes_in_the_order_of_the_road(connection: Connection, town: dict[str, int]) -> None:
    """Times by road, against networkx."""
    ids, graph = build_roads(connection)
    stations = {}
    for number, (i, j) in enumerate([(0, 7), (6, 7), (3, 1), (7, 0)]):
        x, y = -350 + 100 * i, -350 + 100 * j
        key = add(connection, resource, "resources", f"f{number}", kind="消防站", geom=shapely.Point(at(x + 5, y)))
        stations[key] = ids[i, j]
    part = context_of(connection, happen(connection, 55, 245), ADMIN)["help"]
    aim = ids[4, 6]
    times = {key: nx.shortest_path_length(graph, node, aim, weight="weight") if nx.has_path(graph, node, aim) else None
             for key, node in stations.items()}  # fmt: skip
    assert part["by_road"]
    for item in part["items"]:
        expected = times[item["id"]]
        assert item["road_s"] == (None if expected is None else pytest.approx(expected, abs=0.51))
    assert [item["id"] for item in part["items"]] == sorted(
        times, key=lambda key: (times[key] is None, times[key] or 0)
    )


def test_other_events_of_the_day_are_near(connection: Connection, town: dict[str, int]) -> None:
    first = happen(connection, 0, 0, type="停水")
    near = happen(connection, 100, 0, type="噪声扰民")
    happen(connection, 0, 700, type="噪声扰民")
    old = happen(connection, 50, 0, type="咨询", title="old", severity=4)
    connection.execute(
        update(event).where(event.c.id == old).values(occurred_at=event.c.occurred_at - timedelta(days=2))
    )
    part = context_of(connection, first, ADMIN)["events"]
    assert [(item["id"], item["type_title"]) for item in part["items"]] == [(near, "施工扰民")]
    assert connection.execute(select(event.c.id)).all()


def test_cameras_that_see_the_place_are_told(connection: Connection, town: dict[str, int]) -> None:
    """One looks at it over open ground, one from behind the house, one turns its back."""
    looks = {"mount_height_m": 6.0, "hfov_deg": 60.0, "range_m": 150.0}
    east = add(connection, camera, "cameras", "east", azimuth_deg=270.0, geom=shapely.Point(at(230, 115)), **looks)
    add(connection, camera, "cameras", "west", azimuth_deg=90.0, geom=shapely.Point(at(60, 115)), **looks)
    add(connection, camera, "cameras", "away", azimuth_deg=90.0, geom=shapely.Point(at(200, 115)), **looks)
    part = context_of(connection, happen(connection, 160, 115), ADMIN)["cameras"]
    assert [one["id"] for one in part["items"]] == [east]
    assert part["items"][0]["distance_m"] == pytest.approx(apart(at(230, 115), at(160, 115)), abs=0.1)


def test_cameras_look_at_the_storey(connection: Connection, town: dict[str, int]) -> None:
    """A wall 15 m high hides the ground floor and not the seventh."""
    looks = {"mount_height_m": 6.0, "hfov_deg": 60.0, "range_m": 150.0, "azimuth_deg": 270.0}
    low = add(connection, camera, "cameras", "east", geom=shapely.Point(at(240, 115)), **looks)
    add(connection, building, "buildings", "wall", height_m=12.0, geom=square(180, 80, 184, 150))
    heights = {}
    for storey_number in (1, 7, -1):
        number = happen(connection, 138, 115 + storey_number / 10, storey_number=storey_number)
        part = context_of(connection, number, ADMIN)["cameras"]
        heights[part["height_m"]] = [one["id"] for one in part["items"]]
    assert heights == {1.5: [], 3.0 * 6 + 1.5: [low], -1.5: []}
    # without a model it is reckoned: ten storeys in 30 m
    plain = context_of(connection, happen(connection, -190, -190, storey_number=4), ADMIN)
    assert plain["cameras"]["height_m"] == 3 * 3.0 + 1.5
