"""Positions of units, each once, the newest kept whatever comes last; trails; who is nearest, against networkx."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import networkx as nx
import numpy as np
import orjson
import pytest
import shapely
from pyproj import Geod
from sqlalchemy import Connection, Engine, func, select, text

from cim.access import Caller
from cim.errors import Forbidden, InvalidInput, NotFound
from cim.tables import last_position, mobile_unit, unit_position
from layers.live.events.intake import take_in
from layers.live.tracks.cot import kind_of, read_cot
from layers.live.tracks.days import KEPT, add_days, forget_old
from layers.live.tracks.incoming import Position, read_position
from layers.live.tracks.nearest import units_near, units_near_event
from layers.live.tracks.payload import read_payload
from layers.live.tracks.positions import as_notice, take_positions
from layers.live.tracks.read import Asked, find_units
from layers.live.tracks.tell import _current, _notices, tell_moved
from layers.live.tracks.trail import trail
from layers.spot import Spot
from tests.layers.events_town import at, build_town, said
from tests.layers.test_event_context import build_roads

PLANNER = Caller("planner")
GEOD = Geod(ellps="GRS80")
NOW = datetime.now(UTC).replace(microsecond=0)
COT = """<event version="2.0" uid="{uid}" type="{type}" time="2026-03-01T00:00:00.000Z" start="2026-03-01T00:00:00.000Z"
  stale="2026-03-01T00:02:00.000Z" how="m-g"><point lat="22.7001" lon="114.2202" hae="61.5" ce="4.5" le="9999999.0"/>
  <detail><contact callsign="张三" endpoint="*:-1:stcp"/><track speed="1.25" course="270.5"/></detail></event>"""
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the time anew for each test: a position holds for minutes only, and tests before may have taken longer."""
    monkeypatch.setattr(f"{__name__}.NOW", datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def town(connection: Connection) -> dict[str, int]:
    return build_town(connection)


def place(code: str, x: float = 0, y: float = 0, seconds: float = 0, **more: Any) -> Position:
    """Return a position in metres from the town's middle, so many seconds ago."""
    lon, lat = at(x, y)
    time = (NOW - timedelta(seconds=seconds)).isoformat()
    return read_position({"code": code, "time": time, "longitude": lon, "latitude": lat, **more})


def last(connection: Connection, code: str) -> Any:
    rows = connection.execute(
        select(last_position, mobile_unit.c.name, mobile_unit.c.kind)
        .join(mobile_unit, mobile_unit.c.id == last_position.c.unit_id)
        .where(mobile_unit.c.code == code)
    )
    return rows.one()


def count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(unit_position)).scalar_one())


def test_the_same_position_again_changes_nothing(connection: Connection) -> None:
    first = place("a", 10, 20, speed_m_s=1.5, name="甲", kind="vehicle")
    [kept] = take_positions(connection, [first])
    assert (kept.status, kept.is_last, kept.kind) == ("new", True, "vehicle")
    before = connection.execute(text("select * from cim.last_position")).all()
    again = take_positions(connection, [first, first, place("a", 999, 999)])
    assert [(one.status, one.is_last) for one in again] == [("known", False)] * 3
    assert connection.execute(text("select * from cim.last_position")).all() == before
    twice = take_positions(connection, [place("b"), place("b")])
    assert [(one.status, one.is_last) for one in twice] == [("new", True), ("known", False)]
    assert count(connection) == 2


def test_the_newest_time_wins_in_every_order(connection: Connection) -> None:
    random = np.random.default_rng(7)
    positions = [place(f"u{n % 5}", n, n, seconds=float(n * 3), name=f"at {n}") for n in range(60)]
    order = random.permutation(60)
    for part in np.array_split(order, 9):
        take_positions(connection, [positions[number] for number in part])
    for number in range(5):
        # the smallest number is the newest
        found = last(connection, f"u{number}")
        assert (found.time, found.name) == (positions[number].time, f"at {number}")
    assert count(connection) == 60


def test_a_unit_keeps_what_it_does_not_say_again(connection: Connection) -> None:
    take_positions(connection, [place("a", name="甲", kind="drone", owner="消防", attributes={"a": 80}, seconds=9)])
    take_positions(connection, [place("a", attributes={"a": 79})])
    row = connection.execute(select(mobile_unit)).one()
    assert (row.name, row.kind, row.owner, row.attributes) == ("甲", "drone", "消防", {"a": 79})


