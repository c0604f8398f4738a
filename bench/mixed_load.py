"""An hour of all that goes on at once, at flat memory: ``python -m bench.mixed_load [DISTRICT] [--minutes 60]``.

A district (by default one of the pilot's size, made anew) lies in a database of its own; two server processes run on
the machine that also asks:

- ``OBSERVATIONS`` a second through the batch API, ``EVENTS`` a second, ``POSITIONS`` a second;
- ``LISTENERS`` streams of ``/live``, of which one in ten leaves and comes again every minute;
- viewers that read tiles around places chosen at random, contexts of events and last readings, without a pause.

The memory of the servers (proportional, pages that several share count once) is noted every ten seconds. Flat is: in
the last quarter of the time no more than ``GOAL_GROWTH`` times what it was in the second; the first is for warming up.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import re
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import morecantile
import numpy as np
import orjson
from sqlalchemy import select, text

from bench.lib.live_city import LiveCity, live_city
from bench.lib.processes import proportional_mb
from bench.lib.result import Goal, row, save
from bench.lib.scratch import make_district
from bench.lib.tile_servers import Served, serve_ours
from bench.live import PLACES, events
from bench.observations import AT_ONCE, body_of
from cim.tables import sensor

OBSERVATIONS, EVENTS, POSITIONS, LISTENERS = 1_000, 5, 20, 200
VIEWERS, ZOOMS = 2, (14, 15, 16, 17)
NOTED_EVERY_S = 10.0
UNITS = 200
SQUARES = morecantile.tms.get("WebMercatorQuad")
GOAL_GROWTH = Goal(1.1, of_peer=True)
GOAL_NONE = Goal(0.0)
JSON = {"Content-Type": "application/json"}
KIND = re.compile(rb"^event: (\w+)", re.MULTILINE)


class Load(NamedTuple):
    """What is asked of which server until when, and what came of it (answers by work and status)."""

    client: httpx.AsyncClient
    ends: float
    answers: Counter[str]

    async def ask(self, work: str, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request and count its answer."""
        content = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        answer = await self.client.request(method, path, content=content, headers=JSON if content else None)
        self.answers[f"{work} {answer.status_code}"] += 1
        return answer


async def steadily(load: Load, period_s: float, one: Callable[[int], Awaitable[Any]]) -> None:
    """Do something again and again, so long after its last beginning; never twice at once."""
    for number in itertools.count():
        began = time.monotonic()
        if began >= load.ends:
            return
        await one(number)
        await asyncio.sleep(max(0.0, period_s - (time.monotonic() - began)))


async def look(load: Load, places: list[Any], seed: int) -> None:
    """Read what viewers read."""
    random = np.random.default_rng(seed)

    async def one(number: int) -> None:
        lon, lat, _ = places[int(random.integers(len(places)))]
        tile = SQUARES.tile(lon, lat, ZOOMS[number % len(ZOOMS)])
        await load.ask("tile", "GET", f"/tiles/buildings,roads,events/{tile.z}/{tile.x}/{tile.y}.mvt")
        if number % 10 == 0:
            await load.ask("last readings", "GET", "/sensors/last?places=false")
        if number % 5 == 0:
            listed = await load.ask("events", "GET", "/events?limit=50")
            found = listed.json()["events"]
            if found:
                chosen = found[int(random.integers(len(found)))]["id"]
                await load.ask("context", "GET", f"/events/{chosen}/context")

    await steadily(load, 0.2, one)


async def listen(load: Load, number: int, heard: Counter[str]) -> None:
    """Hold a stream open, and open it again when it ends; one in ten leaves every minute by itself.

    Bytes are read as they come: a client that takes each line apart would be the slowest part of the whole.
    """
    url = load.client.base_url
    asked = f"GET /live HTTP/1.1\r\nHost: {url.host}:{url.port}\r\n\r\n".encode()
    while time.monotonic() < load.ends:
        until = min(load.ends, time.monotonic() + 60) if number % 10 == 0 else load.ends
        reader, writer = await asyncio.open_connection(url.host, url.port)
        try:
            writer.write(asked)
            async with asyncio.timeout(until - time.monotonic()):
                while told := await reader.read(65_536):
                    heard.update(kind.decode() for kind in KIND.findall(told))
            heard["(closed by the server)"] += 1
        except TimeoutError:
            pass
        finally:
            writer.close()


