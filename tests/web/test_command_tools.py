"""The tools of the command page against the service: valves, water, ways, reach, the nearest; receipts asked again."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from cim.db import make_engine
from cim.importing import ImportContext, ImportOptions, import_paths, importers
from cim.settings import Settings
from tests.layers.test_drainage import NET
from tests.web.conftest import IDLE, DemoCity, has

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Open = Callable[..., Page]
Place = tuple[float, float]

QUIET = "pipes,roads,models,cameras,sensors,events,parking,resources"
#: What the highlighted buildings are told to look like: ids and their colour, by turns.
LIT = """() => { const paint = window.cimViewer.map.getPaintProperty("viewer-light", "fill-extrusion-color");
  return Array.isArray(paint) && paint[0] === "match" ? paint.slice(2, -1) : []; }"""
MARKS = """() => window.cimViewer.map.querySourceFeatures("viewer-marks")
  .map(({ properties, geometry }) => [geometry.type, properties.color])"""
RED, WAY, WATER = "#d92d20", "#1664d9", "#145fa6"
CHINESE = re.compile("[\u4e00-\u9fff]")


def ask(address: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = httpx.post(f"{address}{path}", json=body, timeout=60)
    assert answer.status_code == httpx.codes.OK, answer.text
    return dict(answer.json())


def read_receipt(page: Page) -> None:
    """Open the receipt of the answer: all that it says is in the page's language."""
    receipt = page.locator(".tool-answer > .receipt")
    receipt.evaluate("(fold) => { fold.open = true; }")
    expect(receipt.locator(".method li").first).to_be_visible()
    told = receipt.locator(".notice, .method li").all_inner_texts()
    assert [each for each in told if not CHINESE.search(each)] == []


def count(page: Page, figure: str) -> int:
    """Return what a figure shows."""
    return int(page.locator(f"[data-figure={figure}] b").inner_text().replace(",", ""))


def place(page: Page, name: str, at: Place) -> None:
    """Type a place, as somebody does who has it from the radio."""
    page.fill(f"[data-place={name}]", f"{at[0]:.6f},{at[1]:.6f}")
    page.locator(f"[data-place={name}]").press("Enter")


@pytest.fixture
def tool(open_viewer: Open, centre: Place) -> Callable[[str], Page]:
    """A tool of the command page, over a map with buildings and little else."""
    return lambda name: open_viewer(f"c={centre[0]:.6f},{centre[1]:.6f},15.5,0,0&off={QUIET}&cmd=tools&tool={name}")


@pytest.fixture(scope="module")
def ends(centre: Place) -> tuple[Place, Place]:
    """Two places of the district, as they are typed: to six digits."""
    lon, lat = centre
    return (round(lon - 0.004, 6), round(lat + 0.002, 6)), (round(lon + 0.005, 6), round(lat - 0.002, 6))


@pytest.fixture(scope="module")
def pipe(demo_service: str) -> tuple[str, Place]:
    """A main of the water network: its key, and a place on it."""
    items = httpx.get(f"{demo_service}/ogc/collections/pipes/items?network=water&limit=1000").json()["features"]
    widest = max(items, key=lambda each: (each["properties"].get("diameter_mm") or 0, -each["id"]))
    line = widest["geometry"]["coordinates"]
    first = line[0][0] if isinstance(line[0][0], list) else line[0]
    second = line[0][1] if isinstance(line[0][0], list) else line[1]
    return str(widest["id"]), (round((first[0] + second[0]) / 2, 6), round((first[1] + second[1]) / 2, 6))


def test_a_burst_shows_valves_buildings_and_what_stops_next(
    tool: Callable[[str], Page], demo_service: str, pipe: tuple[str, Place], shoot: Callable[[Page, str], None]
) -> None:
    _, at = pipe
    page = tool("isolate")
    place(page, "isolate", at)
    expect(page.locator("[data-steps]")).to_be_visible()
    page.evaluate(IDLE)
    query = {"from": f"{at[0]},{at[1]}"}
    asked = httpx.get(f"{demo_service}/networks/water/isolate", params=query | {"limit": 5000}, timeout=60).json()
    assert count(page, "valves") == len(asked["valves"]) > 0
    assert count(page, "buildings") == asked["cut_off"]["buildings"]
    lit = page.evaluate(LIT)
    isolated = sorted(each["id"] for each in asked["buildings"] if each["part"] == "isolated")
    assert sorted(dict(zip(lit[1::2], lit[::2], strict=True)).get(RED, [])) == isolated
    steps = httpx.get(f"{demo_service}/networks/water/cascade", params=query, timeout=60).json()["steps"]
    told = page.locator("[data-what]").evaluate_all("(all) => all.map((each) => each.dataset.what)")
    assert told == [step["what"] for step in steps]
    shoot(page, "isolate")
    # a valve that is stuck: the next ones out
    first = asked["valves"][0]
    page.locator(f"[data-stuck='{first['id']}']").click()
    expect(page.locator(f"[data-stuck='{first['id']}']")).to_have_count(0)
    expect(page.locator(".fold.warn")).to_contain_text("失效阀门")
    stuck = query | {"unusable": first["source_key"]}
    again = httpx.get(f"{demo_service}/networks/water/isolate", params=stuck, timeout=60).json()
    assert count(page, "valves") == len(again["valves"])


