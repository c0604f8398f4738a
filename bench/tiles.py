"""Vector tiles of 170,000 buildings beside other servers: ``python -m bench.tiles [DISTRICT]``.

All servers read one private database and show the same buildings with the same attributes; tiles go over the wire as
gzip. Client (wrk, one thread), server and database share the machine.

- cold: every tile of the district once, 8 connections, by a service that has just started; ``nothing stored``: no tile
  was ever asked for, ``stored``: after ``cim tiles build``, or where that is not there after all tiles were asked for.
  Peers without their cache.
- warm: the same tiles over and over, after all of them were asked for once. Peers with their cache, if they have one.
- overview: every tile of the district at the small scales, one after the other, nothing stored.
- growth: a window of tiles in the district and in one that has nine copies of itself beside it, nothing stored.

The peers and how they are found: ``bench/lib/tile_servers.py``. Martin caches tiles as they come from the database and
packs every answer anew.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import mapbox_vector_tile
import numpy as np
import psutil
import shapely
from sqlalchemy import Connection, Engine, create_engine, make_url, text

from bench.layer_import import Server, measure
from bench.lib.load import Load, ask_for, ask_once, has_wrk
from bench.lib.processes import cpu_seconds, proportional_mb
from bench.lib.result import Goal, row, save
from bench.lib.scratch import command, make_district
from bench.lib.tile_servers import Peer, Served, Tile, find_peers, make_peer_table, serve_ours, serve_peer
from cim import cluster
from cim.db import make_engine

ZOOMS = (14, 16)
OVERVIEW_ZOOMS = range(8, 13)
CONNECTIONS = (8, 64)
WARM_S = 5
MANY = 200_000
HALF_WORLD = 20037508.342789244
AS_GOOD, TWICE = Goal(1.0, of_peer=True, is_least=True), Goal(2.0, of_peer=True, is_least=True)
GOAL_BYTES, GOAL_COLD_MS, GOAL_GROWTH = Goal(500.0), Goal(60.0), Goal(1.5, of_peer=True)
UNSETTLED = text("select exists (select from cim.tile_change where done_at is null)")
SETTLE_S = 300
WINDOW = 64
COPIES = 10
#: Copies side by side, the district in the middle; triggers and the indexes of searches have no part in a tile.
PREPARE_TO_GROW = (
    "set session_replication_role = replica",
    "drop index cim.building_name_idx, cim.building_address_idx",
)
GROW = text(
    "insert into cim.building (layer_id, dataset_id, source_key, name, code, use, height_m, base_height_m,"
    " storeys_above, geom) select b.layer_id, b.dataset_id, b.source_key || '-' || step, b.name, b.code, b.use,"
    " b.height_m, b.base_height_m, b.storeys_above, ST_Translate(b.geom, step * w.width, 0)"
    " from cim.building b,"
    " (select max(ST_XMax(geom)) - min(ST_XMin(geom)) as width from cim.building) w,"
    " generate_series(cast(:first as int), cast(:last as int)) step where step <> 0"
)


class Figures(NamedTuple):
    """What a server did: by zoom cold, by zoom and connections warm; and what 200,000 requests cost it."""

    cold: dict[int, Load]
    warm: dict[tuple[int, int], Load]
    memory_mb: float | None = None
    cpu_s: float | None = None


class Bench(NamedTuple):
    """The private server, the address of the imported district that no service touches, and the tiles to ask for."""

    server: Server
    folder: Path
    tiles: dict[int, list[Tile]]

    @contextmanager
    def ours(self, name: str) -> Iterator[Served]:
        """Run our service, just started, on a database."""
        with serve_ours(self.server.environment(self.address(name))) as served:
            yield served

    def address(self, name: str) -> str:
        """Return the address of a database."""
        return make_url(self.server.cluster.url).set(database=name).render_as_string(hide_password=False)

    def copy(self, name: str) -> str:
        """Make a database like the imported one."""
        engine = create_engine(self.address("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'create database "{name}" template district strategy file_copy'))
        engine.dispose()
        return name

    @property
    def postmaster(self) -> psutil.Process:
        """The database server's process."""
        return psutil.Process(int((self.server.cluster.data / "postmaster.pid").read_text().split()[0]))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cim-bench-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        full = ("--scale", "full", "--only", "gis")
        district = Path(sys.argv[1]) if len(sys.argv) > 1 else make_district(home / "district", *full)
        server = Server(home)
        try:
            rows = work_on(prepare(server, district, home))
        finally:
            cluster.stop(server.cluster)
    save("tiles", rows)


