"""An incident in the command page: begun, written to, replayed, taken along, closed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import has

pytestmark = [pytest.mark.browser, pytest.mark.slow]

QUIET = "buildings,pipes,roads,models,cameras,sensors,events,parking,resources"
SEEK = """(part) => { const slider = document.querySelector("#incident-replay");
  slider.value = Math.round(part * Number(slider.max)); slider.dispatchEvent(new Event("input")); }"""


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


def test_an_incident_that_is_not_there(incidents: Page) -> None:
    incidents.evaluate("() => window.cimViewer.store.set('incident', 999999999)")
    expect(incidents.locator("[role=alert]")).to_contain_text("不存在")
    incidents.click("#incidents-back")
    expect(incidents.locator("#incident-new")).to_be_visible()
