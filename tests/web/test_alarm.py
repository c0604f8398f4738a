"""One alarm as a duty officer sees it in the browser: gas in a room, from the reading to the closed event."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from playwright.sync_api import Page, Request, expect
from shapely.geometry import shape

from cim.db import make_engine
from layers.live.events.responsibility import replace_responsibilities
from tests.web.conftest import EVENTS_READ, DemoCity, has

Shoot = Callable[[Page, str], None]

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAME = "燃气探测器甲"
UNIT = "%LEL"
LIMIT = 25.0
PARTY = "燃气应急队"
STOREY = 7
#: What the card's button leads to, and the words for it.
STEPS = {"file": "立案", "dispatch": "派遣", "handle": "处置", "feedback": "反馈", "close": "结案"}
#: Resolves with the colour of an event's ring once the map draws it in a state; fails after two minutes.
RING = """async ([layer, id, state]) => { const { map } = window.cimViewer; const end = performance.now() + 120000;
  for (;;) {
    const found = map.queryRenderedFeatures({ layers: [layer] }).find(({ properties: p }) => p.event === id);
    if (found?.properties.state === state) return String(found.layer.paint["circle-color"]);
    if (performance.now() > end) throw new Error(`event ${id} is drawn as ${found?.properties.state}, not ${state}`);
    await new Promise((next) => { map.once("idle", next); map.triggerRepaint(); });
  } }"""
#: Resolves once the map draws no open event of that id.
GONE = """async (id) => { const { map } = window.cimViewer; const end = performance.now() + 120000;
  const isDrawn = () => map.queryRenderedFeatures({ layers: ["viewer-event-dot"] })
    .some(({ properties: p }) => p.event === id);
  while (isDrawn()) {
    if (performance.now() > end) throw new Error(`event ${id} is still drawn`);
    await new Promise((next) => { map.once("idle", next); map.triggerRepaint(); });
  } }"""
COLOR = "(dot) => getComputedStyle(dot).borderTopColor"
BOXES = """() => [...document.querySelectorAll("#side, #layers, .toolbar, .topbar")]
  .filter((each) => !each.hidden).map((each) => each.getBoundingClientRect())
  .map(({ left, top, right, bottom }) => [left, top, right, bottom])"""
#: Texts of the card that are cut off, though nothing says so.
CUT = """() => [..."steps span,button,chip,event-clock > *,facts dd".split(",")]
  .flatMap((each) => [...document.querySelectorAll(`#side .${each}`)])
  .filter((each) => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== "inline")
  .map((each) => each.textContent)"""


class Room(NamedTuple):
    """A room of a placed model, with a place in it (degrees)."""

    id: int
    name: str
    global_id: str
    storey_id: int
    building_id: int
    longitude: float
    latitude: float


class Detector(NamedTuple):
    """A gas detector: the ids of its datastream, and of its thing."""

    sensor: int
    report: Callable[[float], None]


@pytest.fixture(scope="module")
def room(demo_service: str) -> Room:
    """Of the rooms on the seventh storey of a model the one that most cameras see, so that these can be told."""
    collections = f"{demo_service}/ogc/collections"
    storeys = httpx.get(f"{collections}/storeys/items?limit=1000").json()["features"]
    ids = {each["id"] for each in storeys if each["properties"]["number"] == STOREY}
    spaces = httpx.get(f"{collections}/spaces/items?limit=1000").json()["features"]
    rooms = [_room(each) for each in spaces if each["properties"]["storey_id"] in ids]
    return max(rooms, key=lambda one: (_seen_by(demo_service, one), -one.id))


def _room(feature: dict[str, Any]) -> Room:
    told, inside = feature["properties"], shape(feature["geometry"]).representative_point()
    return Room(feature["id"], told["long_name"] or told["name"], told["global_id"], told["storey_id"],
                told["building_id"], inside.x, inside.y)  # fmt: skip


def _seen_by(address: str, room: Room) -> int:
    where = {"lon": room.longitude, "lat": room.latitude}
    return int(httpx.get(f"{address}/cameras/seeing", params=where, timeout=60).json()["count"])


@pytest.fixture(scope="module")
def party(demo_city: DemoCity, event_types: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Who answers for alarms of gas. A service that runs already is to have this list in force."""
    if demo_city.database_url is not None:
        table = Path(tmp_path_factory.mktemp("parties")) / "责任清单.csv"
        table.write_text(f"area_code,type_code,party\n,,区城管中心\n,A02,{PARTY}\n", encoding="utf-8")
        engine = make_engine(demo_city.database_url)
        with engine.begin() as connection:
            replace_responsibilities(connection, table)
        engine.dispose()
    return PARTY