def prepare(server: Server, district: Path, folder: Path) -> Bench:
    """Import the buildings and make the peers' table of them."""
    environment = server.environment(server.database("district"))
    measure(command("init"), environment)
    say("importing the buildings")
    measure(command("import", str(district / "gis" / "buildings.gpkg")), environment)
    engine = make_engine(environment["CIM_DATABASE_URL"])
    with engine.begin() as connection:
        make_peer_table(connection)
        tiles = {zoom: tiles_of(connection, zoom) for zoom in (*ZOOMS, *OVERVIEW_ZOOMS)}
    settle(environment, engine)
    engine.dispose()
    say(", ".join(f"{len(found)} tiles of z{zoom}" for zoom, found in tiles.items()))
    return Bench(server, folder, tiles)


def settle(environment: Mapping[str, str], engine: Engine) -> None:
    """Let a service sum up what small scales show, which it does once after an import and not for a tile."""
    began = time.perf_counter()
    with serve_ours(environment), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while connection.execute(UNSETTLED).scalar_one():
            if time.perf_counter() - began > SETTLE_S:
                sys.exit(f"the changes of the import are not settled after {SETTLE_S} s")
            time.sleep(0.1)
    say(f"the sums of small scales were ready {time.perf_counter() - began:.1f} s after the service was started")


def tiles_of(connection: Connection, zoom: int) -> list[Tile]:
    """Return the tiles in which the middle of a building lies, in an order that no server can guess."""
    query = text("select ST_X(c), ST_Y(c) from (select ST_Centroid(geom) as c from peer.buildings) b")
    middles = np.array([tuple(each) for each in connection.execute(query)])
    side = 2 * HALF_WORLD / 2**zoom
    cells = np.unique(np.floor((middles * [1, -1] + HALF_WORLD) / side).astype(int), axis=0)
    return [(zoom, int(x), int(y)) for x, y in np.random.default_rng(zoom).permutation(cells)]


def work_on(bench: Bench) -> list[dict[str, Any]]:
    with bench.ours(bench.copy("overview")) as served:
        rows = overview(served, bench.tiles)
    if not has_wrk():
        return [*rows, row("requests under load: wrk (package wrk) is not installed", float("nan"), "tiles/s")]
    peers = find_peers()
    check_counts(bench, [peer for peer in peers if peer.program])
    say("cold, nothing stored")
    with bench.ours(bench.copy("unstored")) as served:
        unstored = cold(served, bench.tiles)
    database = build_pyramid(bench, "unstored")
    say("cold, stored")
    with bench.ours(database) as served:
        stored = cold(served, bench.tiles)
    say("warm")
    with bench.ours(database) as served:
        ours = Figures(unstored, warm(served, bench.tiles), *exhaust(served, bench))
    for peer in peers:
        say(peer.name)
        figures = peer_figures(peer, bench) if peer.program else None
        rows += compare(ours, stored, peer, figures)
    return rows + growth(bench)


def build_pyramid(bench: Bench, asked: str) -> str:
    """Store all tiles of a new database; its name, or that of one of which all tiles were asked for."""
    name = bench.copy("stored")
    began = time.perf_counter()
    done = run(command("tiles", "build"), bench.server.environment(bench.address(name)))
    if done.returncode == 2 and "No such command" in done.stderr:
        say("'cim tiles build' is not there: stored are the tiles that were asked for")
        return asked
    if done.returncode:
        sys.exit(f"cim tiles build ended with {done.returncode}: {done.stderr[-2000:]}")
    say(f"all tiles built in {time.perf_counter() - began:.1f} s")
    return name


def run(words: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, env=os.environ | dict(environment), capture_output=True, text=True, check=False)


