"""The live city in a real browser: events as they come, their cards, sensors, cameras, the last day."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect
from shapely.geometry import shape

from tests.web.conftest import _cim, _environment, _serving, has

Open = Callable[..., Page]
Post = Callable[..., int]
Shoot = Callable[[Page, str], None]
Place = tuple[float, float]

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.usefixtures("event_types")]

OPEN = "collect,file,dispatch,handle,feedback"
DRAWN = """async ([ids, wanted]) => { const { map } = window.cimViewer; const end = performance.now() + 120000;
  const seen = () => new Set(map.queryRenderedFeatures({ layers: ["viewer-event-dot"] })
    .map((each) => each.properties.event));
  while (!ids.every((id) => seen().has(id) === wanted)) {
    if (performance.now() > end) throw new Error(`drawn: ${[...seen()]}, asked: ${ids}, wanted: ${wanted}`);
    await new Promise((next) => { map.once("idle", next); map.triggerRepaint(); });
  } }"""
#: All groups and single events that are seen, each once: a feature at a tile's edge is told twice.
GROUPS = """() => { const { map } = window.cimViewer; const found = new Map();
  for (const { properties: p } of map.queryRenderedFeatures({ layers: ["viewer-event-cluster", "viewer-event-dot"] }))
    found.set(p.cluster_id === undefined ? `e${p.event}` : `g${p.cluster_id}`, p.point_count ?? 1);
  return [...found.values()]; }"""
ARRIVED = """async (id) => { const { viewer } = window.cimViewer; const end = performance.now() + 60000;
  while (!viewer.book.get(id)) {
    if (performance.now() > end) throw new Error(`event ${id} was never heard of`);
    await new Promise((next) => setTimeout(next, 50));
  } }"""
OPEN_CARD = "(id) => window.cimViewer.viewer.openEvent(id)"
SHOWN = "(layer) => window.cimViewer.map.getLayoutProperty(layer, 'visibility') !== 'none'"
#: As if so many milliseconds had gone by.
LATER = "(ms) => { const now = Date.now; window.trueNow = now; Date.now = () => now() + ms; }"
NOW_AGAIN = "() => { Date.now = window.trueNow; }"
PROJECT = "(at) => { const { x, y } = window.cimViewer.map.project(at); return [x, y]; }"
SEEK = """(to) => { const slider = document.querySelector("#day-slider"); slider.value = to;
  slider.dispatchEvent(new Event("input")); }"""


def open_events(address: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    url: str | None = f"{address}/events?state={OPEN}&limit=1000"
    while url:
        page = httpx.get(url).json()
        found += page["events"]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    return found


def test_an_event_appears_without_reload(live: Open, post: Post, centre: Place, shoot: Shoot) -> None:
    page = live()
    assert not page.evaluate(SHOWN, "events:circle"), "the tiles draw what the open events draw as well"
    number = post(title="坪翔二街积水", longitude=centre[0], latitude=centre[1], severity=1)
    page.evaluate(DRAWN, [[number], True])
    expect(page.locator(".toasts")).to_contain_text("新事件：坪翔二街积水")
    shoot(page, "live-new-event")
    x, y = page.evaluate(PROJECT, centre)
    page.mouse.click(x, y)
    expect(page.locator(f'.event-card[data-event="{number}"] .object-name')).to_have_text("坪翔二街积水")
    page.wait_for_url(re.compile(f"e={number}"))


def test_events_are_grouped_from_afar(live: Open, demo_service: str, post: Post, centre: Place) -> None:
    number = post(title="远处也算", longitude=centre[0], latitude=centre[1])
    page = live(zoom=12.5)
    page.evaluate(ARRIVED, number)
    page.evaluate("() => { const { viewer, map } = window.cimViewer; map.jumpTo({ center: viewer.config.center }); }")
    page.evaluate(DRAWN, [[number], False])
    placed = [each for each in open_events(demo_service) if each["longitude"] is not None]
    counts = page.evaluate(GROUPS)
    assert sum(counts) == len(placed)
    assert len(counts) < len(placed) / 3


def test_every_count_opens_its_list(live: Open, demo_service: str, post: Post, centre: Place) -> None:
    number = post(title="等级二", longitude=centre[0], latitude=centre[1], severity=2)
    page = live()
    page.evaluate(ARRIVED, number)
    page.locator("#tool-now").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("now=all"))
    known = open_events(demo_service)
    has(page, '[data-key="all"] b', "data-count", len(known))
    has(page, '[data-key="late"] b', "data-count", sum(each["is_overdue"] for each in known))
    for severity in (1, 2, 3, 4):
        count = sum(each["severity"] == severity for each in known)
        has(page, f'[data-key="severity-{severity}"] b', "data-count", count)
    newest = max(known, key=lambda each: datetime.fromisoformat(each["occurred_at"]))
    expect(page.locator(".event-row").first).to_have_attribute("data-event", str(newest["id"]))
    page.click('[data-key="severity-2"]')
    page.wait_for_url(re.compile("now=2"))
    second = [each for each in known if each["severity"] == 2]
    has(page, ".now-total", "data-found", len(second))
    shown = {int(row.get_attribute("data-event") or 0) for row in page.locator(".event-row").all()}
    assert shown == {each["id"] for each in second}
    page.click('[data-key="state-handle"]')
    expect(page.locator(".now")).to_contain_text("没有符合条件的未结事件")
    live("&now=2")
    has(page, '[data-key="severity-2"]', "aria-pressed", "true")


@pytest.fixture(scope="module")
def room(demo_service: str) -> dict[str, Any]:
    """A room of a BIM model, with its storey's number and a place in it."""
    spaces = httpx.get(f"{demo_service}/ogc/collections/spaces/items?limit=1000").json()["features"]
    storeys = httpx.get(f"{demo_service}/ogc/collections/storeys/items?limit=1000").json()["features"]
    numbers = {each["id"]: each["properties"]["number"] for each in storeys}
    found = next(each for each in spaces if (numbers.get(each["properties"]["storey_id"]) or 0) > 2)
    inside = shape(found["geometry"]).representative_point()
    told = found["properties"]
    return {"id": found["id"], "name": told["name"], "storey": numbers[told["storey_id"]],
            "storey_id": told["storey_id"], "at": (inside.x, inside.y)}  # fmt: skip


