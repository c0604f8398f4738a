"""A scene as a page with its data beside it: it works from a folder, without the service."""

from __future__ import annotations

import base64
import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import InvalidInput
from layers.catalogue import LayerRow, district_extent
from tiles.scene import DEFAULT_EXTENT, deck_of, static_files, visible_rows
from tiles.scene_list import Scene, find_scene
from tiles.scene_pack import Body, DeckLayer, Extent, Source, take
from tiles.scene_page import Snapshot, render_page
from tiles.styles import Language

#: Scripts as large as this start quickly and are not cut into too many.
PACK_BYTES = 6_000_000
WORKERS = ("mvt-worker.js", "terrain-worker.js")
SCRIPTS = ("scene.css", "texts.js", "pydeck.js", "packed.js", "scene.js")

Announce = Callable[[str], None]


class Written(NamedTuple):
    """What was written."""

    file: Path
    folder: Path
    bodies: int
    size_bytes: int


class Selection(NamedTuple):
    """How much of the model goes with a page, without an extent all of it; and what the page speaks."""

    extent: Extent | None
    max_zoom: int
    language: Language = "zh"


class Filled(NamedTuple):
    """A folder of data: the names of its packs, and how many bodies are in them."""

    folder: Path
    packs: list[str]
    bodies: int


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
    deck = _deck(connection, scene, rows, caller, selection.extent)
    source = Source(connection, files, caller, _extent(connection, selection), selection.max_zoom, now)
    # Beside its place, so that it is put there in one step when it is whole.
    with tempfile.TemporaryDirectory(prefix=".scene-", dir=file.parent) as place:
        filled = fill_folder(Path(place) / "data", scene, deck["layers"], source, announce)
        snapshot = Snapshot(quote(folder.name), filled.packs, now.strftime("%Y-%m-%d %H:%M"))
        page = render_page(scene, deck, rows, language=selection.language, snapshot=snapshot)
        _put(filled.folder, folder)
    file.write_text(page, "utf-8")
    return Written(file, folder, filled.bodies, sum(part.stat().st_size for part in (file, *folder.iterdir())))


def fill_folder(folder: Path, scene: Scene, layers: list[DeckLayer], source: Source, announce: Announce) -> Filled:
    """Make the folder of a page's data; each layer of its deck is told how far its tiles go."""
    folder.mkdir(mode=0o755)
    counted: list[int] = []
    packs = write_packs(folder, _counted(_bodies(layers, source, announce), counted))
    copy_scripts(folder, scene)
    return Filled(folder, packs, len(counted))


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


def _extent(connection: Connection, selection: Selection) -> Extent:
    return selection.extent or district_extent(connection) or DEFAULT_EXTENT


def _put(made: Path, folder: Path) -> None:
    """Move a folder to its place, where an older one may be."""
    if folder.exists():
        shutil.rmtree(folder)
    made.rename(folder)


def _deck(
    connection: Connection, scene: Scene, rows: Sequence[LayerRow], caller: Caller, extent: Extent | None
) -> dict[str, Any]:
    deck: dict[str, Any] = orjson.loads(deck_of(connection, scene, rows, caller).to_json())
    if extent is not None:
        west, south, east, north = extent
        deck["initialViewState"] |= {"longitude": (west + east) / 2, "latitude": (south + north) / 2}
    return deck