def test_two_at_once_neither_lose_nor_double(engine: Engine) -> None:
    positions = [place(f"u{n % 20}", n, 0, seconds=float(n), name=str(n)) for n in range(400)]

    def push(seed: int) -> int:
        order = np.random.default_rng(seed).permutation(400)
        new = 0
        for part in np.array_split(order, 10):
            with engine.begin() as connection:
                new += sum(one.status == "new" for one in take_positions(connection, [positions[n] for n in part]))
        return new

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(push, range(4))) == 400
    with engine.connect() as connection:
        assert count(connection) == 400
        for number in range(20):
            assert last(connection, f"u{number}").time == positions[number].time


def test_days_are_partitions_and_go_when_their_time_is_over(connection: Connection) -> None:
    old = NOW - KEPT + timedelta(hours=1)
    position = Position(code="a", time=old, longitude=114.2, latitude=22.7)
    take_positions(connection, [position, place("a")])
    names = "select relname from pg_class where relname like 'unit\\_position\\_2%' order by 1"
    days = set(connection.execute(text(names)).scalars())
    assert {f"unit_position_{old:%Y%m%d}", f"unit_position_{NOW:%Y%m%d}"} <= days
    assert forget_old(connection, NOW) == 0
    assert forget_old(connection, NOW + timedelta(days=2)) >= 1
    assert f"unit_position_{old:%Y%m%d}" not in set(connection.execute(text(names)).scalars())
    assert count(connection) == 1
    edge = datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC)
    add_days(connection, [edge, edge])
    take_positions(connection, [Position(code="a", time=edge, longitude=114.2, latitude=22.7)])
    found = connection.execute(text("select count(*) from cim.unit_position_20260301")).scalar_one()
    assert found == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"longitude": 181}, "longitude is '181'"),
        ({"longitude": "114"}, "longitude is '114'"),
        ({"latitude": float("nan")}, "latitude"),
        ({"latitude": None}, "latitude"),
        ({"time": "yesterday"}, "time is 'yesterday'"),
        ({"time": 1_772_323_200}, "write it like"),
        ({"time": "2026-03-01T00:00:00"}, "without its zone"),
        ({"time": (NOW + timedelta(hours=1)).isoformat()}, "check the clock"),
        ({"time": "2020-01-01T00:00:00Z"}, "kept for 30 days"),
        ({"speed_m_s": -1}, "speed_m_s is '-1'"),
        ({"heading_deg": 361}, "heading_deg"),
        ({"kind": "tank"}, "'vehicle'"),
        ({"colour": "red"}, "unknown field: colour"),
        ({"code": ""}, "code"),
        ({"code": "a\0"}, "NUL"),
        ({"attributes": {"x": "y" * 40_000}}, "32768 bytes"),
        ({"stale_at": "2020-01-01T00:00:00Z"}, "stale_at"),
    ],
)
def test_what_is_wrong_is_told(change: dict[str, Any], says: str) -> None:
    good = {"code": "a", "time": NOW.isoformat(), "longitude": 114.2, "latitude": 22.7}
    with pytest.raises(InvalidInput, match=says):
        read_position(good | change)
    with pytest.raises(InvalidInput, match="code is missing"):
        read_position({})


