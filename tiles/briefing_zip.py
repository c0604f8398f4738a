"""A briefing as one ZIP file: a GeoPackage, tables, the picture, the page, and what all of them are."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import orjson
from sqlalchemy import Connection

from cim.access import Caller
from tiles.briefing import Briefing
from tiles.briefing_files import inventory_csv, timeline_csv, write_geopackage, zones_csv
from tiles.briefing_map import Picture
from tiles.briefing_page import render_briefing

README = """{name}

briefing.html   简报，浏览器打开或打印 / the briefing, to be opened or printed in a browser
briefing.en.html  英文简报 / the same in English
map.png         态势图，上北；四至见 briefing.json / the map, north is up; its edges are in briefing.json
incident.gpkg   事件、分区、单位、区内建筑 / incident, zones, events, units, buildings inside; EPSG:4490
timeline.csv    时间线 / the timeline (UTF-8)
zones.csv       分区统计 / zones with their counts
inventory.csv   区内各图层数量 / what lies in the zones, by layer
briefing.json   以上全部，含依据（哈希） / all of it, with the receipts (hashes)

截至 / as known at: {until}
{people}"""
PEOPLE_NOTE = "人数少于 5 的建筑不计入合计 / buildings with fewer than 5 people are left out of sums\n"


def write_briefing(connection: Connection, briefing: Briefing, picture: Picture, caller: Caller) -> bytes:
    """Return the ZIP file."""
    with tempfile.TemporaryDirectory(prefix="cim-briefing-") as place:
        folder = Path(place)
        fill_folder(connection, briefing, picture, caller, folder)
        archive = folder / "briefing.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as handle:
            for file in sorted(folder.iterdir()):
                if file != archive:
                    handle.write(file, file.name)
        return archive.read_bytes()


def fill_folder(connection: Connection, briefing: Briefing, picture: Picture, caller: Caller, folder: Path) -> None:
    """Write the files of a briefing into a folder."""
    (folder / "map.png").write_bytes(picture.png)
    (folder / "briefing.html").write_text(render_briefing(briefing, picture), "utf-8")
    (folder / "briefing.en.html").write_text(render_briefing(briefing, picture, "en"), "utf-8")
    for name, text in (
        ("timeline.csv", timeline_csv(briefing)),
        ("zones.csv", zones_csv(briefing)),
        ("inventory.csv", inventory_csv(briefing)),
    ):
        (folder / name).write_bytes(text.encode("utf-8", "replace"))
    write_geopackage(connection, briefing, caller, folder / "incident.gpkg")
    (folder / "briefing.json").write_bytes(as_json(briefing, picture))
    people = PEOPLE_NOTE if briefing.is_suppressed else ""
    words = README.format(name=briefing.incident["name"], until=briefing.known["until"], people=people)
    (folder / "README.txt").write_text(words, "utf-8")


def as_json(briefing: Briefing, picture: Picture) -> bytes:
    """Return all that a briefing says as JSON."""
    told = {
        "known": briefing.known,
        "entries": briefing.entries,
        "zones": [{"zone": zone.feature, "inventory": zone.inventory} for zone in briefing.zones],
        "map": {"extent": picture.extent, "width": picture.width, "height": picture.height},
        "suppressed": briefing.is_suppressed,
    }
    return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str)
