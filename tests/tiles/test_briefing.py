"""Briefings: what the page, the picture and the files say is what the model holds, in Chinese that can be read."""

from __future__ import annotations

import csv
import io
import os
import shutil
import stat
import subprocess
import time
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyogrio
import pytest
import shapely
from matplotlib.image import imread
from pyproj import Geod
from sqlalchemy import Connection, insert, select, update

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import building, road
from layers.incidents.replay import replay
from layers.zones.wish import parse_wish
from layers.zones.zones import create_zone
from tests.layers.events_town import at, build_town, ewkt, square
from tests.layers.test_incidents import LEADER, added, happened, keep, opened, zoned
from tests.layers.test_zones import drawn
from tiles import briefing_pdf
from tiles.briefing import Briefing, gather
from tiles.briefing_files import table
from tiles.briefing_map import Picture, draw
from tiles.briefing_page import render_briefing, shortened
from tiles.briefing_pdf import NoBrowser, find_browser, print_pdf
from tiles.briefing_zip import write_briefing

VIEWER = Caller("viewer")
GEOD = Geod(ellps="GRS80")


@pytest.fixture
def number(connection: Connection) -> int:
    """Return an incident in a town with some people, a road, an event, a zone and notes."""
    build_town(connection)
    houses = [(-80, -80, 20), (-40, -80, 3), (0, -80, None), (300, 300, 50)]
    for count, (x, y, residents) in enumerate(houses):
        connection.execute(insert(building).values(
            layer_id="buildings", source_key=f"N{count}", name=f"新村{count}栋", residents=residents,
            geom=ewkt(square(x, y, x + 20, y + 20)),
        ))  # fmt: skip
    line = shapely.LineString([at(-500, 0), at(500, 0)])
    connection.execute(insert(road).values(layer_id="roads", source_key="R", name="坪翔二街", geom=ewkt(
        shapely.MultiLineString([line]))))  # fmt: skip
    made = opened(connection, note="居民报警：楼道有煤气味 <script>alert(1)</script>")
    gas, zone = happened(connection), zoned(connection)
    added(connection, made, kind="event", ref=gas)
    added(connection, made, kind="zone", ref=zone["id"], text="一级响应")
    added(connection, made, kind="note", text='=HYPERLINK("http://x")', position=list(at(30, -30)))
    added(connection, made, kind="analysis", ref=keep(connection), text="停气影响", summary={"persons": 3})
    return made


def made(connection: Connection, number: int, caller: Caller = LEADER) -> tuple[Briefing, Picture]:
    found = gather(connection, number, caller)
    return found, draw(connection, found, caller)


def test_the_picture_shows_zones_where_they_are(connection: Connection, number: int) -> None:
    found, picture = made(connection, number)
    image = imread(io.BytesIO(picture.png))[:, :, :3]
    assert image.shape[:2] == (picture.height, picture.width) == (1200, 1600)
    west, south, east, north = picture.extent
    zone = found.zones[0].shape
    assert shapely.box(*picture.extent).contains(zone)
    # a picture is as true in both directions
    lon, lat = (west + east) / 2, (south + north) / 2
    wide, high = GEOD.inv(west, lat, east, lat)[2], GEOD.inv(lon, south, lon, north)[2]
    assert wide / 1600 == pytest.approx(high / 1200, rel=1e-4)

    def colour(x: float, y: float) -> Any:
        lon, lat = at(x, y)
        return image[round((north - lat) / (north - south) * 1200), round((lon - west) / (east - west) * 1600)]

    inside, outside = colour(-60, 60), colour(-60, 125)
    assert outside == pytest.approx([0xF4 / 255, 0xF2 / 255, 0xEC / 255], abs=0.01)
    assert inside[2] > inside[0]  # a drawn zone is blue
    edge = np.array([0x2A, 0x63, 0xB8]) / 255
    assert colour(-60, 100) == pytest.approx(edge, abs=0.12)
    # a building and the road lie under it
    assert colour(-70, -70) != pytest.approx(inside, abs=0.02)
    assert colour(150, 0) == pytest.approx(np.array([0xC9, 0xC2, 0xB3]) / 255, abs=0.05)


