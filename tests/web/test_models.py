"""BIM models in a real browser: peeled, coloured, looked at alone, with property sets, behind what is before them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import as_seen

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: Picks on a grid around the model's middle; the ids of the elements hit. Nothing is hit where it is hidden.
PICK_MANY = """([lon, lat]) => { const { map, viewer } = window.cimViewer; const at = map.project([lon, lat]);
  const ids = [];
  for (let x = -60; x <= 60; x += 30) for (let y = -150; y <= 60; y += 30) {
    const hit = viewer.scene.pick({ x: at.x + x, y: at.y + y });
    if (hit?.elementId) ids.push(hit.elementId);
  }
  return [...new Set(ids)]; }"""
#: All that the camera sees has been there for five pictures, so that the last look has been asked for and drawn. Ends
#: with an error after two minutes.
DRAWN = """async () => { const { map, viewer } = window.cimViewer; const end = performance.now() + 120000;
  for (let pictures = 0; pictures < 5;) {
    if (performance.now() > end) throw new Error("the models are still being loaded");
    const drawn = new Promise((next) => map.once("render", () => next()));
    map.triggerRepaint();
    await drawn;
    pictures = viewer.scene?.loadedTiles > 0 && viewer.scene.isComplete ? pictures + 1 : 0;
    await new Promise((next) => setTimeout(next, 100));
  } }"""
#: How far above the model's middle, in pixels, something is still hit.
TOP = """([lon, lat]) => { const { map, viewer } = window.cimViewer; const at = map.project([lon, lat]);
  for (let up = Math.floor(at.y) - 60; up > 0; up -= 6)
    for (let x = -60; x <= 60; x += 20) if (viewer.scene.pick({ x: at.x + x, y: at.y - up })?.elementId) return up;
  return 0; }"""
LAYER = """(on) => { const { store } = window.cimViewer;
  store.set("switched", { ...store.state.switched, models: on }); }"""
#: A green wall of 90 m across the view, 30 m before the model.
WALL = """([lon, lat]) => { const { map } = window.cimViewer; const y = lat - 30 / 111000, x = 60 / 102000;
  map.addSource("test-wall", { type: "geojson", data: { type: "Feature", properties: {}, geometry: { type: "Polygon",
    coordinates: [[[lon - x, y], [lon + x, y], [lon + x, y + 2e-5], [lon - x, y + 2e-5], [lon - x, y]]] } } });
  map.addLayer({ id: "test-wall", type: "fill-extrusion", source: "test-wall", paint: {
    "fill-extrusion-color": "#00ff00", "fill-extrusion-height": 90, "fill-extrusion-opacity": 0.85
  } }, "buildings:extrusion"); }"""


@pytest.fixture(scope="module")
def summary(demo_service: str) -> dict[str, Any]:
    """The smallest model of some storeys."""
    models = [each for each in httpx.get(f"{demo_service}/api/models").json()["models"] if each["center"]]
    summaries = [httpx.get(f"{demo_service}/3d/models/{each['id']}/summary.json").json() for each in models]
    high = [each for each in summaries if len(each["storeys"]) > 3]
    return dict(min(high, key=lambda each: sum(group["count"] for group in each["groups"])))


@pytest.fixture(scope="module")
def model(demo_service: str, summary: dict[str, Any]) -> dict[str, Any]:
    models = httpx.get(f"{demo_service}/api/models").json()["models"]
    return dict(next(each for each in models if each["id"] == summary["id"]))


@pytest.fixture(scope="module")
def page(open_page: Callable[[str], Page], model: dict[str, Any]) -> Page:
    """The viewer before the model, which is looked into; one page for all, as each takes long to draw."""
    lon, lat = model["center"][:2]
    # the model's middle comes to lie between the panels; without the blocks, which may stand before it
    hidden = "off=buildings,roads,cameras,events,sensors,parking"
    opened = open_page(f"c={lon:.6f},{lat:.6f},18.2,0,60&m={model['id']}&{hidden}")
    opened.evaluate(DRAWN)
    return opened


def attributes(address: str, ids: list[int]) -> list[dict[str, Any]]:
    """What the service tells of elements."""
    return [httpx.get(f"{address}/objects/{number}").json()["attributes"] for number in ids]


def reset(page: Page) -> None:
    """Bring the plain look back."""
    page.evaluate("() => { const { store } = window.cimViewer; store.set('selection', null); }")
    if page.locator("#look-reset").is_visible():
        page.click("#look-reset")
    expect(page.locator("#look-reset")).to_be_hidden()


def test_the_page_lists_what_the_model_holds(
    page: Page, summary: dict[str, Any], shoot: Callable[[Page, str], None]
) -> None:
    rows = page.locator(".storey-list button")
    expect(rows).to_have_count(len(summary["storeys"]))
    expect(rows.first).to_contain_text(summary["storeys"][0]["name"])
    walls = sum(each["count"] for each in summary["groups"] if each["ifc_class"] == "IfcWall")
    expect(page.locator('#look-legend [data-value="IfcWall"]')).to_contain_text("墙")
    expect(page.locator('#look-legend [data-value="IfcWall"] .count')).to_have_text(f"{walls:,}")
    shoot(page, "model_page")


def test_storeys_are_peeled(
    page: Page, summary: dict[str, Any], model: dict[str, Any], demo_service: str, shoot: Callable[[Page, str], None]
) -> None:
    reset(page)
    third = summary["storeys"][-3]
    page.click(f'[data-storey="{third["id"]}"]')
    assert f"ms=u{third['id']}" in page.evaluate("() => new Promise((n) => setTimeout(() => n(location.hash), 200))")
    page.evaluate(DRAWN)
    shoot(page, "model_peeled")
    shown = {each["id"] for each in summary["storeys"] if each["elevation_m"] <= third["elevation_m"]}
    seen = attributes(demo_service, page.evaluate(PICK_MANY, model["center"][:2]))
    assert seen, "nothing of the model is drawn"
    assert {each["storey_id"] for each in seen} <= shown | {None}
    page.click('.segments [data-choice="only"]')
    page.evaluate(DRAWN)
    only = attributes(demo_service, page.evaluate(PICK_MANY, model["center"][:2]))
    assert {each["storey_id"] for each in only} == {third["id"]}


def test_storeys_are_drawn_apart(
    page: Page, model: dict[str, Any], summary: dict[str, Any], shoot: Callable[[Page, str], None]
) -> None:
    reset(page)
    page.evaluate(DRAWN)
    together = page.evaluate(TOP, model["center"][:2])
    page.check("#look-explode", force=True)
    assert "mx=1" in page.evaluate("() => new Promise((n) => setTimeout(() => n(location.hash), 200))")
    page.evaluate(DRAWN)
    shoot(page, "model_apart")
    assert page.evaluate(TOP, model["center"][:2]) > together + 6 * len(summary["storeys"])


def test_what_is_looked_at_alone_is_all_that_is_hit_and_there_is_a_way_back(
    page: Page, model: dict[str, Any], demo_service: str, shoot: Callable[[Page, str], None]
) -> None:
    reset(page)
    page.click('#look-legend [data-value="IfcSlab"]')
    expect(page.locator(".alone b")).to_have_text("楼板")
    page.evaluate(DRAWN)
    shoot(page, "model_alone")
    seen = attributes(demo_service, page.evaluate(PICK_MANY, model["center"][:2]))
    assert {each["ifc_class"] for each in seen} == {"IfcSlab"}, "what is faint must not be hit"
    page.click("#look-all")
    expect(page.locator(".alone")).to_be_hidden()
    again = attributes(demo_service, page.evaluate(PICK_MANY, model["center"][:2]))
    assert {each["ifc_class"] for each in again} - {"IfcSlab"}


def test_colours_are_those_of_the_legend(page: Page, model: dict[str, Any], shoot: Callable[[Page, str], None]) -> None:
    reset(page)
    page.click('.segments [data-choice="storey"]')
    page.evaluate(DRAWN)
    shoot(page, "model_by_storey")
    colors = page.locator("#look-legend .swatch").evaluate_all(
        "(all) => all.map((each) => getComputedStyle(each).backgroundColor)"
    )
    wanted = [tuple(int(part) for part in re.findall(r"\d+", color)[:3]) for color in colors]
    assert len(set(wanted)) == len(wanted), "two storeys have one colour"
    # light changes how bright a colour is, not its hue
    seen = hues(picture(page, model))
    found = [color for color in wanted if (np.abs(seen - hues(np.array([[color]]))) < 4).mean() > 0.002]
    assert len(found) >= len(wanted) // 3


def picture(page: Page, model: dict[str, Any]) -> Any:
    """The map around the model, as pixels."""
    x, y = page.evaluate(
        "(at) => { const p = window.cimViewer.map.project(at); return [p.x, p.y]; }", model["center"][:2]
    )
    return as_seen(page.screenshot(clip={"x": x - 110, "y": max(60, y - 190), "width": 220, "height": 210}))


def hues(pixels: Any) -> Any:
    """Hue of each pixel in degrees; -1000 for greys."""
    values = pixels.reshape(-1, 3).astype(float)
    high, low = values.max(axis=1), values.min(axis=1)
    spread = np.where(high - low < 25, np.nan, high - low)
    r, g, b = ((values - low[:, None]) / spread[:, None]).T
    hue = np.where(high == values[:, 0], g - b, np.where(high == values[:, 1], 2 + b - r, 4 + r - g)) * 60 % 360
    return np.nan_to_num(hue, nan=-1000)


def test_an_element_tells_its_property_sets(
    page: Page, model: dict[str, Any], demo_service: str, shoot: Callable[[Page, str], None]
) -> None:
    reset(page)
    ids = page.evaluate(PICK_MANY, model["center"][:2])
    told = next(
        each
        for each in (httpx.get(f"{demo_service}/objects/{number}").json() for number in ids)
        if each["extra"]["psets"]
    )
    page.evaluate("(id) => window.cimViewer.viewer.select(id)", told["id"])
    body = page.locator(f'.panel-body[data-object="{told["id"]}"]')
    for name, values in told["extra"]["psets"].items():
        expect(body).to_contain_text(name)
        for key in values:
            expect(body.locator(f'th[title="{key}"]').first).to_be_visible()
    shoot(page, "model_element")
    body.locator('[data-only="ifc_class"]').click()
    page.wait_for_url(re.compile("mi=ifc_class:"))


def test_a_link_brings_the_look_back(page: Page, summary: dict[str, Any]) -> None:
    reset(page)
    top = summary["storeys"][1]
    page.click(f'[data-storey="{top["id"]}"]')
    page.click('.segments [data-choice="discipline"]')
    page.click('#look-legend [data-value="structure"]')
    page.wait_for_url(re.compile("mi=discipline:structure"))
    page.reload()
    page.wait_for_selector("body[data-ready=true]")
    expect(page.locator(f'[data-storey="{top["id"]}"]')).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".alone b")).to_have_text("结构")
    expect(page.locator('.segments [data-choice="discipline"]')).to_have_attribute("aria-checked", "true")


def test_a_block_before_a_model_hides_it(
    page: Page, model: dict[str, Any], settle: Callable[[Page], None], shoot: Callable[[Page, str], None]
) -> None:
    reset(page)
    at = model["center"][:2]
    page.evaluate(LAYER, True)
    page.evaluate(DRAWN)
    assert page.evaluate(PICK_MANY, at), "the model is not seen without the wall"
    page.evaluate(WALL, at)
    page.evaluate(DRAWN)
    settle(page)
    shoot(page, "model_behind_wall")
    with_model = picture(page, model)
    assert (np.abs(hues(with_model) - 120) < 10).mean() > 0.9, "the wall is not seen"
    assert page.evaluate(PICK_MANY, at) == [], "the wall is clicked through"
    page.evaluate(LAYER, False)
    settle(page)
    without = picture(page, model)
    differing = (np.abs(with_model.astype(int) - without.astype(int)).max(axis=2) > 8).mean()
    assert differing < 0.01, "the model shines through the wall before it"
