"""A burst main beside a hospital in heavy rain, then a sealed building: from the report to the briefing, by HTTP."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import httpx
import orjson
import pyogrio
import pytest
import shapely
from sqlalchemy import text

from layers.zones.log import verify
from layers.zones.replay import replay

if TYPE_CHECKING:
    from conftest import Pilot

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

#: The hospital that has a water pipe nearest to it, and a place on that pipe.
HOSPITAL = """
select r.id, r.name, ST_X(r.geom) as lon, ST_Y(r.geom) as lat, p.id as pipe, p.source_key as pipe_key,
    ST_X(ST_ClosestPoint(ST_Force2D(p.geom), r.geom)) as burst_lon,
    ST_Y(ST_ClosestPoint(ST_Force2D(p.geom), r.geom)) as burst_lat
from cim.resource r cross join lateral (
    select * from cim.pipe p where p.network = 'water' order by p.geom <-> r.geom limit 1) p
where r.kind = '医院' order by ST_Distance(r.geom::geography, p.geom::geography), r.id limit 1
"""
HOME = """
select id, households from cim.building where geom is not null and households > 20
order by geom <-> ST_SetSRID(ST_MakePoint(:lon, :lat), 4490) limit 1
"""


async def answered(call: Any) -> dict[str, Any]:
    answer = await call
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


async def gather(client: httpx.AsyncClient, incident: int, kind: str, **said: Any) -> dict[str, Any]:
    return await answered(client.post(f"/incidents/{incident}/entries", json={"by": "指挥员", "kind": kind, **said}))


async def test_burst_in_the_rain_then_a_sealed_building(
    client: httpx.AsyncClient, pilot: Pilot, tmp_path: Path
) -> None:
    [place] = pilot.rows(HOSPITAL)
    lon, lat = place.burst_lon, place.burst_lat
    # what happens
    said = {"source": "12345", "source_key": "burst", "type": "供水管爆裂", "title": "医院旁水管爆裂",
            "longitude": lon, "latitude": lat, "occurred_at": "2026-03-02T07:50:00+08:00"}  # fmt: skip
    burst = (await answered(client.post("/events", json=said)))["id"]
    incident = (await answered(client.post("/incidents", json={
        "name": "医院旁爆管", "by": "指挥员", "kind": "供水", "position": [lon, lat]})))["id"]  # fmt: skip
    await gather(client, incident, "event", ref=burst)

    # which valves, and who is without water
    isolated = await answered(client.get(f"/networks/water/isolate?from={lon},{lat}&geometry=true"))
    assert isolated["valves"]
    cascade = await answered(client.get(f"/networks/water/cascade?from={lon},{lat}"))
    assert cascade["receipt"]["hash"]
    await gather(client, incident, "analysis", ref=isolated["receipt"]["hash"], text="关阀方案")

    # heavy rain
    d = 0.004
    frame = {"type": "Polygon", "coordinates": [[[lon - d, lat - d], [lon + d, lat - d], [lon + d, lat + d],
                                                [lon - d, lat + d], [lon - d, lat - d]]]}  # fmt: skip
    rain = {"rain": {"mm": 120, "hours": 2}, "within": frame}
    flood = await answered(client.post("/terrain/flood", json=rain))
    assert flood["volume_m3"] > 0
    await gather(client, incident, "analysis", ref=flood["receipt"]["hash"], text="暴雨积水")

    # who helps, and how to get there past the water and what is closed
    helpers = await answered(client.get(f"/query/nearest?from={lon},{lat}&layer=resources&kind=消防站&n=3&by=road"))
    assert helpers["items"], helpers
    station = helpers["items"][0]
    route = {"from": station["position"], "to": [lon, lat]}
    free = await answered(client.post("/query/route", json=route))
    wet = await client.post("/query/route", json=route | {"closed": {"flood": rain}})
    assert wet.status_code in (200, 404, 409, 422), wet.text
    if wet.status_code == 200:
        assert wet.json()["seconds"] >= free["seconds"] - 1e-6
    reach = await answered(
        client.get(f"/query/isochrone?from={station['position'][0]},{station['position'][1]}&minutes=3,6")
    )
    areas = [shapely.from_geojson(orjson.dumps(one["geometry"])).area for one in reach["features"]]
    assert len(areas) == 2

    # a case in a house near by: three zones
    [home] = pilot.rows(HOME, lon=lon, lat=lat)
    decided = await answered(client.post("/zones/demarcate", json={
        "by": "指挥员", "at": {"building": home.id}, "rule": "block", "name": "医院旁"}))  # fmt: skip
    zones = {one["properties"]["kind"]: one for one in decided["zones"]}
    sealed = zones["sealed"]["id"]
    await gather(client, incident, "zone", ref=sealed)
    assert zones["sealed"]["properties"]["households"]["low"] >= home.households
    stock = await answered(client.get(f"/zones/{sealed}/inventory"))
    counts = {layer["id"]: layer["count"] for theme in stock["themes"] for layer in theme["layers"]}
    sheet = (await client.get(f"/zones/{sealed}/items/buildings?f=csv")).content.decode("utf-8-sig")
    assert len(list(csv.DictReader(StringIO(sheet)))) == counts["buildings"]

    # do the answers still hold
    for digest in (isolated["receipt"]["hash"], flood["receipt"]["hash"]):
        again = await answered(client.post(f"/receipts/{digest}/rerun"))
        assert again["holds"], again
    with pilot.engine.begin() as connection:
        before = connection.execute(text("select state from cim.pipe where id = :id"), {"id": place.pipe}).scalar_one()
        connection.execute(text("update cim.pipe set state = 'closed' where id = :id"), {"id": place.pipe})
        connection.execute(text("update cim.layer set version = version + 1 where id in"
                                " (select layer_id from cim.pipe where id = :id)"), {"id": place.pipe})  # fmt: skip
    changed = await answered(client.post(f"/receipts/{isolated['receipt']['hash']}/rerun"))
    assert changed["layers"], changed
    with pilot.engine.begin() as connection:
        connection.execute(text("update cim.pipe set state = :was where id = :id"), {"was": before, "id": place.pipe})
        connection.execute(text("update cim.layer set version = version + 1 where id in"
                                " (select layer_id from cim.pipe where id = :id)"), {"id": place.pipe})  # fmt: skip

    # the decision replays, the log verifies, tampering is found
    with pilot.engine.connect() as connection:
        assert replay(connection, sealed).holds
        assert verify(connection).broken is None
    with pilot.engine.connect() as connection, connection.begin() as change:
        connection.execute(text("update cim.zone_log set author = 'x' where zone_id = :id"), {"id": sealed})
        broken = verify(connection).broken
        change.rollback()
    assert broken is not None
    assert broken.zone_id == sealed

    await told(client, incident, sealed, tmp_path)


async def told(client: httpx.AsyncClient, incident: int, sealed: int, folder: Path) -> None:
    """The timeline replays, the briefing and the pack hold it all, and what the field adds comes back."""
    early = await answered(client.get(f"/incidents/{incident}/timeline?limit=500"))
    moment = early["until"]
    await gather(client, incident, "note", text="水已关,抢修中")
    late = await answered(client.get(f"/incidents/{incident}/timeline?limit=500"))
    assert len(late["entries"]) == len(early["entries"]) + 1
    again = await client.get(f"/incidents/{incident}/timeline", params={"limit": 500, "until": moment})
    assert again.json()["entries"] == early["entries"]
    kinds = {entry["kind"] for entry in late["entries"]}
    assert {"event", "analysis", "zone", "note", "state"} <= kinds

    briefing = await client.get(f"/incidents/{incident}/briefing.zip")
    assert briefing.status_code == 200, briefing.text
    with ZipFile(BytesIO(briefing.content)) as archive:
        names = archive.namelist()
        [package] = [name for name in names if name.endswith(".gpkg")]
        layers = {str(name) for name, _ in pyogrio.list_layers(archive.extract(package, folder))}
        assert "zones" in layers
        assert any(name.endswith(".png") for name in names)
        assert any(name.endswith(".csv") for name in names)
    pdf = await client.get(f"/incidents/{incident}/briefing.pdf")
    assert pdf.status_code in (200, 501, 503), pdf.text
    if pdf.status_code == 200:
        assert pdf.content.startswith(b"%PDF")
    pack = await client.get(f"/incidents/{incident}/pack")
    assert pack.status_code == 200, pack.text
    with ZipFile(BytesIO(pack.content)) as archive:
        assert archive.testzip() is None
        assert any(name.endswith(".pmtiles") for name in archive.namelist())
    closed = await answered(client.post(f"/incidents/{incident}/close", json={"by": "指挥员"}))
    assert closed["state"] == "closed"
    group = (await answered(client.get(f"/zones/{sealed}")))["properties"]["group"]
    assert (await client.delete(f"/zones/demarcations/{group}?by=x")).status_code == 204
