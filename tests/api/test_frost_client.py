"""The official client of FROST-Server, unmodified, against a served process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from geojson import Point

from cim.settings import Settings
from tests.api.test_serve import serving

fsc = pytest.importorskip("frost_sta_client", reason="needs frost-sta-client")


@pytest.fixture
def service(settings: Settings) -> Iterator[object]:
    with serving(settings) as (_, address):
        yield fsc.SensorThingsService(f"{address}/sta/v1.1")


def _thing() -> object:
    place = fsc.Location(
        name="place", description="where", location=Point((114.22, 22.70)), encoding_type="application/geo+json"
    )
    unit = fsc.UnitOfMeasurement(name="Metre", symbol="m", definition="http://qudt.org/vocab/unit/M")
    stream = fsc.Datastream(
        name="level",
        description="of the water",
        observation_type="OM_Measurement",
        unit_of_measurement=unit,
        observed_property=fsc.ObservedProperty(name="水位", definition="urn:level", description="level"),
        sensor=fsc.Sensor(name="gauge", description="radar", encoding_type="text/plain", metadata="none"),
    )
    return fsc.Thing(
        name="station",
        description="at the river",
        properties={"river": "龙岗河"},
        locations=[place],
        datastreams=[stream],
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:furl.pathstr:DeprecationWarning")
def test_the_client_writes_and_reads(service: object) -> None:
    thing = _thing()
    service.create(thing)  # type: ignore[attr-defined]
    things = service.things()  # type: ignore[attr-defined]
    found = things.find(thing.id)  # type: ignore[attr-defined]
    assert (found.name, found.properties) == ("station", {"river": "龙岗河"})
    assert [one.name for one in found.get_locations().query().list()] == ["place"]
    [stream] = list(found.get_datastreams().query().expand("ObservedProperty,Sensor").list())
    assert (stream.observed_property.name, stream.sensor.name, stream.unit_of_measurement.symbol) == (
        "水位",
        "gauge",
        "m",
    )

    single = fsc.Observation(
        phenomenon_time="2026-03-01T00:00:00Z", result=1.25, datastream=fsc.Datastream(id=stream.id)
    )
    service.create(single)  # type: ignore[attr-defined]
    assert service.observations().find(single.id).result == 1.25  # type: ignore[attr-defined]

    values = fsc.model.ext.data_array_value.DataArrayValue()
    components = {values.Property.PHENOMENON_TIME, values.Property.RESULT}
    values.components = components
    values.datastream = fsc.Datastream(id=stream.id)
    for minute in range(1, 31):
        values.add_observation(fsc.Observation(phenomenon_time=f"2026-03-01T00:{minute:02}:00Z", result=float(minute)))
    document = fsc.model.ext.data_array_document.DataArrayDocument()
    document.add_data_array_value(values)
    assert len(service.observations().create(document)) == 30  # type: ignore[attr-defined]

    listed = (
        stream.get_observations().query().filter("result gt 10").orderby("phenomenonTime", "asc").top(7).count().list()
    )
    assert listed.count == 20
    # Follows the links to the next pages.
    assert [one.result for one in listed] == [float(number) for number in range(11, 31)]

    found.name = "renamed"
    service.update(found)  # type: ignore[attr-defined]
    assert things.find(thing.id).name == "renamed"  # type: ignore[attr-defined]
    service.delete(found)  # type: ignore[attr-defined]
    assert list(things.query().list()) == []