def test_cursor_on_target_is_read() -> None:
    found = read_cot(COT.format(uid="ANDROID-1", type="a-f-G-U-C").encode(), now=MARCH)
    assert found.model_dump(exclude_none=True) == {
        "code": "ANDROID-1", "time": MARCH, "longitude": 114.2202, "latitude": 22.7001, "ellipsoid_height_m": 61.5,
        "accuracy_m": 4.5, "speed_m_s": 1.25, "heading_deg": 270.5, "stale_at": MARCH + timedelta(minutes=2),
        "name": "张三", "kind": "person", "attributes": {"cot_type": "a-f-G-U-C", "how": "m-g"},
    }  # fmt: skip
    unknown = COT.format(uid="x", type="a-f-A-M-F-Q").replace("61.5", "9999999.0").replace("1.25", "NaN")
    drone = read_cot(unknown.encode(), now=MARCH)
    assert (drone.kind, drone.ellipsoid_height_m, drone.speed_m_s) == ("drone", None, None)
    kinds = {"a-f-G-E-V-C": "vehicle", "a-f-S-X": "vessel", "a-f-A-C-H": "vehicle", "a-u-G": "terminal"}
    assert {kind: kind_of(kind) for kind in kinds} == kinds


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<event", "no XML"),
        (b"<alert/>", "root is <event>"),
        (b"<event/>", "lacks uid, type, time, stale"),
        (COT.format(uid="x", type="b-t-f").encode(), "begin with a-"),
        (COT.format(uid="x", type="a-f-G").replace("<point", "<pt").encode(), "<point>"),
        (COT.format(uid="x", type="a-f-G").replace("22.7001", "222").encode(), "latitude is '222.0'"),
        (COT.format(uid="x", type="a-f-G").replace("22.7001", "north").encode(), "no number"),
        (b'<!DOCTYPE event [<!ENTITY e SYSTEM "file:///etc/passwd">]><event>&e;</event>', "document type"),
        ('<!DOCTYPE event [<!ENTITY e "x">]><event>&e;</event>'.encode("utf-16"), "document type"),
        (b"<event>" + b" " * 70_000 + b"</event>", "64 kB"),
    ],
)
def test_what_is_no_position_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_cot(body, now=MARCH)


def test_a_message_is_read_as_what_it_is() -> None:
    good = {"code": "a", "time": NOW.isoformat(), "longitude": 114.2, "latitude": 22.7}
    one = read_payload(orjson.dumps(good))
    assert (one.is_single, one.found) == (True, [read_position(good)])
    many = read_payload(orjson.dumps([good, {}]))
    assert (many.is_single, [type(each) for each in many.found]) == (False, [Position, InvalidInput])
    stamp = NOW.strftime("%Y-%m-%dT%H:%M:%S")
    xml = COT.format(uid="x", type="a-f-G").replace("2026-03-01T00:00:00.000", stamp).encode()
    [terminal] = read_payload(b"\n" + xml).found
    assert isinstance(terminal, Position)
    assert (terminal.code, terminal.time) == ("x", NOW)
    for body, says in (
        (b"{", "not JSON"),
        (orjson.dumps([good] * 1001), "1001 positions"),
        (b"<a/>", "root is <event>"),
    ):
        with pytest.raises(InvalidInput, match=says):
            read_payload(body)


def test_units_are_found_by_box_kind_and_area(connection: Connection, town: dict[str, int]) -> None:
    random = np.random.default_rng(3)
    places = {f"u{number:02}": tuple(pair) for number, pair in enumerate(random.uniform(-480, 480, (40, 2)))}
    kinds = ("person", "vehicle", "drone")
    take_positions(connection, [
        place(code, *pair, seconds=200.0 * (number % 3), kind=kinds[number % 3])
        for number, (code, pair) in enumerate(places.items())
    ])  # fmt: skip
    west, south = at(-200, -100)
    east, north = at(250, 300)
    inside = {code for code, (x, y) in places.items() if -200 <= x <= 250 and -100 <= y <= 300}
    found = find_units(connection, Asked(bbox=(west, south, east, north)), PLANNER)
    assert {feature["id"] for feature in found["features"]} == inside
    # 400 s is more than what a position holds for
    for feature in found["features"]:
        assert feature["properties"]["is_stale"] == (int(feature["id"][1:]) % 3 == 2)
        assert feature["properties"]["age_s"] >= 200 * (int(feature["id"][1:]) % 3)
    drones = find_units(connection, Asked(kinds=["drone"]), PLANNER)["features"]
    assert [feature["id"] for feature in drones] == sorted(code for code in places if int(code[1:]) % 3 == 2)
    assert shapely.from_geojson(orjson.dumps(drones[0]["geometry"])).equals(shapely.Point(at(*places[drones[0]["id"]])))
    # the cells north of the middle are another community
    north_side = find_units(connection, Asked(), Caller("planner", "440307001002"))["features"]
    assert {feature["id"] for feature in north_side} == {code for code, (_, y) in places.items() if y > 0}
    page = find_units(connection, Asked(limit=15), PLANNER)["features"]
    rest = find_units(connection, Asked(after=page[-1]["id"]), PLANNER)["features"]
    assert [feature["id"] for feature in page + rest] == sorted(places)