def test_the_card_tells_storey_room_and_what_is_around(
    live: Open, post: Post, room: dict[str, Any], demo_service: str, shoot: Shoot
) -> None:
    lon, lat = room["at"]
    inside = {"storey_number": room["storey"], "room": room["name"], "severity": 2}
    number = post(title="室内报警", longitude=lon, latitude=lat, **inside)
    page = live("&off=models")
    page.evaluate(OPEN_CARD, number)
    expect(page.locator('[data-fact="storey"] button')).to_have_text(f"{room['storey']} 层")
    has(page, '[data-fact="storey"] button', "data-goes-to", room["storey_id"])
    has(page, '[data-fact="room"] button', "data-goes-to", room["id"])
    file = httpx.get(f"{demo_service}/events/{number}").json()
    expect(page.locator('[data-fact="confidence"]')).to_have_text(f"{file['location']['confidence'] * 100:.0f} %")
    expect(page.locator('[data-fact="reasons"]')).to_contain_text("按名称定房间")
    page.wait_for_selector(".event-context[data-state=read]")
    context = httpx.get(f"{demo_service}/events/{number}/context").json()
    parts = [name for name, part in context.items() if isinstance(part, dict) and "items" in part]
    assert {"sensors", "pipes", "rivers", "help"} <= set(parts)
    for name in parts:
        has(page, f'[data-part="{name}"]', "data-state", context[name]["state"])
        if context[name]["state"] == "found":
            expect(page.locator(f'[data-part="{name}"] b.count').first).to_have_attribute(
                "data-count", str(context[name].get("count", len(context[name]["items"])))
            )
    shoot(page, "live-card")
    item = context["help"]["items"][0]
    section = page.locator('[data-part="help"]')
    section.locator("summary").click()
    section.locator(f'[data-goes-to="{item["id"]}"]').click()
    expect(page.locator(f'.panel-body[data-object="{item["id"]}"]')).to_be_visible()
    page.get_by_role("tab", name="事件").click()
    expect(page.locator(f'.event-card[data-event="{number}"]')).to_be_visible()


