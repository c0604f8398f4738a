"""Events over HTTP: taken in by every way, listed, handled, heard of."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import Engine, func, select

from cim.tables import event
from tests.api.conftest import Clients
from tests.layers.events_town import at, build_town

pytestmark = pytest.mark.anyio
NOW = "2026-03-01T12:00:00+00:00"


@pytest.fixture
def town(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        return build_town(connection)


def said(key: str, **more: Any) -> dict[str, Any]:
    return {"source": "网格", "source_key": key, "occurred_at": NOW} | more


async def test_an_event_runs_through_its_states(client: httpx.AsyncClient, town: dict[str, int]) -> None:
    lon, lat = at(130, 110)
    body = said("1", type="燃气浓度超限", longitude=lon, latitude=lat, height_m=20.0)
    first = await client.post("/events", json=body)
    assert (first.status_code, first.json()["status"]) == (201, "created")
    again = await client.post("/events", json=body)
    assert (again.status_code, again.json()) == (200, first.json() | {"status": "known"})
    number = first.json()["id"]
    found = (await client.get(f"/events/{number}")).json()
    assert (found["storey_number"], found["storey_id"], found["space_id"]) == (7, town["storey7"], town["room702"])
    assert found["responsible"] == "manager 3"
    assert found["type_title"] == {"zh": "燃气浓度超限", "en": "Gas concentration above limit"}
    assert found["next"] == [{"state": "file", "needs_note": False}, {"state": "close", "needs_note": True}]
    for state in ("file", "dispatch", "handle", "feedback", "close", "evaluate"):
        done = await client.post(f"/events/{number}/state", json={"state": state, "by": "张三"})
        assert (done.status_code, done.json()["state"]) == (200, state)
    refused = await client.post(f"/events/{number}/state", json={"state": "file", "by": "张三"})
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    log = (await client.get(f"/events/{number}")).json()["log"]
    assert [(step["action"], step["actor"]) for step in log][:2] == [("collect", "admin"), ("file", "张三")]
    states = (await client.get("/events/states")).json()
    assert states["evaluate"] == {"events": 1, "overdue": 0}


async def test_many_come_at_once_and_the_wrong_ones_are_told(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/events", json=[said("1"), {"source": "a"}, said("2", severity=9), said("3"), said("1")]
    )
    assert answer.status_code == 200
    statuses = [one["status"] for one in answer.json()["events"]]
    assert statuses == ["created", "refused", "refused", "created", "known"]
    assert "severity is 9" in answer.json()["events"][2]["detail"]
    too_many = await client.post("/events", json=[said(str(n)) for n in range(1001)])
    assert too_many.status_code == 400
    page = (await client.get("/events?limit=1")).json()
    assert len(page["events"]) == 1
    older = (await client.get(page["links"][0]["href"])).json()
    assert older["events"][0]["id"] < page["events"][0]["id"]


async def test_cloudevents_and_alerts_are_taken_in(client: httpx.AsyncClient) -> None:
    one = {"specversion": "1.0", "id": "9", "source": "/ai/1", "type": "人员聚集", "data": {}}
    single = await client.post(
        "/events", content=orjson.dumps(one), headers={"Content-Type": "application/cloudevents+json; charset=utf-8"}
    )
    assert single.status_code == 201
    both = await client.post(
        "/events", content=orjson.dumps([one, one | {"id": "10"}]),
        headers={"Content-Type": "application/cloudevents-batch+json"},
    )  # fmt: skip
    assert [each["status"] for each in both.json()["events"]] == ["known", "created"]
    alert = (await client.get(f"/events/{single.json()['id']}/cap")).content
    sent = await client.post("/events", content=alert, headers={"Content-Type": "application/cap+xml"})
    assert sent.status_code == 201
    wrong = await client.post("/events", content=b"<alert/>", headers={"Content-Type": "application/xml"})
    assert (wrong.status_code, "no CAP alert" in wrong.text) == (400, True)


async def test_reports_are_joined_and_parted(client: httpx.AsyncClient) -> None:
    lon, lat = at(-100, -100)
    here = {"longitude": lon, "latitude": lat}
    first = (await client.post("/events", json=said("1", type="烟火识别", **here))).json()
    second = (await client.post("/events", json=said("2", type="烟雾报警", **here))).json()
    assert (second["status"], second["merged_into_id"]) == ("merged", first["id"])
    listed = (await client.get("/events")).json()["events"]
    assert [one["id"] for one in listed] == [first["id"]]
    parts = (await client.get(f"/events/{first['id']}")).json()["parts"]
    assert [one["id"] for one in parts] == [second["id"]]
    parted = await client.delete(f"/events/{second['id']}/merge", params={"by": "李四", "note": "两起"})
    assert parted.json()["merged_into_id"] is None
    joined = await client.post(f"/events/{second['id']}/merge", json={"into": first["id"], "by": "李四"})
    assert joined.json()["id"] == first["id"]


async def test_roles_and_areas_hold(clients: Clients, town: dict[str, int], make_key: Callable[..., str]) -> None:
    lon, lat = at(-100, 100)
    async with clients() as client:
        keys = {role: {"Authorization": f"Bearer {make_key(role)}"} for role in ("viewer", "service", "commander")}
        mine = {"Authorization": f"Bearer {make_key('service', '440307001001')}"}
        body = said("1", longitude=lon, latitude=lat)
        assert (await client.post("/events", json=body, headers=keys["viewer"])).status_code == 403
        made = await client.post("/events", json=body, headers=keys["service"])
        number = made.json()["id"]
        assert (await client.get(f"/events/{number}", headers=mine)).status_code == 404
        assert (await client.get("/events", headers=mine)).json()["events"] == []
        step = {"state": "file", "by": "a"}
        assert (await client.post(f"/events/{number}/state", json=step, headers=mine)).status_code == 404
        assert (await client.post(f"/events/{number}/state", json=step, headers=keys["viewer"])).status_code == 403
        assert (await client.post(f"/events/{number}/state", json=step, headers=keys["commander"])).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/events?state=x", 400, "use some of"),
        ("GET", "/events?bbox=1,2,3", 400, "west,south,east,north"),
        ("GET", "/events?bbox=nan,0,1,1", 400, "west,south,east,north"),
        ("GET", "/events?since=yesterday", 400, "yesterday"),
        ("GET", "/events?since=2026-01-01T00:00:00", 400, "without its zone"),
        ("GET", "/events?limit=0", 400, "limit"),
        ("GET", "/events/999999999999", 404, "no event"),
        ("GET", "/events/99999999999999999999999", 400, "id"),
        ("POST", "/events", 400, "not JSON"),
        ("DELETE", "/events/1/merge", 400, "by"),
    ],
)
async def test_what_is_wrong_is_told(client: httpx.AsyncClient, method: str, path: str, status: int, says: str) -> None:
    answer = await client.request(method, path, content=b"{" if method == "POST" else None)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert says in answer.text


async def test_many_clients_are_taken_in_together(client: httpx.AsyncClient, engine: Engine) -> None:
    answers = await asyncio.gather(*(client.post("/events", json=said(f"k{n % 150}")) for n in range(300)))
    assert Counter(answer.status_code for answer in answers) == {200: 150, 201: 150}
    assert len({answer.json()["id"] for answer in answers}) == 150
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(event)).scalar_one() == 150
