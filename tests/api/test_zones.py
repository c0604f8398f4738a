"""Zones over HTTP: made, changed, taken stock of, by whom it is allowed to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

pytestmark = pytest.mark.anyio

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
SQUARE = {"type": "Polygon", "coordinates": [[[114.2195, 22.6995], [114.222, 22.6995], [114.222, 22.701],
                                              [114.2195, 22.701], [114.2195, 22.6995]]]}  # fmt: skip


def body(**more: Any) -> dict[str, Any]:
    return {"name": "演练区", "by": "张三"} | more


async def test_a_zone_is_drawn_and_taken_stock_of(clients: Clients, city: Engine) -> None:
    async with clients() as client:
        made = await client.post("/zones", json=body(geometry=SQUARE))
        assert made.status_code == 201, made.text
        path = made.headers["location"]
        assert made.json() == (await client.get(path)).json()
        found = (await client.get(f"{path}/inventory?layers=buildings,cameras")).json()
        drawn = {"geometry": made.json()["geometry"], "layers": ["buildings", "cameras"]}
        asked = (await client.post("/query/inventory", json=drawn)).json()
        assert set(found["receipt"]["layers"]) == {"buildings", "cameras"}
        assert found["themes"] == asked["themes"]
        assert found["total"] == 3  # two houses and a camera
        listed = (await client.get("/zones?limit=1")).json()
        assert [one["id"] for one in listed["features"]] == [made.json()["id"]]
        assert f"after={made.json()['id']}" in listed["links"][0]["href"]
        # it is a layer like any other
        items = (await client.get("/ogc/collections/zones/items")).json()
        assert [one["properties"]["name"] for one in items["features"]] == ["演练区"]

        changed = await client.put(path, json=body(name="二", geometry=SQUARE, version=1))
        assert (changed.status_code, changed.json()["properties"]["version"]) == (200, 2)
        assert (await client.put(path, json=body(geometry=SQUARE, version=1))).status_code == 409
        assert (await client.delete(path)).status_code == 400
        log = (await client.get(f"{path}/log")).json()["entries"]
        assert [entry["action"] for entry in log] == ["create", "change"]
        assert (await client.delete(f"{path}?by=张三")).status_code == 204
        assert (await client.get(path)).status_code == 404
        assert (await client.get(f"{path}/inventory")).status_code == 404


async def test_who_may_draw(clients: Clients, city: Engine, make_key: Callable[..., str]) -> None:
    allowed = {"viewer": 403, "service": 403, "planner": 201, "commander": 201, "admin": 201}
    async with clients() as client:
        for role, status in allowed.items():
            headers = {"Authorization": f"Bearer {make_key(role)}"}
            answer = await client.post("/zones", json=body(geometry=SQUARE), headers=headers)
            assert answer.status_code == status, (role, answer.text)
            assert (await client.get("/zones", headers=headers)).status_code == 200
        street = {"Authorization": f"Bearer {make_key('planner', '440307001')}"}
        answer = await client.post("/zones", json=body(geometry=SQUARE), headers=street)
        assert answer.status_code == 403
        assert "440307001" in answer.json()["detail"]
        assert (await client.get("/zones")).status_code == 401


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"{", "JSON"),
        (b"[]", "not an object"),
        (b'{"name": "a", "by": "b", "geometry": {"type": "Polygon", "coordinates": '
         b"[[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}}", "crossing itself"),
        (b'{"name": "a", "by": "b", "area_code": "999999"}', "999999"),
        (b'{"name": "a", "by": "b", "buffer": {"object": 9223372036854775807, "distance_m": 5}}', "36854775807"),
    ],
)  # fmt: skip
async def test_bad_zones_are_problems(clients: Clients, city: Engine, sent: bytes, says: str) -> None:
    async with clients() as client:
        answer = await client.post("/zones", content=sent)
        assert answer.status_code in (400, 404, 422)
        assert answer.headers["content-type"] == "application/problem+json"
        assert says in answer.json()["detail"]
        assert (await client.get("/zones")).json()["features"] == []
