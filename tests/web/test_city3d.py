"""The city's 3D Tiles in a real browser: pipes at their depth, detailed buildings, what is said without them."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from playwright.sync_api import BrowserContext, Page, expect
from shapely.geometry import shape
from sqlalchemy import update

from cim.db import make_engine
from cim.provenance import touch_layers
from cim.tables import building
from tests.web.conftest import WINDOW, DemoCity, KeyedService, as_seen

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EARTH_M = 40_030_230.0
#: Metres a degree of latitude, near enough to say how far pipes lie from one another.
DEGREE_M = 111_000.0
#: MapLibre's own, from top to bottom.
FIELD_OF_VIEW_DEG = 36.87
#: All that the camera sees has been there for three pictures. Ends with an error after two minutes.
DRAWN = """async (layers) => { const { map, viewer } = window.cimViewer; const end = performance.now() + 120000;
  const isDrawn = () => viewer.city?.isComplete && viewer.scene.isComplete
    && layers.every((each) => viewer.city.draws(each));
  for (let pictures = 0; pictures < 3;) {
    if (performance.now() > end) throw new Error("the city is still being loaded");
    const drawn = new Promise((next) => map.once("render", () => next()));
    map.triggerRepaint();
    await drawn;
    pictures = isDrawn() ? pictures + 1 : 0;
    await new Promise((next) => setTimeout(next, 50));
  } }"""
PICK = "([layer, x, y]) => window.cimViewer.viewer.city.pick(layer, { x, y })"
PROJECT = "(at) => { const { x, y } = window.cimViewer.map.project(at); return [x, y]; }"
BLOCKS = """() => [...new Set(window.cimViewer.map.queryRenderedFeatures({ layers: ["buildings:extrusion"] })
  .map((feature) => feature.id))].sort((a, b) => a - b)"""
SHOWN = "(layer) => window.cimViewer.map.getLayoutProperty(layer, 'visibility') !== 'none'"
#: Counts pictures in which the layer was not drawn.
WATCH = """(layer) => { const { map, viewer } = window.cimViewer; window.gaps = 0;
  map.on("render", () => { window.gaps += viewer.city.draws(layer) ? 0 : 1; }); }"""
NAMED = """async ([x, y, id, name]) => { const { viewer } = window.cimViewer; const end = performance.now() + 60000;
  const told = () => viewer.city.told("buildings", { x, y });
  while (told()?.id !== id || told()?.name !== name) {
    if (performance.now() > end) throw new Error(`not drawn as ${name}: ${JSON.stringify(told())}`);
    await new Promise((next) => setTimeout(next, 200));
  } }"""
TERRAIN = """async () => { const { map } = window.cimViewer; const end = performance.now() + 60000;
  while (!map.isSourceLoaded("terrain:ground")) {
    if (performance.now() > end) throw new Error("no terrain");
    await new Promise((next) => setTimeout(next, 50));
  } }"""


class Buried(NamedTuple):
    """A pipe, the middle of it, which way it runs (degrees from north), how deep its axis lies there."""

    id: int
    middle: tuple[float, float]
    bearing: int
    depth_m: float
    told: dict[str, Any]


@pytest.fixture(scope="module")
def pipe(demo_service: str) -> Buried:
    """The deepest pipe with no other within 8 m of its middle."""
    found: list[dict[str, Any]] = []
    address: str | None = f"{demo_service}/ogc/collections/pipes/items?limit=1000"
    while address:
        page = httpx.get(address, timeout=60).json()
        found += page["features"]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    lines = [shapely.force_2d(shape(each["geometry"])) for each in found]
    tree = shapely.STRtree(lines)

    def is_lonely(line: Any) -> bool:
        return len(tree.query(line.interpolate(0.5, normalized=True), "dwithin", 8 / DEGREE_M)) == 1

    plain = [
        (each, line.geoms[0])
        for each, line in zip(found, lines, strict=True)
        if len(line.geoms) == 1 and len(line.geoms[0].coords) == 2 and each["properties"]["length_m"] > 12
    ]
    deep = [(each, line) for each, line in plain if (each["properties"]["depth_m"] or 0) > 1.2 and is_lonely(line)]
    feature, line = max(deep, key=lambda pair: pair[0]["properties"]["depth_m"])
    told = feature["properties"]
    (x0, y0), (x1, y1) = line.coords
    bearing = math.degrees(math.atan2((x1 - x0) * math.cos(math.radians(y0)), y1 - y0))
    # what is told is the depth of the top of a pipe
    depth_m = (told["start_depth_m"] + told["end_depth_m"]) / 2 + told["diameter_mm"] / 2000
    middle = line.interpolate(0.5, normalized=True)
    return Buried(feature["id"], (middle.x, middle.y), round(bearing), depth_m, told)


def below(depth_m: float, latitude: float, zoom: float, pitch: float) -> float:
    """How many pixels below the middle of the window a point is seen that lies so deep under the map's centre."""
    pixels = depth_m * 512 * 2**zoom / (EARTH_M * math.cos(math.radians(latitude)))
    camera = WINDOW["height"] / 2 / math.tan(math.radians(FIELD_OF_VIEW_DEG / 2))
    tilt = math.radians(pitch)
    return camera * pixels * math.sin(tilt) / (camera + pixels * math.cos(tilt))