def test_a_number_leads_to_its_list_and_its_receipt_which_still_holds(
    tool: Callable[[str], Page], pipe: tuple[str, Place]
) -> None:
    page = tool("isolate")
    place(page, "isolate", pipe[1])
    expect(page.locator("[data-steps]")).to_be_visible()
    page.locator("[data-figure=buildings]").press("Enter")
    fold = page.locator(".tool-answer > details", has_text="受影响建筑")
    expect(fold.locator(".row-button").first).to_be_visible()
    fold.locator(".to-receipt").click()
    page.locator(".receipt[open] [data-rerun]").first.click()
    has(page, "[data-holds]", "data-holds", "true")
    read_receipt(page)
    step = page.locator("[data-what] >> nth=0")
    step.locator("summary").click()
    expect(step.locator("p")).to_have_text(CHINESE)


def test_the_selected_pipe_is_asked_for_by_its_id(
    tool: Callable[[str], Page], demo_service: str, pipe: tuple[str, Place]
) -> None:
    page = tool("isolate")
    page.evaluate("(id) => window.cimViewer.store.set('selection', id)", int(pipe[0]))
    page.locator("#side [role=tab]", has_text="指挥").click()
    with page.expect_request("**/networks/water/isolate?**") as asked:
        page.locator(".tool.isolate .place-ways [aria-label=使用所选对象]").click()
    expect(page.locator("[data-steps]")).to_be_visible()
    query = dict(parse_qsl(urlsplit(asked.value.url).query))
    assert query["from"] == f"id:{pipe[0]}"
    told = httpx.get(f"{demo_service}/networks/water/isolate", params={"from": query["from"]}, timeout=60).json()
    assert pipe[0] in {str(each["id"]) for each in told["isolated"]["pipes"]}
    assert count(page, "valves") == len(told["valves"])
    page.evaluate("() => window.cimViewer.store.set('selection', null)")


def test_a_place_off_the_network_is_explained(tool: Callable[[str], Page], centre: Place) -> None:
    page = tool("isolate")
    place(page, "isolate", (round(centre[0] + 0.5, 6), centre[1]))
    alert = page.locator(".tool-answer [role=alert]")
    expect(alert).to_contain_text("关阀方案未能算出")
    expect(alert).to_contain_text("请在管线上选择")


def test_water_that_rises(tool: Callable[[str], Page], demo_service: str, ends: tuple[Place, Place]) -> None:
    page = tool("flood")
    page.locator("[name=rise_m]").fill("1.5")
    place(page, "flood", ends[1])
    expect(page.locator("[data-figure=buildings]")).to_be_visible()
    asked = ask(demo_service, "/terrain/flood", {"from": {"point": ends[1]}, "rise_m": 1.5})
    assert count(page, "buildings") == asked["buildings"]["count"]
    has(page, "[name=rise_m]", "aria-valuetext", "1.5 m")
    bands = {each["properties"]["depth_from_m"] for each in asked["extent"]["features"]}
    expect(page.locator(".tool-answer .legend li")).to_have_count(len(bands))
    read_receipt(page)
    # without the place the water goes from the map
    page.evaluate(IDLE)
    assert any(kind.endswith("Polygon") for kind, _ in page.evaluate(MARKS))
    page.click("[data-choice=route]")
    page.evaluate(IDLE)
    assert not any(kind.endswith("Polygon") for kind, _ in page.evaluate(MARKS))


