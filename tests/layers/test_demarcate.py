"""Three zones around a case: they part the district, follow roads and cells, and are the same when made again."""

from __future__ import annotations

import json
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Geod
from shapely.ops import split
from sqlalchemy import Connection, Engine, delete, func, insert, select, text, update

from cim.access import Caller
from cim.errors import Conflict, Forbidden, InvalidInput, NotFound
from cim.tables import building, grid_cell, river, road, unit, zone, zone_log
from layers.live.events.intake import take_in
from layers.zones.decision import decide
from layers.zones.group import lift
from layers.zones.log import verify
from layers.zones.replay import replay
from layers.zones.request import parse_request
from layers.zones.wish import parse_wish
from layers.zones.zones import change_zone, drop_zone, read_zone
from tests.layers.events_town import METRES, add, at, build_town, ewkt, said, square

COMMANDER = Caller("commander")
GEOD = Geod(ellps="GRS80")
#: Square degrees: corners are good for 1e-9 degrees, all around the town.
EDGE = 4 * 0.01 * 1e-9
#: Roads that divide the town's middle: x or y of each, metres.
STREETS = (-400, -250, -50, 50, 250, 400)


def line(*places: tuple[float, float]) -> shapely.MultiLineString:
    return shapely.MultiLineString([[at(*place) for place in places]])


@pytest.fixture
def town(connection: Connection) -> dict[str, int]:
    return build_streets(connection)


def build_streets(connection: Connection) -> dict[str, int]:
    """A town with streets every 100 to 200 m, a footpath, a bridge over all, and a river."""
    ids = build_town(connection)
    for number, c in enumerate(STREETS):
        add(connection, road, "roads", f"X{number}", **{"class": "residential"}, geom=line((c, -450), (c, 450)))
        add(connection, road, "roads", f"Y{number}", **{"class": "residential"}, geom=line((-450, c), (450, c)))
    add(connection, road, "roads", "path", **{"class": "footway"}, geom=line((50, 90), (250, 90)))
    add(connection, road, "roads", "bridge", **{"class": "primary"}, layer_number=1, geom=line((-450, 150), (450, 150)))
    add(connection, river, "rivers", "river", geom=line((50, 180), (250, 180)))
    # who lives there: known for the house, not for the other one
    connection.execute(update(building).where(building.c.id == ids["house"]).values(residents=120))
    rows = [
        {"layer_id": "units", "source_key": f"U{n}", "code": f"U{n}", "building_id": ids["house"]} for n in range(6)
    ]
    connection.execute(insert(unit), rows)
    return ids


def ask(connection: Connection, town_at: dict[str, Any], caller: Caller = COMMANDER, **more: Any) -> dict[str, Any]:
    return decide(connection, parse_request({"by": "指挥员", "at": town_at} | more), caller)


def shapes(answer: dict[str, Any]) -> dict[str, shapely.Geometry]:
    return {one["properties"]["kind"]: shapely.from_geojson(json.dumps(one["geometry"])) for one in answer["zones"]}


def area_m2(shape: shapely.Geometry) -> float:
    return abs(GEOD.geometry_area_perimeter(shape)[0])


def metres(shape: shapely.Geometry) -> shapely.Geometry:
    """Return a shape in metres around the town's middle."""
    return shapely.transform(shape, lambda places: (places - np.array([114.22, 22.70])) * METRES)


DISTRICT = square(-500, -500, 500, 500)


@pytest.mark.parametrize("rule", ["standard", "block", "cells", "community", "street"])
def test_zones_part_the_district(connection: Connection, town: dict[str, int], rule: str) -> None:
    found = shapes(ask(connection, {"building": town["house"]}, rule=rule, dry_run=True))
    for one, other in combinations(found.values(), 2):
        assert shapely.intersection(one, other).area == 0
    together = shapely.union_all(list(found.values()))
    assert together.symmetric_difference(DISTRICT).area < EDGE
    assert sum(map(area_m2, found.values())) == pytest.approx(area_m2(together), rel=1e-9)
    house = square(100, 100, 140, 130)
    assert found["sealed"].buffer(1e-9).covers(house)


def test_distances_take_whole_blocks(connection: Connection, town: dict[str, int]) -> None:
    found = shapes(ask(connection, {"building": town["house"]}, sealed_m=None, controlled_m=150, dry_run=True))
    # what a hand would draw: the blocks between streets, river and district of which half lies within 150 m
    cuts = sorted({-500, *STREETS, 500})
    near = metres(square(100, 100, 140, 130)).buffer(150, quad_segs=64)
    blocks = [shapely.box(west, south, east, north) for west, east in pairwise(cuts) for south, north in pairwise(cuts)]
    river_line = shapely.LineString([(50, 180), (250, 180)])
    faces = [face for block in blocks for face in split(block, river_line).geoms]
    wanted = [face for face in faces if face.intersection(near).area >= face.area / 2]
    by_hand = shapely.union_all(wanted).difference(metres(square(100, 100, 140, 130)))
    assert shapely.area(shapely.symmetric_difference(metres(found["controlled"]), by_hand)) < 5.0
    assert 50_000 < by_hand.area < 200_000


