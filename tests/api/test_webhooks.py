"""Webhooks over HTTP, and the loop that sends: tried again, never twice, never lost."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import Engine, func, select, update

from api.service import Service
from api.webhook_sender import WebhookSender
from cim.access import Caller
from cim.errors import Busy
from cim.settings import Settings
from cim.tables import webhook_delivery
from layers.live.events.intake import take_in
from layers.live.webhooks.deliveries import FIRST_WAIT_S
from layers.live.webhooks.webhooks import Wish, add_webhook
from tests.api.conftest import Clients
from tests.layers.events_town import build_town, said
from tests.layers.webhook_receiver import Receiver, receiving

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_networks": "127.0.0.0/8"})


@pytest.fixture
def town(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        return build_town(connection)


def event(key: str) -> dict[str, Any]:
    return {"source": "网格", "source_key": key, "occurred_at": "2026-03-01T12:00:00Z", "type": "停水"}


async def heard(receiver: Receiver, count: int) -> None:
    await asyncio.to_thread(receiver.wait_for, count)


async def until_state(client: httpx.AsyncClient, number: int, **wanted: Any) -> dict[str, Any]:
    """Wait until the one delivery of a webhook is as wanted."""
    with anyio.fail_after(10):
        while True:
            [one] = (await client.get(f"/webhooks/{number}/deliveries")).json()["deliveries"]
            if one.items() >= wanted.items():
                return dict(one)
            await anyio.sleep(0.05)


async def test_an_event_is_told_tried_again_and_signed(client: httpx.AsyncClient, engine: Engine) -> None:
    with receiving(500, 500) as receiver:
        made = await client.post("/webhooks", json={"url": receiver.address, "types": ["H"], "steps": ["collect"]})
        assert made.status_code == 201
        number, secret = made.json()["id"], made.json()["secret"]
        created = (await client.post("/events", json=event("1"))).json()["id"]
        for attempt in (1, 2):
            await heard(receiver, attempt)
            one = await until_state(client, number, attempts=attempt, status_code=500, state="waiting")
            assert "answered 500" in one["error"]
            with engine.begin() as connection:
                wait = func.extract("epoch", webhook_delivery.c.due_at - func.now())
                left = float(connection.execute(select(wait)).scalar_one())
                assert FIRST_WAIT_S * attempt - 5 < left <= FIRST_WAIT_S * attempt
                # instead of waiting for it
                connection.execute(update(webhook_delivery).values(due_at=func.now()))
        await heard(receiver, 3)
        done = await until_state(client, number, state="delivered")
    assert (done["attempts"], done["status_code"], done["error"]) == (3, 200, None)
    assert receiver.keys() == [done["key"]] * 3
    for headers, body in receiver.heard:
        time, _, digest = headers["cim-signature"].removeprefix("t=").partition(",v1=")
        assert digest == hmac.new(secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
    told = json.loads(receiver.heard[0][1])
    assert (told["event"]["id"], told["step"], told["webhook"]) == (created, "collect", number)


async def test_one_that_hangs_keeps_nobody_waiting(client: httpx.AsyncClient) -> None:
    with receiving(*["hang"] * 20) as slow, receiving() as quick:
        for address in (slow.address, quick.address):
            assert (await client.post("/webhooks", json={"url": address})).status_code == 201
        await client.post("/events", json=[event(str(n)) for n in range(30)])
        await heard(quick, 30)
        assert len(slow.heard) <= 8
    assert len(set(quick.keys())) == 30


async def test_two_processes_send_each_once(settings: Settings, database_url: str, engine: Engine) -> None:
    with receiving() as receiver, engine.begin() as connection:
        build_town(connection)
        for _ in range(3):
            add_webhook(connection, Wish(receiver.address), Caller("admin"))
        take_in(connection, [said(str(n), type="停水") for n in range(40)], actor="test")
        connection.commit()
        async with Service(settings, database_url).running(), Service(settings, database_url).running():
            await heard(receiver, 120)
            await anyio.sleep(0.5)
        assert len(receiver.heard) == 120
        assert len(set(receiver.keys())) == 120
        with engine.connect() as other:
            states = other.execute(select(webhook_delivery.c.state, func.count()).group_by(webhook_delivery.c.state))
            assert [tuple(row) for row in states] == [("delivered", 120)]


async def test_what_is_being_sent_at_the_end_is_sent_again(
    settings: Settings, database_url: str, engine: Engine, town: dict[str, int]
) -> None:
    with receiving("hang") as receiver:
        with engine.begin() as connection:
            add_webhook(connection, Wish(receiver.address), Caller("admin"))
            take_in(connection, [said("1", type="停水")], actor="test")
        async with Service(settings, database_url).running():
            await heard(receiver, 1)
        with engine.begin() as connection:
            assert connection.execute(select(webhook_delivery.c.state)).scalar_one() == "waiting"
            connection.execute(update(webhook_delivery).values(leased_until=func.now()))
        async with Service(settings, database_url).running():
            await heard(receiver, 2)
            await anyio.sleep(0.3)
        assert len(set(receiver.keys())) == 1
        with engine.connect() as connection:
            assert connection.execute(select(webhook_delivery.c.state)).scalar_one() == "delivered"


async def test_a_database_that_fails_ends_nothing() -> None:
    asked: list[Any] = []

    async def write(function: Callable[..., Any], *_: Any) -> Any:
        asked.append(function)
        if len(asked) == 1:
            raise Busy
        return []

    sender = WebhookSender(write, [])
    with anyio.move_on_after(1):
        async with anyio.create_task_group() as group:
            group.start_soon(sender.run)
            await anyio.sleep(0.4)
            sender.wake()
    assert len(asked) == 2


async def test_webhooks_are_listed_and_removed(client: httpx.AsyncClient) -> None:
    wanted = {"url": "http://127.0.0.1:9/x", "name": "水务", "severity": 2, "bbox": [114.1, 22.6, 114.3, 22.8],
              "area_code": "440307001"}  # fmt: skip
    made = (await client.post("/webhooks", json=wanted)).json()
    [listed] = (await client.get("/webhooks")).json()["webhooks"]
    assert listed.items() >= wanted.items()
    assert "secret" not in listed
    await client.post("/events", json=[event(str(n)) for n in range(5)])
    none = (await client.get(f"/webhooks/{made['id']}/deliveries")).json()
    # water off is no grave event, and these are nowhere
    assert none == {"deliveries": [], "links": []}
    other = (await client.post("/webhooks", json={"url": "http://127.0.0.1:9/y"})).json()
    await client.post("/events", json=[event(str(n)) for n in range(5, 10)])
    page = (await client.get(f"/webhooks/{other['id']}/deliveries?limit=3&state=waiting")).json()
    rest = (await client.get(page["links"][0]["href"])).json()
    assert (len(page["deliveries"]), len(rest["deliveries"])) == (3, 2)
    for one in (made, other):
        assert (await client.delete(f"/webhooks/{one['id']}")).status_code == 204
    assert (await client.get("/webhooks")).json() == {"webhooks": []}


async def test_only_administrators_may(clients: Clients, town: dict[str, int], make_key: Callable[..., str]) -> None:
    async with clients() as client:
        for role in ("viewer", "service", "planner", "commander"):
            key = {"Authorization": f"Bearer {make_key(role)}"}
            body = {"url": "http://127.0.0.1:9/"}
            assert (await client.post("/webhooks", json=body, headers=key)).status_code == 403
            assert (await client.get("/webhooks", headers=key)).status_code == 403
            assert (await client.get("/webhooks/1/deliveries", headers=key)).status_code == 403
            assert (await client.delete("/webhooks/1", headers=key)).status_code == 403
        admin = {"Authorization": f"Bearer {make_key('admin')}"}
        assert (await client.get("/webhooks", headers=admin)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/webhooks", {"url": "http://10.0.0.1/"}, 400, "10.0.0.1, which is not public"),
        ("POST", "/webhooks", {"url": "http://169.254.169.254/latest"}, 400, "not public"),
        ("POST", "/webhooks", {"url": "http://[::1]/"}, 400, "not public"),
        ("POST", "/webhooks", {"url": "file:///etc/passwd"}, 400, "https://host/path"),
        ("POST", "/webhooks", {"url": "http://127.0.0.1/", "steps": ["moved"]}, 400, "step is"),
        ("POST", "/webhooks", {"url": "http://127.0.0.1/", "types": ["Q"]}, 400, "begins with"),
        ("POST", "/webhooks", {"url": "http://127.0.0.1/", "bbox": [1, 2, 3]}, 400, "west,south,east,north"),
        ("POST", "/webhooks", {"url": "http://127.0.0.1/", "severity": 5}, 400, "severity"),
        ("POST", "/webhooks", {"url": "http://127.0.0.1/", "secret": "x"}, 400, "secret"),
        ("GET", "/webhooks/99/deliveries", None, 404, "no webhook 99"),
        ("DELETE", "/webhooks/99", None, 404, "no webhook 99"),
    ],
)
async def test_what_is_wrong_is_told(
    client: httpx.AsyncClient, method: str, path: str, body: Any, status: int, says: str
) -> None:
    answer = await client.request(method, path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert says in answer.text
