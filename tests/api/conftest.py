"""The service in this process, on a real database: requests go in as ASGI messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from sqlalchemy import Engine

from api.app import make_app
from api.frontend import Frontend
from cim.keys import create_key
from cim.settings import Settings

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