def picture(page: Page) -> NDArray[np.uint8]:
    """The map between the panels, as it is seen."""
    return as_seen(page.screenshot(clip={"x": 360, "y": 70, "width": 900, "height": 680}))


def test_pipes_are_drawn_at_their_depth_and_picked(
    open_viewer: Callable[..., Page], demo_service: str, pipe: Buried, shoot: Callable[[Page, str], None]
) -> None:
    lon, lat = pipe.middle
    # the pipe runs across the window, so that what is deeper is seen lower
    page = open_viewer(f"c={lon:.7f},{lat:.7f},20.5,{pipe.bearing - 90},60")
    assert page.evaluate(SHOWN, "pipes:line")
    page.click("#tool-underground")
    page.wait_for_url(re.compile("ug=1"))
    page.evaluate(DRAWN, ["pipes"])
    assert not page.evaluate(SHOWN, "pipes:line"), "pipes are drawn twice"
    x, y = WINDOW["width"] / 2, WINDOW["height"] / 2
    down = below(pipe.depth_m, lat, 20.5, 60)
    assert down > 15
    assert page.evaluate(PICK, ["pipes", x, y + down]) == pipe.id
    assert page.evaluate(PICK, ["pipes", x, y]) != pipe.id, "the pipe lies on the ground"
    page.mouse.click(x, y + down)
    body = page.locator(f'.panel-body[data-object="{pipe.id}"]')
    for value in (pipe.told["material"], str(pipe.told["diameter_mm"]), pipe.told["owner"]):
        expect(body).to_contain_text(value)
    page.evaluate(DRAWN, ["pipes"])
    shoot(page, "pipe_picked")
    page.mouse.move(x, y - 200)
    page.mouse.move(x, y + down)
    page.wait_for_function("() => window.cimViewer.map.getCanvas().style.cursor === 'pointer'")


def southern_wall(address: str, centre: tuple[float, float]) -> tuple[dict[str, Any], list[tuple[float, float]]]:
    """A building with nothing before it for 60 m to the south, and its longest wall that faces there."""
    lon, lat = centre
    box = f"{lon - 0.006},{lat - 0.006},{lon + 0.006},{lat + 0.006}"
    answer = httpx.get(f"{address}/ogc/collections/buildings/items", params={"bbox": box, "limit": 1000}).json()
    outlines = [shape(each["geometry"]) for each in answer["features"]]
    tree = shapely.STRtree(outlines)
    found = []
    for feature, outline in zip(answer["features"], outlines, strict=True):
        ring = shapely.orient_polygons(outline).geoms[0].exterior.coords
        wall = max(itertools.pairwise(ring), key=lambda ends: ends[1][0] - ends[0][0])
        strip = shapely.box(wall[0][0], wall[0][1] - 60 / DEGREE_M, wall[1][0], wall[0][1] + 2 / DEGREE_M)
        slope = abs(wall[1][1] - wall[0][1]) / (wall[1][0] - wall[0][0])
        if len(tree.query(strip, "intersects")) == 1 and slope < 0.3:
            found.append((wall[1][0] - wall[0][0], feature, [point[:2] for point in wall]))
    assert found, "no building stands free to the south"
    _, feature, wall = max(found, key=lambda each: each[0])
    return feature, wall


