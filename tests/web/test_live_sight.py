"""Sensors and cameras in a real browser: curves of readings, what a camera sees, which cameras see a place."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect
from shapely.geometry import shape

from tests.web.conftest import has

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PROJECT = "(at) => { const { x, y } = window.cimViewer.map.project(at); return [x, y]; }"
LINES = """async (count) => { const { map } = window.cimViewer; const end = performance.now() + 60000;
  const lines = () => map.queryRenderedFeatures({ layers: ["viewer-seeing-line"] }).length;
  while (count ? lines() === 0 : lines() > 0) {
    if (performance.now() > end) throw new Error(`${lines()} lines are drawn`);
    await new Promise((next) => { map.once("idle", next); map.triggerRepaint(); });
  } }"""


def test_a_sensors_curve(
    open_viewer: Callable[..., Page], demo_service: str, shoot: Callable[[Page, str], None]
) -> None:
    last = httpx.get(f"{demo_service}/sensors/last")
    if last.status_code == httpx.codes.NOT_FOUND:
        pytest.skip("the service has no curves of readings")
    columns = last.json()
    at = next(i for i, value in enumerate(columns["value"]) if value is not None)
    number = columns["id"][at]
    series = httpx.get(f"{demo_service}/sensors/{number}/series", params={"points": 200}).json()
    page = open_viewer(f"off=models,pipes,roads,parking&s={number}")
    has(page, ".chart", "data-points", len(series["buckets"]))
    has(page, ".sensor .figure b", "data-value", columns["value"][at])
    has(page, ".sensor .figure", "data-stale", columns["stale"][at])
    page.locator(".chart").focus()
    page.keyboard.press("End")
    expect(page.locator(".chart .told")).to_contain_text(f"{round(series['buckets'][-1]['avg'], 2):g}")
    shoot(page, "live-sensor")


def test_who_sees_a_place(
    open_viewer: Callable[..., Page], demo_service: str, shoot: Callable[[Page, str], None]
) -> None:
    camera = httpx.get(f"{demo_service}/ogc/collections/cameras/items?limit=1").json()["features"][0]
    viewshed = httpx.get(f"{demo_service}/cameras/{camera['id']}/viewshed", timeout=60)
    page = open_viewer(f"off=models,pipes,roads,parking&s={camera['id']}")
    expect(page.locator(".camera")).to_contain_text(f"可视距离 {camera['properties']['range_m']:g} 米")
    page.click("#camera-viewshed")
    if viewshed.status_code == httpx.codes.NOT_FOUND:
        expect(page.locator(".camera-answer")).to_contain_text("此服务不提供可视范围")
        page.click("#tool-seeing")
        page.click("#seeing-centre")
        expect(page.locator(".seeing-answer")).to_contain_text("此服务不提供摄像机通视查询")
        return
    told = viewshed.json()
    has(page, "[data-seen-m2]", "data-seen-m2", told["properties"]["seen_m2"])
    place = shape(told["geometry"]).representative_point()
    page.evaluate("(center) => window.cimViewer.map.jumpTo({ center, zoom: 16.5 })", [place.x, place.y])
    page.evaluate("() => window.cimViewer.viewer.select(null)")
    page.click("#tool-seeing")
    has(page, "#tool-seeing", "aria-pressed", "true")
    x, y = page.evaluate(PROJECT, [place.x, place.y])
    page.mouse.click(x, y)
    page.wait_for_selector(".seeing[data-count]")
    has(page, "#tool-seeing", "aria-pressed", "false")
    rows = page.locator(".seeing [data-camera]")
    assert camera["id"] in {int(row.get_attribute("data-camera") or 0) for row in rows.all()}
    page.evaluate(LINES, 1)
    shoot(page, "live-seeing")
    page.fill("#seeing-height", "900")
    expect(page.locator(".seeing-answer")).to_contain_text(re.compile("能看到此处"))
    page.locator("#side .icon-button").last.focus()
    page.keyboard.press("Escape")
    page.evaluate(LINES, 0)


def test_the_card_lists_the_cameras_that_see_the_event(
    live: Callable[..., Page], post: Callable[..., int], demo_service: str, shoot: Callable[[Page, str], None]
) -> None:
    cameras = httpx.get(f"{demo_service}/ogc/collections/cameras/items?limit=5").json()["features"]
    sheds = (httpx.get(f"{demo_service}/cameras/{each['id']}/viewshed", timeout=60).json() for each in cameras)
    place = shape(max(sheds, key=lambda told: told["properties"]["seen_m2"])["geometry"]).representative_point()
    number = post(title="路口起火", longitude=place.x, latitude=place.y, severity=2)
    seen = httpx.get(f"{demo_service}/events/{number}/context", timeout=60).json()["cameras"]
    assert seen["state"] == "found"
    page = live()
    page.evaluate("([id, center]) => window.cimViewer.viewer.openEvent(id, { center })", [number, [place.x, place.y]])
    part = page.locator('[data-part="cameras"]')
    expect(part.locator("b.count")).to_have_text(str(seen["count"]))
    page.evaluate(LINES, 0)
    part.locator("summary").click()
    page.evaluate(LINES, 1)
    listed = [int(row.get_attribute("data-camera") or 0) for row in part.locator("[data-camera]").all()]
    assert listed == [each["id"] for each in seen["items"]]
    part.locator("summary").scroll_into_view_if_needed()
    shoot(page, "live-card-cameras")
    part.locator("summary").click()
    page.evaluate(LINES, 0)
