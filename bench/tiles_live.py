"""From COMMIT to the viewer's new tile, under load: ``python -m bench.tiles_live [DISTRICT]``.

The full district's buildings lie in a database of their own, their tiles are stored, and two server processes run.
Writers commit 50 changes a second all over a part of the district, each a transaction of its own that renames a
building. Viewers at zooms 13 to 16 hold ``/live`` open, each with a window of 4 x 3 tiles; when a change is told they
fetch those of their tiles that show it, with the tag of what they have, and look for the new name. No peer tells
viewers of changes, so there is none.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import morecantile
import numpy as np
import orjson
import psycopg

from bench.layer_import import Server, measure
from bench.lib.processes import cpu_seconds
from bench.lib.result import Goal, row, save
from bench.lib.scratch import command, make_district
from bench.lib.tile_servers import Served, serve_ours
from cim import cluster
from cim.db import driver_url
from tiles.tile import Envelope, Tile, TileRange, tiles_that_show

CHANGES_A_SECOND, SECONDS, VIEWERS = 50, 30, 4
ZOOMS = (13, 14, 15, 16)
GOAL_S = Goal(1.0)
MIDDLE = (114.22, 22.70)
_NAME = re.compile(rb"live-(\d+)-")
_CHOSEN = "select id from cim.building where geom && ST_MakeEnvelope(114.20, 22.68, 114.24, 22.72, 4490) order by id"
_RENAME = "update cim.building set name = %s, recorded_at = now() where id = %s"


class Run:
    """What was committed, and what each viewer saw when."""

    def __init__(self) -> None:
        self.committed: dict[int, float] = {}
        self.seen: list[dict[int, float]] = [{} for _ in range(VIEWERS)]
        self.is_over = False


async def write(url: str, run: Run) -> None:
    """Commit changes at the rate, whether or not anybody keeps up."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        ids = [row[0] for row in await (await connection.execute(_CHOSEN)).fetchall()]
        chosen = np.random.default_rng(1).choice(ids, CHANGES_A_SECOND * SECONDS)
        began = time.perf_counter()
        for number, building_id in enumerate(chosen.tolist()):
            await asyncio.sleep(max(0.0, began + number / CHANGES_A_SECOND - time.perf_counter()))
            await connection.execute(_RENAME, (f"live-{number}-", building_id))
            run.committed[number] = time.perf_counter()
    await asyncio.sleep(5)
    run.is_over = True


class Viewer:
    """One who looks at a zoom: listens, and fetches what is told to have changed there."""

    def __init__(self, address: str, run: Run, seen: dict[int, float], zoom: int) -> None:
        self.address, self.run, self.seen, self.zoom = address, run, seen, zoom
        self.tags: dict[Tile, str] = {}
        column, line = morecantile.tms.get("WebMercatorQuad").tile(*MIDDLE, zoom)[:2]
        self.window = TileRange(zoom, column - 2, line - 1, column + 1, line + 1)
        self.waiting: set[Tile] = set()
        self.woken = asyncio.Event()

    async def watch(self) -> None:
        """Look until all is over."""
        async with httpx.AsyncClient(base_url=self.address, timeout=60) as client:
            fetching = [asyncio.create_task(self.fetch(client)) for _ in range(2)]
            async with client.stream("GET", "/live") as stream:
                await self.listen(stream)
            for task in fetching:
                task.cancel()

    async def listen(self, stream: httpx.Response) -> None:
        """Take note of what changes."""
        kind = ""
        async for line in stream.aiter_lines():
            if self.run.is_over:
                return
            name, _, value = line.partition(": ")
            kind = value if name == "event" else kind
            if name == "data" and kind == "tiles":
                for box in orjson.loads(value)["boxes"]:
                    shown = tiles_that_show(Envelope(*box), self.zoom).tiles()
                    self.waiting.update(tile for tile in shown if tile in self.window)
                self.woken.set()

    async def fetch(self, client: httpx.AsyncClient) -> None:
        """Fetch one tile after the other, and look for names."""
        while True:
            await self.woken.wait()
            self.woken.clear()
            while self.waiting:
                tile = self.waiting.pop()
                known = {"If-None-Match": self.tags[tile]} if tile in self.tags else {}
                answer = await client.get(f"/tiles/buildings/{tile.z}/{tile.x}/{tile.y}.mvt", headers=known)
                self.tags[tile] = answer.headers["etag"]
                now = time.perf_counter()
                for found in _NAME.finditer(answer.content):
                    self.seen.setdefault(int(found[1]), now)


async def live(served: Served, url: str) -> Run:
    """Let writers write and viewers look."""
    run = Run()
    watching = [
        asyncio.create_task(Viewer(served.address, run, seen, zoom).watch())
        for seen, zoom in zip(run.seen, ZOOMS, strict=True)
    ]
    await asyncio.sleep(2)
    await write(url, run)
    async with asyncio.timeout(60):
        # The stream's next line ends each watch.
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            while not all(task.done() for task in watching):
                await connection.execute("select pg_notify('cim_live', %s)", ('{"type": "job"}',))
                await asyncio.sleep(0.2)
    await asyncio.gather(*watching)
    return run


def report(run: Run, cpu_s: float) -> list[dict[str, Any]]:
    """Return the rows: times by zoom, and what was never seen because a later change came first."""
    rows = []
    for zoom, seen in zip(ZOOMS, run.seen, strict=True):
        delays = [seen[number] - run.committed[number] for number in sorted(seen) if number in run.committed]
        work = f"commit to the new tile at zoom {zoom}, {CHANGES_A_SECOND} changes a second"
        rows += [
            row(f"{work}: median", float(np.median(delays)), "s", goal=GOAL_S),
            row(f"{work}: 95 %", float(np.percentile(delays, 95)), "s", goal=GOAL_S),
            row(f"{work}: seen in the window", len(delays), "changes"),
        ]
    return [*rows, row("processor seconds of the servers, of each second", cpu_s / SECONDS, "s")]


def measure_live(server: Server, environment: Mapping[str, str], url: str) -> list[dict[str, Any]]:
    """Build the pyramid, serve it by two processes, and change it."""
    measure(command("tiles", "build", "--layer", "buildings"), dict(environment))
    with serve_ours(environment, workers=2) as served:
        before = cpu_seconds(served.process)
        run = asyncio.run(live(served, url))
        return report(run, cpu_seconds(served.process) - before)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cim-bench-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        district = Path(sys.argv[1]) if len(sys.argv) > 1 else make_district(
            home / "district", "--scale", "full", "--only", "gis"
        )  # fmt: skip
        server = Server(home)
        try:
            database = server.database("live")
            environment = server.environment(database)
            measure(command("init"), environment)
            measure(command("import", str(district / "gis" / "buildings.gpkg")), environment)
            rows = measure_live(server, environment, driver_url(database))
        finally:
            cluster.stop(server.cluster)
    save("tiles_live", rows)


if __name__ == "__main__":
    main()
