"""A burst main beside a hospital in heavy rain, then a sealed building: the commander's way through it all."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
import shapely
from playwright.sync_api import Page, expect

from tests.web.conftest import IDLE, has
from tests.web.test_command_tools import QUIET, count, place

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Place = tuple[float, float]


def get(address: str, path: str, **query: Any) -> dict[str, Any]:
    answer = httpx.get(f"{address}{path}", params=query, timeout=60)
    assert answer.status_code == httpx.codes.OK, answer.text
    return dict(answer.json())


def tab(page: Page, name: str) -> None:
    page.click(f".command-tabs [data-tab={name}]")


def attach(page: Page, what: str) -> None:
    """Put what is at hand on the incident's timeline, and wait until it is there."""
    tab(page, "incident")
    before = int(page.locator(".timeline").get_attribute("data-entries") or 0)
    fold = page.locator(".incident-add")
    if fold.get_attribute("open") is None:
        fold.locator("summary").click()
    page.locator(f"[data-incident-card] [data-attach={what}]").click()
    expect(page.locator(f".timeline-list [data-kind={what}]").first).to_be_visible()
    page.wait_for_function("(n) => Number(document.querySelector('.timeline').dataset.entries) > n", arg=before)


@pytest.fixture
def burst(demo_service: str, post: Callable[..., int]) -> tuple[Place, int]:
    """A place on the water main nearest to a hospital, and the report of its burst."""
    sites = get(demo_service, "/ogc/collections/resources/items", kind="医院", limit=1)["features"]
    lon, lat = sites[0]["geometry"]["coordinates"][:2]
    pipes = get(demo_service, "/ogc/collections/pipes/items", network="water", limit=5000)["features"]
    lines = shapely.from_geojson([json.dumps(each["geometry"]) for each in pipes])
    near = lines[int(np.argmin(shapely.distance(lines, shapely.Point(lon, lat))))]
    middle = shapely.line_interpolate_point(shapely.get_geometry(near, 0), 0.5, normalized=True)
    at = (round(middle.x, 6), round(middle.y, 6))
    number = post(type="供水管爆裂", title="医院旁水管爆裂", longitude=at[0], latitude=at[1])
    return at, number


def test_a_burst_in_the_rain_and_a_sealed_building(
    open_viewer: Callable[[str], Page], demo_service: str, burst: tuple[Place, int],
    shoot: Callable[[Page, str], None],
) -> None:  # fmt: skip
    at, event = burst
    page = open_viewer(f"c={at[0]:.6f},{at[1]:.6f},16,0,0&off={QUIET}&cmd=incident")
    page.evaluate("() => localStorage.setItem('cim-operator', '指挥员')")
    page.click("#incident-new")
    page.fill("[name=name]", "医院旁爆管")
    page.fill("[data-place=incident]", f"{at[0]},{at[1]}")
    page.locator(".incident-tab [type=submit]").click()
    number = int(page.locator("[data-incident-card]").get_attribute("data-incident-card") or 0)
    page.evaluate("(id) => window.cimViewer.store.set('event', id)", event)
    expect(page.locator(".event-clock, .event-steps").first).to_be_visible()
    page.keyboard.press("c")  # the command page comes back before the event's card
    attach(page, "event")

    # which valves
    tab(page, "tools")
    page.click("[data-choice=isolate]")
    place(page, "isolate", at)
    expect(page.locator("[data-steps]")).to_be_visible()
    assert count(page, "valves") > 0
    attach(page, "analysis")

    # rain on what the map shows
    tab(page, "tools")
    page.click("[data-choice=flood]")
    page.click(".tool.flood [data-choice=rain]")
    page.fill("[name=mm]", "120")
    page.locator(".tool.flood [type=submit]").click()
    expect(page.locator(".tool.flood [data-figure=buildings]")).to_be_visible(timeout=120_000)
    page.evaluate(IDLE)
    shoot(page, "story-rain")
    attach(page, "analysis")

    # who comes, and how
    station = get(demo_service, "/query/nearest", **{"from": f"{at[0]},{at[1]}", "kind": "消防站", "n": 1})["items"][0]
    tab(page, "tools")
    page.click("[data-choice=route]")
    place(page, "route-from", (round(station["position"][0], 6), round(station["position"][1], 6)))
    place(page, "route-to", at)
    expect(page.locator("[data-figure=seconds]")).to_be_visible()

    # a case in the house near by
    homes = get(demo_service, "/query/nearest", **{"from": f"{at[0]},{at[1]}", "layer": "buildings", "by": "straight"})
    page.keyboard.press("Escape")
    page.locator("#map canvas").first.focus()
    page.keyboard.press("d")
    page.select_option("[name=rule]", "block")
    middle = homes["items"][0]["position"]
    page.fill("[data-place=demarcate]", f"{middle[0]:.6f}, {middle[1]:.6f}")
    page.click("#demarcate-look")
    expect(page.locator("[data-demarcated]")).to_be_visible()
    page.click("#demarcate-make")
    expect(page.locator("[data-zone-card]")).to_be_visible()
    expect(page.locator("[data-zone-card] [data-total]")).to_be_visible()
    attach(page, "zone")
    page.evaluate(IDLE)
    shoot(page, "story-incident")

    entries = get(demo_service, f"/incidents/{number}/timeline")["entries"]
    assert {entry["kind"] for entry in entries} == {"state", "event", "analysis", "zone"}
    assert sum(entry["kind"] == "analysis" for entry in entries) == 2
    with page.expect_download() as download:
        page.click("[data-file='briefing.zip']")
    assert download.value.failure() is None
    tab(page, "zones")
    page.click("#zones-back")
    page.click("#zone-log")
    has(page, "[data-verified]", "data-verified", "true")
    tab(page, "incident")
    page.click("#incident-close")
    expect(page.locator("[data-incident-card] [data-state]")).to_have_text("已结束")
    for zone in get(demo_service, "/zones", kind="sealed")["features"]:
        httpx.delete(f"{demo_service}/zones/demarcations/{zone['properties']['group']}", params={"by": "试验"})
