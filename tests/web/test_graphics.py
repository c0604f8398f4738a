"""The viewer when its graphics fail for a moment, and when its style is made anew."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: Sets the same style again and moves while it is not there yet; resolves with whether it was not, and the order after.
STYLE_ANEW = """async () => { const { map } = window.cimViewer; const before = map.getLayersOrder();
  map.setStyle(map.getStyle(), { diff: false });
  const isMissing = map.getStyle() === undefined;
  map.jumpTo({ zoom: 13 });
  map.jumpTo({ zoom: 16 });
  map.fire("terrain");
  await new Promise((next) => map.once("idle", next));
  const after = new Set(map.getLayersOrder());
  return [isMissing, before.filter((id) => !id.startsWith("deck-") && !after.has(id))]; }"""
LOSE = """async () => { const { map } = window.cimViewer; window.sameDocument = true;
  const context = map.getCanvas().getContext("webgl2").getExtension("WEBGL_lose_context");
  const lost = new Promise((next) => map.once("webglcontextlost", next));
  context.loseContext();
  await lost;
  setTimeout(() => context.restoreContext(), 200); }"""


@pytest.fixture
def page(open_page: Callable[[str], Page], centre: tuple[float, float]) -> Page:
    return open_page(f"c={centre[0]:.6f},{centre[1]:.6f},15,0,0&off=models,parking,roads&ug=1&now=all")


def test_the_map_is_moved_while_its_style_is_made(page: Page) -> None:
    is_missing, lost = page.evaluate(STYLE_ANEW)
    assert is_missing
    assert lost == []


def test_a_lost_graphics_card_brings_the_same_view_back(page: Page, settle: Callable[[Page], None]) -> None:
    address = page.evaluate("() => location.hash")
    page.evaluate(LOSE)
    page.wait_for_function("() => !window.sameDocument && document.body?.dataset.ready === 'true'")
    settle(page)
    assert page.evaluate("() => location.hash") == address
    page.wait_for_selector(".now")
