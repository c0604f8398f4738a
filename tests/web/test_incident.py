"""An incident in the command page: begun, written to, replayed, taken along, closed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.web.conftest import has

pytestmark = [pytest.mark.browser, pytest.mark.slow]

QUIET = "buildings,pipes,roads,models,cameras,sensors,events,parking,resources"
SEEK = """(part) => { const slider = document.querySelector("#incident-replay");
  slider.value = Math.round(part * Number(slider.max)); slider.dispatchEvent(new Event("input")); }"""

#: Whether the map has the names of an event and of an incident.
LABELS = """([event, name]) => { const { map } = window.cimViewer;
  const drawn = (layer) => map.queryRenderedFeatures({ layers: [layer] }).map(({ properties }) => properties);
  return drawn("viewer-event-title").some((each) => each.event === event)
    && drawn("viewer-mark-label").some((each) => each.label === name); }"""


@pytest.fixture
def incidents(open_viewer: Callable[..., Page], centre: tuple[float, float]) -> Page:
    page = open_viewer(f"c={centre[0]:.6f},{centre[1]:.6f},15,0,0&off={QUIET}&cmd=incident")
    page.evaluate("() => localStorage.setItem('cim-operator', '李四')")
    return page


@pytest.fixture
def zone(demo_service: str, centre: tuple[float, float]) -> Iterator[int]:
    buffer = {"geometry": {"type": "Point", "coordinates": centre}, "distance_m": 200}
    made = httpx.post(
        f"{demo_service}/zones", json={"name": "警戒区", "by": "张三", "buffer": buffer}
    ).raise_for_status()
    yield made.json()["id"]
    httpx.delete(f"{demo_service}/zones/{made.json()['id']}", params={"by": "试验"})


def timeline(address: str, number: int) -> list[dict[str, Any]]:
    found = httpx.get(f"{address}/incidents/{number}/timeline").raise_for_status().json()["entries"]
    return list(found)


def test_an_incident_from_its_beginning_to_its_end(
    incidents: Page, demo_service: str, centre: tuple[float, float], zone: int, tmp_path: Path,
    shoot: Callable[[Page, str], None],
) -> None:  # fmt: skip
    page = incidents
    page.click("#incident-new")
    page.locator(".incident-tab [type=submit]").click()
    expect(page.locator(".incident-tab [role=alert]")).to_have_text("请填写名称")
    page.fill("[name=name]", "五隆大道爆管")
    page.fill("[name=kind]", "供水")
    page.fill("[data-place=incident]", f"{centre[0]:.6f},{centre[1]:.6f}")
    page.locator(".incident-tab [type=submit]").click()
    card = page.locator("[data-incident-card]")
    expect(card).to_be_visible()
    number = int(card.get_attribute("data-incident-card") or 0)
    told = httpx.get(f"{demo_service}/incidents/{number}").json()
    assert (told["name"], told["kind"], told["opened_by"], told["state"]) == ("五隆大道爆管", "供水", "李四", "open")
    assert told["position"] == pytest.approx(centre, abs=1e-6)

    page.locator(".incident-add summary").click()
    page.fill("textarea[name=text]", "到场，开始关阀")
    page.click("#entry-add")
    has(page, ".timeline", "data-entries", len(timeline(demo_service, number)))
    expect(page.locator(".timeline-list")).to_contain_text("到场，开始关阀")
    httpx.post(f"{demo_service}/incidents/{number}/entries", json={"by": "王五", "kind": "note", "text": "别处写的"})
    expect(page.locator(".timeline-list")).to_contain_text("别处写的")
    page.locator("[data-incident-card] [data-attach=zone]").click()
    expect(page.locator(".timeline-list [data-kind=zone]").first).to_be_visible()
    entries = timeline(demo_service, number)
    assert {entry["kind"] for entry in entries} == {"state", "note", "zone"}
    assert str(zone) in {str(entry["ref"]) for entry in entries}
    has(page, ".timeline", "data-entries", len(entries))
    shoot(page, "incident")

    page.evaluate(SEEK, 0)
    expect(page.locator(".timeline-list [data-kind=note]")).to_have_count(0)
    page.evaluate(SEEK, 1)
    has(page, ".timeline", "data-entries", len(entries))

    with page.expect_download() as download:
        page.click("[data-file='briefing.zip']")
    download.value.save_as(tmp_path / "briefing.zip")
    with zipfile.ZipFile(io.BytesIO((tmp_path / "briefing.zip").read_bytes())) as briefing:
        assert briefing.testzip() is None
        assert any(name.endswith(".csv") for name in briefing.namelist())

    page.click("#incident-close")
    expect(page.locator("[data-incident-card] [data-state]")).to_have_text("已结束")
    assert httpx.get(f"{demo_service}/incidents/{number}").json()["state"] == "closed"
    expect(page.locator(".incident-add")).to_have_count(0)
    page.click("#incidents-back")
    expect(page.locator(f"[data-incident='{number}']")).to_contain_text("已结束")


def test_what_the_field_added_is_merged_and_a_conflict_settled(incidents: Page, demo_service: str) -> None:
    page = incidents
    made = httpx.post(f"{demo_service}/incidents", json={"name": "泵站停电", "by": "张三"}).raise_for_status().json()
    path = f"{demo_service}/incidents/{made['id']}"
    change = {"by": "李四", "version": made["version"], "name": "泵站停电（我们的）"}
    httpx.put(path, json=change).raise_for_status()
    page.evaluate("(id) => window.cimViewer.store.set('incident', id)", made["id"])
    name = page.locator("[data-incident-card] .object-name")
    expect(name).to_have_text("泵站停电（我们的）")
    additions = {
        "format": "cim-incident-additions", "incident": made["uuid"], "by": "前线",
        "entries": [{"uuid": str(uuid4()), "kind": "note", "text": "备用电源已接上"}],
        "changes": [{"uuid": str(uuid4()), "of": "incident", "base": {"name": "泵站停电"}, "values": {"name": "他们的"}}],
    }  # fmt: skip
    file: FilePayload = {"name": "a.json", "mimeType": "application/json", "buffer": orjson.dumps(additions)}
    page.set_input_files("[name=additions]", [file | {"buffer": b"{"}])
    expect(page.locator(".toast").last).to_contain_text("不是")
    page.set_input_files("[name=additions]", [file])
    expect(page.locator(".timeline-list")).to_contain_text("备用电源已接上")
    expect(page.locator("[data-conflict]")).to_contain_text("他们的")
    page.click("[data-settle=theirs]")
    expect(name).to_have_text("他们的")
    expect(page.locator("[data-conflict]")).to_have_count(0)
    told = httpx.get(path).json()
    assert (told["name"], told["conflicts"]) == ("他们的", 0)
    page.click("#incidents-back")
    httpx.post(f"{path}/close", json={"by": "试验", "note": "试验结束"}).raise_for_status()


def test_its_name_and_that_of_an_event_at_its_place_are_both_read(
    live: Callable[..., Page], post: Callable[..., int], demo_service: str, centre: tuple[float, float],
    shoot: Callable[[Page, str], None],
) -> None:  # fmt: skip
    lon, lat = (round(each, 6) for each in centre)
    event = post(title="管道破裂", longitude=lon, latitude=lat)
    wish = {"name": "五隆大道抢险", "by": "张三", "position": [lon, lat]}
    number = httpx.post(f"{demo_service}/incidents", json=wish).raise_for_status().json()["id"]
    page = live("&cmd=incident")
    page.evaluate("(id) => window.cimViewer.store.set('incident', id)", number)
    # a label of an event that another one covers is not drawn
    page.wait_for_function(LABELS, arg=[event, "五隆大道抢险"])
    shoot(page, "incident-labels")
    page.click("#incidents-back")
    httpx.post(f"{demo_service}/incidents/{number}/close", json={"by": "试验", "note": "试验结束"}).raise_for_status()


def test_an_incident_that_is_not_there(incidents: Page) -> None:
    incidents.evaluate("() => window.cimViewer.store.set('incident', 999999999)")
    expect(incidents.locator("[role=alert]")).to_contain_text("不存在")
    incidents.click("#incidents-back")
    expect(incidents.locator("#incident-new")).to_be_visible()
