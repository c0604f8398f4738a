"""The forward pack of an incident: one signed ZIP file that works on a machine without network."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import geopandas
import orjson
import pandas
from sqlalchemy import Connection

from cim.access import Caller
from cim.archive import unpack
from cim.errors import CimError, InvalidFile
from layers.incidents.drawn_additions import COLUMNS, LAYER, described
from tiles.briefing import Briefing, all_entries, gather
from tiles.briefing_files import CRS
from tiles.briefing_map import Extent, draw
from tiles.briefing_zip import fill_folder
from tiles.incident_pack_page import write_page
from tiles.incident_pack_tiles import nearest_zoom, write_tiles
from tiles.scene_file import Selection, write_scene
from tiles.signature import SUFFIX, sign, verify

FORMAT = "cim-incident-pack"
MANIFEST, INCIDENT = "manifest.json", "incident.json"
SCENE = "overview"
#: Nearer tiles of the scene would make the pack large.
SCENE_ZOOM = 15
_PART = 1 << 20
README = """{name}

前方数据包，无需网络 / a forward pack that needs no network

index.html      双击打开：态势、时间线、新增记录 / open it by a double click: map, timeline, notes
scene/          三维场景 / the 3D scene
map.pmtiles     矢量瓦片 / vector tiles (QGIS, MapLibre)
incident.gpkg   事件、分区、单位、区内建筑 / incident, zones, events, units, buildings inside; EPSG:4490
additions.gpkg  在 GIS 中增补点位用的空图层 / an empty layer for points that are added in a GIS
queries/        各分区清单与依据 / the inventory of each zone, with its receipt
incident.json   事件与时间线 / the incident and its timeline
briefing.html   简报 / the briefing

增补文件（JSON 或 additions.gpkg）带回后 / bring the additions back and run:  cim incidents merge FILE
校验本包 / check this pack:  cim incidents verify FILE
{scene}截至 / as known at: {until}
"""


class Source(NamedTuple):
    """Where the data of a pack come from: the deployment's folder of large files, and of its signing key."""

    files: Path
    home: Path
    now: datetime


class Written(NamedTuple):
    """What is in a pack."""

    file: Path
    tiles: int
    has_scene: bool
    entries: int
    size_bytes: int


def write_pack(
    connection: Connection,
    incident_id: int,
    file: Path,
    source: Source,
    caller: Caller,
    *,
    announce: Callable[[str], None] = lambda _name: None,
) -> Written:
    """Write the pack of an incident, as a caller sees it; the file is there when it is whole.

    Raises
    ------
    NotFound, Busy
    """
    with tempfile.TemporaryDirectory(prefix="cim-pack-") as place:
        folder = Path(place) / "pack"
        folder.mkdir()
        briefing = gather(connection, incident_id, caller)
        picture = draw(connection, briefing, caller)
        fill_folder(connection, briefing, picture, caller, folder)
        announce("tiles")
        tiles = write_tiles(connection, folder / "map.pmtiles", picture.extent, caller)
        announce("scene")
        missing = _write_scene(connection, folder, source, caller, picture.extent)
        write_page(folder, briefing, picture, scene=None if missing else f"scene/{SCENE}.html")
        _write_data(connection, incident_id, briefing, caller, folder)
        words = {"name": briefing.incident["name"], "until": briefing.known["until"]}
        left_out = f"三维场景未附 / no scene: {missing}\n" if missing else ""
        (folder / "README.txt").write_text(README.format(**words, scene=left_out), "utf-8")
        _sign(folder, briefing, source)
        _zip(folder, file)
    return Written(file, tiles, not missing, len(briefing.entries), file.stat().st_size)


