"""Drawing a zone by mouse and reading what is in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: Layers that need not be drawn for counting.
QUIET = "buildings,pipes,roads,models,cameras,sensors,events"
CORNERS = [(520, 300), (940, 280), (960, 620), (560, 640)]


def draw(page: Page, corners: list[tuple[int, int]], *, finish: str) -> None:
    page.click("#tool-draw")
    expect(page.locator(".draw-bar")).to_be_visible()
    for x, y in corners[:-1]:
        page.mouse.move(x, y)
        page.mouse.click(x, y)
    x, y = corners[-1]
    page.mouse.move(x, y)
    if finish == "double click":
        page.mouse.dblclick(x, y)
    else:
        page.mouse.click(x, y)
        page.keyboard.press(finish)


def unfold(page: Page, layer: str) -> None:
    fold = page.locator(f'details.inventory-layer:has([data-layer="{layer}"])')
    if fold.get_attribute("open") is None:
        fold.locator("summary").first.click()


def inventory(address: str, ring: list[list[float]]) -> dict[str, Any]:
    body = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    answer = httpx.post(f"{address}/query/inventory", json=body, timeout=60)
    assert answer.status_code == httpx.codes.OK, answer.text
    return dict(answer.json())


@pytest.fixture(scope="module")
def drawn(open_page: Callable[[str], Page], centre: tuple[float, float]) -> Page:
    """A page with a zone drawn by mouse; the tests only read it."""
    page = open_page(f"c={centre[0]:.6f},{centre[1]:.6f},15,0,0")
    draw(page, CORNERS, finish="double click")
    expect(page.locator("[data-inventory]")).to_be_visible()
    return page


@pytest.fixture(scope="module")
def plain_page(open_page: Callable[[str], Page], centre: tuple[float, float]) -> Page:
    return open_page(f"c={centre[0]:.6f},{centre[1]:.6f},15,0,0&off={QUIET}")


@pytest.fixture
def blank(plain_page: Page) -> Page:
    """A page without a zone and without most layers."""
    plain_page.evaluate("() => window.cimViewer.store.set('zone', null)")
    return plain_page


def test_the_drawn_corners_are_where_the_mouse_was(drawn: Page) -> None:
    ring = drawn.evaluate("() => window.cimViewer.store.state.zone")
    places = drawn.evaluate(
        "(ring) => ring.map((at) => { const p = window.cimViewer.map.project(at); return [p.x, p.y]; })", ring
    )
    for place, corner in zip(places, CORNERS, strict=True):
        assert place == pytest.approx(corner, abs=1.5)


def test_counts_are_those_of_the_service(
    drawn: Page, demo_service: str, settle: Callable[[Page], None], shoot: Callable[[Page, str], None]
) -> None:
    ring = drawn.evaluate("() => window.cimViewer.store.state.zone")
    assert len(ring) == len(CORNERS)
    answer = inventory(demo_service, ring)
    assert answer["total"] > 0
    expect(drawn.locator("[data-total]")).to_have_attribute("data-total", str(answer["total"]))
    told = {layer["id"]: layer["count"] for theme in answer["themes"] for layer in theme["layers"] if layer["count"]}
    lines = drawn.locator("[data-inventory] [data-layer]")
    shown = {
        line.get_attribute("data-layer"): int(line.locator("[data-count]").get_attribute("data-count") or -1)
        for line in lines.all()
    }
    assert shown == told
    assert told["buildings"] > 0
    settle(drawn)
    unfold(drawn, "buildings")
    expect(drawn.locator(".item-list .row-button").first).to_be_visible()
    shoot(drawn, "zone")


def test_a_listed_object_opens_and_the_zone_stays(drawn: Page) -> None:
    unfold(drawn, "buildings")
    row = drawn.locator(".inventory-layer[open] .row-button").first
    identifier = row.get_attribute("data-id")
    row.click()
    expect(drawn.locator("[data-object]")).to_have_attribute("data-object", str(identifier))
    drawn.locator("[role=tab]", has_text="区域清单").click()
    expect(drawn.locator("[data-inventory]")).to_be_visible()
    drawn.evaluate("() => window.cimViewer.store.set('selection', null)")


def test_the_whole_list_can_be_shown(drawn: Page, demo_service: str) -> None:
    ring = drawn.evaluate("() => window.cimViewer.store.state.zone")
    answer = inventory(demo_service, ring)
    longest = max((layer for theme in answer["themes"] for layer in theme["layers"]), key=lambda layer: layer["count"])
    assert longest["count"] > len(longest["items"])
    unfold(drawn, longest["id"])
    fold = drawn.locator(f'.inventory-layer:has([data-layer="{longest["id"]}"])')
    expect(fold.locator(".row-button")).to_have_count(len(longest["items"]))
    fold.locator("button.wide").click()
    expect(fold.locator(".row-button")).to_have_count(min(10_000, longest["count"]))


@pytest.mark.parametrize("kind", ["CSV", "JSON"])
def test_the_answer_can_be_saved(drawn: Page, tmp_path: Path, kind: str) -> None:
    total = int(drawn.locator("[data-total]").get_attribute("data-total") or -1)
    with drawn.expect_download() as download:
        drawn.get_by_role("button", name=kind).click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    if kind == "JSON":
        assert orjson.loads(file.read_bytes())["total"] == total
        return
    rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig"))))
    assert sum(int(row["数量"]) for row in rows if row["数量"]) == total


def test_the_zone_comes_back_with_its_address_and_goes_when_cleared(
    drawn: Page, open_page: Callable[[str], Page]
) -> None:
    total = drawn.locator("[data-total]").get_attribute("data-total")
    fragment = drawn.evaluate("() => location.hash.slice(1)")
    assert "z=" in fragment
    page = open_page(f"{fragment}&off={QUIET}")
    expect(page.locator("[data-total]")).to_have_attribute("data-total", str(total))
    page.get_by_role("button", name="清除区域").click()
    expect(page.locator("#side")).to_be_hidden()
    assert page.evaluate("() => window.cimViewer.store.state.zone") is None
    page.close()


def test_keys_undo_and_cancel(blank: Page) -> None:
    blank.click("#tool-draw")
    finish = blank.locator(".draw-bar .button.primary")
    for x, y in CORNERS[:3]:
        blank.mouse.click(x, y)
    expect(finish).to_be_enabled()
    blank.keyboard.press("Backspace")
    expect(finish).to_be_disabled()
    blank.keyboard.press("Escape")
    expect(blank.locator(".draw-bar")).to_be_hidden()
    assert blank.evaluate("() => window.cimViewer.store.state.zone") is None


def test_the_present_view_can_be_the_zone_without_a_mouse(blank: Page, demo_service: str) -> None:
    blank.locator("#tool-draw").press("Enter")
    blank.get_by_role("button", name="使用当前视野").press("Enter")
    total = blank.locator("[data-total]")
    expect(total).to_be_visible()
    ring = blank.evaluate("() => window.cimViewer.store.state.zone")
    assert total.get_attribute("data-total") == str(inventory(demo_service, ring)["total"])


def test_a_self_crossing_zone_is_explained(blank: Page, centre: tuple[float, float]) -> None:
    draw(blank, [(520, 300), (940, 620), (940, 300), (520, 620)], finish="Enter")
    alert = blank.locator("#side [role=alert]")
    expect(alert).to_contain_text("区域统计未能完成")
    expect(alert).to_contain_text("边界自相交")
    expect(alert).to_contain_text(f"{centre[0]:.1f}")