def test_gates_are_where_ways_leave(connection: Connection, town: dict[str, int]) -> None:
    answer = ask(connection, {"building": town["house"]}, rule="block", controlled_m=10, dry_run=True)
    # the house's block lies between the streets at 50 and 250 and the river at 180: its edges are streets, and the
    # bridge crosses it, and the footpath
    sealed = metres(shapes(answer)["sealed"])
    assert sealed.symmetric_difference(shapely.box(50, 50, 250, 180)).area < 1.0
    gates = [one for one in answer["gates"]["features"] if one["properties"]["zone"] == "sealed"]
    places = sorted(
        tuple(np.round((np.array(one["geometry"]["coordinates"]) - [114.22, 22.7]) * METRES)) for one in gates
    )
    assert places == [(50, 90), (50, 150), (250, 90), (250, 150)]
    assert [one["properties"]["gates"] for one in answer["zones"]][::2] == [4, None]
    assert "no_gates" not in {one["code"] for one in answer["receipt"]["notes"]}
    # no way is drawn through the house: that is said, not only counted
    house = ask(connection, {"building": town["house"]}, controlled_m=10, dry_run=True)
    told = [one["wording"] for one in house["receipt"]["notes"] if one["code"] == "no_gates"]
    assert (house["zones"][0]["properties"]["gates"], "sealed" in told) == (0, True)


def test_people_are_counted_and_a_gap_is_a_range(connection: Connection, town: dict[str, int]) -> None:
    told = {one["properties"]["kind"]: one["properties"] for one in
            ask(connection, {"building": town["house"]}, dry_run=True)["zones"]}  # fmt: skip
    assert told["sealed"]["buildings"] == 1
    assert told["sealed"]["units"] == 6
    assert told["sealed"]["residents"] == {"low": 120, "high": 120, "known_in": 1, "of": 1}
    assert told["prevention"]["residents"] == {"low": 0, "high": None, "known_in": 0, "of": 1}
    # one unit alone: its neighbours are controlled
    alone = {one["properties"]["kind"]: one["properties"] for one in
             ask(connection, {"unit": "U3"}, dry_run=True)["zones"]}  # fmt: skip
    assert (alone["sealed"]["units"], alone["sealed"]["single_units"], alone["controlled"]["units"]) == (1, 1, 5)
    connection.execute(update(building).where(building.c.id == town["house"]).values(residents=3))
    with pytest.raises(Forbidden):
        ask(connection, {"building": town["house"]}, Caller("planner"))


def test_a_decision_is_logged_and_made_again(connection: Connection, town: dict[str, int]) -> None:
    answer = ask(connection, {"building": town["house"]}, name="疫情")
    ids = {one["properties"]["kind"]: one["id"] for one in answer["zones"]}
    assert read_zone(connection, ids["sealed"], COMMANDER)["properties"]["name"] == "疫情 封控区"
    first = replay(connection, ids["controlled"])
    assert first.holds
    assert all(first.stored.values())


def test_a_decision_is_the_same_after_the_model_has_changed(engine: Engine) -> None:
    with engine.begin() as connection:
        ids = build_streets(connection)
    with engine.begin() as connection:
        answer = ask(connection, {"building": ids["house"]}, rule="block")
    number = answer["zones"][0]["id"]
    moved = "SRID=4490;MULTILINESTRING((114 22, 114.1 22))"
    with engine.begin() as connection:
        connection.execute(update(road).where(road.c.source_key == "X4").values(geom=moved, recorded_at=func.now()))
        connection.execute(delete(river))
        connection.execute(delete(grid_cell).where(grid_cell.c.id == ids["cell0"]))
        connection.execute(
            update(building).where(building.c.id == ids["house"])
            .values(geom=ewkt(square(-30, -30, 30, 30)), recorded_at=func.now())
        )  # fmt: skip
    with engine.begin() as connection:
        again = replay(connection, number)
        assert again.holds
        assert set(again.stored.values()) == {True}
        # the same question now has another answer
        now = ask(connection, {"building": ids["house"]}, rule="block", apart=True, dry_run=True)
        assert now["zones"][0]["geometry"] != answer["zones"][0]["geometry"]


