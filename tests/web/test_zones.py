"""Zones in the command page: made, changed, shared; three in one click; the log; on a wall."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import IDLE, has

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Open = Callable[..., Page]
Place = tuple[float, float]

#: Layers that need not be drawn here.
QUIET = "buildings,pipes,roads,models,cameras,sensors,events,parking,resources"
COLORS = """() => [...new Set(window.cimViewer.map.queryRenderedFeatures({ layers: ["viewer-mark-area"] })
  .map((each) => each.properties.color))].sort()"""
RED, ORANGE, BLUE = "#d92d20", "#ef8200", "#2f7fd6"
TYPED = "(name) => { localStorage.setItem('cim-operator', name); }"


def zones(address: str) -> dict[int, dict[str, Any]]:
    found = httpx.get(f"{address}/zones?limit=1000").raise_for_status().json()["features"]
    return {zone["id"]: zone["properties"] for zone in found}


def drop_all(address: str) -> None:
    for number, told in zones(address).items():
        path = f"zones/demarcations/{told['group']}" if told.get("group") else f"zones/{number}"
        httpx.delete(f"{address}/{path}", params={"by": "试验"})


@pytest.fixture
def command(open_viewer: Open, demo_service: str, centre: Place) -> Iterator[Callable[..., Page]]:
    """The command page of a quiet map; zones that a test leaves are dropped."""

    def visit(more: str = "&cmd=zones") -> Page:
        page = open_viewer(f"c={centre[0]:.6f},{centre[1]:.6f},15,0,0&off={QUIET}{more}")
        page.evaluate(TYPED, "李四")
        return page

    yield visit
    drop_all(demo_service)


def make(address: str, centre: Place, name: str = "试验区") -> int:
    buffer = {"geometry": {"type": "Point", "coordinates": centre}, "distance_m": 200}
    made = httpx.post(f"{address}/zones", json={"name": name, "by": "张三", "buffer": buffer}).raise_for_status()
    return int(made.json()["id"])


def test_a_drawn_polygon_is_kept_as_a_zone(command: Open, demo_service: str) -> None:
    page = command("")
    page.keyboard.press("z")
    page.get_by_role("button", name="使用当前视野").press("Enter")
    expect(page.locator("[data-inventory]")).to_be_visible()
    page.click("#zone-keep")
    page.fill(".zone-form [name=name]", "视野区")
    page.locator(".zone-form [name=name]").press("Enter")
    expect(page.locator("[data-zone-card] [data-total]")).to_be_visible()
    [(number, told)] = zones(demo_service).items()
    assert (told["name"], told["author"], told["version"]) == ("视野区", "李四", 1)
    inside = httpx.get(f"{demo_service}/zones/{number}/inventory?list_limit=0").json()
    has(page, "[data-zone-card] [data-total]", "data-total", inside["total"])
    # all buildings as a file, however many there are
    page.locator("[data-zone-card] summary:has([data-layer=buildings])").click()
    link = page.locator("[data-zone-card] details[open] [data-whole=csv]").get_attribute("href")
    rows = httpx.get(f"{demo_service}{link}").raise_for_status().text.splitlines()
    counts = {layer["id"]: layer["count"] for theme in inside["themes"] for layer in theme["layers"]}
    assert len(rows) - 1 == counts["buildings"]
    assert page.evaluate("() => window.cimViewer.store.state.zone") is None
    assert f"zone={number}" in page.evaluate("() => new Promise((r) => setTimeout(() => r(location.hash), 150))")


def test_a_circle_around_a_place_by_keys_alone(command: Open, demo_service: str, centre: Place) -> None:
    page = command()
    page.locator("#zone-new").press("Enter")
    page.locator("[data-choice=buffer]").press("Enter")
    page.fill(".zone-form [name=distance_m]", "150")
    page.locator(".zone-form [name=name]").press("Enter")
    expect(page.locator(".zone-form [role=alert]")).to_have_text("请填写名称")
    page.fill(".zone-form [name=name]", "半径一百五")
    page.locator("[data-place-map=zone]").press("Enter")
    expect(page.locator(".pointing")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".pointing")).to_be_hidden()
    expect(page.locator("[data-place-map=zone]")).to_be_focused()
    page.locator("[data-place-map=zone]").press("Enter")
    page.get_by_role("button", name="视野中心").press("Enter")
    page.locator(".zone-form [type=submit]").press("Enter")
    expect(page.locator("[data-zone-card]")).to_be_visible()
    [told] = zones(demo_service).values()
    # a circle of 150 m, less what its corners leave out
    assert told["area_m2"] == pytest.approx(3.14159 * 150**2, rel=0.02)


def test_who_was_slower_is_told_and_loses_nothing(command: Open, demo_service: str, centre: Place) -> None:
    number = make(demo_service, centre)
    page = command(f"&zone={number}")
    page.click("#zone-change")
    page.fill(".zone-form [name=note]", "加岗")
    was = httpx.get(f"{demo_service}/zones/{number}").json()
    wish = {"name": "别人改的", "by": "王五", "version": 1, "geometry": was["geometry"]}
    httpx.put(f"{demo_service}/zones/{number}", json=wish).raise_for_status()
    page.click(".zone-form [type=submit]")
    alert = page.locator(".zone-form [role=alert]")
    expect(alert).to_contain_text("王五")
    expect(alert).to_contain_text("版本 2")
    expect(page.locator(".zone-form [name=note]")).to_have_value("加岗")
    page.click(".zone-form [type=submit]")
    expect(page.locator("[data-zone-card] [title=版本]")).to_have_text("v3")
    assert zones(demo_service)[number]["note"] == "加岗"


def test_three_zones_are_looked_at_made_logged_and_lifted(
    command: Open, demo_service: str, centre: Place, shoot: Callable[[Page, str], None]
) -> None:
    page = command("")
    page.keyboard.press("d")
    page.select_option("[name=rule]", "block")
    page.fill("[data-place=demarcate]", f"{centre[0]:.6f}, {centre[1]:.6f}")
    expect(page.locator("[data-place=demarcate]")).to_have_value(f"{centre[0]:.6f}, {centre[1]:.6f}")
    page.evaluate(IDLE)
    page.click("#demarcate-look")
    expect(page.locator("[data-demarcated]")).to_be_visible()
    page.evaluate(IDLE)
    assert zones(demo_service) == {}, "a look writes nothing"
    assert page.evaluate(COLORS) == sorted([RED, ORANGE, BLUE])
    at = {"position": [round(each, 6) for each in centre]}
    wish = {"by": "张三", "at": at, "rule": "block", "dry_run": True}
    asked = httpx.post(f"{demo_service}/zones/demarcate", json=wish, timeout=60).raise_for_status().json()
    for zone in asked["zones"]:
        row = page.locator(f"[data-kind={zone['properties']['kind']}]")
        for name in ("buildings", "gates"):
            count = zone["properties"][name]
            expect(row.locator(f"[data-count={name}]")).to_have_text("—" if count is None else f"{count:,}")
    closed_in = [one["wording"] for one in asked["receipt"]["notes"] if one["code"] == "no_gates"]
    expect(page.locator("[data-no-gates]")).to_have_count(len(closed_in))
    shoot(page, "three_zones")
    page.click("#demarcate-make")
    expect(page.locator("[data-zone-card]")).to_be_visible()
    made = zones(demo_service)
    assert sorted(told["kind"] for told in made.values()) == ["controlled", "prevention", "sealed"]
    page.click("#zones-back")
    expect(page.locator("[data-zone]")).to_have_count(3)
    page.click("#zone-log")
    has(page, "[data-verified]", "data-verified", "true")
    entries = httpx.get(f"{demo_service}/zones/log?limit=1000").json()["entries"]
    expect(page.locator("[data-entry]")).to_have_count(len(entries))
    newest = page.locator("[data-entry]").first
    has(page, "[data-entry] >> nth=0", "data-entry", entries[-1]["id"])
    expect(newest).to_contain_text(entries[-1]["hash"][:12])
    page.click("#zones-back")
    page.click("[data-zone] >> nth=0")
    page.click("#zone-drop")
    page.click("#zone-drop-sure")
    expect(page.locator(".zones-tab")).to_contain_text("尚无区域")
    assert zones(demo_service) == {}


def test_a_shared_zone_on_a_wall(viewer: Page, demo_service: str, centre: Place) -> None:
    number = make(demo_service, centre, "墙上的区")
    try:
        viewer.goto(f"{demo_service}/?screen=wall&zone={number}#off={QUIET}")
        viewer.wait_for_selector("body[data-ready=true]")
        expect(viewer.locator("[data-zone-card] .object-name")).to_have_text("墙上的区")
        assert viewer.evaluate("() => document.documentElement.dataset.theme") == "dark"
        expect(viewer.locator("#zone-change, #zone-drop, #zone-new, #tool-draw >> visible=true")).to_have_count(0)
        middle = viewer.evaluate("() => { const { lng, lat } = window.cimViewer.map.getCenter(); return [lng, lat]; }")
        assert middle == pytest.approx(centre, abs=0.005), "it is flown to"
        viewer.click("#zones-back")
        assert "zone=" not in viewer.evaluate(
            "() => new Promise((r) => setTimeout(() => r(location.search + location.hash), 150))"
        )
    finally:
        drop_all(demo_service)