def positions(places: list[Any], number: int) -> list[dict[str, Any]]:
    """Return a second's positions of units that walk from place to place."""
    now = datetime.now(UTC).isoformat()
    chosen = [(number * POSITIONS + each) % UNITS for each in range(POSITIONS)]
    return [
        {"code": f"bench-{unit}", "time": now, "longitude": places[(unit + number) % len(places)][0],
         "latitude": places[(unit + number) % len(places)][1], "kind": "vehicle"}
        for unit in chosen
    ]  # fmt: skip


async def work_on(served: Served, places: list[Any], ids: list[int], seconds: float) -> list[dict[str, Any]]:
    """Return the rows of the whole load."""
    noted: list[tuple[float, float]] = []
    heard: Counter[str] = Counter()
    began = time.monotonic()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=served.address, timeout=120, limits=limits) as client:
        load = Load(client, began + seconds, Counter())
        begins = datetime.now(UTC) - timedelta(hours=2)
        said = events(places, max(1, int(EVENTS * seconds)), "mixed")

        async def note(_number: int) -> None:
            mb = await asyncio.to_thread(proportional_mb, served.process)
            noted.append((time.monotonic() - began, mb))
            print(f"{noted[-1][0]:6.0f} s  {mb:6.0f} MB  {dict(load.answers)}", flush=True)

        async def observe(number: int) -> None:
            body = body_of(ids, number, begins)
            await load.ask("observations", "POST", "/sta/v1.1/CreateObservations", body)

        works = [
            steadily(load, NOTED_EVERY_S, note),
            steadily(load, AT_ONCE / OBSERVATIONS, observe),
            steadily(load, 1.0, lambda n: load.ask("event", "POST", "/events", said[n * EVENTS : (n + 1) * EVENTS])),
            steadily(load, 1.0, lambda n: load.ask("positions", "POST", "/tracks", positions(places, n))),
            *(look(load, places, seed) for seed in range(VIEWERS)),
            *(listen(load, number, heard) for number in range(LISTENERS)),
        ]
        await asyncio.gather(*works)
    return report(noted, load.answers, heard, seconds)


def report(
    noted: list[tuple[float, float]], answers: Counter[str], heard: Counter[str], seconds: float
) -> list[dict[str, Any]]:
    """Return the rows: memory by quarters, answers by status, notices heard."""
    quarters = [
        float(np.median([mb for at, mb in noted if part <= 4 * at / seconds < part + 1] or [0.0])) for part in range(4)
    ]
    failed = sum(count for work, count in answers.items() if work.rsplit(" ", 1)[1] >= "400")
    return [
        row("minutes", seconds / 60, "min"),
        row("memory of the servers, second quarter: median", quarters[1], "MB"),
        row("  last quarter: median", quarters[3], "MB", peer="second quarter", peer_value=quarters[1],
            goal=GOAL_GROWTH),
        row("  most", max(mb for _, mb in noted), "MB"),
        row("answers that were refused or failed", failed, "", goal=GOAL_NONE),
        *(row(f"answers: {work}", count, "") for work, count in sorted(answers.items())),
        *(row(f"notices heard, all listeners: {kind}", count, "") for kind, count in sorted(heard.items())),
    ]  # fmt: skip


def measured(city: LiveCity, seconds: float) -> list[dict[str, Any]]:
    """Return the rows of one district."""
    with city.engine.connect() as connection:
        places = [tuple(place) for place in connection.execute(PLACES)]
        ids = list(connection.execute(select(sensor.c.id).order_by(sensor.c.id)).scalars())
    with serve_ours(city.environment, workers=2) as served:
        rows = asyncio.run(work_on(served, places, ids, seconds))
    with city.engine.connect() as connection:
        kept = connection.execute(text("select count(*) from cim.observation")).scalar_one()
    return [*rows, row("observations in the database", kept, "")]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("district", nargs="?", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cim-bench-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        folder = asked.district or make_district(home / "district", "--only", "gis")
        with live_city(home, folder) as city:
            rows = measured(city, 60 * asked.minutes)
    save("mixed_load", rows)


if __name__ == "__main__":
    main()
