"""What ways to pack vector tiles cost and save: ``python -m bench.encodings [DISTRICT]``.

The tiles are real ones: of 10,000 buildings in the middle of the district, as the service builds and stores them at the
zooms 13 to 17. Each is packed and unpacked alone, in one thread, as a server and a client would; the figures are means
over all tiles, weighed by nothing. ``buildings.gpkg`` of a synthetic district is made where none is named.

Brotli and Zstandard are no dependency of ours: ``pip install brotli zstandard`` for their rows; what is not installed
is left out. ``igzip`` is Intel's gzip (package ``isal``).
"""

from __future__ import annotations

import gzip
import importlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyogrio
from sqlalchemy import Engine, select

from bench.layer_import import Server, measure
from bench.lib.result import row, save
from bench.lib.scratch import command, make_district
from cim import cluster
from cim.access import Caller
from cim.db import make_engine
from cim.tables import tile
from layers.catalogue import get_layer
from tiles.build import Zooms, build, plan
from tiles.settle import settle

BUILDINGS = 10_000
ZOOMS = Zooms(13, 17)
ROUNDS = 3

Pack = Callable[[bytes], bytes]


class Encoding(NamedTuple):
    """A way to pack."""

    name: str
    pack: Pack
    unpack: Pack


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cim-bench-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        full = ("--scale", "full", "--only", "gis")
        district = Path(sys.argv[1]) if len(sys.argv) > 1 else make_district(home / "district", *full)
        part = middle_of(district / "gis" / "buildings.gpkg", home / "buildings.gpkg")
        server = Server(home)
        try:
            environment = server.environment(server.database("encodings"))
            measure(command("init"), environment)
            measure(command("import", str(part)), environment)
            engine = make_engine(environment["CIM_DATABASE_URL"])
            tiles = stored_tiles(engine)
            engine.dispose()
        finally:
            cluster.stop(server.cluster)
    save("encodings", list(rows_of(tiles)))


def middle_of(file: Path, target: Path) -> Path:
    """Write the buildings that are nearest to the middle of all."""
    frame = pyogrio.read_dataframe(file)
    middles = frame.geometry.representative_point()
    away = middles.distance(type(middles.iloc[0])(middles.x.median(), middles.y.median()))
    pyogrio.write_dataframe(frame.loc[away.nsmallest(BUILDINGS).index], target, layer="buildings")
    return target


def stored_tiles(engine: Engine) -> list[bytes]:
    """Build the tiles and return their contents as they are stored, unpacked; empty ones are left out."""
    caller = Caller("admin")
    with engine.begin() as connection:
        settle(connection)
        jobs = plan(connection, [get_layer(connection, "buildings", caller)], ZOOMS, None, caller)
    for _ in build(engine, jobs, workers=2):
        pass
    with engine.connect() as connection:
        bodies = connection.execute(select(tile.c.body).where(tile.c.body.is_not(None))).scalars()
        return [gzip.decompress(bytes(body)) for body in bodies]


def encodings() -> Iterator[Encoding]:
    """Yield the ways to pack that are installed."""
    for level in (1, 6):
        yield Encoding(f"gzip {level}", lambda body, level=level: gzip.compress(body, level, mtime=0), gzip.decompress)
    igzip = _installed("isal.igzip")
    if igzip:
        yield Encoding("igzip 1", lambda body: igzip.compress(body, 1, mtime=0), igzip.decompress)
    brotli = _installed("brotli")
    for level in (1, 4, 5) if brotli else ():
        yield Encoding(f"br {level}", lambda body, level=level: brotli.compress(body, quality=level), brotli.decompress)
    zstandard = _installed("zstandard")
    for level in (1, 3, 9) if zstandard else ():
        # made once: a compressor for each tile would cost more than the tile
        yield Encoding(
            f"zstd {level}",
            zstandard.ZstdCompressor(level=level).compress,
            zstandard.ZstdDecompressor().decompress,
        )


def rows_of(tiles: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    """Yield bytes and microseconds a tile for each way to pack, beside those of gzip 1."""
    plain = sum(map(len, tiles)) / len(tiles)
    yield row(f"not packed, {len(tiles)} tiles", plain, "bytes")
    first: tuple[float, float, float] | None = None
    for encoding in encodings():
        packed = [encoding.pack(body) for body in tiles]
        assert [encoding.unpack(body) for body in packed] == list(tiles)
        found = (
            sum(map(len, packed)) / len(tiles),
            microseconds(encoding.pack, tiles),
            microseconds(encoding.unpack, packed),
        )
        first = first or found
        for what, unit, ours, theirs in zip(
            ("size", "pack", "unpack"), ("bytes", "us", "us"), found, first, strict=True
        ):
            yield row(f"{encoding.name}: {what}", ours, unit, peer="gzip 1", peer_value=theirs)


def microseconds(work: Pack, bodies: Sequence[bytes]) -> float:
    """Return the time of one body, the best of some rounds over all."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for body in bodies:
            work(body)
        times.append(time.perf_counter() - began)
    return min(times) / len(bodies) * 1e6


def _installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name.partition('.')[0]} is not installed: its rows are left out")
        return None


if __name__ == "__main__":
    main()
