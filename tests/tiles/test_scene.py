"""The pydeck scenes: what their pages say, load and hide."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
import shapely
from sqlalchemy import Connection, update

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import layer
from tiles.scene import FOLDER, render, static_files
from tiles.scene_layers import DRAWINGS, ORDER, color_by_legend
from tiles.scene_list import SCENES
from tiles.scene_texts import TEXTS

ADMIN = Caller("admin")


class Page(HTMLParser):
    """The addresses a page loads and the deck in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.scripts: dict[str, str] = {}
        self._inside: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in {"script", "link", "img", "iframe"}:
            self.addresses += [value for key in ("src", "href") if (value := named.get(key))]
        self._inside = named if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self._inside and self._inside.get("type") == "application/json":
            self.scripts[str(self._inside["id"])] = data
        elif self._inside is not None and data.strip():
            pytest.fail("a script is written in the page, which a strict policy forbids")

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def deck(self) -> dict[str, Any]:
        return dict(json.loads(self.scripts["deck"]))


@pytest.mark.parametrize("name", sorted(SCENES))
def test_pages_load_nothing_from_outside(connection: Connection, name: str) -> None:
    text = render(connection, name, ADMIN)
    page = Page(text)
    files = {f"/scenes/static/{name}" for name in static_files()}
    assert set(page.addresses) <= files | {"data:,"}
    assert "://" not in text
    addresses = {
        "MVTLayer": "/tiles/{id}/{{z}}/{{x}}/{{y}}.mvt",
        "TileLayer": "/scenes/data/{id}/{{z}}/{{x}}/{{y}}.geojson",
        "GeoJsonLayer": "/ogc/collections/{id}/items",
    }
    for made in page.deck()["layers"]:
        options = made.get("loadOptions", {})
        if made["@@type"] in addresses:
            assert made["data"] == addresses[made["@@type"]].format(id=made["id"])
        if made["@@type"] == "MVTLayer":
            assert options["mvt"]["workerUrl"] in files
        elif made["@@type"] == "TerrainLayer":
            assert made["elevationData"] == made["texture"] == "/terrain/{z}/{x}/{y}.png"
            assert options["terrain"]["workerUrl"] in files
        elif made["@@type"] == "Tile3DLayer":
            # without it a worker would be fetched from outside
            assert options["core"]["worker"] is False


def test_scenes_are_made_of_what_there_is() -> None:
    assert set(SCENES) == {"overview", "pilot", "underground", "live", "flood"}
    for scene in SCENES.values():
        assert set(scene.layers) <= set(ORDER)
        assert set(scene.layers.values()) <= set(DRAWINGS)
        assert scene.control is None or scene.control in static_files()
        # what a scene is not must be said in both languages
        assert bool(scene.note_zh) == bool(scene.note_en)


def test_relief_is_shown_where_there_is_any(connection: Connection, add_rows: Any) -> None:
    deck = Page(render(connection, "flood", ADMIN)).deck()
    assert [made["id"] for made in deck["layers"]] == ["river_areas", "rivers"]
    add_raster(add_rows)
    deck = Page(render(connection, "flood", ADMIN)).deck()
    (relief,) = [made for made in deck["layers"] if made["@@type"] == "TerrainLayer"]
    # elsewhere no tile is asked for
    assert relief["extent"] == [114.2, 22.7, 114.25, 22.73]


def add_raster(add_rows: Any) -> None:
    shape = shapely.MultiPolygon([shapely.box(114.2, 22.7, 114.25, 22.73)])
    row = {"geom": shape, "file_key": "none", "kind": "dtm", "crs": "EPSG:4547", "resolution_m": 5.0}
    add_rows("terrain", "terrain", [row])


def test_the_legend_has_the_colours_that_are_drawn(connection: Connection, add_rows: Any) -> None:
    add_raster(add_rows)
    text = render(connection, "underground", ADMIN)
    assert "埋深不详" in text
    assert text.count("#7c8ea6") == 1  # buildings are one colour, not those of their uses
    (pipes,) = [made for made in Page(text).deck()["layers"] if made["id"] == "pipes"]
    assert pipes["getLineColor"].startswith("@@=properties.depth_known ? (properties.network == 'water' ? [")
    assert pipes["getLineColor"].endswith(": [150, 156, 166]")
    low = re.findall(r'fill="(#\w{6})"/></svg>低于水位', render(connection, "flood", ADMIN))
    script = static_files()["flood.js"].read_text()
    assert len(low) == 3
    for color in low:
        assert str([int(color[at : at + 2], 16) for at in (1, 3, 5)]) in script


def test_the_words_are_those_of_the_catalogue(connection: Connection) -> None:
    words = json.loads(Page(render(connection, "overview", ADMIN)).scripts["words"])
    assert words["pipes"]["titles"]["diameter_mm"] == "管径（毫米）"
    assert words["pipes"]["values"]["network"]["water"] == "给水"
    # what tiles call height_m is a camera's height above ground, but a building's own
    assert (words["cameras"]["titles"]["height_m"], words["buildings"]["titles"]["height_m"]) == (
        "安装高度（米）", "高度（米）",
    )  # fmt: skip


