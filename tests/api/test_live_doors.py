"""Closed doors of the live city: what each role may do, and what a key of one area neither sees nor changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely
import typer
from sqlalchemy import Connection, Engine, cast, func, select, update
from sqlalchemy.dialects.postgresql import INTERVAL
from typer.testing import CliRunner

from api.app import make_app
from api.frontend import Frontend
from cim.access import OPEN_CALLER
from cim.errors import Conflict, NotFound
from cim.provenance import touch_layers
from cim.settings import Settings
from cim.tables import (
    building,
    event,
    layer,
    mobile_unit,
    observation,
    parking,
    sensor,
    unit_position,
    webhook,
    webhook_delivery,
)
from layers.live.sensors.describe import describe_sensors
from layers.live.webhooks.command import register
from layers.live.webhooks.deliveries import GIVEN_UP_AFTER, Outcome, claim, finish
from layers.live.webhooks.webhooks import resend
from tests.api.hostile_corpus import LIVE, ROLES, House, check, opened
from tests.layers.events_town import add, at, build_town
from tests.layers.webhook_receiver import deliver, receiving

ALL = frozenset(ROLES)
PUSHES = frozenset({"service", "commander", "admin"})
PLANS = frozenset({"planner", "commander", "admin"})
ADMINISTERS = frozenset({"admin"})
STEP = {"state": "file", "by": "a"}
ZONE = {"type": "Polygon", "coordinates": [[[114.22, 22.7], [114.221, 22.7], [114.221, 22.701], [114.22, 22.7]]]}
STA = "/sta/v1.1"
#: Method and address -> who may, and a body that is right. An address that is not here fails the test.
RIGHTS: dict[tuple[str, str], tuple[frozenset[str], Any]] = {
    ("GET", "/events"): (ALL, None),
    ("POST", "/events"): (PUSHES, []),
    ("GET", "/events/types"): (ALL, None),
    ("GET", "/events/states"): (ALL, None),
    ("GET", "/events/{id}"): (ALL, None),
    ("GET", "/events/{id}/context"): (ALL, None),
    ("GET", "/events/{id}/cap"): (ALL, None),
    ("GET", "/events/{id}/units"): (PLANS, None),
    ("POST", "/events/{id}/state"): (PUSHES, STEP),
    ("POST", "/events/{id}/merge"): (PUSHES, {"into": 2, "by": "a"}),
    ("DELETE", "/events/{id}/merge"): (PUSHES, None),
    ("POST", "/tracks"): (PUSHES, []),
    ("GET", "/tracks"): (PLANS, None),
    ("GET", "/tracks/{code}"): (PLANS, None),
    ("GET", "/webhooks"): (ADMINISTERS, None),
    ("POST", "/webhooks"): (ADMINISTERS, {"url": "http://10.0.0.1/"}),
    ("DELETE", "/webhooks/{id}"): (ADMINISTERS, None),
    ("GET", "/webhooks/{id}/deliveries"): (ADMINISTERS, None),
    ("POST", "/webhooks/{id}/resend"): (ADMINISTERS, None),
    ("GET", "/sensors/last"): (ALL, None),
    ("GET", "/sensors/{id}/series"): (ALL, None),
    ("GET", "/sensors/thresholds"): (PUSHES, None),
    ("POST", "/sensors/thresholds"): (ADMINISTERS, {"kind": "水位", "limit_value": 1}),
    ("DELETE", "/sensors/thresholds/{id}"): (ADMINISTERS, None),
    ("GET", "/parking/nearest"): (ALL, None),
    ("POST", "/parking/counts"): (PUSHES, []),
    ("GET", STA): (ALL, None),
    ("GET", STA + "/{path}"): (ALL, None),
    ("POST", STA + "/{path}"): (PUSHES, {}),
    ("PATCH", STA + "/{path}"): (PUSHES, {}),
    ("PUT", STA + "/{path}"): (PUSHES, {}),
    ("DELETE", STA + "/{path}"): (PUSHES, None),
    ("POST", STA + "/CreateObservations"): (PUSHES, []),
    ("GET", "/cameras/seeing"): (ALL, None),
    ("POST", "/cameras/seeing"): (ALL, ZONE),
    ("POST", "/cameras/blind-spots"): (ALL, ZONE),
    ("POST", "/cameras/suggest"): (ALL, ZONE),
    ("GET", "/cameras/{id}/viewshed"): (ALL, None),
    ("GET", "/live"): (ALL, None),
}
HERE = "?lon=114.22&lat=22.7"
QUERIES = {"/cameras/seeing": HERE, "/parking/nearest": HERE, "/events/{id}/merge": "?by=a"}
#: The town's southern community, and the northern one: places of both in metres from its middle.
SOUTH, NORTH = "440307001001", "440307001002"
#: Keys of the whole district, and of the south.
DISTRICT, MINE, CHIEF = ("service", None), ("service", SOUTH), ("admin", SOUTH)
ADMIN, PLANNER = ("admin", None), ("planner", SOUTH)
WHY_NOT = ("does not lie", "does not belong", "does not belong", "area_code is")
DELIVERY = webhook_delivery.c


@pytest.fixture
def town(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        ids = build_town(connection)
        for name, y, area in (("south", -100, SOUTH), ("north", 100, NORTH)):
            point = {"area_code": area, "geom": _point(-100, y)}
            ids[name] = add(connection, sensor, "sensors", name, code=name, kind="水位", **point)
            add(connection, parking, "parking", name, capacity=10, **point)
        describe_sensors(connection)
    return ids


def _point(x: float, y: float) -> Any:
    return shapely.Point(at(x, y))


@pytest.fixture
def house(
    settings: Settings, database_url: str, frontend: Frontend, town: dict[str, int], make_key: Callable[..., str]
) -> Iterator[House]:
    keys = {(role, area): make_key(role, area) for role in ROLES for area in (None, SOUTH)}
    with opened(make_app(settings, database_url, frontend), keys) as made:
        yield made


def told(key: str, y: float | None, **more: Any) -> dict[str, Any]:
    """Return an event in the south (negative metres) or in the north, or in no place."""
    place = dict(zip(("longitude", "latitude"), at(-100, y), strict=True)) if y is not None else {}
    return {"source": "s", "source_key": key, "type": "烟雾报警", **place, **more}


def position(code: str, y: float, **more: Any) -> dict[str, Any]:
    lon, lat = at(-100, y)
    return {"code": code, "time": datetime.now(UTC).isoformat(), "longitude": lon, "latitude": lat, **more}


def counted(connection: Connection, table: Any, *conditions: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one())


def test_every_role_at_every_door(house: House) -> None:
    paths = house.ask(ADMIN, "GET", "/api/openapi.json").json()["paths"]
    there = {(method.upper(), path) for path, doors in paths.items() if path.startswith(LIVE) for method in doors}
    assert there == set(RIGHTS)
    for (method, path), (allowed, body) in RIGHTS.items():
        address = path.format(id=1, code="x", path="Things" if method == "POST" else "Things(1)")
        address += QUERIES.get(path, "")
        assert house.ask(None, method, address, json=body).status == 401, (method, path)
        for role in ROLES:
            for area in (None, SOUTH):
                answer = house.ask((role, area), method, address, json=body)
                check(answer, (role, area, method, path))
                if role not in allowed:
                    assert answer.status == 403, (role, area, method, path, answer)
                elif area is None:
                    assert answer.status not in (401, 403), (role, method, path, answer)


def test_events_outside_of_its_area_are_not_told_by_a_key(house: House, engine: Engine) -> None:
    assert house.ask(MINE, "POST", "/events", json=told("1", 100)).status == 403
    assert house.ask(MINE, "POST", "/events", json={"source": "s", "source_key": "2", "device": "north"}).status == 403
    known = house.ask(DISTRICT, "POST", "/events", json=told("3", 100)).json()["id"]
    batch = [told("4", -100), told("5", 100), told("6", None), told("3", -300), {"source": "s"}, told("4", -100)]
    answers = house.ask(MINE, "POST", "/events", json=batch).json()["events"]
    assert [one["status"] for one in answers] == ["created", "refused", "created", "refused", "refused", "known"]
    assert answers[5]["id"] == answers[0]["id"]
    assert f"does not lie in {SOUTH}" in answers[1]["detail"]
    assert "id" not in answers[3]
    with engine.connect() as connection:
        rows = connection.execute(select(event.c.source_key, event.c.area_code).order_by(event.c.source_key)).all()
        assert [(row.source_key, row.area_code[:12]) for row in rows] == [("3", NORTH), ("4", SOUTH), ("6", SOUTH)]
    # others may: a service without an area, and for both at once what is one's own
    assert house.ask(DISTRICT, "POST", "/events", json=told("1", 100)).status in (200, 201)
    assert house.ask(MINE, "GET", f"/events/{known}").status == 404
    for method, path, body in (("POST", "state", STEP), ("POST", "merge", {"into": known, "by": "a"})):
        assert house.ask(MINE, method, f"/events/{known}/{path}", json=body).status in (400, 404)


def test_a_key_joins_and_parts_nothing_across_the_border(house: House, engine: Engine) -> None:
    first = house.ask(DISTRICT, "POST", "/events", json=told("1", 5, severity=3)).json()
    beside = house.ask(MINE, "POST", "/events", json=told("2", -5, severity=1)).json()
    assert (first["status"], beside["status"]) == ("created", "created")
    shown = house.ask(ADMIN, "GET", f"/events/{first['id']}").json()
    assert (shown["severity"], shown["parts"]) == (3, [])
    # one who sees both may join them; one who sees one of them may not part them again
    joining = {"into": first["id"], "by": "a"}
    assert house.ask(MINE, "POST", f"/events/{beside['id']}/merge", json=joining).status == 404
    assert house.ask(DISTRICT, "POST", f"/events/{beside['id']}/merge", json=joining).status == 200
    assert house.ask(MINE, "DELETE", f"/events/{beside['id']}/merge?by=a").status == 404
    assert house.ask(DISTRICT, "DELETE", f"/events/{beside['id']}/merge?by=a").status == 200
    # parts from elsewhere are not shown
    joining = {"into": beside["id"], "by": "a"}
    assert house.ask(DISTRICT, "POST", f"/events/{first['id']}/merge", json=joining).status == 200
    assert house.ask(MINE, "GET", f"/events/{beside['id']}").json()["parts"] == []
    parts = house.ask(DISTRICT, "GET", f"/events/{beside['id']}").json()["parts"]
    assert [one["id"] for one in parts] == [first["id"]]


def test_an_event_tells_nothing_of_what_lies_elsewhere(house: House, town: dict[str, int], engine: Engine) -> None:
    with engine.begin() as connection:
        for number in ("house", "plain"):
            connection.execute(update(building).where(building.c.id == town[number]).values(area_code=NORTH))
        row = {"layer_id": "events", "source": "s", "source_key": "1", "area_code": SOUTH, "type_code": "X00",
               "building_id": town["house"], "geom": "SRID=4490;" + _point(130, 110).wkt}  # fmt: skip
        number = connection.execute(event.insert().values(row).returning(event.c.id)).scalar_one()
    parts = {who: house.ask(who, "GET", f"/events/{number}/context").json() for who in (DISTRICT, MINE)}
    # its register did not know when it was
    assert house.ask(MINE, "GET", f"/events/{number}/cap").status == 200
    assert parts[DISTRICT]["building"]["items"][0]["id"] == town["house"]
    assert parts[MINE]["building"]["items"] == []
    assert {one["code"] for one in parts[DISTRICT]["sensors"]["items"]} == {"440307RQ00000001"}
    with engine.begin() as connection:
        connection.execute(update(layer).where(layer.c.id == "events").values(visibility="commander"))
    counts = house.ask(("viewer", None), "GET", "/events/states").json()
    assert sum(state["events"] for state in counts.values()) == 0
    counts = house.ask(ADMIN, "GET", "/events/states").json()
    assert sum(state["events"] for state in counts.values()) == 1


def test_units_elsewhere_are_not_moved_by_a_key(house: House, engine: Engine) -> None:
    house.ask(DISTRICT, "POST", "/tracks", json=[position("theirs", -100, area_code=NORTH), position("guest", 100)])
    batch = [position("mine", -100), position("mine", 100), position("theirs", -100), position("guest", -100),
             position("claimed", -100, area_code=NORTH),
             position("part", -100, area_code=SOUTH + "001"), position("x", 9e5)]  # fmt: skip
    answers = house.ask(MINE, "POST", "/tracks", json=batch).json()["positions"]
    assert [one["status"] for one in answers] == ["new"] + ["refused"] * 4 + ["new", "new"]
    for one, says in zip(answers[1:5], WHY_NOT, strict=True):
        assert says in one["detail"]
    assert house.ask(MINE, "POST", "/tracks", json=position("mine", 100)).status == 403
    with engine.connect() as connection:
        assert counted(connection, unit_position) == 5
        areas = dict(connection.execute(select(mobile_unit.c.code, mobile_unit.c.area_code)).all())
        assert areas == {"theirs": NORTH, "guest": None, "mine": SOUTH, "part": SOUTH + "001", "x": SOUTH}
    seen = house.ask(PLANNER, "GET", "/tracks").json()["features"]
    assert [one["id"] for one in seen] == ["mine", "part", "x"]
    for code in ("theirs", "guest"):
        assert house.ask(PLANNER, "GET", f"/tracks/{code}").status == 404
    # the district moves them all, and so does whose area it is
    assert house.ask(DISTRICT, "POST", "/tracks", json=position("mine", 200)).status == 201
    assert house.ask(MINE, "POST", "/tracks", json=position("mine", -200)).status == 201


def test_readings_and_counts_elsewhere_are_not_written_by_a_key(
    house: House, town: dict[str, int], engine: Engine
) -> None:
    line = {"phenomenonTime": "2026-03-01T00:00:00Z", "result": 1}
    for name, status in (("south", 201), ("north", 400)):
        path = f"{STA}/Datastreams({town[name]})/Observations"
        assert house.ask(MINE, "POST", path, json=line).status == status
    lines = [[line["phenomenonTime"], 2]]
    arrays = [{"Datastream": {"@iot.id": town[name]}, "components": ["phenomenonTime", "result"], "dataArray": lines}
              for name in ("south", "north")]  # fmt: skip
    answers = house.ask(MINE, "POST", f"{STA}/CreateObservations", json=arrays).json()
    assert [one.startswith("error") for one in answers] == [False, True]
    now = datetime.now(UTC).isoformat()
    counts = [{"code": name, "free": 5, "time": now} for name in ("south", "north")]
    assert house.ask(MINE, "POST", "/parking/counts", json=counts).json() == {
        "changed": ["south"],
        "unchanged": ["north"],
    }
    with engine.connect() as connection:
        assert connection.execute(select(observation.c.sensor_id)).scalars().all() == [town["south"]]
    last = house.ask(("viewer", SOUTH), "GET", "/sensors/last").json()
    assert town["south"] in last["id"]
    assert town["north"] not in last["id"]
    assert house.ask(("viewer", SOUTH), "GET", f"/sensors/{town['north']}/series").status == 404
    near = house.ask(("viewer", SOUTH), "GET", "/parking/nearest?lon=114.22&lat=22.7").json()["parking"]
    assert [one["code"] for one in near] == ["south"]


def test_things_are_not_put_elsewhere_from_behind(house: House, town: dict[str, int], engine: Engine) -> None:
    # a place that names things in it moves them: not those of a register, nor of another area
    here = {"name": "l", "description": "", "encodingType": "application/geo+json",
            "location": {"type": "Point", "coordinates": list(at(-100, -100))}}  # fmt: skip
    with engine.connect() as connection:
        before = connection.execute(select(func.ST_AsText(sensor.c.geom)).order_by(sensor.c.id)).scalars().all()
    for who, name, status in ((MINE, "south", 409), (MINE, "north", 400), (DISTRICT, "north", 409)):
        body = here | {"Things": [{"@iot.id": town[name]}]}
        answer = house.ask(who, "POST", f"{STA}/Locations", json=body)
        assert answer.status == status, (who, name, answer)
    with engine.connect() as connection:
        assert connection.execute(select(func.ST_AsText(sensor.c.geom)).order_by(sensor.c.id)).scalars().all() == before
    thing = {"name": "t", "description": ""}
    deep: dict[str, Any] = here
    for _ in range(40):
        deep = here | {"Things": [thing | {"Locations": [deep]}]}
    answer = house.ask(DISTRICT, "POST", f"{STA}/Locations", json=deep)
    assert (answer.status, "deep inside one another" in answer.json()["detail"]) == (400, True)
    assert house.ask(MINE, "POST", f"{STA}/Locations", json=here | {"Things": [thing]}).status == 201


def test_thresholds_elsewhere_are_closed_to_an_administrator_of_one_area(house: House, town: dict[str, int]) -> None:
    path = "/sensors/thresholds"
    north = house.ask(ADMIN, "POST", path, json={"sensor_id": town["north"], "limit_value": 1}).json()["id"]
    kind = house.ask(ADMIN, "POST", path, json={"kind": "水位", "limit_value": 1}).json()["id"]
    south = house.ask(CHIEF, "POST", path, json={"sensor_id": town["south"], "limit_value": 2})
    assert south.status == 201
    refused = house.ask(CHIEF, "POST", path, json={"sensor_id": town["north"], "limit_value": 9})
    assert (refused.status, f"no sensor {town['north']}" in refused.json()["detail"]) == (400, True)
    assert house.ask(CHIEF, "POST", path, json={"kind": "水位", "limit_value": 9}).status == 403
    listed = {one["id"] for one in house.ask(CHIEF, "GET", path).json()}
    assert (kind in listed, south.json()["id"] in listed, north in listed) == (True, True, False)
    assert house.ask(CHIEF, "DELETE", f"{path}/{north}").status == 404
    assert house.ask(CHIEF, "DELETE", f"{path}/{kind}").status == 403
    assert house.ask(CHIEF, "DELETE", f"{path}/{south.json()['id']}").status == 204
    limits = {one["id"]: one["limit_value"] for one in house.ask(ADMIN, "GET", path).json()}
    assert (limits[north], limits[kind]) == (1, 1)


def test_a_stream_tells_of_its_area_only(house: House, engine: Engine) -> None:
    def happen() -> None:
        house.ask(DISTRICT, "POST", "/events", json=[told("far", 100, type="停水"), told("near", -100, type="停水")])

    heard = house.hear(("viewer", SOUTH), "/live?layers=events", b'"events":[', happen)
    [line] = [line for line in heard.splitlines() if b'"events":[' in line]
    assert line.count(b'"layer_id"') == 1
    assert SOUTH.encode() in line
    assert NORTH.encode() not in heard

    def move() -> None:
        house.ask(DISTRICT, "POST", "/tracks", json=[position("far", 100), position("near", -100)])

    heard = house.hear(PLANNER, "/live?layers=mobile_units", b'"units"', move)
    assert (b'"near"' in heard, b'"far"' in heard) == (True, False)

    def change() -> None:
        with engine.begin() as connection:
            touch_layers(connection, ["roads"], "streets", (1.0, 2.0, 3.0, 4.0))

    for who, bounds in ((DISTRICT, b'"bounds":[1.0,2.0,3.0,4.0]'), (MINE, b'"bounds":null')):
        assert bounds in house.hear(who, "/live?layers=roads", b'"bounds"', change)


def test_who_may_have_it_told_again(house: House, engine: Engine) -> None:
    with engine.begin() as connection:
        number, ids = _given_up(connection)
    path = f"/webhooks/{number}/resend"
    for who, where, status in (
        (ADMIN, f"{path}?delivery={ids[2]}", 409), (ADMIN, f"{path}?delivery=999", 404), (CHIEF, path, 404),
        (ADMIN, "/webhooks/999/resend", 404), (("commander", None), path, 403),
    ):  # fmt: skip
        assert house.ask(who, "POST", where).status == status, (who, where)
    assert house.ask(ADMIN, "POST", f"{path}?delivery={ids[0]}").json() == {"resent": 1}


def test_what_was_given_up_is_told_again_once(engine: Engine, town: dict[str, int]) -> None:
    with engine.begin() as connection:
        number, ids = _given_up(connection)
        assert claim(connection, 9) == []
    with receiving() as receiver:
        with engine.begin() as connection:
            connection.execute(update(webhook).values(url=receiver.address))
            assert resend(connection, number, OPEN_CALLER, ids[0]) == 1
            [one] = claim(connection, 9)
        outcome = deliver(one)
        with engine.begin() as connection:
            assert (one.id, one.attempts, outcome) == (ids[0], 10, Outcome(200, None))
            assert finish(connection, one, outcome)
            assert resend(connection, number, OPEN_CALLER) == 1
            [other] = claim(connection, 9)
            assert finish(connection, other, Outcome(500, "no"))
            states = [connection.execute(select(DELIVERY.state).where(DELIVERY.id == each)).scalar() for each in ids]
            assert states == ["delivered", "given_up", "delivered"]
    assert receiver.keys() == [str(one.key)]


def test_the_command_has_it_told_again(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CIM_DATABASE_URL", database_url)
    monkeypatch.setenv("CIM_HOME", str(tmp_path))
    app = typer.Typer()
    register(app)
    with engine.begin() as connection:
        number, ids = _given_up(connection)
    run = CliRunner().invoke
    assert run(app, ["webhooks", "resend", str(number), "--delivery", str(ids[1])]).exit_code == 0
    assert isinstance(run(app, ["webhooks", "resend", str(number), "--delivery", str(ids[2])]).exception, Conflict)
    assert isinstance(run(app, ["webhooks", "resend", "999"]).exception, NotFound)
    done = run(app, ["webhooks", "resend", str(number)])
    assert (done.exit_code, "1 deliveries" in done.stderr) == (0, True)
    with engine.connect() as connection:
        assert counted(connection, webhook_delivery, DELIVERY.state == "waiting") == 2


def _given_up(connection: Connection) -> tuple[int, list[int]]:
    """Write a webhook with two deliveries that were given up, and one that was made."""
    new = webhook.insert().values(url="http://10.9.9.9/", secret="s").returning(webhook.c.id)
    number = connection.execute(new).scalar_one()
    rows = [
        {"webhook_id": number, "step": "collect", "body": {"id": n}, "state": state, "finished_at": func.now(),
         "created_at": func.now() - cast(2 * GIVEN_UP_AFTER, INTERVAL), "attempts": 9}
        for n, state in enumerate(("given_up", "given_up", "delivered"))
    ]  # fmt: skip
    return number, [
        connection.execute(webhook_delivery.insert().values(row).returning(DELIVERY.id)).scalar_one() for row in rows
    ]
