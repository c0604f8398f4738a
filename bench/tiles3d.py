"""3D Tiles of all buildings: ``python -m bench.tiles3d [DISTRICT]``.

With a folder of the synthetic district, its buildings are imported into a database of the benchmark's own; without,
the database that the settings name is used.

- ours: all contents, built and packed by two processes, and beside that the time until these are ready; single
  contents, each built for the first time, and each found again in the database;
- the peer: ``py3dtiles export`` of the same blocks as WKB files, in one process, as it has no other way; its Python is
  named by CIM_BENCH_PY3DTILES, and it is named as not installed without that.

py3dtiles writes shapes and numbers only, without attributes or colours. It takes a third of an hour for 170,000
buildings, so that it is given one in CIM_BENCH_PART (16), and its figures are multiplied by that.
"""

from __future__ import annotations

import gzip
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select, text

from bench.lib.result import Goal, row, save
from bench.lib.scratch import command, scratch_database
from bench.tiles3d_bim import PEER, peer_name
from cim.access import Caller
from cim.crs import from_geographic
from cim.db import database_url, make_engine
from cim.settings import read_settings
from cim.tables import building
from tiles.tiles3d.city.grid import Cell
from tiles.tiles3d.city.layout import Layout
from tiles.tiles3d.city.tileset import city_content, city_layer, city_layout, city_subtree, city_tileset, kept_content
from tiles.tiles3d.city.wanted import Wanted

ADMIN = Caller("admin")
WANTED = Wanted(ADMIN)
LAYER = "buildings"
PROCESSES = 2
SINGLES = 300
TILES_A_MINUTE = Goal(5_000, is_least=True)
COLD_MS = Goal(60.0)
#: The peer is given one building in so many.
PART = int(os.environ.get("CIM_BENCH_PART", "16"))


class Built(NamedTuple):
    """What contents came to."""

    files: int
    bytes: int
    gzip_bytes: int


def main() -> None:
    with the_database() as url, tempfile.TemporaryDirectory() as directory:
        save("tiles3d", work_on(url, Path(directory)))


@contextmanager
def the_database() -> Iterator[str]:
    if len(sys.argv) < 2:
        yield database_url(read_settings())
        return
    with scratch_database() as url:
        file = Path(sys.argv[1]).resolve() / "gis" / "buildings.gpkg"
        done = subprocess.run(command("import", str(file)), env=os.environ | {"CIM_DATABASE_URL": url}, check=False)
        if done.returncode not in (0, 3):
            sys.exit(f"the import ended with {done.returncode}")
        yield url


def work_on(url: str, folder: Path) -> list[dict[str, Any]]:
    engine = make_engine(url)
    with engine.connect() as connection:
        began = time.perf_counter()
        tileset = city_tileset(connection, LAYER, WANTED)
        laid_out_s = time.perf_counter() - began
        layout = city_layout(connection, city_layer(connection, LAYER, ADMIN), WANTED)
        chosen = cells_at_random(layout)
        singles = build_singles(connection, chosen, city_content)
        build_singles(connection, chosen, kept_content)
        kept = build_singles(connection, chosen, kept_content)
        subtree = city_subtree(connection, LAYER, 0, 0, 0, WANTED)
        peer = convert(connection, folder) if PEER else None
    engine.dispose()
    built, seconds, start_s = build_all(url, layout.cells())
    count, sizes = len(layout.ids), np.diff(layout.starts)
    levels, theirs = tileset["root"]["implicitTiling"]["availableLevels"], peer_name()
    figures: list[tuple[str, float, str, str | None, float | None, Goal | None]] = [
        (f"{count} buildings: all, {PROCESSES} processes", seconds, "s", theirs, peer and peer[0] * PART, None),
        ("  contents", built.files, "files", theirs, peer and peer[1].files * PART, None),
        ("  contents a minute", built.files / seconds * 60, "contents/min", None, None, TILES_A_MINUTE),
        ("  buildings a second", count / seconds, "buildings/s", theirs, peer and count / (peer[0] * PART), None),
        ("  size", built.bytes / 1e6, "MB", theirs, peer and peer[1].bytes * PART / 1e6, None),
        ("  size, gzip", built.gzip_bytes / 1e6, "MB", theirs, peer and peer[1].gzip_bytes * PART / 1e6, None),
        ("  before: two processes ready", start_s, "s", None, None, None),
        ("one content, cold: median", median(singles) * 1e3, "ms", None, None, COLD_MS),
        ("  of 95 in 100 at most", float(np.percentile(singles, 95)) * 1e3, "ms", None, None, COLD_MS),
        ("one content, kept: median", median(kept) * 1e3, "ms", None, None, None),
        ("  of 95 in 100 at most", float(np.percentile(kept, 95)) * 1e3, "ms", None, None, None),
        ("first of all: the layer laid out", laid_out_s, "s", None, None, None),
        (f"subtree of {levels} levels", len(subtree), "bytes", None, None, None),
        ("buildings in a content, median", float(np.median(sizes)), "buildings", None, None, None),
        ("  most", float(sizes.max()), "buildings", None, None, None),
    ]  # fmt: skip
    return [
        row(work, ours, unit, peer=name, peer_value=its, goal=goal) for work, ours, unit, name, its, goal in figures
    ]


