"""A scene as a page with its data beside it: it works from a folder, without the service."""

from __future__ import annotations

import base64
import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import InvalidInput
from layers.catalogue import district_extent
from tiles.scene import DEFAULT_EXTENT, deck_of, static_files, visible_rows
from tiles.scene_list import Scene, find_scene
from tiles.scene_pack import Body, DeckLayer, Extent, Source, take
from tiles.scene_page import Snapshot, render_page

#: Scripts as large as this start quickly and are not cut into too many.
PACK_BYTES = 6_000_000
WORKERS = ("mvt-worker.js", "terrain-worker.js")
SCRIPTS = ("scene.css", "pydeck.js", "packed.js", "scene.js")

Announce = Callable[[str], None]


class Written(NamedTuple):
    """What was written."""

    file: Path
    folder: Path
    bodies: int
    size_bytes: int


class Selection(NamedTuple):
    """How much of the model goes with a page; without an extent, all of it."""

    extent: Extent | None
    max_zoom: int


def write_scene(
    connection: Connection,
    files: Path,
    name: str,
    file: Path,
    caller: Caller,
    selection: Selection,
    *,
    now: datetime,
    announce: Announce,
) -> Written:
    """Write the page of a scene and, beside it, the folder ``NAME_data`` with all that it loads.

    Parameters
    ----------
    files
        The deployment's folder of large files.
    announce
        Told of each layer that is begun.

    Raises
    ------
    NotFound
        For a scene that does not exist.
    InvalidInput
        Where the file or the folder cannot be written, or the extent is too large.
    """
    scene = find_scene(name)
    folder = check_place(file)
    rows = visible_rows(connection, scene, caller)
    extent = selection.extent or district_extent(connection) or DEFAULT_EXTENT
    deck = orjson.loads(deck_of(connection, scene, rows, caller).to_json())
    _look_at(deck, selection.extent)
    source = Source(connection, files, caller, extent, selection.max_zoom, now)
    # Beside its place, so that it is put there in one step when it is whole.
    with tempfile.TemporaryDirectory(prefix=".scene-", dir=file.parent) as place:
        made = Path(place) / "data"
        made.mkdir(mode=0o755)
        counted: list[int] = []
        bodies = _counted(_bodies(deck["layers"], source, announce), counted)
        packs = write_packs(made, bodies)
        copy_scripts(made, scene)
        snapshot = Snapshot(quote(folder.name), packs, now.strftime("%Y-%m-%d %H:%M"))
        page = render_page(scene, deck, rows, snapshot=snapshot)
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    file.write_text(page, "utf-8")
    size = file.stat().st_size + sum(part.stat().st_size for part in folder.iterdir())
    return Written(file, folder, len(counted), size)


def check_place(file: Path) -> Path:
    """Return the folder that goes with a page.

    Raises
    ------
    InvalidInput
        For another kind of file, where its folder is missing, or where something else has the name of the data.
    """
    if file.suffix.lower() not in (".html", ".htm"):
        raise InvalidInput(f"'{file.name}' is no name of a page; use one that ends in .html")
    if not file.parent.is_dir():
        raise InvalidInput(f"the folder of '{file.name}' does not exist; make it first")
    folder = file.with_name(f"{file.stem}_data")
    if folder.exists() and not (folder / "packed.js").is_file():
        raise InvalidInput(f"'{folder.name}' is there and holds something else; choose another name for the page")
    return folder


def write_packs(folder: Path, bodies: Iterable[Body]) -> list[str]:
    """Write bodies as scripts that hand them to the page, and return the scripts' names.

    Browsers refuse a page from a folder to read the files beside it, but not to run scripts there.
    """
    names: list[str] = []
    pack: dict[str, str] = {}
    size = 0
    for path, body in bodies:
        pack[path] = base64.b64encode(gzip.compress(body, 6, mtime=0)).decode()
        size += len(pack[path])
        if size >= PACK_BYTES:
            names.append(_write_pack(folder, len(names), pack))
            pack, size = {}, 0
    if pack:
        names.append(_write_pack(folder, len(names), pack))
    return names


def copy_scripts(folder: Path, scene: Scene) -> None:
    """Copy what the page loads beside its data."""
    available = static_files()
    for name in (*SCRIPTS, *([scene.control] if scene.control else [])):
        shutil.copyfile(available[name], folder / name)


def _bodies(layers: list[DeckLayer], source: Source, announce: Announce) -> Iterator[Body]:
    available = static_files()
    for name in WORKERS:
        if not available[name].is_file():
            raise InvalidInput(
                f"'{name}' is not installed; run ./run demo, or npm ci in web/, and write the page again"
            )
        yield f"/scenes/static/{name}", available[name].read_bytes()
    for layer in layers:
        announce(layer["id"])
        yield from take(layer, source)


def _counted(bodies: Iterable[Body], sizes: list[int]) -> Iterator[Body]:
    for path, body in bodies:
        sizes.append(len(body))
        yield path, body


def _write_pack(folder: Path, number: int, pack: Mapping[str, str]) -> str:
    name = f"pack-{number:03}.js"
    (folder / name).write_bytes(b"cimPack(" + orjson.dumps(pack) + b");\n")
    return name


def _look_at(deck: dict[str, Any], extent: Extent | None) -> None:
    if extent is not None:
        west, south, east, north = extent
        deck["initialViewState"] |= {"longitude": (west + east) / 2, "latitude": (south + north) / 2}
