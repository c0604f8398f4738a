"""Webhooks: the outbox, the lease, the retries, who may, and the command."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from sqlalchemy import Connection, Engine, func, select, text, update
from typer.testing import CliRunner

from cim.access import Caller
from cim.errors import Forbidden, InvalidInput, NotFound
from cim.tables import event, webhook, webhook_delivery
from layers.live.events.intake import take_in
from layers.live.events.states import advance
from layers.live.webhooks.command import register
from layers.live.webhooks.deliveries import EACH, Delivery, Outcome, claim, finish, forget_told, wait_s
from layers.live.webhooks.webhooks import Wish, add_webhook, list_deliveries, list_webhooks, remove_webhook
from tests.layers.events_town import at, build_town, said
from tests.layers.webhook_receiver import Receiver, deliver, receiving

ADMIN = Caller("admin")


def happen(connection: Connection, key: str, x: float = 0, y: float = 0, **more: Any) -> int:
    lon, lat = at(x, y)
    return take_in(connection, [said(key, longitude=lon, latitude=lat, **more)], actor="test")[0].id


def hook(connection: Connection, url: str = "https://example.org/hook", **more: Any) -> int:
    return int(add_webhook(connection, Wish(url, **more), ADMIN)["id"])


def queued(connection: Connection) -> list[tuple[int, int, str]]:
    d = webhook_delivery.c
    return [tuple(row) for row in connection.execute(select(d.webhook_id, d.event_id, d.step).order_by(d.id))]


@pytest.fixture
def town(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        return build_town(connection)


def test_a_delivery_comes_with_the_change_or_not_at_all(engine: Engine, town: dict[str, int]) -> None:
    with engine.begin() as connection:
        number = hook(connection)
        first = happen(connection, "1", 130, 110, type="烟雾报警", height_m=20.0)
    with engine.connect() as connection:
        happen(connection, "2", -300, 0)
        assert len(queued(connection)) == 2
        connection.rollback()
    with engine.begin() as connection:
        assert queued(connection) == [(number, first, "collect")]
        advance(connection, first, "file", ADMIN, actor="张三")
        # told again by its source it is nothing new
        happen(connection, "1", 130, 110)
        assert queued(connection)[1:] == [(number, first, "file")]
        body = (
            connection.execute(select(webhook_delivery.c.body).order_by(webhook_delivery.c.id.desc())).scalars().first()
        )
        row = connection.execute(select(event).where(event.c.id == first)).one()
    assert (body["id"], body["state"], body["type_code"], body["severity"]) == (
        first,
        "file",
        row.type_code,
        row.severity,
    )
    assert (body["longitude"], body["latitude"]) == pytest.approx(at(130, 110))
    assert (body["building_id"], body["storey_number"], body["room"]) == (town["house"], 7, "702")
    assert datetime.fromisoformat(body["occurred_at"]) == row.occurred_at
    assert "张三" not in json.dumps(body, ensure_ascii=False)


def test_each_is_told_of_what_it_asked_for(engine: Engine, town: dict[str, int]) -> None:
    random = np.random.default_rng(8)
    kinds = ["烟雾报警", "噪声扰民", "燃气浓度超限", "停水"]
    with engine.begin() as connection:
        wishes: dict[int, dict[str, Any]] = {}
        for _ in range(40):
            west, south = random.uniform(-450, 200, 2)
            wish: dict[str, Any] = {}
            if random.uniform() < 0.5:
                wish["types"] = tuple(random.choice(["A", "A03", "E", "H", "P01"], 2, replace=False))
            if random.uniform() < 0.3:
                wish["steps"] = ("collect",) if random.uniform() < 0.5 else ("close", "overdue")
            if random.uniform() < 0.3:
                wish["severity"] = int(random.integers(1, 5))
            if random.uniform() < 0.4:
                wish["bbox"] = (*at(west, south), *at(west + 300, south + 300))
            if random.uniform() < 0.4:
                wish["area_code"] = str(random.choice(["440307001001", "440307001002", "44"]))
            wishes[hook(connection, **wish)] = wish
        ids = [
            happen(connection, str(n), *random.uniform(-480, 480, 2), type=str(random.choice(kinds))) for n in range(30)
        ]
        columns = ("id", "type_code", "severity", "area_code", "merged_into_id")
        place = (func.ST_X(event.c.geom).label("lon"), func.ST_Y(event.c.geom).label("lat"))
        rows = connection.execute(select(*(event.c[name] for name in columns), *place).where(event.c.id.in_(ids))).all()
        found = {(number, event_id) for number, event_id, _ in queued(connection)}
    expected = {
        (number, row.id)
        for number, wish in wishes.items()
        for row in rows
        if any(row.type_code.startswith(code) for code in wish.get("types", ("",)))
        and ("merge" if row.merged_into_id else "collect") in wish.get("steps", ("collect", "merge"))
        and row.severity <= wish.get("severity", 4)
        and row.area_code.startswith(wish.get("area_code", ""))
        and _is_in(wish.get("bbox", (-180, -90, 180, 90)), row.lon, row.lat)
    }
    assert 50 < len(expected) < 900
    assert found == expected


def _is_in(box: tuple[float, float, float, float], lon: float, lat: float) -> bool:
    return box[0] <= lon <= box[2] and box[1] <= lat <= box[3]


def test_no_two_take_the_same_and_one_does_not_take_all(engine: Engine, town: dict[str, int]) -> None:
    with engine.begin() as connection:
        hooks = [hook(connection) for _ in range(5)]
        for number in range(20):
            happen(connection, str(number), -400 + 40 * number, 0, type="停水")
        total = len(queued(connection))

    def take(_: int) -> list[Delivery]:
        with engine.begin() as connection:
            return claim(connection, 3)

    with ThreadPoolExecutor(4) as pool:
        taken = [one for some in pool.map(take, range(12)) for one in some]
    assert total == 100
    assert len({one.id for one in taken}) == len(taken)
    assert {one.webhook_id for one in taken} == set(hooks)
    assert {one.attempts for one in taken} == {1}
    with engine.begin() as connection:
        held = [one for _ in range(20) for one in claim(connection, 16)] + taken
        # two that look at the same moment may each take their share
        assert all(EACH <= sum(one.webhook_id == number for one in held) <= 2 * EACH for number in hooks)
        assert claim(connection, 16) == []
        connection.execute(update(webhook_delivery).values(leased_until=func.now() - timedelta(seconds=1)))
        again = claim(connection, 16)
    assert len(again) == 16
    assert all(one.attempts in (1, 2) for one in again)


def test_the_wait_doubles_up_to_six_hours() -> None:
    assert [wait_s(attempts) for attempts in range(1, 6)] == [10, 20, 40, 80, 160]
    assert [wait_s(attempts) for attempts in (12, 13, 1000)] == [20480, 21600, 21600]


def test_what_fails_is_tried_again_and_given_up_after_three_days(connection: Connection) -> None:
    build_town(connection)
    hook(connection)
    happen(connection, "1", type="停水")
    d = webhook_delivery.c

    def row() -> Any:
        return connection.execute(select(webhook_delivery, func.now().label("now"))).one()

    def due() -> None:
        connection.execute(update(webhook_delivery).values(due_at=func.now()))

    for attempt in range(1, 4):
        [one] = claim(connection, 16)
        assert finish(connection, one, Outcome(500, "no"))
        assert (row().state, row().status_code, row().attempts, row().leased_until) == ("waiting", 500, attempt, None)
        assert (row().due_at - row().now).total_seconds() == 10 * 2 ** (attempt - 1)
        assert claim(connection, 16) == []
        due()
    [one] = claim(connection, 16)
    connection.execute(
        update(webhook_delivery).values(created_at=func.now() - timedelta(days=3) + timedelta(seconds=30))
    )
    assert finish(connection, one, Outcome(None, "no answer"))
    # the last attempt is at the end, not after it
    assert (row().due_at - row().now).total_seconds() == 30
    due()
    [one] = claim(connection, 16)
    connection.execute(update(webhook_delivery).values(created_at=func.now() - timedelta(days=3)))
    assert finish(connection, one, Outcome(None, "no answer"))
    assert (row().state, row().error, row().finished_at) == ("given_up", "no answer", row().now)
    assert claim(connection, 16) == []
    assert list_webhooks(connection, ADMIN)[0]["deliveries"] == {"waiting": 0, "delivered": 0, "given_up": 1}
    assert forget_told(connection) == 0
    connection.execute(update(webhook_delivery).values(finished_at=func.now() - timedelta(days=8)))
    assert forget_told(connection) == 1
    assert connection.execute(select(d.id)).all() == []


def test_who_was_taken_over_changes_nothing_more(connection: Connection) -> None:
    build_town(connection)
    hook(connection)
    happen(connection, "1", type="停水")
    [slow] = claim(connection, 16)
    connection.execute(update(webhook_delivery).values(leased_until=func.now()))
    [other] = claim(connection, 16)
    assert (slow.key, slow.attempts, other.attempts) == (other.key, 1, 2)
    assert not finish(connection, slow, Outcome(500, "late"))
    assert finish(connection, other, Outcome(204, None))
    assert not finish(connection, other, Outcome(500, "again"))
    assert connection.execute(select(webhook_delivery.c.state)).scalar_one() == "delivered"


def test_webhooks_are_for_administrators_of_their_area(connection: Connection) -> None:
    build_town(connection)
    with pytest.raises(Forbidden):
        add_webhook(connection, Wish("https://example.org"), Caller("commander"))
    local = Caller("admin", "440307001")
    everywhere = hook(connection)
    with pytest.raises(Forbidden, match="may ask for 440307001"):
        add_webhook(connection, Wish("https://example.org", area_code="44"), local)
    mine = add_webhook(connection, Wish("https://example.org"), local)
    assert mine["area_code"] == "440307001"
    assert mine["secret"].startswith("whsec_")
    assert [one["id"] for one in list_webhooks(connection, local)] == [mine["id"]]
    assert [one["id"] for one in list_webhooks(connection, ADMIN)] == [everywhere, mine["id"]]
    assert all("secret" not in one for one in list_webhooks(connection, ADMIN))
    for refuse in (remove_webhook, list_deliveries):
        with pytest.raises(NotFound):
            refuse(connection, everywhere, local)
    wrong = {
        "step is 'moved'": Wish("x", steps=("moved",)),
        "begins with 'Z9'": Wish("x", types=("Z9",)),
        "severity is 5": Wish("x", severity=5),
        "bbox is no box": Wish("x", bbox=(115.0, 22.0, 114.0, 23.0)),
    }
    for says, wish in wrong.items():
        with pytest.raises(InvalidInput, match=says):
            add_webhook(connection, wish, ADMIN)
    remove_webhook(connection, everywhere, ADMIN)
    assert connection.execute(select(webhook.c.id)).scalars().all() == [mine["id"]]


SENDER = """
import asyncio, sys
from ipaddress import ip_network
from cim.db import make_engine
from layers.live.webhooks.deliveries import claim, finish
from layers.live.webhooks.send import send, sending_client