def test_pipes_have_the_colours_of_their_networks(
    open_viewer: Callable[..., Page], demo_service: str, pipe: Buried
) -> None:
    layers = httpx.get(f"{demo_service}/api/layers").json()["layers"]
    legend = next(each["legend"] for each in layers if each["id"] == "pipes")
    wanted = next(each["color"] for each in legend if each["value"] == pipe.told["network"])
    lon, lat = pipe.middle
    page = open_viewer(f"c={lon:.7f},{lat:.7f},21,{pipe.bearing - 90},0&ug=1")
    page.evaluate(DRAWN, ["pipes"])
    seen = as_seen(page.screenshot())[400, 640].astype(float)
    color = np.array([int(wanted[i : i + 2], 16) for i in (1, 3, 5)], float)
    # lit more or less, but of the same hue
    cosine = seen @ color / np.linalg.norm(seen) / np.linalg.norm(color)
    assert cosine > 0.98, f"the pipe is drawn in {seen}, the legend says {color}"


def test_pipes_are_seen_from_afar_through_the_buildings(
    open_viewer: Callable[..., Page], centre: tuple[float, float], shoot: Callable[[Page, str], None]
) -> None:
    page = open_viewer(f"c={centre[0]:.6f},{centre[1]:.6f},16.4,20,60")
    before = page.evaluate(
        "() => window.cimViewer.map.getPaintProperty('buildings:extrusion', 'fill-extrusion-opacity')"
    )
    page.click("#tool-underground")
    page.evaluate(DRAWN, ["pipes"])
    after = page.evaluate(
        "() => window.cimViewer.map.getPaintProperty('buildings:extrusion', 'fill-extrusion-opacity')"
    )
    assert after < 0.3 < before
    picked = {page.evaluate(PICK, ["pipes", x, y]) for x in range(400, 1200, 16) for y in range(330, 700, 60)}
    assert len(picked - {None}) > 5, "pipes are too thin to be hit"
    shoot(page, "underground")
    page.click("#tool-underground")
    page.wait_for_url(re.compile(r"#(?!.*ug=1)"))
    assert page.evaluate(SHOWN, "pipes:line")


def test_detailed_buildings_stand_where_the_blocks_stand(
    open_viewer: Callable[..., Page],
    settle: Callable[[Page], None],
    centre: tuple[float, float],
    shoot: Callable[[Page, str], None],
) -> None:
    page = open_viewer(f"c={centre[0]:.6f},{centre[1]:.6f},16.8,20,55")
    page.evaluate(DRAWN, [])
    with_blocks = picture(page)
    page.click("#tool-detailed")
    page.wait_for_url(re.compile("db=1"))
    page.evaluate(DRAWN, ["buildings"])
    settle(page)
    detailed = picture(page)
    shoot(page, "detailed_buildings")
    differing = np.abs(with_blocks.astype(int) - detailed.astype(int)).max(axis=2) > 60
    # edges are drawn differently, but no wall stands elsewhere
    assert differing.mean() < 0.02
    assert not np.array_equal(with_blocks, detailed)


def test_a_detailed_building_is_picked(
    open_viewer: Callable[..., Page], demo_service: str, centre: tuple[float, float]
) -> None:
    lon, lat = centre
    box = f"{lon - 0.002},{lat - 0.002},{lon + 0.002},{lat + 0.002}"
    answer = httpx.get(f"{demo_service}/ogc/collections/buildings/items", params={"bbox": box, "limit": 100}).json()
    models = httpx.get(f"{demo_service}/api/models").json()["models"]
    plain = [each for each in answer["features"] if each["id"] not in {model["building_id"] for model in models}]
    target = max(plain, key=lambda each: shape(each["geometry"]).area)
    inside = shape(target["geometry"]).representative_point()
    page = open_viewer(f"c={inside.x:.7f},{inside.y:.7f},18,0,0&db=1")
    page.evaluate(DRAWN, ["buildings"])
    # the roof's middle is seen in the middle, where no name covers it
    x, y = WINDOW["width"] / 2, WINDOW["height"] / 2
    assert page.evaluate(PICK, ["buildings", x, y]) == target["id"]
    page.evaluate("([id]) => window.cimViewer.viewer.select(id)", [target["id"]])
    expect(page.locator(f'.panel-body[data-object="{target["id"]}"]')).to_be_visible()
    page.evaluate(DRAWN, ["buildings"])
    # the accent's colour all around, but for letters of names
    around = as_seen(page.screenshot())[360:440, 600:680].reshape(-1, 3)
    red, green, blue = np.median(around, axis=0)
    assert (red, green, blue) == pytest.approx((255, 138, 0), abs=35), "the building is not marked"


