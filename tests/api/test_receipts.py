"""Receipts over HTTP: kept with their question, asked again, compared; seen by whoever may see as much."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, delete, update

from cim.provenance import touch_layers
from cim.tables import building, receipt
from layers.queries.kept_receipts import LARGEST_BODY, forget_receipts

pytestmark = pytest.mark.anyio

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
ZONE = {"type": "Polygon", "coordinates": [[[114.2195, 22.6995], [114.222, 22.6995], [114.222, 22.701],
                                           [114.2195, 22.701], [114.2195, 22.6995]]]}  # fmt: skip


async def asked(client: httpx.AsyncClient, **headers: str) -> dict[str, Any]:
    answer = await client.post("/query/inventory", json={"geometry": ZONE, "layers": ["buildings"]}, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_answer_holds_until_something_in_it_changes(clients: Clients, city: Engine) -> None:
    async with clients() as client:
        first = await asked(client)
        digest = first["receipt"]["hash"]
        assert first["receipt"]["layers"]["buildings"]["found"] == 2
        kept = (await client.get(f"/receipts/{digest}")).json()
        assert (kept["asked"]["method"], kept["asked"]["path"]) == ("POST", "/query/inventory")
        assert kept["asked"]["body"] == {"geometry": ZONE, "layers": ["buildings"]}
        again = (await client.post(f"/receipts/{digest}/rerun")).json()
        assert (again["holds"], again["layers"], again["differs"]) == (True, [], [])
        # a change elsewhere raises the version; the answer is the same
        with city.begin() as connection:
            connection.execute(update(building).where(building.c.source_key == "B3").values(name="远"))
            touch_layers(connection, ["buildings"], None, None)
        still = (await client.post(f"/receipts/{digest}/rerun")).json()
        assert (still["holds"], still["differs"]) == (True, [])
        [layer] = still["layers"]
        assert layer["version_now"] == layer["version_then"] + 1
        assert (layer["found_then"], layer["found_now"]) == (2, 2)
        assert still["now"]["hash"] != digest
        with city.begin() as connection:
            connection.execute(delete(building).where(building.c.source_key == "B2"))
            touch_layers(connection, ["buildings"], None, None)
        gone = (await client.post(f"/receipts/{digest}/rerun")).json()
        assert (gone["holds"], gone["differs"]) == (False, ["themes", "total"])
        assert (gone["layers"][0]["found_then"], gone["layers"][0]["found_now"]) == (2, 1)
        # what was asked again left no receipt of its own
        assert (await client.get(f"/receipts/{gone['now']['hash']}")).status_code == 404


async def test_other_analyses_keep_theirs(clients: Clients, city: Engine) -> None:
    async with clients() as client:
        for path in ("/cameras/seeing?lon=114.2202&lat=22.7003", "/query/aggregate"):
            answer = (
                await client.get(path)
                if "?" in path
                else await client.post(path, json={"layer": "buildings", "grid": "h3", "level": 8})
            )
            digest = answer.json()["receipt"]["hash"]
            again = await client.post(f"/receipts/{digest}/rerun")
            assert again.status_code == 200, again.text
            assert again.json()["holds"], again.json()


async def test_who_may_see_a_receipt(clients: Clients, city: Engine, make_key: Callable[..., str]) -> None:
    keys = {role: {"Authorization": f"Bearer {make_key(role)}"} for role in ("viewer", "planner", "commander")}
    street = {"Authorization": f"Bearer {make_key('commander', '440307001')}"}
    async with clients() as client:
        digest = (await asked(client, **keys["planner"]))["receipt"]["hash"]
        for role, status in (("viewer", 404), ("planner", 200), ("commander", 200)):
            assert (await client.get(f"/receipts/{digest}", headers=keys[role])).status_code == status
        # the district's answer is not for a street centre
        assert (await client.get(f"/receipts/{digest}", headers=street)).status_code == 404
        own = (await asked(client, **street))["receipt"]["hash"]
        assert (await client.get(f"/receipts/{own}", headers=keys["commander"])).status_code == 200
        seen = (await client.post(f"/receipts/{digest}/rerun", headers=keys["commander"])).json()
        assert seen["same_eyes"] is False


async def test_bad_hashes_and_questions_that_cannot_be_asked(clients: Clients, city: Engine) -> None:
    async with clients() as client:
        assert (await client.get("/receipts/abc")).status_code == 400
        unknown = await client.post(f"/receipts/sha256:{'0' * 64}/rerun")
        assert unknown.status_code == 404
        assert unknown.headers["content-type"] == "application/problem+json"
        made = await client.post("/zones", json={"name": "z", "by": "x", "geometry": ZONE})
        digest = (await client.get(f"{made.headers['location']}/inventory")).json()["receipt"]["hash"]
        await client.delete(f"{made.headers['location']}?by=x")
        gone = await client.post(f"/receipts/{digest}/rerun")
        assert (gone.status_code, "no longer be answered" in gone.json()["detail"]) == (409, True)
        large = {"geometry": ZONE, "layers": ["buildings"], "list_limit": 5} | {"name": "x" * LARGEST_BODY}
        answer = await client.post("/query/inventory", json=large)
        if answer.status_code == 200:
            assert (await client.get(f"/receipts/{answer.json()['receipt']['hash']}")).status_code == 404
    with city.begin() as connection:
        assert forget_receipts(connection) == 0
        connection.execute(update(receipt).values(asked_at="2020-01-01T00:00:00Z"))
        assert forget_receipts(connection) > 0