def test_who_may_not_see_units_does_not(connection: Connection, town: dict[str, int]) -> None:
    take_positions(connection, [place("mine", 100, 100, area_code="440307001001"), place("nowhere", 5000, 5000)])
    for role in ("viewer", "service"):
        with pytest.raises(Forbidden, match="planner and above"):
            find_units(connection, Asked(), Caller(role))
        with pytest.raises(Forbidden):
            trail(connection, "mine", Caller(role))
    # where it belongs counts, and not where it is; what has no area is everybody's
    seen = find_units(connection, Asked(), Caller("planner", "440307001001"))["features"]
    assert [feature["id"] for feature in seen] == ["mine", "nowhere"]
    with pytest.raises(NotFound):
        trail(connection, "mine", Caller("planner", "440307001002"))
    with pytest.raises(NotFound):
        trail(connection, "none", PLANNER)


def test_a_trail_is_a_line_with_times(connection: Connection, town: dict[str, int]) -> None:
    positions = [place("a", n, n / 2, seconds=1000.0 - n, speed_m_s=1.0) for n in range(1000)]
    order = np.random.default_rng(1).permutation(1000)
    take_positions(connection, [positions[number] for number in order])
    whole = trail(connection, "a", PLANNER)
    assert whole["geometry"]["type"] == "LineString"
    assert whole["geometry"]["coordinates"] == [[one.longitude, one.latitude] for one in positions]
    assert whole["properties"]["times"] == [one.time for one in positions]
    assert whole["properties"]["speeds_m_s"] == [1.0] * 1000
    for most in (2, 3, 10, 100, 999):
        thin = trail(connection, "a", PLANNER, most=most)
        points = thin["geometry"]["coordinates"]
        assert most / 2 <= len(points) <= most
        assert (points[0], points[-1]) == (whole["geometry"]["coordinates"][0], whole["geometry"]["coordinates"][-1])
        assert thin["properties"]["positions"] == 1000
        at_time = dict(zip(whole["properties"]["times"], whole["geometry"]["coordinates"], strict=True))
        assert points == [at_time[time] for time in thin["properties"]["times"]]
    since, until = positions[300].time, positions[400].time
    part = trail(connection, "a", PLANNER, since=since, until=until)
    assert part["properties"]["times"] == [one.time for one in positions[300:401]]
    point = trail(connection, "a", PLANNER, since=since, until=since)
    assert point["geometry"]["type"] == "Point"
    nothing = trail(connection, "a", PLANNER, since=NOW - timedelta(days=3), until=NOW - timedelta(days=2))
    assert (nothing["geometry"], nothing["properties"]["positions"]) == (None, 0)
    with pytest.raises(InvalidInput, match="since must come before"):
        trail(connection, "a", PLANNER, since=until, until=since)


def test_of_one_who_belongs_nowhere_only_the_way_in_the_area_is_shown(
    connection: Connection, town: dict[str, int]
) -> None:
    positions = [place("a", 100, y, seconds=400.0 - y) for y in range(-300, 301, 10)]
    take_positions(connection, positions)
    seen = trail(connection, "a", Caller("planner", "440307001002"))
    assert seen["properties"]["positions"] == sum(y >= 0 for y in range(-300, 301, 10))


def test_the_nearest_are_those_by_geodesic(connection: Connection) -> None:
    random = np.random.default_rng(5)
    places = {f"u{number}": at(*pair) for number, pair in enumerate(random.uniform(-25_000, 25_000, (300, 2)))}
    take_positions(connection, [
        read_position({"code": code, "time": NOW.isoformat(), "longitude": lon, "latitude": lat})
        for code, (lon, lat) in places.items()
    ])  # fmt: skip
    take_positions(connection, [place("stale", 1, 1, seconds=500)])
    here = at(30, 40)
    apart = {code: GEOD.inv(*here, *there)[2] for code, there in places.items()}
    found = units_near(connection, Spot(*here), PLANNER, limit=20)
    assert [unit["code"] for unit in found["units"]] == sorted(apart, key=lambda code: apart[code])[:20]
    assert [unit["distance_m"] for unit in found["units"]] == pytest.approx(sorted(apart.values())[:20], abs=0.06)
    assert not found["by_road"]
    within = units_near(connection, Spot(*here), PLANNER, limit=100)["units"]
    assert max(unit["distance_m"] for unit in within) <= 20_000
    assert units_near(connection, Spot(*here), PLANNER, limit=1, with_stale=True)["units"][0]["code"] == "stale"