def test_a_positive_in_a_controlled_zone_makes_the_zones_anew(connection: Connection, town: dict[str, int]) -> None:
    first = ask(connection, {"building": town["house"]}, rule="block", controlled_m=400)
    second = ask(connection, {"position": list(at(-180, -190))})
    assert (second["extended"], second["group"]) == (True, first["group"])
    assert [one["id"] for one in second["zones"]] == [one["id"] for one in first["zones"]]
    assert len(second["cases"]) == 2
    assert shapes(second)["sealed"].covers(shapes(first)["sealed"])
    assert metres(shapes(second)["sealed"]).covers(shapely.Point(-180, -190))
    told = read_zone(connection, second["zones"][0]["id"], COMMANDER)["properties"]
    assert (told["version"], told["group"]) == (2, first["group"])
    told_id = second["zones"][0]["id"]
    assert replay(connection, told_id).holds
    # and the first decision can still be made again, though its zones are no longer stored so
    entries = connection.execute(
        select(zone_log.c.id).where(zone_log.c.zone_id == told_id).order_by(zone_log.c.id)
    ).scalars().all()  # fmt: skip
    old = replay(connection, told_id, entries[0])
    assert old.holds
    assert set(old.stored.values()) == {None}
    apart = ask(connection, {"position": list(at(-180, -190))}, apart=True, rule="block")
    assert apart["group"] != first["group"]
    # one of three is not changed alone
    wish = {"name": "x", "by": "y", "geometry": first["zones"][0]["geometry"], "version": 2}
    with pytest.raises(Conflict, match="one of three"):
        change_zone(connection, told_id, parse_wish(wish, is_new=False), COMMANDER)
    with pytest.raises(Conflict, match="one of three"):
        drop_zone(connection, told_id, COMMANDER, by="y")
    lift(connection, first["group"], COMMANDER, by="指挥员", note="解除")
    with pytest.raises(NotFound):
        read_zone(connection, told_id, COMMANDER)
    assert verify(connection).broken is None


def test_a_changed_entry_is_found_and_replays_otherwise(connection: Connection, town: dict[str, int]) -> None:
    answer = ask(connection, {"building": town["house"]})
    number = answer["zones"][0]["id"]
    connection.execute(
        update(zone_log)
        .where(zone_log.c.zone_id == number)
        .values(entry=func.jsonb_set(zone_log.c.entry, text("'{rules,controlled_m}'"), text("'100'")))
    )
    broken = verify(connection).broken
    assert broken is not None
    assert broken.zone_id == number
    assert not replay(connection, number).holds
    connection.execute(delete(zone).where(zone.c.id == number))


def test_events_and_addresses_name_cases(connection: Connection, town: dict[str, int]) -> None:
    lon, lat = at(120, 115)
    [taken] = take_in(connection, [said("1", longitude=lon, latitude=lat, storey_number=7)], actor="test")
    assert taken.id is not None
    found = ask(connection, {"event": taken.id}, dry_run=True)
    assert found["cases"][0]["building_id"] == town["house"]
    by_address = ask(connection, {"address": "坂田街道碧岗社区坪翔二街5号"}, dry_run=True)
    assert by_address["cases"][0]["building_id"] == town["house"]
    assert by_address["zones"][0]["geometry"] == found["zones"][0]["geometry"]


def test_a_key_of_an_area_parts_its_area(connection: Connection, town: dict[str, int]) -> None:
    north = Caller("commander", "440307001002")
    with pytest.raises(NotFound):
        ask(connection, {"building": town["house"]}, north)  # it is of the other community
    found = ask(connection, {"position": list(at(120, 320))}, north, rule="block", dry_run=True)
    together = shapely.union_all(list(shapes(found).values()))
    assert together.symmetric_difference(square(-500, 0, 500, 500)).area < EDGE


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"at": {"position": [0, 0]}}, "by is missing"),
        ({"by": "x"}, "exactly one of"),
        ({"by": "x", "at": {"position": [200, 0]}}, "longitude"),
        ({"by": "x", "at": {"position": [0, 0]}, "rule": "whole"}, "known are: standard"),
        ({"by": "x", "at": {"position": [0, 0]}, "rule": "cells", "controlled_m": 100}, "does not go with"),
        ({"by": "x", "at": {"position": [0, 0]}, "controlled_m": 1e9}, "metres up to"),
        ({"by": "x", "at": {"building": "a\0"}}, "NUL"),
        ({"by": "x", "at": {"event": 1.5}}, "id of an event"),
        ({"by": "x", "at": {"position": [0, 0]}, "dry_run": "no"}, "true or false"),
    ],
)
def test_bad_requests_say_what_is_right(body: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        parse_request(body)


def test_what_the_model_does_not_hold_is_said(connection: Connection, town: dict[str, int]) -> None:
    with pytest.raises(NotFound, match="no district is known"):
        ask(connection, {"position": [10.0, 10.0]}, rule="block")
    with pytest.raises(InvalidInput, match="no building stands"):
        ask(connection, {"position": list(at(-300, -300))})
    connection.execute(update(building).where(building.c.id == town["plain"]).values(name=None))
    with pytest.raises(InvalidInput, match="names no estate"):
        ask(connection, {"building": town["plain"]}, rule="estate")
    assert connection.execute(select(func.count()).select_from(zone)).scalar_one() == 0
