"""SensorThings over HTTP: entities made, read, filtered, changed; observations in bulk; who may do what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import Engine, func, select

from cim.tables import datastream, last_observation, observation, sensor
from layers.live.sensors.describe import describe_sensors
from tests.api.conftest import Clients
from tests.layers.events_town import add, at, build_town

pytestmark = pytest.mark.anyio
ROOT = "/sta/v1.1"


@pytest.fixture
def town(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        found = build_town(connection)
        describe_sensors(connection)
        return found


def thing(name: str = "thing", *, lon: float = 114.2201, lat: float = 22.7001, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "description": "d",
        "Locations": [
            {
                "name": "l",
                "description": "",
                "encodingType": "application/geo+json",
                "location": {"type": "Point", "coordinates": [lon, lat]},
            }
        ],
        "Datastreams": [
            {
                "name": f"{name} level",
                "description": "",
                "observationType": "OM_Measurement",
                "unitOfMeasurement": {"name": "Metre", "symbol": "m", "definition": ""},
                "Sensor": {"name": "gauge", "description": "", "encodingType": "text/plain", "metadata": "m"},
                "ObservedProperty": {"name": "水位", "description": "", "definition": "urn:level"},
            }
        ],
    } | more


async def make(client: httpx.AsyncClient, path: str, body: Any) -> int:
    answer = await client.post(f"{ROOT}{path}", json=body)
    assert answer.status_code == 201, answer.text
    number: int = answer.json()["@iot.id"]
    assert answer.headers["location"].endswith(f"({number})")
    return number


async def get(client: httpx.AsyncClient, path: str, **options: Any) -> Any:
    answer = await client.get(f"{ROOT}{path}", params={f"${name}": value for name, value in options.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_root_lists_the_sets(client: httpx.AsyncClient) -> None:
    for path in ("", "/"):
        found = await get(client, path)
        assert {one["name"] for one in found["value"]} == {
            "Things",
            "Locations",
            "HistoricalLocations",
            "Datastreams",
            "Sensors",
            "ObservedProperties",
            "Observations",
            "FeaturesOfInterest",
        }
    for one in found["value"]:
        assert (await client.get(one["url"])).status_code == 200
    assert any(word.endswith("req/datamodel/thing") for word in found["serverSettings"]["conformance"])


async def test_a_registered_sensor_is_a_thing_with_a_datastream(
    client: httpx.AsyncClient, town: dict[str, int]
) -> None:
    found = await get(client, f"/Things({town['gas']})", expand="Datastreams/ObservedProperty,Locations")
    assert found["properties"]["code"] == "440307RQ00000001"
    assert found["Datastreams"][0]["@iot.id"] == town["gas"]
    assert found["Datastreams"][0]["ObservedProperty"]["name"] == "燃气"
    lon, lat = at(130, 110)
    assert found["Locations"][0]["location"]["coordinates"] == pytest.approx([lon, lat], abs=1e-7)
    refused = await client.patch(f"{ROOT}/Things({town['gas']})", json={"name": "x"})
    assert refused.status_code == 409


async def test_the_entity_set_of_frost_is_taken(client: httpx.AsyncClient, shared_data: Path) -> None:
    body = orjson.loads((shared_data / "conformance/sensorthings/entitiesDefault.json").read_bytes())
    number = await make(client, "/Things", body)
    found = await get(
        client,
        f"/Things({number})",
        expand="Locations,HistoricalLocations/Locations,Datastreams($orderby=id;$expand=Sensor,ObservedProperty,"
        "Observations($orderby=phenomenonTime;$expand=FeatureOfInterest))",
    )
    for name in ("name", "description", "properties"):
        assert found[name] == body[name]
    assert found["Locations"][0]["location"] == body["Locations"][0]["location"]
    assert found["HistoricalLocations"][0]["Locations"][0]["@iot.id"] == found["Locations"][0]["@iot.id"]
    for made, said in zip(found["Datastreams"], body["Datastreams"], strict=True):
        for name in ("name", "description", "unitOfMeasurement", "observationType"):
            assert made[name] == said[name]
        for name in ("Sensor", "ObservedProperty"):
            assert {key: made[name][key] for key in said[name]} == said[name]
        results = [(one["phenomenonTime"], one["result"]) for one in made["Observations"]]
        assert results == [(one["phenomenonTime"], one["result"]) for one in said["Observations"]]
        assert {one["FeatureOfInterest"]["feature"]["coordinates"][0] for one in made["Observations"]} == {-117.05}
    first = found["Datastreams"][0]
    assert first["phenomenonTime"] == "2015-03-03T00:00:00Z/2015-03-04T00:00:00Z"


@pytest.mark.parametrize("gone", ["name", "description"])
async def test_what_must_be_there_is_asked_for(client: httpx.AsyncClient, gone: str) -> None:
    answer = await client.post(f"{ROOT}/Things", json={name: "x" for name in ("name", "description") if name != gone})
    assert answer.status_code == 400
    assert gone in answer.json()["detail"]


async def test_a_deep_insert_is_all_or_nothing(client: httpx.AsyncClient) -> None:
    body = thing()
    del body["Datastreams"][0]["Sensor"]["metadata"]
    before = (await get(client, "/Things", count="true", top=0))["@iot.count"]
    assert (await client.post(f"{ROOT}/Things", json=body)).status_code == 400
    assert (await get(client, "/Things", count="true", top=0))["@iot.count"] == before


async def test_a_datastream_is_a_sensor_of_the_map(client: httpx.AsyncClient, engine: Engine) -> None:
    number = await make(client, "/Things", thing(properties={"building_code": "4403070010010001"}))
    stream = (await get(client, f"/Things({number})/Datastreams"))["value"][0]["@iot.id"]
    with engine.connect() as connection:
        columns = (sensor.c.kind, sensor.c.unit, sensor.c.area_code, func.ST_X(sensor.c.geom), sensor.c.building_id)
        row = connection.execute(select(*columns).where(sensor.c.id == stream)).one()
        assert tuple(row[:4]) == ("水位", "m", "440307001002004", 114.2201)
        assert row.building_id is not None


async def test_observations_one_by_one_and_told_again(client: httpx.AsyncClient, engine: Engine) -> None:
    number = await make(client, "/Things", thing())
    stream = (await get(client, f"/Things({number})/Datastreams"))["value"][0]["@iot.id"]
    body = {
        "phenomenonTime": "2026-03-01T08:00:00+08:00",
        "result": 1.5,
        "parameters": {"a": 1},
        "resultTime": "2026-03-01T00:00:05Z",
        "Datastream": {"@iot.id": stream},
    }
    first = await client.post(f"{ROOT}/Observations", json=body)
    assert first.status_code == 201
    assert first.headers["location"].endswith(f"/Observations('{stream}-1772323200000000')")
    again = await client.post(f"{ROOT}/Datastreams({stream})/Observations", json=body | {"Datastream": None})
    assert again.json() == first.json()
    found = (await client.get(first.headers["location"])).json()
    assert (found["phenomenonTime"], found["result"], found["parameters"]) == ("2026-03-01T00:00:00Z", 1.5, {"a": 1})
    assert found["resultTime"] == "2026-03-01T00:00:05Z"
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(observation)).scalar_one() == 1


async def test_results_of_every_kind_come_back_as_they_were(client: httpx.AsyncClient) -> None:
    number = await make(client, "/Things", thing())
    stream = (await get(client, f"/Things({number})/Datastreams"))["value"][0]["@iot.id"]
    results = [3, 2.5, "text", True, {"a": [1, None]}, [1, 2], None, 2**60, -0.125, 'q"\\{},']
    for hour, result in enumerate(results):
        body = {"phenomenonTime": f"2026-03-01T{hour:02}:00:00Z", "result": result}
        assert (await client.post(f"{ROOT}/Datastreams({stream})/Observations", json=body)).status_code == 201
    lines = [[f"2026-03-02T{hour:02}:00:00Z", result] for hour, result in enumerate(results)]
    arrays = [{"Datastream": {"@iot.id": stream}, "components": ["phenomenonTime", "result"], "dataArray": lines}]
    assert (await client.post(f"{ROOT}/CreateObservations", json=arrays)).status_code == 201
    found = (await get(client, f"/Datastreams({stream})/Observations", orderby="phenomenonTime"))["value"]
    assert [one["result"] for one in found] == results * 2
    assert [type(one["result"]) for one in found[:2]] == [int, float]


async def test_data_arrays_tell_each_line(client: httpx.AsyncClient, engine: Engine) -> None:
    number = await make(client, "/Things", thing())
    stream = (await get(client, f"/Things({number})/Datastreams"))["value"][0]["@iot.id"]
    lines = [["2026-03-01T00:00:00Z", 1], ["yesterday", 2], ["2026-03-01T01:00:00Z", 3], ["2026-03-01T02:00:00Z"]]
    body = [
        {"Datastream": {"@iot.id": stream}, "components": ["phenomenonTime", "result"], "dataArray": lines},
        {"Datastream": {"@iot.id": 10**9}, "components": ["phenomenonTime", "result"], "dataArray": lines[:1]},
        {
            "Datastream": {"@iot.id": stream},
            "components": ["result", "phenomenonTime", "resultTime"],
            "dataArray": [[4, "2026-03-01T03:00:00Z", "2026-03-01T03:00:01Z"]],
        },
    ]
    answer = await client.post(f"{ROOT}/CreateObservations", json=body)
    assert answer.status_code == 201
    told = answer.json()
    assert [line.startswith("error") for line in told] == [False, True, False, True, True, False]
    assert "yesterday" in told[1]
    assert (await client.get(told[5])).json()["resultTime"] == "2026-03-01T03:00:01Z"
    with engine.connect() as connection:
        assert connection.execute(select(observation.c.value).order_by(observation.c.value)).scalars().all() == [
            1,
            3,
            4,
        ]
        last = connection.execute(select(last_observation.c.value).where(last_observation.c.sensor_id == stream))
        assert last.scalar_one() == 4
    read = await get(client, f"/Datastreams({stream})/Observations", resultFormat="dataArray", orderby="phenomenonTime")
    assert [line[3] for line in read["value"][0]["dataArray"]] == [1, 3, 4]


async def test_pages_hold_every_entity_once(client: httpx.AsyncClient) -> None:
    for number in range(7):
        await make(client, "/Things", {"name": f"n{number % 3}", "description": ""} if number else thing())
    for order in (None, "name desc"):
        options = {"top": 2, "count": "true"} | ({"orderby": order} if order else {})
        page, ids, pages = await get(client, "/Things", **options), [], 1
        total = page["@iot.count"]
        ids += [one["@iot.id"] for one in page["value"]]
        while "@iot.nextLink" in page:
            page = (await client.get(page["@iot.nextLink"])).json()
            ids += [one["@iot.id"] for one in page["value"]]
            pages += 1
        assert len(ids) == len(set(ids)) == total == 8
        assert pages == 4


FILTERS = [
    ("Things", "name eq 'a'", ["a"]),
    ("Things", "name ne 'a' and startswith(name,'b')", ["b"]),
    ("Things", "not (name eq 'a') and (name eq 'a' or name eq 'b')", ["b"]),
    ("Things", "properties/floor gt 2", ["b"]),
    ("Things", "properties/floor add 1 eq 3", ["a"]),
    ("Things", "properties/owner/name eq 'X'", ["b"]),
    ("Things", "substringof('a',name) and length(name) eq 1", ["a"]),
    ("Things", "Datastreams/Observations/result gt 5", ["b"]),
    ("Things", "Datastreams/ObservedProperty/name eq '水位' and name eq 'a'", ["a"]),
    ("Things", "Locations/location/type eq 'Point' and toupper(name) eq 'B'", ["b"]),
    ("Locations", "geo.distance(location,geography'POINT (114.2201 22.7001)') lt 20 and name eq 'l'", ["l"]),
    (
        "Locations",
        "st_within(location,geography'POLYGON ((114.23 22.69,114.25 22.69,114.25 22.72,114.23 22.72,114.23 22.69))')",
        ["l"],
    ),
    ("Datastreams", "unitOfMeasurement/symbol eq 'm' and Thing/name eq 'a'", ["a level"]),
    ("Datastreams", "Observations/phenomenonTime ge 2026-03-02T00:00:00Z", ["b level"]),
]


async def test_filters(client: httpx.AsyncClient) -> None:
    first, second = {"floor": 2}, {"floor": 3, "owner": {"name": "X"}}
    one, two = thing("a", properties=first), thing("b", lon=114.24, lat=22.71, properties=second)
    one["Datastreams"][0]["Observations"] = [{"phenomenonTime": "2026-03-01T00:00:00Z", "result": 1}]
    two["Datastreams"][0]["Observations"] = [{"phenomenonTime": "2026-03-02T00:00:00Z", "result": 9}]
    for body in (one, two):
        await make(client, "/Things", body)
    for plural, text, names in FILTERS:
        found = await get(client, f"/{plural}", filter=text, count="true")
        assert [each["name"] for each in found["value"]] == names, text
        assert found["@iot.count"] == len(names)
    times = [
        ("result gt 1", [9]),
        ("result le 1", [1]),
        ("phenomenonTime lt 2026-03-01T08:00:01+08:00", [1]),
        ("phenomenonTime gt now() sub duration'P1D'", []),
        ("year(phenomenonTime) eq 2026 and day(phenomenonTime) eq 2", [9]),
        ("Datastream/Thing/name eq 'a'", [1]),
        ("result mul 2 eq 18 and result mod 4 eq 1", [9]),
        ("resultTime eq null", [1, 9]),
    ]
    for text, results in times:
        found = await get(client, "/Observations", filter=text, orderby="result")
        assert [each["result"] for each in found["value"]] == results, text


async def test_select_properties_and_references(client: httpx.AsyncClient) -> None:
    number = await make(client, "/Things", thing("a", properties={"x": 1}))
    assert await get(client, f"/Things({number})", select="name") == {"name": "a"}
    assert await get(client, f"/Things({number})/name") == {"name": "a"}
    plain = await client.get(f"{ROOT}/Things({number})/name/$value")
    assert (plain.text, plain.headers["content-type"]) == ("a", "text/plain; charset=utf-8")
    refs = await get(client, f"/Things({number})/Datastreams/$ref")
    assert list(refs["value"][0]) == ["@iot.selfLink"]
    nested = await get(client, f"/Things({number})", expand="Datastreams($select=name;$expand=Sensor($select=name))")
    assert nested["Datastreams"][0]["Sensor"] == {"name": "gauge"}


async def test_changes_and_removals(client: httpx.AsyncClient, engine: Engine) -> None:
    number = await make(client, "/Things", thing())
    stream = (await get(client, f"/Things({number})/Datastreams"))["value"][0]["@iot.id"]
    assert (await client.patch(f"{ROOT}/Things({number})", json={"name": "new"})).status_code == 200
    assert (await get(client, f"/Things({number})"))["name"] == "new"
    place = await make(client, "/Locations", thing(lon=114.25)["Locations"][0])
    moved = await client.patch(f"{ROOT}/Things({number})", json={"Locations": [{"@iot.id": place}]})
    assert moved.status_code == 200
    assert len((await get(client, f"/Things({number})/HistoricalLocations"))["value"]) == 2
    assert [one["@iot.id"] for one in (await get(client, f"/Things({number})/Locations"))["value"]] == [place]
    with engine.connect() as connection:
        assert connection.execute(select(func.ST_X(sensor.c.geom)).where(sensor.c.id == stream)).scalar_one() == 114.25
    corrected = {"location": {"type": "Point", "coordinates": [114.2195, 22.7001]}}
    assert (await client.patch(f"{ROOT}/Locations({place})", json=corrected)).status_code == 200
    with engine.connect() as connection:
        chosen = select(func.ST_X(sensor.c.geom), sensor.c.area_code).where(sensor.c.id == stream)
        assert tuple(connection.execute(chosen).one()) == (114.2195, "440307001002003")
    for hour in (1, 2):
        body = {"phenomenonTime": f"2026-03-01T0{hour}:00:00Z", "result": hour}
        made = await client.post(f"{ROOT}/Datastreams({stream})/Observations", json=body)
    assert (await client.patch(made.headers["location"], json={"result": 7})).status_code == 200
    assert (await client.get(made.headers["location"])).json()["result"] == 7
    assert (await client.delete(made.headers["location"])).status_code == 200
    with engine.connect() as connection:
        assert connection.execute(select(last_observation.c.value)).scalar_one() == 1
    assert (await client.delete(f"{ROOT}/Things({number})")).status_code == 200
    assert (await client.get(f"{ROOT}/Datastreams({stream})")).status_code == 404
    with engine.connect() as connection:
        for table in (observation, last_observation):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0
        assert connection.execute(select(datastream.c.id).where(datastream.c.id == stream)).first() is None


async def test_roles_and_areas(
    clients: Clients, make_key: Callable[..., str], town: dict[str, int], engine: Engine
) -> None:
    with engine.begin() as connection:
        for name, area in (("near", "440307001001"), ("far", "440307001002")):
            town[name] = add(connection, sensor, "sensors", name, code=name, kind="水位", area_code=area, geom=None)
        describe_sensors(connection)
    keys = {role: {"Authorization": f"Bearer {make_key(role)}"} for role in ("viewer", "service")}
    area = {"Authorization": f"Bearer {make_key('service', '440307001001')}"}
    line = {"phenomenonTime": "2026-03-01T00:00:00Z", "result": 1}
    async with clients() as client:
        assert (await client.get(f"{ROOT}/Things")).status_code == 401
        for path in ("/Things", "/CreateObservations"):
            assert (await client.post(f"{ROOT}{path}", json={}, headers=keys["viewer"])).status_code == 403
        assert (await client.delete(f"{ROOT}/Things(1)", headers=keys["viewer"])).status_code == 403
        for path, status in (("near", 201), ("far", 400)):
            answer = await client.post(f"{ROOT}/Datastreams({town[path]})/Observations", json=line, headers=area)
            assert answer.status_code == status
        await client.post(f"{ROOT}/Datastreams({town['far']})/Observations", json=line, headers=keys["service"])
        for plural in ("Things", "Datastreams"):
            assert (await client.get(f"{ROOT}/{plural}({town['near']})", headers=area)).status_code == 200
            assert (await client.get(f"{ROOT}/{plural}({town['far']})", headers=area)).status_code == 404
        seen = (await client.get(f"{ROOT}/Observations?$count=true", headers=area)).json()
        assert seen["@iot.count"] == 1
        through = {"$filter": "Datastreams/Thing/name eq 'far'"}
        assert (await client.get(f"{ROOT}/Sensors", params=through, headers=area)).json()["value"] == []
        outside = await client.post(f"{ROOT}/Things", json=thing(), headers=area)
        assert outside.status_code == 403
        sensors = (await client.get("/sensors/last", headers=area)).json()
        assert town["near"] in sensors["id"]
        assert town["far"] not in sensors["id"]
        assert (await client.get(f"/sensors/{town['far']}/series", headers=area)).status_code == 404