def test_the_nearest_by_road_is_the_quickest(connection: Connection, town: dict[str, int]) -> None:
    """Times by road, against networkx."""
    ids, graph = build_roads(connection)
    spots = {f"u{i}{j}": (i, j) for i, j in [(0, 7), (3, 6), (5, 6), (7, 0), (3, 1), (2, 6), (6, 2)]}
    take_positions(connection, [
        *(place(code, -350 + 100 * i + 5, -350 + 100 * j, kind="vehicle") for code, (i, j) in spots.items()),
        place("drone", 60, 245, kind="drone"),
    ])  # fmt: skip
    lon, lat = at(55, 245)
    event = take_in(connection, [said("1", longitude=lon, latitude=lat)], actor="test")[0].id
    found = units_near_event(connection, event, PLANNER)
    aim = ids[4, 6]
    times = {code: nx.shortest_path_length(graph, ids[spot], aim, weight="weight") if nx.has_path(graph, ids[spot], aim)
             else None for code, spot in spots.items()}  # fmt: skip
    assert found["by_road"]
    told = {unit["code"]: unit["road_s"] for unit in found["units"]}
    assert told.pop("drone") is None
    assert told == {code: None if time is None else pytest.approx(time, abs=0.51) for code, time in times.items()}
    by_time = sorted((code for code, time in times.items() if time is not None), key=lambda code: times[code] or 0)
    assert [unit["code"] for unit in found["units"]][: len(by_time)] == by_time
    # the broken column of streets makes the straight neighbour a bad choice
    assert by_time[0] == "u56"
    assert told["u36"] is None or told["u36"] > told["u56"]
    assert units_near_event(connection, event, PLANNER, kinds=["vehicle"], limit=1)["units"][0]["code"] == by_time[0]
    placeless = take_in(connection, [said("2")], actor="test")[0].id
    assert units_near_event(connection, placeless, PLANNER)["state"] == "no_place"


def test_what_is_no_longer_so_is_not_told(connection: Connection) -> None:
    before = [as_notice(one) for one in take_positions(connection, [place("a", seconds=5), place("b")])]
    now = [as_notice(one) for one in take_positions(connection, [place("a", 9, 9)])]
    # another process was slower to tell
    assert _current(connection, before) == [before[1]]
    assert _current(connection, now) == now
    assert tell_moved(connection, before + now) == 1
    assert tell_moved(connection, []) == 0


def test_a_notice_has_the_name_that_was_told_before(connection: Connection) -> None:
    take_positions(connection, [place("a", seconds=20)])
    take_positions(connection, [place("a", seconds=10, name="巡逻七车", state="patrol")])
    (now,) = take_positions(connection, [place("a", 9, 9)])
    notice = as_notice(now)
    assert (notice["name"], notice["state"], notice["lon"]) == ("巡逻七车", "patrol", at(9, 9)[0])


def test_notices_hold_what_the_database_takes(connection: Connection) -> None:
    codes = ["巡" * 60 + f"{n:03}" for n in range(200)]
    kept = take_positions(connection, [place(code, n, n, height_m=3.5, kind="person") for n, code in enumerate(codes)])
    notices = list(_notices(as_notice(one) for one in kept))
    assert sum(len(some) for some in notices) == 200
    assert len(notices) > 1
    for some in notices:
        assert len(orjson.dumps({"type": "track", "units": some})) < 8000
    assert as_notice(kept[0]) == {
        "code": "巡" * 60 + "000", "lon": at(0, 0)[0], "lat": at(0, 0)[1], "height_m": 3.5, "kind": "person",
        "time": NOW.isoformat(timespec="milliseconds"),
    }  # fmt: skip
