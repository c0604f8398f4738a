"""Isochrones: exact along roads, with closures left out, nested, and as zones."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import Forbidden, InvalidInput
from layers.routing.asked import Closed, IsochroneAsked, parse_isochrone
from layers.routing.isochrone import BESIDE_M, find_isochrone, find_reach
from layers.routing.reach import Parts
from layers.routing.surroundings import Surroundings
from layers.zones.log import read_log
from layers.zones.wish import parse_wish
from layers.zones.zones import change_zone, create_zone
from tests.layers.laid_networks import place
from tests.layers.laid_roads import lay_roads
from tests.layers.test_routing import TOWN, add_zone, area

ADMIN = Caller("admin")


def reach(connection: Connection, x: float, y: float, seconds: float, **more: Any) -> Parts:
    return find_reach(connection, IsochroneAsked(place(x, y), (seconds / 60,), **more), ADMIN).bands[0].parts


def metres(connection: Connection, x: float, y: float, seconds: float, **more: Any) -> float:
    asked = IsochroneAsked(place(x, y), (seconds / 60,), **more)
    return find_reach(connection, asked, ADMIN).bands[0].length_m


def test_the_time_is_up_somewhere_on_an_edge(connection: Connection) -> None:
    """Ten metres a second: reckoned by hand."""
    lay_roads(connection, TOWN)
    # 50 m each way along the south street
    assert metres(connection, 200, 0, 5) == pytest.approx(100, abs=0.1)
    # up the one-way street, and not down
    assert metres(connection, 400, 100, 5) == pytest.approx(50, abs=0.1)
    assert metres(connection, 400, 100, 5, direction="to") == pytest.approx(50, abs=0.1)
    up, to = reach(connection, 400, 100, 5), reach(connection, 400, 100, 5, direction="to")
    assert (up.start[0], up.end[0]) == pytest.approx((100 / 300, 150 / 300), abs=1e-3)
    assert (to.start[0], to.end[0]) == pytest.approx((50 / 300, 100 / 300), abs=1e-3)
    # beyond the crossing: 200 m are left for each of east, bridge, and back along the street
    assert metres(connection, 400, 0.001, 20) == pytest.approx(3 * 200, abs=0.2)
    # both ends of a street, and not its middle: round the block 50 m are left on the north street from either side
    parts = reach(connection, 0, 150, 20)
    assert len(parts.edge) == len(set(zip(parts.edge.tolist(), parts.start.tolist(), strict=True)))


def test_a_street_is_reached_from_both_ends_and_not_in_the_middle(connection: Connection) -> None:
    lay_roads(connection, [("a", [(0, 0), (500, 0)], {}), ("b", [(0, 0), (0, 100), (500, 100), (500, 0)], {})])
    parts = reach(connection, 250, 0, 40)
    # 250 m to either end of a, 150 m more into b of 700 m
    assert len(parts.edge) == 3
    assert metres(connection, 250, 0, 40) == pytest.approx(500 + 300, abs=0.3)
    assert metres(connection, 250, 0, 60) == pytest.approx(1200, abs=0.3)


def test_bands_hold_one_another_and_say_their_size(connection: Connection) -> None:
    lay_roads(connection, TOWN)
    answer = find_isochrone(connection, IsochroneAsked(place(200, 0), (0.2, 0.5, 1.0)), ADMIN)
    assert [one["properties"]["minutes"] for one in answer["features"]] == [1.0, 0.5, 0.2]
    shapes = [shapely.geometry.shape(one["geometry"]) for one in answer["features"]]
    assert all(shape.is_valid for shape in shapes)
    for outer, inner in pairwise(shapes):
        assert shapely.difference(inner, outer).area < 1e-3 * inner.area
    # a street of 240 m with 60 m around it
    small = answer["features"][-1]["properties"]
    assert small["area_m2"] == pytest.approx(240 * 2 * BESIDE_M + np.pi * BESIDE_M**2, rel=0.02)
    assert small["roads_m"] == pytest.approx(240, abs=0.3)
    assert answer["receipt"]["parameters"]["minutes"] == [0.2, 0.5, 1.0]
    assert answer["origin"]["road"] == "south"


def test_closed_areas_are_left_out_but_for_bridges_over_floods(connection: Connection) -> None:
    lay_roads(connection, TOWN)
    river = area(600, -400, 700, 700)
    asked = IsochroneAsked(place(450, 0), (3.0,), closed=Closed(geometry=river))
    drawn = find_reach(connection, asked, ADMIN).bands[0].area
    assert drawn.intersection(river).area < 1e-12
    # the ford and the bridge are each one edge: nothing is beyond
    assert not drawn.intersects(area(750, -50, 1000, 400))
    wet = find_reach(connection, asked._replace(closed=Closed(flood={})), ADMIN, lambda *_: river).bands[0].area
    assert wet.contains(shapely.Point(place(650, 0)))
    assert not wet.contains(shapely.Point(place(650, 30)))
    assert wet.contains(shapely.Point(place(900, 40)))
    assert not wet.contains(shapely.Point(place(650, 300)))


def test_distances_on_a_grid_are_those_of_buffers() -> None:
    random = np.random.default_rng(1)
    for size in (800, 3000):
        ends = random.uniform(0, size, (25, 2))
        lines = np.array([shapely.LineString([a, b]) for a, b in pairwise(ends)], object)
        around = Surroundings(np.array(shapely.total_bounds(lines)), 60.0)
        for half in (lines[:12], lines[12:]):
            around.add(shapely.get_coordinates(shapely.boundary(half)))
            around.add(shapely.get_coordinates(shapely.segmentize(half, 12.0)))
        found, off = around.area(0.0), around.cell_m * 2 / 3
        assert found.is_valid
        narrow, exact, wide = (shapely.union_all(shapely.buffer(lines, 60 + d, quad_segs=32)) for d in (-off, 0, off))
        assert shapely.difference(narrow, found).area < 1
        assert shapely.difference(found, wide).area < 1
        assert found.area == pytest.approx(exact.area, rel=0.02)


def test_a_zone_is_what_is_reached(connection: Connection) -> None:
    lay_roads(connection, TOWN)
    lon, lat = place(200, 0)
    wish = {"name": "一分钟", "by": "张三", "isochrone": {"from": [lon, lat], "minutes": 0.5}}
    made = create_zone(connection, parse_wish(wish), Caller("planner"))
    found = find_reach(connection, IsochroneAsked((lon, lat), (0.5,)), ADMIN).bands[0].area
    shape = shapely.geometry.shape(made["geometry"])
    assert shape.symmetric_difference(found).area < 1e-6 * found.area
    [entry] = read_log(connection, made["id"])
    assert entry["entry"]["asked"]["isochrone"]["minutes"] == [0.5]
    assert "roads" in entry["entry"]["layers"]
    wall = {"type": "LineString", "coordinates": [list(place(100, -50)), list(place(100, 50))]}
    more = wish["isochrone"] | {"closed": {"geometry": wall}, "profile": "foot"}  # type: ignore[operator]
    # the street is one edge and it is closed: whoever stands on it begins on the nearest that is open
    changed = change_zone(connection, made["id"], parse_wish(wish | {"isochrone": more, "version": 1}, is_new=False),
                          Caller("planner"))  # fmt: skip
    assert changed["properties"]["area_m2"] < made["properties"]["area_m2"]
    with pytest.raises(Forbidden, match="beyond the area"):
        create_zone(connection, parse_wish(wish), Caller("planner", "440307"))


def test_a_closed_zone_is_named_in_the_log(connection: Connection) -> None:
    lay_roads(connection, TOWN)
    number = add_zone(connection, area(600, -50, 700, 350))
    closed = {"from": list(place(200, 0)), "minutes": 2, "closed": {"zones": [number]}}
    made = create_zone(connection, parse_wish({"name": "a", "by": "b", "isochrone": closed}), Caller("planner"))
    [entry] = read_log(connection, made["id"])
    assert entry["entry"]["objects"] == [number]
    assert set(entry["entry"]["layers"]) == {"roads", "zones"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"minutes": [1, 2, 3, 4, 5, 6, 7]}, "at most 6"),
        ({"minutes": 0}, "from 0.1 to 120"),
        ({"minutes": "5,ten"}, "number from 0.1"),
        ({"minutes": {"a": 1}}, "no list"),
        ({"direction": "away"}, "from or to"),
    ],
)
def test_bad_questions_say_what_would_be_right(body: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        parse_isochrone({"from": [114, 22]} | body)


@pytest.mark.parametrize("value", [7, {}, {"from": [1, 2]}, {"from": [1, 2], "minutes": [5]}])
def test_a_zone_takes_one_number_of_minutes(value: Any) -> None:
    with pytest.raises(InvalidInput, match="isochrone is an object"):
        parse_wish({"name": "a", "by": "b", "isochrone": value})
