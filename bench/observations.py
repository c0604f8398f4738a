"""Observations a second through the batch API, and the last readings of all sensors: ``python -m bench.observations``.

20,000 sensors, two server processes, and a client on the same machine that holds four requests open for 30 s, each
of 5,000 observations of as many datastreams in data arrays. Then what has been told is counted in the database.
FROST-Server takes the same bodies where CIM_BENCH_FROST names its root (http://host/FROST-Server/v1.1) and
CIM_BENCH_FROST_IDS the first and last id of the datastreams that it has (1-20000); it has no others, and the Thing of
each has a Location: FROST makes the feature of interest of an observation from it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import orjson
from sqlalchemy import Engine, text

from bench.layer_import import Server, measure
from bench.lib.processes import cpu_seconds, proportional_mb
from bench.lib.result import Goal, row, save
from bench.lib.scratch import command
from bench.lib.tile_servers import serve_ours
from cim import cluster
from cim.db import make_engine
from layers.live.events.types import seed_types
from layers.live.sensors.describe import describe_sensors
from layers.live.sensors.thresholds import seed_thresholds

SENSORS, AT_ONCE, REQUESTS, SECONDS = 20_000, 5_000, 4, 30
WARM_S, FROST_WARM_S = 2, 20  # Java compiles what has run for a while
PATIENCE_S = 300  # FROST-Server makes 20,000 features of interest with its first requests
HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
GOAL_A_SECOND, GOAL_LAST_MS = Goal(20_000, is_least=True), Goal(50)
_LAST = (
    "$top=10000&$select=id&$expand=Observations($top=1;$orderby=phenomenonTime%20desc;$select=phenomenonTime,result)"
)
_SENSORS = text(
    "insert into cim.sensor (layer_id, source_key, code, kind, unit, expected_interval_s, geom)"
    " select 'sensors', 'B' || n, 'B' || n, (array['水位', '烟感', '可燃气体', '井盖'])[1 + n % 4], 'm', 300,"
    " ST_SetSRID(ST_MakePoint(114.1 + n % 200 * 0.001, 22.6 + n / 200 * 0.001), 4490)"
    " from generate_series(1, :count) as n"
)


class Sent(NamedTuple):
    """What a client has sent: how many were taken, in which time, and how long a request took."""

    taken: int
    seconds: float
    delays_s: list[float]


class Peer(NamedTuple):
    """FROST-Server and its figures: None where it is not there."""

    name: str
    rate: float | None = None
    lost: int | None = None
    last_ms: float | None = None


def body_of(ids: Sequence[int], number: int, begins: datetime) -> bytes:
    """Return one request: so many observations of the datastreams in turn, a second apart."""
    places = range(number * AT_ONCE, (number + 1) * AT_ONCE)
    moments = {turn: (begins + timedelta(seconds=turn)).isoformat() for turn in {place // len(ids) for place in places}}
    values = np.random.default_rng(number).uniform(0, 0.4, AT_ONCE).round(3).tolist()
    return orjson.dumps([
        {
            "Datastream": {"@iot.id": ids[place % len(ids)]},
            "components": ["phenomenonTime", "result"],
            "dataArray": [[moments[place // len(ids)], value]],
        }
        for place, value in zip(places, values, strict=True)
    ])  # fmt: skip


async def send(address: str, ids: Sequence[int], seconds: float) -> Sent:
    """Send bodies as fast as they are taken."""
    numbers, begins = iter(range(10**9)), datetime.now(UTC) - timedelta(hours=1)
    taken, delays = 0, []
    began = time.perf_counter()

    async def one(client: httpx.AsyncClient) -> None:
        nonlocal taken
        while time.perf_counter() - began < seconds:
            body = body_of(ids, next(numbers), begins)
            asked = time.perf_counter()
            answer = await client.post(f"{address}/CreateObservations", content=body)
            delays.append(time.perf_counter() - asked)
            if answer.status_code != 201 or b"error" in answer.content:
                raise SystemExit(f"not taken: {answer.status_code} {answer.text[:300]}")
            taken += AT_ONCE

    async with httpx.AsyncClient(timeout=PATIENCE_S, headers=HEADERS) as client:
        await asyncio.gather(*(one(client) for _ in range(REQUESTS)))
    return Sent(taken, time.perf_counter() - began, delays)


def last_ms(address: str, places: str, sensors: int) -> list[float]:
    """Return how long the last readings of so many sensors take, with their places or without, for ten requests."""
    found = []
    with httpx.Client(base_url=address, timeout=60, headers={"Accept-Encoding": "identity"}) as client:
        for _ in range(12):
            asked = time.perf_counter()
            body = client.get("/sensors/last", params={"places": places}).raise_for_status().content
            found.append((time.perf_counter() - asked) * 1e3)
        if len(orjson.loads(body)["id"]) != sensors:
            raise SystemExit("not all sensors are there")
    return found[2:]


def last_by_sensorthings_ms(address: str, sensors: int) -> float:
    """Return how long the last observations of all datastreams take by SensorThings, page by page: median of 3."""
    found = []
    with httpx.Client(timeout=PATIENCE_S, headers={"Accept-Encoding": "identity"}) as client:
        for _ in range(4):
            asked, page, count = time.perf_counter(), f"{address}/Datastreams?{_LAST}", 0
            while page:
                answer = orjson.loads(client.get(page).raise_for_status().content)
                count += sum(len(each["Observations"]) for each in answer["value"])
                page = answer.get("@iot.nextLink", "")
            found.append((time.perf_counter() - asked) * 1e3)
            if count != sensors:
                raise SystemExit(f"{count} last observations of {sensors} datastreams")
    return float(np.median(found[1:]))


def count_at(address: str) -> int:
    """Return how many observations a service of SensorThings has."""
    answer = httpx.get(f"{address}/Observations?$count=true&$top=0", timeout=PATIENCE_S).raise_for_status()
    return int(answer.json()["@iot.count"])


def frost() -> Peer:
    """Measure the peer."""
    address, ids = os.environ.get("CIM_BENCH_FROST"), os.environ.get("CIM_BENCH_FROST_IDS", "")
    if not address:
        return Peer("FROST-Server, not installed")
    first, _, last = ids.partition("-")
    datastreams = range(int(first), int(last) + 1)
    asyncio.run(send(address, datastreams, FROST_WARM_S))
    before = count_at(address)
    sent = asyncio.run(send(address, datastreams, SECONDS))
    lost = sent.taken - (count_at(address) - before)
    last_ms = last_by_sensorthings_ms(address, len(datastreams))
    return Peer("FROST-Server", sent.taken / sent.seconds, lost, last_ms)


def measure_all(engine: Engine, environment: dict[str, str]) -> list[dict[str, Any]]:
    """Send, count, and read."""
    with engine.begin() as connection:
        seed_types(connection)
        seed_thresholds(connection)
        connection.execute(_SENSORS, {"count": SENSORS})
        describe_sensors(connection)
        ids = list(connection.execute(text("select id from cim.sensor order by id")).scalars())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze"))
    with serve_ours(environment, workers=2) as served:
        address = f"{served.address}/sta/v1.1"
        asyncio.run(send(address, ids, WARM_S))
        with engine.connect() as connection:
            before = connection.execute(text("select count(*) from cim.observation")).scalar_one()
        used = cpu_seconds(served.process)
        sent = asyncio.run(send(address, ids, SECONDS))
        used = cpu_seconds(served.process) - used
        size_mb = proportional_mb(served.process)
        with engine.connect() as connection:
            connection.execute(text("analyze cim.last_observation"))
            stored = connection.execute(text("select count(*) from cim.observation")).scalar_one() - before
        times, bare = last_ms(served.address, "true", SENSORS), last_ms(served.address, "false", SENSORS)
        standard_ms = last_by_sensorthings_ms(address, SENSORS)
    peer = frost()
    rate = sent.taken / sent.seconds
    work = f"observations a second for {SECONDS} s, {AT_ONCE} a request"
    return [
        row(work, rate, "1/s", peer=peer.name, peer_value=peer.rate, goal=GOAL_A_SECOND),
        row(
            "observations taken and not stored",
            sent.taken - stored,
            "observations",
            peer=peer.name,
            peer_value=peer.lost,
            goal=Goal(0),
        ),
        row(f"request of {AT_ONCE}: median", float(np.median(sent.delays_s)) * 1e3, "ms"),
        row(f"request of {AT_ONCE}: 95 %", float(np.percentile(sent.delays_s, 95)) * 1e3, "ms"),
        row(
            f"last readings of {SENSORS} sensors with places: median", float(np.median(times)), "ms", goal=GOAL_LAST_MS
        ),
        row(f"last readings of {SENSORS} sensors without: median", float(np.median(bare)), "ms", goal=GOAL_LAST_MS),
        row(f"last readings of {SENSORS} sensors with places: slowest of 10", max(times), "ms"),
        row(
            f"last readings of {SENSORS} sensors by SensorThings, pages of 10,000: median of 3",
            standard_ms,
            "ms",
            peer=peer.name,
            peer_value=peer.last_ms,
        ),
        row("processor seconds of the servers, of each second", used / sent.seconds, "s"),
        row("memory of the servers after it", size_mb, "MB"),
    ]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cim-bench-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        server = Server(home)
        try:
            database = server.database("observations")
            environment = server.environment(database)
            measure(command("init"), environment)
            engine = make_engine(database)
            try:
                rows = measure_all(engine, environment)
            finally:
                engine.dispose()
        finally:
            cluster.stop(server.cluster)
    save("observations", rows)


if __name__ == "__main__":
    main()
