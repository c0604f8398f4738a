"""Floods by level and by rain, and what they reach.

Run as ``python -m bench.flood`` (or ``./run bench flood``) with a district imported into the database that the settings
name. The longest river rises by 2 m and by 5 m, water comes from its middle, and it rains on 2 km2 around that. The
connected inundation is compared with a walk from cell to cell on the same window; both must flood the same cells.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from bench.lib.result import Goal, row, save
from cim.access import Caller
from cim.db import database_url, make_engine
from cim.settings import read_settings
from cim.tables import river
from layers.water.asked import parse_flood
from layers.water.flood import compute_flood, flood
from layers.water.inundation import inundate

RUNS = 3
ADMIN = Caller("admin")
GOAL_S, RAIN_GOAL_S = Goal(3.0), Goal(20.0)
#: Half the sides of 2 km2, degrees at 22.7 north.
HALF_DEG = (0.0069, 0.0064)


def timed(work: Callable[[], Any], runs: int = RUNS) -> tuple[float, Any]:
    """Return the median seconds of some runs, and what came out."""
    spent = []
    for _ in range(runs):
        began = time.perf_counter()
        value = work()
        spent.append(time.perf_counter() - began)
    return median(spent), value


def walked(heights: NDArray[Any], level: NDArray[Any], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the cells that a walk from cell to cell floods."""
    below, found = (heights < level).tolist(), np.zeros(heights.shape, bool)
    rows, columns = heights.shape
    waiting = deque((r, c) for r, c in np.argwhere(seeds & (heights < level)).tolist())
    for place in waiting:
        found[place] = True
    while waiting:
        r, c = waiting.popleft()
        for a, b in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
            if 0 <= a < rows and 0 <= b < columns and below[a][b] and not found[a, b]:
                found[a, b] = True
                waiting.append((a, b))
    return found


def measure(connection: Connection, files: Path, metric_crs: str) -> list[dict[str, Any]]:
    """Return the rows of the district."""
    middle = func.ST_LineInterpolatePoint(func.ST_GeometryN(func.ST_LineMerge(river.c.geom), 1), 0.5)
    longest = connection.execute(
        select(river.c.id, func.ST_X(middle).label("lon"), func.ST_Y(middle).label("lat"))
        .order_by(river.c.length_m.desc())
        .limit(1)
    ).one()
    (dx, dy), lon, lat = HALF_DEG, longest.lon, longest.lat
    ring = [
        [lon - dx, lat - dy],
        [lon + dx, lat - dy],
        [lon + dx, lat + dy],
        [lon - dx, lat + dy],
        [lon - dx, lat - dy],
    ]
    within = {"type": "Polygon", "coordinates": [ring]}
    bodies: list[tuple[str, dict[str, Any], Goal, int]] = [
        ("river + 2 m", {"from": {"river": longest.id}, "rise_m": 2}, GOAL_S, RUNS),
        ("river + 5 m", {"from": {"river": longest.id}, "rise_m": 5}, GOAL_S, RUNS),
        ("point + 3 m", {"from": {"point": [lon, lat]}, "rise_m": 3}, GOAL_S, RUNS),
        ("rain of 80 mm in 2 h on 2 km2", {"rain": {"mm": 80, "hours": 2}, "within": within}, RAIN_GOAL_S, 1),
    ]
    rows = []
    for name, body, goal, runs in bodies:
        spent, answer = timed(lambda: flood(connection, files, metric_crs, parse_flood(body), ADMIN), runs)  # noqa: B023
        found, cells = answer["buildings"]["count"], answer["ground"]["cells"]
        cell = answer["ground"]["cell_m"]
        work = f"{name}: {cells} cells of {cell:g} m, {found} buildings, {answer['roads']['count']} roads cut"
        rows.append(row(work, spent, "s", goal=goal))
        if answer["rain"]:
            rows.append(row(f"{name}: error of the balance", abs(answer["rain"]["error_percent"]), "%", goal=Goal(0.1)))
    rows.append(against_a_walk(connection, files, metric_crs, bodies[1][1]))
    return rows


def against_a_walk(connection: Connection, files: Path, metric_crs: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the row of the inundation itself."""
    done = compute_flood(connection, files, metric_crs, parse_flood(body), ADMIN)
    assert done.level is not None
    heights, level = done.whole.window.heights, np.asarray(done.level.level_m)
    seeds = done.level.seeds
    ours, depth = timed(lambda: inundate(heights, level, seeds))
    peer, cells = timed(lambda: walked(heights, level, seeds), 1)
    if not np.array_equal(depth > 0, cells):
        raise SystemExit("the walk floods other cells")
    return row("river + 5 m: inundation alone", ours, "s", peer="walk in Python", peer_value=peer)


def main() -> None:
    settings = read_settings()
    engine = make_engine(database_url(settings))
    with engine.connect() as connection:
        rows = measure(connection, settings.files, settings.metric_crs)
    save("flood", rows)


if __name__ == "__main__":
    main()