def test_the_page_says_what_the_model_holds(connection: Connection, number: int) -> None:
    full, picture = made(connection, number)
    page = render_briefing(full, picture)
    assert "坪翔二街燃气泄漏" in page
    assert "<script>" not in page
    assert "://" not in page.replace("http://x", "")
    # three houses of the village lie in the zone; of one nobody knows how many live there
    [zone] = full.zones
    inside = connection.execute(
        select(building.c.residents, building.c.geom.ST_AsBinary()).where(building.c.geom.is_not(None))
    ).all()
    hit = [count for count, shape in inside if shapely.intersects(shapely.from_wkb(bytes(shape)), zone.shape)]
    # two houses say nothing: each may have as many as the fullest
    assert zone.people()["residents"] == (sum(filter(None, hit)), 23 + 2 * 20) == (23, 63)
    layer = zone.layer("buildings")
    assert layer is not None
    assert layer["count"] == len(hit)
    assert ">23–63</td>" in page
    assert zone.inventory["receipt"]["hash"] in page
    seen, _ = made(connection, number, VIEWER)
    assert seen.zones[0].people()["residents"][0] == 20
    shown = render_briefing(seen, picture)
    assert ">23–" not in shown
    assert "人数少于 5" in shown
    assert "persons" not in str(seen.entries)
    english = render_briefing(full, picture, "en")
    assert "Incident briefing" in english
    assert english.count("<tr") == page.count("<tr")
    entries = [{"n": n} for n in range(1000)]
    assert [one["n"] for one in shortened(entries, 9)] == [0, 1, 2, 994, 995, 996, 997, 998, 999]


def test_the_zip_has_tables_and_layers(connection: Connection, number: int, tmp_path: Path) -> None:
    for caller, residents in ((LEADER, [3, 20]), (VIEWER, [20])):
        found, picture = made(connection, number, caller)
        with zipfile.ZipFile(io.BytesIO(write_briefing(connection, found, picture, caller))) as handle:
            assert handle.testzip() is None
            handle.extractall(tmp_path / caller.role)
        folder = tmp_path / caller.role
        assert {file.name for file in folder.iterdir()} == {
            "README.txt", "briefing.html", "briefing.en.html", "briefing.json", "incident.gpkg", "inventory.csv",
            "map.png", "timeline.csv", "zones.csv",
        }  # fmt: skip
        raw = (folder / "timeline.csv").read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf")
        rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
        assert [row["uuid"] for row in rows] == [one["uuid"] for one in found.entries]
        assert all(not value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())
        gpkg = folder / "incident.gpkg"
        assert {name for name, _ in pyogrio.list_layers(gpkg)} == {"incident", "zones", "events", "notes", "buildings"}
        [line] = csv.DictReader(io.StringIO((folder / "zones.csv").read_text("utf-8-sig")))
        assert int(line["residents_low"]) == sum(residents)
        zones = pyogrio.read_dataframe(gpkg, layer="zones")
        assert shapely.equals(zones.geometry[0], found.zones[0].shape)
        houses = pyogrio.read_dataframe(gpkg, layer="buildings")
        assert sorted(houses["residents"].dropna()) == residents
        assert set(houses["zones"]) == {"封控区"}
        assert zones.crs.to_epsg() == 4490
        told = orjson.loads((folder / "briefing.json").read_bytes())
        assert told["known"]["incident"]["name"] == "坪翔二街燃气泄漏"
        assert "坪翔二街燃气泄漏" in (folder / "README.txt").read_text("utf-8")


def test_a_briefing_of_the_past(connection: Connection, number: int) -> None:
    until = replay(connection, number, LEADER)["until"]
    before = gather(connection, number, LEADER, datetime.fromisoformat(until))
    connection.execute(update(building).where(building.c.residents == 20).values(residents=7, name="改"))
    added(connection, number, kind="note", text="后来")
    assert gather(connection, number, LEADER, datetime.fromisoformat(until)).entries == before.entries
    with pytest.raises(NotFound):
        gather(connection, 999_999, LEADER)


