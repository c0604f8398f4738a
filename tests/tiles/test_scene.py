"""The pydeck scenes: what their pages say, load and hide."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import Connection, update

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import layer
from tiles.scene import SCENES, render, static_files
from tiles.scene_layers import color_by_legend

ADMIN = Caller("admin")


class Page(HTMLParser):
    """The addresses a page loads and the deck in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self._inside: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in {"script", "link", "img", "iframe"}:
            self.addresses += [value for key in ("src", "href") if (value := named.get(key))]
        self._inside = named if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self._inside and self._inside.get("type") == "application/json":
            self.scripts.append(data)
        elif self._inside is not None and data.strip():
            pytest.fail("a script is written in the page, which a strict policy forbids")

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def deck(self) -> dict[str, Any]:
        (text,) = self.scripts
        return dict(json.loads(text))


@pytest.mark.parametrize("name", sorted(SCENES))
def test_pages_load_nothing_from_outside(connection: Connection, name: str) -> None:
    text = render(connection, name, ADMIN)
    page = Page(text)
    files = {f"/scenes/static/{name}" for name in static_files()}
    assert set(page.addresses) <= files | {"data:,"}
    assert "://" not in text
    for made in page.deck()["layers"]:
        if made["@@type"] == "MVTLayer":
            assert made["loadOptions"]["mvt"]["workerUrl"] in files
            assert made["data"] == f"/tiles/{made['id']}/{{z}}/{{x}}/{{y}}.mvt"
        else:
            # without it a worker would be fetched from outside
            assert made["loadOptions"]["core"]["worker"] is False


def test_layers_lie_over_one_another_from_the_ground_up(connection: Connection) -> None:
    deck = Page(render(connection, "overview", ADMIN)).deck()
    assert [made["id"] for made in deck["layers"]] == [
        "river_areas", "roads", "pipes", "buildings", "events", "cameras",
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


def test_unknown_scenes_are_named(connection: Connection) -> None:
    with pytest.raises(NotFound, match="overview, pilot"):
        render(connection, "nothing", ADMIN)


def test_static_files_are_there() -> None:
    files = static_files()
    assert {"pydeck.js", "scene.js", "scene.css", "mvt-worker.js"} == set(files)
    for name in ("pydeck.js", "scene.js", "scene.css"):
        assert files[name].is_file()