def test_none_is_told_from_no_data(live: Open, post: Post, demo_service: str, centre: Place) -> None:
    far = {"longitude": centre[0] + 0.2, "latitude": centre[1] + 0.2}
    number = post(title="区外", **far)
    context = httpx.get(f"{demo_service}/events/{number}/context").json()
    words = {"none": "附近没有", "no_data": "没有此类数据"}
    parts = {name: part for name, part in context.items() if isinstance(part, dict)}
    states = {name: part["state"] for name, part in parts.items() if part["state"] in words}
    assert "none" in states.values()
    page = live()
    page.evaluate(OPEN_CARD, number)
    page.wait_for_selector(".event-context[data-state=read]")
    for name, state in states.items():
        expect(page.locator(f'[data-part="{name}"] .chip').first).to_have_text(words[state])


def test_an_event_is_brought_on_by_its_buttons(live: Open, post: Post, demo_service: str, centre: Place) -> None:
    number = post(title="办理", longitude=centre[0], latitude=centre[1], severity=3)
    page = live()
    page.evaluate(OPEN_CARD, number)
    expect(page.locator('.steps [aria-current="step"]')).to_have_text("信息收集")
    page.locator('[data-step="file"]').focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("张三")
    page.keyboard.press("Enter")
    has(page, ".event-card", "data-state", "file")
    expect(page.locator('.steps [aria-current="step"]')).to_have_text("立案")
    # a step over others needs a reason, and the button says so before the service does
    page.click('[data-step="close"]')
    page.click(".step-form [type=submit]")
    expect(page.locator(".event-steps .form-error")).to_have_text("回退或越级须写明理由")
    page.fill(".step-form [name=note]", "现场已无积水")
    page.click(".step-form [type=submit]")
    has(page, ".event-card", "data-state", "close")
    log = httpx.get(f"{demo_service}/events/{number}").json()["log"]
    assert [(step["action"], step["actor"], step["detail"].get("note")) for step in log][1:] == [
        ("file", "张三", None), ("close", "张三", "现场已无积水")]  # fmt: skip
    page.get_by_text(f"处置记录 ({len(log)})").click()
    expect(page.locator('.event-log [data-action="close"]')).to_contain_text("现场已无积水")
    page.evaluate(DRAWN, [[number], False])


def test_the_clock_runs_down_and_over(live: Open, post: Post, demo_service: str, centre: Place) -> None:
    number = post(title="限时", longitude=centre[0], latitude=centre[1], severity=1)
    file = httpx.get(f"{demo_service}/events/{number}").json()
    assert file["due_at"] is not None, "the table of clocks has no time for it"
    left = datetime.fromisoformat(file["due_at"]) - datetime.now(UTC)
    page = live("&now=all")
    page.evaluate(OPEN_CARD, number)
    expect(page.locator(".event-clock")).to_contain_text("剩余")
    first = page.locator(".event-clock b").inner_text()
    if left < timedelta(hours=1):
        minutes, seconds = map(int, first.split(":"))
        assert abs(minutes * 60 + seconds - left.total_seconds()) < 60
        expect(page.locator(".event-clock b")).not_to_have_text(first)
    page.evaluate(LATER, (left.total_seconds() + 90) * 1000)
    try:
        expect(page.locator(".event-clock.over")).to_contain_text("已超时")
        page.get_by_role("tab", name="现在").click()
        expect(page.locator(f'.event-row[data-event="{number}"] .late')).to_be_visible()
        page.click('[data-key="late"]')
        expect(page.locator(f'.event-row[data-event="{number}"]')).to_be_visible()
        page.wait_for_url(re.compile("now=late"))
    finally:
        page.evaluate(NOW_AGAIN)


def test_the_last_day_is_played(live: Open, post: Post, centre: Place, shoot: Shoot) -> None:
    now = datetime.now(UTC)
    early, late = (
        post(title=title, longitude=centre[0] + off, latitude=centre[1], occurred_at=f"{now - timedelta(hours=ago)}")
        for title, off, ago in (("早先", 0.0005, 20), ("后来", -0.0005, 1))
    )
    page = live("&day=1")
    expect(page.locator(".histogram")).to_be_visible()
    page.evaluate(DRAWN, [[early, late], True])
    total = int(page.locator("#day-count").get_attribute("data-count") or 0)
    assert total == sum(
        int(each.get_attribute("data-count") or 0) for each in page.locator(".histogram [data-bin]").all()
    )
    moment = (now - timedelta(hours=10)).timestamp() * 1000
    page.evaluate(SEEK, moment)
    page.evaluate(DRAWN, [[late], False])
    page.evaluate(DRAWN, [[early], True])
    shoot(page, "live-day")
    page.click("#day-count")
    expect(page.locator(f'#side [data-event="{early}"]')).to_be_visible()
    expect(page.locator(f'#side [data-event="{late}"]')).to_have_count(0)
    before = page.locator("#day-slider").input_value()
    page.locator("#day-slider").focus()
    page.keyboard.press("ArrowRight")
    assert int(page.locator("#day-slider").input_value()) - int(before) == pytest.approx(60_000, abs=1000)
    page.click('.day-bar [data-choice="3600"]')
    page.locator("#day-play").focus()
    page.keyboard.press("Space")
    has(page, "#day-play", "aria-label", "暂停")
    has(page, "#day-play", "aria-label", "播放")
    page.evaluate(DRAWN, [[early, late], True])
    page.keyboard.press("Escape")
    expect(page.locator("#day")).to_be_hidden()
    page.wait_for_url(lambda url: "day=1" not in url)


