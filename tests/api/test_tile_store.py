"""Tiles in several processes: changes reach every memory, who leaves ends the query, nobody sees more than is his."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import anyio
import httpx
import mapbox_vector_tile
import morecantile
import pytest
from prometheus_client import Counter
from sqlalchemy import Connection, Engine, text, update

from api.auth import Access
from api.live import LiveEvent
from api.routers.live import Wanted, _shown
from api.service import Service
from api.tile_path import ClientGone, TilePath, unless_gone
from api.tile_shelf import Key, TileShelf
from cim.access import OPEN_CALLER, RANK, Caller
from cim.settings import Settings
from cim.tables import building, camera, layer
from tiles.store import Body, Place, pack
from tiles.tile import BUFFER, Envelope, Tile, envelope

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
pytestmark = pytest.mark.anyio

FOUND = morecantile.tms.get("WebMercatorQuad").tile(114.2202, 22.7002, 15)
HERE = Tile(FOUND.z, FOUND.x, FOUND.y)
ADDRESS = f"{HERE.z}/{HERE.x}/{HERE.y}.mvt"
PATIENCE_S = 20


def names(answer: httpx.Response) -> set[str]:
    layers = mapbox_vector_tile.decode(answer.content)
    return {feature["properties"]["name"] for feature in layers["buildings"]["features"]}


async def counted(client: httpx.AsyncClient, answer: str) -> float:
    text = (await client.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith(f'cim_built_bodies_total{{answer="{answer}"}}')]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else 0


async def until(ask: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    with anyio.fail_after(PATIENCE_S):
        while not wanted(found := await ask()):
            await anyio.lowlevel.checkpoint()
    return found


async def stored(engine: Engine) -> int:
    """Return how many tiles are kept; what is built is kept a moment later."""
    with engine.connect() as connection:
        return int(connection.execute(text("select count(*) from cim.tile")).scalar_one())


async def test_a_process_finds_what_another_has_built(clients: Clients, city: Engine) -> None:
    async with clients() as first, clients() as second:
        built = await first.get(f"/tiles/buildings/{ADDRESS}")
        await until(partial(stored, city), bool)
        read = await second.get(f"/tiles/buildings/{ADDRESS}")
        assert (read.content, read.headers["etag"]) == (built.content, built.headers["etag"])
        assert not built.headers["etag"].startswith("W/")
        assert await counted(second, "store") == 1
        assert await counted(second, "built") == 0


async def test_a_change_reaches_the_memory_of_every_process(clients: Clients, city: Engine) -> None:
    async with clients() as first, clients() as second:
        for client in (first, second, first, second):
            before = await client.get(f"/tiles/buildings,roads/{ADDRESS}")
            assert "改名" not in names(before)
        with city.begin() as connection:
            connection.execute(update(building).where(building.c.source_key == "B1").values(name="改名"))
        for client in (first, second):
            await until(
                lambda client=client: client.get(f"/tiles/buildings,roads/{ADDRESS}"), lambda a: "改名" in names(a)
            )  # type: ignore[misc]
        # A tile elsewhere is as it was, and so is its tag.
        far = f"/tiles/buildings/{HERE.z}/{HERE.x + 4}/{HERE.y}.mvt"
        tag = (await first.get(far)).headers["etag"]
        assert (await first.get(far, headers={"If-None-Match": tag})).status_code == 304


async def test_every_listener_is_told_where(settings: Settings, database_url: str, city: Engine) -> None:
    service = Service(settings, database_url)
    async with service.running(), service.live.subscribe() as listener:
        with city.begin() as connection:
            connection.execute(update(building).where(building.c.source_key == "B1").values(name="改名"))
        with anyio.fail_after(PATIENCE_S):
            event = await listener.queue.get()
    assert event is not None
    assert event.kind == "tiles"
    assert event.data["layer"] == "buildings"
    [[west, south, east, north]] = event.data["boxes"]
    box = envelope(HERE)
    assert box.west <= west < east <= box.east
    assert box.south <= south < north <= box.north


async def test_one_who_leaves_ends_the_query(settings: Settings, database_url: str, city: Engine) -> None:
    service = Service(settings, database_url)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    left = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    def waiting(connection: Connection) -> int:
        query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%geom_3857%'"
        return int(connection.execute(text(query)).scalar_one())

    async with service.running():
        with city.connect() as holder, city.connect() as observer:
            holder.execute(text("lock table cim.building in access exclusive mode"))
            scope = {
                "type": "http", "method": "GET", "path": f"/tiles/buildings/{ADDRESS}", "headers": [],
                "state": {"access": Access(OPEN_CALLER, is_open=True)},
            }  # fmt: skip
            request = asyncio.create_task(TilePath(service)(scope, receive, send))

            async def stuck() -> int:
                await asyncio.sleep(0.02)
                count = waiting(observer)
                observer.rollback()
                return count

            await until(stuck, lambda count: count == 1)
            left.set()
            await until(stuck, lambda count: count == 0)
            await request
            holder.rollback()
    assert sent == []


async def test_the_last_one_to_leave_ends_a_fetch_and_others_do_not() -> None:
    shelf = TileShelf(10_000, Counter("t1", "t", ["answer"], registry=None))
    key: Key = ((Place("a", HERE, ""), b""),)
    go, began, ended = asyncio.Event(), 0, 0

    async def fetch() -> Body:
        nonlocal began, ended
        began += 1
        try:
            await go.wait()
        except asyncio.CancelledError:
            ended += 1
            raise
        return pack(b"x")

    first, second = (asyncio.create_task(shelf.fetch(key, fetch)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    go.set()
    assert await second == pack(b"x")
    assert (began, ended) == (1, 0)
    shelf.clear()
    go.clear()
    third = asyncio.create_task(shelf.fetch(key, fetch))
    await asyncio.sleep(0)
    third.cancel()
    await asyncio.gather(third, return_exceptions=True)
    await asyncio.sleep(0)
    assert (began, ended) == (2, 1)


async def test_what_changes_while_it_is_fetched_is_not_kept() -> None:
    shelf = TileShelf(10_000, Counter("t2", "t", ["answer"], registry=None))
    key: Key = ((Place("a", HERE, ""), b""),)
    bodies = iter((b"old", b"new"))
    go = asyncio.Event()

    async def fetch() -> Body:
        body = pack(next(bodies))
        await go.wait()
        return body

    early = asyncio.create_task(shelf.fetch(key, fetch))
    await asyncio.sleep(0)
    shelf.drop("b", [envelope(HERE)])
    shelf.drop("a", [envelope(HERE)])
    late = asyncio.create_task(shelf.fetch(key, fetch))
    await asyncio.sleep(0)
    go.set()
    assert await early == pack(b"old")
    assert await late == pack(b"new")
    assert shelf.get(key) == pack(b"new")
    assert shelf.tag(key) == pack(b"new").tag


async def test_the_shelf_forgets_what_a_box_touches_and_keeps_its_bounds() -> None:
    shelf = TileShelf(2000, Counter("t3", "t", ["answer"], registry=None))
    tiles = [Tile(z, (HERE.x >> (15 - z)) + dx, HERE.y >> (15 - z)) for z in range(9, 16) for dx in (0, 3)]

    async def put(key: Key) -> None:
        async def fetch() -> Body:
            return pack(repr(key).encode())

        await shelf.fetch(key, fetch)

    keys = {tile: ((Place("a", tile, ""), b"f"), (Place("b", tile, ""), b"f")) for tile in tiles}
    for key in keys.values():
        await put(key)
    assert shelf.size_bytes <= 2000
    assert all(shelf.tag(key) for key in keys.values())
    middle = envelope(HERE)
    x, y = (middle.west + middle.east) / 2, (middle.south + middle.north) / 2
    spot = Envelope(x, y, x + 1, y + 1)
    shelf.drop("b", [spot])
    shown = {
        tile
        for tile in tiles
        if envelope(tile, buffer=BUFFER).west <= spot.east and spot.west <= envelope(tile, buffer=BUFFER).east
    }
    assert {tile for tile, key in keys.items() if shelf.tag(key)} == set(tiles) - shown
    assert len(shown) >= 7
    shelf.drop("a", [Envelope(-2e7, -2e7, 2e7, 2e7)])
    assert not any(shelf.tag(key) for key in keys.values())
    assert shelf.size_bytes == 0


async def test_one_who_stays_gets_the_body() -> None:
    async def never() -> Any:
        await asyncio.Event().wait()

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    async def body() -> Body:
        return pack(b"x")

    assert await unless_gone(never, body()) == pack(b"x")
    with pytest.raises(ClientGone):
        await unless_gone(gone, never())


LEVELS = ("viewer", "planner", "commander", "admin")
LAYERS = {"viewer": "buildings", "planner": "cameras", "commander": "roads", "admin": "rivers"}


@pytest.fixture
def walled(city: Engine) -> Engine:
    """A city with a layer for each level, and cameras in two areas."""
    with city.begin() as connection:
        for level, name in LAYERS.items():
            connection.execute(update(layer).where(layer.c.id == name).values(visibility=level))
        connection.execute(update(camera).values(area_code="440307001001"))
        connection.execute(
            text(
                "insert into cim.river (layer_id, source_key, geom) values"
                " ('rivers', 'r', 'SRID=4490;MULTILINESTRING((114.219 22.699, 114.232 22.712))')"
            )
        )
    return city


async def test_nobody_sees_a_layer_that_is_not_for_him(
    clients: Clients, walled: Engine, make_key: Callable[..., str]
) -> None:
    """Every role, every layer, every way: built, memory, store, known tag, composite, TileJSON, style."""
    keys = {role: {"Authorization": f"Bearer {make_key(role)}"} for role in RANK}
    async with clients() as first, clients() as second:
        tags: dict[str, str] = {}
        for level, name in LAYERS.items():
            body = await first.get(f"/tiles/{name}/{ADDRESS}", headers=keys["admin"])
            assert body.status_code == 200, level
            tags[name] = body.headers["etag"]
        for (role, headers), (level, name) in itertools.product(keys.items(), LAYERS.items()):
            may = RANK[role] >= RANK[level]
            known = headers | {"If-None-Match": tags[name]}
            any_tag = headers | {"If-None-Match": "*"}
            for client, own, path, seen in (
                (first, headers, f"/tiles/{name}/{ADDRESS}", 200),  # memory
                (second, headers, f"/tiles/{name}/{ADDRESS}", 200),  # store, then memory
                (first, known, f"/tiles/{name}/{ADDRESS}", 304),
                (first, any_tag, f"/tiles/{name}/{ADDRESS}", 304),
                (first, headers, f"/tiles/{','.join({'buildings', name})}/{ADDRESS}", 200),
                (first, headers, f"/tiles/{name}.json", 200),
                (first, headers, f"/styles/{name}.json", 200),
            ):  # fmt: skip
                answer = await client.get(path, headers=own)
                assert answer.status_code == (seen if may else 404), (role, path, own)
                if not may:
                    assert "etag" not in answer.headers
                    assert answer.headers["cache-control"] == "no-store"


async def test_readers_of_one_area_have_tiles_of_their_own(
    clients: Clients, walled: Engine, make_key: Callable[..., str]
) -> None:
    keys = {area: {"Authorization": f"Bearer {make_key('planner', area)}"} for area in (None, "440307001", "440307002")}
    for _ in range(2):  # built, then from the store
        async with clients() as client:
            for _ in range(2):  # then from memory
                seen = {
                    area: await client.get(f"/tiles/cameras/{ADDRESS}", headers=headers)
                    for area, headers in keys.items()
                }
                assert {area: answer.status_code for area, answer in seen.items()} == {
                    None: 200, "440307001": 200, "440307002": 204,
                }  # fmt: skip
                # The tag of what others see is known to be none of his.
                other = keys["440307002"] | {"If-None-Match": seen[None].headers["etag"]}
                assert (await client.get(f"/tiles/cameras/{ADDRESS}", headers=other)).status_code == 204


async def test_one_who_sees_one_area_is_not_told_where(settings: Settings, database_url: str, walled: Engine) -> None:
    event = LiveEvent(1, "tiles", {"layer": "buildings", "boxes": [[1, 2, 3, 4]]})
    service = Service(settings, database_url)
    async with service.running():
        assert await _shown(service, Wanted(Caller("viewer")), event) == event.data
        assert await _shown(service, Wanted(Caller("viewer", "440307")), event) == {"layer": "buildings"}
