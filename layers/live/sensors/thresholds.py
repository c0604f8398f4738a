"""Thresholds of readings: listed, set, removed, and those that a new database begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from cim.access import OPEN_CALLER, Caller
from cim.errors import Forbidden, InvalidInput, NotFound
from cim.tables import sensor, threshold
from layers.live.events.types import ALARMS, READING, read_types
from layers.live.sensors.observe import seen_sensors

COLUMNS = ("id", "sensor_id", "kind", "direction", "limit_value", "attribute", "hysteresis", "duration_s", "type_code",
           "severity")  # fmt: skip
#: To begin with; an operator sets what the makers of the devices and the owners of the rivers say. Gas: a quarter of
#: the lower explosive limit. Smoke: dB/m. Covers and tilt: degrees. Water: over the bank that the register gives.
SEEDS = (
    ("可燃气体", "above", 25.0, None, 2.0, "A02", 1),
    ("烟感", "above", 0.5, None, 0.1, "A03", 1),
    ("井盖", "above", 15.0, None, 2.0, "A04", 3),
    ("倾斜", "above", 15.0, None, 2.0, "A05", 2),
    ("水位", "above", None, "bank_level_m", 0.05, "A01", 1),
)


class Threshold(NamedTuple):
    """One threshold, of a sensor or of a kind; ``attribute`` names the sensor's own limit among its attributes."""

    sensor_id: int | None
    kind: str | None
    direction: str
    limit_value: float | None
    attribute: str | None
    hysteresis: float
    duration_s: int
    type_code: str | None
    severity: int | None


def seed_thresholds(connection: Connection) -> None:
    """Write thresholds into a database that has none; what an operator has changed stays."""
    if connection.execute(select(func.count()).select_from(threshold)).scalar_one():
        return
    names = ("kind", "direction", "limit_value", "attribute", "hysteresis", "type_code", "severity")
    connection.execute(insert(threshold), [dict(zip(names, row, strict=True)) for row in SEEDS])


def list_thresholds(connection: Connection, caller: Caller = OPEN_CALLER) -> list[Mapping[Any, Any]]:
    """Return the thresholds of kinds, and of the sensors that a caller may see."""
    seen = or_(threshold.c.sensor_id.is_(None), threshold.c.sensor_id.in_(seen_sensors(caller)))
    chosen = select(*(threshold.c[name] for name in COLUMNS)).where(seen).order_by(threshold.c.id)
    return [dict(row) for row in connection.execute(chosen).mappings()]


def set_threshold(connection: Connection, said: Threshold, caller: Caller = OPEN_CALLER) -> int:
    """Set a threshold, in place of the one of the same sensor or kind, direction and type; returns its id.

    Raises
    ------
    InvalidInput
    Forbidden
        For one of a kind, which holds everywhere, by a caller of one area.
    """
    if (said.sensor_id is None) == (said.kind is None):
        raise InvalidInput("a threshold is of a sensor or of a kind; give sensor_id or kind", "threshold_of_what")
    if said.limit_value is None and said.attribute is None:
        raise InvalidInput(
            "give limit_value, or the attribute of sensors that holds it, or both", "missing", fields=["limit_value"]
        )
    kind = said.kind
    if said.sensor_id is None:
        _require_all_areas(caller)
    else:
        mine = select(sensor.c.kind).where(sensor.c.id == said.sensor_id, sensor.c.id.in_(seen_sensors(caller)))
        found = connection.execute(mine).first()
        if found is None:
            raise InvalidInput(f"there is no sensor {said.sensor_id}", "no_such_sensor", id=said.sensor_id)
        kind = found.kind
    types = {each.code: each for each in read_types(connection)}
    code = said.type_code or ALARMS.get(kind or "", READING)
    if code not in types:
        raise InvalidInput(
            f"there is no type of events '{code[:40]}'; /events/types lists them", "no_such_event_type", given=code[:40]
        )
    row = said._asdict() | {"type_code": code, "severity": said.severity or types[code].severity}
    new = insert(threshold).values(row)
    changed = {name: new.excluded[name] for name in
               ("limit_value", "attribute", "hysteresis", "duration_s", "severity")}  # fmt: skip
    whole = new.on_conflict_do_update(index_elements=["sensor_id", "kind", "direction", "type_code"], set_=changed)
    return int(connection.execute(whole.returning(threshold.c.id)).scalar_one())


def remove_threshold(connection: Connection, number: int, caller: Caller = OPEN_CALLER) -> None:
    """Remove a threshold; raises NotFound, and Forbidden for one of a kind by a caller of one area."""
    found = next((row for row in list_thresholds(connection, caller) if row["id"] == number), None)
    if found is None:
        raise NotFound(f"there is no threshold {number}", "no_such_threshold", id=number)
    if found["sensor_id"] is None:
        _require_all_areas(caller)
    connection.execute(delete(threshold).where(threshold.c.id == number))


def _require_all_areas(caller: Caller) -> None:
    if caller.area_code is not None:
        raise Forbidden(
            f"a threshold of a kind holds in all areas; this key is for {caller.area_code}: name a sensor",
            "threshold_of_all_areas", area=caller.area_code,
        )  # fmt: skip