def test_a_model_takes_the_place_of_its_block_as_one_comes_near(
    open_viewer: Callable[..., Page], settle: Callable[[Page], None], demo_service: str
) -> None:
    models = [each for each in httpx.get(f"{demo_service}/api/models").json()["models"] if each["center"]]
    modelled = sorted(each["building_id"] for each in models)
    lon, lat = np.mean([each["center"][:2] for each in models], axis=0)
    page = open_viewer(f"c={lon:.6f},{lat:.6f},14.2,0,0&db=1")
    page.evaluate(DRAWN, ["buildings"])
    settle(page)
    assert page.evaluate(BLOCKS) == modelled, "from afar blocks stand for buildings with a model, and for no others"
    page = open_viewer(f"c={lon:.6f},{lat:.6f},17,0,0&db=1")
    page.evaluate(
        """async (count) => { const { viewer } = window.cimViewer; const end = performance.now() + 120000;
          while (viewer.scene.loadedTiles < count) {
            if (performance.now() > end) throw new Error("the models are still being loaded");
            await new Promise((next) => setTimeout(next, 100));
          } }""",
        len(models),
    )
    page.evaluate(DRAWN, ["buildings"])
    settle(page)
    assert page.evaluate(BLOCKS) == [], "a model and its block are drawn both"
    page.evaluate("() => { const { store } = window.cimViewer; store.set('switched', { models: false }); }")
    settle(page)
    assert page.evaluate(BLOCKS) == modelled, "without models their buildings are missing"


def test_a_change_is_drawn_without_a_gap(
    open_viewer: Callable[..., Page], demo_city: DemoCity, centre: tuple[float, float]
) -> None:
    if demo_city.database_url is None:
        pytest.skip("needs the database of the service that is looked at")
    page = open_viewer(f"c={centre[0]:.6f},{centre[1]:.6f},17,0,0&db=1")
    page.evaluate(DRAWN, ["buildings"])
    hits = ((x, y, page.evaluate(PICK, ["buildings", x, y])) for x in range(500, 1100, 60) for y in range(200, 700, 60))
    x, y, target = next(hit for hit in hits if hit[2] is not None)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(WATCH, "buildings")
    engine = make_engine(demo_city.database_url)
    for name in ("一夜之间", "又一次", "再一次"):
        with engine.begin() as connection:
            connection.execute(update(building).where(building.c.id == target).values(name=name))
            touch_layers(connection, ["buildings"], None, None)
    engine.dispose()
    page.evaluate(NAMED, [x, y, target, "再一次"])
    page.evaluate(DRAWN, ["buildings"])
    assert page.evaluate("() => window.gaps") == 0, "the buildings vanished while they were fetched anew"
    fetched = [url for url in asked if "/3d/buildings/subtrees" in url]
    assert 1 <= len(fetched) <= 2, "three changes at once are fetched together"


def test_switches_work_with_the_keyboard_in_both_languages(open_viewer: Callable[..., Page]) -> None:
    page = open_viewer("off=buildings,pipes,models")
    for name, zh, en in (
        ("underground", "透视地下管线", "See pipes below the ground"),
        ("detailed", "精细建筑", "Detailed buildings"),
    ):
        button = page.locator(f"#tool-{name}")
        expect(button).to_have_attribute("aria-label", zh)
        button.focus()
        page.keyboard.press("Space")
        expect(button).to_have_attribute("aria-pressed", "true")
        page.click("#language")
        expect(page.locator(f"#tool-{name}")).to_have_attribute("aria-label", en)
        expect(page.locator(f"#tool-{name}")).to_have_attribute("aria-pressed", "true")
        page.click("#language")
    page.wait_for_url(re.compile("ug=1&db=1"))
    open_viewer()
    expect(page.locator("#tool-underground")).to_have_attribute("aria-pressed", "false")


