"""Layers as 3D Tiles over HTTP: addresses, tags, and answers to what is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import anyio
import httpx
import pytest
from sqlalchemy import Engine, update

from cim.provenance import touch_layers
from cim.tables import building, layer
from tests.api.conftest import Clients
from tests.tiles.test_tiles3d import Glb

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(clients: Clients, city: Engine) -> AsyncIterator[httpx.AsyncClient]:
    async with clients() as made:
        yield made


async def test_a_client_finds_its_way(client: httpx.AsyncClient) -> None:
    answer = await client.get("/3d/buildings/tileset.json?ground=flat")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    root = answer.json()["root"]
    assert root["content"]["uri"] == "content/{level}/{x}/{y}.glb?ground=flat"
    subtree = await client.get("/3d/buildings/subtrees/0/0/0.subtree?ground=flat")
    assert (subtree.status_code, subtree.content[:4]) == (200, b"subt")
    # three buildings are few: all are in the root
    content = await client.get("/3d/buildings/content/0/0/0.glb?ground=flat")
    assert (content.status_code, content.headers["content-type"]) == (200, "model/gltf-binary")
    assert len(Glb(content.content).document["materials"]) == 2


async def test_an_unchanged_tile_is_not_sent_again(client: httpx.AsyncClient, city: Engine) -> None:
    address = "/3d/buildings/content/0/0/0.glb"
    first = await client.get(address)
    again = await client.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    with city.begin() as connection:
        connection.execute(update(building).where(building.c.source_key == "B1").values(height_m=77.0))
        touch_layers(connection, ["buildings"], "test", None)
    # the service hears of the change from the database
    for _ in range(200):
        changed = await client.get(address, headers={"If-None-Match": first.headers["etag"]})
        if changed.status_code != 304:
            break
        await anyio.sleep(0.05)
    assert changed.status_code == 200
    assert changed.content != first.content


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/3d/buildings/content/16/0/0.glb", 400, "level is '16'; use a whole number from 0 to 15"),
        ("/3d/buildings/content/2/4/0.glb", 400, "x is '4'; use a whole number from 0 to 3"),
        ("/3d/buildings/content/2/0/-1.glb", 400, "y is '-1'"),
        ("/3d/buildings/content/5/0/0.glb", 404, "its subtrees say where it does"),
        ("/3d/buildings/subtrees/3/0/0.subtree", 400, "no subtree begins at level 3"),
        ("/3d/buildings/subtrees/8/0/0.subtree", 404, "no tiles below 8/0/0"),
        ("/3d/roads/tileset.json", 404, "layers of buildings and of pipes"),
        ("/3d/models/tileset.json", 404, "no 3D tiles"),
        ("/3d/pipes/tileset.json", 404, "nothing to draw"),
        ("/3d/nowhere/tileset.json", 404, "there is no layer 'nowhere'"),
        ("/3d/buildings/tileset.json?ground=moon", 400, "flat"),
        ("/3d/buildings/tileset.json?without=roofs", 400, "models"),
    ],
)
async def test_wrong_addresses_are_told_what_is_right(
    client: httpx.AsyncClient, path: str, status: int, says: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.text


async def test_a_hidden_layer_is_not_there(
    client: httpx.AsyncClient, city: Engine, make_key: Callable[..., str]
) -> None:
    with city.begin() as connection:
        connection.execute(update(layer).where(layer.c.id == "buildings").values(visibility="planner"))
    for role, status in (("viewer", 404), ("planner", 200)):
        headers = {"Authorization": f"Bearer {make_key(role)}"}
        for path in ("tileset.json", "subtrees/0/0/0.subtree", "content/0/0/0.glb"):
            answer = await client.get(f"/3d/buildings/{path}", headers=headers)
            assert answer.status_code == status, (role, path)
