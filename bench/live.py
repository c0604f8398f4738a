"""The live city under load, at the pilot's size and the whole district's: ``python -m bench.live [DISTRICT ...]``.

Each district (a folder that ``cim district make`` wrote; by default one of each size, made anew) lies in a database of
its own, with buildings, cells, roads, networks, ground, cameras, sensors and resources; two server processes run on the
machine that also asks.

- viewsheds: of cameras one by one, then of all in two processes;
- observations: as many as go in for ``SENDING_S``, 5,000 to a request; then the last readings of all sensors;
- intake: ``RATE`` events a second for ``SECONDS`` over ``CLIENTS`` connections, one to a request as single sources send
  them, and ``TOGETHER`` to a request as a platform hands them on; a listener holds ``/live`` open, and the way of each
  event is timed from the moment that its request is due until the listener has heard of it;
- batches: as many as go in, 500 to a request;
- context: of events chosen at random, one after the other;
- listeners: memory of the servers with 50 streams open and with 1,050.

Events say coordinates of places all over the district, a third of them an address as well. Figures of a second district
stand beside those of the first: their ratio is the growth.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import orjson
from sqlalchemy import Engine, Text, cast, func, select, text

from bench.lib.live_city import LiveCity, by_scale
from bench.lib.plain_client import plain_client
from bench.lib.processes import cpu_seconds, proportional_mb
from bench.lib.result import Goal, row, save
from bench.lib.tile_servers import Served, serve_ours
from bench.observations import last_ms, send
from bench.viewshed import one_by_one
from cim.tables import camera, sensor
from layers.live.cameras.batch import compute_viewsheds, plan_viewsheds
from layers.live.cameras.camera import cameras_of, select_cameras
from layers.live.cameras.kept import Ground

#: A tenth more than the goal: what comes at the goal's own rate is taken a little later than it comes.
RATE, SECONDS, CLIENTS, TOGETHER = 550, 20, 128, 50
BATCH, BATCHES = 500, 20
CONTEXTS = 300
VIEWSHEDS, SENDING_S = 100, 15.0
FEW, MANY = 50, 1000
KINDS = ("噪声扰民", "占道经营", "路面积水", "井盖破损", "人员聚集", "烟雾报警", "停水", "暴露垃圾")
GOAL_RATE, GOAL_HEARD_MS, GOAL_CONTEXT_MS = Goal(500.0, is_least=True), Goal(500.0), Goal(150.0)
GOAL_OBSERVATIONS, GOAL_LAST_MS, GOAL_VIEWSHEDS_S = Goal(20_000.0, is_least=True), Goal(50.0), Goal(300.0)
GOAL_GROWTH = Goal(1.2, of_peer=True)
PLACES = text(
    "select ST_X(p), ST_Y(p), address from (select ST_PointOnSurface(geom) as p, address from cim.building"
    " tablesample system (20) where geom is not null) b limit 20000"
)
SIZES = text(
    "select (select count(*) from cim.building), (select count(*) from cim.camera), (select count(*) from cim.sensor)"
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


async def send_steadily(address: str, said: list[dict[str, Any]], together: int, heard: Heard) -> float:
    """Send events at the rate, whether or not anybody keeps up; returns the seconds until the last was answered."""
    began = time.perf_counter()
    waiting: asyncio.Queue[tuple[float, list[dict[str, Any]]]] = asyncio.Queue()
    for start in range(0, len(said), together):
        some = said[start : start + together]
        waiting.put_nowait((began + (start + len(some) - 1) / RATE, some))

    async def work() -> None:
        async with plain_client(address) as client:
            while not waiting.empty():
                due, some = waiting.get_nowait()
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                # late ones count from when they were due
                heard.sent |= {one["title"]: due for one in some}
                await client.post("/events", orjson.dumps(some[0] if together == 1 else some))

    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    return time.perf_counter() - began


async def intake(served: Served, places: list[Any], together: int) -> list[dict[str, Any]]:
    said = events(places, RATE * SECONDS, f"steady-{together}")
    heard = Heard()
    before = cpu_seconds(served.process)
    async with httpx.AsyncClient(base_url=served.address, timeout=60) as ears:
        listening = asyncio.create_task(listen(ears, heard))
        await asyncio.sleep(1)
        seconds = await send_steadily(served.address, said, together, heard)
        await asyncio.sleep(2)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    spent = cpu_seconds(served.process) - before
    delays = [1e3 * (heard.at[name] - sent) for name, sent in heard.sent.items() if name in heard.at]
    return [
        row(f"events taken in a second, {together} to a request", len(said) / seconds, "events/s", goal=GOAL_RATE),
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


async def contexts(served: Served, engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        query = text("select id from cim.event where source like 'bench-%' order by md5(id::text) limit :most")
        ids = list(connection.execute(query, {"most": CONTEXTS}).scalars())
    times, sizes = [], []
    async with httpx.AsyncClient(base_url=served.address, timeout=60) as client:
        for number in ids:
            began = time.perf_counter()
            answer = await client.get(f"/events/{number}/context")
            times.append(1e3 * (time.perf_counter() - began))
            sizes.append(len(answer.raise_for_status().content))
    return [
        row("context of an event: median", float(np.median(times)), "ms"),
        row("  95 %", float(np.percentile(times, 95)), "ms", goal=GOAL_CONTEXT_MS),
        row("  size, not packed: median", float(np.median(sizes)) / 1e3, "kB"),
    ]


async def listeners(served: Served) -> list[dict[str, Any]]:
    """Return the servers' memory with a few and with many streams open, which are read as they come."""
    url = httpx.URL(served.address)
    asked = f"GET /live HTTP/1.1\r\nHost: {url.host}:{url.port}\r\n\r\n".encode()

    async def hear() -> None:
        reader, writer = await asyncio.open_connection(url.host, url.port)
        try:
            writer.write(asked)
            while await reader.read(65_536):
                pass
        finally:
            writer.close()

    async def with_more(count: int) -> float:
        for _ in range(count):
            held.append(asyncio.create_task(hear()))
            await asyncio.sleep(0.005)
        await asyncio.sleep(3)
        return proportional_mb(served.process)

    held: list[asyncio.Task[None]] = []
    few = await with_more(FEW)
    many = await with_more(MANY)
    ended = sum(task.done() for task in held)
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    return [
        row(f"memory of the servers with {FEW} streams open", few, "MB"),
        row(f"  with {FEW + MANY}", many, "MB", peer=f"with {FEW}", peer_value=few, goal=GOAL_GROWTH),
        row("  streams that were refused or ended", ended, "", goal=Goal(0.0)),
    ]


