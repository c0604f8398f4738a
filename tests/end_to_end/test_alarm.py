"""Gas in a room on the seventh storey of a placed model: from the reading to the closed event, by HTTP and by MQTT."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import orjson
import pytest

from cim.db import make_engine
from layers.live.events.responsibility import replace_responsibilities
from layers.live.sensors.mqtt import Broker
from tests.layers.test_sensors_mqtt import broker, listening, publish

if TYPE_CHECKING:
    from conftest import Pilot

pytestmark = [pytest.mark.slow, pytest.mark.anyio]
__all__ = ["broker"]

ROOM = """
select s.id, s.global_id, s.storey_id, s.building_id, b.area_code,
    ST_X(ST_PointOnSurface(s.geom)) as lon, ST_Y(ST_PointOnSurface(s.geom)) as lat
from cim.space s join cim.storey t on t.id = s.storey_id join cim.building b on b.id = s.building_id
join cim.model m on m.id = s.model_id
where t.number = 7 and m.placement is not null and s.global_id is not null and s.geom is not null
order by s.id limit 1 offset :which
"""
LIMIT = 25.0

Report = Callable[[httpx.AsyncClient, int, str, float], Any]


async def mount(client: httpx.AsyncClient, room: Any, name: str) -> int:
    """Mount a gas detector in a room, as its owner's system does; its datastream's id."""
    made = await client.post("/sta/v1.1/Things", json={
        "name": name, "description": "", "properties": {"space_global_id": room.global_id},
        "Locations": [{"name": name, "description": "", "encodingType": "application/geo+json",
                       "location": {"type": "Point", "coordinates": [room.lon, room.lat]}}],
        "Datastreams": [{
            "name": name, "description": "", "observationType": "OM_Measurement",
            "unitOfMeasurement": {"name": "percent of the lower explosive limit", "symbol": "%LEL", "definition": ""},
            "Sensor": {"name": "detector", "description": "", "encodingType": "text/plain", "metadata": "m"},
            "ObservedProperty": {"name": "可燃气体", "description": "", "definition": "urn:gas"},
        }],
    })  # fmt: skip
    assert made.status_code == 201, made.text
    streams = (await client.get(made.headers["location"] + "/Datastreams")).json()["value"]
    number = int(streams[0]["@iot.id"])
    limit = {"sensor_id": number, "direction": "above", "limit_value": LIMIT, "hysteresis": 2.0, "type_code": "A02",
             "severity": 1}  # fmt: skip
    assert (await client.post("/sensors/thresholds", json=limit)).status_code == 201
    return number


async def found(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    """Return the event that a detector has raised, as soon as it is there."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        listed = (await client.get("/events?source=sensor&limit=50")).json()["events"]
        mine = [one for one in listed if name in (one["title"] or "")]
        if mine:
            assert len(mine) == 1
            return dict(mine[0])
        await anyio.sleep(0.1)
    raise AssertionError("no event was raised")


async def run_through(client: httpx.AsyncClient, room: Any, name: str, report: Callable[[float], Any]) -> None:
    await report(3.0)
    await report(40.0)
    event = await found(client, name)
    assert (event["type_code"], event["severity"], event["state"]) == ("A02", 1, "collect")
    # where: the room of the model, on its storey
    assert (event["building_id"], event["storey_id"], event["storey_number"], event["space_id"]) == (
        room.building_id, room.storey_id, 7, room.id
    )  # fmt: skip
    assert event["location"]["confidence"] > 0.9
    # who, and until when
    assert event["responsible"] == "燃气应急队"
    assert event["due_at"] > event["state_since"]
    # what is around
    context = (await client.get(f"/events/{event['id']}/context")).json()
    assert context["building"]["items"][0]["id"] == room.building_id
    assert context["building"]["items"][0]["models"]
    assert context["room"]["items"][0]["space_id"] == room.id
    own = [item for item in context["sensors"]["items"] if item["value"] == 40.0]
    assert own
    assert own[0]["distance_m"] < 1
    assert context["cell"]["state"] == context["help"]["state"] == "found"
    assert context["pipes"]["state"] in ("found", "none")
    assert all(item["road_s"] is None or item["road_s"] > 0 for item in context["help"]["items"])
    # the same reading again raises nothing
    await report(41.0)
    assert (await found(client, name))["id"] == event["id"]
    await report(5.0)
    for state in ("file", "dispatch", "handle", "feedback", "close"):
        done = await client.post(f"/events/{event['id']}/state", json={"state": state, "by": "指挥中心"})
        assert done.status_code == 200, done.text
    log = [step["action"] for step in (await client.get(f"/events/{event['id']}")).json()["log"]]
    assert log == ["collect", "over", "file", "dispatch", "handle", "feedback", "close"]


@pytest.fixture
def parties(pilot: Pilot, tmp_path: Path) -> None:
    table = tmp_path / "责任清单.csv"
    table.write_text("area_code,type_code,party\n,,区城管中心\n,A02,燃气应急队\n", encoding="utf-8")
    with pilot.engine.begin() as connection:
        replace_responsibilities(connection, table)


@pytest.mark.usefixtures("parties")
async def test_gas_on_the_seventh_storey_by_http(client: httpx.AsyncClient, pilot: Pilot) -> None:
    [room] = pilot.rows(ROOM, which=0)
    number = await mount(client, room, "燃气探测器甲")
    times = iter(range(60))

    async def report(value: float) -> None:
        when = f"2026-03-02T08:{next(times):02}:00+08:00"
        body = {"phenomenonTime": when, "result": value}
        answer = await client.post(f"/sta/v1.1/Datastreams({number})/Observations", json=body)
        assert answer.status_code == 201, answer.text

    await run_through(client, room, "燃气探测器甲", report)


@pytest.mark.usefixtures("parties")
async def test_gas_on_the_seventh_storey_by_mqtt(client: httpx.AsyncClient, pilot: Pilot, broker: Broker) -> None:
    [room] = pilot.rows(ROOM, which=1)
    number = await mount(client, room, "燃气探测器乙")
    times = iter(range(60))
    engine = make_engine(str(pilot.settings.database_url))

    async def report(value: float) -> None:
        when = f"2026-03-03T09:{next(times):02}:00+08:00"
        body = orjson.dumps({"phenomenonTime": when, "result": value})
        topic = f"v1.1/Datastreams({number})/Observations"
        await anyio.to_thread.run_sync(publish, broker, (topic, body))
        end = time.monotonic() + 20
        while time.monotonic() < end:
            last = await client.get(f"/sta/v1.1/Datastreams({number})/Observations?$orderby=phenomenonTime desc&$top=1")
            if last.json()["value"] and last.json()["value"][0]["result"] == value:
                return
            await anyio.sleep(0.1)
        raise AssertionError("the reading did not come")

    with listening(broker, engine):
        await run_through(client, room, "燃气探测器乙", report)
    engine.dispose()