@pytest.fixture
def detector(demo_service: str, room: Room) -> Iterator[Detector]:
    """A gas detector in the room, mounted by SensorThings as its owner's system does, with a limit."""
    place = {"type": "Point", "coordinates": [room.longitude, room.latitude]}
    thing = {
        "name": NAME, "description": "", "properties": {"space_global_id": room.global_id},
        "Locations": [{"name": NAME, "description": "", "encodingType": "application/geo+json", "location": place}],
        "Datastreams": [{
            "name": NAME, "description": "", "observationType": "OM_Measurement",
            "unitOfMeasurement": {"name": "percent of the lower explosive limit", "symbol": UNIT, "definition": ""},
            "Sensor": {"name": "detector", "description": "", "encodingType": "text/plain", "metadata": "m"},
            "ObservedProperty": {"name": "可燃气体", "description": "", "definition": "urn:gas"},
        }],
    }  # fmt: skip
    made = httpx.post(f"{demo_service}/sta/v1.1/Things", json=thing).raise_for_status().headers["location"]
    [stream] = httpx.get(f"{made}/Datastreams").json()["value"]
    number = int(stream["@iot.id"])
    limit = {"sensor_id": number, "limit_value": LIMIT, "hysteresis": 2.0, "type_code": "A02", "severity": 1}
    threshold = httpx.post(f"{demo_service}/sensors/thresholds", json=limit).raise_for_status().json()["id"]
    began, minutes = datetime.now(UTC) - timedelta(minutes=30), count()

    def report(value: float) -> None:
        body = {"phenomenonTime": (began + timedelta(minutes=next(minutes))).isoformat(), "result": value}
        httpx.post(f"{demo_service}/sta/v1.1/Datastreams({number})/Observations", json=body).raise_for_status()

    yield Detector(number, report)
    # one that is open would take the next alarm of the same place as another report
    for each in httpx.get(f"{demo_service}/events?source=sensor&state=collect,file,dispatch,handle,feedback").json()[
        "events"
    ]:
        over = {"state": "close", "by": "试验", "note": "试验结束"}
        httpx.post(f"{demo_service}/events/{each['id']}/state", json=over)
    httpx.delete(f"{demo_service}/sensors/thresholds/{threshold}").raise_for_status()
    httpx.delete(made).raise_for_status()


@pytest.fixture
def page(open_page: Callable[[str], Page], room: Room) -> Page:
    """The viewer with the list of what goes on, before the building; as large as an officer's screen."""
    hidden = "off=roads,parking,cameras,grid_cells"
    opened = open_page(f"c={room.longitude:.6f},{room.latitude:.6f},17.6,-20,52&{hidden}&now=all")
    opened.set_viewport_size({"width": 1440, "height": 900})
    opened.evaluate(EVENTS_READ)
    opened.evaluate("() => { window.sameDocument = true; }")
    return opened


