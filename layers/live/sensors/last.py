"""The last reading of every sensor, and the readings of one as a series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import last_observation, layer, sensor
from layers.live.sensors.observe import seen_sensors
from layers.live.sensors.shown import time_text
from layers.sql import statement

MOST_POINTS = 5_000
DEFAULT_SPAN = timedelta(days=1)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

Box = tuple[float, float, float, float]


def last_readings(
    connection: Connection,
    caller: Caller,
    *,
    since: datetime | None = None,
    kind: str | None = None,
    box: Box | None = None,
    has_places: bool = False,
) -> bytes:
    """Return JSON of columns ``id, value, time`` (seconds since 1970) and ``stale`` (1: overdue).

    Parameters
    ----------
    since
        Only sensors that have read since then.
    box
        West, south, east, north in degrees.
    has_places
        Whether ``lon`` and ``lat`` are wanted too: a map has them in its tiles, by the same ids.
    """
    levels = select(layer.c.id).where(layer.c.visibility.in_(caller.visible_levels()), layer.c.table_name == "sensor")
    west, south, east, north = box or (None, None, None, None)
    asked = {"layers": list(connection.execute(levels).scalars()), "area": caller.area_code, "since": since,
             "kind": kind, "places": has_places, "west": west, "south": south, "east": east,
             "north": north}  # fmt: skip
    return str(connection.execute(statement("sensor_last"), asked).scalar_one()).encode()


def read_series(
    connection: Connection, caller: Caller, sensor_id: int, begins: datetime | None, ends: datetime | None, points: int
) -> dict[str, Any]:
    """Return the readings of a sensor in as many buckets of time at most, each with least, greatest, mean and number.

    Parameters
    ----------
    begins, ends
        By default the day before the last reading.

    Raises
    ------
    NotFound, InvalidInput
    """
    columns = (
        sensor.c.id,
        sensor.c.code,
        sensor.c.name,
        sensor.c.kind,
        sensor.c.unit,
        last_observation.c.phenomenon_time,
    )
    chosen = select(*columns).outerjoin(last_observation, last_observation.c.sensor_id == sensor.c.id)
    found = connection.execute(chosen.where(sensor.c.id == sensor_id, sensor.c.id.in_(seen_sensors(caller)))).first()
    if found is None:
        raise NotFound(f"there is no sensor {sensor_id}, or it may not be seen", "no_such_sensor", id=sensor_id)
    described = {"id": found.id, "code": found.code, "name": found.name, "kind": found.kind, "unit": found.unit}
    ends = ends or (None if found.phenomenon_time is None else found.phenomenon_time + timedelta(seconds=1))
    if ends is None:
        return described | {"buckets": []}
    if begins is None and ends - EARLIEST < DEFAULT_SPAN:
        raise InvalidInput("to is before all readings; there are none before 1990", "before_all_readings")
    begins = begins or ends - DEFAULT_SPAN
    if begins >= ends:
        raise InvalidInput("from must be before to", "from_after_to")
    if not 1 <= points <= MOST_POINTS:
        raise InvalidInput(
            f"points is {points}; use 1 to {MOST_POINTS}",
            "whole_number_wrong", field="points", given=points, least=1, most=MOST_POINTS,
        )  # fmt: skip
    width = max((ends - begins) / points, timedelta(seconds=1))
    asked = {"sensor": sensor_id, "begins": begins, "ends": ends, "width": width}
    rows = connection.execute(statement("sensor_series"), asked)
    buckets = [
        {"time": time_text(row.time), "min": row.least, "max": row.greatest, "avg": row.mean, "count": row.count}
        for row in rows
    ]
    return described | {"from": time_text(begins), "to": time_text(ends), "bucket_s": width.total_seconds(),
                        "buckets": buckets}  # fmt: skip
