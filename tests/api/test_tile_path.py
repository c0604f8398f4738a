"""Vector tiles over HTTP: encoding, tags, memory, and who sees what."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio
import httpx
import mapbox_vector_tile
import morecantile
import pytest
from sqlalchemy import Engine, update

from api.caching import matches, takes_gzip
from api.tile_cache import ENTRY_BYTES, TileCache
from cim.tables import building

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

FOUND = morecantile.tms.get("WebMercatorQuad").tile(114.2202, 22.7002, 15)
ADDRESS = f"{FOUND.z}/{FOUND.x}/{FOUND.y}.mvt"


async def built(client: httpx.AsyncClient, answer: str = "built") -> float:
    """Return how many bodies have been had in one way so far."""
    text = (await client.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith(f'cim_built_bodies_total{{answer="{answer}"}}')]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else 0


@pytest.mark.anyio
async def test_a_tile_is_gzip_and_holds_the_layers_asked_for(clients: Clients, city: Engine) -> None:
    async with clients() as client:
        answer = await client.get(f"/tiles/buildings,roads/{ADDRESS}")
    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    layers = mapbox_vector_tile.decode(answer.content)
    assert {name: len(content["features"]) for name, content in layers.items()} == {"buildings": 2, "roads": 1}
    assert {item["properties"]["name"] for item in layers["buildings"]["features"]} == {"龙城1号楼", "龙城2号楼"}


@pytest.mark.anyio
async def test_a_client_without_gzip_gets_the_plain_tile(clients: Clients, city: Engine) -> None:
    async with clients() as client:
        packed = await client.get(f"/tiles/buildings/{ADDRESS}")
        plain = await client.get(f"/tiles/buildings/{ADDRESS}", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == packed.content
    assert int(plain.headers["content-length"]) == len(plain.content)


@pytest.mark.anyio
async def test_a_known_tile_is_not_built_again_until_it_changes(clients: Clients, city: Engine) -> None:
    async with clients() as client:
        first = await client.get(f"/tiles/buildings/{ADDRESS}")
        known = {"If-None-Match": f'"other", {first.headers["etag"]}'}
        assert (await client.get(f"/tiles/buildings/{ADDRESS}")).content == first.content
        again = await client.get(f"/tiles/buildings/{ADDRESS}", headers=known)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert await built(client) == 1
        assert await built(client, "memory") == 1
        assert await built(client, "not_modified") == 1
        with city.begin() as connection:
            connection.execute(update(building).where(building.c.source_key == "B1").values(name="新名"))
        with anyio.fail_after(6):
            changed = await client.get(f"/tiles/buildings/{ADDRESS}", headers=known)
            while changed.status_code == 304:
                await anyio.lowlevel.checkpoint()
                changed = await client.get(f"/tiles/buildings/{ADDRESS}", headers=known)
        assert "新名" in {
            item["properties"]["name"] for item in mapbox_vector_tile.decode(changed.content)["buildings"]["features"]
        }


@pytest.mark.anyio
async def test_many_who_ask_at_once_wait_for_one_build(clients: Clients, city: Engine) -> None:
    async with clients() as client:
        answers = await asyncio.gather(*(client.get(f"/tiles/buildings/{ADDRESS}") for _ in range(30)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert await built(client) == 1


@pytest.mark.anyio
async def test_an_empty_tile_is_204(clients: Clients, city: Engine) -> None:
    async with clients() as client:
        answer = await client.get("/tiles/buildings/14/0/0.mvt")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "etag" in answer.headers


@pytest.mark.anyio
async def test_a_kept_tile_never_crosses_roles(clients: Clients, city: Engine, make_key: Callable[..., str]) -> None:
    planner = {"Authorization": f"Bearer {make_key('planner')}"}
    viewer = {"Authorization": f"Bearer {make_key('viewer')}"}
    async with clients() as client:
        seen = await client.get(f"/tiles/cameras/{ADDRESS}", headers=planner)
        assert seen.status_code == 200
        assert "private" in seen.headers["cache-control"]
        assert "Authorization" in seen.headers["vary"]
        for headers in (viewer, viewer | {"If-None-Match": seen.headers["etag"]}, viewer | {"If-None-Match": "*"}):
            assert (await client.get(f"/tiles/cameras/{ADDRESS}", headers=headers)).status_code == 404
            assert (await client.get(f"/tiles/buildings,cameras/{ADDRESS}", headers=headers)).status_code == 404
        assert (await client.get("/tiles/cameras.json", headers=viewer)).status_code == 404
        assert "cameras" not in (await client.get("/api/layers", headers=viewer)).text
        assert "cameras" not in (await client.get("/styles/base.json", headers=viewer)).text


@pytest.mark.anyio
async def test_tilejson_leads_to_the_tiles(clients: Clients, city: Engine) -> None:
    async with clients() as client:
        document = (await client.get("/tiles/buildings,roads.json")).json()
        address = document["tiles"][0].format(z=FOUND.z, x=FOUND.x, y=FOUND.y)
        assert address.startswith("http://localhost:8000/")
        assert (await client.get(address)).status_code == 200


def test_the_cache_keeps_to_its_bytes_and_drops_the_oldest() -> None:
    cache = TileCache(3 * (100 + ENTRY_BYTES))
    for key in "abc":
        cache.put(key, bytes(100))
    assert cache.get("a") is not None
    cache.put("d", bytes(100))
    assert cache.get("b") is None
    assert [cache.get(key) is not None for key in "acd"] == [True, True, True]
    cache.put("a", bytes(50))
    assert cache.size_bytes == 250 + 3 * ENTRY_BYTES
    cache.put("huge", bytes(10_000))
    assert cache.size_bytes == 0


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, True), ("gzip, deflate, br", True), ("*", True), ("identity", False), ("gzip;q=0", False), ("", False),
     ("gzip; q=0.0, br", False), ("gzip;q=0.5", True), ("br", False)],
)  # fmt: skip
def test_gzip_is_sent_unless_refused(header: str | None, expected: bool) -> None:
    assert takes_gzip(header) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, False), ("", False), ('W/"a"', True), ('"a"', True), ('"b", W/"a"', True), ("*", True), ('"ab"', False)],
)
def test_tags_match_weakly(header: str | None, expected: bool) -> None:
    assert matches(header, 'W/"a"') is expected
