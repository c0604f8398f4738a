"""The nearest: straight against geodesics, by road against networkx, there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import Connection, insert, update

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.provenance import touch_layers
from cim.tables import building, layer, resource
from layers.routing.asked import Closed, NearestAsked, parse_nearest
from layers.routing.nearest import find_nearest
from tests.layers.laid_networks import build, place
from tests.layers.laid_roads import FOOT, GEOD, EveryVertex, lay_roads, ways_of
from tests.layers.test_routing import TOWN

ADMIN = Caller("admin")


def put(connection: Connection, key: str, x: float, y: float, kind: str = "消防站", **columns: Any) -> int:
    lon, lat = place(x, y)
    values = {
        "layer_id": "resources",
        "source_key": key,
        "name": key,
        "kind": kind,
        "geom": f"SRID=4490;POINT({lon} {lat})",
    }
    number = connection.execute(insert(resource).values(values | columns).returning(resource.c.id)).scalar_one()
    touch_layers(connection, ["resources"], "test", None)
    return int(number)


def near(connection: Connection, x: float, y: float, caller: Caller = ADMIN, **more: Any) -> dict[str, Any]:
    return find_nearest(connection, NearestAsked(place(x, y), **more), caller)


def names(answer: dict[str, Any]) -> list[str]:
    return [item["name"] for item in answer["items"]]


def test_who_comes_and_who_leaves_take_different_ways(connection: Connection) -> None:
    lay_roads(connection, TOWN)
    put(connection, "below", 405, 50)
    put(connection, "above", 405, 250)
    put(connection, "hospital", 405, 150, "医院")
    here = (395, 150)
    to = near(connection, *here, kinds=("消防站",))
    # the street is one-way to the north: who stands above has to drive round the block
    assert names(to) == ["below", "above"]
    assert [item["seconds"] for item in to["items"]] == pytest.approx([10, 130], abs=0.2)
    assert [item["road_m"] for item in to["items"]] == pytest.approx([100, 1300], abs=0.5)
    assert (to["direction"], to["state"], to["items"][0]["beside_m"]) == ("to", "found", pytest.approx(5, abs=0.1))
    leaving = near(connection, *here, kinds=("消防站",), direction="from")
    assert [item["seconds"] for item in leaving["items"]] == pytest.approx([10, 130], abs=0.2)
    assert names(leaving) == ["above", "below"]
    walking = near(connection, *here, profile="foot", n=3)
    assert names(walking)[0] == "hospital"
    assert walking["items"][1]["seconds"] == pytest.approx(100 * FOOT, abs=0.1)
    straight = near(connection, *here, by="straight", n=1)
    assert names(straight) == ["hospital"]
    assert straight["items"][0]["seconds"] is None
    assert straight["receipt"]["layers"]["resources"]["state"] == "data"


def test_nothing_is_told_from_nothing_that_is_reached(connection: Connection) -> None:
    lay_roads(connection, TOWN)
    assert near(connection, 100, 0)["state"] == "no_data"
    put(connection, "far", 3100, 0)
    assert near(connection, 100, 0, within_m=1000.0)["state"] == "none"
    cut_off = near(connection, 100, 0)
    assert (cut_off["state"], cut_off["items"], cut_off["compared"]) == ("unreachable", [], 1)
    put(connection, "north", 200, 310)
    wall = shapely.LineString([place(-50, 150), place(950, 150)])
    assert names(near(connection, 100, 0)) == ["north"]
    assert near(connection, 100, 0, closed=Closed(geometry=wall))["state"] == "unreachable"
    with pytest.raises(NotFound, match="layer 'ghosts'"):
        near(connection, 100, 0, layer="ghosts")
    with pytest.raises(InvalidInput, match="no place of their own"):
        near(connection, 100, 0, layer="units")


def test_the_caller_sees_what_it_may(connection: Connection) -> None:
    lay_roads(connection, TOWN)
    put(connection, "theirs", 50, 5, area_code="440306001")
    put(connection, "mine", 300, 5, area_code="440307001")
    assert names(near(connection, 60, 0, Caller("viewer", "440307"))) == ["mine"]
    assert names(near(connection, 60, 0, Caller("viewer", "440307"), by="straight")) == ["mine"]
    connection.execute(update(layer).where(layer.c.id == "resources").values(visibility="commander"))
    touch_layers(connection, ["resources"], "test", None)
    with pytest.raises(NotFound, match="layer 'resources'"):
        near(connection, 60, 0, Caller("viewer"))


def test_areas_count_by_their_nearest_point(connection: Connection) -> None:
    lay_roads(connection, TOWN)
    number = build(connection, "H", 200, 25, use="学校", residents=3)
    connection.execute(update(building).where(building.c.id == number).values(name="school"))
    [house] = near(connection, 200, 0, layer="buildings", kinds=("学校",), by="straight")["items"]
    assert house["distance_m"] == pytest.approx(20, abs=0.1)
    assert house["kind"] == "学校"
    assert not {"residents", "households"} & set(house)
    assert names(near(connection, 0, 0, layer="buildings")) == ["school"]


def test_many_places_are_ordered_as_networkx_and_geodesics_order_them(connection: Connection) -> None:
    """More than are compared at first, most of them beside a slow road."""
    random = np.random.default_rng(11)
    roads = [(f"r{k}", [(0, 250.0 * k), (2000, 250.0 * k)], {"speed_kmh": 10.0 if k < 3 else 60.0}) for k in range(8)]
    roads += [
        (f"c{k}", [(250.0 * k, 0), (250.0 * k, 1750)], {"speed_kmh": 60.0, "oneway": k % 2 == 0}) for k in range(9)
    ]
    lay_roads(connection, [(key, cut_up(points), columns) for key, points, columns in roads])
    xy = np.concatenate(
        [random.uniform((600, 200), (1200, 520), (260, 2)), random.uniform((0, 0), (2000, 1750), (60, 2))]
    )
    spots = {put(connection, str(n), x, y): place(x, y) for n, (x, y) in enumerate(xy.tolist())}
    every = EveryVertex(ways_of(connection, "car", {}, ()))
    here = (905.0, 253.0)
    every.put("here", *place(*here))
    beside = {number: every.put(f"s{number}", *spot) for number, spot in spots.items()}
    seconds = {number: every.seconds(f"s{number}", "here") for number in spots}
    arrival = {n: seconds[n] + beside[n] * FOOT for n in spots if seconds[n] is not None}
    expected = sorted(arrival, key=lambda n: arrival[n])[:12]
    answer = near(connection, *here, n=12)
    assert [item["id"] for item in answer["items"]] == expected
    for item in answer["items"]:
        assert item["seconds"] == pytest.approx(seconds[item["id"]], rel=2e-3, abs=0.1)
        assert item["beside_m"] == pytest.approx(beside[item["id"]], abs=0.3)
    apart = {number: GEOD.inv(*place(*here), *spot)[2] for number, spot in spots.items()}
    straight = near(connection, *here, n=40, by="straight")["items"]
    assert [item["id"] for item in straight] == sorted(apart, key=lambda n: apart[n])[:40]
    assert [item["distance_m"] for item in straight] == pytest.approx(sorted(apart.values())[:40], abs=0.06)


def cut_up(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return a line with a vertex at every crossing, for the roads meet at vertices that they share."""
    (x, y), (u, v) = points
    count = int(max(u - x, v - y) // 250)
    return [(x + (u - x) * k / count, y + (v - y) * k / count) for k in range(count + 1)]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"n": 0}, "whole number from 1 to 100"),
        ({"n": 2.5}, "whole number"),
        ({"n": "many"}, "whole number"),
        ({"by": "air"}, "road or straight"),
        ({"direction": "up"}, "to or from"),
        ({"within_m": 1e9}, "from 1 to 50000"),
        ({"kind": 3}, "no list"),
        ({"kind": [""]}, "kind is a list"),
        ({"kind": ["x"] * 21}, "kind is a list"),
        ({"layer": 7}, "id of a layer"),
    ],
)
def test_bad_questions_say_what_would_be_right(more: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        parse_nearest({"from": [114, 22]} | more)
