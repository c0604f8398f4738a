"""Heights and profiles over HTTP, on a service whose district has no raster, and with what nobody should send."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import Engine

pytestmark = pytest.mark.anyio

LINE = {"type": "LineString", "coordinates": [[114.21, 22.69], [114.22, 22.7]]}


@pytest.fixture
async def client(
    clients: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]], city: Engine
) -> AsyncIterator[httpx.AsyncClient]:
    async with clients() as made:
        yield made


async def test_where_no_raster_reaches_the_answer_says_so(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/terrain/height", params={"lon": 114.22, "lat": 22.7})).json()
    assert (answer["height_m"], answer["filled"], answer["rasters"]) == (None, False, [])
    assert answer["receipt"]["layers"]["terrain"]["state"] == "no_data"
    profile = (await client.post("/terrain/profile", json={"geometry": LINE, "samples": 5})).json()
    assert profile["heights_m"] == [None] * 5
    assert profile["without_height"] == 5
    assert profile["length_m"] == pytest.approx(1509, abs=10)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[" * 5000 + b"]" * 5000, b'{"type": "LineString"}', b'{"geometry": 7}',
     orjson.dumps({"geometry": LINE, "samples": True}), orjson.dumps({"geometry": LINE, "samples": 10**9}),
     orjson.dumps({"type": "LineString", "coordinates": [[114.2, 22.7]] * 3}),
     orjson.dumps({"type": "LineString", "coordinates": [[114.2, 22.7]] * 20_000})],
)  # fmt: skip
async def test_bad_lines_are_refused_with_a_problem(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/terrain/profile", content=body)
    problem: dict[str, Any] = answer.json()
    assert 400 <= answer.status_code < 500
    assert problem["status"] == answer.status_code
    assert problem["detail"]


@pytest.mark.parametrize("query", ["", "lon=1", "lon=x&lat=y", "lon=500&lat=22", "lon=nan&lat=nan", "lon=inf&lat=0"])
async def test_bad_places_are_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/terrain/height?{query}")
    assert 400 <= answer.status_code < 500
