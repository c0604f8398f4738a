"""Incidents over HTTP: led by commanders, seen by area, replayed byte for byte, briefed, packed, merged back."""

from __future__ import annotations

import asyncio
import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import psycopg
import pytest
from sqlalchemy import Engine, func, select

from cim.db import driver_url
from cim.tables import incident, incident_entry
from tests.api.conftest import Clients
from tests.layers.events_town import at, build_town
from tests.layers.test_drawn_additions import drawn_file
from tests.layers.test_zones import drawn
from tiles.briefing_pdf import NAMES
from tiles.incident_pack import verify_pack

pytestmark = pytest.mark.anyio
OPENING = {"name": "坪翔二街燃气泄漏", "by": "张三", "kind": "燃气", "position": list(at(100, 100))}
NOTE = {"by": "张三", "kind": "note", "text": "消防到场"}


@pytest.fixture
def town(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        return build_town(connection)


async def opened(client: httpx.AsyncClient, **more: Any) -> str:
    made = await client.post("/incidents", json=OPENING | more)
    assert made.status_code == 201, made.text
    return str(made.headers["location"])


async def zoned(client: httpx.AsyncClient) -> dict[str, Any]:
    made = await client.post("/zones", json={"name": "封控区", "by": "张三", "geometry": drawn(-99, -99, 99, 99)})
    found: dict[str, Any] = made.json()
    return found


async def happened(client: httpx.AsyncClient) -> int:
    lon, lat = at(130, 110)
    body = {"source": "12345", "source_key": "1", "type": "燃气浓度超限", "longitude": lon, "latitude": lat,
            "occurred_at": "2026-03-01T08:00:00+08:00"}  # fmt: skip
    return int((await client.post("/events", json=body)).json()["id"])


async def test_an_incident_from_the_first_report_to_the_last(client: httpx.AsyncClient) -> None:
    path = await opened(client)
    gas = await happened(client)
    zone = (
        await client.post("/zones", json={"name": "封控区", "by": "张三", "geometry": drawn(-99, -99, 99, 99)})
    ).json()
    stock = (await client.get(f"/zones/{zone['id']}/inventory")).json()
    for entry in (
        {"kind": "event", "ref": gas},
        {"kind": "zone", "ref": zone["id"], "text": "一级"},
        {"kind": "analysis", "ref": stock["receipt"]["hash"], "summary": {"total": stock["total"]}},
        {"kind": "note", "text": "已关阀", "position": list(at(10, 10)), "uuid": str(uuid4())},
    ):
        made = await client.post(f"{path}/entries", json={"by": "张三"} | entry)
        assert (made.status_code, made.json()["status"]) == (201, "created"), made.text
        if "uuid" in entry:
            again = await client.post(f"{path}/entries", json={"by": "张三"} | entry)
            assert (again.status_code, again.json()["status"]) == (200, "known")
    await client.post(f"/events/{gas}/state", json={"state": "file", "by": "李四"})
    page = (await client.get(f"{path}/timeline")).json()
    assert [one["text"] for one in page["entries"] if one["kind"] == "event"] == ["collect", None, "file"]
    until = page["until"]

    async def known() -> list[bytes]:
        asked = {"until": until, "geometry": "true"}
        return [(await client.get(address, params=asked)).content for address in (f"{path}/timeline", path)]

    before = await known()
    changed = await client.put(path, json={"by": "李四", "version": 1, "name": "坪翔二街爆燃"})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert (await client.put(path, json={"by": "李四", "version": 1, "name": "x"})).status_code == 409
    for n in range(5):
        at_noon = {"at": "2026-03-01T12:00:00+08:00", "text": str(n)}
        assert (await client.post(f"{path}/entries", json=NOTE | at_noon)).status_code == 201
    assert (await client.post(f"{path}/close", json={"by": "张三"})).json()["state"] == "closed"
    assert (await client.post(f"{path}/close", json={"by": "张三"})).status_code == 409
    assert (await client.post(f"{path}/entries", json=NOTE)).status_code == 409
    # the past is told byte for byte as before
    assert await known() == before
    then, now = orjson.loads(before[1]), (await client.get(path)).json()
    assert (then["name"], then["state"], now["name"], now["state"]) == (
        "坪翔二街燃气泄漏", "open", "坪翔二街爆燃", "closed",
    )  # fmt: skip
    assert [one["geometry"] for one in now["zones"]["features"]] == [zone["geometry"]]
    assert (await client.get(f"{path}/trails")).json() == {"type": "FeatureCollection", "features": []}
    # pages belong to one moment
    seen, address = [], f"{path}/timeline?limit=4"
    while address:
        part = (await client.get(address)).json()
        seen += [one["uuid"] for one in part["entries"]]
        address = part["links"][0]["href"] if "links" in part else ""
    assert len(seen) == len(set(seen)) == now["total"]
    listed = (await client.get("/incidents?state=closed&limit=1")).json()
    assert [one["name"] for one in listed["incidents"]] == ["坪翔二街爆燃"]
    assert (await client.get("/incidents?state=open")).json() == {"incidents": []}


async def test_roles_and_areas_hold(clients: Clients, town: dict[str, int], make_key: Callable[..., str]) -> None:
    def key(role: str, area: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {make_key(role, area)}"}

    async with clients() as client:
        may = {"viewer": 403, "service": 403, "planner": 403, "commander": 201, "admin": 201}
        keys = {role: key(role) for role in may}
        inside, outside = key("commander", "440307001002"), key("commander", "440307001001")
        path = ""
        for role, status in may.items():
            made = await client.post("/incidents", json=OPENING, headers=keys[role])
            assert made.status_code == status, role
            path = made.headers.get("location", path)
        for role, status in may.items():
            entry = await client.post(f"{path}/entries", json=NOTE, headers=keys[role])
            assert entry.status_code == status, role
            assert (await client.get(path, headers=keys[role])).status_code == 200
            assert (await client.get(f"{path}/timeline", headers=keys[role])).status_code == 200
            more = 200 if status == 201 else 403
            assert (await client.get(f"{path}/conflicts", headers=keys[role])).status_code == more
            if status == 403:
                for method, tail in (("PUT", ""), ("POST", "/close"), ("POST", "/additions"), ("GET", "/pack")):
                    answer = await client.request(method, path + tail, json={"by": "a"}, headers=keys[role])
                    assert answer.status_code == 403, (role, tail)
        assert (await client.get(path, headers=inside)).status_code == 200
        for tail in ("", "/timeline", "/trails", "/briefing.zip", "/briefing.pdf", "/pack", "/conflicts"):
            answer = await client.get(path + tail, headers=outside)
            assert answer.status_code == 404, tail
        assert (await client.get("/incidents", headers=outside)).json() == {"incidents": []}
        assert (await client.post(f"{path}/entries", json=NOTE, headers=outside)).status_code == 404
        assert (await client.post("/incidents", json=OPENING, headers=outside)).status_code == 403
        assert (await client.get(path)).status_code == 401


async def test_briefings_and_packs(client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await opened(client)
    zone = (
        await client.post("/zones", json={"name": "封控区", "by": "张三", "geometry": drawn(-99, -99, 99, 99)})
    ).json()
    await client.post(f"{path}/entries", json={"by": "张三", "kind": "zone", "ref": zone["id"]})
    archive = await client.get(f"{path}/briefing.zip")
    assert (archive.status_code, archive.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(archive.content)) as handle:
        assert {"incident.gpkg", "timeline.csv", "map.png", "README.txt"} <= set(handle.namelist())
    pack = await client.get(f"{path}/pack")
    assert pack.status_code == 200
    (tmp_path / "pack.zip").write_bytes(pack.content)
    assert verify_pack(tmp_path / "pack.zip")["name"] == OPENING["name"]
    if any(map(shutil.which, NAMES)):
        printed = await client.get(f"{path}/briefing.pdf?lang=en")
        assert (printed.status_code, printed.headers["content-type"]) == (200, "application/pdf")
        assert printed.content.startswith(b"%PDF")
    monkeypatch.setenv("PATH", str(tmp_path))
    without = await client.get(f"{path}/briefing.pdf")
    assert (without.status_code, without.headers["content-type"]) == (501, "application/problem+json")
    assert "take the zip" in without.json()["detail"]
    assert (await client.get(f"{path}/briefing.zip")).status_code == 200


async def test_additions_come_back_and_conflicts_are_settled(
    client: httpx.AsyncClient, engine: Engine, tmp_path: Path
) -> None:
    path = await opened(client)
    uuid = (await client.get(path)).json()["uuid"]
    await client.put(path, json={"by": "李四", "version": 1, "name": "我们的"})
    change = {"uuid": str(uuid4()), "of": "incident", "base": {"name": OPENING["name"]}, "values": {"name": "他们的"}}
    note = {"uuid": str(uuid4()), "kind": "note", "text": "三楼有人被困", "position": list(at(5, 5))}
    body = {"format": "cim-incident-additions", "incident": uuid, "by": "前线", "entries": [note], "changes": [change]}
    # at once from several hands: once is enough
    done = await asyncio.gather(*(client.post(f"{path}/additions", json=body) for _ in range(4)))
    assert [one.status_code for one in done] == [200] * 4
    assert sorted(one.json()["status"] for one in done) == ["known", "known", "known", "merged"]
    [conflict] = (await client.get(f"{path}/conflicts")).json()["conflicts"]
    assert (conflict["ours"], conflict["theirs"]) == ({"name": "我们的"}, {"name": "他们的"})
    assert (await client.get(path)).json()["conflicts"] == 1
    address = f"{path}/conflicts/{conflict['id']}/settle"
    assert (await client.post(address, json={"choice": "x", "by": "张三"})).status_code == 400
    settled = await client.post(address, json={"choice": "theirs", "by": "张三"})
    assert (settled.status_code, settled.json()["state"]) == (200, "settled")
    assert (await client.post(address, json={"choice": "ours", "by": "张三"})).status_code == 409
    found = (await client.get(path)).json()
    assert (found["name"], found["conflicts"]) == ("他们的", 0)
    other = await opened(client)
    assert (await client.post(f"{other}/additions", json=body)).status_code == 409
    points = drawn_file(tmp_path / "a.gpkg", uuid, {"text": "水带"}).read_bytes()
    assert "row 1: by" in (await client.post(f"{path}/additions", content=points)).json()["detail"]
    drawn = [await client.post(f"{path}/additions?by=前线", content=points) for _ in range(2)]
    assert [one.json()["entries"] for one in drawn] == [{"new": 1, "known": 0}, {"new": 0, "known": 1}]
    assert (await client.post(f"{other}/additions?by=前线", content=points)).status_code == 409
    broken = await client.post(f"{path}/additions", content=points[:3000])
    assert (broken.status_code, broken.headers["content-type"]) == (422, "application/problem+json")
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(incident)).scalar_one() == 2


async def test_it_is_told_to_all_who_listen(client: httpx.AsyncClient, database_url: str) -> None:
    listening = await psycopg.AsyncConnection.connect(driver_url(database_url), autocommit=True)
    async with listening:
        await listening.execute("listen cim_live")
        path = await opened(client)
        gas = await happened(client)
        await client.post(f"{path}/entries", json={"by": "张三", "kind": "event", "ref": gas})
        await client.post(f"/events/{gas}/state", json={"state": "file", "by": "李四"})
        notices = [orjson.loads(one.payload) async for one in listening.notifies(timeout=1)]
    told = [one["incidents"][0] for one in notices if one["type"] == "incident"]
    assert len(told) == 3  # opened, gathered, and what followed by itself
    assert told[0]["name"] == OPENING["name"]
    assert [told[0]["lon"], told[0]["lat"]] == pytest.approx(OPENING["position"])
    assert told[0]["area_code"] == "440307001002004"


NO_RECEIPT = f"sha256:{'0' * 64}"
WRONG: list[tuple[str, str, bytes, int, str]] = [
    ("POST", "", b"{", 400, "not JSON"),
    ("POST", "", b"[]", 400, "not an object"),
    ("POST", "", orjson.dumps(OPENING | {"name": "a\0b"}), 400, "text of at most"),
    ("POST", "", orjson.dumps(OPENING | {"name": "a" * 121}), 400, "at most 120"),
    ("POST", "", orjson.dumps(OPENING | {"position": [999, 0]}), 400, "longitude"),
    ("POST", "", b'{"name": "\\ud800", "by": "a"}', 400, "not JSON"),
    ("POST", "/1/entries", orjson.dumps(NOTE), 404, "no incident 1"),
    ("POST", "/ID/entries", orjson.dumps(NOTE | {"kind": "tank"}), 400, "use one of"),
    ("POST", "/ID/entries", orjson.dumps(NOTE | {"text": "a" * 4001}), 400, "at most 4000"),
    ("POST", "/ID/entries", orjson.dumps({"by": "a", "kind": "event", "ref": 999999}), 404, "no event"),
    ("POST", "/ID/entries", orjson.dumps({"by": "a", "kind": "unit", "ref": "x"}), 404, "no unit"),
    (
        "POST",
        "/ID/entries",
        orjson.dumps({"by": "a", "kind": "analysis", "ref": NO_RECEIPT}),
        404,
        "kept",
    ),
    ("POST", "/ID/entries", orjson.dumps(NOTE | {"corrects": str(uuid4())}), 404, "no entry"),
    ("POST", "/ID/close", b"{}", 400, "by"),
    ("POST", "/ID/close", b'{"by": "a\\u0000"}', 400, "by"),
    ("POST", "/ID/additions", b'{"format": "x"}', 400, "is right"),
    ("POST", "/ID/additions", b"[" * 3000, 400, "not JSON"),
    ("POST", "/ID/conflicts/7/settle", b'{"choice": "ours", "by": "a"}', 404, "no conflict 7"),
    ("PUT", "/ID", b'{"by": "a"}', 400, "version"),
    ("GET", "/999999", b"", 404, "no incident"),
    ("GET", "/99999999999999999999", b"", 400, "id"),
    ("GET", "/ID?until=yesterday", b"", 400, "yesterday"),
    ("GET", "/ID?until=2999-01-01T00:00:00Z", b"", 400, "still to come"),
    ("GET", "/ID/timeline?until=2001-01-01T00:00:00Z", b"", 404, "was not there"),
    ("GET", "/ID/timeline?limit=1001", b"", 400, "limit"),
    ("GET", "/ID/timeline?after=0", b"", 400, "after"),
    ("GET", "/ID/briefing.pdf?lang=fr", b"", 400, "lang"),
    ("GET", "/999999/briefing.zip", b"", 404, "no incident"),
    ("GET", "/999999/pack", b"", 404, "no incident"),
    ("GET", "?state=lost", b"", 400, "state"),
]


async def test_what_is_wrong_is_told_and_changes_nothing(client: httpx.AsyncClient, engine: Engine) -> None:
    def count() -> int:
        with engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(incident_entry)).scalar_one())

    path = await opened(client)
    before = count()
    for method, tail, body, status, says in WRONG:
        address = path + tail.partition("ID")[2] if "ID" in tail else f"/incidents{tail}"
        answer = await client.request(method, address, content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
            tail, answer.text,
        )  # fmt: skip
        assert says in answer.text, tail
    assert count() == before
