"""Mobile units in a real browser: drawn as they come, moved as they move, their cards and trails."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import has

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.usefixtures("event_types")]

METRES_A_DEGREE = 111_195
#: Resolves with what is drawn of a unit once it lies within two metres of a place; fails after two minutes.
UNIT_AT = """async ([code, [lon, lat]]) => { const { map } = window.cimViewer; const end = performance.now() + 120000;
  for (;;) {
    const found = map.queryRenderedFeatures({ layers: ["viewer-unit-mark"] })
      .find((each) => each.properties.unit === code);
    const [x, y] = found?.geometry.coordinates ?? [0, 0];
    if (Math.hypot(x - lon, y - lat) * 111195 < 2)
      return { ...found.properties, opacity: found.layer.paint["icon-opacity"] };
    if (performance.now() > end) throw new Error(`${code} is drawn at ${x}, ${y}, not at ${lon}, ${lat}`);
    await new Promise((next) => { map.once("idle", next); map.triggerRepaint(); });
  } }"""
NOT_DRAWN = """async () => { const { map } = window.cimViewer; const end = performance.now() + 60000;
  while (map.queryRenderedFeatures({ layers: ["viewer-unit-mark"] }).length) {
    if (performance.now() > end) throw new Error("units are still drawn");
    await new Promise((next) => { map.once("idle", next); map.triggerRepaint(); });
  } }"""
TRAIL = """async () => { const { map } = window.cimViewer; const end = performance.now() + 60000;
  while (!map.queryRenderedFeatures({ layers: ["viewer-unit-trail"] }).length) {
    if (performance.now() > end) throw new Error("no trail is drawn");
    await new Promise((next) => { map.once("idle", next); map.triggerRepaint(); });
  } }"""
PROJECT = "(at) => { const { x, y } = window.cimViewer.map.project(at); return [x, y]; }"
Tell = Callable[..., None]


@pytest.fixture
def tell(demo_service: str) -> Tell:
    """Tell where a unit is, so many minutes ago."""

    def send(code: str, place: tuple[float, float], ago_min: float, **said: Any) -> None:
        time = datetime.now(UTC) - timedelta(minutes=ago_min)
        body = {"code": code, "time": time.isoformat(), "longitude": place[0], "latitude": place[1]} | said
        httpx.post(f"{demo_service}/tracks", json=body).raise_for_status()

    return send


def moved(place: tuple[float, float], east_m: float, north_m: float) -> tuple[float, float]:
    """A place so many metres away; near enough for a few hundred."""
    return (place[0] + east_m / (METRES_A_DEGREE * 0.9226), place[1] + north_m / METRES_A_DEGREE)


def test_units_come_move_and_tell_of_themselves(
    open_viewer: Callable[..., Page], tell: Tell, centre: tuple[float, float], demo_service: str,
    shoot: Callable[[Page, str], None],
) -> None:  # fmt: skip
    # events may lie above units
    page = open_viewer("off=models,pipes,roads,parking,events,sensors")
    number = uuid4().int
    car, drone = f"车-{number % 10**6}", f"机-{number % 10**6}"
    # a service that runs already may have units of an earlier run
    start = moved(centre, -60, number % 160 - 80)
    for i in range(5):
        tell(car, moved(start, -150 + 30 * i, -40 + 8 * i), 10 - i, kind="vehicle", speed_m_s=8.0)
    tell(car, start, 1, kind="vehicle", name="巡逻七车", state="patrol", speed_m_s=12.5, heading_deg=45.0)
    tell(drone, moved(centre, 60, 60), 30, kind="drone", name="无人机一号")
    first = page.evaluate(UNIT_AT, [car, start])
    assert (first["sign"], first["stale"]) == ("viewer-unit-vehicle", 0)
    silent = page.evaluate(UNIT_AT, [drone, moved(centre, 60, 60)])
    assert (silent["sign"], silent["stale"]) == ("viewer-unit-drone", 1)
    # it goes on to the east while one looks
    now = moved(start, 40, 0)
    tell(car, now, 0, speed_m_s=15.0)
    drawn = page.evaluate(UNIT_AT, [car, now])
    assert drawn["heading"] == pytest.approx(90, abs=1)
    assert drawn["label"] == "巡逻七车\n巡逻"
    x, y = page.evaluate(PROJECT, list(now))
    page.mouse.click(x, y)
    card = f'.unit-card[data-unit="{car}"]'
    expect(page.locator(f"{card} .object-name")).to_have_text("巡逻七车")
    expect(page.locator(f"{card} .chips")).to_have_text(re.compile("车辆.*巡逻"))
    expect(page.locator(f'{card} [data-figure="speed"] b')).to_have_text("54 km/h")
    expect(page.locator(f'{card} [data-figure="age"] b')).to_have_text(re.compile(r"^\d+ (秒|分)前$"))
    page.evaluate(TRAIL)
    told = httpx.get(f"{demo_service}/tracks/{car}").json()
    has(page, card, "data-positions", told["properties"]["positions"])
    assert told["properties"]["positions"] == len(told["geometry"]["coordinates"]) == 7
    page.locator(f"{card} .unit-trail summary").click()
    expect(page.locator(".unit-positions li")).to_have_count(7)
    page.wait_for_url(re.compile("u="))
    shoot(page, "live-units")


def test_units_are_switched_and_listed_as_a_layer(
    live: Callable[..., Page], tell: Tell, centre: tuple[float, float], shoot: Callable[[Page, str], None]
) -> None:
    boat = f"船-{uuid4().hex[:6]}"
    tell(boat, centre, 0, kind="vessel", name="巡河艇", state="available")
    page = live("&lang=en&theme=dark")
    row = page.locator('[data-layer="mobile_units"]')
    expect(row).to_contain_text("Mobile units")
    page.evaluate(UNIT_AT, [boat, list(centre)])
    row.locator(".expander").click()
    page.locator(f'[data-unit="{boat}"]').click()
    expect(page.locator(".unit-card .chips")).to_have_text(re.compile("Vessel.*available"))
    shoot(page, "live-units-en")
    row.locator("input.switch").uncheck(force=True)
    page.evaluate(NOT_DRAWN)
    page.wait_for_url(re.compile("off=[^&]*mobile_units"))
    row.locator("input.switch").check(force=True)
    page.evaluate(UNIT_AT, [boat, list(centre)])
    row.locator(".expander").click()


def test_a_unit_that_is_not_there_is_said_kindly(live: Callable[..., Page]) -> None:
    page = live("&u=nobody-knows-it")
    expect(page.locator("#side")).to_contain_text("没有此单元")
