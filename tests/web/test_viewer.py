"""The viewer in a real browser: it draws the city, finds things, tells what they are, keeps its state."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from cim.db import make_engine
from cim.tables import building
from tests.web.conftest import DemoCity

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BUILDINGS_SEEN = """() => [...new Set(window.cimViewer.map.queryRenderedFeatures({
  layers: window.cimViewer.map.getLayersOrder().filter((id) => id.startsWith("buildings:") && !id.endsWith("label")),
}).map((feature) => feature.id))]"""
#: Both end with an error after two minutes: a script's waiting has no limit of its own.
HIDDEN = """async (id) => { const end = performance.now() + 120000;
  while (window.cimViewer.map.getLayoutProperty(id, "visibility") !== "none") {
    if (performance.now() > end) throw new Error(`${id} is still drawn`);
    await new Promise((next) => requestAnimationFrame(next));
  } }"""
MODELS_LOADED = """async () => { const end = performance.now() + 120000;
  while (!(window.cimViewer.viewer.scene?.loadedTiles > 0)) {
    if (performance.now() > end) throw new Error("no part of any model was loaded");
    await new Promise((next) => requestAnimationFrame(next));
  } }"""
INTERLEAVED = """async () => { const end = performance.now() + 120000; const { map } = window.cimViewer;
  while (!map.getLayersOrder().some((id) => id.startsWith("deck-"))) {
    if (performance.now() > end) throw new Error("the models are drawn over the map");
    await new Promise((next) => requestAnimationFrame(next));
  }
  return map.getLayersOrder(); }"""
RENAMED = """async ([id, name]) => { const end = performance.now() + 60000; const { map } = window.cimViewer;
  const isDrawn = () => map.querySourceFeatures("buildings", { sourceLayer: "buildings" })
    .some((feature) => feature.id === id && feature.properties.name === name);
  while (!isDrawn()) {
    if (performance.now() > end) throw new Error(`${id} is not drawn as ${name}`);
    await new Promise((next) => requestAnimationFrame(next));
  } }"""
CAMERA = """() => { const { map } = window.cimViewer; const { lng, lat } = map.getCenter();
  return [lng, lat, map.getZoom(), map.getBearing(), map.getPitch()]; }"""


def near(centre: tuple[float, float], zoom: float = 16, pitch: float = 0) -> str:
    return f"c={centre[0]:.6f},{centre[1]:.6f},{zoom},0,{pitch}"


def a_building(address: str, centre: tuple[float, float], **wanted: Any) -> dict[str, Any]:
    """The named building nearest to the middle, from the OGC service."""
    lon, lat = centre
    box = f"{lon - 0.004},{lat - 0.004},{lon + 0.004},{lat + 0.004}"
    found = httpx.get(f"{address}/ogc/collections/buildings/items", params={"bbox": box, "limit": 500, **wanted}).json()
    named = [each for each in found["features"] if each["properties"].get("name")]
    assert named, "no building with a name near the middle"
    return dict(named[0])


def test_shows_the_buildings(
    open_viewer: Callable[..., Page], demo_service: str, centre: tuple[float, float], shoot: Callable[[Page, str], None]
) -> None:
    page = open_viewer(near(centre, 15.6, 55))
    seen = page.evaluate(BUILDINGS_SEEN)
    assert len(seen) > 100
    name = httpx.get(f"{demo_service}/objects/{int(seen[0])}").json()["layer"]
    assert name == "buildings"
    shoot(page, "overview")


def test_lists_every_layer_with_its_count(open_viewer: Callable[..., Page], demo_service: str) -> None:
    page = open_viewer()
    layers = httpx.get(f"{demo_service}/api/layers").json()["layers"]
    for layer in layers:
        row = page.locator(f'#layers [data-layer="{"hillshade" if layer["kind"] == "raster" else layer["id"]}"]').first
        expect(row).to_contain_text(layer["title"]["zh"])
    switch = page.locator('#layers [data-layer="buildings"] input.switch')
    expect(switch).to_be_checked()
    switch.uncheck()
    page.wait_for_url(re.compile(r"off=buildings"))
    page.evaluate(HIDDEN, "buildings:extrusion")


def test_search_finds_a_building_and_goes_there(
    open_viewer: Callable[..., Page],
    settle: Callable[[Page], None],
    demo_service: str,
    centre: tuple[float, float],
    shoot: Callable[[Page, str], None],
) -> None:
    wanted = a_building(demo_service, centre)
    name = wanted["properties"]["name"]
    page = open_viewer()
    page.fill("#search", name)
    options = page.locator("#search-results [role=option]")
    expect(options.first).to_contain_text(name)
    shoot(page, "search")
    page.locator(f'#search-results [data-id="{wanted["id"]}"]').first.click()
    expect(page.locator("[data-object] .object-name")).to_have_text(name)
    settle(page)
    west, south, east, north = httpx.get(f"{demo_service}/objects/{wanted['id']}").json()["bounds"]
    middle = [(west + east) / 2, (south + north) / 2]
    x, y = page.evaluate("(at) => { const p = window.cimViewer.map.project(at); return [p.x, p.y]; }", middle)
    assert 300 < x < 900, "the building lies beside the panels"
    assert 56 < y < 800
    assert f"s={wanted['id']}" in page.evaluate("() => location.hash")


def test_search_is_usable_with_the_keyboard(
    open_viewer: Callable[..., Page], demo_service: str, centre: tuple[float, float]
) -> None:
    name = a_building(demo_service, centre)["properties"]["name"]
    page = open_viewer()
    page.keyboard.press("/")
    page.keyboard.type(name)
    expect(page.locator("#search-results [role=option]").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#search-results [aria-selected=true]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("[data-object] .object-name")).to_be_visible()
    page.locator("body").press("Escape")
    expect(page.locator("#side")).to_be_hidden()


def test_click_shows_attributes_and_sources(
    open_viewer: Callable[..., Page],
    demo_service: str,
    centre: tuple[float, float],
    shoot: Callable[[Page, str], None],
) -> None:
    page = open_viewer(near(centre, 17.5))
    target = page.evaluate(
        """() => { const { map } = window.cimViewer;
          const { left, top } = map.getCanvas().getBoundingClientRect();
          for (let y = 250; y < 700; y += 7) for (let x = 420; x < 980; x += 7) {
            const [hit] = map.queryRenderedFeatures([x, y]);
            if (hit?.source === "buildings" && hit.layer.type !== "symbol") return [x + left, y + top, hit.id];
          }
          return null; }"""
    )
    assert target, "no building in the window"
    page.mouse.click(target[0], target[1])
    body = page.locator(".panel-body[data-object]")
    expect(body).to_be_visible()
    told = httpx.get(f"{demo_service}/objects/{body.get_attribute('data-object')}").json()
    expect(body).to_contain_text(told["layer_title"]["zh"])
    for value in (told["name"], told["attributes"].get("code")):
        if value:
            expect(body).to_contain_text(value)
    if told["layer"] == "buildings":
        dossier = httpx.get(f"{demo_service}/buildings/{told['id']}/dossier").json()
        expect(body.locator(".figures .figure b").first).to_have_text(str(len(dossier["sources"])))
    shoot(page, "details")


def test_bim_models_are_drawn_and_their_elements_picked(
    open_viewer: Callable[..., Page],
    settle: Callable[[Page], None],
    demo_service: str,
    shoot: Callable[[Page, str], None],
) -> None:
    models = [each for each in httpx.get(f"{demo_service}/api/models").json()["models"] if each["center"]]
    assert models, "no model was placed"
    lon, lat = models[0]["center"][:2]
    page = open_viewer(f"c={lon},{lat},18.3,20,50")
    page.evaluate(MODELS_LOADED)
    settle(page)
    order = page.evaluate(INTERLEAVED)
    names = order.index("buildings:label")
    models_at = next(place for place, layer in enumerate(order) if layer.startswith("deck-"))
    assert order.index("buildings:extrusion") < models_at < names, "models are not drawn among the map's layers"
    shoot(page, "model")
    # from above, where no other building stands before it
    page.evaluate("() => { window.cimViewer.map.jumpTo({ pitch: 0 }); }")
    settle(page)
    picked = page.evaluate(
        """async ([lon, lat]) => { const { map, viewer } = window.cimViewer; const at = map.project([lon, lat]);
          // until its elements have come the model is a block
          for (const end = performance.now() + 120000; performance.now() < end;) {
            for (let up = 0; up < 60; up += 20) {
              const hit = viewer.scene.pick({ x: at.x, y: at.y - up });
              if (hit?.elementId) return [at.x, at.y - up, hit.elementId, hit.model.id];
            }
            await new Promise((next) => setTimeout(next, 1000));
          }
          return null; }""",
        [lon, lat],
    )
    assert picked, "no element under the model's middle"
    element = httpx.get(f"{demo_service}/objects/{picked[2]}").json()
    assert element["layer"] == "elements"
    page.mouse.click(picked[0], picked[1])
    expect(page.locator(".panel-body[data-object]")).to_have_attribute("data-object", str(picked[2]))
    settle(page)
    shoot(page, "element")


def test_language_and_theme_switch(
    open_viewer: Callable[..., Page], settle: Callable[[Page], None], shoot: Callable[[Page, str], None]
) -> None:
    page = open_viewer()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator("#layers h2")).to_have_text("图层")
    page.click("#language")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#layers h2")).to_have_text("Layers")
    page.click("#theme")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.wait_for_load_state("networkidle")
    settle(page)
    shoot(page, "dark")


def test_a_link_and_a_reload_bring_the_same_view_back(
    open_viewer: Callable[..., Page], demo_service: str, centre: tuple[float, float]
) -> None:
    building = a_building(demo_service, centre)
    page = open_viewer(f"{near(centre, 16.25, 40)}&off=roads&s={building['id']}&lang=en&theme=dark")
    assert page.evaluate(CAMERA) == pytest.approx([*centre, 16.25, 0, 40], abs=1e-4)
    expect(page.locator("[data-object] .object-name")).to_have_text(building["properties"]["name"])
    expect(page.locator("html")).to_have_attribute("lang", "en")
    before = page.evaluate(CAMERA)
    fragment = page.evaluate("() => location.hash")
    page.reload()
    page.wait_for_selector("body[data-ready=true]")
    assert page.evaluate(CAMERA) == pytest.approx(before, abs=1e-4)
    assert page.evaluate("() => location.hash") == fragment
    expect(page.locator("[data-object] .object-name")).to_have_text(building["properties"]["name"])
    expect(page.locator('#layers [data-layer="roads"] input.switch')).not_to_be_checked()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page = open_viewer()  # what a link does not mention is as at first
    expect(page.locator("#side")).to_be_hidden()
    expect(page.locator('#layers [data-layer="roads"] input.switch')).to_be_checked()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_a_change_is_drawn_without_a_reload(
    open_viewer: Callable[..., Page], demo_city: DemoCity, centre: tuple[float, float]
) -> None:
    if demo_city.database_url is None:
        pytest.skip("needs the database of the service that is looked at")
    page = open_viewer(near(centre, 16))
    seen = page.evaluate(BUILDINGS_SEEN)
    engine = make_engine(demo_city.database_url)
    for name in ("一夜之间", "又一次"):
        with engine.begin() as connection:
            connection.execute(update(building).where(building.c.id == int(seen[0])).values(name=name))
        page.evaluate(RENAMED, [seen[0], name])
    engine.dispose()


def test_an_unknown_object_is_said_kindly(open_viewer: Callable[..., Page]) -> None:
    page = open_viewer("s=9007199254740991")
    expect(page.locator("#side [role=alert]")).to_contain_text("未找到该对象")


def test_fits_a_small_screen(open_viewer: Callable[..., Page], shoot: Callable[[Page, str], None]) -> None:
    page = open_viewer("lang=en")
    page.set_viewport_size({"width": 1024, "height": 700})
    # a tablet's map needs the room: the list of layers comes by its button
    expect(page.locator("#layers")).to_be_hidden()
    page.click("#tool-layers")
    for selector in ("#search", "#language", "#theme", "#scenes", "#tool-draw", "#layers"):
        box = page.locator(selector).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 1024
        assert box["y"] + box["height"] <= 700
    shoot(page, "small")


def test_the_pydeck_scene_opens_from_the_viewer(
    open_viewer: Callable[..., Page], shoot: Callable[[Page, str], None]
) -> None:
    page = open_viewer()
    with page.expect_popup() as popup:
        page.click("#scenes")
    scene = popup.value
    scene.wait_for_selector("body[data-ready=true]")
    canvas = scene.locator("canvas").first
    expect(canvas).to_be_visible()
    expect(scene.locator("#notice")).to_be_hidden()
    shoot(scene, "scene")
