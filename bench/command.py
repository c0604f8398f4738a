"""The commander's questions over HTTP, at two sizes: zones, networks, floods, roads, receipts.

Run as ``python -m bench.command [DISTRICT...]`` with districts that ``cim district make`` wrote, or
``./run bench command``, which makes and imports the pilot and the full district (half an hour). Each question is asked
``RUNS`` times at places chosen by chance, one after the other, after a few that warm up; the times are of whole answers
as a client reads them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import httpx
import numpy as np
import orjson
import shapely
from sqlalchemy import text

from bench.inventory import zones
from bench.lib.live_city import LiveCity, by_scale
from bench.lib.result import Goal, row, save
from bench.lib.tile_servers import serve_ours
from layers.catalogue import district_extent

RUNS, WARM = 20, 3
GOAL_INVENTORY_MS, GOAL_ROADS_MS = Goal(150.0), Goal(200.0)
HOMES = text(
    "select b.id, ST_X(p), ST_Y(p) from (select id, ST_PointOnSurface(geom) as p from cim.building"
    " where geom is not null order by md5(id::text) limit 200) b"
)
PIPES = text("select source_key from cim.pipe where network = 'water' order by md5(id::text) limit 200")
BANKS = text(
    "select ST_X(p), ST_Y(p) from (select ST_LineInterpolatePoint(ST_GeometryN(geom, 1), 0.5) as p from cim.river"
    " where geom is not null order by md5(id::text) limit 100) r"
)

Ask = Callable[[httpx.Client], httpx.Response]


def times_ms(client: httpx.Client, questions: Sequence[Ask]) -> tuple[list[float], dict[int, int]]:
    """Return the milliseconds of each answer after the warm-up, and how many answers had another status than 200."""
    taken: list[float] = []
    refused: dict[int, int] = {}
    for number, ask in enumerate(questions):
        began = time.perf_counter()
        answer = ask(client)
        if number >= WARM:
            taken.append(1000 * (time.perf_counter() - began))
        if answer.status_code != 200:
            refused[answer.status_code] = refused.get(answer.status_code, 0) + 1
    return taken, refused


def posted(path: str, bodies: Sequence[Any]) -> list[Ask]:
    return [partial(_post, path, orjson.dumps(body)) for body in bodies]


def got(paths: Sequence[str]) -> list[Ask]:
    return [partial(_get, path) for path in paths]


def _post(path: str, body: bytes, client: httpx.Client) -> httpx.Response:
    return client.post(path, content=body)


def _get(path: str, client: httpx.Client) -> httpx.Response:
    return client.get(path)


def questions_of(city: LiveCity) -> Iterator[tuple[str, Goal | None, list[Ask]]]:
    """Yield what is asked: name, goal, questions."""
    with city.engine.connect() as connection:
        homes = [tuple(home) for home in connection.execute(HOMES)]
        pipes = list(connection.execute(PIPES).scalars())
        banks = [tuple(bank) for bank in connection.execute(BANKS)]
        extent = district_extent(connection)
    assert extent is not None
    count = RUNS + WARM
    at = [f"{lon:.6f},{lat:.6f}" for _, lon, lat in homes]
    drawn = [orjson.loads(shapely.to_geojson(zone)) for zone in zones(extent, city.settings.metric_crs, 12)]
    yield "inventory of 2 km2", GOAL_INVENTORY_MS, posted(
        "/query/inventory", [{"geometry": drawn[n % len(drawn)]} for n in range(count)]
    )  # fmt: skip
    for rule in ("standard", "block", "community"):
        bodies = [{"by": "bench", "at": {"building": home[0]}, "rule": rule, "dry_run": True} for home in homes[:count]]
        yield f"three zones, rule {rule}", None, posted("/zones/demarcate", bodies)
    yield "isolate a water main", None, got([f"/networks/water/isolate?from=pipe:{key}" for key in pipes[:count]])
    yield "cascade of a burst", None, got([f"/networks/water/cascade?from=pipe:{key}" for key in pipes[:count]])
    yield (
        "nearest 5 by road",
        GOAL_ROADS_MS,
        got([f"/query/nearest?from={lon},{lat}&layer=resources&n=5&by=road" for _, lon, lat in homes[:count]]),
    )
    yield (
        "route",
        GOAL_ROADS_MS,
        got([f"/query/route?from={a}&to={b}" for a, b in zip(at[:count], at[100 : 100 + count], strict=True)]),
    )
    yield (
        "isochrones of 5, 10, 15 minutes",
        GOAL_ROADS_MS,
        got([f"/query/isochrone?from={place}&minutes=5,10,15" for place in at[:count]]),
    )
    yield (
        "flood: river 2 m up",
        None,
        got([f"/terrain/flood?lon={lon:.6f}&lat={lat:.6f}&rise_m=2" for lon, lat in (banks * count)[:count]]),
    )


def work_on(city: LiveCity) -> list[dict[str, Any]]:
    """Return the rows of one district."""
    rows = []
    with (
        serve_ours(city.environment, workers=2) as served,
        httpx.Client(base_url=served.address, timeout=120, headers={"Content-Type": "application/json"}) as client,
    ):
        for name, goal, questions in questions_of(city):
            taken, refused = times_ms(client, questions)
            rows.append(row(f"{name}: median", float(np.median(taken)), "ms"))
            rows.append(row("  95 %", float(np.percentile(taken, 95)), "ms", goal=goal))
            for status, times in refused.items():
                rows.append(row(f"  answered with {status}", times, ""))
        rows += reruns(client, city)
    return rows


def reruns(client: httpx.Client, city: LiveCity) -> list[dict[str, Any]]:
    """Return the time to ask receipts of inventories again, all of which must hold."""
    with city.engine.connect() as connection:
        extent = district_extent(connection)
    assert extent is not None
    digests = []
    for zone in zones(extent, city.settings.metric_crs, 12)[:RUNS]:
        body = {"geometry": orjson.loads(shapely.to_geojson(zone)), "layers": ["buildings", "pipes", "cameras"]}
        digests.append(client.post("/query/inventory", content=orjson.dumps(body)).json()["receipt"]["hash"])
    taken, held = [], 0
    for digest in digests:
        began = time.perf_counter()
        held += client.post(f"/receipts/{digest}/rerun").json()["holds"]
        taken.append(1000 * (time.perf_counter() - began))
    return [
        row("receipt asked again: median", float(np.median(taken)), "ms"),
        row("  that hold", held / len(digests), "", goal=Goal(1.0, is_least=True)),
    ]


def main() -> None:
    save("command", by_scale(work_on))


if __name__ == "__main__":
    main()
