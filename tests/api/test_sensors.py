"""Sensors on the map and car parks over HTTP; the readings of Sant Boi as a series."""

from __future__ import annotations

import asyncio
import csv
import statistics
from pathlib import Path

import httpx
import orjson
import pytest
from sqlalchemy import Engine, insert, text

from cim.importing import ImportContext, ImportOptions, import_paths
from cim.settings import Settings
from cim.tables import parking
from layers.live.sensors.describe import describe_sensors
from layers.sources.register import RegisterImporter
from tests.api.conftest import Clients
from tests.layers.events_town import at, build_town

pytestmark = pytest.mark.anyio


@pytest.fixture
def town(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        found = build_town(connection)
        describe_sensors(connection)
        return found


async def test_a_reading_is_on_the_map_and_listeners_hear_of_it(
    client: httpx.AsyncClient, town: dict[str, int]
) -> None:
    body = [
        {
            "Datastream": {"@iot.id": town["gas"]},
            "components": ["phenomenonTime", "result"],
            "dataArray": [["2026-03-01T00:00:00Z", 3.5]],
        }
    ]
    service = client._transport.app.app.app.others.app.state.service  # type: ignore[attr-defined]
    async with service.live.subscribe() as listener:
        assert (await client.post("/sta/v1.1/CreateObservations", json=body)).status_code == 201
        while (heard := await asyncio.wait_for(listener.queue.get(), 10)).kind != "observation":
            pass
        assert heard.data == {"layer": "sensors"}
    found = (await client.get("/sensors/last")).json()
    assert (found["id"], found["value"], found["time"]) == ([town["gas"]], [3.5], [1772323200])
    assert (found["lon"][0], found["lat"][0]) == pytest.approx(at(130, 110), abs=1e-9)
    assert (await client.get("/sensors/last?places=false")).json() == found | {"lon": [], "lat": []}
    series = (await client.get(f"/sensors/{town['gas']}/series?points=10")).json()
    assert [bucket["count"] for bucket in series["buckets"]] == [1]
    assert (series["code"], series["unit"]) == ("440307RQ00000001", "%LEL")


async def test_a_threshold_set_over_http_raises_an_event(client: httpx.AsyncClient, town: dict[str, int]) -> None:
    made = await client.post("/sensors/thresholds", json={"kind": "燃气", "limit_value": 25})
    assert made.status_code == 201
    listed = (await client.get("/sensors/thresholds")).json()
    found = [(one["type_code"], one["severity"]) for one in listed if one["kind"] == "燃气"]
    assert found == [("A02", 1)]
    line = {"phenomenonTime": "2026-03-01T00:00:00Z", "result": 30}
    assert (await client.post(f"/sta/v1.1/Datastreams({town['gas']})/Observations", json=line)).status_code == 201
    [event] = (await client.get("/events?source=sensor")).json()["events"]
    assert (event["type"], event["room"]) == ("A02", "702")
    assert (await client.delete(f"/sensors/thresholds/{made.json()['id']}")).status_code == 204


async def test_counts_and_the_nearest_car_park(client: httpx.AsyncClient, engine: Engine) -> None:
    lon, lat = at(0, 50)
    with engine.begin() as connection:
        connection.execute(
            insert(parking).values(
                layer_id="parking",
                source_key="P1",
                name="停车场",
                capacity=10,
                free=0,
                geom=f"SRID=4490;POINT({lon} {lat})",
            )
        )
    west, south = at(0, 0)
    address = f"/parking/nearest?lon={west}&lat={south}"
    assert (await client.get(address)).json() == {"parking": []}
    count = [{"code": "P1", "free": 4, "time": "2026-03-01T00:00:00Z"}]
    assert (await client.post("/parking/counts", json=count)).json() == {"changed": ["P1"], "unchanged": []}
    [found] = (await client.get(address)).json()["parking"]
    assert (found["free"], found["distance_m"]) == (4, pytest.approx(50, rel=0.01))
    assert (await client.get(f"{address}&since=2026-03-02T00:00:00Z")).json() == {"parking": []}


@pytest.mark.shared
async def test_the_readings_of_sant_boi(
    clients: Clients, engine: Engine, settings: Settings, shared_data: Path, tmp_path: Path
) -> None:
    """534 daily values of six points of a water utility: imported from CSV, read as datastreams and as series."""
    with (shared_data / "place_santboi" / "scada_readings.csv").open() as source:
        lines = list(csv.DictReader(source))
    path = tmp_path / "readings.csv"
    path.write_text(
        "sensor_code,time,value\n" + "".join(f"{one['c0']},{one['c2']}+00:00,{one['c3']}\n" for one in lines)
    )
    context = ImportContext(ImportOptions(layer="observations"), settings)
    [report] = list(import_paths(engine, [path], context, [RegisterImporter()]))
    assert report.layers["observations"].added == len(lines) == 534
    with engine.begin() as connection:
        describe_sensors(connection)
        ids = dict(connection.execute(text("select code, id from cim.sensor")).all())  # type: ignore[arg-type]
    async with clients() as client:
        for code in {one["c0"] for one in lines}:
            own = sorted((one["c2"], float(one["c3"])) for one in lines if one["c0"] == code)
            options = {
                "$orderby": "phenomenonTime",
                "$top": "1000",
                "$count": "true",
                "$select": "phenomenonTime,result",
            }
            page = (await client.get(f"/sta/v1.1/Datastreams({ids[code]})/Observations", params=options)).json()
            assert page["@iot.count"] == len(own)
            assert [(one["phenomenonTime"], one["result"]) for one in page["value"]] == [
                (f"{time.replace(' ', 'T')}Z", value) for time, value in own
            ]
            span = "from=2015-01-01T00:00:00Z&to=2016-01-01T00:00:00Z&points=1"
            [bucket] = (await client.get(f"/sensors/{ids[code]}/series?{span}")).json()["buckets"]
            values = [value for _, value in own]
            assert (bucket["min"], bucket["max"], bucket["count"]) == (min(values), max(values), len(values))
            assert bucket["avg"] == pytest.approx(statistics.fmean(values))
        assert len(orjson.loads((await client.get("/sensors/last")).content)["id"]) == len(ids)
