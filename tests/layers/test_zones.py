"""Zones: made from what is drawn or from what the model holds, changed by version, their log chained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Geod
from sqlalchemy import Connection, delete, insert, select, update

from cim.access import Caller
from cim.errors import Conflict, Forbidden, InvalidGeometry, InvalidInput, NotFound, TooLarge
from cim.tables import unit, zone_log
from layers.zones.log import BEGINNING, append, read_log, verify
from layers.zones.making import common_area, make_shape, settled
from layers.zones.wish import parse_wish
from layers.zones.zones import Asked, change_zone, create_zone, drop_zone, list_zones, read_zone
from tests.layers.events_town import at, build_town, square

PLANNER = Caller("planner")
GEOD = Geod(ellps="GRS80")


@pytest.fixture
def town(connection: Connection) -> dict[str, int]:
    return build_town(connection)


def drawn(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [list(at(x, y)) for x, y in ((west, south), (east, south), (east, north), (west, north), (west, south))]
    return {"type": "Polygon", "coordinates": [ring]}


def body(**more: Any) -> dict[str, Any]:
    return {"name": "演练区", "by": "张三"} | more


def made(connection: Connection, caller: Caller = PLANNER, **more: Any) -> shapely.Geometry:
    return make_shape(connection, parse_wish(body(**more)), caller).geometry


def test_a_zone_is_made_changed_and_dropped(connection: Connection, town: dict[str, int]) -> None:
    found = create_zone(connection, parse_wish(body(geometry=drawn(-100, -100, 100, 100), note="一")), PLANNER)
    number = found["id"]
    told = found["properties"]
    assert (told["name"], told["author"], told["version"], told["kind"], told["note"]) == (
        "演练区", "张三", 1, "drawn", "一",
    )  # fmt: skip
    # all four cells: two communities of one street
    assert told["area_code"] == "440307001"
    ring = np.array(drawn(-100, -100, 100, 100)["coordinates"][0])
    area, perimeter = GEOD.polygon_area_perimeter(*ring.T)
    # corners are good for 0.1 mm
    assert told["area_m2"] == pytest.approx(area, abs=1e-4 * perimeter)
    assert found["geometry"]["type"] == "MultiPolygon"

    change = parse_wish(body(geometry=drawn(10, 10, 100, 100), version=1, by="李四"), is_new=False)
    after = change_zone(connection, number, change, PLANNER)
    assert after["properties"]["version"] == 2
    assert after["properties"]["author"] == "张三"
    assert after["properties"]["area_code"] == "440307001002004"
    with pytest.raises(Conflict, match="version 2, not 1"):
        change_zone(connection, number, change, PLANNER)
    assert [one["id"] for one in list_zones(connection, Asked(), PLANNER)["features"]] == [number]
    assert list_zones(connection, Asked(kind="封控区"), PLANNER)["features"] == []
    lon, lat = at(0, 0)
    assert list_zones(connection, Asked(bbox=(lon - 1e-5, lat - 1e-5, lon, lat)), PLANNER)["features"] == []

    drop_zone(connection, number, PLANNER, by="王五")
    with pytest.raises(NotFound):
        read_zone(connection, number, PLANNER)
    log = read_log(connection, number)
    assert [(one["action"], one["author"]) for one in log] == [("create", "张三"), ("change", "李四"), ("drop", "王五")]
    assert log[0]["entry"]["asked"]["shape"]["coordinates"]
    assert verify(connection).broken is None


def test_buffers_are_of_metres_on_the_ground(connection: Connection, town: dict[str, int]) -> None:
    lon, lat = at(30, 40)
    round_one = made(connection, buffer={"geometry": {"type": "Point", "coordinates": [lon, lat]}, "distance_m": 300})
    edge = shapely.get_coordinates(round_one)
    apart = np.array([GEOD.inv(lon, lat, *place)[2] for place in edge])
    # 16 segments to a quarter: the middle of a side is 0.5 % nearer
    assert apart.max() == pytest.approx(300, abs=0.02)
    assert apart.min() == pytest.approx(300, abs=0.02)
    house = made(connection, buffer={"object": town["house"], "distance_m": 10})
    bare = made(connection, buildings=[town["house"]])
    assert house.contains(bare)
    assert made(connection, buildings=["4403070010010001"]).equals(bare)
    wider = made(connection, buildings=["4403070010010001"], buffer_m=10)
    assert wider.equals(house)
    # the same wish gives the same bytes
    assert wider.wkb == made(connection, buildings=[town["house"]], buffer_m=10).wkb


def test_units_stand_for_their_building_and_codes_for_their_cells(connection: Connection, town: dict[str, int]) -> None:
    rows = [
        {"layer_id": "units", "source_key": key, "code": key, "building_id": building}
        for key, building in (("U1", town["house"]), ("U2", None))
    ]
    connection.execute(insert(unit), rows)
    wish = parse_wish(body(units=["U1"]))
    shape = make_shape(connection, wish, PLANNER)
    assert shape.geometry.equals(made(connection, buildings=[town["house"]]))
    assert len(shape.objects) == 1
    with pytest.raises(InvalidInput, match="in which building unit 'U2'"):
        made(connection, units=["U1", "U2"])
    with pytest.raises(NotFound, match=r"'U3' \(1 of 2 unknown\)"):
        made(connection, units=["U1", "U3"])
    south = made(connection, area_code="440307001001")
    assert south.symmetric_difference(square(-500, -500, 500, 0)).area < 3e-11
    with pytest.raises(NotFound, match="440399"):
        made(connection, area_code="440399")


def test_whoever_sees_one_area_draws_in_it(connection: Connection, town: dict[str, int]) -> None:
    south = Caller("planner", "440307001001")
    wish = parse_wish(body(geometry=drawn(-50, -100, 50, -10)))
    number = create_zone(connection, wish, south)["id"]
    assert read_zone(connection, number, south)["properties"]["area_code"] == "440307001001"
    for beyond in (drawn(-50, -100, 50, 10), drawn(9000, 9000, 9100, 9100)):
        with pytest.raises(Forbidden, match="beyond the area"):
            create_zone(connection, parse_wish(body(geometry=beyond)), south)
    with pytest.raises(NotFound):
        read_zone(connection, number, Caller("planner", "440307001002"))
    with pytest.raises(Forbidden):
        create_zone(connection, wish, Caller("viewer"))
    # cells that only touch are neighbours
    assert common_area(connection, settled(square(-50, -50, 50, 0))) == "440307001001"


@pytest.mark.parametrize(
    ("more", "error", "says"),
    [
        ({}, InvalidInput, "exactly one of"),
        ({"geometry": drawn(0, 0, 1, 1), "buildings": [1]}, InvalidInput, "exactly one of"),
        ({"geometry": {"type": "Point", "coordinates": [1, 2]}}, InvalidGeometry, "Polygon"),
        ({"geometry": drawn(0, 0, 1, 1), "name": " "}, InvalidInput, "name and by"),
        ({"geometry": drawn(0, 0, 1, 1), "name": "a\0b"}, InvalidInput, "name is"),
        ({"geometry": drawn(0, 0, 1, 1), "colour": "red"}, InvalidInput, "unknown field 'colour'"),
        ({"buffer": {"geometry": drawn(0, 0, 1, 1)}}, InvalidInput, "distance_m is '0.0'"),
        ({"buffer": {"distance_m": 5}}, InvalidInput, "either geometry"),
        ({"buffer": {"object": True, "distance_m": 5}}, InvalidInput, "id of an object"),
        (
            {"buffer": {"geometry": {"type": "Point", "coordinates": [200, 2]}, "distance_m": 5}},
            InvalidGeometry,
            "point",
        ),
        ({"area_code": "龙岗"}, InvalidInput, "6 to 15 digits"),
        ({"buildings": []}, InvalidInput, "1 to 1000"),
        ({"buildings": [{"a": 1}]}, InvalidInput, "ids"),
        ({"units": ["1"] * 1001}, InvalidInput, "1 to 1000"),
        ({"geometry": drawn(0, 0, 1, 1), "buffer_m": 5}, InvalidInput, "does not go with geometry"),
        ({"buildings": [1], "buffer_m": 1e9}, InvalidInput, "buffer_m is '1000000000.0'"),
    ],
)
def test_bad_wishes_say_what_would_be_right(more: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        parse_wish(body(**more))


def test_a_zone_as_large_as_a_province_is_too_large(connection: Connection, town: dict[str, int]) -> None:
    with pytest.raises(TooLarge, match="km2"):
        made(connection, geometry=drawn(-100_000, -100_000, 100_000, 100_000))


def test_a_changed_entry_is_found(connection: Connection) -> None:
    numbers = {"pi": 3.14159, "large": 1e22, "small": 1e-7, "whole": 1.0, "minus": -0.0}
    hashes = [append(connection, 7, "create", "甲", {"n": n, **numbers}) for n in range(5)]
    found = verify(connection)
    assert (found.entries, found.last_hash, found.broken) == (5, hashes[-1], None)
    rows = connection.execute(select(zone_log).order_by(zone_log.c.id)).all()
    assert rows[0].previous_hash == BEGINNING
    assert [row.previous_hash for row in rows[1:]] == [row.hash for row in rows[:-1]]
    middle = zone_log.c.id == rows[2].id
    for change in ({"author": "乙"}, {"entry": {"n": 99}}, {"zone_id": 8}, {"action": "change"}, {"hash": bytes(32)}):
        with connection.begin_nested() as undone:
            connection.execute(update(zone_log).where(middle).values(change))
            broken = verify(connection).broken
            assert broken is not None
            assert broken.id == rows[2].id
            undone.rollback()
    with connection.begin_nested() as undone:
        connection.execute(delete(zone_log).where(middle))
        broken = verify(connection).broken
        assert broken is not None
        assert broken.id == rows[3].id
        undone.rollback()
    assert verify(connection).broken is None
