"""Importing 170,000 buildings against GDAL: ``python -m bench.layer_import [--full] [DISTRICT]``.

Everything runs on a private server of its own with the settings of a deployment (durable). The peer is ``ogr2ogr -f
PostgreSQL`` with ``PG_USE_COPY`` (package gdal-bin): once as it is, copying coordinates as they come, and once into the
model's coordinate system, which is what an import has to do. It builds one table with a key and a spatial index. Ours
checks and mends, keeps the evidence, makes the merged record with its search indexes and reads the addresses.
``--full`` also imports the whole district: units, pipes, cameras and all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import create_engine, make_url, text

from bench.lib.result import ROOT, Goal, row, save
from bench.lib.scratch import command, make_district
from cim import cluster

RUNS = 3
GOAL_RATIO = Goal(3.0, of_peer=True)
GOAL_MB = Goal(500.0)
GOAL_FULL_MINUTES = Goal(25.0)
MODEL_CRS = "EPSG:4490"
#: In the order in which a department would deliver them.
PARTS = ("gis", "registers", "raster", "live")


class Run(NamedTuple):
    """Wall time, and the most memory of the process."""

    seconds: float
    megabytes: float


def measure(words: list[str], environment: dict[str, str]) -> Run:
    """Run a command to its end; rows in the quarantine are no failure."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as sink:
        process = subprocess.Popen(words, env=os.environ | environment, stdout=sink, stderr=sink, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        sink.seek(0)
        if process.returncode not in (0, 3):
            raise SystemExit(f"{' '.join(words)} ended with {process.returncode}: {sink.read()[-2000:]!r}")
    return Run(time.perf_counter() - began, usage.ru_maxrss / 1024)


class Server:
    """A private server; each run has a database of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cluster = cluster.ensure_running(home)

    def database(self, name: str) -> str:
        """Make an empty database and return its address."""
        engine = create_engine(make_url(self.cluster.url).set(database="postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'drop database if exists "{name}"'))
            connection.execute(text(f'create database "{name}"'))
        engine.dispose()
        return make_url(self.cluster.url).set(database=name).render_as_string(hide_password=False)

    def environment(self, url: str) -> dict[str, str]:
        """Return what points the command at a database."""
        return {"CIM_DATABASE_URL": url, "CIM_HOME": str(self.home / "cim")}


def run_ogr2ogr(server: Server, source: Path, *options: str) -> Run:
    """Copy the file with GDAL."""
    address = make_url(server.database("peer"))
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text("create extension postgis"))
    engine.dispose()
    target = f"PG:host={server.cluster.sockets} port=5432 user=cim dbname=peer"
    command = ["ogr2ogr", "-f", "PostgreSQL", target, str(source), "-nlt", "PROMOTE_TO_MULTI", *options]
    return measure(command, {"PG_USE_COPY": "YES"})


def run_import(server: Server, name: str, *sources: Path) -> list[Run]:
    """Import files into a new database, one command each."""
    environment = server.environment(server.database(name))
    measure(command("init"), environment)
    return [measure(command("import", str(source), "--json"), environment) for source in sources]


def buildings(server: Server, district: Path) -> list[dict[str, Any]]:
    """Measure the layer of buildings, ours and the peer's by turns."""
    source = district / "gis" / "buildings.gpkg"
    ours, plain, moved = [], [], []
    has_peer = shutil.which("ogr2ogr") is not None
    for _ in range(RUNS):
        ours += run_import(server, "ours", source)
        if has_peer:
            plain.append(run_ogr2ogr(server, source).seconds)
            moved.append(run_ogr2ogr(server, source, "-t_srs", MODEL_CRS).seconds)
    seconds = median(run.seconds for run in ours)
    name = "ogr2ogr PG_USE_COPY" if has_peer else "ogr2ogr (gdal-bin is not installed)"
    as_is, in_crs = (median(values) if values else None for values in (plain, moved))
    return [
        row("170,000 buildings, merge and checks", seconds, "s", peer=name, peer_value=as_is, goal=GOAL_RATIO),
        row("the same, peer reprojects too", seconds, "s", peer=f"{name} -t_srs", peer_value=in_crs, goal=GOAL_RATIO),
        row("memory of the import", max(run.megabytes for run in ours), "MB", goal=GOAL_MB),
    ]


def whole_district(server: Server, district: Path) -> list[dict[str, Any]]:
    """Measure everything that the district delivers but its models."""
    runs = run_import(server, "district", *(district / part for part in PARTS))
    for part, run in zip(PARTS, runs, strict=True):
        print(f"{part:<10} {run.seconds:8.1f} s {run.megabytes:8.0f} MB", flush=True)
    minutes = sum(run.seconds for run in runs) / 60
    return [
        row("full district: units, pipes, cameras and all", minutes, "min", goal=GOAL_FULL_MINUTES),
        row("memory of these imports", max(run.megabytes for run in runs), "MB", goal=GOAL_MB),
    ]


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if argument != "--full"]
    with tempfile.TemporaryDirectory(prefix="cim-bench-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        full = ("--scale", "full", "--only", "gis")
        district = Path(arguments[0]) if arguments else make_district(home / "district", *full)
        server = Server(home)
        try:
            rows = buildings(server, district)
            if "--full" in sys.argv:
                rows += whole_district(server, district)
        finally:
            cluster.stop(server.cluster)
    save("layer_import", rows)


if __name__ == "__main__":
    main()
