"""Isolations, cascades and conflicts over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, update

from cim.provenance import touch_layers
from cim.tables import layer, pipe_node
from tests.layers.laid_networks import build, lay, place

pytestmark = pytest.mark.anyio

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def town(engine: Engine) -> Engine:
    """A plant, a valve, a pipe with a house, a valve, and a hydrant with a house behind it."""
    nodes = {
        "S": (0, 0, "plant"), "A": (100, 0, "valve"), "B": (200, 0, "tee"), "C": (300, 0, "valve"),
        "D": (400, 0, "hydrant"),
    }  # fmt: skip
    with engine.begin() as connection:
        lay(connection, "water", nodes, [("SA", "S", "A"), ("AB", "A", "B"), ("BC", "B", "C"), ("CD", "C", "D")])
        build(connection, "H1", 150, 20, {"water": "AB"}, residents=3, storeys_above=6)
        build(connection, "H2", 350, 20, {"water": "CD"}, residents=30, storeys_above=18)
    return engine


def keys(entries: list[dict[str, Any]]) -> list[str]:
    return sorted(entry["source_key"] for entry in entries)


async def test_a_burst_is_isolated(client: httpx.AsyncClient) -> None:
    answer = await client.get("/networks/water/isolate", params={"from": "B"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert keys(body["valves"]) == ["A", "C"]
    assert body["isolated"]["served"]["buildings"] == body["shadow"]["served"]["buildings"] == 1
    assert body["cut_off"]["highest_storey"] == 18
    assert body["receipt"]["hash"].startswith("sha256:")
    wider = (await client.get("/networks/water/isolate", params={"from": "B", "unusable": "C,"})).status_code
    assert wider == 400
    wider = (
        await client.get("/networks/water/isolate", params={"from": "B", "unusable": "C", "geometry": True})
    ).json()
    assert keys(wider["valves"]) == ["A"]
    assert wider["isolated"]["pipes"][0]["geometry"]["type"] == "MultiLineString"


async def test_a_place_off_the_network_is_a_problem_that_names_the_nearest_pipe(client: httpx.AsyncClient) -> None:
    answer = await client.get("/networks/water/isolate", params={"from": "{},{}".format(*place(250, 300))})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "'BC'" in answer.json()["detail"]
    assert "300.0 m away" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/networks/water/isolate", 400),
        ("/networks/water/isolate?from=nobody", 404),
        ("/networks/steam/isolate?from=A", 404),
        ("/networks/water/isolate?from=nan,1", 400),
        ("/networks/water/isolate?from=A&unusable=B", 404),
        ("/networks/water/isolate?from=A&without=B", 404),
        ("/networks/water/isolate?from=A&limit=0", 400),
        ("/networks/water/isolate?from=A&hydraulics=true&threshold_m=nan", 400),
        ("/networks/water/cascade", 400),
        ("/networks/water/cascade?valves=B", 404),
        ("/networks/water/cascade?from=A&valves=A", 400),
    ],
)
async def test_bad_requests_are_problems(client: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_pressures_are_told_or_why_not(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/networks/water/isolate", params={"from": "B", "hydraulics": True})).json()
    assert answer["hydraulics"]["state"] == "not_available"


async def test_a_cascade_ends_with_fire_cover(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/networks/water/cascade", params={"from": "B"})).json()
    what = [step["what"] for step in answer["steps"]]
    assert what == ["zone_without_supply", "buildings", "hydrants", "fire_cover"]
    assert [step["reason_code"] for step in answer["steps"]] == [
        "shut_no_source", "served_through", "stand_on", "no_hydrant",
    ]  # fmt: skip
    # H2 is 54 m from D; H1 is 250 m away.
    assert [entry["code"] for entry in answer["steps"][3]["objects"]] == ["H2"]
    shut = (await client.get("/networks/water/cascade", params={"valves": "C"})).json()
    assert [entry["code"] for entry in shut["steps"][1]["objects"]] == ["H2"]


async def test_two_isolations_are_compared(client: httpx.AsyncClient) -> None:
    body = {"starts": [{"from": "B"}, {"from": "D", "unusable": []}]}
    answer = (await client.post("/networks/water/isolations", json=body)).json()
    assert [keys(entry["valves"]) for entry in answer["isolations"]] == [["A", "C"], ["C"]]
    assert answer["only_together"]["totals"]["pipes"] == 0
    for wrong in ("{", "[]", '{"starts": []}', '{"starts": [{"from": "B"}]}'):
        problem = await client.post("/networks/water/isolations", content=wrong)
        assert problem.status_code == 400, wrong
        assert problem.headers["content-type"] == "application/problem+json"


async def test_small_counts_of_persons_are_for_commanders(
    clients: Clients, town: Engine, make_key: Callable[..., str]
) -> None:
    seen = {}
    for role in ("viewer", "commander"):
        async with clients(authorization=f"Bearer {make_key(role)}") as client:
            answer = (await client.get("/networks/water/isolate", params={"from": "B"})).json()
            seen[role] = answer["cut_off"]["residents"], answer["isolated"]["served"]["residents"]
    assert seen == {"viewer": (30, None), "commander": (33, 3)}


async def test_who_may_not_see_pipes_gets_nothing(clients: Clients, town: Engine, make_key: Callable[..., str]) -> None:
    with town.begin() as connection:
        connection.execute(update(layer).where(layer.c.id == "pipes").values(visibility="commander"))
        touch_layers(connection, ["pipes"], None, None)
    async with clients(authorization=f"Bearer {make_key('viewer')}") as client:
        for path in ("isolate?from=B", "cascade?from=B"):
            assert (await client.get(f"/networks/water/{path}")).status_code == 404
        body = {"starts": [{"from": "B"}, {"from": "D"}]}
        assert (await client.post("/networks/water/isolations", json=body)).status_code == 404


async def test_a_caller_of_another_area_is_told_that_valves_lie_outside(
    clients: Clients, town: Engine, make_key: Callable[..., str]
) -> None:
    with town.begin() as connection:
        connection.execute(update(pipe_node).where(pipe_node.c.source_key == "C").values(area_code="440307001"))
        touch_layers(connection, ["pipe_nodes"], "test", None)
    async with clients(authorization=f"Bearer {make_key('planner', '440306')}") as client:
        answer = (await client.get("/networks/water/isolate", params={"from": "B"})).json()
        assert keys(answer["valves"]) == ["A"]
        assert [note for note in answer["receipt"]["notes"] if note["code"] == "area"] == [
            {"code": "area", "wording": "valves", "values": {"valves": 1},
             "message": "1 of the valves to shut lie outside of your area: ask for the whole district"}
        ]  # fmt: skip
