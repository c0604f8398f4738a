"""Scenes as files: what ``cim scene`` writes is what the service would answer, and nothing is asked of anybody."""

from __future__ import annotations

import base64
import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely
import typer
from sqlalchemy import Connection, Engine, func, insert
from typer.testing import CliRunner

from cim.access import Caller
from cim.errors import CimError, InvalidInput, NotFound
from cim.tables import metadata
from tests.tiles.conftest import LATITUDE, LONGITUDE
from tiles.mvt import build_tile
from tiles.scene import static_files
from tiles.scene_command import parse_box, register
from tiles.scene_file import Selection, write_packs, write_scene
from tiles.scene_pack import MOST_TILES, Source, zoom_range

VIEWER = Caller("viewer")
NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not static_files()["mvt-worker.js"].is_file(), reason="needs the viewer's npm packages (npm ci in web/)"
)


def bodies(folder: Path) -> dict[str, bytes]:
    """Read the packs as the page does."""
    found: dict[str, bytes] = {}
    for pack in sorted(folder.glob("pack-*.js")):
        text = pack.read_text()
        assert text.startswith("cimPack({")
        assert text.endswith("});\n")
        packed = json.loads(text.removeprefix("cimPack(").removesuffix(");\n"))
        found |= {path: gzip.decompress(base64.b64decode(body)) for path, body in packed.items()}
    return found


def write(connection: Connection, name: str, file: Path, caller: Caller = VIEWER, **more: Any) -> Any:
    selection = Selection(more.get("extent"), more.get("max_zoom", 14))
    return write_scene(
        connection, file.parent, name, file, caller, selection, now=NOW, announce=lambda _layer: None
    )  # fmt: skip


def test_a_page_has_all_that_the_service_would_answer(
    connection: Connection, tmp_path: Path, add_rows: Any, footprints: list[shapely.MultiPolygon]
) -> None:
    add_rows("building", "buildings", [{"geom": shape, "height_m": 20.0} for shape in footprints])
    written = write(connection, "overview", tmp_path / "城区 一.html")
    assert written.folder == tmp_path / "城区 一_data"
    kept = bodies(written.folder)
    assert len(kept) == written.bodies
    tiles = [path for path in kept if path.startswith("/tiles/buildings/")]
    # the district is so small that farther off one need not go
    assert {path.split("/")[3] for path in tiles} == {"14"}
    for path in tiles:
        z, x, y = re.findall(r"\d+", path)
        assert kept[path] == build_tile(connection, ["buildings"], z, x, y, VIEWER)
    assert kept["/scenes/static/mvt-worker.js"] == static_files()["mvt-worker.js"].read_bytes()
    page = written.file.read_text("utf-8")
    assert "://" not in page
    # every script and sheet that the page loads lies in its folder
    loaded = re.findall(r'(?:src|href)="%E5%9F%8E%E5%8C%BA%20%E4%B8%80_data/([^"]+)"', page)
    assert len(loaded) == len(re.findall(r'(?:src|href)="(?!data:)', page)) >= 5
    assert all((written.folder / name).is_file() for name in loaded)
    deck = json.loads(re.findall(r'id="deck">(.*?)</script>', page)[0])
    (buildings,) = [layer for layer in deck["layers"] if layer["id"] == "buildings"]
    assert buildings["maxZoom"] == 14
    west, south, east, north = buildings["extent"]
    assert west < LONGITUDE < east
    assert south < LATITUDE < north


def test_the_last_day_goes_with_the_live_scene(connection: Connection, tmp_path: Path, add_rows: Any) -> None:
    times = [NOW - timedelta(hours=hours) for hours in (1, 23, 25, 100)]
    place = shapely.Point(LONGITUDE, LATITUDE)
    rows = [{"geom": place, "source": "12345", "occurred_at": time, "title": str(time)} for time in times]
    ids = add_rows("event", "events", rows)
    extent = (LONGITUDE - 0.01, LATITUDE - 0.01, LONGITUDE + 0.01, LATITUDE + 0.01)
    kept = bodies(write(connection, "live", tmp_path / "live.html", extent=extent).folder)
    told = json.loads(kept["/ogc/collections/events/items"])
    assert [each["id"] for each in told["features"]] == ids[:2]