def arrives(page: Page, demo_service: str, detector: Detector, shoot: Shoot) -> int:
    """The reading beyond the limit: the event is on the map and in the list, in its state's colour; returns its id."""
    before = {each["id"] for each in httpx.get(f"{demo_service}/events?source=sensor").json()["events"]}
    detector.report(3.0)
    detector.report(40.0)
    toast = page.locator(".toast", has_text=NAME)
    expect(toast).to_contain_text(f"新事件：{NAME} 40 {UNIT} > 25 {UNIT}")
    [event] = [
        each for each in httpx.get(f"{demo_service}/events?source=sensor").json()["events"] if each["id"] not in before
    ]
    row = page.locator(f'.event-row[data-event="{event["id"]}"]')
    expect(row).to_be_visible()
    expect(row.locator('[data-state="collect"]')).to_have_text("信息收集")
    shoot(page, "alarm-1-arrives")
    same_colour(page, event["id"], "viewer-event-ring", "collect", f'.event-row[data-event="{event["id"]}"]')
    row.click()
    page.wait_for_url(re.compile(f"e={event['id']}"))
    return int(event["id"])


def same_colour(page: Page, event: int, layer: str, state: str, within: str) -> None:
    """The ring on the map has the colour that the list or the card has for the state."""
    drawn = re.findall(r"[\d.]+", page.evaluate(RING, [layer, event, state]))
    dot = f'{within} [data-state="{state}"] .state-dot'
    expect(page.locator(dot).first).to_be_visible()
    # found and read in one go: a card that is drawn anew in between would leave a dot without a colour
    listed = re.findall(r"[\d.]+", page.evaluate(f"(dot) => ({COLOR})(document.querySelector(dot))", dot))
    assert [float(part) for part in drawn[:3]] == [float(part) for part in listed[:3]]


def tells_where_and_who(page: Page, room: Room, party: str) -> None:
    expect(page.locator('[data-fact="storey"]')).to_have_text(f"{STOREY} 层")
    has(page, '[data-fact="storey"] button', "data-goes-to", room.storey_id)
    expect(page.locator('[data-fact="room"]')).to_have_text(room.name)
    has(page, '[data-fact="room"] button', "data-goes-to", room.id)
    has(page, '[data-fact="building"] button', "data-goes-to", room.building_id)
    expect(page.locator('[data-fact="responsible"]')).to_have_text(party)
    clock = page.locator(".event-clock")
    expect(clock).to_contain_text("剩余")
    first = clock.locator("b").inner_text()
    expect(clock.locator("b")).not_to_have_text(first)


def tells_what_is_around(page: Page, context: dict[str, Any], detector: Detector, shoot: Shoot) -> None:
    page.wait_for_selector(".event-context[data-state=read]")
    assert {"building", "room", "sensors", "cameras", "pipes", "help"} <= set(context)
    for name, part in context.items():
        if not isinstance(part, dict) or "items" not in part:
            continue
        has(page, f'[data-part="{name}"]', "data-state", part["state"])
        if part["state"] == "found":
            number = part.get("count", len(part["items"]))
            expect(page.locator(f'[data-part="{name}"] b.count').first).to_have_attribute("data-count", str(number))
        if any(layer["age_s"] is not None for layer in part["layers"]):
            expect(page.locator(f'[data-part="{name}"] .part-age')).to_have_text(re.compile("前$"))
    own = page.locator(f'[data-part="sensors"] [data-goes-to="{detector.sensor}"]')
    expect(own).to_contain_text(f"40 {UNIT}")
    page.locator('[data-part="cameras"] > summary').click()
    rows = page.locator('[data-part="cameras"] [data-camera]')
    expect(rows).to_have_count(len(context["cameras"]["items"]))
    assert {int(row.get_attribute("data-camera") or 0) for row in rows.all()} == {
        each["id"] for each in context["cameras"]["items"]
    }
    page.locator('[data-part="sensors"]').scroll_into_view_if_needed()
    shoot(page, "alarm-3-around")