def test_the_way_goes_around_a_closed_zone(
    tool: Callable[[str], Page], demo_service: str, ends: tuple[Place, Place]
) -> None:
    wish = {"from": ends[0], "to": ends[1], "profile": "car"}
    free = ask(demo_service, "/query/route", wish)
    middle = free["geometry"]["coordinates"][len(free["geometry"]["coordinates"]) // 2]
    buffer = {"geometry": {"type": "Point", "coordinates": middle}, "distance_m": 60}
    zone = httpx.post(f"{demo_service}/zones", json={"name": "封路", "by": "张三", "buffer": buffer}).json()["id"]
    try:
        page = tool("route")
        place(page, "route-from", ends[0])
        place(page, "route-to", ends[1])
        expect(page.locator("[data-figure=seconds]")).to_be_visible()
        page.evaluate(IDLE)
        assert ["LineString", WAY] in page.evaluate(MARKS)
        has(page, ".tool-answer .route-steps li >> nth=0", "data-metres", free["steps"][0]["distance_m"])
        read_receipt(page)
        page.locator(".closures summary").click()
        page.check(f"[name=closed-{zone}]")
        around = ask(demo_service, "/query/route", wish | {"closed": {"zones": [zone]}})
        assert around["closed_edges"] > 0
        expect(page.locator("[data-figure=closed] b")).to_have_text(str(around["closed_edges"]))
        if around["state"] == "found":
            assert around["seconds"] > free["seconds"]
        else:
            expect(page.locator(".tool-answer [role=alert]")).to_be_visible()
    finally:
        httpx.delete(f"{demo_service}/zones/{zone}", params={"by": "试验"})


def test_reach_and_the_nearest(tool: Callable[[str], Page], demo_service: str, ends: tuple[Place, Place]) -> None:
    page = tool("isochrone")
    page.fill("[name=minutes]", "1,2")
    place(page, "isochrone", ends[0])
    expect(page.locator("[data-minutes]")).to_have_count(2)
    read_receipt(page)
    page.click("[data-choice=nearest]")
    place(page, "nearest", ends[0])
    expect(page.locator("[data-near]")).to_be_visible()
    asked = ask(demo_service, "/query/nearest", {"from": ends[0], "layer": "resources", "n": 5, "by": "road"})
    told = page.locator("[data-near] [data-id]").evaluate_all("(all) => all.map((each) => Number(each.dataset.id))")
    assert told == [item["id"] for item in asked["items"]]
    read_receipt(page)


def test_a_storm_in_the_drains(tool: Callable[[str], Page], demo_city: DemoCity, tmp_path: Path) -> None:
    page = tool("drains")
    page.click("#drains-run")
    expect(page.locator(".tool-answer")).to_contain_text("该管网没有 SWMM 模型")
    if demo_city.database_url is None or demo_city.home is None:
        pytest.skip("imports a model: needs a service of its own")
    # as deep below this district's ground as its own pipes, which other tests look at
    raised = NET.replace("J 10 ", "J 25 ").replace("K 9.8 ", "K 24.8 ").replace("O 9.5 ", "O 24.5 ")
    (tmp_path / "drains.inp").write_text(raised)
    engine = make_engine(demo_city.database_url)
    context = ImportContext(ImportOptions(crs="EPSG:4547"), Settings(home=demo_city.home))
    [report] = import_paths(engine, [tmp_path / "drains.inp"], context, importers())
    engine.dispose()
    assert report.status == "imported", report.error
    rain = {"mm": 60, "hours": 0.5}
    for name, value in rain.items():
        page.fill(f".tool.drains [name={name}]", str(value))
    page.click("#drains-run")
    expect(page.locator("[data-figure=nodes]")).to_be_visible()
    told = ask(demo_city.address, "/networks/drainage/drainage", {"rain": rain})
    assert count(page, "nodes") == told["nodes"]["flooded"] == 1
    assert count(page, "pipes") == told["pipes"]["surcharged"]
    [node] = told["nodes"]["features"]["features"]
    expect(page.locator(f".tool-answer [data-id='{node['id']}']")).to_contain_text("J")
    read_receipt(page)
    page.evaluate(IDLE)
    assert ["Point", WATER] in page.evaluate(MARKS)


def test_the_keys_are_listed_and_work(tool: Callable[[str], Page]) -> None:
    page = tool("isolate")
    page.locator("#keys").focus()
    page.keyboard.press("?")
    expect(page.locator("dialog.keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.keys")).to_have_count(0)
    expect(page.locator(".tool.isolate")).to_be_visible()
    page.keyboard.press("f")
    expect(page.locator(".tool.flood")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#side")).to_be_hidden()
