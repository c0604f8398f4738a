"""Servers of vector tiles on one database: ours, and others on a table of the same buildings with the same columns.

A peer is looked for where an environment variable names it, else on the PATH:

- Martin (CIM_BENCH_MARTIN, ``martin``): one worker a core, its cache on or off;
- pg_tileserv (CIM_BENCH_PGTILESERV, ``pg_tileserv``): has no cache;
- tipg (CIM_BENCH_TIPG, the Python of an environment with tipg and uvicorn): has no cache, one worker a core.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import orjson
import psutil
from sqlalchemy import URL, Connection, text

from bench.lib.processes import free_port, running
from bench.lib.scratch import command

Tile = tuple[int, int, int]

#: What a tile of ours says of a building, in a table of its own: the peers need not count conflicts or look for models.
PEER_TABLE = text(
    "create schema peer;"
    "create table peer.buildings as select b.id, b.name, b.code, b.use, b.height_m, b.base_height_m, b.storeys_above,"
    " exists (select from cim.model m where m.building_id = b.id) as has_model,"
    " (select count(*)::int from cim.conflict c where c.building_id = b.id and c.status = 'open') as conflicts,"
    " b.geom_3857 as geom"
    " from cim.building b where b.layer_id = 'buildings' and b.geom_3857 is not null;"
    "alter table peer.buildings add primary key (id);"
    "create index on peer.buildings using gist (geom)"
)
#: Objects in a tile at most, where a server asks for a limit.
NO_LIMIT = "1000000"
CORES = os.cpu_count() or 1


class Served(NamedTuple):
    """A server that runs: where, its process, and the path of a tile with ``{z}``, ``{x}`` and ``{y}``."""

    address: str
    process: psutil.Process
    template: str

    def path(self, tile: Tile) -> str:
        """Return the path of a tile."""
        z, x, y = tile
        return self.template.format(z=z, x=x, y=y)


class Peer(NamedTuple):
    """Another server; ``program`` is None where it is not installed."""

    name: str
    program: str | None
    has_cache: bool


def find_peers() -> list[Peer]:
    """Return the peers, installed or not."""
    martin = os.environ.get("CIM_BENCH_MARTIN") or shutil.which("martin")
    pg_tileserv = os.environ.get("CIM_BENCH_PGTILESERV") or shutil.which("pg_tileserv")
    tipg = os.environ.get("CIM_BENCH_TIPG")
    return [
        Peer(_named("Martin", martin, "--version"), martin, has_cache=True),
        Peer(_named("pg_tileserv", pg_tileserv, "--version"), pg_tileserv, has_cache=False),
        Peer(
            _named("tipg", tipg, "-c", "import importlib.metadata as m; print(m.version('tipg'))"),
            tipg,
            has_cache=False,
        ),
    ]


def _named(name: str, program: str | None, *version: str) -> str:
    if program is None:
        return f"{name}, not installed"
    done = subprocess.run([program, *version], capture_output=True, text=True, check=True)
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return f"{name} {found[0]}" if found else name


def make_peer_table(connection: Connection) -> None:
    """Make what the peers serve: the table, its key, its spatial index, its statistics."""
    connection.execute(PEER_TABLE)
    connection.execute(text("analyze peer.buildings"))


@contextmanager
def serve_ours(environment: Mapping[str, str], workers: int = CORES) -> Iterator[Served]:
    """Run ``cim serve``, with a process a core as the peers have."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    words = command("serve", "--port", str(port), "--workers", str(workers))
    with running(words, environment, f"{address}/readyz") as process:
        yield Served(address, process, "/tiles/buildings/{z}/{x}/{y}.mvt")


@contextmanager
def serve_peer(peer: Peer, database: URL, folder: Path, *, cache: bool) -> Iterator[Served]:
    """Run a peer on the table that is made for it; one without a cache is the same with and without."""
    start = {"Martin": _martin, "pg_tileserv": _pg_tileserv, "tipg": _tipg}[peer.name.split()[0]]
    with start(str(peer.program), database, folder, cache) as served:
        yield served


def _libpq(database: URL) -> str:
    return f"postgresql://{database.username}@/{database.database}?host={database.query['host']}"


@contextmanager
def _martin(program: str, database: URL, folder: Path, cache: bool) -> Iterator[Served]:
    port = free_port()
    columns = {"name": "text", "code": "text", "use": "text", "height_m": "float8", "base_height_m": "float8"}
    columns |= {"storeys_above": "int2", "has_model": "bool", "conflicts": "int4"}
    table = {
        "schema": "peer", "table": "buildings", "srid": 3857, "geometry_column": "geom", "geometry_type": "GEOMETRY",
        "id_column": "id", "extent": 4096, "buffer": 64, "clip_geom": True, "properties": columns,
    }  # fmt: skip
    configuration = {
        "listen_addresses": f"127.0.0.1:{port}",
        "worker_processes": CORES,
        "preferred_encoding": "gzip",
        "cache": {"size_mb": 1024, "tile_size_mb": 1024} if cache else "disable",
        "postgres": {"connection_string": _libpq(database), "auto_publish": False, "tables": {"buildings": table}},
    }
    # JSON is YAML.
    path = folder / "martin.yaml"
    path.write_bytes(orjson.dumps(configuration))
    address = f"http://127.0.0.1:{port}"
    with running([program, "--config", str(path)], {"RUST_LOG": "error"}, f"{address}/buildings") as process:
        yield Served(address, process, "/buildings/{z}/{x}/{y}")


@contextmanager
def _pg_tileserv(program: str, database: URL, folder: Path, cache: bool) -> Iterator[Served]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = {
        "DATABASE_URL": _libpq(database), "TS_HTTPHOST": "127.0.0.1", "TS_HTTPPORT": str(port),
        "TS_DEFAULTBUFFER": "64", "TS_MAXFEATURESPERTILE": NO_LIMIT,
    }  # fmt: skip
    with running([program, "--no-preview"], environment, f"{address}/health") as process:
        yield Served(address, process, "/peer.buildings/{z}/{x}/{y}.pbf")


@contextmanager
def _tipg(program: str, database: URL, folder: Path, cache: bool) -> Iterator[Served]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    # It insists on a host: the folder of the socket.
    host = quote(str(database.query["host"]), safe="")
    environment = {
        "DATABASE_URL": f"postgresql://{database.username}@{host}/{database.database}", "TIPG_DB_SCHEMAS": '["peer"]',
        "TIPG_TILE_BUFFER": "64", "TIPG_MAX_FEATURES_PER_TILE": NO_LIMIT,
    }  # fmt: skip
    words = [program, "-m", "uvicorn", "tipg.main:app", "--port", str(port), "--workers", str(CORES)]
    ready = f"{address}/collections/peer.buildings"
    with running([*words, "--log-level", "error"], environment, ready) as process:
        yield Served(address, process, "/collections/peer.buildings/tiles/WebMercatorQuad/{z}/{x}/{y}")
