"""Traces and findings over HTTP, on three pipes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from sqlalchemy import Engine, insert, update

from cim.provenance import touch_layers
from cim.tables import layer, pipe, pipe_node
from layers.networks.connect import connect_pipes

pytestmark = pytest.mark.anyio

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def pipes(engine: Engine) -> Engine:
    """A - B - C in one line; the third pipe ends nowhere."""
    with engine.begin() as connection:
        for number, key in enumerate("ABC"):
            point = f"SRID=4490;POINT Z({114.22 + number / 1000} 22.7 0)"
            values = {"layer_id": "pipe_nodes", "source_key": key, "network": "gas", "geom": point}
            connection.execute(insert(pipe_node).values(values | {"area_code": "440307001" if key == "A" else None}))
        for number, (start, end) in enumerate([("A", "B"), ("B", "C"), ("C", "X")]):
            west = 114.22 + number / 1000
            line = f"SRID=4490;MULTILINESTRING Z(({west} 22.7 0, {west + 0.001} 22.7 0))"
            connection.execute(
                insert(pipe).values(
                    layer_id="pipes", source_key=f"P{number}", network="gas", from_key=start, to_key=end, geom=line
                )
            )
        connect_pipes(connection, "gas", 0.1)
    return engine


@pytest.fixture
async def client(clients: Clients, pipes: Engine) -> AsyncIterator[httpx.AsyncClient]:
    async with clients() as made:
        yield made


async def test_a_trace_goes_down_and_up(client: httpx.AsyncClient) -> None:
    down = (await client.get("/networks/gas/trace", params={"from": "B", "direction": "down"})).json()
    assert [node["source_key"] for node in down["nodes"]] == ["B", "C"]
    # The pipe that ends nowhere is in the ground all the same.
    assert [entry["source_key"] for entry in down["pipes"]] == ["P1", "P2"]
    up = (await client.get("/networks/gas/trace", params={"from": "114.2221,22.7", "direction": "up"})).json()
    assert up["from"]["source_key"] == "C"
    assert [node["source_key"] for node in up["nodes"]] == ["A", "B", "C"]
    # 0.002 degrees of longitude at 22.7 degrees north on GRS 80: 205.49 m
    assert up["totals"]["length_m"] == pytest.approx(205.49, abs=0.05)
    assert up["receipt"]["hash"].startswith("sha256:")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/networks/gas/trace", 422),
        ("/networks/gas/trace?from=A&direction=round", 400),
        ("/networks/gas/trace?from=nobody", 404),
        ("/networks/steam/trace?from=A", 404),
        ("/networks/gas/trace?from=A&limit=0", 422),
        ("/networks/gas/trace?from=nan,1", 400),
    ],
)
async def test_bad_requests_are_problems(client: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await client.get(path)
    assert answer.status_code in {status, 400 if status == 422 else status}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_findings_name_the_pipe_that_ends_nowhere(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/networks/gas/findings")).json()
    assert [(entry["kind"], entry["count"]) for entry in answer["summary"]] == [("dangling_pipe", 1)]
    [found] = answer["findings"]
    assert (found["source_key"], found["facts"]) == ("P2", {"key": "X", "side": "end"})


async def test_who_may_not_see_pipes_gets_no_trace(
    clients: Clients, pipes: Engine, make_key: Callable[..., str]
) -> None:
    with pipes.begin() as connection:
        connection.execute(update(layer).where(layer.c.id == "pipes").values(visibility="commander"))
        touch_layers(connection, ["pipes"], None, None)
    key = make_key("viewer")
    async with clients(authorization=f"Bearer {key}") as client:
        assert (await client.get("/networks/gas/trace?from=A")).status_code == 404
        assert (await client.get("/networks/gas/findings")).json() == {"summary": [], "findings": []}


async def test_a_caller_of_another_area_sees_what_is_everybodys(
    clients: Clients, pipes: Engine, make_key: Callable[..., str]
) -> None:
    key = make_key("planner", "440306")
    async with clients(authorization=f"Bearer {key}") as client:
        answer = (await client.get("/networks/gas/trace", params={"from": "B", "direction": "up"})).json()
        assert [node["source_key"] for node in answer["nodes"]] == ["B"]
        assert (await client.get("/networks/gas/trace", params={"from": "A"})).status_code == 404
