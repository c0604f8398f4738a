"""Readings taken in: once, in their months, the last one kept; thresholds, series, last readings, car parks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, func, insert, select, text

from cim.access import OPEN_CALLER, Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import crossing, event, event_log, last_observation, observation, parking, sensor, threshold
from layers.live.sensors.describe import describe_sensors
from layers.live.sensors.last import last_readings, read_series
from layers.live.sensors.observe import observe
from layers.live.sensors.parking import nearest_free, take_counts
from layers.live.sensors.reading import Readings
from layers.live.sensors.shown import us_of
from layers.live.sensors.thresholds import Threshold, list_thresholds, seed_thresholds, set_threshold
from tests.layers.events_town import NOON, add, at, build_town, rows


def series(sensor_id: int, *values: float, start: datetime = NOON, step_s: float = 60) -> Readings:
    found = Readings()
    for number, value in enumerate(values):
        found.add(sensor_id, us_of(start + timedelta(seconds=step_s * number)), value)
    return found


def stored(connection: Connection, sensor_id: int) -> list[tuple[datetime, float]]:
    chosen = select(observation.c.phenomenon_time, observation.c.value).where(observation.c.sensor_id == sensor_id)
    return [tuple(row) for row in connection.execute(chosen.order_by(observation.c.phenomenon_time))]


def last_of(connection: Connection, sensor_id: int) -> tuple[datetime, float]:
    columns = (last_observation.c.phenomenon_time, last_observation.c.value)
    return tuple(connection.execute(select(*columns).where(last_observation.c.sensor_id == sensor_id)).one())


@pytest.fixture
def town(connection: Connection) -> dict[str, int]:
    return build_town(connection)


def test_readings_are_written_once(connection: Connection, town: dict[str, int]) -> None:
    batch = series(town["gas"], 1, 2, 3)
    first = observe(connection, batch, OPEN_CALLER)
    assert (first.written, first.renewed) == (3, 1)
    assert observe(connection, batch, OPEN_CALLER)[:2] == (0, 0)
    assert [value for _, value in stored(connection, town["gas"])] == [1, 2, 3]
    # An earlier reading that comes late is kept, and is not the last.
    late = observe(connection, series(town["gas"], 9, start=NOON - timedelta(hours=1)), OPEN_CALLER)
    assert (late.written, late.renewed) == (1, 0)
    assert last_of(connection, town["gas"]) == (NOON + timedelta(minutes=2), 3)
    # Of a time that is told twice, with another value, the later one counts.
    assert observe(connection, series(town["gas"], 4, 5, step_s=0), OPEN_CALLER).written == 1
    assert stored(connection, town["gas"])[1] == (NOON, 5)


def test_months_have_partitions_and_strays_move(connection: Connection, town: dict[str, int]) -> None:
    stray = {"sensor_id": town["gas"], "phenomenon_time": datetime(2020, 2, 29, 23, 59, tzinfo=UTC), "value": 7}
    connection.execute(insert(observation).values(stray))
    batch = series(town["gas"], 1, start=datetime(2020, 2, 1, tzinfo=UTC))
    batch.extend(series(town["gas"], 2, start=datetime(2020, 3, 1, tzinfo=UTC)))
    batch.extend(series(town["gas"], 3, start=datetime(1990, 1, 1, tzinfo=UTC)))
    observe(connection, batch, OPEN_CALLER)
    places = connection.execute(
        text("select tableoid::regclass::text, value from cim.observation where sensor_id = :id order by 1, 2"),
        {"id": town["gas"]},
    )
    found = [(name.split(".")[-1], value) for name, value in places]
    assert found == [
        ("observation_199001", 3),
        ("observation_202002", 1),
        ("observation_202002", 7),
        ("observation_202003", 2),
    ]
    following = (datetime.now(UTC).replace(day=1) + timedelta(days=32)).strftime("observation_%Y%m")
    assert connection.execute(text("select to_regclass('cim.' || :name)"), {"name": following}).scalar_one() is not None
    many = Readings()
    for year in range(1991, 1994):
        for month in range(1, 13):
            many.add(town["gas"], us_of(datetime(year, month, 1, tzinfo=UTC)), 1)
    with pytest.raises(InvalidInput, match="36 new months"):
        observe(connection, many, OPEN_CALLER)


def test_unknown_sensors_are_left_out(connection: Connection, town: dict[str, int]) -> None:
    batch = series(town["gas"], 1)
    batch.extend(series(10**12, 2))
    found = observe(connection, batch, OPEN_CALLER)
    assert (found.written, found.unknown) == (1, {10**12})
    connection.execute(sensor.update().values(area_code="440307001002"))
    assert observe(connection, series(town["gas"], 5), Caller("service", "440307001001")).unknown == {town["gas"]}


def limit(connection: Connection, **values: Any) -> int:
    said = {
        "sensor_id": None,
        "kind": None,
        "direction": "above",
        "limit_value": 25.0,
        "attribute": None,
        "hysteresis": 2.0,
        "duration_s": 0,
        "type_code": None,
        "severity": None,
    } | values
    return set_threshold(connection, Threshold(**said))


def events_of(connection: Connection) -> list[Any]:
    columns = (
        event.c.id,
        event.c.type_code,
        event.c.occurred_at,
        event.c.sensor_id,
        event.c.room,
        event.c.storey_number,
    )
    return list(connection.execute(select(*columns).where(event.c.source == "sensor").order_by(event.c.occurred_at)))


def test_a_crossing_raises_one_event_in_its_room(connection: Connection, town: dict[str, int]) -> None:
    limit(connection, kind="燃气")
    assert observe(connection, series(town["gas"], 10, 20), OPEN_CALLER).events == 0
    high = series(town["gas"], 26, 30, 24.5, 40, start=NOON + timedelta(minutes=5))
    assert observe(connection, high, OPEN_CALLER).events == 1
    assert observe(connection, high, OPEN_CALLER).events == 0
    [found] = events_of(connection)
    assert tuple(found)[1:] == ("A02", NOON + timedelta(minutes=5), town["gas"], "702", 7)
    # Back by the hysteresis: it is over, once; the next crossing is another event.
    assert observe(connection, series(town["gas"], 23, 22, start=NOON + timedelta(minutes=10)), OPEN_CALLER).events == 1
    steps = connection.execute(select(event_log.c.action, event_log.c.detail).where(event_log.c.event_id == found.id))
    told = [detail for action, detail in steps if action == "over"]
    assert told == [{"at": (NOON + timedelta(minutes=10)).isoformat(), "value": 23}]
    observe(connection, series(town["gas"], 27, start=NOON + timedelta(minutes=20)), OPEN_CALLER)
    assert len(events_of(connection)) == 2
    # Old readings that come late say nothing about now.
    assert observe(connection, series(town["gas"], 90, start=NOON - timedelta(days=1)), OPEN_CALLER).events == 0
    assert rows(connection, "crossing") == 1


def test_one_batch_may_hold_whole_crossings(connection: Connection, town: dict[str, int]) -> None:
    limit(connection, kind="燃气")
    observe(connection, series(town["gas"], 1, 30, 31, 2, 3, 40, 1), OPEN_CALLER)
    times = [found.occurred_at for found in events_of(connection)]
    assert times == [NOON + timedelta(minutes=minute) for minute in (1, 5)]
    assert rows(connection, "crossing") == 0
    actions = connection.execute(select(event_log.c.action).where(event_log.c.actor == "sensor")).scalars().all()
    assert actions.count("over") == 2


def test_durations_and_directions(connection: Connection, town: dict[str, int]) -> None:
    limit(connection, sensor_id=town["gas"], direction="below", limit_value=5, hysteresis=0, duration_s=150)
    observe(connection, series(town["gas"], 4, 4, 6, 4, 4, 4), OPEN_CALLER)
    assert events_of(connection) == []
    assert connection.execute(select(crossing.c.since)).scalar_one() == NOON + timedelta(minutes=3)
    observe(connection, series(town["gas"], 4, start=NOON + timedelta(minutes=6)), OPEN_CALLER)
    assert [found.occurred_at for found in events_of(connection)] == [NOON + timedelta(minutes=3)]


def test_a_sensors_own_limits(connection: Connection, town: dict[str, int]) -> None:
    limit(connection, kind="燃气", limit_value=None, attribute="alarm")
    limit(connection, kind="水位", limit_value=None, attribute="bank_level_m")
    level = add(connection, sensor, "sensors", "L", code="L", kind="水位", attributes={"bank_level_m": 3.5})
    other = add(connection, sensor, "sensors", "M", code="M", kind="水位", attributes={"bank_level_m": "3.5"})
    odd = add(connection, sensor, "sensors", "N", code="N", kind="水位", attributes={"bank_level_m": "high"})
    for number in (level, other, odd, town["gas"]):
        observe(connection, series(number, 3.4, 3.6), OPEN_CALLER)
    assert {found.sensor_id for found in events_of(connection)} == {level, other}
    # A threshold of its own stands for that of its kind.
    limit(connection, sensor_id=level, limit_value=9.0)
    observe(connection, series(level, 1, 8, start=NOON + timedelta(hours=2)), OPEN_CALLER)
    assert len(events_of(connection)) == 2


def test_seeded_thresholds_stay_as_they_are_changed(connection: Connection, town: dict[str, int]) -> None:
    seed_thresholds(connection)
    count = len(list_thresholds(connection))
    connection.execute(threshold.update().values(limit_value=77))
    seed_thresholds(connection)
    assert [row["limit_value"] for row in list_thresholds(connection)] == [77] * count
    for wrong in ({"kind": None}, {"kind": "x", "limit_value": None}, {"kind": "x", "type_code": "Z99"}):
        with pytest.raises(InvalidInput):
            limit(connection, **wrong)


def test_last_readings_and_stale_flags(connection: Connection, town: dict[str, int]) -> None:
    now = datetime.now(UTC)
    connection.execute(sensor.update().values(expected_interval_s=60))
    silent = add(connection, sensor, "sensors", "S", code="S", kind="燃气", geom=None)
    late = add(connection, sensor, "sensors", "T", code="T", kind="水位", expected_interval_s=60)
    observe(connection, series(town["gas"], 2.5, start=now - timedelta(seconds=100)), OPEN_CALLER)
    observe(connection, series(late, 1, start=now - timedelta(seconds=140)), OPEN_CALLER)
    found = orjson.loads(last_readings(connection, OPEN_CALLER))
    by_id = dict(zip(found["id"], zip(found["value"], found["stale"], found["time"], strict=True), strict=True))
    assert by_id[town["gas"]] == (2.5, 0, pytest.approx(now.timestamp() - 100, abs=1))
    assert (by_id[silent], by_id[late][:2]) == ((None, 1, None), (1, 1))
    assert found["lon"] == []
    found = orjson.loads(last_readings(connection, OPEN_CALLER, has_places=True))
    place = found["id"].index(town["gas"])
    assert (found["lon"][place], found["lat"][place]) == pytest.approx(at(130, 110), abs=1e-9)
    box = (114.2, 22.69, 114.24, 22.71)
    assert orjson.loads(last_readings(connection, OPEN_CALLER, box=box))["id"] == [town["gas"]]
    assert orjson.loads(last_readings(connection, OPEN_CALLER, kind="水位"))["id"] == [late]
    since = now - timedelta(seconds=120)
    assert orjson.loads(last_readings(connection, OPEN_CALLER, since=since))["id"] == [town["gas"]]


def test_a_series_keeps_extremes(connection: Connection, town: dict[str, int]) -> None:
    values = [float(number % 7) for number in range(600)]
    values[123], values[456] = 99.0, -99.0
    observe(connection, series(town["gas"], *values, step_s=10), OPEN_CALLER)
    end = NOON + timedelta(seconds=6000)
    found = read_series(connection, OPEN_CALLER, town["gas"], NOON, end, 60)
    assert len(found["buckets"]) == 60
    assert sum(bucket["count"] for bucket in found["buckets"]) == 600
    for number, bucket in enumerate(found["buckets"]):
        part = values[number * 10 : number * 10 + 10]
        assert (bucket["min"], bucket["max"], bucket["avg"]) == (min(part), max(part), pytest.approx(sum(part) / 10))
    default = read_series(connection, OPEN_CALLER, town["gas"], None, None, 10)
    assert sum(bucket["count"] for bucket in default["buckets"]) == 600
    with pytest.raises(NotFound):
        read_series(connection, OPEN_CALLER, 10**12, None, None, 10)


def test_the_nearest_free_car_park(connection: Connection, town: dict[str, int]) -> None:
    for number, (x, free) in enumerate([(10, 0), (40, 3), (-60, 8), (300, 50)]):
        lon, lat = at(x, 0)
        values = {"layer_id": "parking", "source_key": f"P{number}", "capacity": 50, "free": free, "observed_at": NOON}
        connection.execute(insert(parking).values(geom=ewkt_point(lon, lat), **values))
    lon, lat = at(0, 0)
    found = nearest_free(connection, OPEN_CALLER, lon, lat)
    assert [row["code"] for row in found] == ["P1", "P2", "P3"]
    assert found[0]["distance_m"] == pytest.approx(40, rel=0.01)
    assert [row["code"] for row in nearest_free(connection, OPEN_CALLER, lon, lat, places=5)] == ["P2", "P3"]
    said = [
        {"code": "P0", "free": 5, "time": "2026-03-01T12:01:00Z"},
        {"code": "P1", "free": 0, "time": "2026-03-01T11:00:00Z"},
        {"code": "P2", "free": 51, "time": "2026-03-01T12:01:00Z"},
        {"code": "PX", "free": 1, "time": "2026-03-01T12:01:00Z"},
    ]
    assert take_counts(connection, OPEN_CALLER, said) == {"changed": ["P0"], "unchanged": ["P1", "P2", "PX"]}
    assert nearest_free(connection, OPEN_CALLER, lon, lat)[0]["code"] == "P0"
    for wrong in ({"code": "P0", "free": -1}, {"code": "P0", "free": 1.5}, {"free": 1}, "P0"):
        with pytest.raises(InvalidInput):
            take_counts(connection, OPEN_CALLER, [wrong])


def ewkt_point(lon: float, lat: float) -> str:
    return f"SRID=4490;POINT ({lon!r} {lat!r})"


def test_describing_again_changes_nothing_and_follows_the_register(
    connection: Connection, town: dict[str, int]
) -> None:
    describe_sensors(connection)
    count = "select count(*), min(id), max(id) from cim.thing"
    before = connection.execute(text(count)).one()
    area = connection.execute(select(sensor.c.area_code).where(sensor.c.id == town["gas"])).scalar_one()
    assert area == "440307001002004"
    describe_sensors(connection)
    assert connection.execute(text(count)).one() == before
    connection.execute(sensor.update().values(name="another", geom=ewkt_point(114.0, 22.0)))
    describe_sensors(connection)
    assert connection.execute(text("select name from cim.thing")).scalars().all() == ["another"]
    assert connection.execute(text("select ST_X(geom) from cim.location")).scalar_one() == 114.0
    connection.execute(sensor.delete())
    describe_sensors(connection)
    assert connection.execute(select(func.count()).select_from(text("cim.thing"))).scalar_one() == 0