async def run():
    engine = make_engine(sys.argv[1])
    with engine.begin() as connection:
        [one] = claim(connection, 1)
    async with sending_client() as client:
        outcome = await send(client, one, [ip_network("127.0.0.0/8")], time_limit_s=30)
    with engine.begin() as connection:
        finish(connection, one, outcome)

asyncio.run(run())
"""


def killed_while_sending(url: str, receiver: Receiver) -> None:
    """Start a sender of its own process, and kill it once the target has heard it."""
    before = len(receiver.heard)
    process = subprocess.Popen([sys.executable, "-c", SENDER, url])
    try:
        receiver.wait_for(before + 1, 30)
    finally:
        process.kill()
        process.wait()


def test_killed_in_the_middle_it_is_delivered_once_more_at_most(
    engine: Engine, database_url: str, town: dict[str, int]
) -> None:
    with receiving("hang") as receiver:
        with engine.begin() as connection:
            hook(connection, receiver.address)
            happen(connection, "1", type="停水")
        killed_while_sending(database_url, receiver)
        with engine.begin() as connection:
            # as long as the lease holds nobody else sends it; then it is not lost
            assert claim(connection, 16) == []
            connection.execute(update(webhook_delivery).values(leased_until=func.now()))
            [one] = claim(connection, 16)
        outcome = deliver(one)
        with engine.begin() as connection:
            assert finish(connection, one, outcome)
            assert claim(connection, 16) == []
        assert outcome == Outcome(200, None)
        assert receiver.keys() == [str(one.key)] * 2
        assert receiver.heard[0][1] == receiver.heard[1][1]


def test_the_command_adds_lists_and_removes(
    engine: Engine, town: dict[str, int], database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CIM_DATABASE_URL", database_url)
    monkeypatch.setenv("CIM_HOME", str(tmp_path))
    monkeypatch.setenv("CIM_WEBHOOK_NETWORKS", "127.0.0.0/8")
    app = typer.Typer()
    register(app)

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["webhooks", *words])

    made = run("add", "http://127.0.0.1:9/x", "--types", "A,E", "--severity", "2", "--bbox", "114,22,115,23", "--json")
    assert made.exit_code == 0, made.output
    found = json.loads(made.stdout)
    assert (found["types"], found["severity"], found["bbox"]) == (["A", "E"], 2, [114, 22, 115, 23])
    with engine.begin() as connection:
        happen(connection, "1", type="烟雾报警", severity=1)
    listed = json.loads(run("list", "--json").stdout)
    assert listed[0]["deliveries"] == {"waiting": 1, "delivered": 0, "given_up": 0}
    assert "secret" not in listed[0]
    assert "127.0.0.1:9" in run("list").stdout
    told = json.loads(run("deliveries", str(found["id"]), "--json").stdout)
    assert [(one["step"], one["state"]) for one in told] == [("collect", "waiting")]
    assert "collect" in run("deliveries", str(found["id"])).stdout
    assert isinstance(run("add", "http://10.0.0.1/x").exception, InvalidInput)
    assert run("remove", str(found["id"])).exit_code == 0
    assert json.loads(run("list", "--json").stdout) == []
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from cim.webhook_delivery")).scalar_one() == 0
