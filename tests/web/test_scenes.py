"""The scenes in a real browser: each draws something, says what it is, and asks nobody outside for anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import shapely
import typer
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import Engine, func, insert
from typer.testing import CliRunner

from cim.tables import metadata
from tests.web.conftest import as_seen
from tiles.scene_command import register
from tiles.scene_list import SCENES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

READY = "body[data-ready=true]"
#: Of shades of low ground: red, green, blue, as the legend has them.
LOW = np.array([[159, 208, 238], [79, 159, 214], [31, 98, 168]])
#: Resolves when the relief has been painted for a level.
PAINTED = """async (level) => { const end = performance.now() + 120000;
  const relief = () => window.cimScene.deck.props.layers.find((layer) => layer.id === "terrain");
  while (!(relief().props.texture.endsWith(`#${level}`) && relief().isLoaded)) {
    if (performance.now() > end) throw new Error("the relief is not painted");
    await new Promise((next) => requestAnimationFrame(next));
  }
  for (let frame = 0; frame < 3; frame += 1) await new Promise((next) => requestAnimationFrame(next)); }"""
SET_LEVEL = "(slider, level) => { slider.value = level; slider.dispatchEvent(new Event('input')); }"
MIDDLE = "() => { const view = window.cimScene.deck.getViewports()[0]; return [view.longitude, view.latitude]; }"
WHERE = "(at) => window.cimScene.deck.getViewports()[0].project(at)"


def pixels(page: Page, selector: str = "#scene canvas") -> NDArray[np.int64]:
    """Rows x columns x 3 of what is drawn, without the panels over it."""
    page.add_style_tag(content="header, aside, #control, #notice { visibility: hidden }")
    return as_seen(page.locator(selector).first.screenshot()).astype(np.int64)


def colours(image: NDArray[np.int64]) -> int:
    """How many different colours there are, of 16 steps a band, that cover more than a dozen pixels."""
    codes = (image // 16) @ np.array([256, 16, 1])
    return int((np.bincount(codes.ravel()) > 12).sum())


@pytest.fixture
def open_scene(context: BrowserContext, demo_service: str) -> Iterator[Callable[..., Page]]:
    """Open a scene and wait until it is drawn; at the end its scripts must have had nothing to complain of."""
    pages: list[Page] = []
    faults: list[str] = []

    def visit(name: str, before: Callable[[Page], None] | None = None, query: str = "") -> Page:
        page = context.new_page()
        pages.append(page)
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("requestfailed", lambda request: faults.append(request.url))
        if before:
            before(page)
        page.goto(f"{demo_service}/scenes/{name}.html{query}")
        page.wait_for_selector(READY)
        return page

    yield visit
    for page in pages:
        page.close()
    assert faults == []


@pytest.mark.parametrize("name", sorted(SCENES))
def test_each_scene_draws_something(
    open_scene: Callable[..., Page], shoot: Callable[[Page, str], None], name: str
) -> None:
    page = open_scene(name)
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("h1")).to_have_text(SCENES[name].title_zh)
    expect(page.locator("nav [aria-current=page]")).to_have_text(SCENES[name].title_zh)
    expect(page.locator("header")).to_contain_text(SCENES[name].note_zh)
    expect(page.locator("aside input[data-layer]")).to_have_count(len(SCENES[name].layers))
    shoot(page, f"scene-{name}")
    assert colours(pixels(page)) > 12


def test_a_scene_speaks_english_when_asked(open_scene: Callable[..., Page], shoot: Callable[[Page, str], None]) -> None:
    page = open_scene("underground", query="?lang=en")
    expect(page.locator("h1")).to_have_text("Underground")
    expect(page.locator("header")).to_contain_text(SCENES["underground"].note_en)
    expect(page.locator("#control legend")).to_have_text("Depth exaggeration")
    expect(page.locator("aside summary").first).to_have_text("Pipes")
    # what is shown of an object under the pointer
    told = page.evaluate(
        """() => window.cimScene.deck.props.getTooltip({ layer: { id: "pipes" },
          object: { properties: { network: "water", diameter_mm: 300, name: "管一", name_en: "Pipe one" } } }).text"""
    )
    assert told == "Pipe one\nNetwork: Water supply\nDiameter (mm): 300"
    shoot(page, "scene-underground-en")
    page.click("nav a[hreflang=zh-CN]")
    expect(page.locator("h1")).to_have_text(SCENES["underground"].title_zh)
    page.wait_for_selector(READY)


def test_pipes_go_deeper_when_asked(open_scene: Callable[..., Page], shoot: Callable[[Page, str], None]) -> None:
    page = open_scene("underground")
    expect(page.locator("#control input:checked")).to_have_value("1")
    page.check("#control input[value='10']")
    page.wait_for_function(
        "() => window.cimScene.deck.props.layers.find((layer) => layer.id === 'pipes').props.modelMatrix?.[10] === 10"
    )
    page.wait_for_selector(READY)
    shoot(page, "scene-underground-10")
    lowest = page.evaluate(
        """() => { const layer = window.cimScene.deck.props.layers.find((each) => each.id === "pipes");
          const tiles = layer.state.tileset.selectedTiles.flatMap((tile) => tile.content.features ?? tile.content);
          const lines = tiles.flatMap((feature) => feature.geometry.coordinates);
          return Math.min(...lines.flat().map((point) => point[2])); }"""
    )
    # the sample district's pipes lie up to some metres deep; what the page has are true depths
    assert -15 < lowest < -1


def test_ground_below_the_level_is_shaded(
    open_scene: Callable[..., Page], demo_service: str, shoot: Callable[[Page, str], None]
) -> None:
    page = open_scene("flood")
    slider, told = page.locator("#level"), page.locator("#control output")
    lon, lat = page.evaluate(MIDDLE)
    # a place off the water, of which another part of the service knows the height
    place = [lon - 0.003, lat + 0.002]
    height = httpx.get(f"{demo_service}/terrain/height", params={"lon": place[0], "lat": place[1]}).json()["height_m"]
    x, y, _ = (round(part) for part in page.evaluate(WHERE, [*place, height]))
    shares = []
    for level, is_low in ((np.floor(height) - 1, False), (np.ceil(height) + 1.5, True)):
        slider.evaluate(SET_LEVEL, float(level))
        expect(told).to_have_text(f"{level:.1f} 米")
        page.evaluate(PAINTED, float(level))
        if is_low:
            shoot(page, "scene-flood-high")
        image = pixels(page)
        away = np.abs(image[:, :, None, :] - LOW).max(axis=3).min(axis=2)
        assert (away[y, x] < 12) == is_low, f"{image[y, x]} at level {level}, ground {height}"
        shares.append((away < 12).mean())
    assert shares[0] < shares[1]


def times_of_events(address: str) -> list[datetime]:
    items = httpx.get(f"{address}/ogc/collections/events/items", params={"limit": 10000}).json()["features"]
    return sorted(datetime.fromisoformat(each["properties"]["occurred_at"]) for each in items)


def test_events_of_the_last_day_are_asked_for_again(
    open_scene: Callable[..., Page], demo_service: str, shoot: Callable[[Page, str], None]
) -> None:
    times = times_of_events(demo_service)
    now = times[-1] + timedelta(minutes=1)
    expected = sum(time >= now - timedelta(days=1) for time in times)
    assert expected > 0
    asked: list[str] = []

    def watch(page: Page) -> None:
        # the sample's events are of one day of the past: the page's clock is set to its end
        page.clock.set_fixed_time(now)
        page.on("request", lambda request: asked.append(request.url) if "/events/items" in request.url else None)

    page = open_scene("live", watch)
    expect(page.locator("#control output")).to_contain_text(f"近 24 小时 {expected} 起事件")
    shoot(page, "scene-live-events")
    with page.expect_request(lambda request: "/events/items" in request.url, timeout=60_000):
        pass
    assert len(asked) >= 2


def test_a_day_without_events_is_said_kindly(open_scene: Callable[..., Page], demo_service: str) -> None:
    later = times_of_events(demo_service)[-1] + timedelta(days=10)
    page = open_scene("live", lambda page: page.clock.set_fixed_time(later))
    expect(page.locator("#control output")).to_contain_text("近 24 小时没有事件")


def test_a_layer_is_switched_off_and_on(open_scene: Callable[..., Page]) -> None:
    page = open_scene("overview")
    visible = """() => window.cimScene.deck.props.layers.find((layer) => layer.id === "buildings").props.visible"""
    page.uncheck("input[data-layer=buildings]")
    assert page.evaluate(visible) is False
    page.check("input[data-layer=buildings]")
    assert page.evaluate(visible) is True


#: Draws a style of the service with the viewer's own map; the features of a source that are then seen.
DRAWN = """async ([style, source, zoom]) => { const { map } = window.cimViewer;
  const made = await (await fetch(style)).json();
  map.setStyle(made, { diff: false });
  map.jumpTo({ zoom, pitch: 0, bearing: 0 });
  await new Promise((resolve) => map.once("idle", resolve));
  const layers = made.layers.filter((layer) => layer.source === source).map((layer) => layer.id);
  return map.queryRenderedFeatures({ layers }).map((feature) => [feature.layer.id, feature.properties]); }"""


#: Name of a style, a source of it, one of its layers and the zoom to look at it.
STYLES = (
    ("hillshade", "contours", "terrain:contour", 14.5),
    ("wall", "roads", "roads:label", 15.4),
    ("theme-networks-dark", "pipes", "pipes:line", 16),
)


def test_styles_are_drawn(
    open_page: Callable[[str], Page], centre: tuple[float, float], shoot: Callable[[Page, str], None]
) -> None:
    page = open_page(f"c={centre[0]:.6f},{centre[1]:.6f},15,0,0")
    try:
        for style, source, layer, zoom in STYLES:
            seen = page.evaluate(DRAWN, [f"/styles/{style}.json?lang=en", source, zoom])
            shoot(page, f"style-{style}")
            found = [properties for drawn, properties in seen if drawn == layer]
            assert found, style
            if source == "contours":
                assert all(each["height_m"] % 10 == 0 for each in found)
                assert all(each["is_index"] == (each["height_m"] % 50 == 0) for each in found)
    finally:
        page.close()


@pytest.fixture
def own_page(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page and its data in a folder whose name has to be quoted, written by ``cim scene`` from a town of blocks."""
    random = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for number in range(200):
        lon, lat = 114.22 + random.uniform(-0.006, 0.006), 22.70 + random.uniform(-0.005, 0.005)
        shape = shapely.MultiPolygon([shapely.box(lon, lat, lon + 0.0003, lat + 0.0002)])
        rows.append({
            "layer_id": "buildings", "source_key": str(number), "height_m": float(random.uniform(10, 90)),
            "use": ("住宅", "办公", "商业")[number % 3], "geom": func.ST_GeomFromText(shape.wkt, 4490),
        })  # fmt: skip
    with engine.begin() as connection:
        for row in rows:
            connection.execute(insert(metadata.tables["cim.building"]).values(row))
    monkeypatch.setenv("CIM_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("CIM_HOME", str(tmp_path / "home"))
    folder = tmp_path / "给区里 的#1"
    folder.mkdir()
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    done = CliRunner().invoke(app, ["scene", "overview", str(folder / "城区 100%.html")])
    assert done.exit_code == 0, done.output
    return folder / "城区 100%.html"


def test_a_page_from_a_folder_works_by_a_double_click_without_any_network(
    browser: Browser, own_page: Path, shoot: Callable[[Page, str], None]
) -> None:
    alone = browser.new_context(viewport={"width": 1100, "height": 700}, offline=True, locale="zh-CN")
    alone.set_default_timeout(120_000)
    faults: list[str] = []
    try:
        page = alone.new_page()
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "blob:", "data:")) else faults.append(request.url),
        )
        page.goto(own_page.as_uri())
        page.wait_for_selector(READY)
        expect(page.locator("#notice")).to_be_hidden()
        expect(page.locator("header")).to_contain_text("离线副本")
        shoot(page, "scene-file")
        assert colours(pixels(page)) > 12
        assert faults == []
    finally:
        alone.close()
