"""Routes, the nearest and isochrones over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
import shapely
from sqlalchemy import Engine, insert, update

from cim.provenance import touch_layers
from cim.tables import layer, resource
from tests.layers.laid_networks import place
from tests.layers.laid_roads import lay_roads
from tests.layers.test_routing import TOWN, add_zone, area

pytestmark = pytest.mark.anyio

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
HERE, THERE = place(100, 0), place(300, 0)


def words(*position: float) -> str:
    return ",".join(map(str, position))


@pytest.fixture
def town(engine: Engine) -> Engine:
    """A block with streets around it, and a fire station on one of them."""
    with engine.begin() as connection:
        lay_roads(connection, TOWN)
        lon, lat = place(0, 200)
        connection.execute(
            insert(resource).values(layer_id="resources", source_key="F", name="一号站", kind="消防站",
                                    geom=f"SRID=4490;POINT({lon} {lat})")
        )  # fmt: skip
        touch_layers(connection, ["resources"], "test", None)
    return engine


async def test_a_route_by_address_and_by_body(client: httpx.AsyncClient) -> None:
    answer = await client.get("/query/route", params={"from": words(*HERE), "to": words(*THERE)})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["state"], body["geometry"]["type"]) == ("found", "LineString")
    assert (body["distance_m"], body["seconds"]) == (pytest.approx(200, abs=0.2), pytest.approx(20, abs=0.1))
    assert body["steps"][0]["name"] == "south"
    assert body["receipt"]["hash"].startswith("sha256:")
    assert {note["code"]: note.get("values") for note in body["receipt"]["notes"]} == {
        "speeds": {"walking_kmh": 4.8}, "closures": None,
    }  # fmt: skip
    posted = (await client.post("/query/route", json={"from": HERE, "to": THERE})).json()
    assert posted["receipt"]["hash"] == body["receipt"]["hash"]
    via = {"from": words(*HERE), "to": words(*THERE), "via": words(*place(0, 150)), "profile": "foot"}
    assert (await client.get("/query/route", params=via)).json()["via"][0]["road"] == "west"


async def test_closed_zones_and_lines_are_gone_round(client: httpx.AsyncClient, town: Engine) -> None:
    with town.begin() as connection:
        number = add_zone(connection, area(190, -20, 210, 20))
    asked = {"from": words(*place(0, 50)), "to": words(*place(400, 250)), "closed": str(number)}
    body = (await client.get("/query/route", params=asked)).json()
    assert body["closed_edges"] == 1
    # the north street it is, and then round by the ford, for the street is one-way
    names = [step["name"] for step in body["steps"]]
    assert names[0] == "west"
    assert "south" not in names
    wall = {"type": "LineString", "coordinates": [place(-50, 150), place(950, 150)]}
    shut = {"from": HERE, "to": place(100, 300), "closed": {"geometry": wall}}
    answer = (await client.post("/query/route", json=shut)).json()
    assert answer["state"] == "unreachable"
    assert answer["blocked"]["closed_by"] == [{"kind": "drawn"}]
    assert (await client.get("/query/route", params=asked | {"closed": "999999"})).status_code == 404


async def test_the_nearest_comes_by_road(client: httpx.AsyncClient) -> None:
    params = {"from": words(*HERE), "kind": "消防站,医院", "n": "3"}
    body = (await client.get("/query/nearest", params=params)).json()
    [item] = body["items"]
    assert (item["name"], item["kind"], item["layer"], body["direction"]) == ("一号站", "消防站", "resources", "to")
    assert (item["road_m"], item["seconds"]) == (pytest.approx(300, abs=0.3), pytest.approx(30, abs=0.1))
    assert item["position"] == pytest.approx(place(0, 200), abs=1e-7)
    assert "seconds_to" in {note.get("wording") for note in body["receipt"]["notes"]}
    straight = (await client.post("/query/nearest", json={"from": HERE, "by": "straight"})).json()
    assert straight["items"][0]["distance_m"] == pytest.approx((100**2 + 200**2) ** 0.5, abs=0.2)


async def test_an_isochrone_is_geojson(client: httpx.AsyncClient) -> None:
    answer = await client.get("/query/isochrone", params={"from": words(*HERE), "minutes": "0.5,0.2"})
    assert answer.headers["content-type"].startswith("application/geo+json")
    body = answer.json()
    assert [one["properties"]["minutes"] for one in body["features"]] == [0.5, 0.2]
    assert shapely.geometry.shape(body["features"][0]["geometry"]).contains(shapely.Point(HERE))
    posted = (await client.post("/query/isochrone", json={"from": HERE, "minutes": 0.2, "direction": "to"})).json()
    assert [one["properties"]["minutes"] for one in posted["features"]] == [0.2]
    wordings = [{note["code"]: note.get("wording") for note in one["receipt"]["notes"]} for one in (body, posted)]
    assert [one["direction"] for one in wordings] == ["reach_from", "reach_to"]
    assert {one["area"] for one in wordings} == {"reach"}


async def test_a_flood_needs_ground(client: httpx.AsyncClient) -> None:
    """Without terrain the flood says why it cannot be reckoned, and no way is told as if it were dry."""
    flood = {"from": {"point": HERE}, "rise_m": 1.0}
    answer = await client.post("/query/route", json={"from": HERE, "to": THERE, "closed": {"flood": flood}})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/query/route", 400),
        ("/query/route?from=1,2", 400),
        ("/query/route?from=1,2&to=3", 422),
        ("/query/route?from=a,b&to=3,4", 400),
        ("/query/route?from=1,2&to=3,400", 422),
        ("/query/route?from=1,2&to=3,4", 404),
        ("/query/route?from=nan,2&to=3,4", 422),
        ("/query/nearest?from=1,2&n=1e9", 400),
        ("/query/nearest?from=1,2&layer=ghosts", 404),
        ("/query/nearest?from=1,2&by=air", 400),
        ("/query/nearest?from=1,2&layer=units", 400),
        ("/query/isochrone?from=1,2&minutes=0", 400),
        ("/query/isochrone?from=1,2&minutes=1,2,3,4,5,6,7", 400),
        ("/query/isochrone?from=1,2&closed=x", 400),
        ("/query/isochrone?from=1,2", 404),
    ],
)
async def test_bad_requests_are_problems(client: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["route", "nearest", "isochrone"])
async def test_bodies_that_are_no_question_are_problems(client: httpx.AsyncClient, name: str) -> None:
    ring = [[114.2 + 1e-7 * n, 22.7 + (1e-7 if n % 2 else 0)] for n in range(120_000)]
    huge = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    crossed = {"type": "Polygon", "coordinates": [[HERE, THERE, place(100, 50), place(300, 50), HERE]]}
    bodies: list[Any] = [
        b"{", [], {}, {"from": HERE, "to": THERE, "closed": {"geometry": huge}},
        {"from": HERE, "to": THERE, "closed": {"geometry": crossed}}, {"from": HERE, "what": 1},
    ]  # fmt: skip
    for body in bodies:
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = await client.post(f"/query/{name}", **sent)
        assert answer.status_code in (400, 413, 422), answer.text
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_closure_around_the_world_closes_everything(client: httpx.AsyncClient) -> None:
    ring = [[-179, -80], [179, -80], [179, 80], [-179, 80], [-179, -80]]
    world = {"type": "Polygon", "coordinates": [ring]}
    answer = await client.post("/query/route", json={"from": HERE, "to": THERE, "closed": {"geometry": world}})
    assert answer.status_code in (404, 422), answer.text


async def test_who_sees_one_area_uses_its_roads_and_zones(
    clients: Clients, town: Engine, make_key: Callable[..., str]
) -> None:
    with town.begin() as connection:
        theirs = add_zone(connection, area(100, -10, 120, 10), area_code="440306001")
    params = {"from": words(*HERE), "to": words(*THERE), "closed": str(theirs)}
    seen = {}
    for code in ("440306", "440307"):
        async with clients(authorization=f"Bearer {make_key('planner', code)}") as client:
            seen[code] = (await client.get("/query/route", params=params)).status_code
    assert seen == {"440306": 200, "440307": 404}
    with town.begin() as connection:
        connection.execute(update(layer).where(layer.c.id == "roads").values(visibility="commander"))
        touch_layers(connection, ["roads"], "test", None)
    async with clients(authorization=f"Bearer {make_key('viewer')}") as client:
        for path in ("route?to=1,2&", "nearest?", "isochrone?"):
            answer = await client.get(f"/query/{path}from={words(*HERE)}")
            assert answer.status_code == 404, answer.text
            assert "roads that you may see" in answer.json()["detail"]
