"""Every number of the live city opens its list: bars of the last day, groups on the map, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import has

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.usefixtures("event_types")]

#: Resolves with the greatest group of a layer that can be clicked: how many it holds, and where it is on the page.
GROUP = """async (layer) => { const { map } = window.cimViewer; const end = performance.now() + 60000;
  for (;;) {
    const groups = map.queryRenderedFeatures({ layers: [layer] }).map((each) => {
      const { x, y } = map.project(each.geometry.coordinates);
      return { x, y, count: each.properties.point_count };
    }).filter(({ x, y }) => document.elementFromPoint(x, y) === map.getCanvas());
    if (groups.length) return groups.sort((a, b) => b.count - a.count)[0];
    if (performance.now() > end) throw new Error("there is no group");
    await new Promise((next) => { map.once("idle", next); map.triggerRepaint(); });
  } }"""


def test_a_bar_of_the_day_opens_its_half_hour(
    live: Callable[..., Page], post: Callable[..., int], centre: tuple[float, float], shoot: Callable[[Page, str], None]
) -> None:
    when = datetime.now(UTC) - timedelta(hours=6, minutes=50)
    made = {
        post(title=f"第{i}件", longitude=centre[0], latitude=centre[1], occurred_at=f"{when + timedelta(seconds=i)}")
        for i in range(3)
    }
    page = live("&day=1")
    bars = page.locator(".day-bin")
    expect(bars.first).to_be_visible()
    for bar in bars.all():
        bar.focus()
        page.keyboard.press("Enter")
        count = int(bar.get_attribute("data-count") or 0)
        has(page, "#side .panel-body", "data-count", count)
        listed = {int(row.get_attribute("data-event") or 0) for row in page.locator("#side .event-row").all()}
        assert len(listed) == count
        if made <= listed:
            shoot(page, "live-day-bar")
            break
    else:
        raise AssertionError("no bar lists the events of seven hours ago")
    expect(page.locator("#side .now-total")).to_have_text(re.compile(rf"\d\d:\d\d–.*：{count} 件"))


def test_a_group_of_events_opens_its_list(
    live: Callable[..., Page], post: Callable[..., int], centre: tuple[float, float], shoot: Callable[[Page, str], None]
) -> None:
    for i in range(4):
        post(title=f"邻近{i}", longitude=centre[0] + i * 1e-4, latitude=centre[1])
    page = live(zoom=13.5)
    group = page.evaluate(GROUP, "viewer-event-cluster")
    page.mouse.click(group["x"], group["y"])
    has(page, ".group", "data-count", group["count"])
    expect(page.locator(".group .event-row")).to_have_count(min(group["count"], 100))
    shoot(page, "live-group")


def test_a_group_of_sensors_opens_its_list(
    open_viewer: Callable[..., Page], centre: tuple[float, float], demo_service: str
) -> None:
    # what may lie above them is switched off
    off = "off=models,pipes,roads,parking,events,mobile_units"
    page = open_viewer(f"c={centre[0]:.6f},{centre[1]:.6f},12.5,0,0&{off}")
    group = page.evaluate(GROUP, "viewer-sensor-group")
    page.mouse.click(group["x"], group["y"])
    has(page, ".group", "data-count", group["count"])
    rows = page.locator(".group .event-row")
    expect(rows).to_have_count(group["count"])
    last = httpx.get(f"{demo_service}/sensors/last").json()
    values = dict(zip(last["id"], last["value"], strict=True))
    first = rows.first
    value = values[int(first.get_attribute("data-goes-to") or 0)]
    expect(first).to_contain_text("尚无读数" if value is None else f"{round(value, 2):,g}")
