"""Forward packs: all that is needed without a network, signed; notes made on its page come back."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import orjson
import pyogrio
import pytest
import shapely
from pmtiles.reader import MmapSource, Reader
from sqlalchemy import Connection, Engine, func, select
from typer.testing import CliRunner

from cim.access import Caller
from cim.errors import Forbidden, InvalidFile, NotFound, TooLarge
from cim.tables import incident_entry
from layers.incidents.additions import parse_additions
from layers.incidents.conflicts import list_conflicts
from layers.incidents.incident import change_incident, read_incident
from layers.incidents.merge_back import merge_additions
from layers.incidents.open_pack import open_pack
from layers.incidents.replay import replay
from layers.incidents.wish import parse_change
from tests.layers.events_town import at, build_town
from tests.layers.test_incidents import LEADER, added, happened, opened, told, zoned
from tiles.incident_pack import Source, Written, read_incident_file, verify_pack, write_pack
from tiles.incident_pack_command import register
from tiles.scene import static_files

VIEWER = Caller("viewer")
LOCAL = ("file:", "data:", "blob:")


@pytest.fixture
def number(connection: Connection) -> int:
    build_town(connection)
    made = opened(connection)
    added(connection, made, kind="event", ref=happened(connection))
    added(connection, made, kind="zone", ref=zoned(connection)["id"])
    added(connection, made, kind="note", text="</script><b>已关阀")
    return made


def packed(connection: Connection, number: int, folder: Path, caller: Caller = LEADER) -> Written:
    source = Source(folder / "files", folder / "home", datetime.now(UTC))
    return write_pack(connection, number, folder / "前方.zip", source, caller)


def unpacked(file: Path, folder: Path) -> Path:
    with zipfile.ZipFile(file) as handle:
        handle.extractall(folder)
    return folder


def test_a_pack_has_all_that_is_needed(connection: Connection, number: int, tmp_path: Path) -> None:
    done = packed(connection, number, tmp_path)
    manifest = verify_pack(done.file)
    assert manifest["incident"] == read_incident(connection, number, LEADER)["uuid"]
    assert verify_pack(done.file, manifest["signed_by"]) == manifest
    folder = unpacked(done.file, tmp_path / "there")
    needed = {"index.html", "pack.js", "map.png", "map.pmtiles", "incident.json", "incident.gpkg", "additions.gpkg",
              "briefing.html", "README.txt", "manifest.json", "manifest.json.sig", "queries"}  # fmt: skip
    assert needed <= {file.name for file in folder.iterdir()}
    assert done.has_scene == static_files()["mvt-worker.js"].is_file()
    assert (folder / "scene" / "overview.html").is_file() == done.has_scene
    page = (folder / "index.html").read_text("utf-8")
    assert "://" not in page
    assert "<b>" not in page
    known = read_incident_file(done.file)
    assert known["known"]["zones"] == replay(connection, number, LEADER)["zones"]
    assert [one["uuid"] for one in known["entries"]] == [one["uuid"] for one in told(connection, number)]
    [query] = (folder / "queries").iterdir()
    answer = orjson.loads(query.read_bytes())["inventory"]
    assert answer["receipt"]["hash"].startswith("sha256:")
    assert pyogrio.read_info(folder / "additions.gpkg")["fields"].tolist() == ["uuid", "at", "by", "text"]
    with (folder / "map.pmtiles").open("rb") as opened:
        reader = Reader(MmapSource(opened))
        header = reader.header()
        assert header["addressed_tiles_count"] == done.tiles > 5
        assert header["max_zoom"] == 16
        assert "buildings" in {layer["id"] for layer in reader.metadata()["vector_layers"]}
    names = {name for name, _ in pyogrio.list_layers(folder / "map.pmtiles")}
    assert {"buildings", "grid_cells", "cameras"} <= names
    assert gzip  # the tiles are gzip, which GDAL has read


def test_a_pack_has_only_what_its_reader_may_see(connection: Connection, number: int, tmp_path: Path) -> None:
    elsewhere = Caller("commander", "440307001001")
    with pytest.raises(NotFound):
        packed(connection, number, tmp_path, elsewhere)
    assert not (tmp_path / "前方.zip").exists()
    assert list(tmp_path.glob("*.partial")) == []


def test_a_pack_that_was_tampered_with_is_refused(connection: Connection, number: int, tmp_path: Path) -> None:
    done = packed(connection, number, tmp_path)
    with zipfile.ZipFile(done.file) as handle:
        content = {name: handle.read(name) for name in handle.namelist()}

    def changed(**more: bytes | None) -> Path:
        file = tmp_path / "changed.zip"
        with zipfile.ZipFile(file, "w") as handle:
            for name, body in (content | {key.replace("__", "."): value for key, value in more.items()}).items():
                if body is not None:
                    handle.writestr(name, body)
        return file

    assert verify_pack(changed())["format"] == "cim-incident-pack"
    manifest = orjson.loads(content["manifest.json"])
    forged = orjson.dumps(manifest | {"name": "改"})
    tampered: list[tuple[dict[str, bytes | None], str]] = [
        ({"incident__json": b"{}"}, "incident.json"),
        ({"index__html": None}, "index.html"),
        ({"evil__js": b"alert(1)"}, "evil.js"),
        ({"manifest__json": forged}, "not what was signed"),
        ({"manifest__json": None}, "no manifest.json"),
    ]
    for more, says in tampered:
        with pytest.raises(InvalidFile, match=says):
            verify_pack(changed(**more))
    with pytest.raises(InvalidFile, match="no signature"):
        verify_pack(changed(manifest__json__sig=None))
    with pytest.raises(InvalidFile, match="not the one you trust"):
        verify_pack(changed(), "A" * 43 + "=")
    (tmp_path / "no.zip").write_bytes(b"no zip")
    with pytest.raises(InvalidFile, match="ZIP"):
        verify_pack(tmp_path / "no.zip")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as handle:
        handle.writestr("a", bytes(80 * 2**20))
    with pytest.raises(TooLarge):
        verify_pack(tmp_path / "bomb.zip")


def test_a_pack_is_opened_elsewhere_and_what_was_added_comes_back(
    connection: Connection, number: int, tmp_path: Path
) -> None:
    content = read_incident_file(packed(connection, number, tmp_path).file)
    # another house: the incident is not there
    uuid = content["known"]["incident"]["uuid"]
    content["known"]["incident"]["uuid"] = "0b8f8f3e-5c1c-4a43-9c39-0d7f3c1d2e4f"
    done = open_pack(connection, content, LEADER)
    assert (done["new"], done["known"]) == (len(content["entries"]), 0)
    assert open_pack(connection, content, LEADER) == {"id": done["id"], "new": 0, "known": done["new"]}
    there = replay(connection, done["id"], LEADER)
    assert [one["geometry"] for one in there["zones"]["features"]] == [
        one["geometry"] for one in content["known"]["zones"]["features"]
    ]
    assert there["incident"]["name"] == content["known"]["incident"]["name"]
    assert [one["kind"] for one in told(connection, done["id"], VIEWER)] == ["state"]
    # numbers of the other house mean nothing here
    gathered = connection.execute(
        select(func.cim.incident_gathered("event", str(there["events"]["features"][0]["id"])))
    )
    assert done["id"] not in gathered.scalars().all()
    with pytest.raises(Forbidden):
        open_pack(connection, content, VIEWER)
    with pytest.raises(InvalidFile):
        open_pack(connection, {"known": {"incident": {}}}, LEADER)
    assert uuid != content["known"]["incident"]["uuid"]


@pytest.mark.browser
def test_notes_are_made_on_the_page_and_come_back(connection: Connection, number: int, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CIM_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium (apt install chromium, or CIM_TEST_CHROMIUM)")
    folder = unpacked(packed(connection, number, tmp_path).file, tmp_path / "那里 一")
    wrong: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 900}, accept_downloads=True)
        page.on(
            "request", lambda one: None if one.url.startswith(("file:", "data:", "blob:")) else wrong.append(one.url)
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.goto((folder / "index.html").as_uri())
        page.fill("#by", "前线李四")
        box = page.locator("#map").bounding_box()
        assert box is not None
        page.locator("#map").click(position={"x": box["width"] / 4, "y": box["height"] / 2})
        page.fill("#what", "三楼有人被困 <img src=x>")
        page.press("#what", "Tab")
        page.keyboard.press("Enter")  # by the keyboard alone
        page.fill("#what", "第二条")
        page.click("#add button")
        page.fill("#name", "坪翔二街爆燃")
        page.click("#rename button")
        page.reload()  # kept by the browser
        assert page.locator("#added li").count() == 3
        page.locator("#added li").nth(1).get_by_role("button").click()
        with page.expect_download() as download:
            page.click("#save")
        download.value.save_as(tmp_path / "additions.json")
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        browser.close()
    assert wrong == []
    additions = parse_additions(orjson.loads((tmp_path / "additions.json").read_bytes()))
    change_incident(connection, number, parse_change({"by": "王五", "version": 1, "name": "甲"}), LEADER)
    done = merge_additions(connection, number, additions, LEADER)
    assert (done["entries"], done["changes"]) == ({"new": 1, "known": 0}, {"new": 1, "known": 0})
    [note] = [one for one in told(connection, number) if one["by"] == "前线李四" and one["kind"] == "note"]
    assert note["text"] == "三楼有人被困 <img src=x>"
    west, south, east, north = orjson.loads((folder / "briefing.json").read_bytes())["map"]["extent"]
    lon, lat = note["snapshot"]["position"]
    assert lon == pytest.approx(west + (east - west) / 4, abs=(east - west) / 500)
    assert lat == pytest.approx((south + north) / 2, abs=(north - south) / 500)
    [conflict] = list_conflicts(connection, number, LEADER)
    assert (conflict["ours"], conflict["theirs"]) == ({"name": "甲"}, {"name": "坪翔二街爆燃"})


def test_the_commands(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    import typer

    monkeypatch.setenv("CIM_DATABASE_URL", database_url)
    monkeypatch.setenv("CIM_HOME", str(tmp_path / "home"))
    with engine.begin() as connection:
        build_town(connection)
        number = opened(connection)
        added(connection, number, kind="zone", ref=zoned(connection)["id"])
        uuid = read_incident(connection, number, LEADER)["uuid"]
    app, runner = typer.Typer(), CliRunner()
    register(app)

    def run(*words: Any, status: int = 0) -> Any:
        done = runner.invoke(app, ["incidents", *map(str, words)])
        assert done.exit_code == status, (done.output, done.exception)
        return orjson.loads(done.stdout) if "--json" in words else done

    assert [one["id"] for one in run("list", "--json")] == [number]
    assert run("list", "--state", "closed", "--json") == []
    file = tmp_path / "包.zip"
    assert run("pack", number, file, "--json")["entries"] == 3
    assert "signed by" in run("verify", file).output
    done = run("open", file, "--json")
    assert (done["id"], done["new"]) == (number, 0)
    for name in ("a.zip", "a.html"):
        run("briefing", number, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 10_000
    assert zipfile.ZipFile(io.BytesIO((tmp_path / "a.zip").read_bytes())).testzip() is None
    run("briefing", number, tmp_path / "a.doc", status=1)
    change = {"uuid": "0b8f8f3e-5c1c-4a43-9c39-0d7f3c1d2e4f", "of": "incident", "base": {"name": "x"},
              "values": {"name": "他们的"}}  # fmt: skip
    body = {"format": "cim-incident-additions", "incident": uuid, "by": "前线", "changes": [change]}
    (tmp_path / "additions.json").write_bytes(orjson.dumps(body))
    merged = run("merge", tmp_path / "additions.json", "--json", status=3)
    assert run("merge", tmp_path / "additions.json", "--json")["status"] == "known"
    with zipfile.ZipFile(file) as handle:
        handle.extract("additions.gpkg", tmp_path)
    points = tmp_path / "additions.gpkg"
    run("merge", points, status=1)  # nothing was drawn
    row = {"uuid": [None], "at": [None], "by": [None], "text": ["水带"]}
    frame = geopandas.GeoDataFrame(row, geometry=[shapely.Point(at(5, 5))], crs="EPSG:4490")
    frame.to_file(points, layer="additions", engine="pyogrio", append=True)
    run("merge", points, status=1)  # by whom?
    found = run("merge", points, "--by", "前线", "--json")
    assert (found["incident"], found["entries"]) == (number, {"new": 1, "known": 0})
    assert run("merge", points, "--by", "前线", "--incident", number, "--json")["status"] == "known"
    [waiting] = run("conflicts", number, "--json", status=1)
    assert [waiting["id"]] == merged["conflicts"]
    run("settle", number, waiting["id"], "theirs", "--by", "张三")
    assert run("conflicts", number, "--json") == []
    assert [one["name"] for one in run("list", "--json")] == ["他们的"]
    (tmp_path / "wrong.json").write_text("{")
    run("merge", tmp_path / "wrong.json", status=1)
    run("settle", number, 999, "theirs", "--by", "张三", status=1)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(incident_entry)).scalar_one() == 7
