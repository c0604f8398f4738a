"""Readings taken in: each once, the last one of each sensor kept, thresholds looked at; all in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Select, func, select

from cim.access import Caller
from cim.db import notify
from cim.tables import layer, sensor
from layers.live.sensors.crossings import settle_crossings
from layers.live.sensors.partitions import ensure_months, months_of
from layers.live.sensors.reading import Readings, time_of
from layers.queries.visible import in_area
from layers.sql import statement

LAYER = "sensors"


class Observed(NamedTuple):
    """What became of readings: how many were new or different, the last times renewed, the events raised or ended.

    ``unknown``: sensors that are not there, or not for this caller; their readings were left out.
    """

    written: int
    renewed: int
    events: int
    unknown: frozenset[int]


def observe(connection: Connection, readings: Readings, caller: Caller, *, is_told: bool = True) -> Observed:
    """Take in readings, in the caller's transaction; told again they change nothing.

    Parameters
    ----------
    is_told
        Whether listeners are told that there is something new; who writes often tells them now and then.

    Raises
    ------
    InvalidInput
        Where the times begin too many new months at once.
    """
    unknown = find_unknown(connection, set(readings.sensor), caller)
    kept = _without(readings, unknown) if unknown else readings
    if not len(kept):
        return Observed(0, 0, 0, unknown)
    ensure_months(connection, months_of(kept.us))
    columns = {"sensor": _array(kept.sensor), "us": _array(kept.us), "value": _array(kept.value)}
    columns["result"] = _texts(kept.result)
    rows = connection.execute(statement("sensor_observe"), columns).mappings().all()
    if kept.details:
        _write_details(connection, kept)
    events = settle_crossings(connection, [row for row in rows if row["threshold_id"] is not None])
    written, renewed = rows[0]["written"], rows[0]["renewed"]
    if renewed and is_told:
        tell_readings(connection)
    return Observed(written, renewed, events, unknown)


def tell_readings(connection: Connection) -> None:
    """Tell listeners that there are newer readings; which, they ask for themselves: they are too many to be told."""
    notify(connection, {"type": "observation", "layer": LAYER})


def find_unknown(connection: Connection, ids: Collection[int], caller: Caller) -> frozenset[int]:
    """Return those of the ids that are no sensors that this caller may see."""
    found = connection.execute(seen_sensors(caller).where(sensor.c.id == func.any(list(ids)))).scalars()
    return frozenset(ids) - set(found)


def seen_sensors(caller: Caller) -> Select[Any]:
    """Return the selection of the ids of sensors that a caller may see."""
    layers = select(layer.c.id).where(layer.c.visibility.in_(caller.visible_levels()))
    return select(sensor.c.id).where(sensor.c.layer_id.in_(layers), in_area(sensor, caller))


def _without(readings: Readings, unknown: Collection[int]) -> Readings:
    places = [place for place, number in enumerate(readings.sensor) if number not in unknown]
    sensors, times, values, results = ([column[place] for place in places] for column in _columns(readings))
    kept = Readings(sensors, times, values, results)
    kept.details.update({new: readings.details[old] for new, old in enumerate(places) if old in readings.details})
    return kept


def _columns(readings: Readings) -> tuple[list[Any], ...]:
    return readings.sensor, readings.us, readings.value, readings.result


def _array(values: Iterable[float | None]) -> str:
    # The driver writes arrays element by element in Python; numbers need no quotes, and so this is ten times as fast.
    return "{" + ",".join(["NULL" if value is None else repr(value) for value in values]) + "}"


def _texts(values: Sequence[str | None]) -> str:
    if not any(values):
        return "{" + ",".join(["NULL"] * len(values)) + "}"
    quoted = ("NULL" if value is None else _quoted(value) for value in values)
    return "{" + ",".join(quoted) + "}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _write_details(connection: Connection, readings: Readings) -> None:
    places, details = list(readings.details), list(readings.details.values())
    columns: dict[str, list[Any]] = {
        "sensor": [readings.sensor[place] for place in places],
        "time": [time_of(readings.us[place]) for place in places],
        "ends": [each.phenomenon_end for each in details],
        "result_time": [each.result_time for each in details],
        "valid_from": [each.valid_from for each in details],
        "valid_to": [each.valid_to for each in details],
        "quality": [_json(each.result_quality) for each in details],
        "parameters": [_json(each.parameters) for each in details],
        "feature": [each.feature_of_interest_id for each in details],
    }
    connection.execute(statement("sensor_detail"), columns)


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
