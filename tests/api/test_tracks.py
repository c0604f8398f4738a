"""Tracks over HTTP: positions by every way in, where units are, trails, who is near, heard of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx
import orjson
import pytest
from sqlalchemy import Engine, func, select

from api.live import LiveEvent
from api.routers.live import Wanted, _shown
from api.service import Service
from api.track_notices import TrackNotices
from cim.access import Caller
from cim.settings import Settings
from cim.tables import unit_position
from layers.live.tracks.incoming import read_position
from layers.live.tracks.positions import Kept
from tests.api.conftest import Clients
from tests.layers.events_town import at, build_town

pytestmark = pytest.mark.anyio


@pytest.fixture
def town(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        return build_town(connection)


def place(code: str, x: float = 0, y: float = 0, seconds: float = 0, **more: Any) -> dict[str, Any]:
    lon, lat = at(x, y)
    time = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
    return {"code": code, "time": time, "longitude": lon, "latitude": lat, **more}


def cot(uid: str, x: float, y: float) -> bytes:
    lon, lat = at(x, y)
    now = datetime.now(UTC)
    stamp, stale = (time.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for time in (now, now + timedelta(minutes=2)))
    return f"""<?xml version="1.0" encoding="UTF-8"?><event version="2.0" uid="{uid}" type="a-f-G-U-C" how="m-g"
      time="{stamp}" start="{stamp}" stale="{stale}"><point lat="{lat}" lon="{lon}" hae="60" ce="5" le="9999999"/>
      <detail><contact callsign="巡逻一组"/></detail></event>""".encode()


async def test_positions_come_in_by_every_way(client: httpx.AsyncClient) -> None:
    one = place("drone-1", 100, 100, kind="drone", name="无人机一号", height_m=120.0)
    first = await client.post("/tracks", json=one)
    assert (first.status_code, first.json()["status"], first.json()["is_last"]) == (201, "new", True)
    again = await client.post("/tracks", json=one)
    assert (again.status_code, again.json()["status"], again.json()["is_last"]) == (200, "known", False)
    many = await client.post("/tracks", json=[place("car-1", 0, 0, kind="vehicle"), {"code": "x"}, place("car-2")])
    assert [each["status"] for each in many.json()["positions"]] == ["new", "refused", "new"]
    assert "time is missing" in many.json()["positions"][1]["detail"]
    xml = await client.post("/tracks", content=cot("T-1", -50, -50), headers={"Content-Type": "application/xml"})
    assert (xml.status_code, xml.json()["code"]) == (201, "T-1")
    found = (await client.get("/tracks")).json()
    assert [feature["id"] for feature in found["features"]] == ["T-1", "car-1", "car-2", "drone-1"]
    assert found["features"][0]["properties"]["name"] == "巡逻一组"
    assert found["features"][3]["geometry"]["coordinates"] == pytest.approx(at(100, 100))
    drones = (await client.get("/tracks?kind=drone,vessel")).json()["features"]
    assert [(one["id"], one["properties"]["height_m"]) for one in drones] == [("drone-1", 120.0)]
    west, south, east, north = (*at(-60, -60), *at(-40, -40))
    boxed = (await client.get(f"/tracks?bbox={west},{south},{east},{north}")).json()["features"]
    assert [one["id"] for one in boxed] == ["T-1"]
    page = (await client.get("/tracks?limit=3")).json()
    more = (await client.get(page["links"][0]["href"])).json()
    assert [one["id"] for one in more["features"]] == ["drone-1"]


async def test_a_trail_and_who_is_near_an_event(client: httpx.AsyncClient) -> None:
    way = [place("car-1", n, 0, seconds=100 - n, kind="vehicle") for n in range(100)]
    assert (await client.post("/tracks", json=way)).status_code == 200
    trail = (await client.get("/tracks/car-1")).json()
    assert len(trail["geometry"]["coordinates"]) == len(trail["properties"]["times"]) == 100
    since, until = way[10]["time"], way[20]["time"]
    part = (await client.get("/tracks/car-1", params={"since": since, "until": until})).json()
    assert len(part["properties"]["times"]) == 11
    assert len((await client.get("/tracks/car-1?points=10")).json()["geometry"]["coordinates"]) <= 10
    await client.post("/tracks", json=place("uid/with a slash", 50, 0))
    assert (await client.get("/tracks/uid%2Fwith%20a%20slash")).json()["geometry"]["type"] == "Point"
    lon, lat = at(120, 0)
    event = {"source": "a", "source_key": "1", "longitude": lon, "latitude": lat}
    number = (await client.post("/events", json=event)).json()["id"]
    near = (await client.get(f"/events/{number}/units")).json()
    assert [unit["code"] for unit in near["units"]] == ["car-1", "uid/with a slash"]
    assert near["units"][0]["distance_m"] == pytest.approx(21, abs=0.5)
    assert (await client.get(f"/events/{number}/units?kind=drone")).json()["state"] == "none"


async def test_roles_and_areas_hold(clients: Clients, town: dict[str, int], make_key: Callable[..., str]) -> None:
    async with clients() as client:
        keys = {role: {"Authorization": f"Bearer {make_key(role)}"} for role in ("viewer", "service", "planner")}
        mine = {"Authorization": f"Bearer {make_key('planner', '440307001002')}"}
        body = [place("north", 0, 100), place("south", 0, -100)]
        assert (await client.post("/tracks", json=body, headers=keys["viewer"])).status_code == 403
        assert (await client.post("/tracks", json=body, headers=keys["planner"])).status_code == 403
        assert (await client.post("/tracks", json=body, headers=keys["service"])).status_code == 200
        for path in ("/tracks", "/tracks/north"):
            assert (await client.get(path, headers=keys["viewer"])).status_code == 403
            assert (await client.get(path, headers=keys["service"])).status_code == 403
        assert len((await client.get("/tracks", headers=keys["planner"])).json()["features"]) == 2
        seen = (await client.get("/tracks", headers=mine)).json()["features"]
        assert [one["id"] for one in seen] == ["north"]
        assert (await client.get("/tracks/south", headers=mine)).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/tracks?kind=tank", 400, "use some of"),
        ("GET", "/tracks?bbox=1,2,3", 400, "west,south,east,north"),
        ("GET", "/tracks?limit=0", 400, "limit"),
        ("GET", "/tracks/none", 404, "no unit 'none'"),
        ("GET", "/tracks/none?since=yesterday", 400, "yesterday"),
        ("GET", "/events/999999/units", 404, "no event"),
        ("POST", "/tracks", 400, "not JSON"),
    ],
)
async def test_what_is_wrong_is_told(client: httpx.AsyncClient, method: str, path: str, status: int, says: str) -> None:
    answer = await client.request(method, path, content=b"{" if method == "POST" else None)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert says in answer.text


async def test_many_terminals_are_taken_in_together(client: httpx.AsyncClient, engine: Engine) -> None:
    bodies = [place(f"t{n % 100}", n, 0, seconds=n) for n in range(300)]
    answers = await asyncio.gather(*(client.post("/tracks", json=body) for body in bodies))
    assert {answer.status_code for answer in answers} == {201}
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(unit_position)).scalar_one() == 300
    found = (await client.get("/tracks")).json()["features"]
    newest = {body["code"]: body["time"] for body in reversed(bodies)}
    assert {one["id"]: datetime.fromisoformat(one["properties"]["time"]) for one in found} == {
        code: datetime.fromisoformat(time) for code, time in newest.items()
    }


async def test_units_that_move_are_heard_of_once_a_second(
    settings: Settings, database_url: str, town: dict[str, int]
) -> None:
    service = Service(settings, database_url)
    async with service.running(), service.live.subscribe() as listener:
        for n in range(20):
            await service.tracks.take([read_position(place("a", n, 0, kind="drone"))], "service")
        await service.tracks.take([read_position(place("b", 5, 0, seconds=3))], "service")
        notices = []
        with anyio.move_on_after(2.5):
            while True:
                event = await listener.queue.get()
                assert event is not None
                if event.kind == "track":
                    notices.append(event)
    assert 1 <= len(notices) <= 3
    told = {unit["code"]: unit for event in notices for unit in event.data["units"]}
    assert set(told) == {"a", "b"}
    assert told["a"]["lon"] == pytest.approx(at(19, 0)[0])
    assert (told["a"]["kind"], told["a"]["area_code"]) == ("drone", "440307001002004")


async def test_of_several_moves_the_last_is_told() -> None:
    told: list[Any] = []

    async def tell(units: Any) -> None:
        told.append(units)

    notices = TrackNotices(tell)
    for n in range(3):
        notices.note([Kept(read_position(place("a", n, 0)), "new", n < 2, "person", None)])
    with anyio.move_on_after(1.5):
        await notices.run()
    assert [[(unit["code"], unit["lon"]) for unit in units] for units in told] == [[("a", at(1, 0)[0])]]


async def test_units_are_heard_of_by_who_may_see_them(settings: Settings, database_url: str) -> None:
    units = [
        {"code": "a", "lon": 114.2, "lat": 22.7, "area_code": "440307001"},
        {"code": "b", "lon": 114.3, "lat": 22.7, "area_code": "440307002"},
        {"code": "c", "lon": 114.2, "lat": 22.7},
    ]
    service = Service(settings, database_url)

    async def codes(wanted: Wanted) -> list[str]:
        shown = await _shown(service, wanted, LiveEvent(1, "track", {"units": units}))
        return [one["code"] for one in shown["units"]] if shown else []

    planner = Caller("planner")
    assert await codes(Wanted(Caller("viewer"))) == []
    assert await codes(Wanted(Caller("service"))) == []
    assert await codes(Wanted(planner)) == ["a", "b", "c"]
    assert await codes(Wanted(Caller("planner", "440307001"))) == ["a", "c"]
    assert await codes(Wanted(planner, frozenset({"events"}))) == []
    assert await codes(Wanted(planner, frozenset({"mobile_units"}), (114.25, 22.0, 115.0, 23.0))) == ["b"]
    assert orjson.dumps(units)
    await service.engine.dispose()
