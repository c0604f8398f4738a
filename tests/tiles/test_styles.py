"""Styles against MapLibre's own validator, the catalogue and the rule that nothing comes from outside."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import layer, theme
from tiles.mvt import get_tile_layer
from tiles.styles import drawable_rows, style
from tiles.styles.enlarge import scaled
from tiles.styles.palette import mix
from tiles.tilejson import vector_layer

ADMIN = Caller("admin")
WEB = Path(__file__).parents[2] / "web"
VALIDATE = """
import { validateStyleMin } from '@maplibre/maplibre-gl-style-spec';
let text = '';
for await (const chunk of process.stdin) text += chunk;
const styles = JSON.parse(text);
const faults = (style) => validateStyleMin(style).map((error) => style.name + ': ' + error.message);
console.log(JSON.stringify(styles.flatMap(faults)));
"""

SUFFIXES = "(fill|line|outline|casing|circle|glow|extrusion|label|squares|clusters|counts)"


def drawable(connection: Connection) -> list[str]:
    names = connection.execute(select(layer.c.id).order_by(layer.c.id)).scalars().all()
    found = []
    for name in names:
        try:
            found.append(get_tile_layer(connection, name, ADMIN).id)
        except NotFound:
            assert name in {"units", "terrain", "element_groups"}
    return found


def properties_used(value: Any) -> set[str]:
    if isinstance(value, list):
        own = {value[1]} if len(value) == 2 and value[0] == "get" else set()
        return own.union(*map(properties_used, value)) if value else own
    return set().union(*map(properties_used, value.values())) if isinstance(value, dict) else set()


def test_every_layer_has_a_style_that_uses_what_its_tiles_carry(connection: Connection) -> None:
    names = drawable(connection)
    assert len(names) > 15
    for name in names:
        made = style(connection, name, "", ADMIN)
        row = get_tile_layer(connection, name, ADMIN)
        carried = set(vector_layer(row)["fields"])
        assert list(made["sources"]) == [name]
        own = [each for each in made["layers"] if each["id"] != "background"]
        assert own
        for each in own:
            assert each["source-layer"] == each["source"] == name
            assert each["metadata"] == {"cim:layer": name}
            assert re.fullmatch(
                rf"{name}:(fill|line|outline|casing|circle|glow|extrusion|label|squares|clusters|counts)", each["id"]
            )
            assert properties_used([each.get("paint"), each.get("layout"), each.get("filter")]) <= carried


def test_colours_are_those_of_the_legend(connection: Connection) -> None:
    made = style(connection, "buildings", "", ADMIN)
    (blocks,) = [each for each in made["layers"] if each["id"] == "buildings:extrusion"]
    text = json.dumps(blocks["paint"]["fill-extrusion-color"], ensure_ascii=False)
    for item in get_tile_layer(connection, "buildings", ADMIN).style["legend"]:
        assert item["color"] in text
        assert (item["value"] or "") in text
    assert blocks["paint"]["fill-extrusion-base"] == 0


def test_the_base_map_shows_default_layers_in_order(connection: Connection) -> None:
    made = style(connection, "base", "", ADMIN)
    ids = [each["id"] for each in made["layers"]]
    assert len(ids) == len(set(ids))
    assert ids[0] == "background"
    assert {"buildings", "roads", "rivers", "river_areas", "pipes", "cameras", "events"} <= set(made["sources"])
    order = [ids.index(name) for name in (
        "river_areas:fill", "rivers:line", "roads:casing", "roads:line", "pipes:line", "buildings:extrusion",
        "events:circle", "roads:label",
    )]  # fmt: skip
    assert order == sorted(order)
    assert "elements" not in made["sources"]
    dark = style(connection, "dark", "", ADMIN)
    assert [each["id"] for each in dark["layers"]] == ids
    assert dark["layers"][0] != made["layers"][0]
    assert style(connection, "roads-dark", "", ADMIN)["metadata"] == {"cim:theme": "dark"}


def test_nothing_comes_from_outside(connection: Connection) -> None:
    for name in ("base", "dark", "wall", "theme-water", "hillshade-wall"):
        made = style(connection, name, "", ADMIN)
        assert "glyphs" not in made
        assert "sprite" not in made
        text = json.dumps(made)
        assert "://" not in text
        own = {"terrain": "/terrain.json", "contours": "/terrain/contours.json"}
        expected = {own.get(source, f"/tiles/{source}.json") for source in made["sources"]}
        assert set(re.findall(r'"(/[^"]*)"', text)) == expected
    assert "http://localhost:1/tiles/roads.json" in json.dumps(style(connection, "roads", "http://localhost:1", ADMIN))


def test_who_may_not_see_a_layer_gets_no_style_of_it(connection: Connection) -> None:
    connection.execute(update(layer).where(layer.c.id == "cameras").values(visibility="commander"))
    assert "cameras" in style(connection, "base", "", Caller("commander"))["sources"]
    assert "cameras" not in json.dumps(style(connection, "base", "", Caller("planner")))
    for name in ("cameras", "cameras-dark", "nothing", "units", "../base"):
        with pytest.raises(NotFound):
            style(connection, name, "", Caller("planner"))


def test_styles_pass_the_validator_of_maplibre(connection: Connection) -> None:
    node = shutil.which("node")
    if node is None or not (WEB / "node_modules" / "@maplibre" / "maplibre-gl-style-spec").is_dir():
        pytest.skip("needs node and the viewer's npm packages (npm ci in web/)")
    fields = {"name": {"type": "string", "title": {"zh": "名称", "en": "Name"}}}
    odd = {"color": "#123456", "legend_field": "kind", "legend": [{"value": v, "color": "#ffffff"} for v in ("a", "a")]}
    for kind in ("polygon", "line", "point", "mixed"):
        connection.execute(
            insert(layer).values(
                id=f"own_{kind}", theme_id="other", title_zh="层", title_en="Layer", table_name="feature",
                geometry_type=kind, fields=fields, style=odd,
            )
        )  # fmt: skip
    add_names(connection, "roads", "name_en")
    themes = {f"theme-{row.theme_id}" for row in drawable_rows(connection, ADMIN)}
    names = ["base", "hillshade", *sorted(themes), *drawable(connection)]
    names = ["dark", "wall", *names, *(f"{name}{end}" for name in names[1:] for end in ("-dark", "-wall"))]
    styles = [
        style(connection, name, "http://127.0.0.1:8000", ADMIN, language=language)
        for language in ("zh", "en") for name in names
    ]  # fmt: skip
    done = subprocess.run(
        [node, "--input-type=module", "-e", VALIDATE],
        input=json.dumps(styles), capture_output=True, text=True, check=False, cwd=WEB, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def add_names(connection: Connection, layer_id: str, field: str) -> None:
    row = get_tile_layer(connection, layer_id, ADMIN)
    fields = row.fields | {field: {"type": "string", "title": {"zh": "英文名", "en": "English name"}}}
    connection.execute(update(layer).where(layer.c.id == layer_id).values(fields=fields))


def test_a_theme_has_all_of_its_layers_that_one_may_see(connection: Connection) -> None:
    for theme_id in connection.execute(select(theme.c.id)).scalars().all():
        rows = [row.id for row in drawable_rows(connection, ADMIN) if row.theme_id == theme_id]
        if rows:
            made = style(connection, f"theme-{theme_id}", "", ADMIN)
            assert sorted(made["sources"]) == sorted(rows)
            assert {each["source"] for each in made["layers"][1:]} == set(rows)
        else:
            with pytest.raises(NotFound, match=theme_id):
                style(connection, f"theme-{theme_id}", "", ADMIN)
    connection.execute(update(layer).where(layer.c.theme_id == "sensing").values(visibility="commander"))
    for name in ("theme-sensing", "theme-sensing-wall", "theme-nothing", "theme-"):
        with pytest.raises(NotFound):
            style(connection, name, "", Caller("viewer"))


def test_the_wall_is_larger_and_of_more_contrast(connection: Connection) -> None:
    desk, wall = style(connection, "dark", "", ADMIN), style(connection, "wall", "", ADMIN)
    assert [each["id"] for each in desk["layers"]] == [each["id"] for each in wall["layers"]]
    sizes = {}
    for made in (desk, wall):
        (names,) = [each for each in made["layers"] if each["id"] == "rivers:label"]
        (course,) = [each for each in made["layers"] if each["id"] == "rivers:line"]
        sizes[made["name"]] = [*names["layout"]["text-size"][4::2], *course["paint"]["line-width"][4::2]]
    assert sizes["wall"] == pytest.approx([size * 1.8 for size in sizes["dark"]])
    # on a wall of 1.2 mm pixels 18 of them are more than the 1/250 of 5 m by which signs are made
    assert min(sizes["wall"][:2]) >= 18
    paint = names["paint"]
    assert contrast(paint["text-color"], wall["layers"][0]["paint"]["background-color"]) > 12
    assert contrast(paint["text-halo-color"], paint["text-color"]) > 12


def contrast(one: str, other: str) -> float:
    """Ratio of luminances (WCAG 2.2, 1.4.3)."""

    def luminance(color: str) -> float:
        shares = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_sizes_scale_within_the_outermost_zoom() -> None:
    assert scaled(2, 1.5) == 3.0
    inner = ["interpolate", ["linear"], ["get", "d"], 100, 1, 200, 2]
    assert scaled(["interpolate", ["linear"], ["zoom"], 10, 1, 14, inner], 2) == [
        "interpolate", ["linear"], ["zoom"], 10, 2, 14, ["interpolate", ["linear"], ["get", "d"], 100, 2, 200, 4],
    ]  # fmt: skip
    assert scaled(["+", 1, ["get", "severity"]], 2) == ["*", 2, ["+", 1, ["get", "severity"]]]


def test_names_are_english_where_there_are_any(connection: Connection) -> None:
    def text(layer_id: str, language: Any) -> Any:
        made = style(connection, "base", "", ADMIN, language=language)
        (names,) = [each for each in made["layers"] if each["id"] == f"{layer_id}:label"]
        return names["layout"]["text-field"]

    add_names(connection, "roads", "name:en")
    assert text("roads", "zh") == text("rivers", "zh") == text("rivers", "en") == ["to-string", ["get", "name"]]
    assert text("roads", "en") == ["to-string", ["coalesce", ["get", "name:en"], ["get", "name"]]]


def test_the_relief_has_shade_and_lines_on_top(connection: Connection) -> None:
    made = style(connection, "hillshade", "http://localhost:1", ADMIN)
    assert [each["type"] for each in made["layers"]] == ["background", "hillshade", "line", "symbol"]
    assert made["sources"]["terrain"] == {
        "type": "raster-dem", "url": "http://localhost:1/terrain.json", "encoding": "mapbox", "tileSize": 256,
    }  # fmt: skip
    assert made["sources"]["contours"]["url"] == "http://localhost:1/terrain/contours.json"
    assert properties_used(made["layers"]) == {"height_m", "is_index"}
    dark = style(connection, "hillshade-dark", "", ADMIN)
    assert dark["metadata"] == {"cim:theme": "dark"}
    assert dark["layers"][1]["paint"] != made["layers"][1]["paint"]


def test_colours_mix() -> None:
    assert mix("#000000", "#ffffff", 0.5) == "#808080"
    assert mix("#102030", "#ffffff", 1.0) == "#102030"
