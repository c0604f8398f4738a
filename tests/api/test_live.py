"""Who is told of what, and what becomes of those who do not keep up."""

from __future__ import annotations

import anyio
import orjson
import pytest
import shapely
from sqlalchemy import Engine, insert, update

from api.live import QUEUE_LENGTH, LiveEvent, LiveHub
from api.routers.live import Wanted, _layers_wanted, _shown, _zone_wanted
from api.service import Service
from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.provenance import touch_layers
from cim.settings import Settings
from cim.tables import layer, zone

pytestmark = pytest.mark.anyio


def payload(**members: object) -> str:
    return orjson.dumps(members).decode()


async def test_a_caller_is_told_of_what_it_may_see(settings: Settings, database_url: str, city: Engine) -> None:
    service = Service(settings, database_url)
    async with service.running():
        seen = {
            role: [
                bool(await _shown(service, Wanted(Caller(role)), LiveEvent(1, kind, data)))
                for kind, data in (
                    ("layer", {"layer": "buildings"}),
                    ("layer", {"layer": "cameras"}),  # visible to planners
                    ("layer", {"layer": "nowhere"}),
                    ("layer", {}),
                    ("model", {"id": 1}),
                    ("job", {"id": 1, "name": "plan.ifc"}),
                )
            ]
            for role in ("viewer", "service", "planner", "admin")
        }
        job = LiveEvent(1, "job", {"id": 1, "name": "plan.ifc"})
        elsewhere = await _shown(service, Wanted(Caller("planner", "440307001")), job)
    assert seen["viewer"] == seen["service"] == [True, False, False, False, True, False]
    assert seen["planner"] == seen["admin"] == [True, True, False, False, True, True]
    # a file may be of anywhere
    assert elsewhere is None


async def test_events_are_told_by_area_layer_and_place(settings: Settings, database_url: str, city: Engine) -> None:
    told = [
        {"id": 1, "layer_id": "events", "area_code": "440307001001", "lon": 114.2, "lat": 22.7},
        {"id": 2, "layer_id": "events", "area_code": "440307002001", "lon": 114.3, "lat": 22.8},
        {"id": 3, "layer_id": "events"},
    ]
    service = Service(settings, database_url)

    async def ids(wanted: Wanted) -> list[int]:
        shown = await _shown(service, wanted, LiveEvent(1, "event", {"events": told}))
        return [one["id"] for one in shown["events"]] if shown else []

    async with service.running():
        everyone, area = Caller("viewer"), Caller("viewer", "440307001")
        assert await ids(Wanted(everyone)) == [1, 2, 3]
        assert await ids(Wanted(area)) == [1, 3]
        assert await ids(Wanted(everyone, frozenset({"buildings"}))) == []
        assert await ids(Wanted(everyone, frozenset({"events"}), (114.25, 22.0, 115.0, 23.0))) == [2]
        # a triangle whose box holds both
        corner = shapely.Polygon([(114.1, 22.6), (114.4, 22.6), (114.1, 22.9)])
        assert await ids(Wanted(everyone, zone=corner)) == [1]
        with city.begin() as connection:
            connection.execute(update(layer).where(layer.c.id == "events").values(visibility="commander"))
        service.versions.forget()
        assert await ids(Wanted(everyone)) == []
        assert await ids(Wanted(Caller("commander"))) == [1, 2, 3]


async def test_one_who_does_not_keep_up_is_let_go_and_the_others_are_not(database_url: str) -> None:
    hub = LiveHub(database_url, lambda event: None)
    async with hub.subscribe() as slow, hub.subscribe() as quick:
        received = []
        for number in range(QUEUE_LENGTH + 10):
            hub.publish(payload(type="layer", layer="buildings", version=number))
            received.append(await quick.queue.get())
        assert slow.is_late
        assert await slow.queue.get() is None
        assert [event.data["version"] for event in received if event] == list(range(QUEUE_LENGTH + 10))
        assert hub.listeners == 1
    assert hub.listeners == 0


async def test_what_was_missed_is_told_again_by_its_number(database_url: str) -> None:
    hub = LiveHub(database_url, lambda event: None)
    for number in range(5):
        hub.publish(payload(type="layer", layer="buildings", version=number))
    assert [event.data["version"] for event in hub.since(f"{hub.epoch}-3")] == [3, 4]
    for odd in (None, "", "x", "-", "-x", "other-3", f"{hub.epoch}--1", f"{hub.epoch}-x", f"{hub.epoch}-" + "9" * 99):
        assert hub.since(odd) == [], odd


@pytest.mark.parametrize("text", ["", "x", "[]", "1", "null", '{"type": ["layer"]}', '{"type": "other"}'])
async def test_odd_notices_are_left_out(database_url: str, text: str) -> None:
    told: list[object] = []
    hub = LiveHub(database_url, told.append)
    hub.publish(text)
    assert told == []


async def test_a_change_in_the_database_arrives(settings: Settings, database_url: str, city: Engine) -> None:
    service = Service(settings, database_url)
    async with service.running(), service.live.subscribe() as listener:
        await anyio.sleep(0.5)
        with city.begin() as connection:
            touch_layers(connection, ["roads"], "streets", (1.0, 2.0, 3.0, 4.0))
        with anyio.fail_after(5):
            event = await listener.queue.get()
    assert event is not None
    assert (event.kind, event.data["layer"], event.data["bounds"]) == ("layer", "roads", [1.0, 2.0, 3.0, 4.0])


async def test_themes_and_zones_are_those_that_a_caller_may_see(
    settings: Settings, database_url: str, city: Engine
) -> None:
    ring = [(114.1, 22.6), (114.4, 22.6), (114.1, 22.9), (114.1, 22.6)]
    shape = f"SRID=4490;{shapely.MultiPolygon([shapely.Polygon(ring)]).wkt}"
    values = {"layer_id": "zones", "source_key": "Z", "name": "演练区", "area_code": "440307001", "geom": shape}
    with city.begin() as connection:
        number = connection.execute(insert(zone).values(values).returning(zone.c.id)).scalar_one()
    service = Service(settings, database_url)
    async with service.running():
        sensing = await _layers_wanted(service, Caller("viewer"), None, ["sensing"])
        assert sensing == {"sensors"}  # cameras are visible to planners
        assert await _layers_wanted(service, Caller("planner"), ["events"], ["sensing"]) == {
            "sensors", "cameras", "events",
        }  # fmt: skip
        assert await _layers_wanted(service, Caller("viewer"), None, None) is None
        with pytest.raises(InvalidInput, match="no theme 'nothing'"):
            await _layers_wanted(service, Caller("viewer"), None, ["sensing", "nothing"])
        assert shapely.Polygon(ring).equals(await _zone_wanted(service, number, Caller("planner")))
        for caller, wanted in ((Caller("planner", "440307002"), number), (Caller("planner"), number + 1)):
            with pytest.raises(NotFound, match="no zone"):
                await _zone_wanted(service, wanted, caller)
