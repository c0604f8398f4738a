"""Conflicts and earlier moments over HTTP: who may decide, what is answered, what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from tests.api.conftest import Clients

pytestmark = pytest.mark.anyio


@pytest.fixture
def dispute(city: Engine) -> int:
    """Two sources that disagree on the height of the first building."""
    with city.begin() as connection:
        run = connection.execute
        (building,) = run(text("select id from cim.building where code = '440307001'")).scalars()
        claims = []
        for name, kind, height in (("plan", "footprint", 10), ("model", "ifc", 13)):
            dataset = run(
                text(
                    "insert into cim.dataset (name, file_name, format, checksum, size_bytes)"
                    " values (:n, :n, 't', '\\x00', 1) returning id"
                ),
                {"n": name},
            ).scalar_one()
            source = run(
                text(
                    "insert into cim.building_source (dataset_id, source_key, kind, building_id, code, fields, geom)"
                    " select :d, 'k', :k, id, code, jsonb_build_object('height_m', cast(:h as int)), geom"
                    " from cim.building where id = :b returning id"
                ),
                {"d": dataset, "k": kind, "h": height, "b": building},
            ).scalar_one()
            claims.append(f'{{"source_id": {source}, "value": {height}}}')
        return int(
            run(
                text(
                    "insert into cim.conflict (building_id, field, claims, severity)"
                    " values (:b, 'height_m', cast(:c as jsonb), 0.2) returning id"
                ),
                {"b": building, "c": f"[{','.join(claims)}]"},
            ).scalar_one()
        )


async def test_a_planner_settles_and_a_viewer_may_not(
    clients: Clients, dispute: int, make_key: Callable[..., str], city: Engine
) -> None:
    path = f"/buildings/conflicts/{dispute}"
    viewer, planner = make_key("viewer"), make_key("planner")
    async with clients(authorization=f"Bearer {viewer}") as client:
        found = (await client.get("/buildings/conflicts")).json()["conflicts"]
        assert [(entry["id"], entry["field"], entry["severity"]) for entry in found] == [(dispute, "height_m", 0.2)]
        refused = await client.post(path, json={"by": "x", "value": 12})
        assert (refused.status_code, refused.json()["status"]) == (403, 403)
    async with clients(authorization=f"Bearer {planner}") as client:
        settled = await client.post(path, json={"by": "李工", "value": 12})
        assert settled.status_code == 200, settled.text
        assert (settled.json()["chosen"], settled.json()["settled"]["by"]) == (12, "李工")
        assert (await client.get("/buildings/conflicts")).json()["conflicts"] == []
        assert len((await client.get("/buildings/conflicts?status=all")).json()["conflicts"]) == 1
        wrong = await client.post(path, json={"by": "x", "value": "high"})
        assert (wrong.status_code, "number" in wrong.json()["detail"]) == (400, True)
        assert (await client.get("/buildings/conflicts?field=colour")).status_code == 400
        assert (await client.delete(path)).json()["chosen"] == 13
    with city.connect() as connection:
        heights = connection.execute(text("select height_m from cim.building where code = '440307001'")).scalars().all()
    assert heights == [13]


async def test_pages_of_conflicts_are_linked(clients: Clients, dispute: int, city: Engine) -> None:
    with city.begin() as connection:
        connection.execute(
            text(
                "insert into cim.conflict (building_id, field, claims, severity)"
                " select building_id, 'use', '[]', 0.5 from cim.conflict"
            )
        )
    async with clients() as client:
        first = (await client.get("/buildings/conflicts?limit=1")).json()
        assert [entry["field"] for entry in first["conflicts"]] == ["use"]
        (link,) = first["links"]
        second = (await client.get(link["href"])).json()
        assert [entry["field"] for entry in second["conflicts"]] == ["height_m"]
        assert "links" not in second


async def test_earlier_moments_over_http(clients: Clients, city: Engine) -> None:
    with city.begin() as connection:
        moment = connection.execute(text("select now() - interval '1 microsecond'")).scalar_one().isoformat()
        connection.execute(text("update cim.building set name = '新名', recorded_at = now() where code = '440307001'"))
        number = connection.execute(text("select id from cim.building where code = '440307001'")).scalar_one()
    ring = [[114.2, 22.6], [114.3, 22.6], [114.3, 22.8], [114.2, 22.8], [114.2, 22.6]]
    zone = {"type": "Polygon", "coordinates": [ring]}
    asked = {"asof": moment}
    async with clients() as client:
        for path in (f"/objects/{number}", f"/ogc/collections/buildings/items/{number}"):
            now, then = (await client.get(path)).text, (await client.get(path, params=asked)).text
            assert ("新名" in now, "新名" in then, "龙城1号楼" in then) == (True, False, True), path
        page = (await client.get("/ogc/collections/buildings/items", params=asked)).json()
        assert sorted(feature["properties"]["name"] for feature in page["features"])[0] == "龙城1号楼"
        body = (await client.post("/query/inventory", params=asked, json=zone)).json()
        assert "龙城1号楼" in str(body["themes"])
        empty = (await client.post("/query/inventory", params={"asof": "2020-01-01T00:00:00Z"}, json=zone)).json()
        assert empty["total"] == 0
        for path in (f"/objects/{number}", "/ogc/collections/buildings/items"):
            wrong = await client.get(path, params={"asof": "yesterday"})
            assert (wrong.status_code, "instant" in wrong.json()["detail"]) == (400, True)