def say(what: str) -> None:
    print(what, flush=True)


# ---- what one server does --------------------------------------------------------------------------------------


def cold(served: Served, tiles: Mapping[int, list[Tile]]) -> dict[int, Load]:
    """Ask for every tile once, large scales first: they are the more."""
    return {
        zoom: ask_once(served.address, [served.path(tile) for tile in tiles[zoom]], min(CONNECTIONS))
        for zoom in sorted(ZOOMS, reverse=True)
    }


def warm(served: Served, tiles: Mapping[int, list[Tile]]) -> dict[tuple[int, int], Load]:
    """Ask for the same tiles again and again, once all of them were built."""
    found = {}
    for zoom in ZOOMS:
        paths = [served.path(tile) for tile in tiles[zoom]]
        ask_once(served.address, paths, min(CONNECTIONS))
        for connections in CONNECTIONS:
            found[zoom, connections] = ask_for(served.address, paths, connections, WARM_S)
    return found


def exhaust(served: Served, bench: Bench) -> tuple[float, float]:
    """Return the memory of a server after many requests (MB), and what they cost it and the database (CPU seconds)."""
    paths = [served.path(tile) for zoom in ZOOMS for tile in bench.tiles[zoom]]
    before = cpu_seconds(served.process) + cpu_seconds(bench.postmaster)
    ask_once(served.address, paths, min(CONNECTIONS), MANY)
    spent = cpu_seconds(served.process) + cpu_seconds(bench.postmaster) - before
    return proportional_mb(served.process), spent


def peer_figures(peer: Peer, bench: Bench) -> Figures:
    database = make_url(bench.address("district"))
    with serve_peer(peer, database, bench.folder, cache=False) as served:
        found = Figures(cold(served, bench.tiles), {})
    with serve_peer(peer, database, bench.folder, cache=True) as served:
        found = found._replace(warm=warm(served, bench.tiles))
        if peer.has_cache:
            memory_mb, cpu_s = exhaust(served, bench)
            found = found._replace(memory_mb=memory_mb, cpu_s=cpu_s)
    return found


def check_counts(bench: Bench, peers: list[Peer]) -> None:
    """Stop where a peer does not show as many buildings as we do."""
    tiles = [tile for zoom in ZOOMS for tile in bench.tiles[zoom][:4]]
    with bench.ours(bench.copy("compared")) as served:
        expected = [count_features(fetch(served, tile)) for tile in tiles]
    for peer in peers:
        with serve_peer(peer, make_url(bench.address("district")), bench.folder, cache=True) as served:
            found = [count_features(fetch(served, tile)) for tile in tiles]
        if found != expected:
            sys.exit(f"{peer.name} shows {found} buildings in {tiles}, we show {expected}")
    say(f"all show {expected} buildings in the tiles compared")


def fetch(served: Served, tile: Tile) -> bytes:
    """Return a tile as it is before it is compressed."""
    asked = urllib.request.Request(served.address + served.path(tile), headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        body: bytes = answer.read()
        return gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body


def count_features(body: bytes) -> int:
    """Count the features that reach into a tile by a unit of its grid: tipg shows none that are in its buffer only."""
    (content,) = mapbox_vector_tile.decode(body).values()
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in content["features"]]
    return int(shapely.intersects(shapes, shapely.box(1, 1, 4095, 4095)).sum())


def overview(served: Served, tiles: Mapping[int, list[Tile]]) -> list[dict[str, Any]]:
    """Measure the tiles of small scales: those are the large ones."""
    rows = []
    for zoom in OVERVIEW_ZOOMS:
        sizes, times = [], []
        for tile in tiles[zoom]:
            began = time.perf_counter()
            sizes.append(len(fetch(served, tile)))
            times.append(1000 * (time.perf_counter() - began))
        what = f"overview z{zoom}, {len(sizes)} tiles"
        if not any(sizes):
            say(f"{what}: nothing is shown")
            continue
        rows.append(row(f"{what}: largest, before gzip", max(sizes) / 1000, "kB", goal=GOAL_BYTES))
        rows.append(row(f"{what}: slowest, nothing stored", max(times), "ms", goal=GOAL_COLD_MS))
    return rows