def test_gates_are_where_roads_leave_what_is_sealed(connection: Connection, number: int, tmp_path: Path) -> None:
    wish = {"name": "封控区", "by": "张三", "kind": "sealed", "geometry": drawn(-60, -60, 60, 60)}
    zone = create_zone(connection, parse_wish(wish), LEADER)
    added(connection, number, kind="zone", ref=zone["id"])
    found, picture = made(connection, number)
    # the one road runs from west to east through the middle; zones that are only drawn have no gates
    assert {gate.zone_id for gate in found.gates} == {zone["id"]}
    places = sorted((gate.longitude, gate.latitude) for gate in found.gates)
    assert np.array(places) == pytest.approx(np.array([at(-60, 0), at(60, 0)]), abs=2e-8)
    files = zipfile.ZipFile(io.BytesIO(write_briefing(connection, found, picture, LEADER)))
    (tmp_path / "a.gpkg").write_bytes(files.read("incident.gpkg"))
    assert len(pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="gates")) == 2
    lines = list(csv.DictReader(io.StringIO(files.read("zones.csv").decode("utf-8-sig"))))
    assert {line["kind"]: line["gates"] for line in lines} == {"drawn": "0", "sealed": "2"}
    assert "卡口为 0" not in render_briefing(found, picture)
    wish |= {"geometry": drawn(5, 5, 40, 40)}
    added(connection, number, kind="zone", ref=create_zone(connection, parse_wish(wish), LEADER)["id"])
    assert "卡口为 0" in render_briefing(*made(connection, number))


def test_an_incident_without_anything(connection: Connection) -> None:
    number = opened(connection, position=None, note=None)
    found, picture = made(connection, number)
    assert "尚未划定分区" in render_briefing(found, picture)
    assert zipfile.ZipFile(io.BytesIO(write_briefing(connection, found, picture, LEADER))).testzip() is None


def test_tables_are_no_formulas() -> None:
    assert table(["a"], [["=1+1"], ["@x"], [-1], ["说"]]) == "\ufeffa\r\n'=1+1\r\n'@x\r\n-1\r\n说\r\n"


@pytest.mark.browser
def test_the_pdf_has_readable_chinese(connection: Connection, number: int, tmp_path: Path) -> None:
    if not any(map(shutil.which, briefing_pdf.NAMES)) or shutil.which("pdftotext") is None:
        pytest.skip("needs Chromium and pdftotext (apt install chromium poppler-utils)")
    found, picture = made(connection, number)
    began = time.perf_counter()
    body = print_pdf(render_briefing(found, picture))
    assert time.perf_counter() - began < 30
    assert body.startswith(b"%PDF")
    (tmp_path / "a.pdf").write_bytes(body)
    words = subprocess.run(["pdftotext", "-layout", tmp_path / "a.pdf", "-"], capture_output=True, check=True).stdout
    text = words.decode()
    for word in (
        "坪翔二街燃气泄漏",
        "事件简报",
        "居民报警：楼道有煤气味",
        "封控区",
        "一级响应",
        "停气影响",
        "应急资源",
    ):
        assert word in text, word
    fonts = subprocess.run(["pdffonts", tmp_path / "a.pdf"], capture_output=True, check=True).stdout.decode()
    assert "CJK" in fonts or "WenQuan" in fonts or "Sans" in fonts


def test_without_a_browser_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoBrowser, match="apt install chromium"):
        print_pdf("<p>")
    with pytest.raises(NoBrowser, match="CIM_CHROMIUM"):
        find_browser("no-such-browser")


def test_a_browser_that_hangs_or_fails_is_ended(tmp_path: Path) -> None:
    for body, says in (
        ("sleep 600 & sleep 600", "did not print within"),
        ("exit 3", "status 3"),
        ("exit 0", "status 0"),
    ):
        program = tmp_path / "chromium"
        program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\n{body}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        with pytest.raises(NoBrowser, match=says):
            print_pdf("<p>", str(program), limit_s=1.0)
        assert is_gone(int((tmp_path / "pid").read_text()))


def is_gone(group: int) -> bool:
    """Wait until no process of a group is left: those that were ended stay until they are reaped."""
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
