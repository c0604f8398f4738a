"""Events under load: ``python -m bench.live [DISTRICT]``.

A district (a folder; by default the whole one, made anew) lies in a database of its own, with buildings, cells, roads,
networks, cameras, sensors, resources and events; two server processes run on the machine that also asks.

- intake: ``RATE`` events a second for ``SECONDS``, one to a request over ``CLIENTS`` connections, as sources send them;
  listeners hold ``/live`` open, and each event's way is timed from the moment that its request is sent until a
  listener of the other end has heard of it;
- batches: as many as go in, 500 to a request;
- context: of events chosen at random, one after the other;
- listeners: memory of the servers with 50 streams open and with 1,050.

Events say coordinates of places all over the district, a third of them an address as well.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
from sqlalchemy import Engine, text

from bench.layer_import import Server, measure
from bench.lib.processes import cpu_seconds, proportional_mb
from bench.lib.result import Goal, row, save
from bench.lib.scratch import command, make_district
from bench.lib.tile_servers import Served, serve_ours
from cim import cluster
from cim.db import make_engine

RATE, SECONDS, CLIENTS = 500, 20, 32
BATCH, BATCHES = 500, 20
CONTEXTS = 300
FEW, MANY = 50, 1000
KINDS = ("噪声扰民", "占道经营", "路面积水", "井盖破损", "人员聚集", "烟雾报警", "停水", "暴露垃圾")
GOAL_RATE, GOAL_HEARD_MS, GOAL_CONTEXT_MS = Goal(500.0, is_least=True), Goal(500.0), Goal(150.0)
GOAL_GROWTH = Goal(1.2, of_peer=True)
PLACES = text(
    "select ST_X(p), ST_Y(p), address from (select ST_PointOnSurface(geom) as p, address from cim.building"
    " tablesample system (20) where geom is not null) b limit 20000"
)


class Heard:
    """When which event was heard of, by its title."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.at: dict[str, float] = {}


def events(places: list[Any], count: int, name: str) -> list[dict[str, Any]]:
    """Return events at places chosen at random."""
    random = np.random.default_rng(len(name))
    now = datetime.now(UTC).isoformat()
    chosen = random.integers(0, len(places), count)
    made = []
    for number, place in enumerate(chosen.tolist()):
        lon, lat, address = places[place]
        made.append({
            "source": f"bench-{name}", "source_key": str(number), "title": f"{name}-{number}", "occurred_at": now,
            "type": KINDS[number % len(KINDS)], "longitude": lon, "latitude": lat,
            **({"address": address} if address and number % 3 == 0 else {}),
        })  # fmt: skip
    return made


async def listen(client: httpx.AsyncClient, heard: Heard) -> None:
    """Hear of events, until cancelled."""
    async with client.stream("GET", "/live?layers=events") as stream:
        kind = ""
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            kind = value if name == "event" else kind
            if name == "data" and kind == "event":
                now = time.perf_counter()
                for one in orjson.loads(value)["events"]:
                    heard.at.setdefault(one["title"], now)


