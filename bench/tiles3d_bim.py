"""3D Tiles of the district's hospital (15,000 elements): ``python -m bench.tiles3d_bim [FILE]``.

- ours: the tileset and all its contents, built one after the other in one process from the imported model; and the
  same with the import before it;
- the peer: ``py3dtiles convert`` of the same IFC file; its Python is named by CIM_BENCH_PY3DTILES (a virtual
  environment with ``py3dtiles[ifc]``), and it is named as not installed without that;
- the other way to write a part: meshes once, placed by EXT_mesh_gpu_instancing.

py3dtiles writes shapes only, without property sets, places or storeys; the import is more than it does. Draw calls are
those of a client that draws each primitive of a glb by itself; the viewer draws each content at once.
"""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, select, text

from bench.lib.instanced_glb import write_instanced_glb
from bench.lib.result import Goal, row, save
from bench.lib.scratch import make_district, scratch_database
from bim_import.importer import IfcImporter
from cim.access import Caller
from cim.db import make_engine
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.settings import Settings
from cim.tables import model
from tiles.tiles3d.models import content, element_drawings, tileset
from tiles.tiles3d.parts import BLOCKS, parse_content_name

PEER = os.environ.get("CIM_BENCH_PY3DTILES")
ADMIN = Caller("admin")
#: 20 times faster, 10 times fewer files.
TIME_GOAL, FILES_GOAL = Goal(1 / 20, of_peer=True), Goal(1 / 10, of_peer=True)


class Written(NamedTuple):
    """What a way of writing cost and made."""

    seconds: float
    files: int
    bytes: int
    gzip_bytes: int
    draws: int


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, scratch_database() as url:
        folder = Path(directory)
        path = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else hospital(folder)
        save("tiles3d_bim", work_on(url, path, folder))


def hospital(folder: Path) -> Path:
    """Return the district's largest model."""
    return make_district(folder / "district", "--only", "ifc") / "ifc" / "hospital_01.ifc"


def work_on(url: str, path: Path, folder: Path) -> list[dict[str, Any]]:
    engine = make_engine(url)
    began = time.perf_counter()
    context = ImportContext(ImportOptions(workers=2), Settings(home=folder, database_url=url))
    (report,) = import_paths(engine, [path], context, [IfcImporter()])
    if report.status != "imported":
        sys.exit(f"{report.status}: {report.error}")
    import_s = time.perf_counter() - began
    with engine.connect() as connection:
        connection.execute(text("analyze"))
        found = connection.execute(select(model.c.id, model.c.element_count)).one()
        ours, blocks = build(connection, found.id, folder / "ours")
        instanced = build_instanced(connection, found.id)
    engine.dispose()
    what = f"{path.name}, {found.element_count} elements"
    peer = convert(path, folder / "theirs") if PEER else None
    theirs, other = peer_name(), "EXT_mesh_gpu_instancing"
    figures = [
        (f"{what}: tileset from the model", ours.seconds, "s", theirs, peer and peer.seconds, TIME_GOAL),
        ("  with the import before it", import_s + ours.seconds, "s", theirs, peer and peer.seconds, None),
        ("  files", ours.files, "files", theirs, peer and peer.files, FILES_GOAL),
        ("  size", ours.bytes / 1e6, "MB", theirs, peer and peer.bytes / 1e6, None),
        ("  size, gzip", ours.gzip_bytes / 1e6, "MB", theirs, peer and peer.gzip_bytes / 1e6, None),
        ("  merged: contents built", ours.seconds, "s", other, instanced.seconds, None),
        ("  merged: size, gzip", ours.gzip_bytes / 1e6, "MB", other, instanced.gzip_bytes / 1e6, None),
        ("  merged: draw calls, all in view", ours.draws, "calls", other, instanced.draws, None),
        ("  from afar: draw calls", blocks.draws, "calls", None, None, None),
        ("  from afar: size, gzip", blocks.gzip_bytes / 1e6, "MB", None, None, None),
    ]
    return [
        row(work, value, unit, peer=name, peer_value=its, goal=goal) for work, value, unit, name, its, goal in figures
    ]


def names_of(tile: dict[str, Any]) -> Iterator[str]:
    """Yield the names of all contents of a tile and those below it."""
    if "content" in tile:
        yield tile["content"]["uri"].removesuffix(".glb")
    for child in tile.get("children", []):
        yield from names_of(child)


def build(connection: Connection, model_id: int, folder: Path) -> tuple[Written, Written]:
    """Write the tileset; return what all of it and what the blocks cost."""
    folder.mkdir()
    began = time.perf_counter()
    found = tileset(connection, model_id, ADMIN)
    (folder / "tileset.json").write_bytes(orjson.dumps(found))
    for name in names_of(found["root"]):
        (folder / f"{name}.glb").write_bytes(content(connection, model_id, name, ADMIN))
    seconds = time.perf_counter() - began
    return weigh(folder, seconds), weigh(folder, 0.0, f"{BLOCKS}*.glb")


def weigh(folder: Path, seconds: float, pattern: str = "*") -> Written:
    files = [path.read_bytes() for path in sorted(folder.rglob(pattern)) if path.is_file()]
    return Written(
        seconds,
        len(files),
        sum(map(len, files)),
        sum(len(gzip.compress(body, 6)) for body in files),
        sum(map(draws, files)),
    )


def draws(body: bytes) -> int:
    """Return the number of primitives of a glb."""
    if body[:4] != b"glTF":
        return 0
    document = orjson.loads(body[20 : 20 + struct.unpack_from("<I", body, 12)[0]])
    return sum(len(each["primitives"]) for each in document.get("meshes", []))


def build_instanced(connection: Connection, model_id: int) -> Written:
    began = time.perf_counter()
    made = []
    for name in names_of(tileset(connection, model_id, ADMIN)["root"]):
        part, origin = parse_content_name(name)
        if not part.is_blocks:
            drawings = element_drawings(connection, model_id, part)
            made.append(write_instanced_glb(drawings.meshes, drawings.instances, origin, drawings.table))
    seconds = time.perf_counter() - began
    bodies = [body for body, _ in made]
    packed = sum(len(gzip.compress(body, 6)) for body in bodies)
    return Written(seconds, len(bodies), sum(map(len, bodies)), packed, sum(count for _, count in made))


def convert(path: Path, folder: Path) -> Written:
    """Convert with py3dtiles in a process of its own."""
    command = [str(PEER), "-m", "py3dtiles.command_line", "convert", str(path), "--out", str(folder), "--overwrite"]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder.parent)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"py3dtiles failed: {done.stderr[-2000:]}")
    return weigh(folder, seconds)


def peer_name() -> str:
    if not PEER:
        return "py3dtiles, not installed (CIM_BENCH_PY3DTILES)"
    code = "from importlib.metadata import version; print(version('py3dtiles'))"
    found = subprocess.run([PEER, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    return f"py3dtiles {found}"


if __name__ == "__main__":
    main()
