"""Zones over HTTP: made, changed, taken stock of, by whom it is allowed to."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pyogrio
import pytest
from sqlalchemy import Engine, insert, select, update

from cim.tables import building, grid_cell, unit, zone_log

pytestmark = pytest.mark.anyio

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
SQUARE = {"type": "Polygon", "coordinates": [[[114.2195, 22.6995], [114.222, 22.6995], [114.222, 22.701],
                                              [114.2195, 22.701], [114.2195, 22.6995]]]}  # fmt: skip

CELL = {
    "layer_id": "grid_cells", "source_key": "c", "grid": "management", "code": "440307001001001",
    "area_code": "440307001001001",
    "geom": "SRID=4490;MULTIPOLYGON(((114.21 22.69, 114.24 22.69, 114.24 22.72, 114.21 22.72, 114.21 22.69)))",
}  # fmt: skip


def body(**more: Any) -> dict[str, Any]:
    return {"name": "演练区", "by": "张三"} | more


async def test_a_zone_is_drawn_and_taken_stock_of(clients: Clients, city: Engine) -> None:
    async with clients() as client:
        made = await client.post("/zones", json=body(geometry=SQUARE))
        assert made.status_code == 201, made.text
        path = made.headers["location"]
        assert made.json() == (await client.get(path)).json()
        found = (await client.get(f"{path}/inventory?layers=buildings,cameras")).json()
        drawn = {"geometry": made.json()["geometry"], "layers": ["buildings", "cameras"]}
        asked = (await client.post("/query/inventory", json=drawn)).json()
        assert set(found["receipt"]["layers"]) == {"buildings", "cameras"}
        assert found["themes"] == asked["themes"]
        assert found["total"] == 3  # two houses and a camera
        listed = (await client.get("/zones?limit=1")).json()
        assert [one["id"] for one in listed["features"]] == [made.json()["id"]]
        assert f"after={made.json()['id']}" in listed["links"][0]["href"]
        # it is a layer like any other
        items = (await client.get("/ogc/collections/zones/items")).json()
        assert [one["properties"]["name"] for one in items["features"]] == ["演练区"]

        changed = await client.put(path, json=body(name="二", geometry=SQUARE, version=1))
        assert (changed.status_code, changed.json()["properties"]["version"]) == (200, 2)
        assert (await client.put(path, json=body(geometry=SQUARE, version=1))).status_code == 409
        assert (await client.delete(path)).status_code == 400
        log = (await client.get(f"{path}/log")).json()["entries"]
        assert [entry["action"] for entry in log] == ["create", "change"]
        assert (await client.delete(f"{path}?by=张三")).status_code == 204
        assert (await client.get(path)).status_code == 404
        assert (await client.get(f"{path}/inventory")).status_code == 404


async def test_who_may_draw(clients: Clients, city: Engine, make_key: Callable[..., str]) -> None:
    allowed = {"viewer": 403, "service": 403, "planner": 201, "commander": 201, "admin": 201}
    async with clients() as client:
        for role, status in allowed.items():
            headers = {"Authorization": f"Bearer {make_key(role)}"}
            answer = await client.post("/zones", json=body(geometry=SQUARE), headers=headers)
            assert answer.status_code == status, (role, answer.text)
            assert (await client.get("/zones", headers=headers)).status_code == 200
        street = {"Authorization": f"Bearer {make_key('planner', '440307001')}"}
        answer = await client.post("/zones", json=body(geometry=SQUARE), headers=street)
        assert answer.status_code == 403
        assert "440307001" in answer.json()["detail"]
        assert (await client.get("/zones")).status_code == 401


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"{", "JSON"),
        (b"[]", "not an object"),
        (b'{"name": "a", "by": "b", "geometry": {"type": "Polygon", "coordinates": '
         b"[[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}}", "crossing itself"),
        (b'{"name": "a", "by": "b", "area_code": "999999"}', "999999"),
        (b'{"name": "a", "by": "b", "buffer": {"object": 9223372036854775807, "distance_m": 5}}', "36854775807"),
    ],
)  # fmt: skip
async def test_bad_zones_are_problems(clients: Clients, city: Engine, sent: bytes, says: str) -> None:
    async with clients() as client:
        answer = await client.post("/zones", content=sent)
        assert answer.status_code in (400, 404, 422)
        assert answer.headers["content-type"] == "application/problem+json"
        assert says in answer.json()["detail"]
        assert (await client.get("/zones")).json()["features"] == []


async def test_three_zones_by_http(clients: Clients, city: Engine) -> None:
    with city.begin() as connection:
        connection.execute(insert(grid_cell).values(CELL))
    asked = {"by": "指挥员", "at": {"building": "440307001"}, "name": "演练"}
    async with clients() as client:
        rules = (await client.get("/zones/rules")).json()["rules"]
        assert [one["name"] for one in rules][:2] == ["standard", "block"]
        preview = (await client.post("/zones/demarcate", json=asked | {"dry_run": True})).json()
        assert (preview["log"], (await client.get("/zones")).json()["features"]) == (None, [])
        answer = await client.post("/zones/demarcate", json=asked)
        assert answer.status_code == 200, answer.text
        made = answer.json()
        assert [one["geometry"] for one in made["zones"]] == [one["geometry"] for one in preview["zones"]]
        assert made["receipt"]["layers"]["buildings"]["state"] == "data"
        notes = {note["code"]: note for note in made["receipt"]["notes"]}
        assert notes["membership"]["wording"] == "middle"
        assert "rivers" in notes["no_data"]["values"]["layers"]
        stored = (await client.get("/zones")).json()["features"]
        assert {one["properties"]["kind"] for one in stored} == {"sealed", "controlled", "prevention"}
        assert {one["properties"]["group"] for one in stored} == {made["group"]}
        log = (await client.get("/zones/log")).json()
        assert (len(log["entries"]), log["verified"]) == (3, True)
        assert log["entries"][0]["hash"] == made["log"]["hash"]
        rest = (await client.get(f"/zones/log?after={log['entries'][0]['id']}")).json()
        assert (len(rest["entries"]), rest["verified"]) == (2, True)
        with city.begin() as connection:
            connection.execute(update(zone_log).where(zone_log.c.id == log["entries"][1]["id"]).values(author="x"))
        bad = (await client.get("/zones/log")).json()
        assert (bad["verified"], bad["broken"]["id"]) == (False, log["entries"][1]["id"])
        assert (await client.delete(f"/zones/{stored[0]['id']}?by=x")).status_code == 409
        assert (await client.delete(f"/zones/demarcations/{made['group']}?by=x")).status_code == 204
        assert (await client.delete(f"/zones/demarcations/{made['group']}?by=x")).status_code == 404


async def test_who_may_demarcate(clients: Clients, city: Engine, make_key: Callable[..., str]) -> None:
    with city.begin() as connection:
        connection.execute(insert(grid_cell).values(CELL))
    callers = (("planner", None, 403), ("viewer", None, 403), ("commander", None, 200), ("commander", "440399", 404))
    async with clients() as client:
        for role, area, status in callers:
            headers = {"Authorization": f"Bearer {make_key(role, area)}"}
            asked = {"by": "x", "at": {"building": "440307001"}, "dry_run": True}
            said = await client.post("/zones/demarcate", json=asked, headers=headers)
            assert said.status_code == status, said.text
            whole = await client.get("/zones/log", headers=headers)
            assert whole.status_code == (200 if (role, area) == ("commander", None) else 403)


async def test_lists_have_all_that_the_inventory_counts(clients: Clients, city: Engine, tmp_path: Path) -> None:
    with city.begin() as connection:
        connection.execute(update(building).where(building.c.source_key == "B1").values(residents=3, name="=1+1"))
        connection.execute(update(unit).values(building_id=select(building.c.id).where(building.c.source_key == "B2")
                                               .scalar_subquery()))  # fmt: skip
    async with clients() as client:
        path = (await client.post("/zones", json=body(geometry=SQUARE))).headers["location"]
        stock = (await client.get(f"{path}/inventory?list_limit=0")).json()
        counts = {layer["id"]: layer["count"] for theme in stock["themes"] for layer in theme["layers"]}
        assert (counts["buildings"], counts["cameras"], counts["units"], counts["roads"]) == (2, 1, 1, 1)
        for layer in ("buildings", "cameras", "units", "roads", "rivers"):
            listed = (await client.get(f"{path}/items/{layer}")).json()
            assert len(listed["features"]) == counts[layer], layer
        more = {layer["id"]: layer["more"] for theme in stock["themes"] for layer in theme["layers"]}
        assert (await client.get(more["buildings"])).json()["features"][0]["properties"]["residents"] == 3
        sheet = await client.get(f"{path}/items/buildings?f=csv")
        assert sheet.headers["content-disposition"].endswith('buildings.csv"')
        rows = list(csv.DictReader(StringIO(sheet.content.decode("utf-8-sig"))))
        # no spreadsheet computes it
        assert sorted(row["name"] for row in rows) == ["'=1+1", "龙城2号楼"]
        assert float(rows[0]["longitude"]) == pytest.approx(114.22025, abs=1e-5)
        for layer in ("buildings", "units"):
            file = tmp_path / f"{layer}.gpkg"
            file.write_bytes((await client.get(f"{path}/items/{layer}?f=gpkg")).content)
            table = pyogrio.read_dataframe(file)
            assert len(table) == counts[layer]
        assert (await client.get(f"{path}/items/buildings?f=xls")).status_code == 400
        assert (await client.get(f"{path}/items/nothing")).status_code == 404
        assert (await client.get(f"{path}/items/terrain")).status_code == 404


async def test_lists_show_what_a_role_may_see(clients: Clients, city: Engine, make_key: Callable[..., str]) -> None:
    with city.begin() as connection:
        connection.execute(update(building).where(building.c.source_key == "B1").values(residents=3))
    viewer, commander = ({"Authorization": f"Bearer {make_key(role)}"} for role in ("viewer", "commander"))
    async with clients() as client:
        path = (await client.post("/zones", json=body(geometry=SQUARE), headers=commander)).headers["location"]
        for headers, known in ((viewer, None), (commander, 3)):
            listed = (await client.get(f"{path}/items/buildings", headers=headers)).json()["features"]
            assert listed[0]["properties"]["residents"] == known
            sheet = (await client.get(f"{path}/items/buildings?f=csv", headers=headers)).content.decode("utf-8-sig")
            assert next(csv.DictReader(StringIO(sheet)))["residents"] == ("" if known is None else "3")
        assert (await client.get(f"{path}/items/cameras", headers=viewer)).status_code == 404