def test_a_second_page_takes_the_place_of_the_first_and_of_nothing_else(connection: Connection, tmp_path: Path) -> None:
    file = tmp_path / "a.html"
    first = write(connection, "overview", file)
    (first.folder / "pack-777.js").write_text("old")
    write(connection, "overview", file)
    assert not (first.folder / "pack-777.js").exists()
    (tmp_path / "b_data").mkdir()
    (tmp_path / "b_data" / "letters.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="something else"):
        write(connection, "overview", tmp_path / "b.html")
    assert (tmp_path / "b_data" / "letters.txt").read_text() == "mine"
    with pytest.raises(InvalidInput, match=r"ends in \.html"):
        write(connection, "overview", tmp_path / "a.pdf")
    with pytest.raises(InvalidInput, match="does not exist"):
        write(connection, "overview", tmp_path / "no" / "a.html")
    with pytest.raises(NotFound, match="overview, pilot"):
        write(connection, "nothing", tmp_path / "a.html")
    # nothing half-written is left behind
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "a_data", "b_data"]


def test_tiles_are_bounded(connection: Connection, tmp_path: Path) -> None:
    def zooms(extent: tuple[float, float, float, float], lowest: int, highest: int, wanted: int = 20) -> range:
        source = Source(connection, tmp_path, VIEWER, extent, wanted, NOW)
        return zoom_range({"id": "x", "minZoom": lowest, "maxZoom": highest}, source)

    pilot, city = (114.2, 22.68, 114.25, 22.72), (113.7, 22.4, 114.6, 22.9)
    assert zooms(pilot, 11, 16) == range(13, 17)
    assert zooms(pilot, 11, 16, wanted=14) == range(13, 15)
    assert zooms(pilot, 14, 14, wanted=12) == range(14, 15)
    # 42 x 25 tiles at zoom 14 are too many
    assert zooms(city, 8, 16)[-1] == 13
    with pytest.raises(InvalidInput, match=rf"at most {MOST_TILES}.*--bbox"):
        zooms(city, 14, 16)


def test_packs_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiles.scene_file.PACK_BYTES", 500)
    made = {f"/{number}": bytes(range(number, number + 200)) for number in range(10)}
    names = write_packs(tmp_path, iter(made.items()))
    assert len(names) > 2
    assert bodies(tmp_path) == made


def test_the_command_writes_a_page(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, footprints: list[shapely.MultiPolygon]
) -> None:
    table = metadata.tables["cim.building"]
    with engine.begin() as connection:
        for number, shape in enumerate(footprints[:20]):
            geometry = func.ST_GeomFromText(shape.wkt, 4490)
            values = {"layer_id": "buildings", "source_key": str(number), "geom": geometry}
            connection.execute(insert(table).values(values))
    monkeypatch.setenv("CIM_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("CIM_HOME", str(tmp_path / "home"))
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    runner, file = CliRunner(), str(tmp_path / "town.html")
    done = runner.invoke(app, ["scene", "overview", file, "--max-zoom", "14", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["file"] == file
    assert told["bodies"] == len(bodies(Path(told["folder"])))
    assert told["bytes"] == sum(
        part.stat().st_size for part in (Path(file), *Path(told["folder"]).iterdir())
    )  # fmt: skip
    assert "<title>城区总览</title>" in Path(file).read_text("utf-8")
    assert runner.invoke(app, ["scene", "overview", file, "--max-zoom", "14", "--lang", "en"]).exit_code == 0
    assert "<title>Overview</title>" in Path(file).read_text("utf-8")
    for words, message in (
        (["nothing", file], "no scene 'nothing'"),
        (["overview", file, "--role", "king"], "role is 'king'"),
        (["overview", file, "--lang", "fr"], "lang is 'fr'; use one of: zh, en"),
        (["overview", file, "--bbox", "1,2,3"], "west,south,east,north"),
        (["flood", file, "--bbox=-170,-80,170,80"], "smaller extent"),
    ):
        refused = runner.invoke(app, ["scene", *words])
        assert isinstance(refused.exception, CimError), refused.output
        assert message in refused.exception.detail


@pytest.mark.parametrize("text", ["", "1,2,3", "a,b,c,d", "3,2,1,4", "1,4,3,2", "nan,1,2,3", "-181,0,0,1"])
def test_boxes_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_box(text)