def sights(city: LiveCity) -> list[dict[str, Any]]:
    """Return how long one viewshed takes, and all of them, which are kept then."""
    ground = Ground(city.settings.files, city.settings.metric_crs)
    with city.engine.connect() as connection:
        columns = select_cameras().order_by(func.md5(cast(camera.c.id, Text))).limit(VIEWSHEDS)
        rows = one_by_one(connection, ground, cameras_of(connection.execute(columns).all(), ground.metric_crs))
    began = time.perf_counter()
    plan = plan_viewsheds(city.engine, ground.metric_crs)
    sum(compute_viewsheds(city.engine, ground, plan, workers=2))
    return [*rows, row("viewsheds of all cameras", time.perf_counter() - began, "s", goal=GOAL_VIEWSHEDS_S)]


def readings(city: LiveCity, served: Served) -> list[dict[str, Any]]:
    """Return observations a second through the batch API, and how long the last of every sensor take."""
    with city.engine.connect() as connection:
        ids = list(connection.execute(select(sensor.c.id).order_by(sensor.c.id)).scalars())
    sent = asyncio.run(send(f"{served.address}/sta/v1.1", ids, SENDING_S))
    with city.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze cim.last_observation"))
    last = {places: float(np.median(last_ms(served.address, places, len(ids)))) for places in ("true", "false")}
    return [
        row("observations taken in a second", sent.taken / sent.seconds, "1/s", goal=GOAL_OBSERVATIONS),
        row("last readings of all sensors with places: median", last["true"], "ms", goal=GOAL_LAST_MS),
        row("  without", last["false"], "ms", goal=GOAL_LAST_MS),
    ]


def work_on(city: LiveCity) -> list[dict[str, Any]]:
    """Return the rows of one district."""
    with city.engine.connect() as connection:
        places = [tuple(place) for place in connection.execute(PLACES)]
        sizes = connection.execute(SIZES).one()
    rows = [row(noun, count, "") for noun, count in zip(("buildings", "cameras", "sensors"), sizes, strict=True)]
    rows += sights(city)
    with serve_ours(city.environment, workers=2) as served:
        rows += readings(city, served)
        for together in (1, TOGETHER):
            rows += asyncio.run(intake(served, places, together))
        rows += asyncio.run(batches(served, places))
        rows += asyncio.run(contexts(served, city.engine))
        return rows + asyncio.run(listeners(served))


def main() -> None:
    save("live", by_scale(work_on))


if __name__ == "__main__":
    main()
