"""3D Tiles of the district's hospital (15,000 elements): ``python bench/tiles3d_bim.py [FILE]``.

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
import platform
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import orjson
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, create_engine, make_url, select, text

from bench.instanced_glb import write_instanced_glb
from bim_import.importer import IfcImporter
from cim import schema
from cim.access import Caller
from cim.db import database_url, make_engine
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.settings import Settings, read_settings
from cim.tables import model
from tiles.tiles3d.models import content, element_drawings, tileset
from tiles.tiles3d.parts import BLOCKS, parse_content_name

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "bench" / "results" / "tiles3d_bim.json"
PEER = os.environ.get("CIM_BENCH_PY3DTILES")
ADMIN = Caller("admin")
TIME_GOAL, FILES_GOAL = 20.0, 10.0


class Written(NamedTuple):
    """What a way of writing cost and made."""

    seconds: float
    files: int
    bytes: int
    gzip_bytes: int
    draws: int


def main() -> None:
    settings = read_settings()
    server = make_url(database_url(settings))
    name = f"cim_bench_{uuid4().hex[:8]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with tempfile.TemporaryDirectory() as directory, admin.connect() as connection:
        folder = Path(directory)
        path = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else hospital(folder)
        connection.execute(text(f'create database "{name}"'))
        try:
            rows = work_on(server.set(database=name).render_as_string(hide_password=False), path, folder)
        finally:
            connection.execute(text(f'drop database "{name}" with (force)'))
    write(rows)


def hospital(folder: Path) -> Path:
    """Return the district's largest model."""
    code = "import sys; from cim.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "district", "make", str(folder / "district"), "--only", "ifc"]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return folder / "district" / "ifc" / "hospital_01.ifc"


def work_on(url: str, path: Path, folder: Path) -> list[dict[str, Any]]:
    engine = make_engine(url)
    schema.upgrade(engine)
    began = time.perf_counter()
    context = ImportContext(ImportOptions(workers=2), Settings(home=folder, database_url=url))
    (report,) = import_paths(engine, [path], context, [IfcImporter()])
    if report.status != "imported":
        sys.exit(f"{report.status}: {report.error}")
    import_s = time.perf_counter() - began
    with engine.connect() as connection:
        connection.execute(text("analyze"))
        row = connection.execute(select(model.c.id, model.c.element_count)).one()
        ours, blocks = build(connection, row.id, folder / "ours")
        instanced = build_instanced(connection, row.id)
    engine.dispose()
    what = f"{path.name}, {row.element_count} elements"
    peer = convert(path, folder / "theirs") if PEER else None
    named = peer_name()
    other = "EXT_mesh_gpu_instancing"
    return [
        compare(f"{what}: tileset from the model", ours.seconds, "s", named, peer and peer.seconds, TIME_GOAL),
        compare("  with the import before it", import_s + ours.seconds, "s", named, peer and peer.seconds, None),
        compare("  files", ours.files, "files", named, peer and peer.files, FILES_GOAL),
        compare("  size", ours.bytes / 1e6, "MB", named, peer and peer.bytes / 1e6, None),
        compare("  size, gzip", ours.gzip_bytes / 1e6, "MB", named, peer and peer.gzip_bytes / 1e6, None),
        compare("  merged: contents built", ours.seconds, "s", other, instanced.seconds, None),
        compare("  merged: size, gzip", ours.gzip_bytes / 1e6, "MB", other, instanced.gzip_bytes / 1e6, None),
        compare("  merged: draw calls, all in view", ours.draws, "calls", other, instanced.draws, None),
        compare("  from afar: draw calls", blocks.draws, "calls", None, None, None),
        compare("  from afar: size, gzip", blocks.gzip_bytes / 1e6, "MB", None, None, None),
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


def compare(
    work: str, ours: float, unit: str, peer: str | None, value: float | None, goal: float | None
) -> dict[str, Any]:
    """Return a row; the goal is the ratio of the peer's figure to ours."""
    ratio = round(value / ours, 2) if value and ours else None
    return {
        "work": work,
        "ours": round(ours, 3),
        "unit": unit,
        "peer": peer,
        "peer_value": None if value is None else round(value, 3),
        "ratio": ratio,
        "goal": goal,
        "met": None if goal is None or ratio is None else ratio >= goal,
    }


def write(rows: list[dict[str, Any]]) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT
    ).stdout.strip()
    machine = f"{platform.machine()} {platform.system()}, {os.cpu_count()} cores"
    report = {"name": "tiles3d_bim", "commit": commit, "machine": machine, "rows": rows}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    table = Table(*rows[0])
    for entry in rows:
        table.add_row(*map(str, entry.values()))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


if __name__ == "__main__":
    main()