def test_pages_speak_the_language_that_is_asked_for(connection: Connection, add_rows: Any) -> None:
    add_raster(add_rows)
    chinese = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
    for name, scene in SCENES.items():
        zh, en = (render(connection, name, ADMIN, language) for language in ("zh", "en"))
        assert (f"<title>{scene.title_zh}</title>" in zh, f"<title>{scene.title_en}</title>" in en) == (True, True)
        assert ('<html lang="zh-CN">' in zh, '<html lang="en-GB">' in en) == (True, True)
        assert (scene.note_zh in zh, scene.note_en in zh) == (True, not scene.note_en)
        # values of the data are as they are; what the page itself says is English but for the way back
        said = re.sub(r"<script.*?</script>", "", en.replace(">中文</a>", ""), flags=re.DOTALL)
        assert chinese.search(said) is None, chinese.findall(said)
        assert "?lang=en" in en
        assert set(re.findall(r"/scenes/\w+\.html(\S*)\"", en)) == {"?lang=en"}
        texts = {language: json.loads(Page(text).scripts["texts"]) for language, text in (("zh", zh), ("en", en))}
        assert chinese.search(json.dumps(texts["en"], ensure_ascii=False)) is None
        assert (texts["zh"]["nameFields"], texts["en"]["nameFields"][0]) == ([], "name_en")
    words = json.loads(Page(render(connection, "overview", ADMIN, "en")).scripts["words"])
    assert words["pipes"]["titles"]["diameter_mm"] == "Diameter (mm)"
    assert words["pipes"]["values"]["network"]["water"] == "Water supply"


def test_scripts_say_only_what_the_page_gives_them() -> None:
    used: set[str] = set()
    for name, path in static_files().items():
        if path.parent == FOLDER:
            text = path.read_text()
            assert re.search("[\u4e00-\u9fff]", text) is None, name
            used |= set(re.findall(r"(?:say|cimText)\(\"(\w+)\"", text))
    assert used <= set(TEXTS)
    assert len(used) > 12
    # a text has as many places in one language as in the other
    assert all(zh.count("{}") == en.count("{}") for zh, en in TEXTS.values())


def test_layers_lie_over_one_another_from_the_ground_up(connection: Connection) -> None:
    deck = Page(render(connection, "overview", ADMIN)).deck()
    assert [made["id"] for made in deck["layers"]] == [
        "river_areas", "roads", "pipes", "buildings", "cameras", "events",
    ]  # fmt: skip
    buildings = deck["layers"][3]
    assert buildings["extruded"] is True
    assert "mapStyle" not in deck or deck["mapStyle"] is None


def test_models_stand_on_the_flat_map_in_place_of_their_blocks(connection: Connection, add_rows: Any) -> None:
    placed, _ = add_rows(
        "model", "models",
        [{"ifc_schema": "IFC4", "status": "placed", "longitude": 114.2, "latitude": 22.7, "name": "</script><b>楼"},
         {"ifc_schema": "IFC4", "status": "waiting", "source_key": "waiting"}],
    )  # fmt: skip
    deck = Page(render(connection, "pilot", ADMIN)).deck()
    tilesets = [made["data"] for made in deck["layers"] if made["@@type"] == "Tile3DLayer"]
    assert tilesets == [f"/3d/models/{placed}/tileset.json?ground=flat"]
    (buildings,) = [made for made in deck["layers"] if made["id"] == "buildings"]
    assert buildings["getElevation"].startswith("@@=properties.has_model ? 0")


def test_names_and_values_cannot_become_markup_or_code(connection: Connection) -> None:
    evil = "</script><script>alert(1)</script>"
    legend = [{"label": {"zh": evil, "en": evil}, "color": "#010203", "value": "'] || alert(1) || ['" + evil}]
    changed = update(layer).where(layer.c.id == "buildings")
    connection.execute(
        changed.values(title_zh=evil, style={"color": "#0a0b0c", "legend": legend, "legend_field": "use"})
    )
    text = render(connection, "overview", ADMIN)
    assert evil not in text
    assert "<script>alert" not in text
    (buildings,) = [made for made in Page(text).deck()["layers"] if made["id"] == "buildings"]
    # the value stays one quoted text of the expression
    assert re.fullmatch(r"@@=properties\.use == '[^']*' \? \[1, 2, 3\] : \[10, 11, 12\]", buildings["getFillColor"])


def test_colours_follow_the_legend() -> None:
    style = {
        "color": "#000000",
        "legend_field": "use",
        "legend": [{"value": "住宅", "color": "#ff0000"}, {"value": None, "color": "#0000ff"}],
    }
    assert color_by_legend(style) == "properties.use == '住宅' ? [255, 0, 0] : [0, 0, 255]"
    assert color_by_legend(style | {"legend_field": "a b"}) == [0, 0, 255]
    assert color_by_legend({"color": "#102030"}) == [16, 32, 48]


def test_callers_see_their_layers_only(connection: Connection) -> None:
    connection.execute(update(layer).where(layer.c.id == "cameras").values(visibility="commander"))
    seen = Page(render(connection, "overview", Caller("planner"))).deck()["layers"]
    assert "cameras" not in [made["id"] for made in seen]
    assert "buildings" in [made["id"] for made in seen]


def test_an_empty_model_is_said_kindly(connection: Connection, add_rows: Any) -> None:
    assert "用 <code>cim import</code> 导入" in render(connection, "overview", ADMIN)
    shape = shapely.MultiPolygon([shapely.box(114.2, 22.7, 114.21, 22.71)])
    add_rows("building", "buildings", [{"geom": shape}])
    text = render(connection, "overview", ADMIN)
    assert "cim import" not in text
    assert '<p id="notice" role="status" hidden></p>' in text


def test_unknown_scenes_are_named(connection: Connection) -> None:
    with pytest.raises(NotFound, match="overview, pilot, underground, live, flood"):
        render(connection, "nothing", ADMIN)


def test_static_files_are_there() -> None:
    files = static_files()
    assert {"pydeck.js", "scene.js", "scene.css", "mvt-worker.js", "terrain-worker.js"} < set(files)
    for name in set(files) - {"mvt-worker.js", "terrain-worker.js"}:
        assert files[name].is_file()
