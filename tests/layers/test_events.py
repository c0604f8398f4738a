"""Events: taken in once, placed, given to somebody, timed, moved through their states."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import Connection, func, select, text, update

from cim.access import Caller
from cim.errors import Conflict, Forbidden, InvalidInput, NotFound
from cim.tables import event, event_log, responsibility
from layers.live.events.incoming import read_incoming
from layers.live.events.intake import take_in
from layers.live.events.locate import locate, storey_said
from layers.live.events.log import read_log
from layers.live.events.read import Asked, event_for, find_events
from layers.live.events.responsibility import replace_responsibilities
from layers.live.events.states import NEXT, STATES, advance, count_by_state, remind
from layers.live.events.types import by_word, read_types, seed_types, type_of
from tests.layers.events_town import at, build_town, said, square

ADMIN = Caller("admin")
SERVICE = Caller("service")


@pytest.fixture
def town(connection: Connection) -> dict[str, int]:
    return build_town(connection)


def take(connection: Connection, *incoming: Any) -> list[Any]:
    return take_in(connection, incoming, actor="test")


def one(connection: Connection, key: str) -> Any:
    return connection.execute(select(event).where(event.c.source_key == key)).one()


def test_an_event_is_taken_in_once(connection: Connection, town: dict[str, int]) -> None:
    lon, lat = at(10, 10)
    first = take(connection, said("1", longitude=lon, latitude=lat), said("1", title="y"), said("2", title="x"))
    assert [each.status for each in first] == ["created", "known", "created"]
    assert first[0].id == first[1].id != first[2].id
    again = take(connection, said("1", title="otherwise"))
    assert (again[0].status, again[0].id) == ("known", first[0].id)
    assert one(connection, "1").title != "otherwise"
    steps = read_log(connection, first[0].id)
    assert [(step["action"], step["actor"]) for step in steps] == [("collect", "test")]
    other = take(connection, read_incoming({"source": "12345", "source_key": "1"}))
    assert other[0].status == "created"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"source": None}, "source and source_key are missing"),
        ({"source_key": ""}, "source and source_key are missing"),
        ({"longitude": 114.0}, "belong together"),
        ({"longitude": 181.0, "latitude": 0.0}, "longitude is 181"),
        ({"longitude": float("nan"), "latitude": 0.0}, "use a number"),
        ({"longitude": "114", "latitude": 22.0}, "use a number"),
        ({"severity": 5}, "severity is 5"),
        ({"severity": 1.5}, "whole number"),
        ({"occurred_at": "yesterday"}, "yesterday"),
        ({"occurred_at": "2026-03-01T08:00:00"}, "without its zone"),
        ({"occurred_at": "2999-01-01T00:00:00Z"}, "check the clock"),
        ({"title": "a" * 301}, "at most 300"),
        ({"title": "a\0b"}, "NUL"),
        ({"attributes": []}, "JSON object"),
        ({"attributes": {"a": "\0"}}, "NUL"),
        ({"attributes": {"a": "b" * 40_000}}, "32768 bytes"),
        ({"colour": "red"}, "unknown fields: colour"),
        ({"area": {"type": "Point", "coordinates": [0, 0]}}, "Polygon"),
        ({"area": "x"}, "Polygon"),
        ({"area": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}}, "not valid"),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_incoming({"source": "a", "source_key": "b", **values})


def test_words_of_sources_mean_types(connection: Connection) -> None:
    seed_types(connection)
    words = by_word(read_types(connection))
    assert type_of(words, "路面积水").code == type_of(words, "道路积水").code == "E0406"
    assert type_of(words, "E0406").code == "E0406"
    assert type_of(words, None, "坂田街道有高空坠物隐患").code == "E0601"
    assert type_of(words, "从未听说").code == "X00"
    # every word that the synthetic district uses
    for word in ("噪声扰民", "暴露垃圾", "违章停车", "占道经营", "井盖破损", "停水", "消防通道堵塞", "高空坠物隐患",
                 "人员聚集", "渣土车违规", "道路拥堵", "烟火识别", "燃气浓度超限", "烟雾报警",
                 "井盖倾斜", "水位超警"):  # fmt: skip
        assert type_of(words, word).code != "X00", word


def test_places_are_those_that_geometry_says(connection: Connection, town: dict[str, int]) -> None:
    """Cell and building of 300 random points, against shapely."""
    random = np.random.default_rng(5)
    points = random.uniform(-520, 520, (300, 2))
    points[:40] = random.uniform(85, 155, (40, 2))
    cells = {f"cell{n}": square(w, s, w + 500, s + 500)
             for n, (w, s) in enumerate([(-500, -500), (0, -500), (-500, 0), (0, 0)])}  # fmt: skip
    houses = {"house": shapely.box(100, 100, 140, 130), "plain": shapely.box(-200, -200, -170, -180)}
    coordinates = [at(x, y) for x, y in points]
    found = locate(connection, [said(str(n), longitude=lon, latitude=lat) for n, (lon, lat) in enumerate(coordinates)])
    names = {number: name for name, number in town.items()}
    for (x, y), (lon, lat), place in zip(points, coordinates, found, strict=True):
        inside = [name for name, shape in cells.items() if shape.intersects(shapely.Point(lon, lat))]
        assert (place.grid_cell_code is not None) == bool(inside)
        assert place.area_code == (place.grid_cell_code or "440307001")
        near = {name: shape.distance(shapely.Point(x, y)) for name, shape in houses.items()}
        nearest = min(near, key=lambda name: near[name])
        if abs(near[nearest] - 15) > 0.2:
            assert names.get(place.building_id or 0) == (nearest if near[nearest] < 15 else None), (x, y)
        assert 0 < place.location["confidence"] <= 1
        assert (place.longitude, place.latitude) == pytest.approx((lon, lat), abs=1e-12)


def test_a_storey_and_a_room_come_from_height_number_and_device(connection: Connection, town: dict[str, int]) -> None:
    lon, lat = at(110, 110)
    here = {"longitude": lon, "latitude": lat}
    by_height, by_number, by_room, by_device, by_address, reckoned, above = locate(
        connection,
        [
            said("1", **here, height_m=19.0),
            said("2", **here, storey_number=3),
            said("3", **here, storey_number=3, room="302"),
            said("4", device="440307RQ00000001"),
            said("5", address="深圳市龙岗区坂田街道碧岗社区坪翔二街5号大楼7层"),
            said("6", longitude=at(-190, -190)[0], latitude=at(-190, -190)[1], height_m=13.0),
            said("7", **here, height_m=100.0),
        ],
    )
    assert (by_height.storey_id, by_height.storey_number, by_height.space_id) == (town["storey7"], 7, town["room701"])
    assert (by_number.storey_id, by_number.space_id) == (town["storey3"], town["room301"])
    assert (by_room.storey_id, by_room.space_id, by_room.room) == (town["storey3"], town["room302"], "302")
    assert (by_device.sensor_id, by_device.building_id, by_device.storey_id) == (
        town["gas"], town["house"], town["storey7"]
    )  # fmt: skip
    assert by_device.space_id == town["room702"]
    assert by_device.height_m == pytest.approx(20.2)
    assert (by_address.building_id, by_address.storey_id) == (town["house"], town["storey7"])
    # ten storeys in 30 m: 13 m above the ground is the fifth; no model says so
    assert (reckoned.building_id, reckoned.storey_id, reckoned.storey_number) == (town["plain"], None, 5)
    assert reckoned.location["confidence"] < by_height.location["confidence"] < by_room.location["confidence"]
    assert above.storey_id is None


def test_coordinates_far_from_the_address_are_believed(connection: Connection, town: dict[str, int]) -> None:
    lon, lat = at(-190, -190)
    address = "深圳市龙岗区坂田街道碧岗社区坪翔二街5号"
    place, near = locate(
        connection,
        [
            said("1", longitude=lon, latitude=lat, address=address),
            said("2", longitude=at(90, 115)[0], latitude=at(90, 115)[1], address=address),
        ],
    )
    assert place.building_id == town["plain"]
    assert any("left out" in reason["by"] for reason in place.location["reasons"])
    assert near.building_id == town["house"]


@pytest.mark.parametrize(
    ("address", "storey"),
    [("5号7层", 7), ("A座七楼", 7), ("12F", 12), ("十二层", 12), ("二十三楼", 23), ("负一层", -1), ("-2层", -2),
     ("3号楼栋", None), ("坪翔二街5号", None), ("0层", None)],
)  # fmt: skip
def test_storeys_in_addresses(address: str, storey: int | None) -> None:
    assert storey_said(said("1", address=address)) == storey


def test_the_nearest_entry_of_the_list_is_responsible(
    connection: Connection, town: dict[str, int], tmp_path: Path
) -> None:
    table = tmp_path / "责任清单.csv"

    def write(*lines: tuple[str, str, str]) -> Path:
        with table.open("w", encoding="utf-8-sig", newline="") as target:
            writer = csv.writer(target)
            writer.writerow(["区划编码", "事件类型编码", "责任单位"])
            writer.writerows(lines)
        return table

    assert replace_responsibilities(connection, write(
        ("", "", "区中心"), ("440307001", "", "街道"), ("440307001", "A", "应急"), ("440307001001", "P", "水务")
    )) == (1, 4)  # fmt: skip
    assert replace_responsibilities(connection, table) == (1, 4)
    lon, lat = at(-100, -100)  # community 440307001001
    here = {"longitude": lon, "latitude": lat}
    take(connection, said("1", **here, type="井盖破损"), said("2", **here, type="噪声扰民"),
         said("3", **here, type="烟雾报警"), said("4", longitude=10.0, latitude=50.0))  # fmt: skip
    assert [one(connection, str(n)).responsible for n in (1, 2, 3, 4)] == ["水务", "街道", "应急", "区中心"]
    # a new list ends the old one; events stay with whom they were given to
    assert replace_responsibilities(connection, write(("440307002", "", "乙"))) == (2, 1)
    assert one(connection, "1").responsible == "水务"
    ended = connection.execute(select(func.count()).where(responsibility.c.valid_to.is_not(None))).scalar_one()
    assert ended == 4
    take(connection, said("5", **here, type="停电"))
    assert one(connection, "5").responsible == "manager 0"
    for wrong, says in (
        ([("4403", "", "")], "line 2: nobody"),
        ([("44x", "", "a")], "15 digits"),
        ([("", "Q", "a")], "begins with 'Q'"),
        ([("", "", "a"), ("", "", "b")], "same area and type as in line 2"),
        ([], "empty"),
    ):
        with pytest.raises(InvalidInput, match=says):
            replace_responsibilities(connection, write(*wrong))


def test_clocks_run_by_type_severity_and_state(connection: Connection, town: dict[str, int]) -> None:
    take(connection, said("1", type="噪声扰民"), said("2", type="烟雾报警"), said("3", type="烟雾报警", severity=3))
    minutes = {
        key: (one(connection, key).due_at - one(connection, key).state_since).total_seconds() / 60 for key in "123"
    }
    # E, severity 4: the general 60; A begins the code, whatever the severity: 5
    assert minutes == {"1": 60, "2": 5, "3": 5}
    number = one(connection, "2").id
    advance(connection, number, "file", SERVICE, actor="a")
    advance(connection, number, "dispatch", SERVICE, actor="a", responsible="消防")
    found = one(connection, "2")
    assert (found.due_at - found.state_since) == timedelta(minutes=15)
    assert found.responsible == "消防"
    # the clock rings once for a state
    connection.execute(update(event).values(due_at=func.now() - timedelta(minutes=1)))
    assert set(remind(connection)) == {one(connection, key).id for key in "123"}
    assert remind(connection) == []
    advance(connection, number, "handle", SERVICE, actor="a")
    assert one(connection, "2").reminded_at is None
    assert [step["action"] for step in read_log(connection, number)] == [
        "collect", "file", "dispatch", "overdue", "handle"
    ]  # fmt: skip
    late = find_events(connection, Asked(is_overdue=True), ADMIN)
    assert {each.source_key for each in late} == {"1", "3"}
    assert count_by_state(connection, ADMIN)["collect"] == {"events": 2, "overdue": 2}


def test_only_steps_that_may_follow_are_taken(connection: Connection, town: dict[str, int]) -> None:
    take(connection, said("1"))
    number = one(connection, "1").id
    for state in STATES[1:]:
        for wrong in set(STATES) - set(NEXT[one(connection, "1").state]):
            with pytest.raises(Conflict):
                advance(connection, number, wrong, SERVICE, actor="a", note="n")
        advance(connection, number, state, SERVICE, actor="a")
    assert one(connection, "1").state == "evaluate"
    assert one(connection, "1").due_at is None
    assert [step["action"] for step in read_log(connection, number)] == list(STATES)
    take(connection, said("2"))
    other = one(connection, "2").id
    with pytest.raises(InvalidInput, match="needs a note"):
        advance(connection, other, "close", SERVICE, actor="a")
    assert advance(connection, other, "close", SERVICE, actor="a", note="误报")["state"] == "close"
    with pytest.raises(Forbidden):
        advance(connection, other, "evaluate", Caller("viewer"), actor="a")
    with pytest.raises(InvalidInput, match="use one of"):
        advance(connection, other, "nowhere", SERVICE, actor="a")
    with pytest.raises(NotFound):
        advance(connection, 10**12, "file", SERVICE, actor="a")


def test_an_area_is_not_left(connection: Connection, town: dict[str, int]) -> None:
    take(connection, said("1", longitude=at(-100, -100)[0], latitude=at(-100, -100)[1]),
         said("2", longitude=at(-100, 100)[0], latitude=at(-100, 100)[1]))  # fmt: skip
    south, north = one(connection, "1"), one(connection, "2")
    mine = Caller("service", south.area_code[:12])
    assert [each.id for each in find_events(connection, Asked(), mine)] == [south.id]
    with pytest.raises(NotFound):
        event_for(connection, north.id, mine)
    with pytest.raises(NotFound):
        advance(connection, north.id, "file", mine, actor="a")


def test_events_are_asked_for_by_what_they_are(connection: Connection, town: dict[str, int]) -> None:
    early = datetime(2026, 2, 1, tzinfo=UTC)
    take(connection, said("1", type="烟雾报警"), said("2", type="停水", occurred_at=early.isoformat()),
         said("3", longitude=at(0, 0)[0], latitude=at(0, 0)[1]))  # fmt: skip
    ask = lambda **values: {each.source_key for each in find_events(connection, Asked(**values), ADMIN)}  # noqa: E731
    assert ask(type_code="A") == {"1"}
    assert ask(until=datetime(2026, 2, 2, tzinfo=UTC)) == {"2"}
    assert ask(since=datetime(2026, 2, 2, tzinfo=UTC)) == {"1", "3"}
    assert ask(bbox=(*at(-1, -1), *at(1, 1))) == {"3"}
    assert ask(states=["file"]) == set()
    assert ask(source="网格", limit=2) == {"2", "3"}
    connection.execute(text("select 1"))
    assert connection.execute(select(func.count()).select_from(event_log)).scalar_one() == 3