def verify_pack(file: Path, public_key: str | None = None) -> dict[str, Any]:
    """Return the manifest of a pack that is whole and as it was signed.

    Raises
    ------
    InvalidFile
        Naming the file in it that was changed, is missing or was slipped in.
    TooLarge
    """
    with tempfile.TemporaryDirectory(prefix="cim-pack-") as place:
        folder = Path(place)
        unpack(file, folder)
        if not (folder / MANIFEST).is_file():
            raise InvalidFile(f"'{file.name}' is no pack of an incident: it has no {MANIFEST}")
        signed_by = verify(folder / MANIFEST, public_key)
        manifest = orjson.loads((folder / MANIFEST).read_bytes())
        if manifest.get("format") != FORMAT:
            raise InvalidFile(f"'{file.name}' is no pack of an incident: its format is {manifest.get('format')!r}")
        found = _digests(folder)
        for name in sorted(set(found) | set(manifest["files"])):
            if found.get(name) != manifest["files"].get(name):
                raise InvalidFile(f"'{name}' in '{file.name}' is not what was signed; ask for the pack once more")
        return dict(manifest) | {"signed_by": signed_by}


def read_incident_file(file: Path) -> dict[str, Any]:
    """Return the incident of a pack that ``verify_pack`` has found good."""
    with zipfile.ZipFile(file) as handle:
        found: dict[str, Any] = orjson.loads(handle.read(INCIDENT))
    return found


def _write_scene(connection: Connection, folder: Path, source: Source, caller: Caller, extent: Extent) -> str | None:
    """Write the 3D page; returns why there is none, a pack is worth having without."""
    place = folder / "scene"
    place.mkdir()
    selection = Selection(extent, min(SCENE_ZOOM, nearest_zoom(extent)))
    page = place / f"{SCENE}.html"
    try:
        write_scene(connection, source.files, SCENE, page, caller, selection, now=source.now, announce=lambda _: None)
    except CimError as error:
        page.unlink(missing_ok=True)
        return error.detail
    return None


def _write_data(connection: Connection, incident_id: int, briefing: Briefing, caller: Caller, folder: Path) -> None:
    until = datetime.fromisoformat(briefing.known["until"])
    entries = all_entries(connection, incident_id, caller, until, geometry=True)
    (folder / INCIDENT).write_bytes(_json({"known": briefing.known, "entries": entries}))
    queries = folder / "queries"
    queries.mkdir()
    for zone in briefing.zones:
        told = {"zone": zone.feature, "inventory": zone.inventory}
        (queries / f"zone-{zone.feature['id']}.json").write_bytes(_json(told))
    _write_empty_layer(folder / f"{LAYER}.gpkg", briefing)


def _write_empty_layer(file: Path, briefing: Briefing) -> None:
    """Write a layer for points that are drawn in a GIS; it says itself for which incident."""
    empty = pandas.DataFrame({name: pandas.Series(dtype="str") for name in COLUMNS})
    frame = geopandas.GeoDataFrame(empty, geometry=geopandas.GeoSeries([], crs=CRS), crs=CRS)
    told = described(str(briefing.incident["uuid"]), str(briefing.known["until"]))
    frame.to_file(file, layer=LAYER, driver="GPKG", engine="pyogrio", geometry_type="Point", dataset_metadata=told)


def _sign(folder: Path, briefing: Briefing, source: Source) -> None:
    incident = briefing.incident
    manifest = {"format": FORMAT, "version": 1, "incident": incident["uuid"], "name": incident["name"],
                "until": briefing.known["until"], "files": _digests(folder)}  # fmt: skip
    (folder / MANIFEST).write_bytes(_json(manifest))
    sign(folder / MANIFEST, source.home)


def _digests(folder: Path) -> dict[str, str]:
    """Return SHA-256 of each file by its name, without those that sign."""
    found = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and name not in (MANIFEST, MANIFEST + SUFFIX):
            with file.open("rb") as opened:
                digest = hashlib.sha256()
                while part := opened.read(_PART):
                    digest.update(part)
            found[name] = digest.hexdigest()
    return found


def _zip(folder: Path, file: Path) -> None:
    partial = file.with_name(file.name + ".partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as handle:
            for one in sorted(folder.rglob("*")):
                if one.is_file():
                    handle.write(one, one.relative_to(folder).as_posix())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str)