def growth(bench: Bench) -> list[dict[str, Any]]:
    """Measure a window of the district in a database ten times as large."""
    say("growth: ten districts side by side")
    engine = make_engine(bench.address(bench.copy("grown")))
    with engine.begin() as connection:
        for statement in PREPARE_TO_GROW:
            connection.execute(text(statement))
        connection.execute(GROW, {"first": -(COPIES // 2), "last": COPIES - COPIES // 2 - 1})
        total = connection.execute(text("select count(*) from cim.building")).scalar_one()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze cim.building"))
    engine.dispose()
    alone, grown = (window_ms(bench, name) for name in (bench.copy("alone"), "grown"))
    work = f"a window of z16 among {total:,} buildings"
    return [row(work, grown, "ms/tile", peer="the same window, one district", peer_value=alone, goal=GOAL_GROWTH)]


def window_ms(bench: Bench, name: str) -> float:
    """Return the time of a tile in the middle of the district, nothing stored; other tiles woke the service."""
    middle = np.median([tile[1:] for tile in bench.tiles[16]], axis=0)
    tiles = sorted(bench.tiles[16], key=lambda tile: float(np.abs(tile[1:] - middle).max()))
    with bench.ours(name) as served:
        ask_once(served.address, [served.path(tile) for tile in tiles[WINDOW : 2 * WINDOW]], min(CONNECTIONS))
        found = ask_once(served.address, [served.path(tile) for tile in tiles[:WINDOW]], min(CONNECTIONS))
    return 1000 * found.seconds / found.requests


# ---- rows ------------------------------------------------------------------------------------------------------


def compare(ours: Figures, stored: Mapping[int, Load], peer: Peer, its: Figures | None) -> list[dict[str, Any]]:
    """Return the rows of ours beside one peer; goals are set beside Martin."""
    is_measure = peer.name.startswith("Martin")
    once, twice = (AS_GOOD, TWICE) if is_measure else (None, None)
    rows = []
    for (zoom, connections), load in ours.warm.items():
        other = its.warm[zoom, connections] if its else None
        rows += load_rows(f"warm z{zoom}, {connections} connections", load, peer, other, once)
        if is_measure and connections == max(CONNECTIONS):
            sizes = size_kb(load), other and size_kb(other)
            rows.append(row(f"mean size at z{zoom}", sizes[0], "kB", peer=peer.name, peer_value=sizes[1]))
    for zoom in ZOOMS:
        other = its.cold[zoom] if its else None
        rows += load_rows(f"cold z{zoom}, stored", stored[zoom], peer, other, twice)
        rows += load_rows(f"cold z{zoom}, nothing stored", ours.cold[zoom], peer, other, once)
    return rows + cost_rows(ours, peer, its) if peer.has_cache else rows


def load_rows(work: str, ours: Load, peer: Peer, its: Load | None, goal: Goal | None) -> list[dict[str, Any]]:
    """Return the rate of requests, and beside the peer that goals are set by how long they took."""
    rows = [row(work, ours.rate, "tiles/s", peer=peer.name, peer_value=its and its.rate, goal=goal)]
    if goal is not None:
        median, p99 = (its.median_ms, its.p99_ms) if its else (None, None)
        rows.append(row(f"{work}: median", ours.median_ms, "ms", peer=peer.name, peer_value=median))
        rows.append(row(f"{work}: 99 %", ours.p99_ms, "ms", peer=peer.name, peer_value=p99))
    return rows


def cost_rows(ours: Figures, peer: Peer, its: Figures | None) -> list[dict[str, Any]]:
    """Return what many requests cost."""
    memory_mb, cpu_s = (its.memory_mb, its.cpu_s) if its else (None, None)
    return [
        row(f"memory after {MANY:,} requests", ours.memory_mb or 0, "MB PSS", peer=peer.name, peer_value=memory_mb),
        row("processor time of these, with database", ours.cpu_s or 0, "s", peer=peer.name, peer_value=cpu_s),
    ]


def size_kb(load: Load) -> float:
    return load.bytes / load.requests / 1000


if __name__ == "__main__":
    main()
