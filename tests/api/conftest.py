"""The service in this process, on a real database: requests go in as ASGI messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from sqlalchemy import Engine, insert, update

from api.app import make_app
from api.frontend import Frontend
from cim.keys import create_key
from cim.provenance import touch_layers
from cim.settings import Settings
from cim.tables import building, camera, layer, road, unit
from tiles.settle import settle

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def anyio_backend() -> str:
    """Run the tests on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture
def frontend(tmp_path: Path) -> Frontend:
    """A small build of a viewer."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html><title>viewer</title>")
    (dist / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (dist / "assets" / "main-abc123.js").write_text("export const answer = 42;\n" * 100)
    (tmp_path / "secret.txt").write_text("not for the world")
    return Frontend((dist,), ())


@pytest.fixture
def clients(settings: Settings, database_url: str, frontend: Frontend) -> Clients:
    """Make a client of a running service; options: the client's address, its Host, more headers."""

    @asynccontextmanager
    async def make(
        address: str = "127.0.0.1", base_url: str = "http://localhost:8000", **headers: str
    ) -> AsyncIterator[httpx.AsyncClient]:
        app = make_app(settings, database_url, frontend)
        async with running(app):
            transport = httpx.ASGITransport(app, client=(address, 50000))
            async with httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers) as client:
                yield client

    return make


@pytest.fixture
def town() -> object:
    """Nothing at all: test modules lay towns of their own."""
    return None


@pytest.fixture
async def client(clients: Clients, town: object) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that is started when the module's town is laid."""
    async with clients() as made:
        yield made


@asynccontextmanager
async def running(app: Callable[..., object]) -> AsyncIterator[None]:
    """Take an ASGI application through its lifespan."""
    to_app, from_test = anyio.create_memory_object_stream[dict[str, object]](2)
    from_app, to_test = anyio.create_memory_object_stream[dict[str, object]](2)
    async with anyio.create_task_group() as group, to_app, from_test, from_app, to_test:
        group.start_soon(app, {"type": "lifespan", "state": {}}, from_test.receive, from_app.send)
        await to_app.send({"type": "lifespan.startup"})
        started = await to_test.receive()
        assert started["type"] == "lifespan.startup.complete", started
        try:
            yield
        finally:
            await to_app.send({"type": "lifespan.shutdown"})
            await to_test.receive()


@pytest.fixture
def make_key(engine: Engine) -> Callable[..., str]:
    """Make a key in the database."""

    def make(role: str, area_code: str | None = None) -> str:
        with engine.begin() as connection:
            return create_key(connection, role, area_code)

    return make


@pytest.fixture
def city(engine: Engine) -> Engine:
    """A database with three square buildings, a road, a camera that planners see, and a unit without a
    place; all changes are settled."""
    with engine.begin() as connection:
        for number, (west, south) in enumerate([(114.2200, 22.7000), (114.2210, 22.7000), (114.2300, 22.7100)], 1):
            connection.execute(
                insert(building).values(
                    layer_id="buildings",
                    source_key=f"B{number}",
                    code=f"44030700{number}",
                    name=f"龙城{number}号楼",
                    use="住宅" if number < 3 else "医院",
                    height_m=10.0 * number,
                    geom=f"SRID=4490;{box(west, south, west + 0.0005, south + 0.0005, kind='MULTIPOLYGON')}",
                )
            )
        line = "SRID=4490;MULTILINESTRING((114.219 22.699, 114.232 22.712))"
        connection.execute(insert(road).values(layer_id="roads", source_key="R1", name="龙岗大道", geom=line))
        point = "SRID=4490;POINT(114.2202 22.7002)"
        connection.execute(
            insert(camera).values(layer_id="cameras", source_key="C1", code="44030700001320000001", geom=point)
        )
        connection.execute(update(layer).where(layer.c.id == "cameras").values(visibility="planner"))
        connection.execute(insert(unit).values(layer_id="units", source_key="U1", name="101"))
        touch_layers(connection, ["buildings", "roads", "cameras", "units"], "test", None)
    with engine.begin() as connection:
        settle(connection)
    return engine


def box(west: float, south: float, east: float, north: float, *, kind: str = "POLYGON") -> str:
    """Return a rectangle as WKT."""
    ring = f"(({west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}))"
    return kind + (f"({ring})" if kind == "MULTIPOLYGON" else ring)