def test_buildings_stand_on_the_terrain(
    open_viewer: Callable[..., Page],
    settle: Callable[[Page], None],
    demo_service: str,
    centre: tuple[float, float],
    shoot: Callable[[Page, str], None],
) -> None:
    target, wall = southern_wall(demo_service, centre)
    foot = [(wall[0][0] + wall[1][0]) / 2, (wall[0][1] + wall[1][1]) / 2]
    page = open_viewer(f"c={foot[0]:.7f},{foot[1]:.7f},18.5,0,60&db=1&off=models,roads,cameras,sensors,events")
    page.evaluate(DRAWN, ["buildings"])
    with page.expect_response(lambda answer: "/3d/buildings/tileset.json?ground=true" in answer.url) as answer:
        page.click("#tool-terrain")
    assert answer.value.ok
    expect(page.locator("#tool-terrain")).to_have_attribute("aria-pressed", "true")
    page.wait_for_url(re.compile("t3=1"))
    try:
        page.evaluate(TERRAIN)
        page.evaluate(DRAWN, ["buildings"])
        settle(page)
        shoot(page, "terrain")
        # a wall that faces the camera begins where the map has its foot on the terrain, some 25 m above height 0
        x, y = page.evaluate(PROJECT, foot)
        assert page.evaluate("(at) => window.cimViewer.map.queryTerrainElevation(at)", foot) > 10
        assert page.evaluate(PICK, ["buildings", x, y - 8]) == target["id"]
        assert page.evaluate(PICK, ["buildings", x, y + 8]) != target["id"], "the building hangs below the ground"
    finally:
        page.click("#tool-terrain")
    assert page.evaluate("() => window.cimViewer.map.getTerrain()") is None


def test_a_place_without_pipes_is_said_kindly(context: BrowserContext, keyed_service: KeyedService) -> None:
    address, key, _ = keyed_service
    page = context.new_page()
    page.goto(f"{address}/#ug=1&db=1")
    page.fill("#sign-in-key", key)
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-ready=true]")
    expect(page.locator(".toasts")).to_contain_text("这里没有可绘制的管线")
    expect(page.locator("#tool-terrain")).to_be_disabled()
    expect(page.locator("#tool-terrain")).to_have_attribute("title", re.compile("没有地形数据"))
    for name in ("underground", "detailed"):
        button = page.locator(f"#tool-{name}")
        expect(button).to_have_attribute("data-state", "empty")
        expect(button).to_have_attribute("title", re.compile("这里没有可绘制的"))
    # said once: not again with every click on the map
    page.evaluate("() => document.querySelector('.toasts').replaceChildren()")
    page.evaluate("() => { const { viewer } = window.cimViewer; viewer.city.select(1); viewer.city.select(null); }")
    page.click("#tool-underground")
    expect(page.locator("#tool-underground")).to_have_attribute("title", "透视地下管线")
    assert page.locator(".toast").count() == 0
    page.close()


def test_what_is_too_far_is_said_to_be(open_viewer: Callable[..., Page], centre: tuple[float, float]) -> None:
    page = open_viewer(f"c={centre[0]:.6f},{centre[1]:.6f},13.5,0,0&ug=1")
    expect(page.locator("#tool-underground")).to_have_attribute("title", re.compile("放大地图后可见"))
    assert page.evaluate(SHOWN, "pipes:line"), "from afar the lines are missing"
    page.evaluate("() => window.cimViewer.map.jumpTo({ zoom: 15 })")
    page.evaluate(DRAWN, ["pipes"])
    expect(page.locator("#tool-underground")).to_have_attribute("title", "透视地下管线")


def test_a_broken_connection_is_said(open_viewer: Callable[..., Page], centre: tuple[float, float]) -> None:
    page = open_viewer(f"c={centre[0]:.6f},{centre[1]:.6f},17,0,0")
    page.route("**/3d/buildings/tileset.json*", lambda route: route.abort())
    page.click("#tool-detailed")
    expect(page.locator("#tool-detailed")).to_have_attribute("data-state", "failed")
    expect(page.locator("#tool-detailed")).to_have_attribute("title", re.compile("三维数据未能加载"))
    assert len(page.evaluate(BLOCKS)) > 10, "the blocks went before anything came in their place"
    page.unroute("**/3d/buildings/tileset.json*")
    page.click("#tool-detailed")
    page.click("#tool-detailed")
    page.evaluate(DRAWN, ["buildings"])