def cells_at_random(layout: Layout) -> list[Cell]:
    """Return some of the contents."""
    cells = layout.cells()
    return [cells[number] for number in np.random.default_rng(20250601).permutation(len(cells))[:SINGLES]]


def build_singles(connection: Connection, chosen: list[Cell], give: Callable[..., bytes | None]) -> list[float]:
    """Return the seconds of single contents."""
    give(connection, LAYER, 15, 0, 0, WANTED)
    found = []
    for cell in chosen:
        began = time.perf_counter()
        give(connection, LAYER, *cell, WANTED)
        found.append(time.perf_counter() - began)
    return found


def build_all(url: str, cells: list[Cell]) -> tuple[Built, float, float]:
    """Return what all contents came to, the seconds that took, and those before until the processes were ready."""
    context = get_context("spawn")
    began = time.perf_counter()
    with ProcessPoolExecutor(PROCESSES, context, prepare, (url, context.Barrier(PROCESSES))) as pool:
        list(pool.map(meet, range(PROCESSES)))
        ready = time.perf_counter()
        made = list(pool.map(build_part, [cells[start::PROCESSES] for start in range(PROCESSES)]))
        ended = time.perf_counter()
    return Built(*(sum(column) for column in zip(*made, strict=True))), ended - ready, ready - began


#: What a process of the pool holds.
MINE: dict[str, Any] = {}


def prepare(url: str, barrier: Any) -> None:
    """Connect, and lay out the layer, as every process of the service does once."""
    MINE["connection"], MINE["barrier"] = make_engine(url).connect(), barrier
    city_tileset(MINE["connection"], LAYER, WANTED)


def meet(_: int) -> None:
    """Wait for the other processes, so that each takes part."""
    MINE["barrier"].wait()


def build_part(cells: list[Cell]) -> Built:
    """Build contents as the service does, gzip included, and return what they came to."""
    files = size = packed = 0
    for cell in cells:
        body = city_content(MINE["connection"], LAYER, *cell, WANTED)
        if body is None:
            sys.exit(f"no content at {cell}")
        files, size, packed = files + 1, size + len(body), packed + len(gzip.compress(body, 1))
    return Built(files, size, packed)


def convert(connection: Connection, folder: Path) -> tuple[float, Built]:
    """Convert blocks with py3dtiles; return the seconds and what they came to."""
    given, made = folder / "wkb", folder / "theirs"
    given.mkdir()
    write_blocks(connection, given)
    words = [str(PEER), "-m", "py3dtiles.command_line", "export", "-d", str(given), "-s", str(made)]
    began = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"py3dtiles failed: {done.stderr[-2000:]}")
    bodies = [path.read_bytes() for path in made.rglob("*.b3dm")]
    return seconds, Built(len(bodies), sum(map(len, bodies)), sum(len(gzip.compress(body, 1)) for body in bodies))


def write_blocks(connection: Connection, folder: Path) -> None:
    """Write the buildings as closed blocks, y up, metres around their middle: what the peer reads."""
    rows = connection.execute(
        select(func.ST_AsBinary(building.c.geom), building.c.base_height_m, building.c.height_m)
        .where(building.c.layer_id == LAYER, text(f"building.id % {PART} = 0"))
        .order_by(building.c.id)
    ).all()
    shapes = shapely.orient_polygons(shapely.from_wkb([bytes(found[0]) for found in rows]))
    metres = from_geographic(read_settings().metric_crs).geometries(np.asarray(shapes, object))
    middle = shapely.get_coordinates(metres).mean(axis=0)
    for number, (shape, found) in enumerate(zip(metres, rows, strict=True)):
        base_m = float(found.base_height_m or 0)
        sides = [
            side for part in shape.geoms for side in block(part, middle, base_m, base_m + float(found.height_m or 6))
        ]
        (folder / f"{number}.wkb").write_bytes(shapely.to_wkb(shapely.MultiPolygon(sides), byte_order=1, flavor="iso"))


def block(part: shapely.Polygon, middle: NDArray[Any], low: float, high: float) -> Iterator[shapely.Polygon]:
    ring = shapely.get_coordinates(part.exterior) - middle

    def placed(points: NDArray[Any], height: float) -> NDArray[Any]:
        return np.column_stack([points[:, 0], np.full(len(points), height), -points[:, 1]])

    yield shapely.Polygon(placed(ring, high))
    for a, b in itertools.pairwise(ring):
        foot, head = placed(np.array([a, b]), low), placed(np.array([b, a]), high)
        yield shapely.Polygon(np.vstack([foot, head]))


if __name__ == "__main__":
    main()