async def send_steadily(address: str, said: list[dict[str, Any]], heard: Heard) -> float:
    """Send events at the rate, whether or not anybody keeps up; returns the seconds until the last was answered."""
    began = time.perf_counter()
    waiting: asyncio.Queue[tuple[float, dict[str, Any]]] = asyncio.Queue()
    for number, one in enumerate(said):
        waiting.put_nowait((began + number / RATE, one))

    async def work(client: httpx.AsyncClient) -> None:
        while not waiting.empty():
            due, one = waiting.get_nowait()
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            # late ones count from when they were due
            heard.sent[one["title"]] = due
            answer = await client.post(
                "/events", content=orjson.dumps(one), headers={"Content-Type": "application/json"}
            )
            answer.raise_for_status()

    limits = httpx.Limits(max_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
        await asyncio.gather(*(work(client) for _ in range(CLIENTS)))
    return time.perf_counter() - began


async def intake(served: Served, places: list[Any]) -> list[dict[str, Any]]:
    said = events(places, RATE * SECONDS, "steady")
    heard = Heard()
    before = cpu_seconds(served.process)
    async with httpx.AsyncClient(base_url=served.address, timeout=60) as ears:
        listening = asyncio.create_task(listen(ears, heard))
        await asyncio.sleep(1)
        seconds = await send_steadily(served.address, said, heard)
        await asyncio.sleep(2)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    spent = cpu_seconds(served.process) - before
    delays = [1e3 * (heard.at[name] - sent) for name, sent in heard.sent.items() if name in heard.at]
    return [
        row("events taken in a second, one to a request", len(said) / seconds, "events/s", goal=GOAL_RATE),
        row("  from the request to the listener: median", float(np.median(delays)), "ms"),
        row("  95 %", float(np.percentile(delays, 95)), "ms", goal=GOAL_HEARD_MS),
        row("  heard of", 100 * len(delays) / len(said), "%"),
        row("  processor seconds of the servers, of each second", spent / seconds, "s"),
    ]


async def batches(served: Served, places: list[Any]) -> list[dict[str, Any]]:
    said = events(places, BATCH * BATCHES, "batches")
    async with httpx.AsyncClient(base_url=served.address, timeout=120) as client:
        began = time.perf_counter()
        for start in range(0, len(said), BATCH):
            (await client.post("/events", json=said[start : start + BATCH])).raise_for_status()
        seconds = time.perf_counter() - began
    return [row(f"events taken in a second, {BATCH} to a request", len(said) / seconds, "events/s", goal=GOAL_RATE)]


async def contexts(served: Served, engine: Engine, name: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        query = text("select id from cim.event where source = 'bench-steady' order by md5(id::text) limit :most")
        ids = list(connection.execute(query, {"most": CONTEXTS}).scalars())
    times, sizes = [], []
    async with httpx.AsyncClient(base_url=served.address, timeout=60) as client:
        for number in ids:
            began = time.perf_counter()
            answer = await client.get(f"/events/{number}/context")
            times.append(1e3 * (time.perf_counter() - began))
            sizes.append(len(answer.raise_for_status().content))
    return [
        row(f"context of an event, {name}: median", float(np.median(times)), "ms"),
        row("  95 %", float(np.percentile(times, 95)), "ms", goal=GOAL_CONTEXT_MS),
        row("  size, not packed: median", float(np.median(sizes)) / 1e3, "kB"),
    ]


async def listeners(served: Served) -> list[dict[str, Any]]:
    """Return the servers' memory with a few and with many streams open."""
    limits = httpx.Limits(max_connections=None)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=served.address, timeout=60, limits=limits))

        async def hear(count: int) -> float:
            for _ in range(count):
                await stack.enter_async_context(client.stream("GET", "/live"))
            await asyncio.sleep(2)
            return proportional_mb(served.process)

        few = await hear(FEW)
        many = await hear(MANY)
    return [
        row(f"memory of the servers with {FEW} streams open", few, "MB"),
        row(f"  with {FEW + MANY}", many, "MB", peer=f"with {FEW}", peer_value=few, goal=GOAL_GROWTH),
    ]


async def work_on(environment: Mapping[str, str], engine: Engine, name: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        places = [tuple(place) for place in connection.execute(PLACES)]
    with serve_ours(environment, workers=2) as served:
        rows = await intake(served, places)
        rows += await batches(served, places)
        rows += await contexts(served, engine, name)
        return rows + await listeners(served)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cim-bench-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
        district = given or make_district(home / "district", "--scale", "full", "--only", "gis")
        server = Server(home)
        try:
            environment = server.environment(server.database("live"))
            measure(command("init"), environment)
            folders = [str(district / name) for name in ("gis", "registers") if (district / name).is_dir()]
            files = [str(file) for folder in folders for file in sorted(Path(folder).iterdir())
                     if file.name not in ("units.csv", "buildings.csv") and file.is_file()]  # fmt: skip
            measure(command("import", *files), environment)
            engine = make_engine(environment["CIM_DATABASE_URL"])
            rows = asyncio.run(work_on(environment, engine, district.name))
            engine.dispose()
        finally:
            cluster.stop(server.cluster)
    save("live", rows)


if __name__ == "__main__":
    main()