def tells_the_readings(page: Page, detector: Detector, shoot: Shoot) -> None:
    """The sensor's curve, with the line of its limit and the limit's value."""
    page.locator(f'[data-part="sensors"] [data-goes-to="{detector.sensor}"]').click()
    has(page, ".sensor .figure b", "data-value", 40)
    has(page, ".chart-limit", "data-limit", LIMIT)
    expect(page.locator(".chart-text.limit")).to_have_text(f"阈值 ≥ {LIMIT:g} {UNIT}")
    has(page, ".chart", "data-points", 2)
    page.locator(".chart").focus()
    page.keyboard.press("End")
    expect(page.locator(".chart .told")).to_contain_text(f"40 {UNIT}")
    shoot(page, "alarm-4-sensor")
    page.get_by_role("tab", name="事件").click()


def step(page: Page, number: int, state: str) -> None:
    """Bring the event on by the card's button, as who is on duty."""
    page.click(f'[data-step="{state}"]')
    page.fill(".step-form [name=by]", "指挥中心")
    page.fill(".step-form [name=note]", f"{STEPS[state]}：已核实")
    page.click(".step-form [type=submit]")
    has(page, ".event-card", "data-state", state)
    expect(page.locator('.steps [aria-current="step"]')).to_have_text(STEPS[state])
    same_colour(page, number, "viewer-event-chosen-ring", state, ".event-card")
    if state == "close":
        page.evaluate(GONE, number)
        return
    same_colour(page, number, "viewer-event-ring", state, ".event-card")


def fits_other_screens(page: Page, shoot: Shoot) -> None:
    """In English, and on a tablet: nothing lies over anything else, no word is cut off."""
    page.click("#language")
    expect(page.locator('.steps [aria-current="step"]')).to_have_text("Collected")
    expect(page.locator('[data-part="cameras"] .part-title')).to_have_text("Cameras that see it")
    assert_clear(page)
    shoot(page, "alarm-5-en")
    page.click("#language")
    page.set_viewport_size({"width": 1024, "height": 768})
    expect(page.locator(".event-clock")).to_be_in_viewport()
    assert_clear(page)
    shoot(page, "alarm-6-tablet")
    page.set_viewport_size({"width": 1440, "height": 900})


def assert_clear(page: Page) -> None:
    assert page.evaluate(CUT) == []
    boxes = page.evaluate(BOXES)
    for i, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[i + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top, (boxes[i], other)


def test_gas_on_the_seventh_storey(
    page: Page, demo_service: str, room: Room, party: str, detector: Detector, shoot: Shoot
) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url.removeprefix(demo_service))

    page.on("request", note)
    number = arrives(page, demo_service, detector, shoot)
    tells_where_and_who(page, room, party)
    context = httpx.get(f"{demo_service}/events/{number}/context", timeout=60).json()
    shoot(page, "alarm-2-card")
    tells_what_is_around(page, context, detector, shoot)
    assert [path for path in asked if path.startswith("/cameras/") or path.endswith("/context")] == [
        f"/events/{number}/context"
    ], "all that is around comes in one answer"
    tells_the_readings(page, detector, shoot)
    fits_other_screens(page, shoot)
    step(page, number, "file")
    step(page, number, "dispatch")
    shoot(page, "alarm-7-dispatched")
    for state in ("handle", "feedback"):
        step(page, number, state)
    detector.report(5.0)
    step(page, number, "close")
    page.get_by_text(re.compile(r"处置记录 \(\d+\)")).click()
    expect(page.locator('.event-log [data-action="over"]')).to_contain_text("读数恢复正常")
    page.locator(".event-log li").last.scroll_into_view_if_needed()
    shoot(page, "alarm-8-closed")
    log = httpx.get(f"{demo_service}/events/{number}").json()["log"]
    assert [each["action"] for each in log if each["action"] != "over"] == ["collect", *STEPS]
    said = [(each["actor"], each["detail"]["note"]) for each in log if each["action"] in STEPS]
    assert said == [("指挥中心", f"{word}：已核实") for word in STEPS.values()]
    assert page.evaluate("() => window.sameDocument"), "the page was loaded anew"