def test_both_languages_and_a_narrow_window(live: Open, post: Post, centre: Place, shoot: Shoot) -> None:
    number = post(title="双语", longitude=centre[0], latitude=centre[1], severity=4)
    page = live(f"&now=all&e={number}&day=1&lang=en&theme=dark")
    expect(page.locator(".event-card .chip.severity")).to_have_text("Minor")
    expect(page.locator('.steps [aria-current="step"]')).to_have_text("Collected")
    has(page, "#tool-now", "aria-label", re.compile("^Now · \\d+ events$"))
    expect(page.locator("#day")).to_contain_text("The last day")
    page.click("#language")
    expect(page.locator(".event-card .chip.severity")).to_have_text("一般")
    expect(page.locator("#day")).to_contain_text("过去一天")
    page.set_viewport_size({"width": 420, "height": 800})
    for selector in ("#day-play", "#day-close", ".event-clock"):
        expect(page.locator(selector)).to_be_in_viewport()
    shoot(page, "live-narrow")


def test_refusals_and_gaps_are_said_kindly(live: Open, post: Post, centre: Place) -> None:
    number = post(title="拒绝", longitude=centre[0], latitude=centre[1])
    page = live()

    def refuse(route: Route) -> None:
        problem = '{"status": 403, "title": "Forbidden", "detail": "no"}'
        route.fulfill(status=403, content_type="application/problem+json", body=problem)

    page.route("**/events/*/state", refuse)
    page.route("**/events/*/context", lambda route: route.abort())
    page.evaluate(OPEN_CARD, number)
    expect(page.locator(".event-context .state.error")).to_contain_text("无法连接到服务")
    page.click('[data-step="file"]')
    page.fill(".step-form [name=by]", "李四")
    page.click(".step-form [type=submit]")
    expect(page.locator(".event-steps .form-error")).to_have_text("您的角色可以查看，但不能处置事件。")
    page.unroute("**/events/*/state")
    page.unroute("**/events/*/context")
    page.locator(".event-context").get_by_role("button", name="重试").click()
    page.wait_for_selector(".event-context[data-state=read]")
    page.evaluate(OPEN_CARD, 9_999_999_999)
    expect(page.locator("#side")).to_contain_text("此事件不存在")


@pytest.mark.usefixtures("_viewer_built")
def test_who_may_only_look_sees_no_buttons(
    context: BrowserContext,
    clone_database: Callable[[], AbstractContextManager[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with clone_database() as url:
        env = _environment(tmp_path_factory.mktemp("roles") / "home", url)
        told = (_cim("key", "create", "--role", role, env=env) for role in ("planner", "commander"))
        planner, commander = (max(re.findall(r"\S+", each), key=len) for each in told)
        with _serving(env) as address:
            said = {"source": "s", "source_key": "1", "title": "看看", "longitude": 114.22, "latitude": 22.7}
            bearer = {"Authorization": f"Bearer {commander}"}
            number = httpx.post(f"{address}/events", json=said, headers=bearer).raise_for_status().json()["id"]
            page = context.new_page()
            page.goto(f"{address}/#e={number}")
            page.fill("#sign-in-key", planner)
            page.keyboard.press("Enter")
            page.wait_for_selector(f'.event-card[data-event="{number}"]')
            expect(page.locator(".event-steps")).to_contain_text("您的角色可以查看，但不能处置事件。")
            expect(page.locator("[data-step]")).to_have_count(0)
            page.close()
